/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire_tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint16_t tap_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct wire_tap *t = (struct wire_tap *)d;
    uint16_t got = 0;
    while (got < n && t->in_head != t->in_tail)
        pkts[got++] = t->in[t->in_head++ % WIRE_TAP_DEPTH];
    return got;
}

static void tap_keep(struct wire_tap *t, const struct rte_mbuf *m, nsec_t now)
{
    uint8_t *bytes = t->out_tail - t->out_head < WIRE_TAP_DEPTH ? malloc(m->pkt_len) : NULL;
    if (bytes == NULL) {
        t->lost++;
        return;
    }
    const void *data = rte_pktmbuf_read(m, 0, m->pkt_len, bytes);
    if (data != bytes)
        memcpy(bytes, data, m->pkt_len);
    t->out[t->out_tail++ % WIRE_TAP_DEPTH] = (struct wire_packet){now, m->pkt_len, bytes};
}

static uint16_t tap_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        tap_keep((struct wire_tap *)d, pkts[i], now);
        rte_pktmbuf_free(pkts[i]);
    }
    return n;
}

static int tap_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static void tap_close(struct netdev *d)
{
}

static const struct netdev_ops tap_ops = {
    .kind = "script",
    .rx_burst = tap_rx_burst,
    .tx_burst = tap_tx_burst,
    .fd = tap_fd,
    .close = tap_close,
};

void wire_tap_init(struct wire_tap *t, struct rte_mempool *pool, uint16_t mtu)
{
    memset(t, 0, sizeof(*t));
    t->pool = pool;
    t->dev.ops = &tap_ops;
    t->dev.caps = (struct netdev_caps){.link = NETDEV_LINK_NONE, .mtu = mtu, .queues = 1, .multi_seg = true};
    strcpy(t->dev.name, "script");
}

void wire_tap_fini(struct wire_tap *t)
{
    while (t->in_head != t->in_tail)
        rte_pktmbuf_free(t->in[t->in_head++ % WIRE_TAP_DEPTH]);
    while (t->out_head != t->out_tail)
        free(t->out[t->out_head++ % WIRE_TAP_DEPTH].bytes);
}

int wire_tap_put(struct wire_tap *t, const void *bytes, size_t n)
{
    if (n > UINT16_MAX)
        return -EMSGSIZE;
    if (t->in_tail - t->in_head == WIRE_TAP_DEPTH)
        return -ENOBUFS;
    struct rte_mbuf *head = NULL;
    for (size_t off = 0; off < n || head == NULL;) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(t->pool);
        if (m == NULL || (head != NULL && rte_pktmbuf_chain(head, m) != 0)) {
            rte_pktmbuf_free(m);
            rte_pktmbuf_free(head);
            return -ENOBUFS;
        }
        size_t room = rte_pktmbuf_tailroom(m);
        size_t len = n - off < room ? n - off : room;
        memcpy(rte_pktmbuf_mtod(m, uint8_t *), (const uint8_t *)bytes + off, len);
        m->data_len = (uint16_t)len;
        if (head == NULL) {
            head = m;
            head->pkt_len = (uint32_t)len;
        } else {
            head->pkt_len += (uint32_t)len;
        }
        off += len;
    }
    t->in[t->in_tail++ % WIRE_TAP_DEPTH] = head;
    return 0;
}

bool wire_tap_take(struct wire_tap *t, void *buf, size_t *n, nsec_t *sent_at)
{
    if (t->out_head == t->out_tail)
        return false;
    struct wire_packet *p = &t->out[t->out_head++ % WIRE_TAP_DEPTH];
    *n = p->len < *n ? p->len : *n;
    memcpy(buf, p->bytes, *n);
    *sent_at = p->sent_at;
    free(p->bytes);
    return true;
}
