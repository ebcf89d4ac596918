/* SPDX-License-Identifier: BSD-3-Clause */
/* What must be true of every connection after every round, whatever the network did (RFC 9293 section 3.4
 * and the duties of the timers). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/world.h"

/* What a connection looked like a round ago. */
struct world_shadow {
    struct flow_key flow;
    uint64_t round;
    seq_t snd_una, rcv_nxt, rcv_edge;
    uint8_t state;
};

static const char *check_sender(const struct tcb *tcb)
{
    if (seq_gt(tcb->snd_una, tcb->snd_nxt))
        return "snd.una is beyond snd.nxt";
    if (seq_gt(tcb->snd_nxt, tcb->write_seq))
        return "snd.nxt is beyond what was written";
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

static const char *check_connection(struct world *w, struct host *h, const struct tcb *tcb, uint32_t index)
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
            wrong = check_receiver(tcb);
        if (wrong == NULL && s->round + 1 == w->rounds && s->state >= TCP_S_ESTABLISHED &&
            flow_key_eq(&s->flow, &tcb->flow))
            wrong = check_progress(tcb, s);
    } else if (!wheel_is_armed(&tcb->timer) && !tcb->touched) {
        wrong = "an opening connection has no timer";
    }
    *s = (struct world_shadow){tcb->flow, w->rounds, tcb->snd_una, tcb->rcv_nxt, tcb->rcv_wup + tcb->rcv_wnd,
                               tcb->state};
    return wrong;
}

static const char *check_half(struct world *w, struct host *h, const struct table_half *half, uint32_t from,
                              char *why)
{
    const struct tcp *t = &h->worker.tcp;
    for (uint32_t i = from; half->slot != NULL && i <= half->mask; i++) {
        conn_ref ref = half->slot[i].ref;
        if (conn_kind(ref) != CONN_TCB)
            continue;
        const struct tcb *tcb = tcb_at(t, conn_index(ref));
        const char *wrong = check_connection(w, h, tcb, conn_index(ref));
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
        const struct table *tb = &h->worker.tcp.table;
        if (check_half(w, h, &tb->cur, 0, why) != NULL || check_half(w, h, &tb->old, tb->moved, why) != NULL)
            return why;
    }
    return NULL;
}
