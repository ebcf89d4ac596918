/* SPDX-License-Identifier: BSD-3-Clause */
/* What a control block in LISTEN has besides: its place among the listeners of its port, its backlog,
 * and the accept queue of finished connections. */
#ifndef PLX_TCP_LISTENER_H
#define PLX_TCP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/slab.h"

struct tcp;
struct tcb;

struct listener {
    uint32_t tcb;
    uint32_t next;                     /* on its port */
    uint32_t accept_head, accept_tail; /* tcbs, linked by accept_next */
    uint32_t accept_len;
    uint32_t backlog;    /* bounds accept_len as Linux does: full when above it */
    uint32_t half_open;  /* entries of the SYN queue that belong here */
    uint32_t cookies_at; /* ms; when it last answered with a cookie (syn_cookie.h) */
    bool cookies;        /* it ever did */
};

struct listener *listener_at(const struct tcp *t, uint32_t index);
/* LISTEN for a bound tcb. -EADDRINUSE, -ENOMEM. */
int listener_open(struct tcp *t, struct tcb *tcb, int backlog);
void listener_set_backlog(struct tcp *t, struct tcb *tcb, int backlog);
/* Off its port; half-open connections dropped, finished but not accepted ones reset. */
void listener_close(struct tcp *t, struct tcb *tcb);
/* The listener for a segment to f: exact address before wildcard; several (SO_REUSEPORT) share by hash.
 * NULL: none. */
struct tcb *listener_find(struct tcp *t, const struct flow_key *f, uint32_t hash);
bool listener_is_full(const struct listener *l);
void listener_push(struct tcp *t, struct listener *l, struct tcb *child);
struct tcb *listener_pop(struct tcp *t, struct listener *l);

#endif
