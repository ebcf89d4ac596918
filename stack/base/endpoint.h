/* SPDX-License-Identifier: BSD-3-Clause */
/* What a transport tells the layer above about one of its control blocks: a set of readiness events
 * that happened since it was last asked. The transport calls endpoint_notify; the layer above drains
 * the ready list when it has its turn. There is no upcall. */
#ifndef PLX_BASE_ENDPOINT_H
#define PLX_BASE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct endpoint {
    void *owner;           /* the socket above; NULL when nobody listens (orphan) */
    struct endpoint *next; /* ready list, while queued */
    uint32_t events;       /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLPRI since drained */
    bool queued;
};

struct ready_list {
    struct endpoint *head;
    struct endpoint **tail;
};

static inline void ready_list_init(struct ready_list *r)
{
    r->head = NULL;
    r->tail = &r->head;
}

/* Each call is an edge, also when the event is already pending. Without an owner nothing is queued. */
static inline void endpoint_notify(struct ready_list *r, struct endpoint *ep, uint32_t events)
{
    if (ep->owner == NULL)
        return;
    ep->events |= events;
    if (!ep->queued) {
        ep->queued = true;
        ep->next = NULL;
        *r->tail = ep;
        r->tail = &ep->next;
    }
}

/* Takes the first one off; NULL when empty. Its events are still set: the caller reads and clears. */
static inline struct endpoint *ready_list_pop(struct ready_list *r)
{
    struct endpoint *ep = r->head;
    if (ep != NULL) {
        r->head = ep->next;
        if (r->head == NULL)
            r->tail = &r->head;
        ep->queued = false;
    }
    return ep;
}

/* Takes `ep` off wherever it stands (close). O(length), only when it is queued. */
void ready_list_remove(struct ready_list *r, struct endpoint *ep);

#endif
