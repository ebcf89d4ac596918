/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/scoreboard.h"

#include "tcp/rack.h"

/* Records looked at for one ACK beyond those that it newly covers. Honest blocks grow from what is known,
 * and need a few; where a search ends it goes on when the block is repeated, as RFC2018-4 has it. */
#define SACK_STEPS 256u
/* RFC 6675's counting from the top: far more than any reordering degree. */
#define COUNT_STEPS 1024u

struct board *board_get(struct tcp *t, struct tcb *tcb)
{
    if (tcb->board != 0)
        return board_at(t, tcb);
    tcb->board = slab_alloc(&t->boards);
    if (tcb->board == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return NULL;
    }
    struct board *b = board_at(t, tcb);
    b->lost_edge = tcb->snd_una;
    b->reo_mult = 1;
    return b;
}

/* ---- what was sent again ---- */

void again_remove(struct tcp *t, struct board *b, uint32_t i)
{
    struct snd_rec *r = snd_rec_at(t, i);
    if (!r->again)
        return;
    if (r->again_prev != 0)
        snd_rec_at(t, r->again_prev)->again_next = r->again_next;
    else
        b->again_head = r->again_next;
    if (r->again_next != 0)
        snd_rec_at(t, r->again_next)->again_prev = r->again_prev;
    else
        b->again_tail = r->again_prev;
    r->again = false;
    r->again_next = r->again_prev = 0;
}

void again_add(struct tcp *t, struct board *b, uint32_t i)
{
    again_remove(t, b, i);
    struct snd_rec *r = snd_rec_at(t, i);
    r->again = true;
    r->again_prev = b->again_tail;
    if (b->again_tail != 0)
        snd_rec_at(t, b->again_tail)->again_next = i;
    else
        b->again_head = i;
    b->again_tail = i;
}

/* ---- marks ---- */

void unmark(struct tcb *tcb, struct snd_rec *r, uint8_t flag, uint32_t *counter)
{
    if ((r->flags & flag) == 0)
        return;
    r->flags &= (uint8_t)~flag;
    (*counter)--;
}

void mark_lost(struct tcp *t, struct tcb *tcb, struct board *b, uint32_t i)
{
    struct snd_rec *r = snd_rec_at(t, i);
    if ((r->flags & SND_SACKED) != 0)
        return;
    unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
    if ((r->flags & SND_LOST) == 0) {
        r->flags |= SND_LOST;
        tcb->lost_out++;
    }
    if (b == NULL)
        return;
    again_remove(t, b, i);
    b->lost_total++;
    if (b->retrans_hint != 0 && seq_lt(r->seq, snd_rec_at(t, b->retrans_hint)->seq))
        b->retrans_hint = i;
}

void scoreboard_record_gone(struct tcp *t, struct board *b, uint32_t i)
{
    if (b->highest_sacked == i)
        b->highest_sacked = 0;
    if (b->sack_hint == i)
        b->sack_hint = 0;
    if (b->retrans_hint == i)
        b->retrans_hint = 0;
    if (b->rack_hint == i)
        b->rack_hint = 0;
    again_remove(t, b, i);
}

void scoreboard_renege(struct tcp *t, struct tcb *tcb, struct board *b)
{
    for (uint32_t i = tcb->sndq_head; i != 0 && rec_is_sent(tcb, snd_rec_at(t, i));
         i = snd_rec_at(t, i)->next)
        unmark(tcb, snd_rec_at(t, i), SND_SACKED, &tcb->sacked_out);
    count(&t->ctx->counters, CNT_TCP_SACK_RENEGED);
    if (b == NULL)
        return;
    b->highest_sacked = b->rack_hint = 0;
    for (unsigned k = 0; k < BOARD_BLOCKS; k++)
        b->block[k] = (struct board_block){tcb->snd_una, tcb->snd_una, 0};
}

/* ---- reordering ---- */

uint32_t scoreboard_reordering(const struct tcp *t, const struct board *b)
{
    return b != NULL && b->reordering != 0 ? b->reordering : t->ctx->tun->tcp_reordering;
}

void scoreboard_reordered(struct tcp *t, struct tcb *tcb, struct board *b, seq_t low)
{
    seq_t high = tcb->snd_una;
    if (tcb->sacked_out > 0)
        high = b->highest_sacked != 0 ? snd_rec_end(snd_rec_at(t, b->highest_sacked)) : tcb->snd_nxt;
    if (!seq_lt(low, high))
        return;
    uint32_t degree = (high - low + tcb->snd_mss - 1) / tcb->snd_mss;
    if (degree > scoreboard_reordering(t, b))
        b->reordering = (uint16_t)RTE_MIN(degree, t->ctx->tun->tcp_max_reordering);
    b->reord_seen++;
    count(&t->ctx->counters, CNT_TCP_REORDERED);
}

/* ---- SACK blocks ---- */

static void mark_sacked(struct tcp *t, struct tcb *tcb, struct board *b, uint32_t i, struct ack_event *e)
{
    struct snd_rec *r = snd_rec_at(t, i);
    uint32_t age = nsec_to_usec(t->ctx->now) - r->sent_at;
    rack_delivered(t, tcb, b, r, e);
    if ((r->flags & SND_EVER) == 0) {
        e->once = e->once || seq_leq(snd_rec_end(r), tcb->recover);
        if (e->sack_rtt_us < age)
            e->sack_rtt_us = age;
        e->sack_last_us = age;
        if (tcb->sndq_head != 0 && seq_lt(r->seq, e->low_sacked))
            e->low_sacked = r->seq;
    }
    unmark(tcb, r, SND_LOST, &tcb->lost_out);
    unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
    again_remove(t, b, i);
    r->flags |= SND_SACKED;
    tcb->sacked_out++;
    e->delivered++;
    e->sacked = true;
    if (b->highest_sacked == 0 || seq_gt(r->seq, snd_rec_at(t, b->highest_sacked)->seq))
        b->highest_sacked = i;
}

static bool block_lives(const struct tcb *tcb, const struct board_block *k)
{
    return k->last != 0 && seq_gt(k->right, tcb->snd_una);
}

/* The remembered block that has `seq` inside, or one that it would continue; NULL: none. */
static const struct board_block *block_around(const struct tcb *tcb, const struct board *b, seq_t seq)
{
    for (unsigned k = 0; k < BOARD_BLOCKS; k++) {
        const struct board_block *x = &b->block[k];
        if (block_lives(tcb, x) && seq_geq(seq, x->left) && seq_leq(seq, x->right))
            return x;
    }
    return NULL;
}

static void block_remember(const struct tcp *t, const struct tcb *tcb, struct board *b, seq_t left,
                           uint32_t last)
{
    seq_t right = snd_rec_end(snd_rec_at(t, last));
    struct board_block *to = NULL;
    for (unsigned k = 0; k < BOARD_BLOCKS; k++) {
        struct board_block *x = &b->block[k];
        bool inside = block_lives(tcb, x) && seq_geq(x->left, left) && seq_leq(x->right, right);
        if (inside && to != NULL)
            x->last = 0; /* swallowed */
        else if (inside)
            to = x;
    }
    if (to == NULL)
        to = &b->block[b->block_next++ % BOARD_BLOCKS];
    *to = (struct board_block){left, right, last};
}

static uint32_t distance(const struct tcp *t, uint32_t i, seq_t seq)
{
    int32_t d = (int32_t)(snd_rec_at(t, i)->seq - seq);
    return (uint32_t)(d < 0 ? -d : d);
}

static void nearer(const struct tcp *t, uint32_t i, seq_t seq, uint32_t *best)
{
    if (i != 0 && distance(t, i, seq) < distance(t, *best, seq))
        *best = i;
}

/* The first record at or after `left`, looked for from the nearest place known. 0: none, or too far. */
static uint32_t find(const struct tcp *t, const struct tcb *tcb, struct board *b, seq_t left, uint32_t *steps)
{
    uint32_t i = tcb->sndq_head;
    nearer(t, tcb->sndq_unsent != 0 ? snd_rec_at(t, tcb->sndq_unsent)->prev : tcb->sndq_tail, left, &i);
    nearer(t, b->highest_sacked, left, &i);
    nearer(t, b->sack_hint, left, &i);
    nearer(t, b->retrans_hint, left, &i);
    for (unsigned k = 0; k < BOARD_BLOCKS; k++)
        if (block_lives(tcb, &b->block[k]))
            nearer(t, b->block[k].last, left, &i);
    uint32_t next;
    for (; *steps > 0; (*steps)--, i = next) {
        const struct snd_rec *r = snd_rec_at(t, i);
        next = seq_lt(r->seq, left) ? r->next : r->prev;
        bool there = seq_geq(r->seq, left) && (next == 0 || seq_lt(snd_rec_at(t, next)->seq, left));
        if (there || next == 0)
            break;
    }
    b->sack_hint = i;
    return *steps > 0 && seq_geq(snd_rec_at(t, i)->seq, left) ? i : 0;
}

/* One block above snd_una. */
static void block_take(struct tcp *t, struct tcb *tcb, struct board *b, const struct sack_block *s,
                       struct ack_event *e, uint32_t *steps)
{
    const struct board_block *known = block_around(tcb, b, s->left);
    seq_t left = s->left;
    uint32_t last = 0, i;
    if (known != NULL) {
        if (seq_leq(s->right, known->right))
            return;
        left = known->left;
        last = known->last;
        i = snd_rec_at(t, last)->next;
    } else {
        i = find(t, tcb, b, s->left, steps);
    }
    while (i != 0 && *steps > 0 && rec_is_sent(tcb, snd_rec_at(t, i)) &&
           seq_leq(snd_rec_end(snd_rec_at(t, i)), s->right)) {
        if ((snd_rec_at(t, i)->flags & SND_SACKED) == 0) {
            mark_sacked(t, tcb, b, i, e);
        } else {
            (*steps)--;
            known = block_around(tcb, b, snd_rec_at(t, i)->seq);
            if (known != NULL && seq_gt(known->right, snd_rec_at(t, i)->seq) &&
                seq_leq(known->right, s->right))
                i = known->last;
        }
        last = i;
        i = snd_rec_at(t, i)->next;
    }
    if (last != 0) {
        b->sack_hint = last;
        block_remember(t, tcb, b, left, last);
    }
    if (*steps == 0)
        count(&t->ctx->counters, CNT_TCP_SACK_CUT);
}

/* RFC2883-4: the first block repeats what this ACK covers, or what the second block does. */
static bool is_dsack(const struct tcp_options *opt, seq_t ack)
{
    const struct sack_block *s = opt->sack;
    if (seq_lt(s[0].left, ack))
        return true;
    return opt->n_sack > 1 && seq_leq(s[0].right, s[1].right) && seq_geq(s[0].left, s[1].left);
}

/* RFC 3708, RFC8985-6.2 step 4: what it teaches is for rack.h and undo.h. */
static void dsack_take(struct tcp *t, struct tcb *tcb, struct board *b, const struct sack_block *s,
                       struct ack_event *e)
{
    uint32_t len = s->right - s->left, segments = 1;
    if (!seq_lt(s->left, s->right) || len > tcb->max_wnd)
        return;
    if (len > tcb->snd_mss)
        segments = (len + tcb->snd_mss - 1) / tcb->snd_mss;
    bool tlp = len <= tcb->snd_mss && b->tlp_out && b->tlp_end == s->right;
    b->dsack_dups += segments;
    if (b->dsack_dups > b->total_retrans) { /* more than was sent again: the network duplicates */
        count(&t->ctx->counters, CNT_TCP_DSACK_IGNORED);
        return;
    }
    count_add(&t->ctx->counters, CNT_TCP_DSACK, segments);
    e->dsack = true;
    e->dsack_tlp = tlp;
    e->delivered += segments;
    if (b->undo_armed && b->undo_left > 0 && seq_gt(s->right, b->undo_from))
        b->undo_left = (int32_t)segments < b->undo_left ? b->undo_left - (int32_t)segments : 0;
}

void scoreboard_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e)
{
    uint32_t steps = SACK_STEPS;
    unsigned k = 0;
    struct board *b = board_at(t, tcb);
    if (opt->n_sack == 0)
        return;
    if (is_dsack(opt, e->ack)) {
        k = 1;
        if (b != NULL)
            dsack_take(t, tcb, b, &opt->sack[0], e);
    }
    e->low_sacked = tcb->snd_nxt;
    seq_t high = b != NULL && b->highest_sacked != 0 ? snd_rec_at(t, b->highest_sacked)->seq : tcb->snd_una;
    for (; k < opt->n_sack && tcb->packets_out > 0; k++) {
        const struct sack_block *s = &opt->sack[k];
        if (!seq_lt(s->left, s->right) || seq_lt(s->left, tcb->snd_una) || seq_gt(s->right, tcb->snd_nxt)) {
            if (seq_gt(s->right, tcb->snd_una))
                count(&t->ctx->counters, CNT_TCP_SACK_DISCARDED);
            continue; /* of the past, or a lie about the future */
        }
        b = board_get(t, tcb);
        if (b == NULL)
            return;
        block_take(t, tcb, b, s, e, &steps);
    }
    if (e->sacked && seq_lt(e->low_sacked, high) &&
        (tcb->recovery != RECOVERY_LOSS || (b != NULL && b->undo_armed)))
        scoreboard_reordered(t, tcb, b, e->low_sacked);
    if (e->sack_rtt_us != 0 && tcb->sndq_head != 0)
        e->older = e->sack_rtt_us > nsec_to_usec(t->ctx->now) - snd_rec_at(t, tcb->sndq_head)->sent_at;
}

/* ---- RFC 6675 ---- */

void scoreboard_count_lost(struct tcp *t, struct tcb *tcb, struct board *b)
{
    uint32_t threshold = scoreboard_reordering(t, b), above = 0, i = b->highest_sacked;
    for (uint32_t steps = COUNT_STEPS; i != 0 && steps > 0; steps--, i = snd_rec_at(t, i)->prev) {
        const struct snd_rec *r = snd_rec_at(t, i);
        if (seq_lt(r->seq, b->lost_edge))
            return;
        above += (r->flags & SND_SACKED) != 0;
        if (above == threshold)
            break;
    }
    if (i == 0 || above < threshold)
        return;
    seq_t edge = snd_rec_at(t, i)->seq;
    for (i = snd_rec_at(t, i)->prev; i != 0 && seq_geq(snd_rec_at(t, i)->seq, b->lost_edge);
         i = snd_rec_at(t, i)->prev)
        if ((snd_rec_at(t, i)->flags & SND_LOST) == 0)
            mark_lost(t, tcb, b, i);
    b->lost_edge = edge;
}
