/* SPDX-License-Identifier: BSD-3-Clause */
#include "httpd/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#define EVENTS            64
#define ACCEPTS_PER_EVENT 64
#define TABLE_STEP        256
#define LINGER_S          2   /* for what a client still sends when its connection ends */
#define TICK_MS           250 /* how exact time-outs are */

/* ---- waiting ---- */

static void wait_unlink(struct server *s, struct client *c)
{
    *(c->earlier != NULL ? &c->earlier->later : &s->first[c->waiting]) = c->later;
    *(c->later != NULL ? &c->later->earlier : &s->final[c->waiting]) = c->earlier;
    c->earlier = c->later = NULL;
}

static void wait_link(struct server *s, struct client *c, enum waiting waiting)
{
    const uint32_t seconds[WAITINGS] = {
        [WAIT_REQUEST] = s->cfg->request_s,
        [WAIT_IDLE] = s->cfg->idle_s,
        [WAIT_SEND] = s->cfg->send_s,
        [WAIT_GONE] = LINGER_S,
    };

    c->waiting = (uint8_t)waiting;
    c->deadline = s->now + seconds[waiting] * SECOND;
    c->earlier = s->final[waiting];
    *(c->earlier != NULL ? &c->earlier->later : &s->first[waiting]) = c;
    s->final[waiting] = c;
}

void server_wait(struct server *s, struct client *c, enum waiting waiting)
{
    wait_unlink(s, c);
    wait_link(s, c, waiting);
}

static void time_out(struct server *s)
{
    for (int w = 0; w < WAITINGS; w++)
        while (s->first[w] != NULL && s->first[w]->deadline <= s->now)
            client_timed_out(s, s->first[w]);
}

/* ---- clients ---- */

static void listener_pause(struct server *s, bool pause)
{
    struct epoll_event ev = {.events = pause ? 0 : EPOLLIN, .data.fd = s->listener};

    if (s->paused == pause)
        return;
    s->paused = pause;
    plx_epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->listener, &ev);
}

void server_watch(struct server *s, struct client *c, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = c->fd};
    bool sending = events == EPOLLOUT;

    if (c->sending == sending)
        return;
    c->sending = sending;
    plx_epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

void server_drop(struct server *s, struct client *c, bool reset)
{
    const struct linger now = {.l_onoff = 1};

    if (reset)
        plx_setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    wait_unlink(s, c);
    s->clients[c->fd] = NULL;
    plx_close(c->fd);
    client_free(c);
    s->open--;
    listener_pause(s, false);
}

static bool table_reach(struct server *s, int fd)
{
    if (fd < s->n_clients)
        return true;
    int n = fd + 1 > 2 * s->n_clients ? fd + TABLE_STEP : 2 * s->n_clients;
    struct client **grown = realloc(s->clients, (size_t)n * sizeof(*grown));
    if (grown == NULL)
        return false;
    memset(grown + s->n_clients, 0, (size_t)(n - s->n_clients) * sizeof(*grown));
    s->clients = grown;
    s->n_clients = n;
    return true;
}

static bool client_add(struct server *s, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    struct client *c = calloc(1, sizeof(*c));
    int one = 1;

    if (c == NULL || !table_reach(s, fd) || plx_epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        free(c);
        return false;
    }
    plx_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->fd = fd;
    wait_link(s, c, WAIT_REQUEST);
    s->clients[fd] = c;
    s->open++;
    return true;
}

static void listener_event(struct server *s)
{
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        if (s->open >= s->cfg->max_connections) {
            listener_pause(s, true); /* the others wait in the queue */
            return;
        }
        int fd = plx_accept4(s->listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0 && errno == ECONNABORTED)
            continue;
        if (fd < 0) {
            if (errno != EAGAIN && s->open > 0)
                listener_pause(s, true);
            return;
        }
        s->totals.connections++;
        if (!client_add(s, fd)) {
            s->totals.refused++;
            plx_close(fd);
        }
    }
}

/* ---- the loop ---- */

static int server_open(struct server *s)
{
    const struct httpd_config *cfg = s->cfg;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cfg->port)};
    struct epoll_event ev = {.events = EPOLLIN};
    int one = 1;
    int rc = files_open(&s->files, cfg->root, (uint64_t)cfg->cache_mb << 20);

    if (rc != 0)
        return app_failed(cfg->app, "ROOT %s: %s", cfg->root, strerror(-rc));
    s->scratch = malloc(SCRATCH);
    s->epoll = plx_epoll_create1(0);
    s->listener = plx_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ev.data.fd = s->listener;
    if (s->scratch == NULL || s->epoll < 0 || s->listener < 0)
        return app_failed(cfg->app, "cannot start: %s", strerror(errno));
    plx_setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (plx_bind(s->listener, (struct sockaddr *)&any, sizeof(any)) < 0 ||
        plx_listen(s->listener, (int)cfg->backlog) < 0 ||
        plx_epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &ev) < 0)
        return app_failed(cfg->app, "--port %u: cannot listen on it: %s", cfg->port, strerror(errno));
    return APP_OK;
}

static void server_loop(struct server *s)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = plx_epoll_wait(s->epoll, events, EVENTS, s->open > 0 ? TICK_MS : -1);
        if (n < 0)
            return; /* plx_stop */
        s->now = app_now();
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == s->listener)
                listener_event(s);
            else if (fd < s->n_clients && s->clients[fd] != NULL)
                client_event(s, s->clients[fd], events[i].events);
        }
        time_out(s);
    }
}

int server_run(struct server *s, const struct httpd_config *cfg, void (*ready)(void))
{
    *s = (struct server){.cfg = cfg, .epoll = -1, .listener = -1, .now = app_now()};
    int rc = server_open(s);

    if (rc == APP_OK) {
        ready();
        server_loop(s);
    }
    for (int fd = 0; fd < s->n_clients; fd++)
        if (s->clients[fd] != NULL)
            client_free(s->clients[fd]); /* plx_run closes the sockets */
    if (s->scratch != NULL)
        files_close(&s->files);
    free(s->clients);
    free(s->scratch);
    return rc;
}
