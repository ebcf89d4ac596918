/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 headers (RFC 791). */
#ifndef PLX_WIRE_IP4_H
#define PLX_WIRE_IP4_H

#include <stdint.h>

#include "wire/checksum.h"
#include "wire/packet.h"

struct ip4_hdr {
    uint8_t version_ihl;
    uint8_t tos;
    uint16_t total_length;
    uint16_t id;
    uint16_t fragment; /* flags and offset */
    uint8_t ttl;
    uint8_t proto;
    uint16_t check;
    uint32_t src, dst;
} __attribute__((packed, aligned(2)));

enum {
    IP4_DF = 0x4000,
    IP4_MF = 0x2000,
    IP4_OFFSET_MASK = 0x1fff, /* in units of 8 bytes */
    IP4_HDR_MAX = 60,
};

static inline struct ip4_hdr *ip4_hdr(const struct pkt *p)
{
    return rte_pktmbuf_mtod_offset(p->m, struct ip4_hdr *, p->l3_off);
}

static inline unsigned ip4_hdr_len(const struct ip4_hdr *h)
{
    return (h->version_ihl & 0xfu) * 4u;
}

static inline bool ip4_is_fragment(const struct ip4_hdr *h)
{
    return (h->fragment & htons(IP4_MF | IP4_OFFSET_MASK)) != 0;
}

/* In bytes. */
static inline uint32_t ip4_fragment_offset(const struct ip4_hdr *h)
{
    return (ntohs(h->fragment) & IP4_OFFSET_MASK) * 8u;
}

static inline bool ip4_more_fragments(const struct ip4_hdr *h)
{
    return (h->fragment & htons(IP4_MF)) != 0;
}

/* Validates the header at l3_off: version, header length, total length against the frame, checksum
 * (by the mbuf's flags, in software where the device did not say), the form of the options. Trims what
 * the link padded. Fills src, dst, ttl, tos, proto, l4_off; data_off = l4_off and data_len = bytes after
 * the header. Addresses are not judged. False: drop, p->drop says why. */
bool ip4_parse(struct pkt *p);

/* What differs between headers that we send; the rest is fixed (no options). */
struct ip4_emit {
    uint32_t src, dst; /* network order */
    uint16_t total_length, id;
    uint16_t fragment; /* IP4_DF, IP4_MF | offset/8 */
    uint8_t tos, ttl, proto;
};

/* Writes 20 bytes. The checksum is computed when `checksum`, else left 0 for the device. */
static inline void ip4_emit(void *at, const struct ip4_emit *e, bool checksum)
{
    struct ip4_hdr *h = at;
    uint64_t sum;

    h->version_ihl = 0x45;
    h->tos = e->tos;
    h->total_length = htons(e->total_length);
    h->id = htons(e->id);
    h->fragment = htons(e->fragment);
    h->ttl = e->ttl;
    h->proto = e->proto;
    h->check = 0;
    h->src = e->src;
    h->dst = e->dst;
    if (!checksum)
        return;
    /* From the values, not from memory: no load waits for the stores above. */
    sum = (uint64_t)e->src + e->dst + htonl((uint32_t)e->id << 16 | e->fragment) +
          htonl((uint32_t)e->ttl << 24 | (uint32_t)e->proto << 16) +
          htonl(0x45000000u | (uint32_t)e->tos << 16 | e->total_length);
    h->check = checksum_finish(sum);
}

#endif
