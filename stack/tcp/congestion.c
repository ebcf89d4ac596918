/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/congestion.h"

#include <errno.h>
#include <string.h>

#include "tcp/ecn.h"
#include "tcp/rtt.h"
#include "tcp/tcp_private.h"

/* In the order of the tunable's choices. */
static const struct congestion_ops *const congestion_table[] = {&congestion_cubic, &congestion_newreno};

#define CONGESTION_N (sizeof congestion_table / sizeof congestion_table[0])

uint8_t congestion_default(const struct tunables *tun)
{
    return tun->tcp_congestion_control < CONGESTION_N ? (uint8_t)tun->tcp_congestion_control
                                                      : CONGESTION_N - 1;
}

const struct congestion_ops *congestion_of(const struct tcb *tcb)
{
    return congestion_table[tcb->cong];
}

int congestion_find(const char *name, size_t len)
{
    for (size_t i = 0; i < CONGESTION_N; i++)
        if (strlen(congestion_table[i]->name) == len && memcmp(congestion_table[i]->name, name, len) == 0)
            return (int)i;
    return -ENOENT;
}

/* ---- what is remembered ---- */

struct cong *congestion_state(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->cong_state != 0 ? (struct cong *)slab_at(&t->congs, tcb->cong_state) : NULL;
}

/* NULL without memory: then cwnd does not grow. */
static struct cong *state_get(struct tcp *t, struct tcb *tcb)
{
    if (tcb->cong_state == 0) {
        tcb->cong_state = slab_alloc(&t->congs);
        if (tcb->cong_state == 0) {
            count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
            return NULL;
        }
        struct cong *fresh = congestion_state(t, tcb);
        fresh->used_since = fresh->unused_from = tcp_msec(t->ctx->now);
        fresh->used_until = tcb->snd_una;
    }
    struct cong *c = congestion_state(t, tcb);
    if (!c->started) {
        c->started = true;
        if (congestion_of(tcb)->init != NULL)
            congestion_of(tcb)->init(t, tcb, c);
    }
    return c;
}

static void algorithm_ends(struct tcp *t, struct tcb *tcb)
{
    struct cong *c = congestion_state(t, tcb);
    if (c == NULL || !c->started)
        return;
    if (congestion_of(tcb)->release != NULL)
        congestion_of(tcb)->release(t, tcb, c);
    memset(c->priv, 0, sizeof c->priv);
    c->credit = 0;
    c->started = false;
}

void congestion_release(struct tcp *t, struct tcb *tcb)
{
    if (tcb->cong_state == 0)
        return;
    algorithm_ends(t, tcb);
    slab_free(&t->congs, tcb->cong_state);
    tcb->cong_state = 0;
}

void congestion_choose(struct tcp *t, struct tcb *tcb, uint8_t index)
{
    if (index == tcb->cong)
        return;
    algorithm_ends(t, tcb);
    tcb->cong = index;
}

void congestion_start(struct tcp *t, struct tcb *tcb)
{
    congestion_release(t, tcb);
    tcb->cwnd = t->ctx->tun->tcp_initial_cwnd;
    tcb->ssthresh = CONGESTION_SSTHRESH_INFINITE;
}

static void tell(struct tcp *t, struct tcb *tcb, enum cong_event e, uint32_t value)
{
    struct cong *c = congestion_state(t, tcb);
    if (c != NULL && c->started && congestion_of(tcb)->on_event != NULL)
        congestion_of(tcb)->on_event(t, tcb, c, e, value);
}

/* ---- is the window in use? ---- */

/* The threshold remembers three quarters of a window that was once right (RFC2861-3.1). */
static void remember_window(struct tcb *tcb)
{
    uint32_t most = tcb->cwnd / 2 + tcb->cwnd / 4;
    if (tcb->recovery < RECOVERY_CWR && most > tcb->ssthresh)
        tcb->ssthresh = most;
}

/* Time without use since `from`, what was told before not counted. */
static void tell_unused(struct tcp *t, struct tcb *tcb, struct cong *c, uint32_t from)
{
    uint32_t now = tcp_msec(t->ctx->now);
    if ((int32_t)(c->unused_from - from) > 0)
        from = c->unused_from;
    if (now != from)
        tell(t, tcb, CONG_UNUSED, now - from);
    c->unused_from = now;
}

/* RFC5681-4.1, with RFC 2861's one halving for each RTO that was idle. */
static void restart_after_idle(struct tcp *t, struct tcb *tcb, uint32_t idle_ms)
{
    uint32_t rto_ms = rtt_rto_backed_off(t, tcb) / USEC_PER_MSEC, initial = t->ctx->tun->tcp_initial_cwnd;
    if (!t->ctx->tun->tcp_slow_start_after_idle || tcb->srtt == 0 || idle_ms <= rto_ms ||
        congestion_of(tcb)->control != NULL || tcb->cwnd <= initial)
        return;
    tell(t, tcb, CONG_IDLE_RESTART, idle_ms);
    remember_window(tcb);
    for (uint32_t left = idle_ms; left > rto_ms && tcb->cwnd > initial; left -= rto_ms)
        tcb->cwnd /= 2;
    if (tcb->cwnd < initial)
        tcb->cwnd = initial;
    struct cong *c = congestion_state(t, tcb);
    if (c != NULL) {
        c->used = 0;
        c->used_since = tcp_msec(t->ctx->now);
    }
    count(&t->ctx->counters, CNT_TCP_IDLE_RESTART);
}

void congestion_tx_start_known(struct tcp *t, struct tcb *tcb)
{
    struct cong *c = congestion_state(t, tcb);
    if (c != NULL)
        tell_unused(t, tcb, c, c->limited ? tcb->last_snd : c->used_since);
    restart_after_idle(t, tcb, t->ctx->now_ms - tcb->last_snd);
}

/* RFC2861-3.2: an application that for an RTO has not filled its window loses half of what it did
 * not use. */
static void application_limited(struct tcp *t, struct tcb *tcb, struct cong *c)
{
    uint32_t used = RTE_MAX(c->used, t->ctx->tun->tcp_initial_cwnd);
    if (tcb->recovery == RECOVERY_OPEN && used < tcb->cwnd) {
        remember_window(tcb);
        tcb->cwnd = (tcb->cwnd + used) / 2;
        count(&t->ctx->counters, CNT_TCP_APP_LIMITED);
    }
    c->used = 0;
    c->used_since = tcp_msec(t->ctx->now);
}

/* In slow start half of the window in use is use enough: it doubles anyway. */
static bool window_in_use(const struct tcb *tcb, const struct cong *c)
{
    return c->limited || (tcb->cwnd < tcb->ssthresh && tcb->cwnd < 2 * c->most_out);
}

void congestion_window_used(struct tcp *t, struct tcb *tcb, bool limited)
{
    struct cong *c = state_get(t, tcb);
    uint32_t now = tcp_msec(t->ctx->now);
    if (c == NULL)
        return;
    bool was_limited = c->limited;
    if (seq_geq(tcb->snd_una, c->used_until) || limited || (!c->limited && tcb->packets_out > c->most_out)) {
        c->limited = limited;
        c->most_out = tcb->packets_out;
        c->used_until = tcb->snd_nxt;
    }
    if (window_in_use(tcb, c)) {
        if (!was_limited && c->limited)
            tell_unused(t, tcb, c, c->used_since);
        c->used = 0;
        c->used_since = now;
        return;
    }
    c->used = RTE_MAX(c->used, tcb->packets_out);
    if (t->ctx->tun->tcp_slow_start_after_idle && congestion_of(tcb)->control == NULL &&
        now - c->used_since >= rtt_rto_backed_off(t, tcb) / USEC_PER_MSEC)
        application_limited(t, tcb, c);
}

/* ---- what recovery tells ---- */

void congestion_on_ack(struct tcp *t, struct tcb *tcb, const struct cong_ack *a)
{
    const struct congestion_ops *ops = congestion_of(tcb);
    struct cong *c = congestion_state(t, tcb);
    if (ops->control != NULL) {
        if ((c = state_get(t, tcb)) != NULL)
            ops->control(t, tcb, c, a);
        return;
    }
    if (c != NULL && a->acked > 0 && window_in_use(tcb, c) && (c = state_get(t, tcb)) != NULL)
        ops->on_ack(t, tcb, c, a);
}

void congestion_reduce(struct tcp *t, struct tcb *tcb)
{
    struct cong *c = state_get(t, tcb);
    tcb->ssthresh = congestion_of(tcb)->ssthresh(t, tcb, c);
    if (c != NULL)
        c->credit = 0;
    ecn_reduced(tcb);
}

void congestion_reduced(struct tcp *t, struct tcb *tcb)
{
    tcb->cwnd = tcb->ssthresh;
    struct cong *c = congestion_state(t, tcb);
    if (c != NULL)
        c->used_since = tcp_msec(t->ctx->now);
    tell(t, tcb, CONG_CWR_DONE, 0);
}

void congestion_on_timeout(struct tcp *t, struct tcb *tcb, bool first)
{
    if (first)
        congestion_reduce(t, tcb);
    tell(t, tcb, CONG_TIMEOUT, 0);
    tcb->cwnd = 1;
    struct cong *c = congestion_state(t, tcb);
    if (c == NULL)
        return;
    c->credit = 0;
    c->most_out = RTE_MAX(c->most_out, tcb->packets_out); /* with a window of one all of it is in use */
}

void congestion_undo(struct tcp *t, struct tcb *tcb, uint32_t prior_cwnd, uint32_t prior_ssthresh)
{
    struct cong *c = congestion_state(t, tcb);
    if (c != NULL && c->started && congestion_of(tcb)->undo != NULL)
        congestion_of(tcb)->undo(t, tcb, c);
    tcb->cwnd = RTE_MAX(tcb->cwnd, prior_cwnd);
    if (prior_ssthresh > tcb->ssthresh) {
        tcb->ssthresh = prior_ssthresh;
        ecn_unreduced(tcb);
    }
}

/* ---- for algorithms ---- */

uint32_t congestion_slow_start(struct tcb *tcb, uint32_t acked)
{
    uint32_t room = tcb->ssthresh > tcb->cwnd ? tcb->ssthresh - tcb->cwnd : 0;
    uint32_t grow = acked < room ? acked : room;
    tcb->cwnd += grow;
    return acked - grow;
}
