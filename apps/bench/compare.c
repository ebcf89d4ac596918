/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/json_read.h"
#include "bench/statistics.h"

#define RUNS_MOST 1000

/* The figures that are compared, by their path in a result. */
static const struct figure {
    const char *path, *name;
    bool more_is_better;
} figures[] = {
    {"requests_per_second", "requests/s", true},
    {"gbit_per_second_in", "Gbit/s in", true},
    {"gbit_per_second_out", "Gbit/s out", true},
    {"connections.opened_per_second", "connections opened/s", true},
    {"latency_us.mean", "latency mean, us", false},
    {"latency_us.p50", "latency p50, us", false},
    {"latency_us.p90", "latency p90, us", false},
    {"latency_us.p99", "latency p99, us", false},
    {"latency_us.p99_9", "latency p99.9, us", false},
    {"latency_us.max", "latency max, us", false},
    {"connect_us.p50", "connecting p50, us", false},
    {"connect_us.p99", "connecting p99, us", false},
    {"cpu.us_per_request", "cpu us a request", false},
    {"memory.resident_at_most", "memory, bytes", false},
};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

struct runs {
    const char *file;
    unsigned n, partial;
    char mode[32], backend[32];
    double load[4];                   /* connections, pipeline, size, rate: of the first run */
    double value[FIGURES][RUNS_MOST]; /* 0: not in it */
    bool mixed;                       /* the runs are not of one kind */
};

static const char *const load_path[4] = {"config.connections", "config.pipeline", "config.size",
                                         "config.rate"};

static void text_keep(struct runs *r, char *kept, size_t size, const char *text)
{
    if (r->n == 0)
        snprintf(kept, size, "%s", text);
    else
        r->mixed |= strncmp(kept, text, size - 1) != 0;
}

static void leaf_take(void *user, const struct json_leaf *leaf)
{
    struct runs *r = user;

    if (leaf->kind == JSON_TEXT && strcmp(leaf->path, "mode") == 0)
        text_keep(r, r->mode, sizeof(r->mode), leaf->text);
    else if (leaf->kind == JSON_TEXT && strcmp(leaf->path, "backend") == 0)
        text_keep(r, r->backend, sizeof(r->backend), leaf->text);
    else if (leaf->kind == JSON_TRUE && strcmp(leaf->path, "partial") == 0)
        r->partial++;
    if (leaf->kind != JSON_NUMBER)
        return;
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(leaf->path, load_path[i]) == 0) {
            if (r->n == 0)
                r->load[i] = leaf->number;
            r->mixed |= r->load[i] != leaf->number;
        }
    for (unsigned i = 0; i < FIGURES; i++)
        if (strcmp(leaf->path, figures[i].path) == 0)
            r->value[i][r->n] = leaf->number;
}

static char *file_read(const char *name)
{
    FILE *f = fopen(name, "r");
    char *text = NULL;
    size_t size = 0;

    if (f == NULL) {
        app_failed(config.app, "%s: %s", name, strerror(errno));
        return NULL;
    }
    if (getdelim(&text, &size, '\0', f) < 0 && ferror(f) != 0) {
        app_failed(config.app, "%s: %s", name, strerror(errno));
        free(text);
        text = NULL;
    } else if (text == NULL || text[0] == '\0') {
        app_failed(config.app, "%s: is empty", name);
        free(text);
        text = NULL;
    }
    fclose(f);
    return text;
}

/* One result, or several one after another. */
static int runs_read(struct runs *r, const char *name)
{
    char *text = file_read(name);
    const char *at = text;
    int rc = 1, line = 1;

    if (text == NULL)
        return APP_FAILED;
    r->file = name;
    while (r->n < RUNS_MOST && (rc = json_read(&at, leaf_take, r)) > 0)
        r->n++;
    if (rc < 0) {
        for (const char *c = text; c < at; c++)
            line += *c == '\n';
        app_failed(config.app, "%s: line %d: this is not JSON: \"%.20s\"", name, line, at);
    } else if (r->n == 0 || r->mode[0] == '\0') {
        app_failed(config.app, "%s: holds no result of plx-bench", name);
        rc = -1;
    } else if (r->mixed) {
        app_failed(config.app, "%s: its results are of different loads; one file is for repetitions of one",
                   name);
        rc = -1;
    }
    free(text);
    return rc < 0 ? APP_FAILED : 0;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const double *value, unsigned n)
{
    double sorted[RUNS_MOST];

    memcpy(sorted, value, n * sizeof(*value));
    qsort(sorted, n, sizeof(*sorted), order);
    return n % 2 != 0 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void figure_print(const struct figure *f, const double *a, unsigned na, const double *b, unsigned nb)
{
    struct ratio r;

    if (!statistics_ratio(a, b, na < nb ? na : nb, &r))
        return;
    printf("  %-22s %14.4g %14.4g   %8.3f", f->name, median(a, na), median(b, nb), r.ratio);
    if (r.n < 2)
        printf("   one pair of runs: no confidence\n");
    else if (!r.sure)
        printf("   %.3f to %.3f, no difference shown\n", r.low, r.high);
    else
        printf("   %.3f to %.3f, %s\n", r.low, r.high,
               (r.ratio > 1) == f->more_is_better ? "better" : "worse");
}

static void runs_describe(const char *as, const struct runs *r)
{
    printf("%s  %s: %u run%s of %s, %s stack, %.0f connections", as, r->file, r->n, r->n == 1 ? "" : "s",
           r->mode, r->backend, r->load[0]);
    if (r->load[3] > 0)
        printf(", %.0f requests/s", r->load[3]);
    if (r->partial > 0)
        printf(", %u of them PARTIAL", r->partial);
    printf("\n");
}

int compare_files(const char *a_name, const char *b_name)
{
    struct runs *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    int rc = a == NULL || b == NULL ? app_failed(config.app, "out of memory") : 0;

    if (rc == 0)
        rc = runs_read(a, a_name);
    if (rc == 0)
        rc = runs_read(b, b_name);
    if (rc == 0) {
        runs_describe("a", a);
        runs_describe("b", b);
        if (strcmp(a->mode, b->mode) != 0 || memcmp(a->load, b->load, sizeof(a->load)) != 0)
            printf("   these are different loads: a ratio says little\n");
        if (a->n != b->n)
            printf("   only the first %u runs of each make pairs\n", a->n < b->n ? a->n : b->n);
        printf("\n  %-22s %14s %14s   %8s   95 %% confidence\n", "", "a, median", "b, median", "b / a");
        for (unsigned i = 0; i < FIGURES; i++)
            figure_print(&figures[i], a->value[i], a->n, b->value[i], b->n);
    }
    free(a);
    free(b);
    return rc;
}
