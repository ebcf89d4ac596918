/* SPDX-License-Identifier: BSD-3-Clause */
/* RFC9293-3.10.7.4: the numbered steps, in order, for every state but CLOSED, LISTEN and
 * SYN-SENT. The third (security) does not exist here; the fifth has a file of its own. */
#include <errno.h>

#include "base/mbuf.h"
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "tcp/tcp_private.h"
#include "tcp/text.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"

#define PAWS_IDLE_MS (24u * 86400000u) /* RFC7323-5.5 */

/* ---- ACKs for what should not have come ---- */

static bool oow_limited(struct tcp *t, struct tcb *tcb)
{
    uint32_t now = t->ctx->now_ms;
    if (tcb->last_challenge != 0 && now - tcb->last_challenge < t->ctx->tun->tcp_invalid_ratelimit_ms) {
        count(&t->ctx->counters, CNT_TCP_CHALLENGE_LIMITED);
        return true;
    }
    tcb->last_challenge = tcp_msec_mark(t->ctx->now);
    return false;
}

/* How many there are in a second is drawn anew each second: who counts them learns nothing of what others
 * have provoked (the side channel of CVE-2016-5696). */
void challenge_ack(struct tcp *t, struct tcb *tcb)
{
    uint32_t second = (uint32_t)(t->ctx->now / NSEC_PER_SEC);
    if (oow_limited(t, tcb))
        return;
    if (t->challenge_second != second) {
        uint32_t limit = t->ctx->tun->tcp_challenge_ack_limit;
        t->challenge_second = second;
        t->challenge_left = limit / 2 + rng_below(&t->ctx->rng, limit);
    }
    if (t->challenge_left == 0) {
        count(&t->ctx->counters, CNT_TCP_CHALLENGE_LIMITED);
        return;
    }
    t->challenge_left--;
    count(&t->ctx->counters, CNT_TCP_CHALLENGE);
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
}

/* "If an incoming segment is not acceptable, an acknowledgment should be sent in reply." Old data is
 * reported as duplicate (RFC 2883); what carries no data is answered only so often, or two ends that
 * disagree would answer each other for ever. */
static void duplicate_ack(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    if (p->data_len == 0 && oow_limited(t, tcb))
        return;
    if (p->data_len > 0 && seq_lt(p->tcp.seq, tcb->rcv_nxt)) {
        options_quick_acks(t, tcb);
        reassembly_duplicate(t, tcb, p->tcp.seq, seq_min(p->tcp.seq + p->data_len, tcb->rcv_nxt));
    }
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
}

/* ---- first: sequence number ---- */

/* RFC7323-5.3 R1. */
static enum step step_paws(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (!tcb_is(tcb, TCB_TS) || (p->tcp.opt.has & TCP_OPT_HAS_TS) == 0 || (p->tcp.flags & TCP_RST) != 0)
        return STEP_NEXT;
    if ((int32_t)(p->tcp.opt.tsval - tcb->ts_recent) >= 0 ||
        t->ctx->now_ms - tcb->ts_recent_at > PAWS_IDLE_MS)
        return STEP_NEXT;
    /* A bare ACK that was overtaken is no news and no attack: its timestamp is a little old. */
    bool overtaken = p->data_len == 0 && p->tcp.seq == tcb->rcv_nxt && p->tcp.ack == tcb->snd_una;
    if (!overtaken)
        duplicate_ack(t, tcb, p);
    return step_drop(p, CNT_DROP_TCP_PAWS);
}

/* Some stacks number a RST that follows their FIN as if that had taken no number; Linux believes them. */
static bool rst_after_fin(const struct tcb *tcb, const struct pkt *p)
{
    return tcb_is(tcb, TCB_FIN_RCVD) && p->tcp.seq + 1 == tcb->rcv_nxt &&
           (tcb->state == TCP_S_CLOSE_WAIT || tcb->state == TCP_S_LAST_ACK || tcb->state == TCP_S_CLOSING);
}

/* Data that begins in the window and ends beyond it (no peer that keeps to the window sends that, but a
 * device may have merged segments) is taken whole while nothing waits to be read: then there is room for
 * one. Else it is refused whole, as Linux does: a part of what was sent in one piece helps nobody. */
static bool fits_window(const struct tcb *tcb, const struct pkt *p)
{
    uint32_t left = rcv_window_left(tcb);
    seq_t edge = tcb->rcv_nxt + left;
    if (seq_gt(p->tcp.seq, edge))
        return false;
    if (p->data_len == 0 || seq_leq(p->tcp.seq + p->data_len, edge) || (p->tcp.flags & TCP_RST) != 0)
        return true; /* a FIN may stand just beyond */
    return left > 0 && tcb->rcvq_head == NULL;
}

/* Linux's reading of the four cases of the RFC's table: a segment that ends before what was acknowledged
 * or does not fit the window is refused; what was there before is trimmed when its text is taken. */
static enum step step_sequence(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    seq_t end = p->tcp.seq + segment_space(p);
    if (seq_geq(end, tcb->rcv_wup) && fits_window(tcb, p))
        return STEP_NEXT;
    if ((p->tcp.flags & TCP_RST) == 0) {
        if ((p->tcp.flags & TCP_SYN) != 0)
            challenge_ack(t, tcb);
        else
            duplicate_ack(t, tcb, p);
    } else if (rst_after_fin(tcb, p)) {
        return STEP_NEXT;
    }
    return step_drop(p, CNT_DROP_TCP_SEQUENCE);
}

void timestamp_update(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    if (!tcb_is(tcb, TCB_TS) || (p->tcp.opt.has & TCP_OPT_HAS_TS) == 0 || seq_gt(p->tcp.seq, tcb->rcv_wup))
        return;
    if ((int32_t)(p->tcp.opt.tsval - tcb->ts_recent) < 0 &&
        t->ctx->now_ms - tcb->ts_recent_at <= PAWS_IDLE_MS)
        return;
    tcb->ts_recent = p->tcp.opt.tsval;
    tcb->ts_recent_at = t->ctx->now_ms;
}

/* ---- second: RST ---- */

static int reset_errno(const struct tcb *tcb)
{
    switch (tcb->state) {
    case TCP_S_SYN_RECEIVED:
        return tcb_is(tcb, TCB_PASSIVE) ? ECONNRESET : ECONNREFUSED;
    case TCP_S_CLOSE_WAIT:
        return EPIPE;
    case TCP_S_CLOSING:
    case TCP_S_LAST_ACK:
        return 0;
    default:
        return ECONNRESET;
    }
}

/* A peer that knows of no hole numbers its RST after all that it has sent: the edge that our SACKs told. */
static bool rst_is_exact(const struct tcp *t, const struct tcb *tcb, const struct pkt *p)
{
    seq_t edge;
    return p->tcp.seq == tcb->rcv_nxt || rst_after_fin(tcb, p) ||
           (tcb_is(tcb, TCB_SACK) && reassembly_right_edge(t, tcb, &edge) && p->tcp.seq == edge);
}

/* RFC5961-3.2: only the exact next number resets; one elsewhere in the window is asked about.
 * RFC9293-MUST-11, RFC9293-MUST-12, RFC9293-MUST-66, RFC9293-SHLD-2 */
static enum step step_rst(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_RST) == 0)
        return STEP_NEXT;
    if (!rst_is_exact(t, tcb, p)) {
        challenge_ack(t, tcb);
        return step_drop(p, CNT_DROP_TCP_RST);
    }
    count(&t->ctx->counters, CNT_TCP_RST_IN);
    tcb_end(t, tcb, reset_errno(tcb));
    return STEP_END;
}

/* ---- fourth: SYN ---- */

/* RFC5961-4.2: whatever its number, a SYN in a synchronized state is asked about. */
static enum step step_syn(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_SYN) == 0)
        return STEP_NEXT;
    challenge_ack(t, tcb);
    return step_drop(p, CNT_DROP_TCP_SYN);
}

/* ---- sixth: URG ---- */

/* The pointer is taken as one past the urgent byte, as everybody does (RFC6093-3.1). */
static void urgent_mark(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    seq_t at = p->tcp.seq + p->tcp.urgent - (p->tcp.urgent != 0);
    if (seq_lt(at, tcb->copied_seq) || seq_lt(at, tcb->rcv_nxt))
        return;
    if (tcb_is(tcb, TCB_URG_RCVD) && seq_leq(at, tcb->urg_seq))
        return;
    tcb->urg_seq = at;
    tcb->flags = (tcb->flags | TCB_URG_RCVD) & ~(TCB_URG_VALID | TCB_URG_READ);
    tcb_notify(t, tcb, EPOLLPRI);
}

/* RFC9293-MUST-30, RFC9293-MUST-31, RFC9293-MUST-32 */
static enum step step_urg(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_URG) != 0)
        urgent_mark(t, tcb, p);
    if (!tcb_is(tcb, TCB_URG_RCVD) || tcb_is(tcb, TCB_URG_VALID | TCB_URG_READ))
        return STEP_NEXT;
    uint32_t off = tcb->urg_seq - p->tcp.seq;
    if (off < p->data_len) {
        mbuf_copy_out(p->m, p->data_off + off, &tcb->urg_byte, 1);
        tcb->flags |= TCB_URG_VALID;
        tcb_notify(t, tcb, EPOLLPRI);
    }
    return STEP_NEXT;
}

/* ---- seventh: text ---- */

static inline struct rte_mbuf *payload_take(struct pkt *p)
{
    struct rte_mbuf *m = p->m;
    p->m = NULL;
    return text_payload_take(m, p->data_off);
}

void text_measure_mss(struct tcb *tcb, uint32_t len)
{
    uint32_t most = tcb->path.mtu > 40 ? tcb->path.mtu - 40u : len;
    tcb->rcv_mss = (uint16_t)RTE_MAX(RTE_MIN(len, most), (uint32_t)tcb->rcv_mss);
}

static void text_in_order(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    uint32_t len = p->data_len;
    if (unlikely(tcb->ecn != 0))
        ecn_data_arrived(t, tcb, p);
    text_queue_take(t, tcb, payload_take(p), len);
    if (unlikely(tcb->ooo != 0)) {
        bool hole = reassembly_has_hole(t, tcb);
        reassembly_deliver(t, tcb);
        tcb->ack_owed = 0; /* they were about a hole that is filled */
        if (hole)
            tcb->flags |= TCB_ACK_NOW; /* RFC5681-4.2 */
    }
    text_tell(t, tcb);
}

/* RFC5681-4.2: an immediate ACK for each, so that the sender can count.
 * RFC9293-MAY-13, RFC9293-SHLD-31 */
static void text_out_of_order(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    uint32_t len = p->data_len;
    text_measure(t, tcb, len);
    if (unlikely(tcb->ecn != 0))
        ecn_data_arrived(t, tcb, p);
    tcb->flags &= ~TCB_PINGPONG;
    options_quick_acks(t, tcb);
    reassembly_insert_take(t, tcb, p->tcp.seq, payload_take(p), len);
    if (tcb->ack_owed < UINT8_MAX)
        tcb->ack_owed++;
    tcb_touch(t, tcb);
}

/* Cuts off what was received before. */
static void trim_old(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (!seq_lt(p->tcp.seq, tcb->rcv_nxt))
        return;
    uint32_t old = RTE_MIN(tcb->rcv_nxt - p->tcp.seq, p->data_len);
    if (old == 0)
        return;
    options_quick_acks(t, tcb);
    reassembly_duplicate(t, tcb, p->tcp.seq, p->tcp.seq + old);
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
    p->tcp.seq += old;
    p->data_len -= old;
    p->m = mbuf_trim_front_take(p->m, p->data_off + old);
    p->data_off = 0;
}

/* Nobody will read it: RFC1122-4.2.2.13, the peer shall know by a RST. */
static bool text_after_close(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    bool fin_wait = tcb->state == TCP_S_FIN_WAIT_1 || tcb->state == TCP_S_FIN_WAIT_2;
    if (!fin_wait || !tcb_is(tcb, TCB_ORPHAN | TCB_SHUT_RD) || p->data_len == 0 ||
        !seq_gt(p->tcp.seq + p->data_len, tcb->rcv_nxt))
        return false;
    transmit_reset_for(t, p);
    tcb_end(t, tcb, ECONNRESET);
    return true;
}

/* Of what went beyond the window Linux tells with the delayed ACK, unless the buffer is full: the reader may
 * have made room by then, and the window is seen to open at once. */
static void ack_later(struct tcp *t, struct tcb *tcb)
{
    tcb->flags &= ~TCB_ACK_NOW;
    tcb->timers |= TIMER_DELACK_OWED;
    tcb_touch(t, tcb);
}

/* RFC9293-MUST-59 */
static enum step step_text(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (tcb->state != TCP_S_ESTABLISHED && tcb->state != TCP_S_FIN_WAIT_1 && tcb->state != TCP_S_FIN_WAIT_2) {
        if (p->data_len > 0 || (p->tcp.flags & TCP_FIN) != 0)
            duplicate_ack(t, tcb, p); /* the peer's FIN has come before: this is a retransmission */
        return STEP_END;
    }
    if (text_after_close(t, tcb, p))
        return STEP_END;
    trim_old(t, tcb, p);
    if (p->data_len == 0)
        return STEP_NEXT;
    if (p->tcp.seq != tcb->rcv_nxt) {
        text_out_of_order(t, tcb, p);
        return STEP_NEXT;
    }
    while (!rcv_queue_owes_room(t, tcb, mbuf_charge(p->m))) {
        if (reassembly_shed(t, tcb)) /* what is in order is worth more */
            continue;
        if (rcv_queue_is_capped(t, tcb, mbuf_charge(p->m)) && reassembly_shed_any(t))
            continue;
        tcb->flags |= TCB_ACK_NOW;
        tcb_touch(t, tcb);
        return step_drop(p, CNT_DROP_TCP_RCVBUF);
    }
    bool beyond = p->data_len > rcv_window_left(tcb);
    text_in_order(t, tcb, p);
    if (beyond && tcb->rcvq_charge <= tcb->rcvbuf)
        ack_later(t, tcb);
    return STEP_NEXT;
}

/* ---- eighth: FIN ---- */

/* A FIN right behind data may wait, as data does, for what the application makes of the end: most often a
 * FIN of its own, with which the ACK goes (RFC9293-3.8.6.3). After a silence, and behind a closed window
 * (who closed it reads slowly), it is answered at once.
 */
static void fin_schedule_ack(struct tcp *t, struct tcb *tcb)
{
    bool recent = tcp_msec(t->ctx->now) - tcb->last_data_rcv < t->ctx->tun->tcp_delack_ms;
    if (!recent || tcb->rcv_nxt - tcb->rcv_wup > tcb->rcv_mss || rcv_window_left(tcb) == 0)
        tcb->flags |= TCB_ACK_NOW;
    else
        tcb->timers |= TIMER_DELACK_OWED; /* the timer runs when nothing has carried it by then */
}

static void fin_take(struct tcp *t, struct tcb *tcb)
{
    tcb->rcv_nxt++;
    tcb->flags |= TCB_FIN_RCVD;
    tcb_touch(t, tcb);
    reassembly_purge(t, tcb);
    switch (tcb->state) {
    case TCP_S_ESTABLISHED:
        tcb_set_state(t, tcb, TCP_S_CLOSE_WAIT);
        fin_schedule_ack(t, tcb);
        break;
    case TCP_S_FIN_WAIT_1:
        tcb->flags |= TCB_ACK_NOW;
        tcb_set_state(t, tcb, TCP_S_CLOSING); /* our FIN is not acknowledged, or the fifth step had seen it */
        break;
    default: /* FIN-WAIT-2 */
        tcb->flags |= TCB_ACK_NOW;
        time_wait_enter(t, tcb);
        return;
    }
    tcb_notify(t, tcb, EPOLLIN | EPOLLRDHUP);
}

static void fin_too_early(struct tcp *t, struct tcb *tcb, const struct pkt *p, seq_t fin)
{
    reassembly_fin(t, tcb, fin);
    if (p->data_len > 0)
        return; /* its text has been answered */
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
}

static void step_fin(struct tcp *t, struct tcb *tcb, const struct pkt *p, seq_t fin)
{
    if ((p->tcp.flags & TCP_FIN) != 0 && !tcb_is(tcb, TCB_FIN_RCVD)) {
        if (fin == tcb->rcv_nxt)
            fin_take(t, tcb);
        else if (seq_gt(fin, tcb->rcv_nxt))
            fin_too_early(t, tcb, p, fin);
    } else if (reassembly_fin_due(t, tcb)) {
        fin_take(t, tcb);
    }
}

/* ---- in order ---- */

void input_steps_from_ack(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (ack_step(t, tcb, p) == STEP_END)
        return;
    if (step_urg(t, tcb, p) == STEP_END)
        return;
    seq_t fin = p->tcp.seq + p->data_len;
    if (step_text(t, tcb, p) == STEP_END)
        return;
    step_fin(t, tcb, p, fin);
}

/* In a simultaneous open the peer's SYN comes a second time, now with an ACK (figure 8). It lies left of
 * the window and is trimmed off; the ACK counts. */
static void trim_repeated_syn(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK) ||
        p->tcp.seq + 1 != tcb->rcv_nxt || !input_syn_is_out(t, tcb))
        return;
    p->tcp.flags &= (uint8_t)~TCP_SYN;
    p->tcp.seq++;
    p->tcp.window = (uint16_t)(p->tcp.window >> tcb->snd_wscale); /* in a SYN it is not scaled */
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
}

void input_steps(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    tcb->last_rcv = t->ctx->now_ms;
    trim_repeated_syn(t, tcb, p);
    if (step_paws(t, tcb, p) == STEP_END || step_sequence(t, tcb, p) == STEP_END)
        return;
    if (step_rst(t, tcb, p) == STEP_END || step_syn(t, tcb, p) == STEP_END)
        return;
    if (ack_is_credible(tcb, p)) /* else it is refused, and its timestamp with it */
        timestamp_update(t, tcb, p);
    input_steps_from_ack(t, tcb, p);
}
