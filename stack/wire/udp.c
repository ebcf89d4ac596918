/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/udp.h"

#include "base/mbuf.h"
#include "wire/checksum.h"

bool udp_parse(struct pkt *p)
{
    const struct udp_hdr *h = udp_hdr(p);
    uint32_t length;

    if (p->data_len < sizeof *h || rte_pktmbuf_data_len(p->m) < p->l4_off + sizeof *h)
        return pkt_reject(p, CNT_DROP_UDP_MALFORMED);
    length = ntohs(h->length);
    if (length < sizeof *h || length > p->data_len)
        return pkt_reject(p, CNT_DROP_UDP_MALFORMED);
    if (length < p->data_len)
        p->m = mbuf_trim_tail_take(p->m, p->data_len - length);
    p->data_len = length;
    /* RFC 768: zero means that the sender computed none. What a device says of it then means nothing. */
    if (h->check != 0 && !pkt_transport_checksum_good(p))
        return pkt_reject(p, CNT_DROP_UDP_CHECKSUM);
    p->udp.sport = ntohs(h->sport);
    p->udp.dport = ntohs(h->dport);
    p->data_off = (uint16_t)(p->l4_off + sizeof *h);
    p->data_len = length - (uint32_t)sizeof *h;
    return true;
}
