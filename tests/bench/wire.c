/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire.h"

#include <string.h>

#include "peer.h"

static uint16_t bench_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct bench_wire *w = (struct bench_wire *)d;
    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
        uint16_t len = m == NULL ? 0 : w->produce(w->user, rte_pktmbuf_mtod(m, uint8_t *));
        if (len == 0) {
            rte_pktmbuf_free(m);
            return i;
        }
        m->data_len = len;
        m->pkt_len = len;
        m->ol_flags = w->csum_good ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
        pkts[i] = m;
        w->received++;
    }
    return n;
}

static uint16_t bench_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct bench_wire *w = (struct bench_wire *)d;
    uint8_t copy[PEER_FRAME_MAX];
    for (uint16_t i = 0; i < n; i++) {
        const uint8_t *frame = rte_pktmbuf_read(pkts[i], 0, pkts[i]->pkt_len, copy);
        w->consume(w->user, frame, (uint16_t)pkts[i]->pkt_len);
        rte_pktmbuf_free(pkts[i]);
        w->sent++;
    }
    return n;
}

static int bench_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static void bench_close(struct netdev *d)
{
}

static const struct netdev_ops bench_ops = {
    .kind = "bench",
    .rx_burst = bench_rx_burst,
    .tx_burst = bench_tx_burst,
    .fd = bench_fd,
    .close = bench_close,
};

void bench_wire_init(struct bench_wire *w, struct rte_mempool *pool, bool offload, const uint8_t mac[6])
{
    memset(w, 0, sizeof(*w));
    w->dev.ops = &bench_ops;
    w->dev.caps = (struct netdev_caps){
        .link = NETDEV_LINK_ETHER,
        .mtu = 1500,
        .queues = 1,
        .rx_csum = offload,
        .tx_csum = offload,
        .multi_seg = true,
    };
    memcpy(w->dev.caps.mac, mac, 6);
    w->pool = pool;
    w->csum_good = offload;
}
