/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/timers.h"

#include <errno.h>

#include "tcp/congestion.h"
#include "tcp/output.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/snd_queue.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "tcp/tlp.h"

#define STARVED_RETRY_US 10000u
#define RENEGING_US      10000u /* least; else half a round trip, as on Linux */

/* ---- ticks ---- */

static inline uint64_t timers_tick_after(nsec_t from, uint64_t delay_us)
{
    nsec_t at = from + delay_us * NSEC_PER_USEC;
    return (at + ((nsec_t)1 << WHEEL_TICK_SHIFT) - 1) >> WHEEL_TICK_SHIFT;
}

static inline uint64_t timers_tick64(const struct tcp *t, uint64_t delay_us)
{
    return timers_tick_after(t->ctx->now, delay_us);
}

uint32_t timers_tick(const struct tcp *t, uint64_t delay_us)
{
    return (uint32_t)timers_tick64(t, delay_us);
}

bool timers_tick_passed(const struct tcp *t, uint32_t tick)
{
    return (int32_t)(tick - (uint32_t)(t->ctx->now >> WHEEL_TICK_SHIFT)) <= 0;
}

uint64_t timers_tick_nsec(const struct tcp *t, uint32_t tick)
{
    uint64_t now = t->ctx->now >> WHEEL_TICK_SHIFT;
    int32_t ahead = (int32_t)(tick - (uint32_t)now);
    return (now + (uint64_t)(ahead > 0 ? ahead : 0)) << WHEEL_TICK_SHIFT;
}

/* ---- deadlines ---- */

static uint32_t *deadline_of(struct tcb *tcb, unsigned which)
{
    return which == TIMER_REXMT ? &tcb->rexmt_at : which == TIMER_DELACK ? &tcb->delack_at : &tcb->slow_at;
}

void timers_start(struct tcp *t, struct tcb *tcb, unsigned which, uint64_t delay_us)
{
    uint64_t tick = timers_tick64(t, delay_us);
    *deadline_of(tcb, which) = (uint32_t)tick;
    tcb->timers = (uint8_t)((which == TIMER_REXMT ? tcb->timers & ~TIMER_REXMT_OWED : tcb->timers) | which);
    if (!wheel_is_armed(&tcb->timer) || tick < tcb->timer.tick)
        wheel_arm(&t->ctx->wheel, &tcb->timer, tick << WHEEL_TICK_SHIFT);
}

void timers_stop(struct tcb *tcb, unsigned which)
{
    tcb->timers &= (uint8_t)~which;
}

void timers_stop_all(struct tcp *t, struct tcb *tcb)
{
    tcb->timers = 0;
    tcb->rexmt_kind = REXMT_NONE;
    wheel_cancel(&t->ctx->wheel, &tcb->timer);
}

static void timers_rearm(struct tcp *t, struct tcb *tcb)
{
    nsec_t earliest = NSEC_NEVER;
    for (unsigned which = TIMER_REXMT; which <= TIMER_SLOW; which <<= 1) {
        if ((tcb->timers & which) == 0)
            continue;
        nsec_t at = timers_tick_nsec(t, *deadline_of(tcb, which));
        if (at < earliest)
            earliest = at;
    }
    if (earliest != NSEC_NEVER && (!wheel_is_armed(&tcb->timer) || earliest < wheel_deadline(&tcb->timer)))
        wheel_arm(&t->ctx->wheel, &tcb->timer, earliest);
}

/* ---- what happened ---- */

static uint32_t since_first_retransmission_ms(const struct tcp *t, const struct tcb *tcb)
{
    int32_t ms = (int32_t)(tcp_msec(t->ctx->now) - tcb->retrans_since); /* which is odd, perhaps 1 ahead */
    return tcb->retrans_since == 0 || ms < 0 ? 0 : (uint32_t)ms;
}

/* TCP_USER_TIMEOUT (RFC 5482) ends the connection on time: no wait reaches beyond it, as on Linux. */
static uint64_t clamp_to_user_timeout(const struct tcp *t, const struct tcb *tcb, uint64_t delay_us)
{
    uint32_t user_ms = opts_of(t, tcb)->user_timeout_ms;
    if (likely(user_ms == 0) || tcb->retrans_since == 0)
        return delay_us;
    uint32_t passed = since_first_retransmission_ms(t, tcb);
    uint64_t left_us = passed < user_ms ? (uint64_t)(user_ms - passed) * USEC_PER_MSEC : USEC_PER_MSEC;
    return RTE_MIN(delay_us, left_us);
}

static void rexmt_start(struct tcp *t, struct tcb *tcb, enum rexmt_kind kind)
{
    uint64_t delay_us = rtt_rto_backed_off(t, tcb);
    tcb->rexmt_kind = (uint8_t)kind;
    if (unlikely(tcb->retrans_since != 0))
        delay_us = clamp_to_user_timeout(t, tcb, delay_us);
    timers_start(t, tcb, TIMER_REXMT, delay_us);
}

/* Until the retransmission timer is due that runs since the oldest segment was sent; at least 1 us. */
static uint32_t rto_left_us(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t rto = rtt_rto_backed_off(t, tcb);
    uint32_t age = nsec_to_usec(t->ctx->now) - snd_rec_at(t, tcb->sndq_head)->sent_at;
    return age < rto ? rto - age : 1;
}

/* The probe's timer, where one may be sent; never later than `rto_us`. */
static __rte_always_inline bool probe_start(struct tcp *t, struct tcb *tcb, uint32_t rto_us)
{
    if (!tlp_may_probe(t, tcb))
        return false;
    uint32_t us = tlp_timeout(t, tcb);
    tcb->rexmt_kind = REXMT_PROBE;
    timers_start(t, tcb, TIMER_REXMT, us < rto_us ? us : rto_us);
    return true;
}

void timers_data_sent(struct tcp *t, struct tcb *tcb)
{
    if (probe_start(t, tcb, rto_left_us(t, tcb)))
        return;
    if (tcb->rexmt_kind == REXMT_PROBE)
        timers_retransmission(t, tcb);
    else if (tcb->rexmt_kind != REXMT_RTO && tcb->rexmt_kind != REXMT_REORDER)
        rexmt_start(t, tcb, REXMT_RTO);
}

/* The probe's timer of a single segment runs for tcp_rto_min_ms at least; where the node fires within that
 * time, most often after the ACK has come, the deadline need not be worked out now. */
static inline bool probe_owe(struct tcp *t, struct tcb *tcb)
{
    uint64_t least = timers_tick64(t, t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC);
    if (unlikely(tcb->srtt == 0 || !wheel_is_armed(&tcb->timer) || tcb->timer.tick > least))
        return false;
    tcb->rexmt_kind = REXMT_PROBE;
    tcb->rexmt_at = (uint32_t)t->ctx->now;
    tcb->timers |= TIMER_REXMT_ANY;
    return true;
}

void timers_settle_owed(struct tcp *t, struct tcb *tcb)
{
    uint32_t age_us = t->ctx->now_us - snd_rec_at(t, tcb->sndq_head)->sent_at;
    nsec_t about = t->ctx->now - age_us * NSEC_PER_USEC; /* within a microsecond */
    nsec_t sent = about + (nsec_t)(int32_t)(tcb->rexmt_at - (uint32_t)about);
    uint32_t rto = rtt_rto_backed_off(t, tcb), probe = tlp_timeout_single(t, tcb);
    tcb->rexmt_at = (uint32_t)timers_tick_after(sent, RTE_MIN(rto, probe));
    tcb->timers &= (uint8_t)~TIMER_REXMT_OWED;
}

void timers_first_sent(struct tcp *t, struct tcb *tcb)
{
    if (likely(tlp_may_probe(t, tcb) && probe_owe(t, tcb)))
        return;
    if (unlikely(!probe_start(t, tcb, rtt_rto_backed_off(t, tcb))))
        timers_data_sent(t, tcb);
}

void timers_data_acked(struct tcp *t, struct tcb *tcb)
{
    if (tcb->packets_out == 0) {
        timers_all_acked(tcb);
    } else if (!probe_start(t, tcb, rtt_rto_backed_off(t, tcb))) {
        if (tcb->rexmt_kind == REXMT_PROBE || tcb->rexmt_kind == REXMT_REORDER)
            timers_retransmission(t, tcb);
        else
            rexmt_start(t, tcb, REXMT_RTO);
    }
}

void timers_head_resent(struct tcp *t, struct tcb *tcb)
{
    if (tcb->rexmt_kind != REXMT_REORDER)
        rexmt_start(t, tcb, REXMT_RTO);
}

void timers_probe_sent(struct tcp *t, struct tcb *tcb)
{
    rexmt_start(t, tcb, REXMT_RTO);
}

void timers_retransmission(struct tcp *t, struct tcb *tcb)
{
    if (tcb->packets_out == 0)
        return;
    tcb->rexmt_kind = REXMT_RTO;
    timers_start(t, tcb, TIMER_REXMT, rto_left_us(t, tcb));
}

void timers_reorder(struct tcp *t, struct tcb *tcb, uint32_t us)
{
    tcb->rexmt_kind = REXMT_REORDER;
    timers_start(t, tcb, TIMER_REXMT, us);
}

void timers_reneging(struct tcp *t, struct tcb *tcb)
{
    uint32_t us = tcb->srtt >> 4;
    tcb->rexmt_kind = REXMT_RTO;
    timers_start(t, tcb, TIMER_REXMT, us > RENEGING_US ? us : RENEGING_US);
}

void timers_starved(struct tcp *t, struct tcb *tcb)
{
    if (tcb->rexmt_kind != REXMT_NONE)
        return;
    tcb->rexmt_kind = REXMT_STARVED;
    timers_start(t, tcb, TIMER_REXMT, STARVED_RETRY_US);
}

void timers_window_closed(struct tcp *t, struct tcb *tcb)
{
    if (tcb->rexmt_kind == REXMT_NONE || tcb->rexmt_kind == REXMT_STARVED)
        rexmt_start(t, tcb, REXMT_PERSIST);
}

void timers_ack_delayed(struct tcp *t, struct tcb *tcb)
{
    tcb->timers &= (uint8_t)~TIMER_DELACK_OWED;
    if ((tcb->timers & TIMER_DELACK) == 0)
        timers_start(t, tcb, TIMER_DELACK, (uint64_t)t->ctx->tun->tcp_delack_ms * USEC_PER_MSEC);
}

/* RFC9293-MUST-24, RFC9293-MUST-25, RFC9293-MUST-27, RFC9293-MUST-28, RFC9293-MAY-5 */
void timers_keepalive(struct tcp *t, struct tcb *tcb)
{
    tcb->ka_probes = 0;
    if (!tcb_synchronized(tcb) || tcb_is(tcb, TCB_ORPHAN))
        return;
    if (tcb_is(tcb, TCB_KEEPALIVE))
        timers_start(t, tcb, TIMER_SLOW, (uint64_t)opts_of(t, tcb)->keepidle * USEC_PER_SEC);
    else
        timers_stop(tcb, TIMER_SLOW);
}

void timers_orphan_fin_wait_2(struct tcp *t, struct tcb *tcb)
{
    timers_start(t, tcb, TIMER_SLOW, (uint64_t)opts_fin_timeout_s(t, tcb) * USEC_PER_SEC);
}

/* ---- retransmission ---- */

/* How long `n` time-outs take that start at the floor and double up to the maximum: RFC 1122's R2 in
 * Linux's reading, so that a fast path and a slow one give up after as many seconds. */
static uint64_t model_timeout_ms(const struct tcp *t, const struct tcb *tcb, uint32_t n)
{
    uint64_t rto = t->ctx->tun->tcp_rto_min_ms, max = opts_rto_max_us(t, tcb) / USEC_PER_MSEC, sum = 0;
    for (uint32_t i = 0; i <= n; i++) {
        sum += rto;
        rto = RTE_MIN(rto * 2, max);
    }
    return sum;
}

static uint32_t orphan_retries(const struct tcp *t)
{
    return t->ctx->tun->tcp_orphan_retries != 0 ? t->ctx->tun->tcp_orphan_retries : 8;
}

/* RFC9293-MUST-20, RFC9293-MUST-21, RFC9293-MUST-22, RFC9293-MUST-23, RFC9293-SHLD-10, RFC9293-SHLD-11,
 * RFC9293-SHLD-17 */
static bool retransmission_hopeless(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t user_ms = opts_of(t, tcb)->user_timeout_ms;
    if (tcb->state == TCP_S_SYN_SENT && tcb->retries >= opts_syn_retries(t, tcb))
        return true;
    if (user_ms != 0)
        return tcb->retries > 0 && since_first_retransmission_ms(t, tcb) >= user_ms;
    if (tcb->state == TCP_S_SYN_SENT)
        return false;
    if (tcb->state == TCP_S_SYN_RECEIVED)
        return tcb->retries >= t->ctx->tun->tcp_synack_retries;
    if (tcb_is(tcb, TCB_ORPHAN) && tcb->retries >= orphan_retries(t))
        return true;
    /* A peer that has taken its window back after the data left, but answers, keeps us waiting like one that
     * never opened it (RFC9293-MUST-37; Linux). */
    if (tcb->snd_wnd == 0 && !tcb_is(tcb, TCB_ORPHAN) &&
        tcp_msec(t->ctx->now) - tcb->last_rcv <= RTT_RTO_MAX_US / USEC_PER_MSEC)
        return false;
    return tcb->retries > 0 &&
           since_first_retransmission_ms(t, tcb) >= model_timeout_ms(t, tcb, t->ctx->tun->tcp_retries2);
}

static void give_up(struct tcp *t, struct tcb *tcb)
{
    count(&t->ctx->counters, CNT_TCP_TIMEOUTS_FATAL);
    tcb_end(t, tcb, tcb->soft_error != 0 ? tcb->soft_error : ETIMEDOUT);
}

/* RFC6298-5.4 to (5.7). */
static void retransmission_timeout(struct tcp *t, struct tcb *tcb)
{
    if (tcb->packets_out == 0)
        return;
    if (retransmission_hopeless(t, tcb)) {
        give_up(t, tcb);
        return;
    }
    count(&t->ctx->counters, CNT_TCP_RTO);
    recovery_on_timeout(t, tcb);
    if (tcb->retries < UINT8_MAX)
        tcb->retries++;
    if (tcb->backoff < 20)
        tcb->backoff++;
    if (tcb->retrans_since == 0)
        tcb->retrans_since = tcp_msec_mark(t->ctx->now);
    /* A path that lost everything may have moved. */
    if (tcb->retries >= 3)
        tcb->path.valid = false;
    rexmt_start(t, tcb, REXMT_RTO);
    tcb_touch(t, tcb);
}

/* RFC9293-3.8.6.1, RFC1122-4.2.2.17: as long as the peer answers it may keep us waiting.
 * RFC9293-MUST-36, RFC9293-SHLD-29, RFC9293-SHLD-30 */
static void window_probe_timeout(struct tcp *t, struct tcb *tcb)
{
    if (tcb->packets_out != 0 || tcb->sndq_unsent == 0)
        return;
    bool orphan = tcb_is(tcb, TCB_ORPHAN);
    uint32_t max = orphan ? orphan_retries(t) : t->ctx->tun->tcp_retries2;
    uint32_t user_ms = opts_of(t, tcb)->user_timeout_ms;
    if (tcb->retrans_since == 0)
        tcb->retrans_since = tcp_msec_mark(t->ctx->now);
    /* Nobody waits for an orphan: a window that stays closed through the longest back-off ends it, as on
     * Linux. */
    bool stuck = orphan && tcb->backoff >= max && rtt_rto_backed_off(t, tcb) >= opts_rto_max_us(t, tcb);
    if (stuck || tcb->retries >= max || (user_ms != 0 && since_first_retransmission_ms(t, tcb) >= user_ms)) {
        give_up(t, tcb);
        return;
    }
    tcb->retries++;
    if (tcb->backoff < t->ctx->tun->tcp_retries2)
        tcb->backoff++;
    output_probe(t, tcb);
    if (tcb->packets_out == 0) /* else data went, and waits for its own ACK */
        rexmt_start(t, tcb, REXMT_PERSIST);
    tcb_touch(t, tcb); /* in case that the window is open and only a buffer was missing */
}

static void rexmt_timeout(struct tcp *t, struct tcb *tcb)
{
    enum rexmt_kind kind = (enum rexmt_kind)tcb->rexmt_kind;
    tcb->rexmt_kind = REXMT_NONE;
    if (kind == REXMT_RTO) {
        retransmission_timeout(t, tcb);
    } else if (kind == REXMT_PERSIST) {
        window_probe_timeout(t, tcb);
    } else if (kind == REXMT_PROBE) {
        tlp_send(t, tcb);
    } else if (kind == REXMT_REORDER) {
        recovery_on_reorder_timeout(t, tcb);
        timers_retransmission(t, tcb);
    } else if (kind == REXMT_STARVED) {
        tcb->flags &= ~TCB_NO_SPACE;
        tcb_notify(t, tcb, EPOLLOUT);
    }
}

/* ---- the others ---- */

static void delack_timeout(struct tcp *t, struct tcb *tcb)
{
    tcb->flags = (tcb->flags | TCB_ACK_NOW) & ~TCB_PINGPONG; /* it was not the reply that came */
    tcb_touch(t, tcb);
}

/* RFC9293-3.8.4. (RFC9293-MUST-26, RFC9293-MUST-29, RFC9293-SHLD-12) */
static void keepalive_timeout(struct tcp *t, struct tcb *tcb)
{
    const struct tcp_opts *o = opts_of(t, tcb);
    uint64_t idle_us = (uint64_t)o->keepidle * USEC_PER_SEC;
    uint64_t quiet_us = (uint64_t)(tcp_msec(t->ctx->now) - tcb->last_rcv) * USEC_PER_MSEC;
    if (tcb->packets_out != 0 || tcb->sndq_unsent != 0) {
        timers_start(t, tcb, TIMER_SLOW, idle_us);
        return;
    }
    if (quiet_us < idle_us) {
        tcb->ka_probes = 0;
        timers_start(t, tcb, TIMER_SLOW, idle_us - quiet_us);
        return;
    }
    bool hopeless = o->user_timeout_ms != 0
                        ? tcb->ka_probes > 0 && quiet_us >= (uint64_t)o->user_timeout_ms * USEC_PER_MSEC
                        : tcb->ka_probes >= o->keepcnt;
    if (hopeless) {
        output_reset(t, tcb);
        give_up(t, tcb);
        return;
    }
    tcb->ka_probes++;
    output_probe(t, tcb);
    timers_start(t, tcb, TIMER_SLOW, (uint64_t)o->keepintvl * USEC_PER_SEC);
}

static void slow_timeout(struct tcp *t, struct tcb *tcb)
{
    if (tcb->state == TCP_S_FIN_WAIT_2 && tcb_is(tcb, TCB_ORPHAN)) {
        count(&t->ctx->counters, CNT_TCP_FIN_TIMEOUT);
        tcb_end(t, tcb, 0);
        return;
    }
    if (tcb_is(tcb, TCB_KEEPALIVE) && tcb_synchronized(tcb))
        keepalive_timeout(t, tcb);
}

static bool timers_due(struct tcp *t, struct tcb *tcb, unsigned which)
{
    if ((tcb->timers & which) == 0 || !timers_tick_passed(t, *deadline_of(tcb, which)))
        return false;
    tcb->timers &= (uint8_t)~which;
    return true;
}

void timers_fire(struct tcp *t, struct tcb *tcb)
{
    timers_settle(t, tcb);
    if (timers_due(t, tcb, TIMER_DELACK))
        delack_timeout(t, tcb);
    if (timers_due(t, tcb, TIMER_REXMT)) {
        rexmt_timeout(t, tcb);
        if (tcb->state == TCP_S_CLOSED)
            return;
    }
    if (timers_due(t, tcb, TIMER_SLOW)) {
        slow_timeout(t, tcb);
        if (tcb->state == TCP_S_CLOSED)
            return;
    }
    timers_rearm(t, tcb);
}
