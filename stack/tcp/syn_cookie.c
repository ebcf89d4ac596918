/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/syn_cookie.h"

#include <string.h>

#include "tcp/rcv_queue.h"
#include "tcp/tcp_private.h"

#define COOKIE_MINUTES  2u      /* a cookie of this minute or of the one before is good */
#define COOKIE_VALID_MS 120000u /* so long after the last one given the listener looks at cookies */
/* A cookie, from the flow's start on: 5 bits of the minute, 3 of the MSS class, 24 of the hash. */
#define COOKIE_MINUTE_SHIFT 27
#define COOKIE_MINUTE_MASK  31u
#define COOKIE_CLASS_SHIFT  24
#define COOKIE_CLASS_MASK   7u
#define COOKIE_MAC_MASK     0xffffffu

#define STAMP_WSCALE    0xfu /* the peer's, or STAMP_NO_WSCALE */
#define STAMP_NO_WSCALE 0xfu
#define STAMP_SACK      (1u << 4)
#define STAMP_ECN       (1u << 5)
#define STAMP_MASK      0x3fu
#define MSEC_PER_MINUTE 60000u

/* The peer's MSS is rounded down to one of these: the least that is believed, the least of IPv4 and of
 * hosts that know nothing of the path, tunnels of several kinds, Ethernet, jumbo frames. */
static const uint16_t cookie_mss[COOKIE_CLASS_MASK + 1] = {48, 216, 536, 1220, 1360, 1440, 1460, 8960};

void syn_cookies_init(struct syn_cookies *c, struct rng *r)
{
    c->start = rng_key(r);
    c->mac = rng_key(r);
}

static uint32_t minute_of(const struct tcp *t)
{
    return tcp_msec(t->ctx->now) / MSEC_PER_MINUTE;
}

/* The part of the number that only we can make: a hash of all that it stands for. */
static uint32_t cookie_mac(const struct tcp *t, const struct flow_key *f, seq_t irs, uint32_t minute,
                           uint32_t class)
{
    uint8_t bytes[FLOW_KEY_BYTES + 12];
    memcpy(bytes, f, FLOW_KEY_BYTES);
    memcpy(bytes + FLOW_KEY_BYTES, &irs, 4);
    memcpy(bytes + FLOW_KEY_BYTES + 4, &minute, 4);
    memcpy(bytes + FLOW_KEY_BYTES + 8, &class, 4);
    return (uint32_t)siphash(&t->syn_cookies.mac, bytes, sizeof bytes) & COOKIE_MAC_MASK;
}

/* Numbers of one flow grow with the minutes and with the peer's own, so that a connection that reuses
 * the flow begins beyond the one before (RFC 6528's concern). */
static seq_t cookie_start(const struct tcp *t, const struct flow_key *f, seq_t irs)
{
    return (seq_t)siphash(&t->syn_cookies.start, f, FLOW_KEY_BYTES) + irs;
}

static uint32_t mss_class(uint16_t mss)
{
    uint32_t i = RTE_DIM(cookie_mss) - 1;
    while (i > 0 && cookie_mss[i] > mss)
        i--;
    return i;
}

void syn_cookie_bake(struct tcp *t, struct half_open *h)
{
    uint32_t minute = minute_of(t), class = mss_class(h->mss);
    uint32_t mark = minute << COOKIE_MINUTE_SHIFT | class << COOKIE_CLASS_SHIFT |
                    cookie_mac(t, &h->flow, h->irs, minute, class);
    h->iss = cookie_start(t, &h->flow, h->irs) + mark;
    h->mss = cookie_mss[class];
    if ((h->opts & HALF_OPEN_TS) == 0) /* nowhere to keep the rest */
        h->opts = 0;
    h->opts |= HALF_OPEN_COOKIE;
}

uint32_t syn_cookie_msec(const struct tcp *t, const struct half_open *h)
{
    uint32_t now = tcp_msec(t->ctx->now);
    uint32_t bits = (h->opts & HALF_OPEN_WSCALE) != 0 ? h->peer_wscale & STAMP_WSCALE : STAMP_NO_WSCALE;
    bits |= (h->opts & HALF_OPEN_SACK) != 0 ? STAMP_SACK : 0;
    bits |= (h->opts & HALF_OPEN_ECN) != 0 ? STAMP_ECN : 0;
    uint32_t stamp = (now & ~STAMP_MASK) | bits;
    return (int32_t)(stamp - now) > 0 ? stamp - (STAMP_MASK + 1) : stamp; /* never ahead of the clock */
}

/* The class of the MSS that the number was made with; below 0: it is not one of ours, or too old. */
static int cookie_check(const struct tcp *t, const struct half_open *h)
{
    uint32_t mark = h->iss - cookie_start(t, &h->flow, h->irs);
    uint32_t class = mark >> COOKIE_CLASS_SHIFT & COOKIE_CLASS_MASK;
    uint32_t age = (minute_of(t) - (mark >> COOKIE_MINUTE_SHIFT)) & COOKIE_MINUTE_MASK;
    if (age >= COOKIE_MINUTES ||
        (mark & COOKIE_MAC_MASK) != cookie_mac(t, &h->flow, h->irs, minute_of(t) - age, class))
        return -1;
    return (int)class;
}

static bool listener_gave_lately(const struct tcp *t, const struct listener *l)
{
    if (t->ctx->tun->tcp_syncookies == SYN_COOKIES_ALWAYS)
        return true;
    return l->cookies && tcp_msec(t->ctx->now) - l->cookies_at < COOKIE_VALID_MS;
}

static void take_stamp(struct tcp *t, struct half_open *h, const struct tcp_options *opt,
                       const struct tcb *parent)
{
    if ((opt->has & TCP_OPT_HAS_TS) == 0 || opt->tsecr == 0 || !t->ctx->tun->tcp_timestamps)
        return;
    uint32_t stamp = opt->tsecr - isn_ts_offset(&t->isn, &h->flow);
    h->opts |= HALF_OPEN_TS;
    h->ts_recent = opt->tsval;
    h->opts |= (stamp & STAMP_SACK) != 0 && t->ctx->tun->tcp_sack ? HALF_OPEN_SACK : 0;
    h->opts |= (stamp & STAMP_ECN) != 0 && t->ctx->tun->tcp_ecn != 0 ? HALF_OPEN_ECN : 0;
    if ((stamp & STAMP_WSCALE) == STAMP_NO_WSCALE || !t->ctx->tun->tcp_window_scaling)
        return;
    h->opts |= HALF_OPEN_WSCALE;
    h->peer_wscale = stamp & STAMP_WSCALE;
    h->rcv_wscale = rcv_window_scale(t, parent->rcvbuf, tcb_is(parent, TCB_RCVBUF_LOCKED));
}

bool syn_cookie_open(struct tcp *t, const struct listener *l, const struct pkt *p, const struct flow_key *f,
                     struct half_open *h)
{
    const struct tcb *parent = tcb_at(t, l->tcb);
    if (t->ctx->tun->tcp_syncookies == SYN_COOKIES_NEVER || !listener_gave_lately(t, l))
        return false;
    *h = (struct half_open){
        .flow = *f,
        .irs = p->tcp.seq - 1,
        .iss = p->tcp.ack - 1,
        .listener = parent->listener,
        .opts = HALF_OPEN_COOKIE,
        .tos = parent->tos,
    };
    int class = cookie_check(t, h);
    count(&t->ctx->counters, class < 0 ? CNT_TCP_SYNCOOKIES_FAILED : CNT_TCP_SYNCOOKIES_RECV);
    if (class < 0)
        return false;
    h->mss = cookie_mss[class];
    take_stamp(t, h, &p->tcp.opt, parent);
    return true;
}
