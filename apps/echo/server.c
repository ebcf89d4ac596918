/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: listeners, the table of descriptors, and who is called for which. */
#include "echo/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#define EVENTS            256
#define ACCEPTS_PER_EVENT 64 /* then the others have their turn */

static const char *const service_option[SERVICES] = {"--tcp", "--discard", "--daytime", "--chargen"};

static int table_reach(struct server *s, int fd)
{
    int n = s->n_socks;

    if (fd < n)
        return 0;
    while (n <= fd)
        n = n == 0 ? 1024 : n * 2;
    struct sock *socks = realloc(s->socks, (size_t)n * sizeof(*socks));
    if (socks == NULL)
        return -1;
    memset(socks + s->n_socks, 0, (size_t)(n - s->n_socks) * sizeof(*socks));
    s->socks = socks;
    s->n_socks = n;
    return 0;
}

int server_watch(struct server *s, int fd, enum sock_kind kind, enum service service, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (table_reach(s, fd) < 0 || plx_epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        return -1;
    s->socks[fd] = (struct sock){.kind = kind, .service = service, .events = events};
    return 0;
}

void server_rewatch(struct server *s, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (s->socks[fd].events == events)
        return;
    s->socks[fd].events = events;
    plx_epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &ev);
}

/* While paused, connections wait in the accept queue, bounded by the backlog. */
static void listeners_pause(struct server *s, bool paused)
{
    if (s->listeners_paused == paused)
        return;
    s->listeners_paused = paused;
    for (int i = 0; i < s->n_listeners; i++)
        server_rewatch(s, s->listener[i], paused ? 0 : EPOLLIN);
}

void server_close(struct server *s, int fd)
{
    stream_free(&s->socks[fd]);
    s->socks[fd] = (struct sock){.kind = SOCK_NONE};
    plx_close(fd);
    s->open--;
    listeners_pause(s, false);
}

static void listener_event(struct server *s, int fd)
{
    enum service service = s->socks[fd].service;

    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        int conn = plx_accept4(fd, NULL, NULL, SOCK_NONBLOCK);
        if (conn >= 0) {
            s->totals.connections++;
            s->open++;
            stream_accepted(s, conn, service);
            continue;
        }
        if (errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            s->totals.refused++;
            listeners_pause(s, s->open > 0);
        }
        return;
    }
}

static int listener_open(struct server *s, enum service service, uint16_t port)
{
    const struct echo_config *cfg = s->cfg;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int fd = plx_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0 || plx_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        plx_bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || plx_listen(fd, (int)cfg->backlog) < 0 ||
        server_watch(s, fd, SOCK_LISTENER, service, EPOLLIN) < 0)
        return app_failed(cfg->app, "%s %u: cannot listen on this TCP port: %s", service_option[service],
                          port, strerror(errno));
    s->listener[s->n_listeners++] = fd;
    return APP_OK;
}

static int udp_open(struct server *s, uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = plx_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    /* Not with SO_REUSEADDR: for UDP that would let two servers share the port. */
    if (fd < 0 || plx_bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        server_watch(s, fd, SOCK_UDP_ECHO, SERVICE_ECHO, EPOLLIN) < 0)
        return app_failed(s->cfg->app, "--udp %u: cannot bind this UDP port: %s", port, strerror(errno));
    return APP_OK;
}

static int server_open(struct server *s)
{
    const struct app_ports *udp = &s->cfg->udp;
    size_t listeners = 1;

    for (int i = 0; i < SERVICES; i++)
        listeners += (size_t)(s->cfg->tcp[i].last - s->cfg->tcp[i].first) + 1;
    s->listener = malloc(listeners * sizeof(*s->listener));
    s->scratch = malloc(SCRATCH_SIZE);
    s->epoll = plx_epoll_create1(0);
    if (s->listener == NULL || s->scratch == NULL || s->epoll < 0)
        return app_failed(s->cfg->app, "cannot start: %s", strerror(errno));
    for (int i = 0; i < SERVICES; i++) {
        const struct app_ports *p = &s->cfg->tcp[i];
        for (uint32_t port = p->first; port != 0 && port <= p->last; port++)
            if (listener_open(s, i, (uint16_t)port) != APP_OK)
                return APP_FAILED;
    }
    for (uint32_t port = udp->first; port != 0 && port <= udp->last; port++)
        if (udp_open(s, (uint16_t)port) != APP_OK)
            return APP_FAILED;
    return APP_OK;
}

static void server_loop(struct server *s)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = plx_epoll_wait(s->epoll, events, EVENTS, -1);
        if (n < 0)
            return; /* plx_stop */
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            /* A descriptor closed by an earlier event of this batch is SOCK_NONE by now, or a new
             * connection, to which an event that is not its own does no harm. */
            switch (s->socks[fd].kind) {
            case SOCK_STREAM_CONN:
                stream_event(s, fd, events[i].events);
                break;
            case SOCK_LISTENER:
                listener_event(s, fd);
                break;
            case SOCK_UDP_ECHO:
                datagram_event(s, fd);
                break;
            }
        }
    }
}

int server_run(struct server *s, const struct echo_config *cfg, void (*ready)(void))
{
    *s = (struct server){.cfg = cfg, .epoll = -1};
    int rc = server_open(s);
    if (rc == APP_OK) {
        ready();
        server_loop(s);
    }
    /* The sockets are closed by plx_run when we return. */
    for (int fd = 0; fd < s->n_socks; fd++)
        stream_free(&s->socks[fd]);
    free(s->socks);
    free(s->scratch);
    free(s->listener);
    return rc;
}
