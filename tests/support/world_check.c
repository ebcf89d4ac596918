/* SPDX-License-Identifier: BSD-3-Clause */
/* What must be true of every connection after every round, whatever the network did (RFC9293-3.4
 * and the duties of the timers). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/world.h"
#include "tcp/congestion.h"
#include "tcp/rcv_queue.h"
#include "tcp/recovery.h"
#include "tcp/snd_queue.h"

/* What a connection looked like a round ago. */
struct world_shadow {
    struct flow_key flow;
    uint64_t round;
    seq_t snd_una, rcv_nxt, rcv_edge;
    uint8_t state;
};

/* What all connections of an engine hold together. */
struct world_held {
    uint32_t records, boards, assemblies;
    uint64_t pinned;
};

/* The records say what the counters say, and they cover the stream from snd.una to what was written without
 * a gap. */
static const char *check_records(const struct tcp *t, const struct tcb *tcb, struct world_held *held)
{
    uint32_t out = 0, sacked = 0, lost = 0, retrans = 0, prev = 0;
    uint64_t charge = 0;
    bool unsent = false;
    seq_t seq = tcb->snd_una;
    for (uint32_t i = tcb->sndq_head; i != 0; prev = i, i = snd_rec_at(t, i)->next) {
        const struct snd_rec *r = snd_rec_at(t, i);
        held->records++;
        charge += (uint64_t)r->charge * SND_CHARGE_UNIT;
        if (r->prev != prev)
            return "the send queue's links do not fit";
        if (r->seq != seq)
            return "the send queue has a gap, or begins elsewhere than at snd.una";
        seq = snd_rec_end(r);
        unsent = unsent || i == tcb->sndq_unsent;
        if (unsent && (r->flags & (SND_SACKED | SND_LOST | SND_RETRANS | SND_EVER)) != 0)
            return "what was never sent is marked as SACKed, lost or sent again";
        if ((r->flags & SND_SACKED) != 0 && (r->flags & SND_LOST) != 0)
            return "a segment is SACKed and thought lost";
        if (unsent)
            continue;
        out++;
        sacked += (r->flags & SND_SACKED) != 0;
        lost += (r->flags & SND_LOST) != 0;
        retrans += (r->flags & SND_RETRANS) != 0;
    }
    if (prev != tcb->sndq_tail || (tcb->sndq_unsent != 0) != unsent)
        return "the send queue's ends are not in it";
    if (seq != tcb->write_seq)
        return "the send queue does not reach to what was written";
    if (charge != tcb->sndq_charge)
        return "the send queue is charged for something else than it holds";
    if (out != tcb->packets_out || lost != tcb->lost_out || retrans != tcb->retrans_out)
        return "packets_out, lost_out or retrans_out is not what the records say";
    if (tcb_is(tcb, TCB_SACK) && sacked != tcb->sacked_out)
        return "sacked_out is not what the records say";
    return NULL;
}

static const char *check_sender(const struct tcb *tcb)
{
    if (seq_gt(tcb->snd_una, tcb->snd_nxt))
        return "snd.una is beyond snd.nxt";
    if (seq_gt(tcb->snd_nxt, tcb->write_seq))
        return "snd.nxt is beyond what was written";
    /* Of a window that shrank more may be out than it holds, never more than was once offered; a FIN is sent
     * whatever the window. */
    if (tcb->snd_nxt - tcb->snd_una > tcb->max_wnd + 1)
        return "more is outstanding than the peer ever offered";
    if (tcb->sacked_out + tcb->lost_out > tcb->packets_out)
        return "more segments sacked and lost than in flight";
    if (tcb->retrans_out > tcb->packets_out)
        return "more segments retransmitted than in flight";
    if (tcb->cwnd == 0)
        return "the congestion window is zero";
    if (tcb->snd_una != tcb->write_seq && !tcb->touched && !wheel_is_armed(&tcb->timer))
        return "something waits to be sent or acknowledged and no timer is armed";
    return NULL;
}

static const char *check_receiver(const struct tcb *tcb)
{
    if (seq_gt(tcb->rcv_wup, tcb->rcv_nxt))
        return "rcv.wup is beyond rcv.nxt";
    if (seq_gt(tcb->copied_seq, tcb->rcv_nxt))
        return "more was read than received";
    uint32_t bytes = 0;
    for (const struct rte_mbuf *m = tcb->rcvq_head; m != NULL; m = m->next)
        bytes += m->data_len;
    if (bytes > rcv_queue_bytes(tcb))
        return "the receive queue holds more than was received";
    return NULL;
}

static const char *check_progress(const struct tcb *tcb, const struct world_shadow *before)
{
    if (seq_lt(tcb->snd_una, before->snd_una))
        return "snd.una went back";
    if (seq_lt(tcb->rcv_nxt, before->rcv_nxt))
        return "rcv.nxt went back";
    if (seq_lt(tcb->rcv_wup + tcb->rcv_wnd, before->rcv_edge))
        return "the receive window shrank";
    return NULL;
}

static const char *check_connection(struct world *w, struct host *h, const struct tcb *tcb, uint32_t index,
                                    struct world_held *held)
{
    if (index >= h->n_shadow) {
        uint32_t n = (index + 1) * 2;
        h->shadow = realloc(h->shadow, n * sizeof(*h->shadow));
        memset(h->shadow + h->n_shadow, 0, (n - h->n_shadow) * sizeof(*h->shadow));
        h->n_shadow = n;
    }
    struct world_shadow *s = &h->shadow[index];
    const char *wrong = NULL;
    if (tcb_synchronized(tcb)) {
        wrong = check_sender(tcb);
        if (wrong == NULL)
            wrong = check_records(&h->worker.tcp, tcb, held);
        if (wrong == NULL)
            wrong = check_receiver(tcb);
        if (wrong == NULL && s->round + 1 == w->rounds && s->state >= TCP_S_ESTABLISHED &&
            flow_key_eq(&s->flow, &tcb->flow))
            wrong = check_progress(tcb, s);
    } else if (!wheel_is_armed(&tcb->timer) && !tcb->touched) {
        wrong = "an opening connection has no timer";
    }
    if (wrong == NULL && !tcb_synchronized(tcb))
        wrong = check_records(&h->worker.tcp, tcb, held);
    held->boards += tcb->board != 0;
    held->assemblies += tcb->ooo != 0;
    held->pinned += tcb->rcvq_charge;
    *s = (struct world_shadow){tcb->flow, w->rounds, tcb->snd_una, tcb->rcv_nxt, tcb->rcv_wup + tcb->rcv_wnd,
                               tcb->state};
    return wrong;
}

/* Where nothing goes astray the connections hold all that is held. Blocks that ended keep what can still be
 * read. */
static const char *check_held(const struct host *h, const struct world_held *held, char *why)
{
    const struct tcp *t = &h->worker.tcp;
    if (held->records == t->records.in_use && held->boards == t->boards.in_use &&
        held->assemblies == t->assemblies.in_use && held->pinned <= t->pinned)
        return NULL;
    snprintf(why, WORLD_WHY,
             "host %u: the connections hold %u records, %u boards, %u assemblies and pin %lu bytes, but %u, "
             "%u, %u "
             "and %lu are taken",
             h->index, held->records, held->boards, held->assemblies, (unsigned long)held->pinned,
             t->records.in_use, t->boards.in_use, t->assemblies.in_use, (unsigned long)t->pinned);
    return why;
}

static const char *check_table(struct world *w, struct host *h, struct world_held *held, char *why)
{
    const struct tcp *t = &h->worker.tcp;
    for (uint32_t i = 0; i < t->table.cells; i++) {
        conn_ref ref = t->table.slot[i].ref;
        if (conn_kind(ref) != CONN_TCB)
            continue;
        const struct tcb *tcb = tcb_at(t, conn_index(ref));
        const char *wrong = check_connection(w, h, tcb, conn_index(ref), held);
        if (wrong == NULL)
            continue;
        snprintf(why, WORLD_WHY,
                 "host %u, port %u to %u, %s, at %.6f s: %s (una %u nxt %u written %u, rcv.nxt %u wup %u wnd "
                 "%u, out %u "
                 "sacked %u lost %u retrans %u, timers %x)",
                 h->index, tcb->flow.lport, tcb->flow.rport, tcb_state_name(tcb->state), (double)w->now / 1e9,
                 wrong, tcb->snd_una, tcb->snd_nxt, tcb->write_seq, tcb->rcv_nxt, tcb->rcv_wup, tcb->rcv_wnd,
                 tcb->packets_out, tcb->sacked_out, tcb->lost_out, tcb->retrans_out, tcb->timers);
        return why;
    }
    return NULL;
}

const char *world_check(struct world *w, char why[WORLD_WHY])
{
    for (unsigned i = 0; i < w->n_hosts; i++) {
        struct host *h = &w->host[i];
        if (!h->up)
            continue;
        struct world_held held = {0};
        if (check_table(w, h, &held, why) != NULL || check_held(h, &held, why) != NULL)
            return why;
    }
    return NULL;
}
