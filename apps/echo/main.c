/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-echo: the small services of inetd on Pollux, and the first program to try a wire with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#include "app.h"
#include "echo/server.h"

enum { MODE_EPOLL };

static struct echo_config config = {.backlog = 4096};
static uint32_t mode = MODE_EPOLL;
static struct server *servers; /* one per worker */

static const struct app_option options[] = {
    {0, "tcp", "PORTS", "echo over TCP (RFC 862)", APP_PORTS, &config.tcp[SERVICE_ECHO], 0, 0, NULL},
    {0, "udp", "PORTS", "echo over UDP (RFC 862)", APP_PORTS, &config.udp, 0, 0, NULL},
    {0, "discard", "PORTS", "take bytes and forget them (RFC 863)", APP_PORTS, &config.tcp[SERVICE_DISCARD],
     0, 0, NULL},
    {0, "daytime", "PORTS", "send the time in one line and close first (RFC 867)", APP_PORTS,
     &config.tcp[SERVICE_DAYTIME], 0, 0, NULL},
    {0, "chargen", "PORTS", "send characters until the peer has had enough (RFC 864)", APP_PORTS,
     &config.tcp[SERVICE_CHARGEN], 0, 0, NULL},
    {0, "backlog", "N", "finished connections that may wait for accept (default 4096)", APP_NUMBER,
     &config.backlog, 1, 65535, NULL},
    {0, "mode", "MODE", "how it is written: epoll, one event loop per worker (default)", APP_CHOICE, &mode, 0,
     0, "epoll"},
    {0},
};

static const struct app app = {
    .name = "plx-echo",
    .does = "echo, discard, daytime and chargen servers on Pollux",
    .synopsis = "--dev WIRE --ip ADDR/PREFIX [--tcp PORTS] [--udp PORTS] [--discard PORTS]\n"
                "         [--daytime PORTS] [--chargen PORTS] [--mode epoll]",
    .about = "Serves on its own TCP/IP stack, beside the kernel's. Without any port it serves echo on\n"
             "TCP and UDP port 7. PORTS is a port, or a range such as 7000-7015. When the wire and all\n"
             "sockets are up it prints one line that starts with \"plx: ready\". SIGINT and SIGTERM end\n"
             "it; it then says what it has done.",
    .options = options,
    .notes =
        "Examples\n"
        "  plx-echo --dev tap:plx0 --ip 10.9.0.2/24 --tcp 7 --udp 7\n"
        "      then: ip addr add 10.9.0.1/24 dev plx0; ping 10.9.0.2; nc 10.9.0.2 7\n"
        "  plx-echo --dev af_packet:veth1 --ip 10.9.0.2/24 --daytime 13 --chargen 19\n"
        "  plx-echo --dev vhost:/tmp/wire --ip 10.9.0.2/24     (needs no root; plx-nc on virtio:/tmp/wire)\n"
        "\n"
        "Exit status\n"
        "  0  ended by SIGINT or SIGTERM\n"
        "  1  the environment refused: wire, permission, memory, a port in use\n"
        "  2  a wrong option or value",
    .wires = true,
};

static bool ports_overlap(const struct app_ports *a, const struct app_ports *b)
{
    return a->first != 0 && b->first != 0 && a->first <= b->last && b->first <= a->last;
}

static int ports_check(void)
{
    static const char *const name[SERVICES] = {"--tcp", "--discard", "--daytime", "--chargen"};
    bool any = config.udp.first != 0;
    char text[16];

    for (int i = 0; i < SERVICES; i++) {
        any |= config.tcp[i].first != 0;
        for (int j = 0; j < i; j++)
            if (ports_overlap(&config.tcp[i], &config.tcp[j]))
                return app_usage_error(&app,
                                       "%s %s: this TCP port is in use by %s; each service needs its own",
                                       name[i], app_ports_text(config.tcp[i], text), name[j]);
    }
    if (!any)
        config.tcp[SERVICE_ECHO] = config.udp = (struct app_ports){7, 7};
    return 0;
}

/* Called by every worker; the last one says so. */
static void ready(void)
{
    static const char *const name[SERVICES] = {"echo", "discard", "daytime", "chargen"};
    const char *comma = "";
    char text[16];

    if (!app_all_ready())
        return;
    printf("plx: ready, serving ");
    for (int i = 0; i < SERVICES; i++)
        if (config.tcp[i].first != 0) {
            printf("%s%s on TCP port %s", comma, name[i], app_ports_text(config.tcp[i], text));
            comma = ", ";
        }
    if (config.udp.first != 0)
        printf("%secho on UDP port %s", comma, app_ports_text(config.udp, text));
    printf(" with %d worker%s\n", plx_workers(), plx_workers() == 1 ? "" : "s");
    fflush(stdout);
}

static int serve(void *arg)
{
    return server_run(&servers[plx_worker_id()], &config, ready);
}

static void totals_print(void)
{
    struct echo_totals t = {0};
    char in[32], out[32];

    for (int i = 0; i < plx_workers(); i++) {
        const struct echo_totals *w = &servers[i].totals;
        t.connections += w->connections;
        t.refused += w->refused;
        t.aborted += w->aborted;
        t.bytes_in += w->bytes_in;
        t.bytes_out += w->bytes_out;
        t.datagrams += w->datagrams;
        t.datagrams_dropped += w->datagrams_dropped;
    }
    printf("plx-echo: served %lu connections (%lu broken off, %lu times out of room) and %lu datagrams (%lu "
           "lost); "
           "%s in, %s out\n",
           t.connections, t.aborted, t.refused, t.datagrams, t.datagrams_dropped, app_bytes(t.bytes_in, in),
           app_bytes(t.bytes_out, out));
    plx_summary(stdout);
    fflush(stdout);
}

static int check(int n, char **operands)
{
    if (n > 0)
        return app_usage_error(&app, "%s: takes no operands, only options", operands[0]);
    return ports_check();
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
