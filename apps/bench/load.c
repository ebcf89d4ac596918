/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop of a worker: connections are opened, requests leave when they are due, answers are counted. */
#include "bench/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <plx_run.h>

#define EVENTS         128
#define CONNECTS_AHEAD 256             /* handshakes under way at once, while connections are opened */
#define TRIES          5               /* to open a connection, before anything is measured */
#define SPIN_BELOW     (2 * NS_PER_MS) /* what is due sooner is not slept for: epoll counts in milliseconds */
#define GIVE_UP_AFTER  (3 * NS_PER_S)  /* without a single connection */
#define TICK_MS        10

struct bench_clock bench_clock;
struct load *loads;

/* ---- rings ---- */

static int ring_init(struct ring *r, uint32_t size)
{
    r->entry = malloc((size_t)size * sizeof(*r->entry));
    r->size = size;
    return r->entry != NULL ? 0 : -ENOMEM;
}

static void ring_push(struct ring *r, uint32_t entry)
{
    r->entry[((uint64_t)r->head + r->count++) % r->size] = entry;
}

static uint32_t ring_pop(struct ring *r)
{
    uint32_t entry = r->entry[r->head];

    r->head = (r->head + 1) % r->size;
    r->count--;
    return entry;
}

/* ---- making ---- */

static int arrays_make(struct load *l)
{
    l->conn = calloc(l->n, sizeof(*l->conn));
    l->buffer = malloc(LOAD_BUFFER);
    if (l->conn == NULL || l->buffer == NULL || ring_init(&l->free, l->n) != 0 ||
        ring_init(&l->retry, l->n) != 0)
        return -ENOMEM;
    if (config.mode != MODE_UDP) {
        l->due = calloc((size_t)l->n * config.pipeline, sizeof(*l->due));
        if (l->due == NULL)
            return -ENOMEM;
    } else {
        l->udp = calloc((size_t)l->n * config.pipeline, sizeof(*l->udp));
        if (l->udp == NULL)
            return -ENOMEM;
    }
    if (config.mode == MODE_HTTP) {
        l->http = calloc(l->n, sizeof(*l->http));
        if (l->http == NULL)
            return -ENOMEM;
    }
    return request_texts(l);
}

int load_init(struct load *l, uint32_t id, uint32_t n_workers)
{
    uint32_t share = config.connections / n_workers, rest = config.connections % n_workers;

    *l = (struct load){.calls = config.calls, .id = id, .n = share + (id < rest), .epoll = -1};
    l->first = share * id + (id < rest ? id : rest);
    if (l->n == 0)
        return 0;
    int rc = arrays_make(l);
    for (uint32_t i = 0; rc == 0 && i < l->n; i++)
        l->conn[i].fd = -1;
    return rc;
}

void load_free(struct load *l)
{
    for (uint32_t i = 0; i < l->n_texts; i++)
        free(l->text[i].bytes);
    for (unsigned i = 0; i < SERIES_MAX; i++)
        free(l->interval[i]);
    free(l->text);
    free(l->conn);
    free(l->due);
    free(l->udp);
    free(l->http);
    free(l->buffer);
    free(l->free.entry);
    free(l->retry.entry);
}

/* ---- what is seen ---- */

struct interval *load_interval(struct load *l, uint64_t now, bool late)
{
    uint64_t from = atomic_load_explicit(&bench_clock.measure_from, memory_order_relaxed);
    uint64_t until = atomic_load_explicit(&bench_clock.measure_until, memory_order_relaxed);

    if (from == 0 || now < from || (now >= until && !late))
        return NULL;
    if (now >= until)
        now = until - 1;
    uint64_t i = (now - from) / (config.interval_s * NS_PER_S);
    if (i >= SERIES_MAX)
        return NULL;
    if (l->interval[i] == NULL)
        l->interval[i] = calloc(1, sizeof(struct interval));
    return l->interval[i];
}

void load_fail(struct load *l, enum failure kind, uint64_t now)
{
    struct interval *in = load_interval(l, now, false);

    l->failures[kind]++;
    if (in != NULL)
        in->failures++;
}

void load_answered(struct load *l, uint64_t due, uint64_t now)
{
    uint64_t from = atomic_load_explicit(&bench_clock.measure_from, memory_order_relaxed);
    struct interval *in = load_interval(l, now, true);

    l->total_requests++;
    l->last_answer = now;
    if (in == NULL)
        return;
    if (!load_stops(now)) {
        l->requests++;
        in->requests++;
    }
    if (due >= from)
        histogram_add(&in->latency, now - due);
}

/* ---- requests ---- */

void load_offer(struct load *l, struct conn *c)
{
    if (c->queued)
        return;
    c->queued = true;
    ring_push(&l->free, conn_index(l, c));
}

/* May it take one more? A connection that is opened for each request may when it is closed. */
static bool conn_takes(const struct conn *c)
{
    if (conn_per_request())
        return c->state == CONN_CLOSED;
    return c->state == CONN_OPEN && c->outstanding < config.pipeline;
}

static void request_issue(struct load *l, struct conn *c, uint64_t due, uint64_t now)
{
    if (config.mode == MODE_UDP)
        datagram_request(l, c, due, now);
    else
        conn_request(l, c, due, now);
}

/* Open loop: whatever is due goes to the connections in turn; with none free it waits, and its latency grows.
 */
static void requests_due(struct load *l, uint64_t now)
{
    while (schedule_due(&l->schedule, now) && l->free.count > 0) {
        struct conn *c = &l->conn[ring_pop(&l->free)];
        c->queued = false;
        if (!conn_takes(c))
            continue;
        request_issue(l, c, schedule_take(&l->schedule), now);
        if (conn_takes(c))
            load_offer(l, c);
    }
}

static double requests_rate(void)
{
    if (config.mode == MODE_HOLD)
        return config.heartbeat_s != 0 ? (double)config.connections / config.heartbeat_s : 0;
    return config.rate;
}

/* The first requests of this worker. */
static void requests_start(struct load *l, uint64_t now)
{
    double share = config.connections != 0 ? (double)l->n / config.connections : 0;
    uint64_t seed = config.arrival == ARRIVAL_POISSON ? (now ^ 0x9e3779b97f4a7c15u) + l->id : 0;

    l->started = true;
    schedule_start(&l->schedule, requests_rate() * share, now, seed);
    for (uint32_t i = 0; i < l->n; i++) {
        struct conn *c = &l->conn[i];
        if (config.mode == MODE_STREAM) {
            if (c->state == CONN_OPEN)
                stream_start(l, c);
        } else if (config.rate != 0 || config.mode == MODE_HOLD) {
            if (conn_takes(c))
                load_offer(l, c);
        } else {
            while (conn_takes(c))
                request_issue(l, c, now, now);
        }
    }
}

/* ---- opening ---- */

static void conn_begin(struct load *l, struct conn *c, uint64_t now)
{
    if (config.mode == MODE_UDP)
        datagram_open(l, c, now);
    else
        conn_open(l, c, now);
}

static void conn_give_up(struct load *l, struct conn *c, uint64_t now)
{
    uint64_t none = 0;

    c->failed = true;
    l->given_up++;
    l->ramped++;
    for (int i = 0; i < config.calls->workers(); i++)
        if (loads[i].open > 0)
            return;
    atomic_compare_exchange_strong(&bench_clock.gave_up, &none, now); /* there is no server */
}

/* Closed connections whose time has come. One that serves single requests goes on with the next. */
static void retries(struct load *l, uint64_t now)
{
    while (l->retry.count > 0 && !load_stops(now)) {
        struct conn *c = &l->conn[l->retry.entry[l->retry.head]];
        if (now - c->since < RETRY_AFTER || l->connecting >= CONNECTS_AHEAD)
            return;
        ring_pop(&l->retry);
        if (c->state != CONN_CLOSED)
            continue;
        if (!l->started && c->tries >= TRIES) {
            conn_give_up(l, c, now);
        } else if (!conn_per_request()) {
            conn_begin(l, c, now);
        } else if (config.rate != 0) {
            load_offer(l, c);
        } else {
            conn_request(l, c, now, now);
        }
    }
}

/* Until each connection is open or given up. */
static void ramp_on(struct load *l, uint64_t now)
{
    while (l->opened < l->n && l->connecting < CONNECTS_AHEAD) {
        if (l->open == 0 && l->retry.count >= CONNECTS_AHEAD)
            return; /* not one of them came through */
        if (config.ramp != 0) {
            if (!schedule_due(&l->ramp, now))
                return;
            schedule_take(&l->ramp);
        }
        conn_begin(l, &l->conn[l->opened++], now);
    }
}

static void ramp_ended(uint64_t now)
{
    /* The last worker starts the clock for all. */
    if (atomic_fetch_sub(&bench_clock.ramping, 1) != 1)
        return;
    atomic_store(&bench_clock.measure_until, now + (config.warmup_s + config.duration_s) * NS_PER_S);
    atomic_store(&bench_clock.measure_from, now + config.warmup_s * NS_PER_S);
    atomic_store(&bench_clock.opened, now);
}

static void ramp_start(struct load *l, uint64_t now)
{
    double share = config.connections != 0 ? (double)l->n / config.connections : 0;
    uint64_t none = 0;

    atomic_compare_exchange_strong(&bench_clock.started, &none, now);
    schedule_start(&l->ramp, config.ramp * share, now, 0);
    if (conn_per_request()) {
        l->ramped = l->opened = l->n;
    }
}

/* ---- the end ---- */

/* Every request that the schedule wanted and nobody could take counts with the age it has now: leaving out
 * the ones that waited longest would make the figures better than the truth. */
static void count_unfinished(struct load *l, uint64_t until)
{
    uint64_t from = atomic_load(&bench_clock.measure_from), now = app_now();
    struct interval *in = load_interval(l, until - 1, true);

    while (l->schedule.next < until) {
        uint64_t due = schedule_take(&l->schedule);
        l->unsent++;
        if (due >= from && in != NULL)
            histogram_add(&in->latency, now - due);
    }
    for (uint32_t i = 0; i < l->n && config.mode != MODE_UDP && config.mode != MODE_STREAM; i++) {
        const struct conn *c = &l->conn[i];
        for (uint32_t k = 0; k < c->outstanding; k++) {
            uint64_t due = l->due[(size_t)i * config.pipeline + (c->head + k) % config.pipeline];
            l->unanswered++;
            if (due >= from && in != NULL)
                histogram_add(&in->latency, now - due);
        }
    }
}

static bool drained(const struct load *l, uint64_t now)
{
    uint64_t until = atomic_load_explicit(&bench_clock.measure_until, memory_order_relaxed);

    return l->in_flight == 0 || now >= until + DRAIN_AT_MOST || config.mode == MODE_STREAM;
}

/* Nobody to talk to for some time: the others are told, the run ends. */
static void give_up(struct load *l, uint64_t now)
{
    for (int i = 0; i < config.calls->workers(); i++)
        if (loads[i].open > 0 || loads[i].last_answer > l->last_company)
            l->last_company = now;
    if (l->last_company == 0)
        l->last_company = now;
    if (now - l->last_company < GIVE_UP_AFTER)
        return;
    uint64_t none = 0;
    if (!atomic_compare_exchange_strong(&bench_clock.gave_up, &none, now))
        return;
    if (now < atomic_load(&bench_clock.measure_until))
        atomic_store(&bench_clock.measure_until, now);
}

static void stream_mark(struct load *l, uint64_t now)
{
    uint64_t from = atomic_load_explicit(&bench_clock.measure_from, memory_order_relaxed);

    if (config.mode != MODE_STREAM || l->marked || from == 0 || now < from)
        return;
    l->marked = true;
    l->acked_before = stream_unacknowledged(l);
}

/* ---- the loop ---- */

static bool load_tick(struct load *l, uint64_t now)
{
    bool stops = load_stops(now);

    if (l->opened < l->n && !stops)
        ramp_on(l, now);
    retries(l, now);
    if (!l->finished && atomic_load_explicit(&bench_clock.gave_up, memory_order_relaxed) != 0)
        return false;
    if (!l->finished && l->ramped == l->n) {
        l->finished = true;
        ramp_ended(now);
    }
    uint64_t opened = atomic_load_explicit(&bench_clock.opened, memory_order_acquire);
    if (opened == 0)
        return true;
    if (!l->started)
        requests_start(l, now);
    if (stops) { /* the last moments of the schedule may have passed unseen */
        requests_due(l, atomic_load_explicit(&bench_clock.measure_until, memory_order_relaxed) - 1);
        return !drained(l, now);
    }
    requests_due(l, now);
    stream_mark(l, now);
    return true;
}

/* What need not be done for each event. */
static void load_slow_tick(struct load *l, uint64_t now)
{
    if (config.mode == MODE_UDP)
        datagram_time_out(l, now);
    else if (l->connecting > 0 || l->in_flight > 0)
        conn_time_out(l, now);
    if (l->id == 0) {
        progress_show(now);
        if (l->started && config.mode != MODE_UDP)
            give_up(l, now);
    }
}

/* Milliseconds that may be slept. */
static int load_patience(const struct load *l, uint64_t now)
{
    uint64_t next = l->free.count > 0 ? l->schedule.next : SCHEDULE_NEVER;

    if (l->opened < l->n && l->connecting < CONNECTS_AHEAD && l->ramp.next < next)
        next = l->ramp.next;
    if (config.spin || next <= now + SPIN_BELOW)
        return 0;
    uint64_t ms = (next - now - SPIN_BELOW) / NS_PER_MS + 1;
    return ms < TICK_MS ? (int)ms : TICK_MS;
}

static void load_events(struct load *l, const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct conn *c = &l->conn[(uint32_t)events[i].data.u64];
        if (c->state == CONN_CLOSED || (uint32_t)(events[i].data.u64 >> 32) != c->generation)
            continue; /* closed by an earlier event of this batch */
        if (config.mode == MODE_UDP)
            datagram_event(l, c, app_now());
        else
            conn_event(l, c, events[i].events);
    }
}

static int load_loop(struct load *l)
{
    struct epoll_event events[EVENTS];
    uint64_t slow = 0;
    int rc = 0;

    for (;;) {
        uint64_t now = app_now();
        if (!load_tick(l, now))
            break;
        if (now - slow >= TICK_MS * NS_PER_MS) {
            slow = now;
            load_slow_tick(l, now);
        }
        int n = l->calls->epoll_wait(l->epoll, events, EVENTS, load_patience(l, now));
        if (n < 0 && (errno != EINTR || plx_stopping())) {
            if (errno == EINTR)
                atomic_store(&bench_clock.interrupted, true);
            rc = errno == EINTR ? 0 : app_failed(config.app, "epoll_wait: %s", strerror(errno));
            break;
        }
        load_events(l, events, n);
    }
    return rc;
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int load_run(struct load *l)
{
    struct rusage before = {0}, after = {0};
    uint64_t now = app_now(), never = 0;

    l->epoll = l->calls->epoll_create(0);
    if (l->epoll < 0)
        return app_failed(config.app, "cannot start: %s", strerror(errno));
    ramp_start(l, now);
    getrusage(RUSAGE_THREAD, &before);
    int rc = load_loop(l);
    getrusage(RUSAGE_THREAD, &after);
    l->cpu_user = seconds_of(&after.ru_utime) - seconds_of(&before.ru_utime);
    l->cpu_system = seconds_of(&after.ru_stime) - seconds_of(&before.ru_stime);
    /* Interrupted: what there is counts until now. */
    now = app_now();
    if (atomic_load(&bench_clock.measure_from) != 0) {
        uint64_t until = atomic_load(&bench_clock.measure_until);
        while (now < until && !atomic_compare_exchange_weak(&bench_clock.measure_until, &until, now))
            ;
        until = atomic_load(&bench_clock.measure_until);
        if (until > atomic_load(&bench_clock.measure_from))
            count_unfinished(l, until);
    } else {
        atomic_compare_exchange_strong(&bench_clock.measure_until, &never, now);
    }
    if (config.mode == MODE_STREAM && l->marked)
        l->bytes_out += l->acked_before - stream_unacknowledged(l);
    return rc;
}
