/* SPDX-License-Identifier: BSD-3-Clause */
/* CUBIC (RFC 9438): after a reduction the window returns along a cubic curve to where it was, stays there
 * for a while, and then probes faster and faster; never slower than Reno would. */
#include "tcp/cubic.h"

#include <assert.h>

#include "tcp/congestion.h"
#include "tcp/hystart.h"
#include "tcp/tcp_private.h"

#define ONE           (1u << CUBIC_Q)
#define BETA          717u /* 0.7, of 1024 as on Linux */
#define FAST          870u /* (1 + beta) / 2, of 1024: fast convergence, RFC9438-4.7 */
#define ALPHA_NUM     9u   /* alpha = 3 (1 - beta) / (1 + beta) = 9 / 17: as fast as Reno, RFC9438-4.3 */
#define ALPHA_DEN     17u
#define CREDIT_Q      20      /* credit and the Reno-friendly window: segments times 2^CREDIT_Q */
#define FAR_FROM_K_MS 200000u /* 0.4 t^3 is 3.2 million segments there: no window is larger */

/* One epoch of congestion avoidance, and what the last reduction left. */
struct cubic_epoch {
    uint32_t begun; /* ms; moves on when the application is the limit */
    uint32_t k_ms;
    uint32_t origin;     /* W_max of this curve, fixed point */
    uint32_t w_max;      /* window before the last reduction, fixed point; 0: none */
    uint32_t cwnd_prior; /* segments; the same without fast convergence */
    bool running;
    uint64_t w_est; /* CREDIT_Q */
};

struct cubic {
    struct cubic_epoch now, before; /* before the last reduction: restored when that was spurious */
    struct hystart hystart;
};

static_assert(sizeof(struct cubic) <= CONG_PRIVATE_WORDS * sizeof(uint64_t), "CONG_PRIVATE_WORDS");

static struct cubic *cubic_of(struct cong *c)
{
    return (struct cubic *)c->priv;
}

/* ---- arithmetic ---- */

uint32_t cubic_root(uint64_t v)
{
    uint64_t r = 0;
    for (unsigned bit = 22; bit-- > 0;) { /* (2^22)^3 is above 2^64 - 1 */
        uint64_t next = r | UINT64_C(1) << bit;
        if (next * next <= v / next)
            r = next;
    }
    return (uint32_t)r;
}

/* K = cbrt(below / C) seconds: in ms, cbrt(below * 2.5e9 / 2^CUBIC_Q). */
uint32_t cubic_k_ms(uint32_t below)
{
    return cubic_root((uint64_t)below * UINT64_C(2500000000) >> CUBIC_Q);
}

/* C (t - K)^3 with t in ms: 0.4e-9 * 2^CUBIC_Q = 512 / 1.25e9 a cubic millisecond. */
uint64_t cubic_window(uint32_t origin, uint32_t k_ms, uint64_t t_ms)
{
    uint64_t d = t_ms < k_ms ? k_ms - t_ms : t_ms - k_ms;
    if (d > FAR_FROM_K_MS)
        d = FAR_FROM_K_MS;
    uint64_t delta = d * d * d * 512 / 1250000000;
    if (t_ms >= k_ms)
        return origin + delta;
    return delta < origin ? origin - delta : 0;
}

/* ---- congestion avoidance ---- */

static void epoch_begin(struct cubic_epoch *e, uint32_t cwnd, uint32_t now)
{
    uint32_t window = cwnd << CUBIC_Q;
    e->running = true;
    e->begun = now;
    e->w_est = (uint64_t)cwnd << CREDIT_Q;
    e->origin = e->w_max > window ? e->w_max : window;
    e->k_ms = cubic_k_ms(e->origin - window);
}

/* What Reno's window would be, with an increase that makes up for the smaller decrease (RFC9438-4.3). */
static uint32_t reno_friendly(struct cubic_epoch *e, uint32_t cwnd, uint32_t acked)
{
    uint64_t earned = ((uint64_t)acked << CREDIT_Q) / cwnd;
    if (e->w_est >> CREDIT_Q < e->cwnd_prior)
        earned = earned * ALPHA_NUM / ALPHA_DEN;
    e->w_est += earned;
    return (uint32_t)(e->w_est >> (CREDIT_Q - CUBIC_Q));
}

static void avoid(struct tcp *t, struct tcb *tcb, struct cong *c, uint32_t acked)
{
    struct cubic_epoch *e = &cubic_of(c)->now;
    uint32_t now = tcp_msec(t->ctx->now), cwnd = tcb->cwnd, window = cwnd << CUBIC_Q;
    if (!e->running)
        epoch_begin(e, cwnd, now);
    uint32_t t_ms = now - e->begun, rtt_ms = (tcb->srtt >> 3) / (uint32_t)USEC_PER_MSEC;
    uint32_t friendly = reno_friendly(e, cwnd, acked);
    if (cubic_window(e->origin, e->k_ms, t_ms) < friendly) {
        tcb->cwnd = RTE_MAX(cwnd, friendly >> CUBIC_Q);
        return;
    }
    /* RFC9438-4.4, RFC9438-4.5: where the curve will be in a round trip, half as much again at most. */
    uint64_t target = cubic_window(e->origin, e->k_ms, (uint64_t)t_ms + rtt_ms);
    if (target > window + window / 2)
        target = window + window / 2;
    if (target < window)
        return;
    uint64_t credit = c->credit + (((target - window) * acked) << (CREDIT_Q - CUBIC_Q)) / cwnd;
    tcb->cwnd += (uint32_t)(credit >> CREDIT_Q);
    c->credit = (uint32_t)credit & ((1u << CREDIT_Q) - 1);
}

/* ---- slow start ---- */

/* What is left of `acked` for congestion avoidance. */
static uint32_t slow_start(struct tcp *t, struct tcb *tcb, struct cong *c, const struct cong_ack *a)
{
    struct hystart *h = &cubic_of(c)->hystart;
    if (tcb->ssthresh != CONGESTION_SSTHRESH_INFINITE || !t->ctx->tun->tcp_hystart)
        return congestion_slow_start(tcb, a->acked);
    bool was_css = h->css_rounds != 0;
    switch (hystart_on_ack(h, tcb->snd_una, tcb->snd_nxt, a->rtt_us)) {
    case HYSTART_SLOW_START:
        return congestion_slow_start(tcb, a->acked);
    case HYSTART_CSS:
        if (!was_css) {
            c->credit = 0;
            count(&t->ctx->counters, CNT_TCP_HYSTART_CSS);
        }
        c->credit += a->acked; /* segments, as long as this lasts */
        congestion_slow_start(tcb, c->credit / HYSTART_CSS_DIVISOR);
        c->credit %= HYSTART_CSS_DIVISOR;
        return 0;
    case HYSTART_DONE:
        break;
    }
    count(&t->ctx->counters, CNT_TCP_HYSTART_EXIT);
    tcb->ssthresh = tcb->cwnd;
    c->credit = 0;
    return a->acked;
}

static void cubic_on_ack(struct tcp *t, struct tcb *tcb, struct cong *c, const struct cong_ack *a)
{
    uint32_t acked = a->acked;
    if (tcb->cwnd < tcb->ssthresh)
        acked = slow_start(t, tcb, c, a);
    if (acked > 0)
        avoid(t, tcb, c, acked);
}

/* ---- reductions ---- */

static uint32_t cubic_ssthresh(struct tcp *t, struct tcb *tcb, struct cong *c)
{
    uint32_t cwnd = tcb->cwnd, reduced = (uint32_t)((uint64_t)cwnd * BETA >> 10);
    if (c != NULL) {
        struct cubic *q = cubic_of(c);
        q->before = q->now;
        bool less_than_before = cwnd << CUBIC_Q < q->now.w_max; /* somebody else needs room */
        q->now.w_max = less_than_before ? cwnd * FAST : cwnd << CUBIC_Q;
        q->now.cwnd_prior = cwnd;
        q->now.running = false;
    }
    return reduced > 2 ? reduced : 2;
}

static void cubic_on_event(struct tcp *t, struct tcb *tcb, struct cong *c, enum cong_event e, uint32_t value)
{
    struct cubic *q = cubic_of(c);
    uint32_t now = tcp_msec(t->ctx->now);
    switch (e) {
    case CONG_UNUSED: /* RFC9438-5.8: time in which the window was not probed does not count */
        if (q->now.running)
            q->now.begun += RTE_MIN(value, now - q->now.begun);
        break;
    case CONG_IDLE_RESTART:
        hystart_reset(&q->hystart);
        break;
    case CONG_TIMEOUT: /* RFC9438-4.8: the next curve begins where congestion avoidance will, K = 0 */
        q->now.running = false;
        q->now.w_max = 0;
        break;
    case CONG_CWR_DONE:
        break;
    }
}

/* RFC9438-4.9. */
static void cubic_undo(struct tcp *t, struct tcb *tcb, struct cong *c)
{
    cubic_of(c)->now = cubic_of(c)->before;
    hystart_reset(&cubic_of(c)->hystart);
}

const struct congestion_ops congestion_cubic = {
    .name = "cubic",
    .ssthresh = cubic_ssthresh,
    .on_ack = cubic_on_ack,
    .on_event = cubic_on_event,
    .undo = cubic_undo,
};
