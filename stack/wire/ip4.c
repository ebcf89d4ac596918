/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ip4.h"

#include "base/mbuf.h"

enum {
    IP4_OPT_END = 0,
    IP4_OPT_NOP = 1,
    IP4_OPT_LOOSE_ROUTE = 131,
    IP4_OPT_STRICT_ROUTE = 137,
};

/* Options are skipped, but must be well formed (RFC791-3.1). Source routes are refused as Linux
 * does by default: nothing on an ordinary network sends them, and their reply would go where an attacker
 * says. */
static bool options_valid(const uint8_t *opt, unsigned len)
{
    for (unsigned i = 0; i < len && opt[i] != IP4_OPT_END;) {
        if (opt[i] == IP4_OPT_NOP) {
            i++;
            continue;
        }
        if (opt[i] == IP4_OPT_LOOSE_ROUTE || opt[i] == IP4_OPT_STRICT_ROUTE)
            return false;
        if (len - i < 2 || opt[i + 1] < 2 || opt[i + 1] > len - i)
            return false;
        i += opt[i + 1];
    }
    return true;
}

/* Everything but the usual 20 bytes of version 4. */
static bool unusual_header(struct pkt *p, const struct ip4_hdr *h)
{
    unsigned len = ip4_hdr_len(h);

    if (h->version_ihl >> 4 != 4)
        return pkt_reject(p, CNT_DROP_IP_VERSION);
    if (len < sizeof *h)
        return pkt_reject(p, CNT_DROP_IP_HEADER);
    if (rte_pktmbuf_data_len(p->m) < p->l3_off + len)
        return pkt_reject(p, CNT_DROP_IP_SHORT);
    if (!options_valid((const uint8_t *)(h + 1), len - (unsigned)sizeof *h))
        return pkt_reject(p, CNT_DROP_IP_HEADER);
    return true;
}

/* A device that says NONE or nothing leaves it to us: twenty bytes. */
static bool header_checksum_good(const struct pkt *p, const struct ip4_hdr *h, unsigned len)
{
    uint64_t said = p->m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

    if (said == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        return true;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_BAD)
        return false;
    if (likely(len == sizeof *h))
        return checksum_fold(checksum_words5(h)) == 0xffff;
    return checksum_fold(checksum_partial(h, len)) == 0xffff;
}

static inline void fill(struct pkt *p, const struct ip4_hdr *h, unsigned hdr_len, uint32_t total)
{
    p->src = ip_addr_v4(h->src);
    p->dst = ip_addr_v4(h->dst);
    p->tos = h->tos;
    p->ttl = h->ttl;
    p->proto = h->proto;
    p->l4_off = p->data_off = (uint16_t)(p->l3_off + hdr_len);
    p->data_len = total - hdr_len;
}

static __attribute__((noinline)) bool parse_any(struct pkt *p)
{
    struct rte_mbuf *m = p->m;
    const struct ip4_hdr *h = ip4_hdr(p);
    unsigned hdr_len = sizeof *h;
    uint32_t there = m->pkt_len - p->l3_off, total;

    if (m->data_len < p->l3_off + sizeof *h)
        return pkt_reject(p, CNT_DROP_IP_SHORT);
    if (h->version_ihl != 0x45) {
        if (!unusual_header(p, h))
            return false;
        hdr_len = ip4_hdr_len(h);
    }
    total = ntohs(h->total_length);
    if (total < hdr_len || total > there)
        return pkt_reject(p, CNT_DROP_IP_SHORT);
    if (!header_checksum_good(p, h, hdr_len))
        return pkt_reject(p, CNT_DROP_IP_CHECKSUM);
    if (total < there) /* the link's padding; the header stays, so the head does */
        p->m = mbuf_trim_tail_take(m, there - total);
    fill(p, h, hdr_len, total);
    return true;
}

/* Nearly every packet has no options and no padding and a good checksum: those are passed here, by the same
 * tests in one breath; whatever else there is, right or wrong, goes the long way.
 * RFC9293-MUST-50 */
bool ip4_parse(struct pkt *p)
{
    const struct rte_mbuf *m = p->m;
    const struct ip4_hdr *h = ip4_hdr(p);
    uint32_t there = m->pkt_len - p->l3_off;

    if (likely(m->data_len >= p->l3_off + sizeof *h && h->version_ihl == 0x45 &&
               ntohs(h->total_length) == there && header_checksum_good(p, h, sizeof *h))) {
        fill(p, h, sizeof *h, there);
        return true;
    }
    return parse_any(p);
}
