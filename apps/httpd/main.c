/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-httpd: a folder of files over HTTP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <plx.h>

#include "httpd/server.h"

static struct httpd_config config = {.index = "index.html",
                                     .port = 80,
                                     .backlog = 4096,
                                     .cache_mb = 256,
                                     .idle_s = 15,
                                     .request_s = 10,
                                     .send_s = 30,
                                     .max_connections = 100000};
static struct server *servers; /* one per worker */

static const struct app_option options[] = {
    {'p', "port", "PORT", "TCP port (default 80)", APP_NUMBER, &config.port, 1, 65535, NULL},
    {0, "index", "NAME", "what a folder is shown by (default index.html)", APP_TEXT, &config.index, 0, 0,
     NULL},
    {'l', "list", NULL, "show the entries of a folder that has none", APP_FLAG, &config.list, 0, 0, NULL},
    {0, "cache", "MB",
     "memory for files that are sent without a copy, per worker\n"
     "(default 256); larger files are read and copied; 0: all are",
     APP_NUMBER, &config.cache_mb, 0, 1048576, NULL},
    {0, "idle", "SECONDS", "close a connection without a request after this (default 15)", APP_NUMBER,
     &config.idle_s, 1, 86400, NULL},
    {0, "request", "SECONDS", "for a request to arrive, from its first byte on (default 10)", APP_NUMBER,
     &config.request_s, 1, 3600, NULL},
    {0, "send", "SECONDS", "without the client taking a byte of its answer (default 30)", APP_NUMBER,
     &config.send_s, 1, 3600, NULL},
    {0, "max-connections", "N", "at once and per worker; others wait in the backlog (default 100000)",
     APP_NUMBER, &config.max_connections, 1, 2000000, NULL},
    {0, "max-requests", "N", "on one connection (default: any number)", APP_NUMBER, &config.max_requests, 1,
     UINT32_MAX - 1, NULL},
    {0, "backlog", "N", "finished connections that may wait for accept (default 4096)", APP_NUMBER,
     &config.backlog, 1, 65535, NULL},
    {0},
};

static const struct app app = {
    .name = "plx-httpd",
    .does = "a folder of files over HTTP/1.1, on Pollux",
    .synopsis = "--dev WIRE --ip ADDR/PREFIX [OPTIONS] ROOT",
    .about =
        "Serves the regular files below the folder ROOT: GET and HEAD, connections that stay and pipelines,\n"
        "ranges, If-None-Match, If-Modified-Since and If-Range, media types by the name's end. A file\n"
        "that fits into the cache is held in memory that packets refer to: its bytes are not copied on\n"
        "their way to the wire. Within a second a change on disk is seen.\n"
        "Nothing outside ROOT is served, whatever a path says and wherever symbolic links lead.\n"
        "When all is up it prints one line that starts with \"plx: ready\". SIGINT and SIGTERM end it; it\n"
        "then says what it has done.",
    .options = options,
    .notes = "Examples\n"
             "  plx-httpd --dev tap:plx0 --ip 10.9.0.2/24 /var/www/html\n"
             "      then: ip addr add 10.9.0.1/24 dev plx0; curl http://10.9.0.2/\n"
             "  plx-httpd --dev af_packet:veth1 --ip 10.9.0.2/24 --port 8080 --list .\n"
             "\n"
             "Exit status\n"
             "  0  ended by SIGINT or SIGTERM\n"
             "  1  the environment refused: wire, permission, memory, ROOT, the port\n"
             "  2  a wrong option or value",
    .wires = true,
};

/* Called by every worker; the last one says so. */
static void ready(void)
{
    if (!app_all_ready())
        return;
    printf("plx: ready, serving %s on TCP port %u with %d worker%s\n", config.root, config.port,
           plx_workers(), plx_workers() == 1 ? "" : "s");
    fflush(stdout);
}

static int serve(void *arg)
{
    return server_run(&servers[plx_worker_id()], &config, ready);
}

static void totals_print(void)
{
    struct httpd_totals t = {0};
    uint64_t loaded = 0, evicted = 0;
    char all[32], referred[32];

    for (int i = 0; i < plx_workers(); i++) {
        const struct httpd_totals *w = &servers[i].totals;
        t.connections += w->connections;
        t.requests += w->requests;
        t.bytes += w->bytes;
        t.by_reference += w->by_reference;
        t.refused += w->refused;
        t.aborted += w->aborted;
        for (int k = 0; k < 6; k++)
            t.status[k] += w->status[k];
        for (int k = 0; k < WAITINGS; k++)
            t.timed_out[k] += w->timed_out[k];
        loaded += servers[i].files.loaded;
        evicted += servers[i].files.evicted;
    }
    printf("plx-httpd: %lu requests on %lu connections (%lu broken off, %lu out of memory); answers 2xx %lu, "
           "3xx %lu, "
           "4xx %lu, 5xx %lu; %s out, %s of it without a copy\n"
           "plx-httpd: timed out: %lu requests, %lu idle, %lu slow readers; files: %lu read into memory, %lu "
           "put out "
           "of it\n",
           t.requests, t.connections, t.aborted, t.refused, t.status[2], t.status[3], t.status[4],
           t.status[5], app_bytes(t.bytes, all), app_bytes(t.by_reference, referred),
           t.timed_out[WAIT_REQUEST], t.timed_out[WAIT_IDLE], t.timed_out[WAIT_SEND], loaded, evicted);
    plx_summary(stdout);
    fflush(stdout);
}

static int check(int n, char **operands)
{
    struct stat st;

    if (n != 1)
        return app_usage_error(&app, "expects one operand, the folder ROOT");
    config.root = operands[0];
    if (strchr(config.index, '/') != NULL || strcmp(config.index, "..") == 0)
        return app_usage_error(&app, "--index %s: must be the name of a file, without a /", config.index);
    if (stat(config.root, &st) != 0)
        return app_failed(&app, "ROOT %s: %s", config.root, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return app_usage_error(&app, "ROOT %s: must be a folder", config.root);
    return 0;
}

int main(int argc, char **argv)
{
    int rc = app_start(&app, argc, argv, check);

    if (rc != 0)
        return rc;
    const struct app_server server = {sizeof(*servers), plx_workers(), plx_run, serve, totals_print};
    rc = app_serve(&app, &server, (void **)&servers);
    plx_fini();
    return rc;
}
