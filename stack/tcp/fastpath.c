/* SPDX-License-Identifier: BSD-3-Clause */
/* Header prediction: the next in-order segment, or a plain ACK, of a connection at peace. It calls what
 * the numbered steps would call, and only skips the questions whose answers are known. */
#include "tcp/input.h"
#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "tcp/tcp_private.h"

/* Anything out of the ordinary is left to the steps. */
static bool fast_is_plain(const struct tcb *tcb, const struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    uint8_t expected = tcb_is(tcb, TCB_TS) ? TCP_OPT_HAS_TS : 0;
    return tcb->state == TCP_S_ESTABLISHED && (v->flags & ~TCP_PSH) == TCP_ACK && v->seq == tcb->rcv_nxt &&
           v->opt.has == expected && (uint32_t)v->window << tcb->snd_wscale == tcb->snd_wnd &&
           tcb->ooo == 0 && !tcb_is(tcb, TCB_URG_RCVD | TCB_SHUT_RD | TCB_ORPHAN | TCB_URG_OUT);
}

/* The ACK of a segment that begins at rcv_nxt and changes no window, and is not before snd_una. */
static inline void fast_ack(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    if (v->ack == tcb->snd_nxt && v->ack != tcb->snd_una && tcb->sndq_unsent == 0 && tcb->board == 0 &&
        (tcb->sacked_out | tcb->lost_out | tcb->retrans_out) == 0) {
        ack_process_all(t, tcb, p);
    } else if (v->ack != tcb->snd_una || tcb->rexmt_kind == REXMT_PERSIST || tcb->board != 0) {
        ack_process(t, tcb, p);
    } else {
        window_confirm(tcb, v);
    }
}

bool input_fast(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    if (unlikely(!fast_is_plain(tcb, p) || tcb->recovery != RECOVERY_OPEN))
        return false;
    if (unlikely(seq_lt(v->ack, tcb->snd_una) || seq_gt(v->ack, tcb->snd_nxt)))
        return false;
    if (unlikely(v->ack == tcb->snd_una && p->data_len == 0))
        return false; /* perhaps a duplicate */
    if (unlikely(p->data_len > rcv_window_left(tcb) || !rcv_queue_has_room(t, tcb, p->m->buf_len)))
        return false;
    if (likely(v->opt.has != 0)) {
        if (unlikely((int32_t)(v->opt.tsval - tcb->ts_recent) < 0))
            return false; /* PAWS has to judge */
        if (seq_leq(v->seq, tcb->rcv_wup)) {
            tcb->ts_recent = v->opt.tsval;
            tcb->ts_recent_at = t->ctx->now_ms;
        }
    }
    tcb->last_rcv = t->ctx->now_ms;
    fast_ack(t, tcb, p);
    if (p->data_len > 0)
        text_in_order(t, tcb, p);
    return true;
}
