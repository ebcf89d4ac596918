/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/report.h"

#include <inttypes.h>
#include <plx.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pktgen/report_private.h"

static uint64_t wire_drops(void)
{
    struct plx_counter c;
    uint64_t sum = 0;

    for (unsigned i = 0; plx_counter(i, &c) == 0; i++)
        if (strncmp(c.name, "drop.wire.", 10) == 0 || strcmp(c.name, "drop.no_mbuf") == 0)
            sum += c.value;
    return sum;
}

/* ---- totals ---- */

static uint64_t read_count(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* One source may come in by several queues: what is missing shows only when they are put together. */
static void tracks_take(const struct run *r, struct totals *t)
{
    struct {
        uint16_t source;
        uint64_t first, next, unique;
    } seen[RUN_TRACKS];
    uint32_t n = 0;

    for (uint16_t i = 0; i < r->n; i++) {
        const struct lane *l = &r->lane[i];
        uint32_t tracks = __atomic_load_n(&l->n_tracks, __ATOMIC_ACQUIRE);
        for (uint32_t k = 0; k < tracks; k++) {
            const struct track *tr = l->track[k];
            uint64_t first = read_count(&tr->first), next = read_count(&tr->next);
            uint32_t at = 0;
            t->duplicates += read_count(&tr->duplicates);
            t->reordered += read_count(&tr->reordered);
            t->stragglers += read_count(&tr->stragglers);
            while (at < n && seen[at].source != tr->source)
                at++;
            if (at == n && n == RUN_TRACKS)
                continue;
            if (at == n) {
                n++;
                seen[at].source = tr->source;
                seen[at].first = first;
                seen[at].next = next;
                seen[at].unique = 0;
            }
            seen[at].first = first < seen[at].first ? first : seen[at].first;
            seen[at].next = next > seen[at].next ? next : seen[at].next;
            seen[at].unique += read_count(&tr->unique);
        }
    }
    for (uint32_t at = 0; at < n; at++) {
        uint64_t span = seen[at].next - seen[at].first;
        if (run_own_source(r, seen[at].source)) {
            t->own_unique += seen[at].unique;
            continue;
        }
        t->sources++;
        t->missing += span > seen[at].unique ? span - seen[at].unique : 0;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

void totals_take(const struct run *r, struct totals *t)
{
    memset(t, 0, sizeof(*t));
    for (uint16_t i = 0; i < r->n; i++) {
        const struct lane *l = &r->lane[i];
        const uint64_t *from = (const uint64_t *)&l->counts;
        uint64_t *to = (uint64_t *)&t->c;
        for (size_t k = 0; k < sizeof(l->counts) / sizeof(*from); k++)
            to[k] += read_count(&from[k]);
        t->started = earlier(t->started, read_count(&l->started));
        t->rx_started = earlier(t->rx_started, read_count(&l->rx_started));
        t->ended = RTE_MAX(t->ended, read_count(&l->ended));
        t->rx_ended = RTE_MAX(t->rx_ended, read_count(&l->rx_ended));
        t->probes_sent += read_count(&l->probes_sent);
    }
    tracks_take(r, t);
    t->drops = wire_drops();
}

/* ---- a line a second ---- */

static void sample_take(const struct report *rep, struct sample *s, uint64_t now)
{
    struct totals t;

    totals_take(rep->run, &t);
    *s = (struct sample){.at = now - rep->began,
                         .tx_frames = t.c.tx_frames,
                         .tx_bytes = t.c.tx_bytes,
                         .rx_frames = t.c.rx_frames,
                         .rx_bytes = t.c.rx_bytes,
                         .missing = t.missing,
                         .drops = t.drops,
                         .waits = t.c.tx_waits};
}

static void samples_add(struct report *rep, const struct sample *s)
{
    if (rep->n == rep->room) {
        size_t room = rep->room == 0 ? 64 : rep->room * 2;
        struct sample *more = realloc(rep->sample, room * sizeof(*more));
        if (more == NULL)
            return;
        rep->sample = more;
        rep->room = room;
    }
    rep->sample[rep->n++] = *s;
}

static double per_second(uint64_t now, uint64_t before, double seconds)
{
    return seconds > 0 ? (double)(now - before) / seconds : 0;
}

static void line_print(const struct report *rep, const struct sample *s, const struct sample *was)
{
    double t = (double)(s->at - was->at) / 1e9;
    char tx[64], rx[64];

    report_rate(per_second(s->tx_frames, was->tx_frames, t), per_second(s->tx_bytes, was->tx_bytes, t), tx);
    report_rate(per_second(s->rx_frames, was->rx_frames, t), per_second(s->rx_bytes, was->rx_bytes, t), rx);
    printf("%s%6.1f s  tx %s  rx %s  missing %" PRIu64 "  drops %" PRIu64 "%s", rep->redraw ? "\r\033[K" : "",
           (double)s->at / 1e9, tx, rx, s->missing, s->drops, rep->redraw ? "" : "\n");
    fflush(stdout);
}

static void queues_print(struct report *rep, double seconds)
{
    for (uint16_t i = 0; i < rep->run->n; i++) {
        const struct lane_counts *c = &rep->run->lane[i].counts;
        uint64_t now[4] = {read_count(&c->tx_frames), read_count(&c->tx_bytes), read_count(&c->rx_frames),
                           read_count(&c->rx_bytes)};
        uint64_t *was = rep->queue[i];
        char tx[64], rx[64];
        report_rate(per_second(now[0], was[0], seconds), per_second(now[1], was[1], seconds), tx);
        report_rate(per_second(now[2], was[2], seconds), per_second(now[3], was[3], seconds), rx);
        printf("          queue %-3u tx %s  rx %s\n", i, tx, rx);
        memcpy(was, now, sizeof(now));
    }
    fflush(stdout);
}

static void *report_thread(void *arg)
{
    struct report *rep = arg;
    struct sample was = {0}, s;

    pthread_mutex_lock(&rep->lock);
    while (!rep->stop) {
        uint64_t next = rep->began + (was.at / RUN_NS + 1) * RUN_NS;
        const struct timespec until = {.tv_sec = (time_t)(next / RUN_NS), .tv_nsec = (long)(next % RUN_NS)};
        if (pthread_cond_timedwait(&rep->change, &rep->lock, &until) == 0 || app_now() < next)
            continue;
        sample_take(rep, &s, app_now());
        samples_add(rep, &s);
        if (!rep->run->cfg->quiet && (rep->run->cfg->receive || rep->run->cfg->echo || s.tx_frames > 0)) {
            line_print(rep, &s, &was);
            if (rep->run->cfg->per_queue)
                queues_print(rep, (double)(s.at - was.at) / 1e9);
        }
        was = s;
    }
    pthread_mutex_unlock(&rep->lock);
    return NULL;
}

struct report *report_begin(const struct run *r)
{
    struct report *rep = calloc(1, sizeof(*rep) + r->n * sizeof(rep->queue[0]));
    pthread_condattr_t attr;
    sigset_t all, old;

    if (rep == NULL)
        return NULL;
    rep->run = r;
    rep->began = app_now();
    rep->redraw = isatty(STDOUT_FILENO) && !r->cfg->per_queue;
    pthread_mutex_init(&rep->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&rep->change, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the workers' */
    rep->running = pthread_create(&rep->thread, NULL, report_thread, rep) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rep;
}

void report_end(struct report *rep)
{
    struct sample s;

    if (rep == NULL || !rep->running)
        return;
    pthread_mutex_lock(&rep->lock);
    rep->stop = true;
    pthread_cond_signal(&rep->change);
    pthread_mutex_unlock(&rep->lock);
    pthread_join(rep->thread, NULL);
    rep->running = false;
    sample_take(rep, &s, app_now());
    samples_add(rep, &s);
    if (rep->redraw && rep->n > 1 && !rep->run->cfg->quiet)
        putchar('\n');
}

void report_free(struct report *rep)
{
    if (rep == NULL)
        return;
    report_end(rep);
    pthread_cond_destroy(&rep->change);
    pthread_mutex_destroy(&rep->lock);
    free(rep->sample);
    free(rep);
}
