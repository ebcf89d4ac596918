/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-nc: netcat on Pollux. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <plx.h>

#include "nc/nc.h"

#define UDP_QUIT_S 1 /* UDP has no end to wait for; the last answers get this long */

static struct nc_config config = {.quit_s = UINT32_MAX};

static const struct app_option options[] = {
    {'l', "listen", NULL, "wait for a connection (or a datagram) instead of making one", APP_FLAG,
     &config.listen, 0, 0, NULL},
    {'u', "udp", NULL, "UDP instead of TCP", APP_FLAG, &config.udp, 0, 0, NULL},
    {'k', "keep", NULL, "with -l: serve one connection after another, until SIGINT or SIGTERM", APP_FLAG,
     &config.keep, 0, 0, NULL},
    {'p', "port", "PORT", "our own port: where to listen, or where to connect from", APP_NUMBER,
     &config.source_port, 1, 65535, NULL},
    {'w', "wait", "SECONDS",
     "give up connecting after this time, and end when nothing has\n"
     "moved for so long",
     APP_NUMBER, &config.wait_s, 1, 86400, NULL},
    {'q', "quit", "SECONDS",
     "end so long after the end of stdin, whatever the peer does\n"
     "(default: TCP waits for the peer's end, UDP 1)",
     APP_NUMBER, &config.quit_s, 0, 86400, NULL},
    {'v', "verbose", NULL, "say on stderr what happens", APP_FLAG, &config.verbose, 0, 0, NULL},
    {0},
};

static const struct app app = {
    .name = "plx-nc",
    .does = "netcat on Pollux: stdin and stdout as one end of a connection",
    .synopsis = "--dev WIRE --ip ADDR/PREFIX [-u] [-p PORT] [-w SECONDS] [-v] HOST PORT\n"
                "--dev WIRE --ip ADDR/PREFIX -l [-u] [-k] [-w SECONDS] [-v] PORT",
    .about = "Sends stdin to the peer and writes what the peer sends to stdout. The end of stdin closes our\n"
             "direction alone (half-close); the program ends when both directions are closed. With -u each\n"
             "read of stdin is one datagram.\n"
             "HOST is an IPv4 address; names are not looked up.",
    .options = options,
    .notes = "Examples\n"
             "  echo hello | plx-nc --dev tap:plx0 --ip 10.9.0.2/24 10.9.0.1 5000\n"
             "  plx-nc --dev af_packet:veth1 --ip 10.9.0.2/24 -l -v 5000 > file\n"
             "\n"
             "Exit status\n"
             "  0  both directions ended well, or the time of -w or -q is over; with -k, interrupted\n"
             "  1  refused, reset, timed out, interrupted, or the environment did not allow it\n"
             "  2  a wrong option or value",
    .wires = true,
};

void nc_say(const struct nc_config *cfg, const char *fmt, ...)
{
    char line[256];
    va_list args;

    if (!cfg->verbose)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", cfg->app->name, line);
}

static const char *address_text(const struct sockaddr_in *a, char buf[32])
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof(ip));
    snprintf(buf, 32, "%s port %u", ip, ntohs(a->sin_port));
    return buf;
}

/* ---- client ---- */

/* Waits for a connect that goes on. 0, or -1 with errno. */
static int connect_wait(int fd, uint32_t wait_s)
{
    struct epoll_event ev = {.events = EPOLLOUT};
    int ep = plx_epoll_create1(0), err = 0;
    socklen_t len = sizeof(err);

    if (ep < 0 || plx_epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
        return -1;
    int n = plx_epoll_wait(ep, &ev, 1, wait_s != 0 ? (int)wait_s * 1000 : -1);
    if (n < 0)
        return -1;
    plx_close(ep);
    if (n == 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    plx_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    errno = err;
    return err == 0 ? 0 : -1;
}

static int client(struct link *link)
{
    char peer[32];

    address_text(&config.peer, peer);
    if (plx_connect(link->fd, (struct sockaddr *)&config.peer, sizeof(config.peer)) < 0 &&
        (errno != EINPROGRESS || connect_wait(link->fd, config.wait_s) < 0))
        return app_failed(&app, "connecting to %s: %s", peer, strerror(errno));
    nc_say(&config, "connected to %s", peer);
    return transfer_run(&config, link);
}

/* ---- server ---- */

/* Waits until fd is readable. 0; -1 with errno, ETIMEDOUT after the time of -w. */
static int readable_wait(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = plx_poll(&p, 1, config.wait_s != 0 ? (int)config.wait_s * 1000 : -1);

    if (n == 0)
        errno = ETIMEDOUT;
    return n > 0 ? 0 : -1;
}

static int wait_failed(void)
{
    if (config.keep && errno == EINTR)
        return APP_OK;
    return app_failed(&app, "waiting for somebody to connect: %s",
                      errno == EINTR ? "interrupted" : strerror(errno));
}

static int server_udp(struct link *link)
{
    socklen_t len = sizeof(link->peer);
    char peer[32];
    char byte;

    nc_say(&config, "waiting for datagrams on UDP port %u", config.source_port);
    if (readable_wait(link->fd) < 0)
        return wait_failed();
    if (config.keep) {
        link->any_peer = true;
        return transfer_run(&config, link);
    }
    if (plx_recvfrom(link->fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&link->peer, &len) < 0 ||
        plx_connect(link->fd, (struct sockaddr *)&link->peer, len) < 0)
        return app_failed(&app, "answering: %s", strerror(errno));
    nc_say(&config, "datagram from %s", address_text(&link->peer, peer));
    return transfer_run(&config, link);
}

static int server_tcp(int listener)
{
    struct link link = {0};
    socklen_t len;
    char peer[32];
    int rc;

    nc_say(&config, "listening on TCP port %u", config.source_port);
    do {
        len = sizeof(link.peer);
        do {
            if (readable_wait(listener) < 0)
                return wait_failed();
            link.fd = plx_accept4(listener, (struct sockaddr *)&link.peer, &len, SOCK_NONBLOCK);
        } while (link.fd < 0 && (errno == EAGAIN || errno == ECONNABORTED));
        if (link.fd < 0)
            return app_failed(&app, "accepting: %s", strerror(errno));
        if (!config.keep)
            plx_close(listener);
        nc_say(&config, "connection from %s", address_text(&link.peer, peer));
        rc = transfer_run(&config, &link);
        plx_close(link.fd);
    } while (config.keep && !plx_stopping());
    return rc;
}

/* ---- both ---- */

static int serve(void *arg)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)config.source_port)};
    struct link link = {.udp = config.udp};
    int one = 1;

    if (plx_worker_id() != 0) /* one connection needs one worker */
        return APP_OK;
    link.fd = plx_socket(AF_INET, (config.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    if (link.fd < 0)
        return app_failed(&app, "socket: %s", strerror(errno));
    if (!config.udp)
        plx_setsockopt(link.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (config.source_port != 0 && plx_bind(link.fd, (struct sockaddr *)&own, sizeof(own)) < 0)
        return app_failed(&app, "-p %u: cannot use this port: %s", config.source_port, strerror(errno));
    if (!config.listen)
        return client(&link);
    if (config.udp)
        return server_udp(&link);
    if (plx_listen(link.fd, 16) < 0)
        return app_failed(&app, "cannot listen on TCP port %u: %s", config.source_port, strerror(errno));
    return server_tcp(link.fd);
}

static int options_fit(void)
{
    if (config.keep && !config.listen)
        return app_usage_error(&app, "-k: only together with -l");
    if (config.udp && config.quit_s == UINT32_MAX && !config.listen)
        config.quit_s = UDP_QUIT_S;
    return 0;
}

static int operands_read(int n, char **words)
{
    uint32_t port;

    if (config.listen && n == 0 && config.source_port != 0)
        return 0;
    if (n != (config.listen ? 1 : 2))
        return app_usage_error(&app, config.listen ? "-l: expects one operand, the PORT to listen on"
                                                   : "expects two operands, HOST and PORT");
    if (!app_number(words[n - 1], 1, 65535, &port))
        return app_usage_error(&app, "PORT %s: must be a number from 1 to 65535", words[n - 1]);
    if (config.listen && config.source_port != 0)
        return app_usage_error(&app, "-p %u: the port to listen on is already given as operand %s",
                               config.source_port, words[0]);
    if (config.listen) {
        config.source_port = port;
        return 0;
    }
    config.peer.sin_family = AF_INET;
    config.peer.sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, words[0], &config.peer.sin_addr) != 1)
        return app_usage_error(&app, "HOST %s: must be an IPv4 address such as 10.9.0.1", words[0]);
    return 0;
}

static int check(int n, char **operands)
{
    int rc = options_fit();

    return rc != 0 ? rc : operands_read(n, operands);
}

int main(int argc, char **argv)
{
    config.app = &app;
    int rc = app_start(&app, argc, argv, check);
    if (rc != 0)
        return rc;
    plx_handle_signals();
    rc = plx_run(serve, NULL);
    if (rc < 0)
        rc = app_failed(&app, "the worker did not start: %s", strerror(errno));
    plx_fini();
    return rc;
}
