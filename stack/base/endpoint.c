/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/endpoint.h"

void ready_list_remove(struct ready_list *r, struct endpoint *ep)
{
    if (!ep->queued)
        return;
    for (struct endpoint **p = &r->head; *p != NULL; p = &(*p)->next) {
        if (*p != ep)
            continue;
        *p = ep->next;
        if (r->tail == &ep->next)
            r->tail = p;
        break;
    }
    ep->next = NULL;
    ep->queued = false;
}
