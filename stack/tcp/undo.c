/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/undo.h"

#include "tcp/congestion.h"
#include "tcp/scoreboard.h"

void undo_arm(struct tcp *t, struct tcb *tcb, struct board *b)
{
    b->undo_armed = true;
    b->undo_from = tcb->snd_una;
    b->undo_left = (int32_t)tcb->retrans_out + (b->tlp_out && b->tlp_is_retrans);
    if (b->undo_left == 0)
        b->undo_left = -1; /* nothing was sent again yet, so nothing can be shown */
}

void undo_clear_stamp(struct board *b)
{
    b->retrans_stamped = false;
}

bool undo_shown_by_echo(const struct board *b, const struct ack_event *e)
{
    if (!b->undo_armed)
        return false;
    bool none_sent = b->undo_left < 0;
    return none_sent || (b->retrans_stamped && e->has_ecr && (int32_t)(e->ecr - b->retrans_at) < 0);
}

bool undo_is_due(const struct tcb *tcb, const struct board *b, const struct ack_event *e)
{
    return b->undo_armed && (b->undo_left == 0 || undo_shown_by_echo(b, e));
}

static void unmark_lost(struct tcp *t, struct tcb *tcb, struct board *b)
{
    for (uint32_t i = tcb->sndq_head; i != 0 && tcb->lost_out > 0; i = snd_rec_at(t, i)->next) {
        struct snd_rec *r = snd_rec_at(t, i);
        if ((r->flags & SND_LOST) == 0)
            continue;
        unmark(tcb, r, SND_LOST, &tcb->lost_out);
        unmark(tcb, r, SND_RETRANS, &tcb->retrans_out);
    }
    b->retrans_hint = b->rack_hint = 0;
    b->lost_edge = tcb->snd_una;
}

void undo_reduction(struct tcp *t, struct tcb *tcb, struct board *b, bool unmark)
{
    if (unmark)
        unmark_lost(t, tcb, b);
    if (b->prior_ssthresh != 0)
        congestion_undo(t, tcb, b->prior_cwnd, b->prior_ssthresh);
    b->undo_armed = false;
    b->rack_advanced = 1;
}
