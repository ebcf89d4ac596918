/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/gso.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <string.h>

#include "netdev/offload.h"

#define TCP_DATA_OFF(h) (((h)->data_off >> 4) * 4u)

bool gso_cut_start_take(struct gso_cut *c, struct rte_mbuf *m, uint16_t l2_len, uint16_t size)
{
    const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const void *, l2_len);
    uint32_t l3 = 0, l4 = 0;

    if (m->data_len >= l2_len + sizeof(*ip) && ip->version_ihl >> 4 == 4)
        l3 = rte_ipv4_hdr_len(ip);
    if (l3 >= sizeof(*ip) && m->data_len >= l2_len + l3 + sizeof(struct rte_tcp_hdr)) {
        const void *transport = rte_pktmbuf_mtod_offset(m, const void *, l2_len + l3);
        if (ip->next_proto_id == IPPROTO_TCP)
            l4 = TCP_DATA_OFF((const struct rte_tcp_hdr *)transport);
        else if (ip->next_proto_id == IPPROTO_UDP)
            l4 = sizeof(struct rte_udp_hdr);
    }
    if (l4 < sizeof(struct rte_udp_hdr) || size == 0 || m->data_len < l2_len + l3 + l4) {
        rte_pktmbuf_free(m);
        return false;
    }
    c->m = m;
    c->l2 = l2_len;
    c->l3 = (uint16_t)l3;
    c->header = (uint16_t)(l2_len + l3 + l4);
    c->off = c->header;
    c->size = size;
    c->udp = ip->next_proto_id == IPPROTO_UDP;
    return true;
}

/* Headers and a piece of payload in buffers of `pool`. */
static struct rte_mbuf *piece_copy(const struct gso_cut *c, struct rte_mempool *pool, uint32_t len)
{
    struct rte_mbuf *p = rte_pktmbuf_copy(c->m, pool, 0, c->header);
    if (p == NULL)
        return NULL;
    if (p->nb_segs > 1)
        goto fail;
    uint32_t first = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(p));
    if (first > 0) {
        char *to = rte_pktmbuf_append(p, (uint16_t)first);
        const void *from = rte_pktmbuf_read(c->m, c->off, first, to);
        if (from != to)
            memcpy(to, from, first);
    }
    if (first < len) {
        struct rte_mbuf *rest = rte_pktmbuf_copy(c->m, pool, c->off + first, len - first);
        if (rest == NULL)
            goto fail;
        if (rte_pktmbuf_chain(p, rest) != 0) {
            rte_pktmbuf_free(rest);
            goto fail;
        }
    }
    return p;
fail:
    rte_pktmbuf_free(p);
    return NULL;
}

/* What differs between the pieces: lengths, IP identification, sequence number; FIN and PSH belong to
 * the last one, CWR to the first (RFC3168-6.1.2). */
static void piece_headers(const struct gso_cut *c, struct rte_mbuf *p, uint32_t len, bool last)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(p, struct rte_ipv4_hdr *, c->l2);
    uint32_t done = c->off - c->header;

    ip->total_length = rte_cpu_to_be_16((uint16_t)(c->header - c->l2 + len));
    ip->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(ip->packet_id) + done / c->size));
    if (c->udp) {
        struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(p, struct rte_udp_hdr *, c->l2 + c->l3);
        udp->dgram_len = rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + len));
    } else {
        struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(p, struct rte_tcp_hdr *, c->l2 + c->l3);
        tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + done);
        if (!last)
            tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
        if (done > 0)
            tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
    }
    p->l2_len = c->l2;
    p->l3_len = c->l3;
    p->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
                  (c->udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM);
    offload_fill_checksums(p);
    p->ol_flags = 0;
    p->tx_offload = 0;
}

bool gso_cut_next(struct gso_cut *c, struct rte_mempool *pool, struct rte_mbuf **out)
{
    if (c->m == NULL)
        return false;
    uint32_t left = c->m->pkt_len - c->off;
    uint32_t len = RTE_MIN(left, (uint32_t)c->size);

    *out = piece_copy(c, pool, len);
    if (*out != NULL)
        piece_headers(c, *out, len, len == left);
    c->off += len;
    if (len == left) {
        rte_pktmbuf_free(c->m);
        c->m = NULL;
    }
    return true;
}
