/* SPDX-License-Identifier: BSD-3-Clause */
/* One worker with the sockets on it. Everything under posix/ takes its engine as an argument; only the
 * public wrappers look for the thread's own. Several engines may live in one process, without EAL. Errors
 * are negative errno. */
#ifndef PLX_POSIX_ENGINE_H
#define PLX_POSIX_ENGINE_H

#include <errno.h>
#include <stdatomic.h>

#include "base/slab.h"
#include "posix/fdtable.h"
#include "worker.h"

struct sock;

/* What a call waits for: `met` looks at the rest. */
struct wait {
    bool (*met)(struct engine *e, const struct wait *c);
    struct sock *s;
    uint32_t events; /* readiness that ends it */
    uint32_t beyond; /* more unread bytes than so end it, too */
};

struct engine_ops {
    /* The time, for each round anew. */
    nsec_t (*now)(void *user);
    /* Nothing to do until `until` (NSEC_NEVER: until something comes in): returns then, or earlier. */
    void (*idle)(void *user, nsec_t until);
    /* Runs, or lets run, the engine until the condition is met. 0, -ETIMEDOUT, -EINTR.
     * engine_wait_polling is the one for run to completion. */
    int (*wait)(struct engine *e, const struct wait *c, nsec_t deadline);
    /* Packets have gone to other workers, which may sleep. NULL: nobody to wake. */
    void (*wake_others)(void *user);
};

struct engine_config {
    const struct engine_ops *ops; /* borrowed, as `user` and `stop` */
    void *user;
    const atomic_int *stop; /* not 0: whoever would wait fails with EINTR; NULL: never */
    uint32_t max_fds;       /* 0: FDTABLE_MAX */
};

struct engine {
    struct worker *w; /* borrowed */
    const struct engine_ops *ops;
    void *user;
    const atomic_int *stop;
    uint64_t worked;    /* rounds in which something was done */
    uint64_t forwarded; /* CNT_FORWARDED_TO_OWNER when the others were last woken */
    struct fdtable fds;
    struct slab socks;   /* struct sock */
    struct slab watches; /* struct watch, posix/epoll.h */
    struct slab epolls;  /* struct epoll */
};

/* 0, -ENOMEM, -EINVAL. */
int engine_init(struct engine *e, struct worker *w, const struct engine_config *cfg);
/* Closes every descriptor; the worker stays, with connections that are still closing. */
void engine_close_all(struct engine *e);
/* The same for an engine that has a wire to mind: a reset is sent at once and waits for nobody, so a million
 * of them would be lost to a full wire. Closes in lots, each when the wires have taken what the last one had
 * to say; after `patience` ns the rest at once. */
void engine_close_paced(struct engine *e, nsec_t patience);
/* As engine_close_all, and frees the memory. */
void engine_fini(struct engine *e);

/* One round: what the application has sent since the last one leaves, packets come in, timers fire,
 * readiness reaches the epolls. Returns how much was done, 0: nothing. */
unsigned engine_round(struct engine *e);
/* A round and, when it had nothing to do, a sleep: what a worker does without its application. */
void engine_tend(struct engine *e, nsec_t deadline);
/* After a round in which nothing was done. */
void engine_idle(struct engine *e, nsec_t deadline);
int engine_wait_polling(struct engine *e, const struct wait *c, nsec_t deadline);

/* The time of the last round. */
static inline nsec_t engine_now(const struct engine *e)
{
    return e->w->ctx.now;
}

static inline bool engine_stopping(const struct engine *e)
{
    return e->stop != NULL && atomic_load_explicit(e->stop, memory_order_relaxed) != 0;
}

/* Rounds until `look` finds something (its result), for `timeout` ms at most (0 then; below 0: without end),
 * or until the engine stops (-EINTR). It looks after the first round and after each in which something was
 * done. */
static inline int engine_wait_events(struct engine *e, int timeout, int (*look)(struct engine *e, void *arg),
                                     void *arg)
{
    nsec_t deadline = 0;
    for (bool first = true;; first = false) {
        unsigned done = engine_round(e);
        if (__builtin_expect(engine_stopping(e), 0))
            return -EINTR;
        int n = first || done > 0 ? look(e, arg) : 0;
        if (n > 0 || timeout == 0)
            return n;
        nsec_t now = engine_now(e);
        if (first)
            deadline = timeout < 0 ? NSEC_NEVER : now + (nsec_t)timeout * NSEC_PER_MSEC;
        if (now >= deadline)
            return 0;
        if (done == 0)
            engine_idle(e, deadline);
    }
}

static inline struct tcp *engine_tcp(struct engine *e)
{
    return &e->w->tcp;
}

static inline struct udp *engine_udp(struct engine *e)
{
    return &e->w->udp;
}

/* Counts for the summary. */
static inline struct counters *engine_counters(struct engine *e)
{
    return &e->w->ctx.counters;
}

/* The engine of this thread, NULL on a thread that is no worker. Written by the runtime alone. */
extern __thread struct engine *engine_current __attribute__((tls_model("initial-exec")));

#endif
