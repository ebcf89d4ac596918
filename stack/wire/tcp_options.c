/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP options. RFC 9293 asks to skip unknown ones by their length (MUST-6) and to be prepared for illegal
 * lengths (MUST-7), and suggests a reset for those. We do what Linux does: a length of 0 or 1, or one that
 * leads beyond the header, ends the list; what was read before it counts. A known option of the wrong
 * length is skipped like an unknown one. Nothing here can make a segment invalid. */
#include <string.h>

#include "wire/tcp.h"

enum {
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_PERMITTED = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
};

enum {
    LEN_MSS = 4,
    LEN_WSCALE = 3,
    LEN_SACK_PERMITTED = 2,
    LEN_SACK_BASE = 2, /* and 8 a block */
    LEN_SACK_BLOCK = 8,
    LEN_TS = 10,
};

static inline uint8_t *put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

/* Four option bytes as one store. */
static inline uint8_t *put4(uint8_t *p, unsigned a, unsigned b, unsigned c, unsigned d)
{
    return put32(p, a << 24 | b << 16 | c << 8 | d);
}

static void parse_sack(const uint8_t *data, unsigned len, struct tcp_options *out)
{
    unsigned n = len / LEN_SACK_BLOCK;

    if (n == 0 || len % LEN_SACK_BLOCK != 0) /* the header has no room for more than four */
        return;
    out->n_sack = (uint8_t)n;
    for (unsigned i = 0; i < n; i++) {
        out->sack[i].left = tcp_get32(data + i * LEN_SACK_BLOCK);
        out->sack[i].right = tcp_get32(data + i * LEN_SACK_BLOCK + 4);
    }
    out->has |= TCP_OPT_HAS_SACK;
}

/* One option with its kind and length checked to lie within the header. What belongs on a SYN counts
 * only there (RFC9293-3.7.1, RFC7323-2.2, RFC2018-2). */
static void parse_one(const uint8_t *opt, unsigned len, bool syn, struct tcp_options *out)
{
    switch (opt[0]) {
    case OPT_MSS:
        if (syn && len == LEN_MSS && (opt[2] | opt[3]) != 0) { /* an MSS of 0 says nothing */
            out->mss = (uint16_t)(opt[2] << 8 | opt[3]);
            out->has |= TCP_OPT_HAS_MSS;
        }
        break;
    case OPT_WSCALE:
        if (syn && len == LEN_WSCALE) {
            out->wscale = opt[2];
            out->has |= TCP_OPT_HAS_WSCALE;
        }
        break;
    case OPT_SACK_PERMITTED:
        if (syn && len == LEN_SACK_PERMITTED)
            out->has |= TCP_OPT_HAS_SACK_PERMITTED;
        break;
    case OPT_SACK:
        parse_sack(opt + LEN_SACK_BASE, len - LEN_SACK_BASE, out);
        break;
    case OPT_TS:
        if (len == LEN_TS) {
            out->tsval = tcp_get32(opt + 2);
            out->tsecr = tcp_get32(opt + 6);
            out->has |= TCP_OPT_HAS_TS;
        }
        break;
    }
}

static void parse_list(const uint8_t *opt, unsigned left, bool syn, struct tcp_options *out)
{
    while (left > 0 && opt[0] != OPT_END) {
        unsigned len = 1;
        if (opt[0] != OPT_NOP) {
            if (left < 2 || opt[1] < 2 || opt[1] > left)
                return;
            len = opt[1];
            parse_one(opt, len, syn, out);
        }
        opt += len;
        left -= len;
    }
}

/* What nearly every SYN carries, in this order: MSS, SACK permitted, timestamps, NOP, window scale. */
#define SYN_USUAL_LEN 20u

static inline bool syn_is_usual(const uint8_t *opt)
{
    return opt[0] == OPT_MSS && opt[1] == LEN_MSS && (opt[2] | opt[3]) != 0 &&
           tcp_get32(opt + 4) ==
               (OPT_SACK_PERMITTED << 24 | LEN_SACK_PERMITTED << 16 | OPT_TS << 8 | LEN_TS) &&
           tcp_get32(opt + 16) >> 8 == (OPT_NOP << 16 | OPT_WSCALE << 8 | LEN_WSCALE);
}

static inline void syn_take_usual(const uint8_t *opt, struct tcp_options *out)
{
    out->mss = (uint16_t)(opt[2] << 8 | opt[3]);
    out->tsval = tcp_get32(opt + 8);
    out->tsecr = tcp_get32(opt + 12);
    out->wscale = opt[19];
    out->has = TCP_OPT_HAS_MSS | TCP_OPT_HAS_SACK_PERMITTED | TCP_OPT_HAS_TS | TCP_OPT_HAS_WSCALE;
}

/* RFC9293-MUST-4, RFC9293-MUST-5, RFC9293-MUST-6, RFC9293-MUST-7, RFC9293-MUST-64 */
void tcp_options_parse_any(const uint8_t *opt, unsigned len, bool syn, struct tcp_options *out)
{
    out->has = 0;
    if (likely(len == SYN_USUAL_LEN && syn && syn_is_usual(opt)))
        return syn_take_usual(opt, out);
    parse_list(opt, len, syn, out);
}

/* How many SACK blocks fit beside timestamps or alone. */
static inline unsigned sack_blocks(const struct tcp_options *o)
{
    unsigned room = (o->has & TCP_OPT_HAS_TS) ? 3 : 4;
    return RTE_MIN(o->n_sack, room);
}

unsigned tcp_options_len(const struct tcp_options *o, bool syn)
{
    unsigned len = (o->has & TCP_OPT_HAS_TS) ? TCP_TS_SPACE : 0;

    if (syn) {
        if (o->has & TCP_OPT_HAS_MSS)
            len += 4;
        if ((o->has & (TCP_OPT_HAS_SACK_PERMITTED | TCP_OPT_HAS_TS)) == TCP_OPT_HAS_SACK_PERMITTED)
            len += 4; /* beside timestamps it takes the place of their NOPs */
        if (o->has & TCP_OPT_HAS_WSCALE)
            len += 4;
    } else if (o->has & TCP_OPT_HAS_SACK) {
        len += 4 + sack_blocks(o) * LEN_SACK_BLOCK;
    }
    return len;
}

static uint8_t *emit_syn(uint8_t *p, const struct tcp_options *o)
{
    bool sack = (o->has & TCP_OPT_HAS_SACK_PERMITTED) != 0;

    if (o->has & TCP_OPT_HAS_MSS)
        p = put4(p, OPT_MSS, LEN_MSS, o->mss >> 8, o->mss & 0xff);
    if (o->has & TCP_OPT_HAS_TS) {
        p = sack ? put4(p, OPT_SACK_PERMITTED, LEN_SACK_PERMITTED, OPT_TS, LEN_TS)
                 : put4(p, OPT_NOP, OPT_NOP, OPT_TS, LEN_TS);
        p = put32(p, o->tsval);
        p = put32(p, o->tsecr);
    } else if (sack) {
        p = put4(p, OPT_NOP, OPT_NOP, OPT_SACK_PERMITTED, LEN_SACK_PERMITTED);
    }
    if (o->has & TCP_OPT_HAS_WSCALE)
        p = put4(p, OPT_NOP, OPT_WSCALE, LEN_WSCALE, o->wscale);
    return p;
}

static uint8_t *emit_sack(uint8_t *p, const struct tcp_options *o)
{
    unsigned n = sack_blocks(o);

    p = put4(p, OPT_NOP, OPT_NOP, OPT_SACK, LEN_SACK_BASE + n * LEN_SACK_BLOCK);
    for (unsigned i = 0; i < n; i++) {
        p = put32(p, o->sack[i].left);
        p = put32(p, o->sack[i].right);
    }
    return p;
}

/* RFC9293-MUST-68, RFC9293-MUST-69 */
unsigned tcp_options_emit(void *at, const struct tcp_options *o, bool syn)
{
    uint8_t *p = at;

    if (unlikely(syn))
        return (unsigned)(emit_syn(p, o) - (uint8_t *)at);
    if (likely(o->has & TCP_OPT_HAS_TS)) {
        tcp_emit_ts(p, o->tsval, o->tsecr);
        p += TCP_TS_SPACE;
    }
    if (unlikely(o->has & TCP_OPT_HAS_SACK))
        p = emit_sack(p, o);
    return (unsigned)(p - (uint8_t *)at);
}
