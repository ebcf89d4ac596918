/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/snd_room.h"

#include <rte_common.h>

#include "tcp/congestion.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "wire/tcp.h"

#define BURST_BYTES    65215u /* Linux's 64 KB less room for headers */
#define BURST_OVERHEAD 1280u  /* an sk_buff without data */

uint32_t snd_room_lowat(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t own = opts_of(t, tcb)->notsent_lowat;
    return own != 0 ? own : t->ctx->tun->tcp_notsent_lowat;
}

void snd_room_lowat_changed(const struct tcp *t, struct tcb *tcb)
{
    tcb->notsent_lowat = snd_room_lowat(t, tcb) != SND_ROOM_NO_LOWAT;
}

/* Bytes beyond snd.nxt that the windows let go at once. Output comes after the application's turn, so what
 * it writes now counts as sent as far as that reaches. */
static uint32_t may_go(const struct tcb *tcb)
{
    uint32_t in_flight = congestion_in_flight(tcb);
    int32_t room = (int32_t)(tcb->snd_una + tcb->snd_wnd - tcb->snd_nxt);
    if (in_flight >= tcb->cwnd || room <= 0)
        return 0;
    return (uint32_t)RTE_MIN((uint64_t)(tcb->cwnd - in_flight) * tcb->snd_mss, (uint64_t)room);
}

static uint32_t unsent_beyond_windows(const struct tcb *tcb)
{
    uint32_t unsent = tcb->write_seq - tcb->snd_nxt, now = may_go(tcb);
    return unsent > now ? unsent - now : 0;
}

uint32_t snd_room_burst(const struct tcb *tcb)
{
    uint32_t half = tcb->max_wnd > TCP_MSS_DEFAULT ? tcb->max_wnd / 2 : tcb->max_wnd;
    uint32_t segments = RTE_MIN(half, BURST_BYTES) / tcb->snd_mss;
    return RTE_MAX(segments, 1u);
}

uint32_t snd_room_charge(uint32_t len, uint32_t pinned, uint32_t burst)
{
    return RTE_MAX(len + BURST_OVERHEAD / burst, pinned / 2);
}

/* Of a burst that goes in part at once, Linux fills the rest up again without asking. */
uint32_t snd_room_grant(const struct tcp *t, const struct tcb *tcb, uint32_t burst)
{
    if (!snd_room_any(t, tcb))
        return 0;
    uint32_t unsent = tcb->write_seq - tcb->snd_nxt, now = may_go(tcb);
    uint32_t at_once = now > unsent ? (now - unsent) / tcb->snd_mss : 0;
    return at_once < burst ? burst + at_once : burst;
}

bool snd_room_unsent_is_low(const struct tcp *t, const struct tcb *tcb, unsigned shift)
{
    return (uint64_t)unsent_beyond_windows(tcb) << shift < snd_room_lowat(t, tcb);
}

void snd_room_expand(const struct tcp *t, struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_SNDBUF_LOCKED))
        return;
    uint32_t segment = rte_align32pow2(tcb->snd_mss + 640u) + 256u; /* Linux's tcp_sndbuf_expand */
    uint64_t want = 2ull * RTE_MAX(tcb->cwnd, t->ctx->tun->tcp_initial_cwnd) * segment;
    if (want > t->ctx->tun->tcp_wmem.max)
        want = t->ctx->tun->tcp_wmem.max;
    if (want > tcb->sndbuf)
        tcb->sndbuf = (uint32_t)want;
}
