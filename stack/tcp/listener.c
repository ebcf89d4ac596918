/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/listener.h"

#include <errno.h>

#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/output.h"

struct listener *listener_at(const struct tcp *t, uint32_t index)
{
    return (struct listener *)slab_at(&t->listeners, index);
}

/* As on Linux: a negative backlog, and anything above somaxconn, is somaxconn. */
static uint32_t backlog_clamp(const struct tcp *t, int backlog)
{
    uint32_t max = t->ctx->tun->somaxconn;
    return backlog < 0 || (uint32_t)backlog > max ? max : (uint32_t)backlog;
}

int listener_open(struct tcp *t, struct tcb *tcb, int backlog)
{
    int rc = ports_check_listen(t, tcb);
    if (rc != 0)
        return rc;
    uint32_t i = slab_alloc(&t->listeners);
    if (i == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return -ENOMEM;
    }
    struct port *port = ports_at(&t->ports, tcb->flow.lport);
    struct listener *l = listener_at(t, i);
    l->tcb = tcb_index(t, tcb);
    l->backlog = backlog_clamp(t, backlog);
    l->next = port->listeners;
    port->listeners = i;
    tally_free(t, tcb); /* of an earlier connection; its place is the listener's now */
    tcb->listener = i;
    tcb_set_state(t, tcb, TCP_S_LISTEN);
    return 0;
}

void listener_set_backlog(struct tcp *t, struct tcb *tcb, int backlog)
{
    listener_at(t, tcb->listener)->backlog = backlog_clamp(t, backlog);
}

static void listener_unlink(struct tcp *t, const struct tcb *tcb)
{
    uint32_t *link = &ports_at(&t->ports, tcb->flow.lport)->listeners;
    while (*link != tcb->listener)
        link = &listener_at(t, *link)->next;
    *link = listener_at(t, *link)->next;
}

void listener_close(struct tcp *t, struct tcb *tcb)
{
    struct listener *l = listener_at(t, tcb->listener);
    struct tcb *child;
    listener_unlink(t, tcb);
    syn_queue_drop_listener(t, tcb->listener);
    while ((child = listener_pop(t, l)) != NULL)
        tcp_abort(t, child);
    slab_free(&t->listeners, tcb->listener);
    tcb->listener = 0;
    tcb_set_state(t, tcb, TCP_S_CLOSED);
}

struct tcb *listener_find(struct tcp *t, const struct flow_key *f, uint32_t hash)
{
    const struct port *port = ports_at(&t->ports, f->lport);
    uint32_t best = 0, n = 0;
    bool best_exact = false;
    for (uint32_t i = port != NULL ? port->listeners : 0; i != 0; i = listener_at(t, i)->next) {
        const struct tcb *tcb = tcb_at(t, listener_at(t, i)->tcb);
        bool exact = ip_addr_eq(&tcb->flow.local, &f->local);
        if (!exact && (best_exact || !ip_addr_is_any(&tcb->flow.local)))
            continue;
        if (exact && !best_exact)
            n = 0;
        best_exact = exact;
        /* Each of n equals is kept with chance 1/n, by the flow's hash: the same one every time. */
        if (++n == 1 || (uint32_t)(((uint64_t)(hash * (n * 2654435761u)) * n) >> 32) == 0)
            best = i;
    }
    return best != 0 ? tcb_at(t, listener_at(t, best)->tcb) : NULL;
}

bool listener_is_full(const struct listener *l)
{
    return l->accept_len > l->backlog;
}

void listener_push(struct tcp *t, struct listener *l, struct tcb *child)
{
    uint32_t i = tcb_index(t, child);
    child->flags |= TCB_CHILD;
    child->accept_next = 0;
    if (l->accept_tail != 0)
        tcb_at(t, l->accept_tail)->accept_next = i;
    else
        l->accept_head = i;
    l->accept_tail = i;
    l->accept_len++;
    tcb_at(t, l->tcb)->flags |= TCB_ACCEPTABLE;
    tcb_notify(t, tcb_at(t, l->tcb), EPOLLIN);
}

struct tcb *listener_pop(struct tcp *t, struct listener *l)
{
    if (l->accept_head == 0)
        return NULL;
    struct tcb *child = tcb_at(t, l->accept_head);
    l->accept_head = child->accept_next;
    if (l->accept_head == 0) {
        l->accept_tail = 0;
        tcb_at(t, l->tcb)->flags &= ~TCB_ACCEPTABLE;
    }
    l->accept_len--;
    child->accept_next = 0;
    child->flags &= ~TCB_CHILD;
    return child;
}
