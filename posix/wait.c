/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/socket.h"

static bool level_met(struct engine *e, const struct wait *c)
{
    return file_level(e, &c->s->file, c->events) != 0;
}

static bool more_met(struct engine *e, const struct wait *c)
{
    return tcp_inq(c->s->tcb) > c->beyond || file_level(e, &c->s->file, c->events) != 0;
}

int sock_wait(struct engine *e, struct sock *s, uint32_t events, nsec_t deadline)
{
    struct wait c = {.met = level_met, .s = s, .events = events | EPOLLERR | EPOLLHUP};
    return e->ops->wait(e, &c, deadline);
}

int sock_wait_more(struct engine *e, struct sock *s, uint32_t beyond, nsec_t deadline)
{
    struct wait c = {.met = more_met, .s = s, .events = EPOLLRDHUP | EPOLLERR | EPOLLHUP, .beyond = beyond};
    return e->ops->wait(e, &c, deadline);
}

nsec_t sock_deadline(struct engine *e, uint32_t timeout_ms)
{
    if (timeout_ms == 0)
        return NSEC_NEVER;
    return e->ops->now(e->user) + timeout_ms * NSEC_PER_MSEC;
}
