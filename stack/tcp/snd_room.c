/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/snd_room.h"

#include "tcp/congestion.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"

uint32_t snd_room_lowat(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t own = opts_of(t, tcb)->notsent_lowat;
    return own != 0 ? own : t->ctx->tun->tcp_notsent_lowat;
}

void snd_room_lowat_changed(const struct tcp *t, struct tcb *tcb)
{
    tcb->notsent_lowat = snd_room_lowat(t, tcb) != SND_ROOM_NO_LOWAT;
}

/* Output comes after the application's turn, so what it writes now counts as sent as far as the windows
 * will let it go then. */
static uint32_t unsent_beyond_windows(const struct tcb *tcb)
{
    uint32_t unsent = tcb->write_seq - tcb->snd_nxt, in_flight = congestion_in_flight(tcb);
    int32_t room = (int32_t)(tcb->snd_una + tcb->snd_wnd - tcb->snd_nxt);
    if (in_flight >= tcb->cwnd || room <= 0)
        return unsent;
    uint64_t may_go = (uint64_t)(tcb->cwnd - in_flight) * tcb->snd_mss;
    may_go = RTE_MIN(may_go, (uint64_t)room);
    return unsent > may_go ? unsent - (uint32_t)may_go : 0;
}

bool snd_room_unsent_is_low(const struct tcp *t, const struct tcb *tcb, unsigned shift)
{
    return (uint64_t)unsent_beyond_windows(tcb) << shift < snd_room_lowat(t, tcb);
}

bool snd_room_writeable(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->sndbuf >= tcb->sndq_charge && tcb->sndbuf - tcb->sndq_charge >= tcb->sndq_charge / 2 &&
           (!tcb->notsent_lowat || snd_room_unsent_is_low(t, tcb, 1));
}

void snd_room_expand(const struct tcp *t, struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_SNDBUF_LOCKED))
        return;
    uint64_t want = 2ull * tcb->cwnd * (tcb->snd_mss + 1024u);
    if (want > t->ctx->tun->tcp_wmem.max)
        want = t->ctx->tun->tcp_wmem.max;
    if (want > tcb->sndbuf)
        tcb->sndbuf = (uint32_t)want;
}
