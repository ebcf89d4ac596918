/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rack.h"

#include "tcp/rtt.h"
#include "tcp/scoreboard.h"

#define REO_PERSIST  16u   /* recoveries; section 6.2 step 4 */
#define REO_SETTLE   2000u /* us; timers are no better on the systems we are compared with */
#define DETECT_STEPS 256u  /* records looked at that are neither lost nor done with */

bool rack_is_on(const struct tcp *t, const struct tcb *tcb)
{
    return tcb_is(tcb, TCB_SACK) && (t->ctx->tun->tcp_recovery & RACK_ON) != 0;
}

/* RACK_sent_after() */
static bool sent_after(uint32_t at1, seq_t end1, uint32_t at2, seq_t end2)
{
    return (int32_t)(at1 - at2) > 0 || (at1 == at2 && seq_gt(end1, end2));
}

/* The echoed timestamp is older than this retransmission: it was the first transmission that arrived. */
static bool was_first_transmission(const struct tcp *t, const struct tcb *tcb, const struct snd_rec *r,
                                   const struct ack_event *e)
{
    if (!e->has_ecr || (r->flags & SND_EVER) == 0)
        return false;
    uint64_t now = t->ctx->now / NSEC_PER_USEC;
    uint32_t sent = (uint32_t)((now - ((uint32_t)now - r->sent_at)) / USEC_PER_MSEC) + tcb->ts_offset;
    return (int32_t)(e->ecr - sent) < 0;
}

void rack_delivered(struct tcp *t, struct tcb *tcb, struct board *b, const struct snd_rec *r,
                    const struct ack_event *e)
{
    uint32_t rtt = nsec_to_usec(t->ctx->now) - r->sent_at;
    if ((r->flags & SND_EVER) != 0 && rtt < tcb->min_rtt)
        return; /* too early to be about the last transmission */
    if (was_first_transmission(t, tcb, r, e))
        return;
    b->rack_advanced = 1;
    b->rack_rtt = rtt;
    if (!b->rack_valid || sent_after(r->sent_at, snd_rec_end(r), b->rack_at, b->rack_end)) {
        b->rack_valid = true;
        b->rack_at = r->sent_at;
        b->rack_end = snd_rec_end(r);
    }
}

void rack_adapt(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e)
{
    if ((t->ctx->tun->tcp_recovery & RACK_STATIC_REO) != 0)
        return;
    if (b->dsack_round_set && seq_geq(tcb->snd_una, b->dsack_round))
        b->dsack_round_set = false;
    /* A repeated probe is no sign of reordering, and a duplicate where none was ever seen neither. */
    if (e->dsack && !e->dsack_tlp && b->reord_seen != 0 && !b->dsack_round_set) {
        b->dsack_round_set = true;
        b->dsack_round = tcb->snd_nxt;
        b->reo_mult = (uint8_t)RTE_MIN(b->reo_mult + 1u, 255u);
        b->reo_persist = REO_PERSIST;
    } else if (b->reo_persist == 0) {
        b->reo_mult = 1;
    }
}

static uint32_t reo_window(const struct tcp *t, const struct tcb *tcb, const struct board *b)
{
    if (b->reord_seen == 0) {
        if (tcb->recovery >= RECOVERY_FAST)
            return 0;
        if (tcb->sacked_out >= scoreboard_reordering(t, b) &&
            (t->ctx->tun->tcp_recovery & RACK_NO_DUPTHRESH) == 0)
            return 0;
    }
    uint64_t window = (uint64_t)(tcb->min_rtt >> 2) * b->reo_mult;
    return window < tcb->srtt >> 3 ? (uint32_t)window : tcb->srtt >> 3;
}

/* Microseconds until the record counts as lost; 0 or less: it does. */
static int32_t remaining(const struct tcp *t, const struct board *b, const struct snd_rec *r, uint32_t window)
{
    return (int32_t)(b->rack_rtt + window - (nsec_to_usec(t->ctx->now) - r->sent_at));
}

bool rack_expired(const struct tcp *t, const struct tcb *tcb, const struct board *b, const struct snd_rec *r)
{
    if (b->rack_valid)
        return remaining(t, b, r, 0) <= 0;
    return nsec_to_usec(t->ctx->now) - r->sent_at >= tcb->srtt >> 3;
}

struct detection {
    uint32_t window;
    int32_t wait;   /* the longest that something has to be waited for */
    uint32_t steps; /* left */
};

/* False: everything after it in the order of sending is too young. */
static bool judge(struct tcp *t, struct tcb *tcb, struct board *b, uint32_t i, struct detection *d)
{
    const struct snd_rec *r = snd_rec_at(t, i);
    if (!sent_after(b->rack_at, b->rack_end, r->sent_at, snd_rec_end(r)))
        return false;
    int32_t left = remaining(t, b, r, d->window);
    if (left <= 0) {
        mark_lost(t, tcb, b, i);
        return true;
    }
    if (left > d->wait)
        d->wait = left;
    d->steps--;
    return true;
}

/* What was sent once, or lies there unjudged after an undo: in the order of the sequence. */
static void judge_once(struct tcp *t, struct tcb *tcb, struct board *b, struct detection *d)
{
    uint32_t i = b->rack_hint != 0 ? b->rack_hint : tcb->sndq_head;
    bool first = true; /* all before it are done with */
    for (; i != 0 && d->steps > 0 && rec_is_sent(tcb, snd_rec_at(t, i)); i = snd_rec_at(t, i)->next) {
        const struct snd_rec *r = snd_rec_at(t, i);
        if ((r->flags & (SND_SACKED | SND_LOST)) == 0 && !r->again) {
            bool once = (r->flags & SND_EVER) == 0;
            if (!judge(t, tcb, b, i, d) && once)
                break;
        } else if (!first) {
            d->steps--;
        }
        first = first && ((r->flags & (SND_SACKED | SND_LOST)) != 0 || r->again);
        if (first)
            b->rack_hint = i;
    }
}

uint32_t rack_detect(struct tcp *t, struct tcb *tcb, struct board *b)
{
    struct detection d = {reo_window(t, tcb, b), 0, DETECT_STEPS};
    if (!b->rack_valid)
        return 0;
    uint32_t next;
    for (uint32_t i = b->again_head; i != 0 && d.steps > 0; i = next) {
        next = snd_rec_at(t, i)->again_next;
        if (!judge(t, tcb, b, i, &d))
            break;
    }
    d.steps = DETECT_STEPS;
    judge_once(t, tcb, b, &d);
    if (d.steps == 0) { /* the rest was not looked at: none of it is due later than this */
        int32_t most = (int32_t)(b->rack_rtt + d.window - (nsec_to_usec(t->ctx->now) - b->rack_at));
        d.wait = RTE_MAX(d.wait, most);
    }
    return d.wait > 0 ? (uint32_t)d.wait + REO_SETTLE : 0;
}
