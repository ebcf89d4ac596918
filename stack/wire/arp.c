/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/arp.h"

#include <string.h>

#include "wire/ether.h"

enum { ARP_HTYPE_ETHER = 1 };

static bool is_multicast_or_zero(const uint8_t mac[6])
{
    static const uint8_t zero[6];
    return (mac[0] & 1) != 0 || memcmp(mac, zero, 6) == 0;
}

bool arp_parse(struct pkt *p, struct arp_view *v)
{
    const struct arp_hdr *h = rte_pktmbuf_mtod_offset(p->m, const struct arp_hdr *, p->l3_off);

    if (rte_pktmbuf_data_len(p->m) < p->l3_off + sizeof *h)
        return pkt_reject(p, CNT_DROP_ARP_MALFORMED);
    if (h->htype != htons(ARP_HTYPE_ETHER) || h->ptype != htons(ETHER_TYPE_IP4) || h->hlen != 6 ||
        h->plen != 4)
        return pkt_reject(p, CNT_DROP_ARP_MALFORMED);
    v->op = ntohs(h->op);
    if (v->op != ARP_OP_REQUEST && v->op != ARP_OP_REPLY)
        return pkt_reject(p, CNT_DROP_ARP_MALFORMED);
    /* 224.0.0.0 and above: multicast, reserved, broadcast. None of them is a station (RFC 1122 3.2.1.3). */
    if (is_multicast_or_zero(h->sha) || h->spa[0] >= 224)
        return pkt_reject(p, CNT_DROP_ARP_MALFORMED);
    memcpy(v->sha, h->sha, 6);
    memcpy(v->tha, h->tha, 6);
    memcpy(&v->spa, h->spa, 4);
    memcpy(&v->tpa, h->tpa, 4);
    return true;
}

void arp_emit(void *at, const struct arp_view *v)
{
    struct arp_hdr *h = at;

    h->htype = htons(ARP_HTYPE_ETHER);
    h->ptype = htons(ETHER_TYPE_IP4);
    h->hlen = 6;
    h->plen = 4;
    h->op = htons(v->op);
    memcpy(h->sha, v->sha, 6);
    memcpy(h->spa, &v->spa, 4);
    memcpy(h->tha, v->tha, 6);
    memcpy(h->tpa, &v->tpa, 4);
}
