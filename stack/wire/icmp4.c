/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/icmp4.h"

#include "base/mbuf.h"
#include "wire/checksum.h"
#include "wire/ip4.h"

enum {
    QUOTE_TRANSPORT = 8,                                                 /* RFC 792 */
    QUOTE_MAX = 576 - sizeof(struct ip4_hdr) - sizeof(struct icmp4_hdr), /* RFC1812-4.3.2.3 */
};

bool icmp4_parse(struct pkt *p)
{
    if (p->data_len < sizeof(struct icmp4_hdr) ||
        rte_pktmbuf_data_len(p->m) < p->l4_off + sizeof(struct icmp4_hdr))
        return pkt_reject(p, CNT_DROP_ICMP_SHORT);
    /* Devices know nothing of ICMP: what they say of L4 is not about this. */
    if (checksum_fold(checksum_partial_mbuf(p->m, p->l4_off, p->data_len)) != 0xffff)
        return pkt_reject(p, CNT_DROP_ICMP_CHECKSUM);
    p->data_off = (uint16_t)(p->l4_off + sizeof(struct icmp4_hdr));
    p->data_len -= (uint32_t)sizeof(struct icmp4_hdr);
    return true;
}

static void quote_ports(struct icmp_error_view *e, const uint8_t *transport)
{
    uint16_t port[2];
    uint32_t seq;

    memcpy(port, transport, sizeof port);
    e->sport = ntohs(port[0]);
    e->dport = ntohs(port[1]);
    if (e->proto == IPPROTO_TCP) {
        memcpy(&seq, transport + sizeof port, sizeof seq);
        e->seq = ntohl(seq);
    }
}

bool icmp4_error_parse(struct pkt *p)
{
    const struct icmp4_hdr *icmp = icmp4_hdr(p);
    const struct ip4_hdr *q = rte_pktmbuf_mtod_offset(p->m, const struct ip4_hdr *, p->data_off);
    uint32_t there = RTE_MIN(p->data_len, (uint32_t)rte_pktmbuf_data_len(p->m) - p->data_off);
    struct icmp_error_view *e = &p->icmp_error;
    const uint8_t *transport;
    unsigned hdr_len;

    if (there < sizeof *q + QUOTE_TRANSPORT)
        return pkt_reject(p, CNT_DROP_ICMP_QUOTE);
    hdr_len = ip4_hdr_len(q);
    if (q->version_ihl >> 4 != 4 || hdr_len < sizeof *q || there < hdr_len + QUOTE_TRANSPORT)
        return pkt_reject(p, CNT_DROP_ICMP_QUOTE);
    transport = (const uint8_t *)q + hdr_len;
    e->type = icmp->type;
    e->code = icmp->code;
    e->mtu = icmp->type == ICMP4_UNREACHABLE && icmp->code == ICMP4_UNREACH_FRAG_NEEDED
                 ? ntohs(icmp->frag.mtu)
                 : 0;
    e->proto = q->proto;
    e->src = ip_addr_v4(q->src);
    e->dst = ip_addr_v4(q->dst);
    e->total_length = ntohs(q->total_length);
    e->sport = e->dport = 0;
    e->seq = 0;
    if (ip4_fragment_offset(q) != 0)
        return true;
    /* No error about an error (RFC1122-3.2.2), so no error about what can only be one. */
    if (q->proto == IPPROTO_ICMP && icmp4_is_error(transport[0]))
        return pkt_reject(p, CNT_DROP_ICMP_QUOTE);
    if (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP)
        quote_ports(e, transport);
    return true;
}

void icmp4_echo_reply(struct rte_mbuf *m, uint16_t off)
{
    struct icmp4_hdr *h = rte_pktmbuf_mtod_offset(m, struct icmp4_hdr *, off);
    uint16_t old = htons((uint16_t)(h->type << 8 | h->code)), new = htons((uint16_t)(ICMP4_ECHO_REPLY << 8));

    h->type = ICMP4_ECHO_REPLY;
    h->code = 0;
    h->check = checksum_update16(h->check, old, new);
    /* RFC 1624 takes the covered words for not all zero, but a reply may be. All ones is zero's other form
     * and right in either case. */
    if (h->check == 0)
        h->check = 0xffff;
}

void icmp4_error_emit(struct rte_mbuf *m, const struct pkt *p, uint8_t type, uint8_t code, uint16_t mtu)
{
    struct icmp4_hdr *h = rte_pktmbuf_mtod(m, struct icmp4_hdr *);
    uint32_t quote = RTE_MIN(p->m->pkt_len - p->l3_off, (uint32_t)QUOTE_MAX);

    quote = RTE_MIN(quote, (uint32_t)rte_pktmbuf_tailroom(m) - (uint32_t)sizeof *h);
    h->type = type;
    h->code = code;
    h->check = 0;
    h->rest = 0;
    h->frag.mtu = htons(mtu);
    mbuf_copy_out(p->m, p->l3_off, h + 1, quote);
    m->data_len = (uint16_t)(sizeof *h + quote);
    m->pkt_len = m->data_len;
    h->check = checksum_finish(checksum_partial(h, m->data_len));
}
