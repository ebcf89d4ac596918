/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/result.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

uint64_t result_memory_before;

uint64_t result_memory(bool peak)
{
    const char *key = peak ? "VmHWM:" : "VmRSS:";
    char line[256];
    uint64_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtoull(line + strlen(key), NULL, 10);
    if (f != NULL)
        fclose(f);
    return kib << 10;
}

static void merge_worker(struct result *r, const struct load *l)
{
    r->requests += l->requests;
    r->bytes_in += l->bytes_in;
    r->bytes_out += l->bytes_out;
    r->unanswered += l->unanswered;
    r->unsent += l->unsent;
    r->lost_connections += l->lost_connections;
    r->lost_requests += l->lost_requests;
    r->opened += l->connect.count;
    r->not_opened += l->n - (l->ramped - l->given_up);
    r->open_at_end += l->open;
    r->cpu_user += l->cpu_user;
    r->cpu_system += l->cpu_system;
    for (int k = 0; k < FAILURES; k++) {
        r->failures[k] += l->failures[k];
        r->all_failures += l->failures[k];
    }
    histogram_merge(&r->connect, &l->connect);
    for (unsigned i = 0; i < r->n_intervals; i++) {
        const struct interval *in = l->interval[i];
        if (in == NULL)
            continue;
        r->interval[i].requests += in->requests;
        r->interval[i].bytes_in += in->bytes_in;
        r->interval[i].bytes_out += in->bytes_out;
        r->interval[i].failures += in->failures;
        histogram_merge(&r->interval[i].latency, &in->latency);
        histogram_merge(&r->latency, &in->latency);
    }
}

static const char *why_partial(const struct result *r)
{
    if (atomic_load(&bench_clock.gave_up) != 0)
        return "no connection to the server was left";
    if (atomic_load(&bench_clock.interrupted))
        return "interrupted";
    if (r->not_opened > 0)
        return "not all connections could be opened";
    return NULL;
}

static void result_collect(struct result *r)
{
    uint64_t from = atomic_load(&bench_clock.measure_from), until = atomic_load(&bench_clock.measure_until);
    uint64_t started = atomic_load(&bench_clock.started), opened = atomic_load(&bench_clock.opened), last = 0;

    if (from != 0 && until > from)
        r->seconds = (double)(until - from) / 1e9;
    r->opening_seconds = (double)((opened != 0 ? opened : until) - started) / 1e9;
    r->n_intervals = (unsigned)((r->seconds + config.interval_s - 1e-9) / config.interval_s);
    if (r->n_intervals > SERIES_MAX)
        r->n_intervals = SERIES_MAX;
    for (int i = 0; i < config.calls->workers(); i++) {
        merge_worker(r, &loads[i]);
        if (loads[i].last_answer > last)
            last = loads[i].last_answer;
    }
    if (last < opened)
        last = opened;
    if (r->seconds > 0 && until > last)
        r->silent_seconds = (double)(until - last) / 1e9;
    r->memory_before = result_memory_before;
    r->memory_peak = result_memory(true);
    r->partial = why_partial(r);
}

/* ---- for people ---- */

static void print_latency(FILE *out, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double q;
    } points[] = {{"p50", .5}, {"p90", .9}, {"p95", .95}, {"p99", .99}, {"p99.9", .999}, {"p99.99", .9999}};

    if (h->count == 0)
        return;
    fprintf(out, "  %-12s min %.1f, mean %.1f, deviation %.1f, max %.1f us\n  %-12s", name,
            (double)h->min / NS_PER_US, histogram_mean(h) / NS_PER_US, histogram_stddev(h) / NS_PER_US,
            (double)h->max / NS_PER_US, "");
    for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        fprintf(out, "%s%s %.1f", i > 0 ? ", " : "", points[i].name,
                (double)histogram_quantile(h, points[i].q) / NS_PER_US);
    fputs(" us\n", out);
}

static void print_head(const struct result *r, FILE *out)
{
    char target[INET_ADDRSTRLEN], ports[16];

    inet_ntop(AF_INET, &config.targets.addr[0], target, sizeof(target));
    fprintf(out, "plx-bench %s: %s%s port %s", mode_name[config.mode], target,
            config.targets.n > 1 ? " and others" : "", app_ports_text(config.ports, ports));
    fprintf(out, ", %s stack, %u connection%s", config.calls->name, config.connections,
            config.connections == 1 ? "" : "s");
    if (config.mode != MODE_STREAM && config.mode != MODE_HTTP)
        fprintf(out, ", %u B and %u B back", config.size, config.response);
    if (config.pipeline > 1)
        fprintf(out, ", %u at a time on each", config.pipeline);
    if (config.mode == MODE_HOLD)
        fprintf(out, config.heartbeat_s != 0 ? ", each asked every %u s" : ", idle", config.heartbeat_s);
    else if (config.rate != 0)
        fprintf(out, ", open loop at %u requests/s", config.rate);
    fprintf(out, "\n");
    if (r->partial != NULL)
        fprintf(out, "  PARTIAL      %s\n", r->partial);
}

static void print_requests(const struct result *r, FILE *out)
{
    fprintf(out, "  requests     %lu in %.2f s: %.1f/s\n", r->requests, r->seconds,
            (double)r->requests / r->seconds);
    print_latency(out, "latency", &r->latency);
    if (r->unsent > 0)
        fprintf(out,
                "  behind       %lu requests were due and never sent: the rate is more than was taken; they\n"
                "               count in the latencies with their age at the end\n",
                r->unsent);
    if (r->unanswered > 0)
        fprintf(out, "  unanswered   %lu requests at the end, counted in the latencies with their age\n",
                r->unanswered);
    if (r->silent_seconds > 1 && r->silent_seconds > r->seconds / 10 && config.mode != MODE_HOLD)
        fprintf(out, "  silence      nothing was answered in the last %.1f s\n", r->silent_seconds);
}

static void print_machine(const struct result *r, FILE *out)
{
    char now[32], peak[32];
    double cpu = r->cpu_user + r->cpu_system;

    fprintf(out, "  cpu          %.2f s user, %.2f s system", r->cpu_user, r->cpu_system);
    if (r->requests > 0)
        fprintf(out, ", %.2f us a request, waiting included where it spins", cpu * 1e6 / (double)r->requests);
    fprintf(out, "\n  memory       %s at the start, %s at most\n", app_bytes(r->memory_before, now),
            app_bytes(r->memory_peak, peak));
}

void result_print(const struct result *r, FILE *out)
{
    print_head(r, out);
    if (config.mode != MODE_UDP) {
        fprintf(out, "  connections  %lu opened in %.2f s", r->opened, r->opening_seconds);
        if (r->opening_seconds > 0 && !conn_per_request())
            fprintf(out, " (%.0f/s)", (double)r->opened / r->opening_seconds);
        fprintf(out, ", %lu not opened, %lu lost\n", r->not_opened, r->lost_connections);
        print_latency(out, "connecting", &r->connect);
    }
    if (r->seconds > 0 && config.mode != MODE_STREAM && (config.mode != MODE_HOLD || config.heartbeat_s != 0))
        print_requests(r, out);
    if (r->seconds > 0)
        fprintf(out, "  bytes        %.3f Gbit/s in, %.3f Gbit/s out\n",
                (double)r->bytes_in * 8e-9 / r->seconds, (double)r->bytes_out * 8e-9 / r->seconds);
    fprintf(out, "  errors       %s\n", r->all_failures == 0 ? "none" : "");
    for (int k = 0; k < FAILURES; k++)
        if (r->failures[k] > 0)
            fprintf(out, "    %-10lu %s\n", r->failures[k], failure_help[k]);
    print_machine(r, out);
    fflush(out);
}

int result_report(void)
{
    struct result *r = calloc(1, sizeof(*r));
    FILE *out = config.json != NULL && strcmp(config.json, "-") == 0 ? stderr : stdout;

    if (r == NULL)
        return app_failed(config.app, "out of memory");
    progress_end();
    result_collect(r);
    result_print(r, out);
    int rc = config.json != NULL ? result_json(r) : 0;
    if (rc == 0 && r->seconds <= 0 && !atomic_load(&bench_clock.interrupted))
        rc = app_failed(config.app, "nothing could be measured: %s",
                        r->partial != NULL ? r->partial : "the time was too short");
    else if (rc == 0 && atomic_load(&bench_clock.gave_up) != 0)
        rc = app_failed(config.app, "the run ended early: %s", r->partial);
    else if (rc == 0 && r->latency.count == r->unanswered + r->unsent && r->all_failures > 0 &&
             config.mode != MODE_STREAM && config.mode != MODE_HOLD)
        rc = app_failed(config.app, "not one request was answered as it should be");
    free(r);
    return rc;
}
