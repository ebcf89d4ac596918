/* SPDX-License-Identifier: BSD-3-Clause */
/* The fifth step of RFC9293-3.10.7.4: what an acknowledgment acknowledges. */
#include <assert.h>
#include <errno.h>

#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/rcv_tuning.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/snd_queue.h"
#include "tcp/snd_room.h"
#include "tcp/tally.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"

/* ---- what was sent ---- */

static void count_record_acked(struct tcb *tcb, const struct snd_rec *r, struct ack_event *e)
{
    tcb->packets_out--;
    if ((r->flags & SND_SACKED) != 0)
        tcb->sacked_out--;
    else
        e->delivered++;
    tcb->lost_out -= (r->flags & SND_LOST) != 0;
    tcb->retrans_out -= (r->flags & SND_RETRANS) != 0;
    e->acked++;
}

/* Round-trip times that an ACK shows, microseconds: of the oldest and of the latest segment that it
 * acknowledges. UINT32_MAX: none, by Karn's rule. */
struct ack_rtt {
    uint32_t oldest, latest;
};

/* Frees what is acknowledged. */
static void ack_clean(struct tcp *t, struct tcb *tcb, seq_t ack, struct ack_event *e, struct ack_rtt *rtt)
{
    uint32_t now = t->ctx->now_us;
    bool ambiguous = false;
    while (tcb->sndq_head != 0 && tcb->sndq_head != tcb->sndq_unsent) {
        struct snd_rec *r = snd_rec_at(t, tcb->sndq_head);
        if (seq_gt(snd_rec_end(r), ack))
            break;
        ambiguous = ambiguous || (r->flags & SND_EVER) != 0;
        if ((r->flags & (SND_EVER | SND_SACKED)) == 0) {
            rtt->latest = now - r->sent_at;
            if (rtt->oldest == UINT32_MAX)
                rtt->oldest = rtt->latest;
        }
        count_record_acked(tcb, r, e);
        if (tcb->recovery == RECOVERY_LOSS || tcb->board != 0)
            recovery_acked(t, tcb, tcb->sndq_head, e);
        snd_queue_pop(t, tcb);
    }
    if (ambiguous)
        rtt->oldest = rtt->latest = UINT32_MAX;
    if (tcb->sndq_head != 0 && seq_lt(snd_rec_at(t, tcb->sndq_head)->seq, ack))
        snd_queue_trim_head(t, tcb, ack - snd_rec_at(t, tcb->sndq_head)->seq);
}

/* RFC6298-3, RFC7323-4: where a retransmission makes a sample ambiguous, the echoed
 * timestamp tells which transmission was meant. The sample, us; 0: none.
 * RFC9293-MUST-18 */
static uint32_t ack_measure(struct tcp *t, struct tcb *tcb, const struct ack_event *e, struct ack_rtt rtt)
{
    if (e->sack_rtt_us != 0) {
        rtt.latest = e->sack_last_us;
        if (rtt.oldest == UINT32_MAX)
            rtt.oldest = e->sack_rtt_us;
    }
    if (rtt.oldest == UINT32_MAX) {
        if (!e->has_ecr || !e->advanced)
            return 0;
        uint32_t ms = t->ctx->now_ms + tcb->ts_offset - e->ecr;
        if (ms > RTT_RTO_MAX_US / USEC_PER_MSEC)
            return 0;
        rtt.oldest = rtt.latest = (ms != 0 ? ms : 1) * USEC_PER_MSEC;
    }
    rtt_sample(tcb, rtt.oldest);
    rtt_sample_min(t, tcb, rtt.latest);
    tcb->backoff = 0; /* RFC6298-5.7: the back-off holds until there is a valid sample */
    return rtt.latest;
}

/* ---- the window ---- */

/* RFC 9293: SND.WL1 =< SEG.SEQ decides which segment speaks last; and, as on Linux, one that acknowledges
 * more does, though it may be data sent again: else the old window would count from the new SND.UNA. True
 * when the window changed.
 * RFC9293-MUST-34, RFC9293-MUST-35, RFC9293-MAY-12 */
static bool window_update(struct tcb *tcb, const struct tcp_view *v)
{
    uint32_t wnd = (v->flags & TCP_SYN) != 0 ? v->window : (uint32_t)v->window << tcb->snd_wscale;
    if (seq_lt(v->ack, tcb->snd_una))
        return false;
    bool later = seq_gt(v->seq, tcb->snd_wl1) || seq_gt(v->ack, tcb->snd_wl2);
    if (!later && (tcb->snd_wl1 != v->seq || tcb->snd_wl2 != v->ack))
        return false;
    bool changed = wnd != tcb->snd_wnd;
    tcb->snd_wnd = wnd;
    tcb->snd_wl1 = seq_max(tcb->snd_wl1, v->seq);
    tcb->snd_wl2 = v->ack;
    if (wnd > tcb->max_wnd)
        tcb->max_wnd = wnd;
    return changed;
}

/* The peer answers: probing may go on for ever (RFC9293-MUST-37), and ends when the window opens. */
static void probing_answered(struct tcp *t, struct tcb *tcb)
{
    if (tcb->rexmt_kind != REXMT_PERSIST)
        return;
    tcb->retries = 0;
    if (tcb->snd_wnd == 0)
        return; /* TCP_USER_TIMEOUT counts from the first probe on */
    tcb->retrans_since = 0;
    tcb->backoff = 0;
    tcb->rexmt_kind = REXMT_NONE;
    timers_stop(tcb, TIMER_REXMT_ANY);
    tcb_touch(t,
              tcb); /* the window may be open and still too small to be worth it: then the timer runs again */
}

/* ---- room for the application ---- */

static void space_freed(struct tcp *t, struct tcb *tcb, bool was_writeable)
{
    if (was_writeable && !tcb_is(tcb, TCB_NO_SPACE))
        return;
    snd_room_expand(t, tcb); /* with the congestion window as this ACK has left it */
    if (snd_room_writeable(t, tcb)) {
        if (tcb_is(tcb, TCB_NO_SPACE))
            tally_go_on(t, tcb, TALLY_SNDBUF);
        tcb->flags &= ~TCB_NO_SPACE;
        tcb_notify(t, tcb, EPOLLOUT);
    }
}

/* ---- together ---- */

static void ack_advance(struct tcp *t, struct tcb *tcb, struct ack_event *e, struct ack_rtt *rtt)
{
    ack_clean(t, tcb, e->ack, e, rtt);
    e->advanced = true;
    e->moved = e->ack - tcb->snd_una;
    tcb->snd_una = e->ack;
    tcb->retries = 0;
    tcb->retrans_since = 0;
    tcb->flags &= ~TCB_MORE; /* as on Linux: MSG_MORE holds back in its call, not when an ACK makes room */
    net_path_confirm(t->net, &tcb->path);
    tcb->soft_error = 0;
    tcb->ka_probes = 0;
}

void ack_process(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    struct ack_event e = {.ack = v->ack};
    struct ack_rtt rtt = {UINT32_MAX, UINT32_MAX};
    timers_settle(t, tcb);
    if (tcb_is(tcb, TCB_TS) && (v->opt.has & TCP_OPT_HAS_TS) != 0 && v->opt.tsecr != 0) {
        e.has_ecr = true;
        e.ecr = v->opt.tsecr;
    }
    bool queued = tcb->sndq_head != 0 && tally_wanted(tcb);
    bool outstanding = tcb->packets_out > 0, was_writeable = snd_room_writeable(t, tcb);
    bool bare = p->data_len == 0 && (v->flags & (TCP_SYN | TCP_FIN)) == 0 && v->ack == tcb->snd_una;
    if (queued)
        tally_chrono_running(t, tcb);
    if (seq_gt(v->ack, tcb->snd_una))
        ack_advance(t, tcb, &e, &rtt);
    bool window_changed = window_update(tcb, v);
    if (window_changed)
        tally_go_on(t, tcb, TALLY_RWND);
    e.pure = bare && !window_changed;
    e.duplicate = e.pure && outstanding;
    e.ece = ecn_echoed(tcb, v->flags);
    if ((v->opt.has & TCP_OPT_HAS_SACK) != 0)
        recovery_sack(t, tcb, &v->opt, &e);
    if (e.advanced || e.sacked)
        e.rtt_us = ack_measure(t, tcb, &e, rtt);
    if (outstanding ? e.advanced || e.duplicate || e.delivered > 0 || e.ece
                    : tcb->board != 0 && (e.pure || e.dsack)) /* a probe may have gone without need */
        recovery_on_ack(t, tcb, &e);
    if (queued)
        tally_acked(t, tcb, e.moved, e.delivered, e.ece);
    if ((e.advanced || e.older) && !e.timer_set)
        timers_data_acked(t, tcb);
    if (e.advanced || (window_changed && tcb->notsent_lowat))
        space_freed(t, tcb, was_writeable); /* with the window as it is now */
    probing_answered(t, tcb);
    if (tcb->sndq_head != 0 && (e.advanced || window_changed || e.duplicate || e.delivered > 0))
        tcb_touch(t, tcb);
}

/* As ack_measure, for records that went out once: their own times tell. */
static inline uint32_t ack_measure_once(struct tcp *t, struct tcb *tcb, uint32_t oldest, uint32_t latest)
{
    rtt_sample(tcb, oldest);
    rtt_sample_min(t, tcb, latest);
    tcb->backoff = 0;
    return latest;
}

static uint32_t ack_measure_again(struct tcp *t, struct tcb *tcb, uint32_t ecr)
{
    const struct ack_rtt none = {UINT32_MAX, UINT32_MAX};
    const struct ack_event e = {.advanced = true, .has_ecr = ecr != 0, .ecr = ecr};
    return ack_measure(t, tcb, &e, none);
}

void ack_process_all(struct tcp *t, struct tcb *tcb, seq_t seq, seq_t ack, uint32_t ecr)
{
    uint32_t now = t->ctx->now_us, packets = tcb->packets_out, bytes = ack - tcb->snd_una;
    uint32_t oldest = now - snd_rec_at(t, tcb->sndq_head)->sent_at;
    uint32_t latest = now - snd_rec_at(t, tcb->sndq_tail)->sent_at;
    bool was_writeable = snd_room_writeable(t, tcb);
    bool again = (snd_queue_pop_all(t, tcb) & SND_EVER) != 0;
    tcb->packets_out = 0;
    tcb->snd_una = ack;
    tcb->retries = 0;
    tcb->retrans_since = 0;
    net_path_confirm(t->net, &tcb->path);
    tcb->soft_error = 0;
    tcb->ka_probes = 0;
    window_confirm(tcb, seq, ack);
    uint32_t rtt_us =
        likely(!again) ? ack_measure_once(t, tcb, oldest, latest) : ack_measure_again(t, tcb, ecr);
    if (unlikely(congestion_wants_acks(tcb))) {
        struct ack_event e = {.ack = ack, .acked = packets, .delivered = packets, .advanced = true};
        e.moved = bytes;
        e.has_ecr = ecr != 0;
        e.ecr = ecr;
        e.rtt_us = rtt_us;
        recovery_on_ack(t, tcb, &e);
    }
    tally_all_acked(t, tcb, bytes, packets, oldest);
    timers_all_acked(tcb);
    space_freed(t, tcb, was_writeable);
}

void input_established(struct tcp *t, struct tcb *tcb)
{
    options_start_receiving(t, tcb);
    rcv_tuning_start(t, tcb);
    tcb->snd_sml = tcb->snd_una;
    tcb->recover = tcb->snd_una - 1;
    tcb->last_rcv = t->ctx->now_ms;
    tcb->last_data_rcv = tcb->last_rcv - t->ctx->tun->tcp_delack_ms;
    snd_room_expand(t, tcb);
    timers_keepalive(t, tcb);
    count(&t->ctx->counters, CNT_TCP_ESTABLISHED);
}

bool input_syn_is_out(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->state == TCP_S_SYN_RECEIVED || (tcb->state == TCP_S_FIN_WAIT_1 && tcb->sndq_head != 0 &&
                                                (snd_rec_at(t, tcb->sndq_head)->flags & SND_SYN) != 0);
}

/* The fifth step in SYN-RECEIVED (after a simultaneous open), and where the application has closed then
 * (RFC9293-3.10.4). */
static enum step ack_in_syn_received(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (!seq_gt(p->tcp.ack, tcb->snd_una) || seq_gt(p->tcp.ack, tcb->snd_nxt)) {
        transmit_reset_for(t, p); /* <SEQ=SEG.ACK><CTL=RST> */
        return step_drop(p, CNT_DROP_TCP_ACK);
    }
    if (tcb->state == TCP_S_SYN_RECEIVED)
        tcb_set_state(t, tcb, TCP_S_ESTABLISHED);
    tcb->snd_wnd = tcb->max_wnd = (uint32_t)p->tcp.window << tcb->snd_wscale;
    tcb->snd_wl1 = p->tcp.seq;
    tcb->snd_wl2 = p->tcp.ack;
    input_established(t, tcb);
    tcb_notify(t, tcb, EPOLLOUT);
    return STEP_NEXT;
}

/* Our FIN is acknowledged. */
static enum step fin_acked(struct tcp *t, struct tcb *tcb)
{
    switch (tcb->state) {
    case TCP_S_FIN_WAIT_1:
        tcb_set_state(t, tcb, TCP_S_FIN_WAIT_2);
        tcb_notify(t, tcb, EPOLLOUT);
        if (tcb_is(tcb, TCB_ORPHAN)) {
            if (opts_of(t, tcb)->linger2_s < 0) {
                tcb_end(t, tcb, 0);
                return STEP_END;
            }
            timers_orphan_fin_wait_2(t, tcb);
        }
        return STEP_NEXT;
    case TCP_S_CLOSING:
        time_wait_enter(t, tcb);
        return STEP_END;
    case TCP_S_LAST_ACK:
        tcb_end(t, tcb, 0);
        return STEP_END;
    default:
        return STEP_NEXT;
    }
}

/* Does it say nothing beside the number it acknowledges? What header prediction asks, in states that it does
 * not know: the handshake's last ACK, those of a FIN and with a FIN. */
static bool ack_is_plain(const struct tcp *t, const struct tcb *tcb, const struct tcp_view *v)
{
    return t->fastpath && (v->flags & ~(TCP_PSH | TCP_FIN)) == TCP_ACK && v->seq == tcb->rcv_nxt &&
           (v->opt.has & ~TCP_OPT_HAS_TS) == 0 && (uint32_t)v->window << tcb->snd_wscale == tcb->snd_wnd &&
           tcb->sndq_unsent == 0 && tcb->board == 0 && tcb->recovery == RECOVERY_OPEN &&
           (tcb->sacked_out | tcb->lost_out | tcb->retrans_out) == 0;
}

static void ack_process_plain(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    if (tcb->packets_out == 0 && v->ack == tcb->snd_una)
        window_confirm(tcb, v->seq, v->ack);
    else if (tcb->packets_out != 0 && v->ack == tcb->snd_nxt)
        ack_process_all(t, tcb, v->seq, v->ack, v->opt.has != 0 ? v->opt.tsecr : 0);
    else
        ack_process(t, tcb, p);
}

bool ack_is_credible(const struct tcb *tcb, const struct pkt *p)
{
    return seq_leq(p->tcp.ack, tcb->snd_nxt) && seq_geq(p->tcp.ack, tcb->snd_una - tcb->max_wnd);
}

enum step ack_step(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_ACK) == 0)
        return step_drop(p, CNT_DROP_TCP_NO_ACK);
    bool syn_out = input_syn_is_out(t, tcb);
    if (syn_out && ack_in_syn_received(t, tcb, p) == STEP_END)
        return STEP_END;
    if (!ack_is_credible(tcb, p)) {
        challenge_ack(t, tcb);
        return step_drop(p, CNT_DROP_TCP_ACK);
    }
    if (!syn_out && ack_is_plain(t, tcb, &p->tcp))
        ack_process_plain(t, tcb, p);
    else
        ack_process(t, tcb, p);
    if (tcb_is(tcb, TCB_FIN_SENT) && tcb->snd_una == tcb->snd_nxt)
        return fin_acked(t, tcb);
    return STEP_NEXT;
}
