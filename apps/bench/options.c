/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/serve.h"

#define DEFAULT_SIZE  64
#define STREAM_CHUNK  65536
#define SIZE_MOST     (16u << 20)
#define WORKERS_MOST  64
#define PIPELINE_MOST 1024

enum { BACKEND_POLLUX, BACKEND_KERNEL };

struct bench_config config = {
    .calls = &calls_pollux, .connections = 1, .pipeline = 1, .duration_s = 10, .warmup_s = 1};

static uint32_t backend, workers = 1;
static const char *sources, *stall, *paths_file;
static bool no_verify;
static char host_header[64], *files[2];

static const struct app_option options[] = {
    {0, "backend", "STACK", "whose sockets: pollux (default) or kernel", APP_CHOICE, &backend, 0, 0,
     "pollux|kernel"},
    {0, "workers", "N", "threads that share the connections (default 1)", APP_NUMBER, &workers, 1,
     WORKERS_MOST, NULL},
    {'c', "connections", "N", "connections; with cps and http without keepalive: at once (default 1)",
     APP_NUMBER, &config.connections, 1, 16777216, NULL},
    {'t', "duration", "SECONDS", "measured time (default 10)", APP_NUMBER, &config.duration_s, 1, 86400,
     NULL},
    {0, "warmup", "SECONDS", "load before that, not measured (default 1)", APP_NUMBER, &config.warmup_s, 0,
     3600, NULL},
    {'n', "size", "BYTES",
     "of a request (default 64), of a chunk that stream sends (65536);\n"
     "serve: rr takes requests of so many (default: it echoes)",
     APP_NUMBER, &config.size, 1, SIZE_MOST, NULL},
    {0, "response", "BYTES", "of an answer (default: as the request; serve --http: 64)", APP_NUMBER,
     &config.response, 1, SIZE_MOST, NULL},
    {'P', "pipeline", "N", "requests under way on each connection (default 1)", APP_NUMBER, &config.pipeline,
     1, PIPELINE_MOST, NULL},
    {'r', "rate", "N",
     "open loop: so many requests a second in all, whether or not\n"
     "answers come; latency counts from when each was due\n"
     "(default: closed loop, the next follows the answer)",
     APP_NUMBER, &config.rate, 1, 100000000, NULL},
    {0, "arrival", "HOW", "with --rate: even (default), or poisson", APP_CHOICE, &config.arrival, 0, 0,
     "even|poisson"},
    {0, "ramp", "N", "open so many connections a second (default: as fast as it goes)", APP_NUMBER,
     &config.ramp, 1, 10000000, NULL},
    {0, "heartbeat", "SECONDS", "hold: a request on each connection in so many (default: idle)", APP_NUMBER,
     &config.heartbeat_s, 1, 86400, NULL},
    {0, "direction", "WAY", "stream: up (to the server, default), down, both", APP_CHOICE, &config.direction,
     0, 0, "up|down|both"},
    {0, "close", "HOW", "cps: fin (default), or reset, which leaves no TIME-WAIT", APP_CHOICE,
     &config.closing, 0, 0, "fin|reset"},
    {0, "no-keepalive", NULL, "http: a connection for each request", APP_FLAG, &config.no_keepalive, 0, 0,
     NULL},
    {0, "paths", "FILE", "http: paths, one a line, asked for in turn", APP_TEXT, &paths_file, 0, 0, NULL},
    {0, "source", "ADDR[,ADDR...]", "local addresses to connect from, in turn", APP_TEXT, &sources, 0, 0,
     NULL},
    {0, "timeout", "SECONDS", "for a handshake or an answer (default 10; udp: 1)", APP_NUMBER,
     &config.timeout_s, 1, 3600, NULL},
    {0, "no-verify", NULL, "do not compare answers with requests", APP_FLAG, &no_verify, 0, 0, NULL},
    {0, "spin", NULL, "never sleep (Pollux: --set idle=spin does it, too)", APP_FLAG, &config.spin, 0, 0,
     NULL},
    {0, "interval", "SECONDS", "of the time series (default 1, or what makes 120 points)", APP_NUMBER,
     &config.interval_s, 1, 86400, NULL},
    {0, "json", "FILE", "write the result there; \"-\": to stdout, and the text to stderr", APP_TEXT,
     &config.json, 0, 0, NULL},
    {0, "append", NULL, "--json: add it to the file as one line, for compare", APP_FLAG, &config.append, 0, 0,
     NULL},
    {'q', "quiet", NULL, "no progress on the terminal", APP_FLAG, &config.quiet, 0, 0, NULL},
    {0, "rr", "PORTS", "serve: requests and answers", APP_PORTS, &serve_config.ports[SERVICE_RR], 0, 0, NULL},
    {0, "stream", "PORTS", "serve: send without end, and drop what comes", APP_PORTS,
     &serve_config.ports[SERVICE_STREAM], 0, 0, NULL},
    {0, "sink", "PORTS", "serve: drop what comes", APP_PORTS, &serve_config.ports[SERVICE_SINK], 0, 0, NULL},
    {0, "http", "PORTS", "serve: the same page for each GET", APP_PORTS, &serve_config.ports[SERVICE_HTTP], 0,
     0, NULL},
    {0, "udp", "PORTS", "serve: datagrams go back", APP_PORTS, &serve_config.ports[SERVICE_UDP], 0, 0, NULL},
    {0, "backlog", "N", "serve: finished connections that may wait (default 4096)", APP_NUMBER,
     &serve_config.backlog, 1, 65535, NULL},
    {0, "keepalive", NULL, "serve: SO_KEEPALIVE, so that connections of peers that have vanished end",
     APP_FLAG, &serve_config.keepalive, 0, 0, NULL},
    {'v', "verbose", NULL, "serve: say each second how many connections there are", APP_FLAG,
     &serve_config.verbose, 0, 0, NULL},
    {0, "stall", "MS/EVERY", "serve: do nothing for MS in every EVERY milliseconds", APP_TEXT, &stall, 0, 0,
     NULL},
    {0},
};

static bool wants_wires(void)
{
    return config.calls == &calls_pollux && config.mode != MODE_COMPARE;
}

static const struct app app = {
    .name = "plx-bench",
    .does = "load on Pollux's TCP and UDP, or on the kernel's, and honest figures of it",
    .synopsis = "rr|cps|hold|stream|udp [OPTIONS] HOST[,HOST...] PORT[-PORT]\n"
                "http [OPTIONS] HOST PORT [PATH...]\n"
                "serve [--rr PORTS] [--stream PORTS] [--sink PORTS] [--http PORTS] [--udp PORTS]\n"
                "compare A.json B.json",
    .about =
        "rr      requests of some bytes and their answers on connections that stay\n"
        "cps     connect, one request, its answer, close\n"
        "hold    open connections and keep them, idle or with a heartbeat\n"
        "http    GET, with keepalive or a connection each\n"
        "stream  as many bytes as go through\n"
        "udp     requests and answers as datagrams\n"
        "serve   the other end for all of these (plx-echo does for rr, cps, hold, udp)\n"
        "compare two files of results: ratios, and whether they mean anything\n"
        "\n"
        "In a closed loop a connection asks again when it has its answer: that shows what the server can\n"
        "do. With --rate requests are due at fixed moments, and a latency counts from there, also when\n"
        "the request had to wait because the server was busy: that shows what users would see.\n"
        "PORTS is a port or a range, 7000-7015. SIGINT ends a run early, with the summary so far.",
    .options = options,
    .notes = "Examples\n"
             "  plx-bench serve --dev memif:/tmp/m,server --ip 10.9.0.2/24 --rr 7\n"
             "  plx-bench rr --dev memif:/tmp/m --ip 10.9.0.1/24 -c 32 10.9.0.2 7\n"
             "  plx-bench rr --backend kernel -c 32 127.0.0.1 7\n"
             "  plx-bench rr --dev tap:plx0 --ip 10.9.0.2/24 -c 100 --rate 20000 10.9.0.1 7\n"
             "  plx-bench hold --dev memif:/tmp/m --ip 10.9.0.1/24 -c 1000000 10.9.0.2 7000-7035\n"
             "  for i in 1 2 3 4 5; do\n"
             "      plx-bench rr --json a.json --append ...; plx-bench rr --json b.json --append ...\n"
             "  done; plx-bench compare a.json b.json\n"
             "\n"
             "Exit status\n"
             "  0  measured; errors of the server's and an early end by SIGINT included\n"
             "  1  nothing could be measured, the server went away, or the environment refused\n"
             "  2  a wrong option or value",
    .wires = true,
    .wants_wires = wants_wires,
};

/* ---- values ---- */

static int hosts_read(const char *as, const char *text, struct hosts *out)
{
    out->n = 0;
    for (const char *at = text;; at++) {
        char one[INET_ADDRSTRLEN] = "";
        size_t len = strcspn(at, ",");

        if (out->n == HOSTS_MAX)
            return app_usage_error(&app, "%s %s: at most %u addresses", as, text, HOSTS_MAX);
        if (len < sizeof(one))
            memcpy(one, at, len);
        if (inet_pton(AF_INET, one, &out->addr[out->n]) != 1)
            return app_usage_error(
                &app, "%s %s: must be IPv4 addresses such as 10.9.0.1, separated by commas", as, text);
        out->n++;
        at += len;
        if (*at == '\0')
            return 0;
    }
}

static int path_add(const char *path)
{
    if (path[0] != '/' || strpbrk(path, " \t\r\n") != NULL)
        return app_usage_error(&app, "PATH %s: must begin with / and hold no blanks", path);
    if (config.n_paths == PATHS_MAX)
        return app_usage_error(&app, "PATH %s: at most %u paths", path, PATHS_MAX);
    config.path[config.n_paths++] = path;
    return 0;
}

static int paths_read(void)
{
    FILE *f = fopen(paths_file, "r");
    char *line = NULL;
    size_t size = 0;
    int rc = 0;

    if (f == NULL)
        return app_failed(&app, "--paths %s: %s", paths_file, strerror(errno));
    while (rc == 0 && getline(&line, &size, f) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0')
            continue;
        rc = path_add(line); /* kept until the end */
        line = NULL;
        size = 0;
    }
    free(line);
    fclose(f);
    return rc;
}

static int stall_read(void)
{
    char copy[32] = "";

    if (strlen(stall) < sizeof(copy))
        strcpy(copy, stall);
    char *slash = strchr(copy, '/');
    if (slash != NULL)
        *slash++ = '\0';
    if (slash == NULL || !app_number(copy, 1, 60000, &serve_config.stall_ms) ||
        !app_number(slash, 1, 3600000, &serve_config.stall_every_ms) ||
        serve_config.stall_ms >= serve_config.stall_every_ms)
        return app_usage_error(
            &app, "--stall %s: must be MS/EVERY, such as 100/1000, with MS less than EVERY", stall);
    return 0;
}

/* ---- what fits together ---- */

static int serve_check(void)
{
    bool any = false;

    for (int k = 0; k < SERVICES; k++)
        any |= serve_config.ports[k].first != 0;
    if (!any)
        serve_config.ports[SERVICE_RR] = serve_config.ports[SERVICE_UDP] = (struct app_ports){7, 7};
    serve_config.size = config.size;
    serve_config.response = config.response != 0 ? config.response
                            : config.size != 0   ? config.size
                                                 : DEFAULT_SIZE;
    return stall != NULL ? stall_read() : 0;
}

static int serve_options_unused(void)
{
    for (int k = 0; k < SERVICES; k++)
        if (serve_config.ports[k].first != 0)
            return app_usage_error(&app, "--%s: only of serve", service_name[k]);
    return stall != NULL ? app_usage_error(&app, "--stall: only of serve") : 0;
}

/* An option that the mode has no use for would be an error of thought. */
static int load_options_fit(void)
{
    enum mode m = config.mode;

    if (config.heartbeat_s != 0 && m != MODE_HOLD)
        return app_usage_error(&app, "--heartbeat: only of hold");
    if (config.direction != STREAM_UP && m != MODE_STREAM)
        return app_usage_error(&app, "--direction: only of stream");
    if (config.closing != CLOSE_FIN && m != MODE_CPS)
        return app_usage_error(&app, "--close: only of cps");
    if ((config.no_keepalive || paths_file != NULL) && m != MODE_HTTP)
        return app_usage_error(&app, "%s: only of http", paths_file != NULL ? "--paths" : "--no-keepalive");
    if (config.rate != 0 && (m == MODE_STREAM || m == MODE_HOLD))
        return app_usage_error(&app, "--rate %u: not of %s%s", config.rate, mode_name[m],
                               m == MODE_HOLD ? ", whose rate is connections / --heartbeat" : "");
    if (config.arrival != ARRIVAL_EVEN && config.rate == 0)
        return app_usage_error(&app, "--arrival: only with --rate");
    if (config.pipeline > 1 && (m == MODE_CPS || m == MODE_STREAM || m == MODE_HOLD || config.no_keepalive))
        return app_usage_error(&app, "--pipeline %u: %s has one request on a connection", config.pipeline,
                               config.no_keepalive ? "--no-keepalive" : mode_name[m]);
    if (config.append && config.json == NULL)
        return app_usage_error(&app, "--append: only with --json");
    if (m == MODE_UDP && config.size != 0 && (config.size < 8 || config.size > 65507))
        return app_usage_error(&app, "--size %u: a datagram holds 8 (its number) to 65507 bytes",
                               config.size);
    if ((uint64_t)config.connections * config.pipeline > UINT32_MAX)
        return app_usage_error(&app, "-c %u: too many with --pipeline %u", config.connections,
                               config.pipeline);
    return 0;
}

static void load_defaults(void)
{
    if (config.size == 0)
        config.size = config.mode == MODE_STREAM ? STREAM_CHUNK : DEFAULT_SIZE;
    if (config.response == 0)
        config.response = config.size;
    config.verify = !no_verify && config.response == config.size && config.mode != MODE_HTTP;
    if (config.timeout_s == 0)
        config.timeout_s = config.mode == MODE_UDP ? 1 : 10;
    if (config.interval_s == 0)
        config.interval_s = (config.duration_s + SERIES_MAX - 1) / SERIES_MAX;
    else if (config.interval_s * SERIES_MAX < config.duration_s)
        config.interval_s = (config.duration_s + SERIES_MAX - 1) / SERIES_MAX;
    if (config.n_paths == 0)
        config.path[config.n_paths++] = "/";
    if (workers > config.connections)
        workers = config.connections;
}

static int load_check(int n, char **words)
{
    int rc = load_options_fit();

    if (rc == 0)
        rc = serve_options_unused();
    if (rc == 0 && (n < 2 || (n > 2 && config.mode != MODE_HTTP)))
        rc = app_usage_error(&app, "%s: expects %s", mode_name[config.mode],
                             config.mode == MODE_HTTP ? "HOST, PORT and perhaps PATHs"
                                                      : "two operands, HOST and PORT");
    if (rc == 0)
        rc = hosts_read("HOST", words[0], &config.targets);
    if (rc == 0)
        rc = app_ports_read(&app, "PORT", words[1], &config.ports);
    for (int i = 2; rc == 0 && i < n; i++)
        rc = path_add(words[i]);
    if (rc == 0 && paths_file != NULL)
        rc = paths_read();
    if (rc == 0 && sources != NULL)
        rc = hosts_read("--source", sources, &config.sources);
    if (rc != 0)
        return rc;
    snprintf(host_header, sizeof(host_header), "%s:%u", strcspn(words[0], ",") < 20 ? words[0] : "server",
             config.ports.first);
    host_header[strcspn(host_header, ",")] = '\0';
    config.host_header = host_header;
    load_defaults();
    return 0;
}

static int mode_read(const char *word)
{
    for (int m = 0; m < MODES; m++)
        if (strcmp(word, mode_name[m]) == 0) {
            config.mode = (enum mode)m;
            return 0;
        }
    return app_usage_error(&app, "%s: must be rr, cps, hold, http, stream, udp, serve or compare", word);
}

static int check(int n, char **words)
{
    if (n == 0)
        return app_usage_error(&app,
                               "says not what to do: rr, cps, hold, http, stream, udp, serve or compare");
    int rc = mode_read(words[0]);
    if (rc != 0)
        return rc;
    config.calls = backend == BACKEND_KERNEL ? &calls_kernel : &calls_pollux;
    switch (config.mode) {
    case MODE_SERVE:
        rc = n > 1 ? app_usage_error(&app, "%s: serve takes no operands, only options", words[1])
                   : serve_check();
        break;
    case MODE_COMPARE:
        if (n != 3)
            return app_usage_error(&app, "compare: expects two files");
        files[0] = words[1];
        files[1] = words[2];
        break;
    default:
        rc = load_check(n - 1, words + 1);
        break;
    }
    if (rc == 0)
        calls_kernel_workers(workers);
    return rc;
}

int options_start(int argc, char **argv)
{
    config.app = &app;
    return app_start(&app, argc, argv, check);
}

bool options_use_wires(void)
{
    return wants_wires();
}

const char *options_file(int i)
{
    return files[i];
}
