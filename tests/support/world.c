/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap_pool.h"

#define WORLD_START       NSEC_PER_SEC /* not 0, so that "never" and "long ago" differ */
#define WORLD_POOL        65536
#define WORLD_HDR_ROOM    512
#define WORLD_MAX_ROUNDS  200000 /* at one moment */
#define WORLD_IDLE_ROUNDS 4      /* without anything done, though an engine says that there is work */
#define WORLD_POLL                                                                                           \
    (50 * NSEC_PER_USEC) /* then time passes as for one that polls: it may wait for a buffer                 \
                          */
#define WORLD_FDS 8192

uint64_t world_rand(uint64_t *state)
{
    uint64_t x = *state != 0 ? *state : UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t world_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((world_rand(state) >> 32) * n >> 32);
}

void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->now = WORLD_START;
    w->seed = seed;
}

struct host *world_add_host(struct world *w)
{
    struct host *h = &w->host[w->n_hosts];
    h->index = (uint8_t)w->n_hosts++;
    h->world = w;
    h->app_wake = NSEC_NEVER;
    tunables_init(&h->tun);
    h->rx_pool = heap_pool_create("rx", WORLD_POOL, WORLD_DATA_ROOM);
    h->hdr_pool = heap_pool_create("hdr", WORLD_POOL, WORLD_HDR_ROOM);
    h->data_pool = heap_pool_create("data", WORLD_POOL, WORLD_DATA_ROOM);
    if (h->rx_pool == NULL || h->hdr_pool == NULL || h->data_pool == NULL)
        abort();
    return h;
}

static nsec_t host_now(void *user)
{
    return ((struct host *)user)->world->now;
}

/* Only the world moves the clock: a call that would wait has been made by mistake. */
static int host_wait(struct engine *e, const struct wait *c, nsec_t deadline)
{
    return -ETIMEDOUT;
}

static void host_idle(void *user, nsec_t until)
{
}

static const struct engine_ops host_ops = {.now = host_now, .idle = host_idle, .wait = host_wait};

static void host_log(void *user, enum log_level level, const char *line)
{
    const struct host *h = user;
    if (!h->quiet)
        fprintf(stderr, "host %u at %.6f s: %s\n", h->index, (double)h->world->now / 1e9, line);
}

bool world_start(struct world *w, struct host *h, struct netdev *dev, const char *addr, char why[WORLD_WHY])
{
    struct worker_config cfg = {
        .mem = &memory_os,
        .tun = &h->tun,
        .hdr_pool = h->hdr_pool,
        .data_pool = h->data_pool,
        .seed = {{w->seed * 2 + 1, w->seed ^ (h->index + UINT64_C(0x7f4a7c15))}},
        .log = {.sink = host_log, .user = h, .max_level = LOG_LEVEL_WARNING},
        .n_workers = 1,
        .now = w->now,
    };
    struct engine_config ecfg = {.ops = &host_ops, .user = h, .max_fds = WORLD_FDS};
    h->dev = dev;
    int err = worker_init(&h->worker, &cfg);
    if (err == 0)
        h->up = true;
    if (err == 0)
        err = engine_init(&h->engine, &h->worker, &ecfg);
    if (err == 0)
        err = net_add_netif(&h->worker.net, dev, 0);
    h->addr = inet_addr(addr);
    struct ip_addr a = ip_addr_v4(h->addr);
    if (err >= 0)
        err = net_add_address(&h->worker.net, (uint8_t)err, &a, 24);
    if (err != 0)
        snprintf(why, WORLD_WHY, "host %u does not start: %s", h->index, strerror(-err));
    return err == 0;
}

unsigned world_round(struct world *w)
{
    unsigned done = 0;
    w->rounds++;
    for (unsigned i = 0; i < w->n_hosts; i++) {
        struct host *h = &w->host[i];
        if (!h->up || h->frozen_until > w->now)
            continue;
        done += engine_round(&h->engine);
        if (h->app != NULL)
            done += h->app(h, h->app_arg);
    }
    return done;
}

nsec_t world_next(struct world *w)
{
    nsec_t next = NSEC_NEVER;
    for (unsigned i = 0; i < w->n_hosts; i++) {
        struct host *h = &w->host[i];
        if (!h->up)
            continue;
        nsec_t at = RTE_MIN(worker_next_event(&h->worker), h->app_wake);
        next = RTE_MIN(next, RTE_MAX(at, h->frozen_until));
    }
    return next;
}

/* Calls `each` after each round; 1 goes on, 0 it asked to end, -1 the moment does not end. */
static int settle(struct world *w, bool (*each)(struct world *w, void *arg), void *arg)
{
    unsigned idle = 0;
    for (unsigned i = 0; i < WORLD_MAX_ROUNDS; i++) {
        idle = world_round(w) == 0 ? idle + 1 : 0;
        if (each != NULL && !each(w, arg))
            return 0;
        if (idle != 0 && (world_next(w) > w->now || idle == WORLD_IDLE_ROUNDS))
            return 1;
    }
    return -1;
}

bool world_settle(struct world *w)
{
    return settle(w, NULL, NULL) > 0;
}

bool world_run(struct world *w, nsec_t until, bool (*each)(struct world *w, void *arg), void *arg)
{
    for (;;) {
        if (settle(w, each, arg) <= 0)
            return false;
        nsec_t next = world_next(w);
        if (next <= w->now)
            next = w->now + WORLD_POLL;
        if (next > until)
            break;
        w->now = next;
    }
    if (w->now >= until)
        return true;
    w->now = until; /* the engines shall know what time it is, also when nothing happened */
    return settle(w, each, arg) > 0;
}

/* What hangs on connections, when these are gone. One set of options is the default's. */
static uint32_t host_holds(const struct tcp *t)
{
    return t->records.in_use + t->ranges.in_use + t->assemblies.in_use + t->boards.in_use +
           t->tallies.in_use + t->listeners.in_use + (t->opts.in_use - 1) + (t->pinned != 0);
}

static void host_stop(struct host *h, struct tcp_census *left)
{
    memset(left, 0, sizeof(*left));
    if (!h->up)
        return;
    engine_fini(&h->engine);
    tcp_census(&h->worker.tcp, left);
    h->left = left->tcbs == 0 ? host_holds(&h->worker.tcp) : 0;
    worker_fini(&h->worker);
}

static const char *host_leaks(struct host *h, const struct tcp_census *c, char *why)
{
    const char *leak = NULL;
    uint32_t rx = heap_pool_in_use(h->rx_pool), hdr = heap_pool_in_use(h->hdr_pool),
             data = heap_pool_in_use(h->data_pool);
    if (rx + hdr + data + c->tcbs + c->half_open + c->time_wait + c->listeners + h->left != 0) {
        snprintf(
            why, WORLD_WHY,
            "host %u leaves behind: packets of rx %u, header %u, data pool %u; %u connections, %u half-open, "
            "%u in TIME-WAIT, %u listeners, %u records and the like",
            h->index, rx, hdr, data, c->tcbs, c->half_open, c->time_wait, c->listeners, h->left);
        leak = why;
    }
    free(h->shadow);
    if (rx + hdr + data == 0) {
        heap_pool_destroy(h->rx_pool);
        heap_pool_destroy(h->hdr_pool);
        heap_pool_destroy(h->data_pool);
    }
    return leak;
}

const char *world_fini(struct world *w, bool in_peace, char why[WORLD_WHY])
{
    struct tcp_census left[WORLD_HOSTS];
    const char *leak = NULL;
    char later[WORLD_WHY];
    for (unsigned i = 0; i < w->n_hosts; i++) {
        host_stop(&w->host[i], &left[i]);
        if (!in_peace)
            memset(&left[i], 0, sizeof(left[i]));
    }
    /* A wire may hold packets of the other end's pool: all wires go before any pool is counted. */
    for (unsigned i = 0; i < w->n_hosts; i++)
        netdev_close(w->host[i].dev);
    for (unsigned i = 0; i < w->n_hosts; i++) {
        if (leak == NULL)
            leak = host_leaks(&w->host[i], &left[i], why);
        else
            (void)host_leaks(&w->host[i], &left[i], later);
    }
    return leak;
}
