/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/tcp.h"

#include <string.h>

#include "wire/checksum.h"

/* RFC9293-MUST-1, RFC9293-MUST-3 */
bool tcp_parse(struct pkt *p)
{
    const struct tcp_hdr *h = tcp_hdr(p);
    struct tcp_view *v = &p->tcp;
    unsigned hdr_len;

    if (unlikely(p->data_len < sizeof *h || rte_pktmbuf_data_len(p->m) < p->l4_off + sizeof *h))
        return pkt_reject(p, CNT_DROP_TCP_MALFORMED);
    hdr_len = (h->data_offset >> 4) * 4u;
    if (unlikely(hdr_len < sizeof *h || hdr_len > p->data_len ||
                 rte_pktmbuf_data_len(p->m) < p->l4_off + hdr_len))
        return pkt_reject(p, CNT_DROP_TCP_MALFORMED);
    if (unlikely(!pkt_transport_checksum_good(p)))
        return pkt_reject(p, CNT_DROP_TCP_CHECKSUM);
    v->sport = ntohs(h->sport);
    v->dport = ntohs(h->dport);
    v->seq = ntohl(h->seq);
    v->ack = ntohl(h->ack);
    v->flags = h->flags;
    v->window = ntohs(h->window);
    v->urgent = ntohs(h->urgent);
    tcp_options_parse((const uint8_t *)(h + 1), hdr_len - (unsigned)sizeof *h, (h->flags & TCP_SYN) != 0,
                      &v->opt);
    p->data_off = (uint16_t)(p->l4_off + hdr_len);
    p->data_len -= hdr_len;
    return true;
}

unsigned tcp_emit_len(const struct tcp_view *v)
{
    return TCP_HDR_MIN + tcp_options_len(&v->opt, (v->flags & TCP_SYN) != 0);
}

/* RFC9293-MUST-2, RFC9293-MUST-65 */
unsigned tcp_emit(void *at, const struct tcp_view *v)
{
    unsigned len =
        TCP_HDR_MIN + tcp_options_emit((uint8_t *)at + TCP_HDR_MIN, &v->opt, (v->flags & TCP_SYN) != 0);

    tcp_emit_fixed(at, v, len);
    return len;
}
