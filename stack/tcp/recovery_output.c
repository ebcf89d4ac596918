/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes out again: the next of what is lost, a rescue, and the book-keeping of what went. */
#include "tcp/rack.h"
#include "tcp/recovery.h"
#include "tcp/scoreboard.h"

uint32_t recovery_next(struct tcp *t, struct tcb *tcb)
{
    if (tcb->lost_out == tcb->retrans_out)
        return 0;
    struct board *b = board_at(t, tcb);
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

/* One segment per recovery, the last that is not SACKed, so that its SACK or its silence says more. RACK has
 * no need of it. */
uint32_t recovery_rescue(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_at(t, tcb);
    if (b == NULL || tcb->recovery != RECOVERY_FAST || !tcb_is(tcb, TCB_SACK) || rack_is_on(t, tcb) ||
        tcb->packets_out == 0 || (b->rescued && seq_leq(tcb->snd_una, b->rescue_end)))
        return 0;
    uint32_t i = tcb->sndq_unsent != 0 ? snd_rec_at(t, tcb->sndq_unsent)->prev : tcb->sndq_tail;
    while (i != 0 && (snd_rec_at(t, i)->flags & SND_SACKED) != 0)
        i = snd_rec_at(t, i)->prev;
    if (i == 0 || (snd_rec_at(t, i)->flags & SND_RETRANS) != 0)
        return 0;
    b->rescued = true;
    b->rescue_end = tcb->recover;
    count(&t->ctx->counters, CNT_TCP_RESCUE);
    return i;
}

bool recovery_new_first(const struct tcp *t, const struct tcb *tcb)
{
    const struct board *b = board_at(t, tcb);
    return b != NULL && b->new_first;
}

bool recovery_new_failed(struct tcp *t, struct tcb *tcb)
{
    struct board *b = board_at(t, tcb);
    if (b == NULL || seq_gt(tcb->snd_nxt, tcb->recover))
        return false;
    b->new_first = b->frto = false;
    return true;
}

void recovery_resent(struct tcp *t, struct tcb *tcb, uint32_t i, bool probe)
{
    struct snd_rec *r = snd_rec_at(t, i);
    struct board *b = board_at(t, tcb);
    if (!probe && (r->flags & SND_RETRANS) == 0) {
        r->flags |= SND_RETRANS;
        tcb->retrans_out++;
    }
    r->flags |= SND_EVER;
    r->sent_at = nsec_to_usec(t->ctx->now);
    if (tcb->retrans_since == 0 && !probe)
        tcb->retrans_since = tcp_msec_mark(t->ctx->now);
    count(&t->ctx->counters, CNT_TCP_RETRANS);
    if (b == NULL)
        return;
    again_add(t, b, i);
    b->total_retrans++;
    b->bytes_retrans += r->len;
    if (probe)
        return;
    if (!b->retrans_stamped) {
        b->retrans_stamped = true;
        b->retrans_at = tcp_msec(t->ctx->now) + tcb->ts_offset;
    }
    b->undo_left = b->undo_left < 0 ? 1 : b->undo_left + 1;
    recovery_sent(t, tcb, 1);
}
