/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rcv_tuning.h"

#include "tcp/tally.h"
#include "tcp/tcp_private.h"

#define RTT_MIN_US 1000u /* shorter round trips are measured over so long: fewer, larger steps */
#define HEADROOM_SEGMENTS                                                                                    \
    16u /* beyond twice the rate: the sender's window grows within the round trip too                        \
         */

void rcv_tuning_start(struct tcp *t, struct tcb *tcb)
{
    tcb->tuning_seq = tcb->copied_seq;
    tcb->tuning_at = t->ctx->now_us;
    uint32_t first = t->ctx->tun->tcp_initial_cwnd * tcb->snd_mss; /* what a peer like us begins with */
    tcb->tuning_bytes = first < tcb->rcv_wnd && first != 0 ? first : tcb->rcv_wnd;
}

/* Twice what a round trip brought, and more by as much as it has just grown (the sender is in slow start). */
static uint64_t window_for(const struct tcb *tcb, uint32_t bytes)
{
    uint64_t window = 2ull * bytes + (uint64_t)HEADROOM_SEGMENTS * tcb->rcv_mss;
    return window + 2 * window * (bytes - tcb->tuning_bytes) / tcb->tuning_bytes;
}

static void rcv_tuning_grow(struct tcp *t, struct tcb *tcb, uint32_t bytes)
{
    uint64_t buffer =
        2 * window_for(tcb, bytes); /* half of it is for what packets pin: rcv_window_of_space */
    if (buffer > t->ctx->tun->tcp_rmem.max)
        buffer = t->ctx->tun->tcp_rmem.max;
    if (buffer > tcb->rcvbuf)
        tcb->rcvbuf = (uint32_t)buffer;
}

void rcv_tuning_read(struct tcp *t, struct tcb *tcb)
{
    uint32_t now = t->ctx->now_us, rtt = tcb->srtt >> 3;
    if (now - tcb->tuning_at < (rtt > RTT_MIN_US ? rtt : RTT_MIN_US))
        return;
    uint32_t bytes = tcb->copied_seq - tcb->tuning_seq;
    if (bytes > tcb->tuning_bytes) {
        if (!tcb_is(tcb, TCB_RCVBUF_LOCKED))
            rcv_tuning_grow(t, tcb, bytes);
        tcb->tuning_bytes = bytes;
    }
    tally_read(t, tcb, bytes);
    tcb->tuning_seq = tcb->copied_seq;
    tcb->tuning_at = now;
}
