/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ether.h"

static inline bool mac_eq(const uint8_t *a, const uint8_t *b)
{
    uint32_t a4, b4;
    uint16_t a2, b2;

    memcpy(&a4, a, 4);
    memcpy(&b4, b, 4);
    memcpy(&a2, a + 4, 2);
    memcpy(&b2, b + 4, 2);
    return a4 == b4 && a2 == b2;
}

uint16_t ether_parse(struct pkt *p, const uint8_t mac[6])
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct ether_hdr *h = ether_hdr(p);

    p->l3_off = sizeof *h;
    p->flags = 0;
    if (unlikely(rte_pktmbuf_data_len(p->m) < sizeof *h))
        return pkt_reject(p, CNT_DROP_ETHER_SHORT);
    if (unlikely(h->src[0] & 1))
        return pkt_reject(p, CNT_DROP_ETHER_SOURCE);
    if (unlikely(!mac_eq(h->dst, mac))) {
        if (!(h->dst[0] & 1))
            return pkt_reject(p, CNT_DROP_ETHER_NOT_OURS);
        p->flags = mac_eq(h->dst, all) ? PKT_BROADCAST : PKT_MULTICAST;
    }
    if (likely(h->type == htons(ETHER_TYPE_IP4)))
        return ETHER_TYPE_IP4;
    if (unlikely(h->type == htons(ETHER_TYPE_VLAN) || h->type == htons(ETHER_TYPE_QINQ)))
        return pkt_reject(p, CNT_DROP_VLAN);
    if (unlikely(h->type == 0)) /* an 802.3 length of nothing; 0 means drop to our caller */
        return pkt_reject(p, CNT_DROP_ETHER_TYPE);
    return ntohs(h->type);
}
