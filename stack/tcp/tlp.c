/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/tlp.h"

#include "tcp/output.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "tcp/timers.h"

#define TLP_ON     3u    /* tcp_early_retrans, as on Linux; 4 means the same by now */
#define TLP_SETTLE 2000u /* us; so that the ACK of the last segment is not overtaken by a hair */

bool tlp_may_probe(const struct tcp *t, const struct tcb *tcb)
{
    return t->ctx->tun->tcp_early_retrans >= TLP_ON && tcb->packets_out > 0 && tcb_is(tcb, TCB_SACK) &&
           tcb_synchronized(tcb) && (tcb->recovery == RECOVERY_OPEN || tcb->recovery == RECOVERY_CWR);
}

uint32_t tlp_timeout_single(const struct tcp *t, const struct tcb *tcb)
{
    /* Its ACK may be delayed (WCDelAckT). */
    return (tcb->srtt >> 2) + t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC;
}

uint32_t tlp_timeout(const struct tcp *t, const struct tcb *tcb)
{
    if (tcb->srtt == 0)
        return RTT_RTO_INITIAL_US;
    return tcb->packets_out == 1 ? tlp_timeout_single(t, tcb) : (tcb->srtt >> 2) + TLP_SETTLE;
}

void tlp_send(struct tcp *t, struct tcb *tcb)
{
    struct board *b = tcb->packets_out > 0 ? board_get(t, tcb) : NULL;
    bool again = false;
    if (b == NULL || b->tlp_out || !output_tail_probe(t, tcb, &again)) {
        timers_retransmission(t, tcb);
        return;
    }
    b->tlp_out = true;
    b->tlp_is_retrans = again;
    b->tlp_end = tcb->snd_nxt;
    count(&t->ctx->counters, CNT_TCP_TLP);
    timers_probe_sent(t, tcb);
}

void tlp_on_ack(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if (!b->tlp_out || seq_lt(e->ack, b->tlp_end))
        return;
    if (!b->tlp_is_retrans || e->dsack_tlp) {
        b->tlp_out = false; /* it was new data, or both copies have arrived */
    } else if (seq_gt(e->ack, b->tlp_end)) {
        recovery_reduce_once(t, tcb, b); /* later data came, and no word of a duplicate */
        count(&t->ctx->counters, CNT_TCP_TLP_RECOVERY);
    } else if (e->pure && !e->sacked && !e->dsack) {
        b->tlp_out = false; /* a duplicate ACK of a peer without DSACK says the same */
    }
}
