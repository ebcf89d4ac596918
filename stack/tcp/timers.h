/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's timers: three deadlines in the control block, one wheel node at the earliest of them.
 * Moving a deadline later, or stopping it, leaves the node alone: it fires early once, finds nothing due
 * and is armed again. Calls are named after what happened. */
#ifndef PLX_TCP_TIMERS_H
#define PLX_TCP_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcb.h"

struct tcp;

/* tcb.timers */
enum {
    TIMER_REXMT = 1 << 0, /* retransmission or zero-window probe, see tcb.rexmt_kind */
    TIMER_DELACK = 1 << 1,
    TIMER_SLOW = 1 << 2,        /* keepalive; FIN-WAIT-2 of an orphan */
    TIMER_DELACK_OWED = 1 << 3, /* no deadline yet: it gets one when output has come by and no ACK went */
    TIMER_DELACK_ANY = TIMER_DELACK | TIMER_DELACK_OWED,
    /* With TIMER_REXMT: rexmt_at is not yet the deadline but the time (ns, low 32 bits) of the only
     * transmission, and the node fires before it could be due; then, or when an ACK comes, it is worked out.
     */
    TIMER_REXMT_OWED = 1 << 4,
    TIMER_REXMT_ANY = TIMER_REXMT | TIMER_REXMT_OWED,
};

/* Delays in microseconds from ctx->now. */
void timers_start(struct tcp *t, struct tcb *tcb, unsigned which, uint64_t delay_us);
void timers_stop(struct tcb *tcb, unsigned which);
void timers_stop_all(struct tcp *t, struct tcb *tcb);

/* Something new that takes sequence space went out: RFC6298-5.1, RFC8985-7.2. */
void timers_data_sent(struct tcp *t, struct tcb *tcb);
/* The same where the segment that has just gone is the only one outstanding. */
void timers_first_sent(struct tcp *t, struct tcb *tcb);
void timers_settle_owed(struct tcp *t, struct tcb *tcb);
/* Before anything changes that the deadline depends on. */
static inline void timers_settle(struct tcp *t, struct tcb *tcb)
{
    if (unlikely((tcb->timers & TIMER_REXMT_OWED) != 0))
        timers_settle_owed(t, tcb);
}
/* Everything was acknowledged: RFC6298-5.2. */
static inline void timers_all_acked(struct tcb *tcb)
{
    tcb->rexmt_kind = REXMT_NONE;
    tcb->timers &= (uint8_t)~TIMER_REXMT_ANY;
}
/* New data was acknowledged: RFC6298-5.2, (5.3), RFC8985-7.2. */
void timers_data_acked(struct tcp *t, struct tcb *tcb);
/* The oldest segment was sent again. */
void timers_head_resent(struct tcp *t, struct tcb *tcb);
/* A tail loss probe went out: the retransmission timer, from now. */
void timers_probe_sent(struct tcp *t, struct tcb *tcb);
/* Another timer has done its work: the retransmission timer, from when the oldest segment was sent. */
void timers_retransmission(struct tcp *t, struct tcb *tcb);
/* Something was overtaken, and counts as lost in so many microseconds. */
void timers_reorder(struct tcp *t, struct tcb *tcb, uint32_t us);
/* The peer seems to have dropped what it had SACKed. */
void timers_reneging(struct tcp *t, struct tcb *tcb);
/* There is data, nothing is outstanding and the window does not let it go. */
void timers_window_closed(struct tcp *t, struct tcb *tcb);
/* A send found the packet pool empty and nothing is outstanding whose ACK could end that. */
void timers_starved(struct tcp *t, struct tcb *tcb);
/* An ACK may wait for data to ride on. */
void timers_ack_delayed(struct tcp *t, struct tcb *tcb);
/* Connection established, or SO_KEEPALIVE changed. */
void timers_keepalive(struct tcp *t, struct tcb *tcb);
/* FIN-WAIT-2 with nobody left to care. */
void timers_orphan_fin_wait_2(struct tcp *t, struct tcb *tcb);

/* The node fired. The block may be gone afterwards. */
void timers_fire(struct tcp *t, struct tcb *tcb);

/* For the lists of the SYN queue and of TIME-WAIT: deadlines as the low 32 bits of wheel ticks. */
uint32_t timers_tick(const struct tcp *t, uint64_t delay_us);
bool timers_tick_passed(const struct tcp *t, uint32_t tick);
uint64_t timers_tick_nsec(const struct tcp *t, uint32_t tick);

#endif
