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
    {0, "tcp", "PORT", "echo over TCP (RFC 862)", APP_NUMBER, &config.tcp_port[SERVICE_ECHO], 1, 65535, NULL},
    {0, "udp", "PORT", "echo over UDP (RFC 862)", APP_NUMBER, &config.udp_port, 1, 65535, NULL},
    {0, "discard", "PORT", "take bytes and forget them (RFC 863)", APP_NUMBER,
     &config.tcp_port[SERVICE_DISCARD], 1, 65535, NULL},
    {0, "daytime", "PORT", "send the time in one line and close first (RFC 867)", APP_NUMBER,
     &config.tcp_port[SERVICE_DAYTIME], 1, 65535, NULL},
    {0, "chargen", "PORT", "send characters until the peer has had enough (RFC 864)", APP_NUMBER,
     &config.tcp_port[SERVICE_CHARGEN], 1, 65535, NULL},
    {0, "backlog", "N", "finished connections that may wait for accept (default 4096)", APP_NUMBER,
     &config.backlog, 1, 65535, NULL},
    {0, "mode", "MODE", "how it is written: epoll, one event loop per worker (default)", APP_CHOICE, &mode, 0,
     0, "epoll"},
    {0},
};

static const struct app app = {
    .name = "plx-echo",
    .does = "echo, discard, daytime and chargen servers on Pollux",
    .synopsis = "--dev WIRE --ip ADDR/PREFIX [--tcp PORT] [--udp PORT] [--discard PORT]\n"
                "         [--daytime PORT] [--chargen PORT] [--mode epoll]",
    .about = "Serves on its own TCP/IP stack, beside the kernel's. Without any port it serves echo on\n"
             "TCP and UDP port 7. When the wire and all sockets are up it prints one line that starts\n"
             "with \"plx: ready\". SIGINT and SIGTERM end it; it then says what it has done.",
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

static int ports_check(void)
{
    static const char *const name[SERVICES] = {"--tcp", "--discard", "--daytime", "--chargen"};
    bool any = config.udp_port != 0;

    for (int i = 0; i < SERVICES; i++) {
        any |= config.tcp_port[i] != 0;
        for (int j = 0; j < i && config.tcp_port[i] != 0; j++)
            if (config.tcp_port[i] == config.tcp_port[j])
                return app_usage_error(&app,
                                       "%s %u: this TCP port is in use by %s; each service needs its own",
                                       name[i], config.tcp_port[i], name[j]);
    }
    if (!any) {
        config.tcp_port[SERVICE_ECHO] = 7;
        config.udp_port = 7;
    }
    return 0;
}

/* Called by every worker; the last one says so. */
static void ready(void)
{
    static const char *const name[SERVICES] = {"echo", "discard", "daytime", "chargen"};
    const char *comma = "";

    if (!app_all_ready())
        return;
    printf("plx: ready, serving ");
    for (int i = 0; i < SERVICES; i++)
        if (config.tcp_port[i] != 0) {
            printf("%s%s on TCP port %u", comma, name[i], config.tcp_port[i]);
            comma = ", ";
        }
    if (config.udp_port != 0)
        printf("%secho on UDP port %u", comma, config.udp_port);
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
