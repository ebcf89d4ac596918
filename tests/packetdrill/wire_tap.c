/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire_tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "netdev/offload.h"

static uint16_t tap_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct wire_tap *t = (struct wire_tap *)d;
    uint16_t got = 0;
    while (got < n && t->in_head != t->in_tail)
        pkts[got++] = t->in[t->in_head++ % WIRE_TAP_DEPTH];
    return got;
}

/* Room for n bytes at the end of the queue; NULL: counted as lost. */
static uint8_t *tap_append(struct wire_tap *t, uint32_t n, nsec_t now)
{
    uint8_t *bytes = t->out_tail - t->out_head < WIRE_TAP_DEPTH ? malloc(n) : NULL;
    if (bytes == NULL)
        t->lost++;
    else
        t->out[t->out_tail++ % WIRE_TAP_DEPTH] = (struct wire_packet){now, n, bytes};
    return bytes;
}

static void copy_from(const struct rte_mbuf *m, uint32_t off, uint32_t n, uint8_t *to)
{
    const void *data = rte_pktmbuf_read(m, off, n, to);
    if (data != to)
        memcpy(to, data, n);
}

static void tap_keep(struct wire_tap *t, struct rte_mbuf *m, nsec_t now)
{
    uint8_t *bytes = offload_fill_checksums(m) ? tap_append(t, m->pkt_len, now) : NULL;
    if (bytes != NULL)
        copy_from(m, 0, m->pkt_len, bytes);
}

/* One of the segments of a burst, from `off` of its payload on. */
static void cut_finish(uint8_t *packet, const struct rte_mbuf *m, uint32_t off, uint32_t n, bool last)
{
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(packet + m->l3_len);
    ip->total_length = rte_cpu_to_be_16((uint16_t)(m->l3_len + m->l4_len + n));
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + off);
    if (!last)
        tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
    if (off > 0)
        tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
    tcp->cksum = 0;
    tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

/* As a device does with a burst of TCP segments. */
static void tap_cut(struct wire_tap *t, const struct rte_mbuf *m, nsec_t now)
{
    uint32_t header = m->l3_len + m->l4_len, payload = m->pkt_len - header;
    for (uint32_t off = 0; off < payload; off += m->tso_segsz) {
        uint32_t n = RTE_MIN(payload - off, (uint32_t)m->tso_segsz);
        uint8_t *packet = tap_append(t, header + n, now);
        if (packet == NULL)
            return;
        copy_from(m, 0, header, packet);
        copy_from(m, header + off, n, packet + header);
        cut_finish(packet, m, off, n, off + n == payload);
    }
}

static uint16_t tap_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        if ((pkts[i]->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
            tap_cut((struct wire_tap *)d, pkts[i], now);
        else
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
    t->dev.caps = (struct netdev_caps){.link = NETDEV_LINK_NONE,
                                       .mtu = mtu,
                                       .queues = 1,
                                       .tx_csum = true,
                                       .tso = true,
                                       .tso_max = WIRE_TAP_TSO_MAX,
                                       .multi_seg = true};
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
