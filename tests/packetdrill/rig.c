/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/heap_pool.h"

#define RIG_EPOCH           (UINT64_C(1700000000) * NSEC_PER_SEC)
#define RIG_POOL            16384
#define RIG_WATCHDOG_MS     500 /* real time that a woken thread may take before the clock goes on without it */
#define RIG_MAX_CONNECTIONS 1024
#define RIG_BURST           2 /* segments; Linux's tcp_min_tso_segs */

static void rig_deadline(struct timespec *ts)
{
    clock_gettime(CLOCK_REALTIME, ts);
    ts->tv_nsec += RIG_WATCHDOG_MS * 1000000L;
    ts->tv_sec += ts->tv_nsec / 1000000000L;
    ts->tv_nsec %= 1000000000L;
}

void rig_lock(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
}

void rig_unlock(struct rig *r)
{
    pthread_mutex_unlock(&r->lock);
}

/* ---- sleeping and waking ---- */

/* This thread woke from a blocking call and has not read the clock since: time stands still for it. */
static __thread bool rig_woken;

static void rig_settled(struct rig *r)
{
    if (rig_woken) {
        rig_woken = false;
        if (r->running > 0)
            r->running--;
        pthread_cond_broadcast(&r->settled);
    }
}

static void rig_kick(struct rig *r)
{
    if (r->sleepers == NULL)
        return;
    for (struct sleeper *s = r->sleepers; s != NULL; s = s->next)
        r->running++;
    r->sleepers = NULL;
    r->round++;
    pthread_cond_broadcast(&r->progress);
}

/* Until the next kick. The lock is given up meanwhile. */
static void rig_sleep(struct rig *r, nsec_t deadline)
{
    static __thread struct sleeper me; /* a thread sleeps in one call at a time */
    me = (struct sleeper){.next = r->sleepers, .deadline = deadline};
    uint64_t round = r->round;
    rig_settled(r);
    r->sleepers = &me;
    while (r->round == round)
        pthread_cond_wait(&r->progress, &r->lock);
    rig_woken = true;
}

/* Waits, in real time, until woken threads sleep again or have read the clock. */
static void rig_settle(struct rig *r)
{
    struct timespec until;
    rig_deadline(&until);
    while (r->running > 0)
        if (pthread_cond_timedwait(&r->settled, &r->lock, &until) == ETIMEDOUT) {
            r->running = 0;
            return;
        }
}

static bool on_script_thread(const struct rig *r)
{
    return pthread_equal(pthread_self(), r->script_thread);
}

/* ---- the clock ---- */

static nsec_t rig_next(struct rig *r)
{
    nsec_t next = worker_next_event(&r->worker);
    for (const struct sleeper *s = r->sleepers; s != NULL; s = s->next)
        next = s->deadline < next ? s->deadline : next;
    return next;
}

void rig_run(struct rig *r)
{
    engine_round(&r->engine);
    worker_poll_output(&r->worker, r->now);
    rig_kick(r);
    rig_settle(r);
    if (tcp_has_touched(&r->worker.tcp))
        worker_poll_output(&r->worker, r->now);
}

/* One step towards `target`: to the next timer, or there. False when it has been reached. */
static bool rig_step(struct rig *r, nsec_t target)
{
    rig_settle(r);
    nsec_t next = rig_next(r);
    if (next <= r->now)
        next = r->now + (UINT64_C(1) << WHEEL_TICK_SHIFT) / 4;
    if (next > target) {
        r->now = target > r->now ? target : r->now;
        return false;
    }
    r->now = next;
    rig_run(r);
    return true;
}

void rig_advance(struct rig *r, uint64_t us)
{
    nsec_t target = r->now + us * NSEC_PER_USEC;
    while (rig_step(r, target))
        ;
    rig_run(r);
}

bool rig_receive(struct rig *r, void *buf, size_t *n, long long *us)
{
    nsec_t sent_at;
    while (!wire_tap_take(&r->tap, buf, n, &sent_at)) {
        rig_settle(r);
        if (wire_tap_take(&r->tap, buf, n, &sent_at))
            break;
        nsec_t next = rig_next(r);
        if (next == NSEC_NEVER)
            return false;
        rig_step(r, next > r->now ? next : r->now + NSEC_PER_MSEC);
    }
    *us = (long long)(sent_at / NSEC_PER_USEC);
    return true;
}

long long rig_clock(struct rig *r)
{
    rig_settled(r);
    r->now += NSEC_PER_USEC;
    return (long long)(r->now / NSEC_PER_USEC);
}

/* ---- the engine's hooks ---- */

static nsec_t rig_now(void *user)
{
    return ((struct rig *)user)->now;
}

/* Nothing to do: the script's thread lets time pass, a blocked one sleeps. */
static void rig_idle(void *user, nsec_t until)
{
    struct rig *r = user;
    if (!on_script_thread(r))
        rig_sleep(r, until);
    else
        rig_step(r, until);
}

static int rig_wait(struct engine *e, const struct wait *c, nsec_t deadline)
{
    struct rig *r = e->user;
    if (on_script_thread(r))
        return engine_wait_polling(e, c, deadline);
    worker_poll_output(&r->worker, r->now);
    while (!c->met(e, c)) {
        if (r->now >= deadline)
            return -ETIMEDOUT;
        rig_sleep(r, deadline);
    }
    return 0;
}

static const struct engine_ops rig_ops = {.now = rig_now, .idle = rig_idle, .wait = rig_wait};

/* ---- life ---- */

static void rig_log(void *user, enum log_level level, const char *line)
{
    if (getenv("PLX_PACKETDRILL_LOG") != NULL)
        fprintf(stderr, "pollux: %s\n", line);
}

void rig_own_address(struct rig *r, uint32_t be)
{
    struct ip_addr a = ip_addr_v4(be);
    if (!net_is_local(&r->worker.net, &a))
        net_add_address(&r->worker.net, 0, &a, 32);
}

static int rig_network(struct rig *r)
{
    char buf[64];
    const char *mtu = rig_flag(r, "mtu", buf, sizeof(buf));
    wire_tap_init(&r->tap, r->pool, mtu != NULL ? (uint16_t)atoi(mtu) : 1500);
    int err = net_add_netif(&r->worker.net, &r->tap.dev, 0);
    if (err < 0)
        return err;
    const char *ip = rig_flag(r, "local_ip", buf, sizeof(buf));
    struct ip_addr local = ip_addr_v4(inet_addr(ip != NULL ? ip : "192.168.0.1"));
    err = net_add_address(&r->worker.net, 0, &local, 16);
    if (err != 0)
        return err;
    struct ip_addr any = ip_addr_v4(0);
    struct ip_addr gateway = ip_addr_v4((local.w[3] & htonl(0xffff0000)) | htonl(0xfffe));
    return net_add_route(&r->worker.net, &any, 0, &gateway);
}

static int rig_engine(struct rig *r)
{
    struct worker_config wc = {
        .mem = &memory_os,
        .tun = &r->tun,
        .hdr_pool = r->pool,
        .data_pool = r->pool,
        .seed = {{1, 2}},
        .log = {.sink = rig_log, .max_level = LOG_LEVEL_INFO},
        .n_workers = 1,
        .now = r->now,
    };
    int err = worker_init(&r->worker, &wc);
    if (err != 0)
        return err;
    err = rig_network(r);
    if (err != 0)
        return err;
    struct engine_config ec = {.ops = &rig_ops, .user = r, .max_fds = RIG_FDS};
    return engine_init(&r->engine, &r->worker, &ec);
}

struct rig *rig_create(const char *flags)
{
    struct rig *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->progress, NULL);
    pthread_cond_init(&r->settled, NULL);
    r->script_thread = pthread_self();
    r->now = RIG_EPOCH;
    r->flags = strdup(flags != NULL ? flags : "");
    tunables_init(&r->tun);
    r->tun.tcp_max_connections = RIG_MAX_CONNECTIONS;
    r->tun.tcp_tso_max_segs = RIG_BURST;
    rig_settings_init(r);
    r->pool = heap_pool_create_fixed("packetdrill", RIG_POOL, RTE_MBUF_DEFAULT_BUF_SIZE);
    int err = r->pool != NULL ? rig_engine(r) : -ENOMEM;
    if (err != 0) {
        fprintf(stderr, "pollux: the stack cannot start: %s\n", strerror(-err));
        free(r->flags);
        free(r);
        return NULL;
    }
    return r;
}

void rig_destroy(struct rig *r)
{
    engine_fini(&r->engine);
    worker_fini(&r->worker);
    wire_tap_fini(&r->tap);
    heap_pool_destroy(r->pool);
    pthread_cond_destroy(&r->settled);
    pthread_cond_destroy(&r->progress);
    pthread_mutex_destroy(&r->lock);
    free(r->flags);
    free(r);
}
