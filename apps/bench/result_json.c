/* SPDX-License-Identifier: BSD-3-Clause */
/* A result as one JSON object; docs/man/plx-bench.1 says what the names mean. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <plx_run.h>

#include "bench/result.h"
#include "json.h"

static void json_latency(struct json *j, const char *key, const struct histogram *h)
{
    static const struct {
        const char *name;
        double q;
    } points[] = {{"p50", .5},  {"p75", .75},    {"p90", .9},      {"p95", .95},
                  {"p99", .99}, {"p99_9", .999}, {"p99_99", .9999}};

    json_object(j, key);
    json_u64(j, "count", h->count);
    if (h->count > 0) {
        json_double(j, "min", (double)h->min / NS_PER_US, 3);
        json_double(j, "mean", histogram_mean(h) / NS_PER_US, 3);
        json_double(j, "stddev", histogram_stddev(h) / NS_PER_US, 3);
        for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++)
            json_double(j, points[i].name, (double)histogram_quantile(h, points[i].q) / NS_PER_US, 3);
        json_double(j, "max", (double)h->max / NS_PER_US, 3);
    }
    json_end_object(j);
}

static void json_config(struct json *j)
{
    static const char *const direction[] = {"up", "down", "both"};
    static const char *const arrival[] = {"even", "poisson"};
    static const char *const closing[] = {"fin", "reset"};
    char text[INET_ADDRSTRLEN];

    json_object(j, "config");
    json_array(j, "hosts");
    for (uint32_t i = 0; i < config.targets.n; i++)
        json_text(j, NULL, inet_ntop(AF_INET, &config.targets.addr[i], text, sizeof(text)));
    json_end_array(j);
    json_u64(j, "port_first", config.ports.first);
    json_u64(j, "port_last", config.ports.last);
    json_u64(j, "workers", (uint64_t)config.calls->workers());
    json_u64(j, "connections", config.connections);
    json_u64(j, "pipeline", config.pipeline);
    json_u64(j, "size", config.size);
    json_u64(j, "response", config.response);
    json_u64(j, "rate", config.rate);
    json_text(j, "arrival", arrival[config.arrival]);
    json_u64(j, "ramp", config.ramp);
    json_u64(j, "heartbeat_s", config.heartbeat_s);
    json_u64(j, "warmup_s", config.warmup_s);
    json_u64(j, "duration_s", config.duration_s);
    if (config.mode == MODE_STREAM)
        json_text(j, "direction", direction[config.direction]);
    if (config.mode == MODE_CPS)
        json_text(j, "close", closing[config.closing]);
    if (config.mode == MODE_HTTP) {
        json_bool(j, "keepalive", !config.no_keepalive);
        json_u64(j, "paths", config.n_paths);
    }
    json_bool(j, "spin", config.spin);
    json_end_object(j);
}

static void json_series(struct json *j, const struct result *r)
{
    json_array(j, "series");
    for (unsigned i = 0; i < r->n_intervals; i++) {
        const struct interval *in = &r->interval[i];
        double from = (double)i * config.interval_s, seconds = r->seconds - from;
        if (seconds > config.interval_s)
            seconds = config.interval_s;
        json_object(j, NULL);
        json_double(j, "from_s", from, 0);
        json_double(j, "seconds", seconds, 3);
        json_u64(j, "requests", in->requests);
        json_u64(j, "bytes_in", in->bytes_in);
        json_u64(j, "bytes_out", in->bytes_out);
        json_u64(j, "errors", in->failures);
        json_latency(j, "latency_us", &in->latency);
        json_end_object(j);
    }
    json_end_array(j);
}

/* What the stack counted, zeros left out. */
static void json_counters(struct json *j)
{
    struct plx_counter c;

    json_object(j, "counters");
    for (unsigned i = 0; config.calls == &calls_pollux && plx_counter(i, &c) == 0; i++)
        if (c.value != 0)
            json_u64(j, c.name, c.value);
    json_end_object(j);
}

static void json_connections(struct json *j, const struct result *r)
{
    json_object(j, "connections");
    json_u64(j, "asked", config.connections);
    json_u64(j, "opened", r->opened);
    json_u64(j, "not_opened", r->not_opened);
    json_u64(j, "lost", r->lost_connections);
    json_u64(j, "open_at_end", r->open_at_end);
    json_double(j, "opening_s", r->opening_seconds, 6);
    json_double(j, "opened_per_second", r->opening_seconds > 0 ? (double)r->opened / r->opening_seconds : 0,
                1);
    json_end_object(j);
}

static void json_figures(struct json *j, const struct result *r)
{
    double s = r->seconds > 0 ? r->seconds : 1;

    json_double(j, "seconds", r->seconds, 6);
    json_u64(j, "requests", r->requests);
    json_double(j, "requests_per_second", (double)r->requests / s, 3);
    json_u64(j, "bytes_in", r->bytes_in);
    json_u64(j, "bytes_out", r->bytes_out);
    json_double(j, "gbit_per_second_in", (double)r->bytes_in * 8e-9 / s, 6);
    json_double(j, "gbit_per_second_out", (double)r->bytes_out * 8e-9 / s, 6);
    json_latency(j, "latency_us", &r->latency);
    json_connections(j, r);
    json_latency(j, "connect_us", &r->connect);
    json_u64(j, "unanswered", r->unanswered);
    json_u64(j, "unsent", r->unsent);
    json_u64(j, "lost_requests", r->lost_requests);
    json_double(j, "silent_s", r->silent_seconds, 3);
    json_u64(j, "all_errors", r->all_failures);
    json_object(j, "errors");
    for (int k = 0; k < FAILURES; k++)
        if (r->failures[k] > 0)
            json_u64(j, failure_name[k], r->failures[k]);
    json_end_object(j);
    json_object(j, "cpu");
    json_double(j, "user_s", r->cpu_user, 6);
    json_double(j, "system_s", r->cpu_system, 6);
    json_double(j, "us_per_request",
                r->requests > 0 ? (r->cpu_user + r->cpu_system) * 1e6 / (double)r->requests : 0, 4);
    json_end_object(j);
    json_object(j, "memory");
    json_u64(j, "resident_at_start", r->memory_before);
    json_u64(j, "resident_at_most", r->memory_peak);
    json_end_object(j);
}

int result_json(const struct result *r)
{
    bool to_stdout = strcmp(config.json, "-") == 0;
    struct json j = {.out = to_stdout ? stdout : fopen(config.json, config.append ? "a" : "w"),
                     .one_line = config.append};
    struct utsname host = {0};
    char when[32];
    time_t t = time(NULL);
    struct tm tm;

    if (j.out == NULL)
        return app_failed(config.app, "--json %s: %s", config.json, strerror(errno));
    uname(&host);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    json_object(&j, NULL);
    json_text(&j, "program", "plx-bench");
    json_text(&j, "version", APP_VERSION);
    json_text(&j, "mode", mode_name[config.mode]);
    json_text(&j, "backend", config.calls->name);
    json_text(&j, "time", when);
    json_text(&j, "host", host.nodename);
    json_text(&j, "kernel", host.release);
    json_bool(&j, "partial", r->partial != NULL);
    json_text(&j, "why_partial", r->partial);
    json_config(&j);
    json_figures(&j, r);
    json_counters(&j);
    json_series(&j, r);
    json_end_object(&j);
    bool bad = ferror(j.out) != 0;
    bad |= to_stdout ? fflush(j.out) != 0 : fclose(j.out) != 0;
    return bad ? app_failed(config.app, "--json %s: %s", config.json, strerror(errno)) : 0;
}
