/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/recovery.h"

#include "tcp/congestion.h"
#include "tcp/snd_queue.h"
#include "tcp/tcp_private.h"

static struct board *board_at(const struct tcp *t, const struct tcb *tcb)
{
    return (struct board *)slab_at(&t->boards, tcb->board);
}

/* NULL without memory: then only the retransmission timer recovers. */
static struct board *board_get(struct tcp *t, struct tcb *tcb)
{
    if (tcb->board == 0) {
        tcb->board = slab_alloc(&t->boards);
        if (tcb->board == 0) {
            count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
            return NULL;
        }
        board_at(t, tcb)->lost_edge = tcb->snd_una;
    }
    return board_at(t, tcb);
}

void recovery_forget(struct tcp *t, struct tcb *tcb)
{
    if (tcb->board != 0)
        slab_free(&t->boards, tcb->board);
    tcb->board = 0;
}

void recovery_record_gone(struct tcp *t, struct tcb *tcb, uint32_t index)
{
    if (tcb->board == 0)
        return;
    struct board *b = board_at(t, tcb);
    if (b->highest_sacked == index)
        b->highest_sacked = 0;
    if (b->sack_hint == index)
        b->sack_hint = 0;
    if (b->retrans_hint == index)
        b->retrans_hint = 0;
}

static bool rec_is_sent(const struct tcb *tcb, const struct snd_rec *r)
{
    return seq_lt(r->seq, tcb->snd_nxt);
}

static void mark_lost(struct tcb *tcb, struct snd_rec *r)
{
    if ((r->flags & (SND_LOST | SND_SACKED)) != 0)
        return;
    r->flags |= SND_LOST;
    tcb->lost_out++;
}

static void unmark(struct tcb *tcb, struct snd_rec *r, uint8_t flag, uint32_t *counter)
{
    if ((r->flags & flag) == 0)
        return;
    r->flags &= (uint8_t)~flag;
    (*counter)--;
}

/* ---- the scoreboard (RFC 2018, RFC 6675) ---- */

static void mark_sacked(struct tcp *t, struct tcb *tcb, struct board *b, uint32_t i, struct ack_event *e)
{
    struct snd_rec *r = snd_rec_at(t, i);
    if ((r->flags & SND_SACKED) != 0)
        return;
    unmark(tcb, r, SND_LOST, &tcb->lost_out);
    unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
    r->flags |= SND_SACKED;
    tcb->sacked_out++;
    e->delivered++;
    if (b->highest_sacked == 0 || seq_gt(r->seq, snd_rec_at(t, b->highest_sacked)->seq))
        b->highest_sacked = i;
}

/* The first record at or after `left`, looked for from where the last block ended. */
static uint32_t find_from_hint(const struct tcp *t, const struct tcb *tcb, const struct board *b, seq_t left)
{
    uint32_t i = b->sack_hint != 0 ? b->sack_hint : tcb->sndq_head;
    while (i != 0 && seq_gt(snd_rec_at(t, i)->seq, left))
        i = snd_rec_at(t, i)->prev;
    if (i == 0)
        i = tcb->sndq_head;
    while (i != 0 && seq_lt(snd_rec_at(t, i)->seq, left))
        i = snd_rec_at(t, i)->next;
    return i;
}

/* A block is believed only inside what is outstanding: what it says of acknowledged data is a DSACK
 * (RFC 2883), what it says of the future a lie. */
static bool block_is_valid(const struct tcb *tcb, const struct sack_block *s)
{
    return seq_lt(s->left, s->right) && seq_geq(s->left, tcb->snd_una) && seq_leq(s->right, tcb->snd_nxt);
}

void recovery_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e)
{
    if (!tcb_is(tcb, TCB_SACK) || tcb->packets_out == 0)
        return;
    for (unsigned k = 0; k < opt->n_sack; k++) {
        const struct sack_block *s = &opt->sack[k];
        if (!block_is_valid(tcb, s))
            continue;
        struct board *b = board_get(t, tcb);
        if (b == NULL)
            return;
        uint32_t i = find_from_hint(t, tcb, b, s->left);
        while (i != 0 && seq_leq(snd_rec_end(snd_rec_at(t, i)), s->right) &&
               rec_is_sent(tcb, snd_rec_at(t, i))) {
            mark_sacked(t, tcb, b, i, e);
            b->sack_hint = i;
            i = snd_rec_at(t, i)->next;
        }
    }
}

/* RFC 6675 IsLost(): enough segments above it have been SACKed. Records between the last edge and the new
 * one are looked at once. */
static void judge_sacked(struct tcp *t, struct tcb *tcb, struct board *b)
{
    uint32_t above = 0, i = b->highest_sacked;
    while (i != 0 && above < t->ctx->tun->tcp_dupack_threshold) {
        const struct snd_rec *r = snd_rec_at(t, i);
        if (seq_lt(r->seq, b->lost_edge))
            return;
        above += (r->flags & SND_SACKED) != 0;
        if (above < t->ctx->tun->tcp_dupack_threshold)
            i = r->prev;
    }
    if (i == 0)
        return;
    seq_t edge = snd_rec_at(t, i)->seq;
    for (i = snd_rec_at(t, i)->prev; i != 0 && seq_geq(snd_rec_at(t, i)->seq, b->lost_edge);
         i = snd_rec_at(t, i)->prev)
        mark_lost(tcb, snd_rec_at(t, i));
    b->lost_edge = edge;
}

/* Without SACK: no more can have arrived than is outstanding and not lost. */
static void limit_duplicates(struct tcb *tcb)
{
    if (!tcb_is(tcb, TCB_SACK) && tcb->sacked_out + tcb->lost_out > tcb->packets_out)
        tcb->sacked_out = tcb->packets_out - tcb->lost_out;
}

/* The oldest outstanding record is lost: RFC 6582's reading of duplicate and partial ACKs. */
static void judge_head(struct tcp *t, struct tcb *tcb, struct board *b)
{
    if (tcb->packets_out == 0)
        return;
    mark_lost(tcb, snd_rec_at(t, tcb->sndq_head));
    limit_duplicates(tcb);
    b->retrans_hint = 0;
}

/* Without SACK each duplicate ACK stands for one segment that has arrived. */
static void count_duplicate(struct tcb *tcb, struct ack_event *e)
{
    if (tcb->sacked_out + tcb->lost_out >= tcb->packets_out)
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

/* ---- the states ---- */

/* RFC 6937: as much is sent as the reduction from prior_cwnd to ssthresh asks for, ACK by ACK. */
static void prr_update(struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    uint32_t pipe = congestion_in_flight(tcb);
    int64_t send;
    b->prr_delivered += e->delivered;
    if (pipe > tcb->ssthresh) {
        uint64_t due = (uint64_t)tcb->ssthresh * b->prr_delivered + b->prior_cwnd - 1;
        send = (int64_t)(due / b->prior_cwnd) - b->prr_out;
    } else {
        send = (int64_t)b->prr_delivered - b->prr_out;
        if (send < (int64_t)e->delivered)
            send = e->delivered;
        if (e->advanced)
            send++;
        if (send > (int64_t)(tcb->ssthresh - pipe))
            send = tcb->ssthresh - pipe;
    }
    if (send < (b->prr_out == 0)) /* the fast retransmission itself always goes out */
        send = b->prr_out == 0;
    tcb->cwnd = RTE_MAX(pipe + (uint32_t)send, 1u);
}

static void enter_fast(struct tcp *t, struct tcb *tcb, struct board *b)
{
    tcb->recovery = RECOVERY_FAST;
    tcb->recover = tcb->snd_nxt;
    b->prior_cwnd = tcb->cwnd;
    b->prr_delivered = b->prr_out = 0;
    congestion_reduce(t, tcb);
    count(&t->ctx->counters, CNT_TCP_FAST_RECOVERY);
}

/* RFC3168-6.1.2: as if a segment were lost, but none is. */
static void enter_cwr(struct tcp *t, struct tcb *tcb, struct board *b)
{
    tcb->recovery = RECOVERY_CWR;
    tcb->recover = tcb->snd_nxt;
    b->prior_cwnd = tcb->cwnd;
    b->prr_delivered = b->prr_out = 0;
    congestion_reduce(t, tcb);
    count(&t->ctx->counters, CNT_TCP_ECN_REDUCED);
}

/* Of a reduction without loss the end is when something *above* is acknowledged: until then the peer may
 * not have seen that we have reduced, and goes on saying so. */
static bool is_over(const struct tcb *tcb)
{
    return tcb->recovery == RECOVERY_CWR ? seq_gt(tcb->snd_una, tcb->recover)
                                         : seq_geq(tcb->snd_una, tcb->recover);
}

static void leave(struct tcp *t, struct tcb *tcb)
{
    if (tcb->recovery == RECOVERY_FAST || tcb->recovery == RECOVERY_CWR)
        congestion_reduced(t, tcb);
    if (!tcb_is(tcb, TCB_SACK))
        tcb->sacked_out = 0;
    tcb->recovery = tcb->sacked_out != 0 ? RECOVERY_DISORDER : RECOVERY_OPEN;
}

static void grow(struct tcp *t, struct tcb *tcb, const struct ack_event *e)
{
    struct cong_ack a = {e->delivered,
                         e->rtt_us}; /* what duplicates or SACKs told before grew nothing twice */
    if (e->acked > 0)
        congestion_on_ack(t, tcb, &a);
}

static void judge(struct tcp *t, struct tcb *tcb, struct board *b)
{
    if (tcb_is(tcb, TCB_SACK))
        judge_sacked(t, tcb, b);
    else if (tcb->sacked_out >= t->ctx->tun->tcp_dupack_threshold && seq_gt(tcb->snd_una, tcb->recover))
        judge_head(t, tcb, b); /* RFC 6582 section 3.2 step 2 */
}

static void on_ack_calm(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    judge(t, tcb, b);
    if (tcb->lost_out > 0) {
        enter_fast(t, tcb, b);
        prr_update(tcb, b, e);
        return;
    }
    if (e->ece) {
        enter_cwr(t, tcb, b);
        prr_update(tcb, b, e);
        return;
    }
    tcb->recovery = tcb->sacked_out != 0 ? RECOVERY_DISORDER : RECOVERY_OPEN;
    grow(t, tcb, e);
}

static void on_ack_fast(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if (tcb_is(tcb, TCB_SACK))
        judge_sacked(t, tcb, b);
    else if (e->advanced)
        judge_head(t, tcb, b); /* a partial ACK: RFC 6582 section 3.2 step 3 */
    prr_update(tcb, b, e);
}

void recovery_on_ack(struct tcp *t, struct tcb *tcb, struct ack_event *e)
{
    if (tcb->recovery == RECOVERY_OPEN && tcb->sacked_out == 0 && !e->duplicate && !e->ece) {
        grow(t, tcb, e);
        return;
    }
    struct board *b = board_get(t, tcb);
    if (b == NULL)
        return;
    if (!tcb_is(tcb, TCB_SACK)) {
        if (e->advanced)
            uncount_duplicates(tcb, e);
        else if (e->duplicate && tcb->recovery != RECOVERY_LOSS)
            count_duplicate(tcb, e);
    }
    if (tcb->recovery >= RECOVERY_CWR && is_over(tcb))
        leave(t, tcb);
    switch (tcb->recovery) {
    case RECOVERY_FAST:
    case RECOVERY_CWR:
        on_ack_fast(t, tcb, b, e);
        break;
    case RECOVERY_LOSS:
        if (tcb_is(tcb, TCB_SACK))
            judge_sacked(t, tcb, b);
        grow(t, tcb, e);
        break;
    default:
        on_ack_calm(t, tcb, b, e);
        break;
    }
    if (tcb->recovery == RECOVERY_OPEN)
        recovery_forget(t, tcb);
}

/* The oldest record is SACKed and yet it timed out: the peer has thrown away what it had announced, which
 * RFC 2018 section 8 allows. Nothing that it said is worth anything now. */
static void forget_sacked_if_reneged(struct tcp *t, struct tcb *tcb)
{
    if (tcb->sndq_head == 0 || (snd_rec_at(t, tcb->sndq_head)->flags & SND_SACKED) == 0)
        return;
    for (uint32_t i = tcb->sndq_head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i));
         i = snd_rec_at(t, i)->next)
        unmark(tcb, snd_rec_at(t, i), SND_SACKED, &tcb->sacked_out);
    if (tcb->board != 0)
        board_at(t, tcb)->highest_sacked = 0;
    count(&t->ctx->counters, CNT_TCP_SACK_RENEGED);
}

void recovery_on_timeout(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_get(t, tcb);
    forget_sacked_if_reneged(t, tcb);
    bool first = tcb->recovery <= RECOVERY_DISORDER || seq_geq(tcb->snd_una, tcb->recover) ||
                 (tcb->recovery != RECOVERY_LOSS && tcb->retries == 0);
    congestion_on_timeout(t, tcb, first);
    if (!tcb_is(tcb, TCB_SACK))
        tcb->sacked_out = 0;
    /* RFC 2018 section 8: the receiver may have given up what it had SACKed. */
    bool reneged = tcb->sndq_head != 0 && (snd_rec_at(t, tcb->sndq_head)->flags & SND_SACKED) != 0;
    for (uint32_t i = tcb->sndq_head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i));
         i = snd_rec_at(t, i)->next) {
        struct snd_rec *r = snd_rec_at(t, i);
        unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
        if (reneged)
            unmark(tcb, r, SND_SACKED, &tcb->sacked_out);
        mark_lost(tcb, r);
    }
    if (b != NULL) {
        if (reneged)
            b->highest_sacked = 0;
        b->retrans_hint = 0;
        b->lost_edge = tcb->snd_nxt;
    }
    tcb->recover = tcb->snd_nxt;
    tcb->recovery = RECOVERY_LOSS;
}

void recovery_on_too_big(struct tcp *t, struct tcb *tcb)
{
    for (uint32_t i = tcb->sndq_head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i));
         i = snd_rec_at(t, i)->next) {
        struct snd_rec *r = snd_rec_at(t, i);
        if (r->len <= tcb->snd_mss)
            continue;
        unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
        mark_lost(tcb, r);
    }
    limit_duplicates(tcb);
    if (tcb->board != 0)
        board_at(t, tcb)->retrans_hint = 0;
}

uint32_t recovery_next(struct tcp *t, struct tcb *tcb)
{
    if (tcb->lost_out == tcb->retrans_out)
        return 0;
    struct board *b = tcb->board != 0 ? board_at(t, tcb) : NULL;
    uint32_t i = b != NULL && b->retrans_hint != 0 ? b->retrans_hint : tcb->sndq_head;
    for (; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i)); i = snd_rec_at(t, i)->next) {
        if ((snd_rec_at(t, i)->flags & (SND_LOST | SND_RETRANS)) != SND_LOST)
            continue;
        if (b != NULL)
            b->retrans_hint = i;
        return i;
    }
    return 0;
}

void recovery_sent(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    if ((tcb->recovery == RECOVERY_FAST || tcb->recovery == RECOVERY_CWR) && tcb->board != 0)
        board_at(t, tcb)->prr_out += n;
}
