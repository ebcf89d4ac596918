/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/offload.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

struct layout {
    uint32_t l3, l4;  /* offsets */
    uint32_t l4_len;  /* transport header and payload */
    uint8_t protocol; /* 0: no transport checksum asked for */
    uint16_t *field;  /* of that checksum */
};

/* Where the transport checksum sits and what it covers. Frames may be padded, so the length is the IP
 * header's; except for a segment to be cut, which may be longer than that header can say. */
static bool layout_find(struct rte_mbuf *m, struct layout *l)
{
    bool tso = (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    bool udp = !tso && l4 == RTE_MBUF_F_TX_UDP_CKSUM;

    l->l3 = m->l2_len;
    l->l4 = l->l3 + m->l3_len;
    l->protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
    if (l4 == 0 && !tso)
        l->protocol = 0;
    uint32_t header = udp ? sizeof(struct rte_udp_hdr) : sizeof(struct rte_tcp_hdr);
    if (m->data_len < l->l4 + (l->protocol != 0 ? header : 0) || m->l3_len < sizeof(struct rte_ipv4_hdr))
        return false;
    l->l4_len = m->pkt_len - l->l4;
    if (!tso) {
        const struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod_offset(m, void *, l->l3);
        const struct rte_ipv6_hdr *v6 = rte_pktmbuf_mtod_offset(m, void *, l->l3);
        uint32_t total = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? sizeof(*v6) + rte_be_to_cpu_16(v6->payload_len)
                                                          : rte_be_to_cpu_16(v4->total_length);
        if (total < m->l3_len + (l->protocol != 0 ? header : 0) || l->l3 + total > m->pkt_len)
            return false;
        l->l4_len = total - m->l3_len;
    }
    if (udp)
        l->field = &rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, l->l4)->dgram_cksum;
    else
        l->field = &rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, l->l4)->cksum;
    return true;
}

/* RFC9293-3.1, RFC8200-8.1. */
static uint32_t pseudo_sum(const struct rte_mbuf *m, const struct layout *l)
{
    const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l->l3);
    uint32_t sum = m->ol_flags & RTE_MBUF_F_TX_IPV6
                       ? rte_raw_cksum(ip + offsetof(struct rte_ipv6_hdr, src_addr), 32)
                       : rte_raw_cksum(ip + offsetof(struct rte_ipv4_hdr, src_addr), 8);
    return sum + rte_cpu_to_be_16(l->protocol) + rte_cpu_to_be_16((uint16_t)(l->l4_len >> 16)) +
           rte_cpu_to_be_16((uint16_t)l->l4_len);
}

bool offload_fill_checksums(struct rte_mbuf *m)
{
    struct layout l;
    if ((m->ol_flags & OFFLOAD_TX_FLAGS) == 0)
        return true;
    if (!layout_find(m, &l))
        return false;
    if (l.protocol != 0) {
        uint16_t raw;
        *l.field = 0;
        if (rte_raw_cksum_mbuf(m, l.l4, l.l4_len, &raw) != 0)
            return false;
        uint32_t sum = raw + pseudo_sum(m, &l);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        *l.field = (uint16_t)~sum;
        /* RFC 768: a computed zero is sent as all ones. */
        if (l.protocol == IPPROTO_UDP && *l.field == 0)
            *l.field = 0xffff;
    }
    if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
        struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, l.l3);
        ip->hdr_checksum = 0;
        ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, m->l3_len);
    }
    m->ol_flags &= ~OFFLOAD_TX_FLAGS;
    return true;
}
