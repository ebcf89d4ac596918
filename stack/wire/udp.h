/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP headers (RFC 768). */
#ifndef PLX_WIRE_UDP_H
#define PLX_WIRE_UDP_H

#include <stdint.h>

#include "wire/packet.h"

struct udp_hdr {
    uint16_t sport, dport;
    uint16_t length;
    uint16_t check;
} __attribute__((packed, aligned(2)));

enum { UDP_CHECKSUM_OFFSET = 6 };

static inline struct udp_hdr *udp_hdr(const struct pkt *p)
{
    return rte_pktmbuf_mtod_offset(p->m, struct udp_hdr *, p->l4_off);
}

/* Validates the header at l4_off: length (shorter than the IP payload is allowed, the rest is trimmed off
 * the mbuf, as Linux does), checksum by the mbuf's flags or in software, 0 meaning none. Fills p->udp,
 * data_off, data_len. False: drop, p->drop says why. */
bool udp_parse(struct pkt *p);

/* Writes 8 bytes with a checksum field of 0; `len` is that of the payload. */
static inline void udp_emit(void *at, uint16_t sport, uint16_t dport, uint16_t len)
{
    struct udp_hdr *h = at;
    h->sport = htons(sport);
    h->dport = htons(dport);
    h->length = htons((uint16_t)(sizeof(struct udp_hdr) + len));
    h->check = 0;
}

#endif
