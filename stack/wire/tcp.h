/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP headers and options (RFC9293-3.1, RFC 7323, RFC 2018). */
#ifndef PLX_WIRE_TCP_H
#define PLX_WIRE_TCP_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "wire/packet.h"

struct tcp_hdr {
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t data_offset; /* in its upper four bits, 32-bit words */
    uint8_t flags;
    uint16_t window;
    uint16_t check;
    uint16_t urgent;
} __attribute__((packed, aligned(2)));

enum {
    TCP_HDR_MIN = 20,
    TCP_HDR_MAX = 60,
    TCP_OPTIONS_MAX = 40,
    TCP_CHECKSUM_OFFSET = 16,
    TCP_WSCALE_MAX = 14, /* RFC7323-2.3 */
    TCP_TS_SPACE = 12,   /* timestamps with their two NOPs */
    TCP_MSS_DEFAULT = 536,
};

static inline struct tcp_hdr *tcp_hdr(const struct pkt *p)
{
    return rte_pktmbuf_mtod_offset(p->m, struct tcp_hdr *, p->l4_off);
}

/* Validates the header at l4_off: data offset, checksum by the mbuf's flags or in software, options.
 * Fills p->tcp, data_off, data_len. False: drop, p->drop says why. */
bool tcp_parse(struct pkt *p);

/* Options alone: `len` bytes, at most 40. MSS, window scale and SACK-permitted count on a SYN only.
 * Malformed ones are skipped or end the list, never fatal; tcp_options.c says which and why. */
__attribute__((noinline)) void tcp_options_parse_any(const uint8_t *opt, unsigned len, bool syn,
                                                     struct tcp_options *out);

static inline uint32_t tcp_get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return ntohl(v);
}

static inline void tcp_options_parse(const uint8_t *opt, unsigned len, bool syn, struct tcp_options *out)
{
    /* NOP, NOP, timestamps: what nearly every segment carries (RFC 7323 appendix A). */
    if (likely(len == TCP_TS_SPACE && tcp_get32(opt) == 0x0101080a)) {
        out->tsval = tcp_get32(opt + 4);
        out->tsecr = tcp_get32(opt + 8);
        out->has = TCP_OPT_HAS_TS;
    } else if (len == 0) {
        out->has = 0;
    } else {
        tcp_options_parse_any(opt, len, syn, out);
    }
}

/* Timestamps with their two NOPs, TCP_TS_SPACE bytes. */
static inline void tcp_emit_ts(void *at, uint32_t tsval, uint32_t tsecr)
{
    const uint32_t w[3] = {htonl(0x0101080a), htonl(tsval), htonl(tsecr)};
    memcpy(at, w, sizeof w);
}

/* Their encoding, a multiple of 4, and its length. */
unsigned tcp_options_emit(void *at, const struct tcp_options *o, bool syn);
unsigned tcp_options_len(const struct tcp_options *o, bool syn);

/* The twenty bytes that every header has; `len` is that of all of it. The checksum field says 0. */
static inline void tcp_emit_fixed(void *at, const struct tcp_view *v, unsigned len)
{
    struct tcp_hdr *h = at;

    h->sport = htons(v->sport);
    h->dport = htons(v->dport);
    h->seq = htonl(v->seq);
    h->ack = htonl(v->ack);
    h->data_offset = (uint8_t)(len << 2);
    h->flags = v->flags;
    h->window = htons(v->window);
    h->check = 0;
    h->urgent = htons(v->urgent);
}

/* Writes a header from the host-order view, checksum field 0, options in Linux's order: a SYN carries
 * MSS, SACK-permitted, timestamps, window scale as `opt.has` says; others timestamps, then as many SACK
 * blocks as fit (3 beside timestamps, 4 without). `at` has TCP_HDR_MAX bytes of room. Returns the
 * header's length. */
unsigned tcp_emit(void *at, const struct tcp_view *v);
/* What tcp_emit would return. */
unsigned tcp_emit_len(const struct tcp_view *v);

#endif
