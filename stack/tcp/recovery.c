/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/recovery.h"

#include "tcp/congestion.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "tcp/timers.h"
#include "tcp/tlp.h"
#include "tcp/undo.h"

const struct board *recovery_board(const struct tcp *t, const struct tcb *tcb)
{
    return board_at(t, tcb);
}

void recovery_forget(struct tcp *t, struct tcb *tcb)
{
    if (tcb->board != 0)
        slab_free(&t->boards, tcb->board);
    tcb->board = 0;
}

/* Frees the board when nothing is dubious and nothing was learnt. */
static void forget_if_idle(struct tcp *t, struct tcb *tcb, const struct board *b)
{
    if (tcb->recovery == RECOVERY_OPEN && !b->tlp_out && tcb->sacked_out == 0 && b->total_retrans == 0 &&
        b->reord_seen == 0 && b->dsack_dups == 0)
        recovery_forget(t, tcb);
}

static bool in_reduction(const struct tcb *tcb)
{
    return tcb->recovery == RECOVERY_FAST || tcb->recovery == RECOVERY_CWR;
}

/* ---- without SACK: RFC 6582's reading of duplicate and partial ACKs ---- */

/* No more can have arrived than is outstanding and not lost. */
static void limit_duplicates(struct tcb *tcb)
{
    if (!tcb_is(tcb, TCB_SACK) && tcb->sacked_out + tcb->lost_out > tcb->packets_out)
        tcb->sacked_out = tcb->packets_out - tcb->lost_out;
}

/* Each duplicate ACK stands for one segment that has arrived. */
static void count_duplicate(struct tcb *tcb, struct ack_event *e)
{
    if (tcb_is(tcb, TCB_SACK) || !e->duplicate || tcb->sacked_out + tcb->lost_out >= tcb->packets_out)
        return;
    tcb->sacked_out++;
    e->delivered++;
}

static void uncount_duplicates(struct tcb *tcb, struct ack_event *e)
{
    uint32_t gone = e->acked > 0 ? e->acked - 1 : 0; /* the first one fills the hole */
    e->delivered = e->acked > tcb->sacked_out + 1 ? e->acked - tcb->sacked_out : 1;
    tcb->sacked_out -= gone < tcb->sacked_out ? gone : tcb->sacked_out;
    limit_duplicates(tcb);
}

static void judge_head(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    bool enough = tcb->recovery < RECOVERY_FAST && tcb->sacked_out >= scoreboard_reordering(t, b);
    bool partial = tcb->recovery == RECOVERY_FAST && e->advanced; /* section 3.2 step 3 */
    if (tcb->packets_out == 0 || !(enough || partial) ||
        (snd_rec_at(t, tcb->sndq_head)->flags & SND_LOST) != 0)
        return;
    mark_lost(t, tcb, b, tcb->sndq_head);
    limit_duplicates(tcb);
}

/* ---- what is lost ---- */

static void judge(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e)
{
    uint32_t retrans = tcb->retrans_out;
    if (!tcb_is(tcb, TCB_SACK)) {
        judge_head(t, tcb, b, e);
    } else if (!rack_is_on(t, tcb)) {
        if (e->sacked)
            scoreboard_count_lost(t, tcb, b);
    } else if (b->rack_advanced) {
        b->rack_advanced = 0;
        uint32_t wait = rack_detect(t, tcb, b);
        if (wait > 0) {
            timers_reorder(t, tcb, wait);
            e->timer_set = true;
        }
        e->lost_again = e->lost_again || tcb->retrans_out < retrans;
    }
}

/* ---- the window ---- */

/* RFC 6937: as much is sent as the reduction from prior_cwnd to ssthresh asks for, ACK by ACK. In slow
 * start's part one more than arrived, when snd_una moves and no new loss shows. */
static void prr_update(struct tcb *tcb, struct board *b, uint32_t delivered, bool progress)
{
    uint32_t pipe = congestion_in_flight(tcb);
    int64_t send;
    if (delivered == 0)
        return;
    b->prr_delivered += delivered;
    if (pipe > tcb->ssthresh) {
        uint64_t due = (uint64_t)tcb->ssthresh * b->prr_delivered + b->prior_cwnd - 1;
        send = (int64_t)(due / b->prior_cwnd) - b->prr_out;
    } else {
        send = (int64_t)b->prr_delivered - b->prr_out;
        if (send < (int64_t)delivered)
            send = delivered;
        send += progress;
        if (send > (int64_t)(tcb->ssthresh - pipe))
            send = tcb->ssthresh - pipe;
    }
    if (send < (b->prr_out == 0)) /* the fast retransmission itself always goes out */
        send = b->prr_out == 0;
    tcb->cwnd = RTE_MAX(pipe + (uint32_t)send, 1u);
}

/* ssthresh as it is worth now: what an undo goes back to. */
static uint32_t current_ssthresh(const struct tcb *tcb)
{
    uint32_t most = (tcb->cwnd >> 1) + (tcb->cwnd >> 2);
    return in_reduction(tcb) ? tcb->ssthresh : RTE_MAX(tcb->ssthresh, most);
}

static void reduction_begin(struct tcp *t, struct tcb *tcb, struct board *b)
{
    tcb->recover = tcb->snd_nxt;
    b->tlp_out = false;
    b->prior_cwnd = tcb->cwnd;
    b->prr_delivered = b->prr_out = 0;
    congestion_reduce(t, tcb);
}

static void reduction_end(struct tcp *t, struct tcb *tcb, const struct board *b)
{
    if (tcb->recovery == RECOVERY_CWR || b->undo_armed)
        congestion_reduced(t, tcb);
}

/* RFC3168-6.1.2: as if a segment were lost, but none is. */
static void enter_cwr(struct tcp *t, struct tcb *tcb, struct board *b)
{
    b->prior_ssthresh = 0;
    b->undo_armed = false;
    reduction_begin(t, tcb, b);
    tcb->recovery = RECOVERY_CWR;
    count(&t->ctx->counters, CNT_TCP_ECN_REDUCED);
}

static void enter_fast(struct tcp *t, struct tcb *tcb, struct board *b, bool ece)
{
    undo_clear_stamp(b);
    undo_arm(t, tcb, b);
    b->prior_ssthresh = 0;
    if (!in_reduction(tcb)) {
        if (!ece) /* congestion is a fact then, whatever became of the segments */
            b->prior_ssthresh = current_ssthresh(tcb);
        reduction_begin(t, tcb, b);
    }
    tcb->recovery = RECOVERY_FAST;
    b->rescued = false;
    count(&t->ctx->counters, CNT_TCP_FAST_RECOVERY);
}

static void grow(struct tcp *t, struct tcb *tcb, const struct board *b, const struct ack_event *e)
{
    /* What duplicates or SACKs told before grows nothing twice; where the network is known to reorder they
     * count as they come. */
    bool reorders = b != NULL && b->reordering > t->ctx->tun->tcp_reordering;
    struct cong_ack a = {e->delivered, e->rtt_us};
    if (e->acked > 0 || (reorders && e->sacked))
        congestion_on_ack(t, tcb, &a);
}

/* ---- the states ---- */

static bool sent_again(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->retrans_out > 0 ||
           (tcb->packets_out > 0 && (snd_rec_at(t, tcb->sndq_head)->flags & SND_EVER) != 0);
}

/* OPEN, or DISORDER while something is still dubious. */
static void keep_open(const struct tcp *t, struct tcb *tcb)
{
    bool dubious = tcb->sacked_out + tcb->lost_out > 0 || sent_again(t, tcb);
    enum recovery_state to = dubious ? RECOVERY_DISORDER : RECOVERY_OPEN;
    if (tcb->recovery != to)
        tcb->recover = tcb->snd_nxt;
    tcb->recovery = (uint8_t)to;
}

static void try_to_open(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if (!sent_again(t, tcb))
        undo_clear_stamp(b);
    if (e->ece && tcb->recovery != RECOVERY_CWR)
        enter_cwr(t, tcb, b);
    if (tcb->recovery != RECOVERY_CWR)
        keep_open(t, tcb);
}

void recovery_reduce_once(struct tcp *t, struct tcb *tcb, struct board *b)
{
    reduction_begin(t, tcb, b);
    tcb->recovery = RECOVERY_CWR;
    reduction_end(t, tcb, b);
    keep_open(t, tcb);
}

/* RFC6582-3.2 step 1: without SACK the duplicate ACKs of what was sent again needlessly must not
 * begin another recovery, so this one ends when something above `recover` is acknowledged. */
static bool held_by_duplicates(const struct tcp *t, struct tcb *tcb, struct board *b)
{
    if (tcb_is(tcb, TCB_SACK) || tcb->snd_una != tcb->recover)
        return false;
    if (!sent_again(t, tcb))
        undo_clear_stamp(b);
    return true;
}

/* All is acknowledged that was outstanding when it began. True: the state stays for now. */
static bool recovered(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if (undo_is_due(tcb, b, e)) {
        count(&t->ctx->counters, tcb->recovery == RECOVERY_LOSS ? CNT_TCP_UNDO_LOSS : CNT_TCP_UNDO_FULL);
        undo_reduction(t, tcb, b, false);
    } else if (b->reo_persist > 0) {
        b->reo_persist--; /* RFC8985-6.2 step 4: one more without DSACK */
    }
    if (held_by_duplicates(t, tcb, b))
        return true;
    tcb->recovery = RECOVERY_OPEN;
    return false;
}

static bool undo_by_dsack(struct tcp *t, struct tcb *tcb, struct board *b)
{
    if (!b->undo_armed || b->undo_left != 0)
        return false;
    b->reo_persist = (uint8_t)RTE_MIN(16, b->reo_persist + 1);
    undo_reduction(t, tcb, b, false);
    count(&t->ctx->counters, CNT_TCP_UNDO_DSACK);
    return true;
}

/* A partial ACK that the first transmission has caused: the hole was filled by a late segment. True: sit
 * still, until the retransmissions are through. */
static bool undo_partial(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e,
                         seq_t before)
{
    if (!undo_shown_by_echo(b, e))
        return false;
    scoreboard_reordered(t, tcb, b, before);
    if (tcb->retrans_out > 0)
        return true;
    if (!sent_again(t, tcb))
        undo_clear_stamp(b);
    undo_reduction(t, tcb, b, true);
    count(&t->ctx->counters, CNT_TCP_UNDO_PARTIAL);
    keep_open(t, tcb);
    return false;
}

static bool undo_loss(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e, bool frto)
{
    if (!frto && !undo_is_due(tcb, b, e))
        return false;
    undo_reduction(t, tcb, b, true);
    count(&t->ctx->counters, frto ? CNT_TCP_SPURIOUS_RTO : CNT_TCP_UNDO_LOSS);
    tcb->retries = 0;
    if (!held_by_duplicates(t, tcb, b) && (frto || tcb_is(tcb, TCB_SACK)))
        tcb->recovery = RECOVERY_OPEN;
    return true;
}

/* RFC5682-3.1, with what SACK tells. True: the ACK is dealt with. */
static bool frto_step(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if (e->once && undo_loss(t, tcb, b, e, true)) /* step 3b: what was never sent again has arrived */
        return true;
    if (seq_gt(tcb->snd_nxt, tcb->recover)) {
        if (e->sacked || e->duplicate)
            b->frto = false; /* step 3a: the loss was real */
    } else if (e->advanced && seq_lt(tcb->snd_una, tcb->recover)) {
        tcb->recover = tcb->snd_nxt;
        if (tcb->sndq_unsent != 0 && seq_gt(tcb->snd_una + tcb->snd_wnd, tcb->snd_nxt)) {
            b->new_first = true; /* step 2b */
            return true;
        }
        b->frto = false;
    }
    return false;
}

static void on_ack_loss(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e)
{
    if (e->advanced && undo_loss(t, tcb, b, e, false))
        return;
    if (b->frto && frto_step(t, tcb, b, e))
        return;
    if (seq_geq(tcb->snd_una, tcb->recover)) {
        recovered(t, tcb, b, e);
        return;
    }
    if (tcb_is(tcb, TCB_SACK))
        return;
    if (seq_gt(tcb->snd_nxt, tcb->recover) && e->duplicate)
        count_duplicate(tcb, e);
    else if (e->advanced)
        tcb->sacked_out = 0;
}

/* Recovery has just ended, or not yet begun. */
static void on_ack_calm(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e)
{
    if (e->advanced && !tcb_is(tcb, TCB_SACK))
        tcb->sacked_out = 0;
    count_duplicate(tcb, e);
    if (tcb->recovery <= RECOVERY_DISORDER)
        undo_by_dsack(t, tcb, b);
    judge(t, tcb, b, e);
    if (tcb->lost_out > 0)
        enter_fast(t, tcb, b, e->ece);
    else
        try_to_open(t, tcb, b, e);
}

static void on_ack_fast(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e, seq_t before)
{
    if (!e->advanced)
        count_duplicate(tcb, e);
    else if (undo_partial(t, tcb, b, e, before))
        return;
    if (undo_by_dsack(t, tcb, b))
        try_to_open(t, tcb, b, e);
    judge(t, tcb, b, e);
    if (tcb->recovery != RECOVERY_FAST && tcb->lost_out > 0)
        enter_fast(t, tcb, b, e->ece);
}

/* True: the state has ended, or is held, and the ACK is dealt with. */
static bool leave(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e)
{
    if (tcb->recovery == RECOVERY_OPEN)
        undo_clear_stamp(b);
    if (tcb->recovery <= RECOVERY_DISORDER || seq_lt(tcb->snd_una, tcb->recover))
        return false;
    if (tcb->recovery == RECOVERY_CWR && tcb->snd_una != tcb->recover) {
        reduction_end(t, tcb, b);
        tcb->recovery = RECOVERY_OPEN;
    } else if (tcb->recovery == RECOVERY_FAST) {
        if (!tcb_is(tcb, TCB_SACK))
            tcb->sacked_out = 0;
        if (recovered(t, tcb, b, e))
            return true;
        reduction_end(t, tcb, b);
    }
    return false;
}

/* RFC2018-8: the oldest record is SACKed, and yet the ACK stops before it. The peer has thrown
 * away what it had, or is about to say that it has not: it gets a little time. */
static bool reneging(struct tcp *t, struct tcb *tcb, struct ack_event *e)
{
    if (!e->advanced || tcb->packets_out == 0 || !tcb_is(tcb, TCB_SACK) ||
        (snd_rec_at(t, tcb->sndq_head)->flags & SND_SACKED) == 0)
        return false;
    timers_reneging(t, tcb);
    e->timer_set = true;
    return true;
}

static void on_ack_dubious(struct tcp *t, struct tcb *tcb, struct board *b, struct ack_event *e, seq_t before)
{
    if (reneging(t, tcb, e) || leave(t, tcb, b, e))
        return;
    if (tcb->recovery == RECOVERY_FAST) {
        on_ack_fast(t, tcb, b, e, before);
        return;
    }
    if (tcb->recovery == RECOVERY_LOSS) {
        on_ack_loss(t, tcb, b, e);
        judge(t, tcb, b, e);
        if (tcb->recovery != RECOVERY_OPEN && !e->lost_again)
            return;
    }
    on_ack_calm(t, tcb, b, e);
}

void recovery_on_ack(struct tcp *t, struct tcb *tcb, struct ack_event *e)
{
    struct board *b = board_at(t, tcb);
    bool dubious = tcb->recovery != RECOVERY_OPEN || tcb->sacked_out > 0;
    if (b == NULL && (dubious || e->ece || (e->duplicate && !tcb_is(tcb, TCB_SACK))))
        b = board_get(t, tcb);
    if (b == NULL) {
        if (!dubious)
            grow(t, tcb, NULL, e);
        return;
    }
    uint32_t lost = b->lost_total;
    seq_t before = tcb->snd_una - (e->advanced ? e->moved : 0);
    b->new_first = false;
    if (e->advanced && !tcb_is(tcb, TCB_SACK))
        uncount_duplicates(tcb, e);
    rack_adapt(t, tcb, b, e);
    tlp_on_ack(t, tcb, b, e);
    if (e->hole_filled)
        scoreboard_reordered(t, tcb, b, e->hole);
    if (e->ece)
        b->prior_ssthresh = 0;
    if (dubious || e->ece || e->duplicate || e->sacked || e->dsack)
        on_ack_dubious(t, tcb, b, e, before);
    if (in_reduction(tcb))
        prr_update(tcb, b, e->delivered, e->advanced && b->lost_total == lost);
    else
        grow(t, tcb, b, e);
    forget_if_idle(t, tcb, b);
}

void recovery_on_reorder_timeout(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_at(t, tcb);
    uint32_t lost = b != NULL ? b->lost_total : 0;
    if (b == NULL || !rack_is_on(t, tcb))
        return;
    rack_detect(t, tcb, b);
    if (b->lost_total == lost)
        return;
    count(&t->ctx->counters, CNT_TCP_RACK_TIMEOUT);
    if (tcb->recovery != RECOVERY_FAST) {
        enter_fast(t, tcb, b, false);
        prr_update(tcb, b, 1, false);
    }
    tcb_touch(t, tcb);
}

/* ---- after a time-out ---- */

/* With RACK what was sent a short time ago is not yet thought lost (RFC8985-6.3). */
static void mark_all_lost(struct tcp *t, struct tcb *tcb, struct board *b)
{
    uint32_t head = tcb->sndq_head;
    if (head != 0 && (snd_rec_at(t, head)->flags & SND_SACKED) != 0 && tcb_is(tcb, TCB_SACK)) {
        scoreboard_renege(t, tcb, b);
    } else if (!tcb_is(tcb, TCB_SACK)) {
        tcb->sacked_out = 0;
    }
    for (uint32_t i = head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i)); i = snd_rec_at(t, i)->next)
        if (i == head || b == NULL || !rack_is_on(t, tcb) || rack_expired(t, tcb, b, snd_rec_at(t, i)))
            mark_lost(t, tcb, b, i);
    if (b == NULL)
        return;
    b->retrans_hint = 0;
    b->lost_edge = tcb->snd_nxt;
}

/* RFC9293-MUST-19 */
void recovery_on_timeout(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_get(t, tcb);
    bool fresh = tcb->recovery < RECOVERY_FAST;
    bool first = tcb->recovery <= RECOVERY_DISORDER || seq_geq(tcb->snd_una, tcb->recover) ||
                 (tcb->recovery == RECOVERY_LOSS && tcb->retries == 0);
    bool many = tcb->recovery <= RECOVERY_DISORDER && tcb->sacked_out >= t->ctx->tun->tcp_reordering;
    mark_all_lost(t, tcb, b);
    if (first) {
        if (b != NULL) {
            b->prior_ssthresh = current_ssthresh(tcb);
            b->prior_cwnd = tcb->cwnd;
            undo_arm(t, tcb, b);
        }
    }
    congestion_on_timeout(t, tcb, first);
    if (b != NULL) {
        if (many) /* RFC 4653's thought: the degree of reordering was overestimated */
            b->reordering = 0;
        b->tlp_out = b->new_first = false;
        b->frto = t->ctx->tun->tcp_frto != 0 && (fresh || tcb->retries > 0);
    }
    tcb->cwnd = congestion_in_flight(tcb) + 1; /* what was sent a short time ago is still under way */
    tcb->recover = tcb->snd_nxt;
    tcb->recovery = RECOVERY_LOSS;
}

void recovery_on_too_big(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_at(t, tcb);
    for (uint32_t i = tcb->sndq_head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i));
         i = snd_rec_at(t, i)->next)
        if (snd_rec_at(t, i)->len > tcb->snd_mss)
            mark_lost(t, tcb, b, i);
    limit_duplicates(tcb);
}

/* ---- what an ACK brings ---- */

void recovery_acked(struct tcp *t, struct tcb *tcb, uint32_t i, struct ack_event *e)
{
    struct board *b = board_at(t, tcb);
    const struct snd_rec *r = snd_rec_at(t, i);
    if ((r->flags & (SND_EVER | SND_SACKED)) == 0)
        e->once = e->once || seq_leq(snd_rec_end(r), tcb->recover);
    if (b == NULL)
        return;
    if ((r->flags & SND_SACKED) == 0)
        rack_delivered(t, tcb, b, r, e);
    /* A hole below what is SACKED, filled without our help: reordering; judged when snd_una has moved. */
    if ((r->flags & (SND_EVER | SND_SACKED)) == 0 && !e->hole_filled && tcb->sacked_out > 0 &&
        tcb_is(tcb, TCB_SACK)) {
        e->hole_filled = b->highest_sacked == 0 || seq_lt(r->seq, snd_rec_at(t, b->highest_sacked)->seq);
        e->hole = r->seq;
    }
    scoreboard_record_gone(t, b, i);
}

void recovery_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e)
{
    if (!tcb_is(tcb, TCB_SACK))
        return;
    scoreboard_sack(t, tcb, opt, e);
}

void recovery_sent(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    if (in_reduction(tcb) && tcb->board != 0)
        board_at(t, tcb)->prr_out += n;
}
