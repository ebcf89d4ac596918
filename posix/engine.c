/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/engine.h"

#include <errno.h>

#include "posix/epoll.h"
#include "posix/socket.h"

#define EPOLLS_MAX (1u << 16)
#define CLOSE_LOT  64 /* engine_close_paced: fits any queue to a wire */

__thread struct engine *engine_current __attribute__((tls_model("initial-exec")));

int engine_init(struct engine *e, struct worker *w, const struct engine_config *cfg)
{
    const struct memory *mem = w->ctx.mem;
    uint32_t fds = cfg->max_fds != 0 ? cfg->max_fds : FDTABLE_MAX - FDTABLE_FIRST;

    *e = (struct engine){.w = w, .ops = cfg->ops, .user = cfg->user, .stop = cfg->stop};
    int err = fdtable_init(&e->fds, mem, fds, w->ctx.worker_id, w->ctx.n_workers);
    if (err == 0)
        err = slab_init(&e->socks, mem, sizeof(struct sock), fds + 1);
    if (err == 0)
        err = slab_init(&e->watches, mem, sizeof(struct watch), fds + EPOLLS_MAX);
    if (err == 0)
        err = slab_init(&e->epolls, mem, sizeof(struct epoll), EPOLLS_MAX);
    if (err != 0)
        engine_fini(e);
    return err;
}

void engine_close_all(struct engine *e)
{
    for (int fd = 0; (fd = fdtable_next(&e->fds, fd)) >= 0; fd++)
        file_put(e, fdtable_remove(&e->fds, fd));
}

void engine_close_paced(struct engine *e, nsec_t patience)
{
    nsec_t deadline = e->ops->now(e->user) + patience;
    int fd = 0;
    while (fd >= 0) {
        for (unsigned n = 0; n < CLOSE_LOT && (fd = fdtable_next(&e->fds, fd)) >= 0; n++, fd++)
            file_put(e, fdtable_remove(&e->fds, fd));
        for (engine_round(e); worker_has_unsent(e->w) && engine_now(e) < deadline;)
            engine_tend(e, deadline);
    }
}

void engine_fini(struct engine *e)
{
    if (e->fds.files != NULL)
        engine_close_all(e);
    if (e->epolls.base != NULL)
        slab_fini(&e->epolls);
    if (e->watches.base != NULL)
        slab_fini(&e->watches);
    if (e->socks.base != NULL)
        slab_fini(&e->socks);
    fdtable_fini(&e->fds);
}

/* Hands what the transports noticed to the epolls that watch. */
static unsigned dispatch_ready(struct engine *e)
{
    struct endpoint *ep;
    unsigned n = 0;
    for (; (ep = ready_list_pop(&e->w->ctx.ready)) != NULL; n++) {
        struct sock *s = ep->owner;
        uint32_t events = ep->events;
        ep->events = 0;
        if (s != NULL && s->file.watches != 0)
            epoll_file_event(e, &s->file, events);
    }
    return n;
}

static void wake_owners(struct engine *e)
{
    uint64_t forwarded = engine_counters(e)->v[CNT_FORWARDED_TO_OWNER];
    if (forwarded == e->forwarded)
        return;
    e->forwarded = forwarded;
    if (e->ops->wake_others != NULL)
        e->ops->wake_others(e->user);
}

unsigned engine_round(struct engine *e)
{
    nsec_t now = e->ops->now(e->user);
    worker_poll_output(e->w, now);
    unsigned done = worker_poll_input(e->w, now);
    done += dispatch_ready(e);
    if (done > 0) {
        e->worked++;
        if (e->w->group != NULL)
            wake_owners(e);
    }
    return done;
}

void engine_idle(struct engine *e, nsec_t deadline)
{
    nsec_t until = worker_next_event(e->w);
    if (until > deadline)
        until = deadline;
    if (until > engine_now(e))
        e->ops->idle(e->user, until);
}

void engine_tend(struct engine *e, nsec_t deadline)
{
    if (engine_round(e) == 0)
        engine_idle(e, deadline);
}

int engine_wait_polling(struct engine *e, const struct wait *c, nsec_t deadline)
{
    for (;;) {
        if (engine_stopping(e))
            return -EINTR;
        unsigned done = engine_round(e);
        if (c->met(e, c))
            return 0;
        if (engine_now(e) >= deadline)
            return -ETIMEDOUT;
        if (done == 0)
            engine_idle(e, deadline);
    }
}
