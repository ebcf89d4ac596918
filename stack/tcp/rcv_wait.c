/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rcv_wait.h"

#include "tcp/rcv_queue.h"
#include "tcp/tcp_private.h"

#define SERVE_LEAST 16384u /* of window; less is not worth waking anybody, unless the cap itself is small */
#define SERVE_BATCH 64u    /* turns per round */

int rcv_wait_init(struct tcp *t)
{
    return slab_init(&t->rcv_wait.slab, t->ctx->mem, sizeof(struct waiter), t->tcbs.max);
}

void rcv_wait_fini(struct tcp *t)
{
    slab_fini(&t->rcv_wait.slab);
}

static struct waiter *waiter_at(const struct tcp *t, uint32_t index)
{
    return (struct waiter *)slab_at(&t->rcv_wait.slab, index);
}

void rcv_wait_join(struct tcp *t, struct tcb *tcb)
{
    struct rcv_wait *l = &t->rcv_wait;
    uint32_t i = tcb->rcv_waits ? 0 : slab_alloc(&l->slab);
    if (i == 0)
        return;
    tcb->rcv_waits = 1;
    waiter_at(t, i)->tcb = tcb_index(t, tcb);
    if (l->tail != 0)
        waiter_at(t, l->tail)->next = i;
    else
        l->head = i;
    l->tail = i;
}

static void leave(struct tcp *t)
{
    struct rcv_wait *l = &t->rcv_wait;
    uint32_t i = l->head;
    l->head = waiter_at(t, i)->next;
    if (l->head == 0)
        l->tail = 0;
    slab_free(&l->slab, i);
}

/* What may be announced of free memory, in all. */
static uint64_t servable(const struct tcp *t)
{
    uint64_t window = rcv_window_of_memory(t);
    return window >= RTE_MIN((uint64_t)SERVE_LEAST, t->pinned_max / 16) ? window : 0;
}

void rcv_wait_serve(struct tcp *t)
{
    uint64_t left = servable(t);
    for (unsigned n = 0; n < SERVE_BATCH && left > 0 && t->rcv_wait.head != 0; n++) {
        uint32_t i = waiter_at(t, t->rcv_wait.head)->tcb, window = 0;
        struct tcb *tcb = tcb_at(t, i);
        bool alive = tcb->touched != TCB_FREED && tcb_synchronized(tcb), capped;
        if (alive && (window = rcv_window_look(t, tcb, &capped)) == 0 && capped)
            return; /* its segments are larger than what there is */
        tcb->rcv_waits = 0;
        leave(t);
        if (alive)
            rcv_window_opened(t, tcb);
        else if (tcb->touched == TCB_FREED)
            slab_free(&t->tcbs, i);
        left -= RTE_MIN((uint64_t)window, left);
    }
}
