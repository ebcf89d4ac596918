/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person at a terminal sees while it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load.h"

#define EVERY     (250 * NS_PER_MS)
#define BAR_WIDTH 30

/* Of worker 0 alone. */
static struct {
    uint64_t shown, requests, bytes, opened;
    bool line; /* one stands there */
} progress;

struct sums {
    uint64_t requests, bytes, failures, open, settled;
};

/* The other workers' figures are read while they change: good enough to look at. */
static struct sums sum_up(void)
{
    struct sums s = {0};

    for (int i = 0; i < config.calls->workers(); i++) {
        const struct load *l = &loads[i];
        s.requests += l->total_requests;
        s.bytes += l->bytes_in + l->bytes_out;
        s.open += l->open;
        s.settled += l->ramped;
        for (int k = 0; k < FAILURES; k++)
            s.failures += l->failures[k];
    }
    return s;
}

static void bar(char *out, double part)
{
    int full = (int)(part * BAR_WIDTH);

    for (int i = 0; i < BAR_WIDTH; i++)
        out[i] = i < full ? '#' : '.';
    out[BAR_WIDTH] = '\0';
}

static void show_opening(const struct sums *s, double seconds)
{
    char drawn[BAR_WIDTH + 1];

    bar(drawn, config.connections != 0 ? (double)s->settled / config.connections : 1);
    fprintf(stderr, "\r\033[Kopening [%s] %lu of %u, %.0f/s", drawn, s->open, config.connections,
            (double)(s->open - progress.opened) / seconds);
}

static void show_running(const struct sums *s, double seconds, uint64_t now)
{
    uint64_t from = atomic_load(&bench_clock.measure_from), until = atomic_load(&bench_clock.measure_until);
    double left = until > now ? (double)(until - now) / 1e9 : 0;

    fprintf(stderr, "\r\033[K%s, %.0f s left: ", now < from ? "warming up" : "measuring", left);
    if (config.mode == MODE_STREAM)
        fprintf(stderr, "%.2f Gbit/s", (double)(s->bytes - progress.bytes) * 8e-9 / seconds);
    else
        fprintf(stderr, "%.0f requests/s", (double)(s->requests - progress.requests) / seconds);
    fprintf(stderr, ", %lu connections, %lu errors", s->open, s->failures);
}

void progress_show(uint64_t now)
{
    struct sums s;

    if (config.quiet || now - progress.shown < EVERY || !isatty(STDERR_FILENO))
        return;
    s = sum_up();
    double seconds = (double)(now - progress.shown) / 1e9;
    if (progress.shown != 0) {
        if (atomic_load(&bench_clock.opened) == 0)
            show_opening(&s, seconds);
        else
            show_running(&s, seconds, now);
        fflush(stderr);
        progress.line = true;
    }
    progress.shown = now;
    progress.requests = s.requests;
    progress.bytes = s.bytes;
    progress.opened = s.open;
}

void progress_end(void)
{
    if (progress.line)
        fputs("\r\033[K", stderr);
    progress.line = false;
}
