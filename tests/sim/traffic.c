/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "posix/epoll.h"
#include "posix/socket.h"
#include "support/segment.h"
#include "tcp/tcp_private.h"

#define RETRY         (50 * NSEC_PER_MSEC) /* after a shortage of memory */
#define CALLS_A_TURN  64
#define LISTENER_DATA UINT64_MAX

bool traffic_fail(struct traffic *t, const char *fmt, ...)
{
    if (!t->failed) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(t->why, sizeof(t->why), fmt, ap);
        va_end(ap);
    }
    t->failed = true;
    return false;
}

/* With a hostile peer anything may happen to a connection, but nothing to the stack. */
static bool end_fail(struct traffic_end *e, const char *what, long rc)
{
    return e->plan->hostile ||
           traffic_fail(e->t, "connection %u, %s, at %.6f s: %s (%ld), sent %lu of %u, received %lu of %u",
                        e->conn, e->side == 0 ? "client" : "server", (double)e->t->w->now / 1e9, what, rc,
                        (unsigned long)e->sent, e->plan->bytes[e->side], (unsigned long)e->received,
                        e->plan->bytes[1 - e->side]);
}

static struct engine *end_engine(const struct traffic_end *e)
{
    return &e->h->engine;
}

static uint32_t end_seed(const struct traffic_end *e, bool sending)
{
    return (uint32_t)e->t->sc->seed * 64 + e->conn * 2 + (sending ? e->side : 1 - e->side);
}

static bool plan_resets(const struct conn_plan *p)
{
    return p->ending == END_CLIENT_RESETS;
}

static bool sent_all(const struct traffic_end *e)
{
    return e->sent == e->plan->bytes[e->side];
}

static bool received_all(const struct traffic_end *e)
{
    return e->received == e->plan->bytes[1 - e->side];
}

/* What epoll shall watch for; with EPOLLET everything, for ever. Whether it asked for something else: that
 * may be there already, so it counts as something done, and another turn follows. */
static unsigned end_watch(struct traffic_end *e)
{
    struct epoll_event ev = {.data.ptr = e};
    uint32_t want = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    if (!e->plan->edge) {
        bool stalled = e->wake != NSEC_NEVER;
        want = (e->connected && !stalled && !e->eof ? EPOLLIN : 0u) |
               (!stalled && (!e->connected || (!sent_all(e) && !e->shut)) ? EPOLLOUT : 0u);
    }
    if (want == e->interest)
        return 0;
    ev.events = want;
    int op = e->interest == 0 ? EPOLL_CTL_ADD : want == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    int rc = epoll_control(end_engine(e), e->t->epoll[e->h->index], op, e->fd, &ev);
    if (rc != 0)
        end_fail(e, "epoll_ctl", rc);
    e->interest = want;
    return 1;
}

/* With the descriptor its registration with epoll goes too. */
static void end_close(struct traffic_end *e)
{
    if (e->fd >= 0)
        sock_close(end_engine(e), e->fd);
    e->fd = -1;
    e->interest = 0;
}

static void end_over(struct traffic_end *e)
{
    end_close(e);
    e->over = true;
    e->wake = NSEC_NEVER;
    e->t->over++;
}

/* The connection is gone by the peer's or our own reset. Right only where the plan says so. */
static void end_reset(struct traffic_end *e, const char *call, long rc)
{
    if (!plan_resets(e->plan))
        end_fail(e, call, rc);
    end_over(e);
}

/* Does nothing for days, once. */
static bool end_nap(struct traffic_end *e)
{
    if (e->plan->naps != (int)e->side || e->napped || e->shut || e->sent < e->plan->nap_after)
        return false;
    e->napped = true;
    e->wake = e->t->w->now + e->plan->nap;
    return true;
}

static void end_stall(struct traffic_end *e)
{
    if (e->plan->stall_ppm[e->side] != 0 && world_below(&e->t->dice, 1000000) < e->plan->stall_ppm[e->side])
        e->wake = e->t->w->now + 1 + world_rand(&e->t->dice) % (e->plan->stall[e->side] + 1);
}

static bool end_stalled(const struct traffic_end *e)
{
    return e->wake != NSEC_NEVER && e->wake > e->t->w->now;
}

/* One send call. True: another may follow. */
static bool end_send(struct traffic_end *e)
{
    static uint8_t buf[70000];
    uint64_t left = e->plan->bytes[e->side] - e->sent;
    uint32_t n = 1 + world_below(&e->t->dice, e->plan->write_max[e->side]);
    n = n > left ? (uint32_t)left : n;
    for (uint32_t i = 0; i < n; i++)
        buf[i] = stream_byte(end_seed(e, true), e->sent + i);
    ssize_t rc = sock_send(end_engine(e), e->fd, buf, n, MSG_DONTWAIT);
    if (rc == -EAGAIN)
        e->out_ready = false;
    else if (rc == -ENOBUFS)
        e->wake = e->t->w->now + RETRY;
    else if (rc < 0)
        end_reset(e, "send failed", rc);
    else
        e->sent += (uint64_t)rc;
    if (rc > 0)
        end_stall(e);
    return rc > 0 && !end_stalled(e);
}

static bool end_compare(struct traffic_end *e, const uint8_t *buf, ssize_t n)
{
    if (e->plan->hostile) {
        e->received = RTE_MIN(e->received + (uint64_t)n, (uint64_t)e->plan->bytes[1 - e->side]);
        return true;
    }
    for (ssize_t i = 0; i < n; i++)
        if (buf[i] != stream_byte(end_seed(e, false), e->received + (uint64_t)i))
            return end_fail(e, "a byte is wrong at offset", (long)e->received + i);
    e->received += (uint64_t)n;
    e->t->bytes += (uint64_t)n;
    return e->received <= e->plan->bytes[1 - e->side] || end_fail(e, "more bytes than were sent", (long)n);
}

static bool end_receive(struct traffic_end *e)
{
    static uint8_t buf[70000];
    uint32_t n = 1 + world_below(&e->t->dice, e->plan->read_max[e->side]);
    ssize_t rc = sock_recv(end_engine(e), e->fd, buf, n, MSG_DONTWAIT);
    if (rc == -EAGAIN) {
        e->in_ready = false;
    } else if (rc == 0) {
        e->eof = true;
        if (!received_all(e) && !plan_resets(e->plan))
            end_fail(e, "the stream ended early", 0);
    } else if (rc < 0) {
        end_reset(e, "recv failed", rc);
    } else if (end_compare(e, buf, rc)) {
        end_stall(e);
    }
    return rc > 0 && !end_stalled(e);
}

/* Shuts or closes where the plan says that it is time. */
static unsigned end_finish(struct traffic_end *e)
{
    const struct conn_plan *p = e->plan;
    bool closes =
        (p->ending == END_CLIENT_CLOSES && e->side == 0) || (p->ending == END_SERVER_CLOSES && e->side == 1);
    if (plan_resets(p) && e->side == 0 && (e->received >= p->reset_after || e->eof)) {
        struct linger l = {.l_onoff = 1};
        sock_setopt(end_engine(e), e->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        end_over(e);
        return 1;
    }
    if ((closes && sent_all(e) && received_all(e)) || (e->eof && (sent_all(e) || plan_resets(p)))) {
        end_over(e);
        return 1;
    }
    if (p->ending == END_HALF_CLOSE && sent_all(e) && !e->shut) {
        int rc = sock_shutdown(end_engine(e), e->fd, SHUT_WR);
        if (rc != 0)
            end_fail(e, "shutdown", rc);
        e->shut = true;
        return 1;
    }
    return 0;
}

/* Goes on as far as it can. */
static unsigned end_turn(struct traffic_end *e)
{
    unsigned calls = 0;
    if (e->fd < 0 || !e->connected || end_stalled(e))
        return 0;
    e->wake = NSEC_NEVER;
    if (end_nap(e))
        return end_watch(e) + 1;
    while (calls < CALLS_A_TURN && !e->over && e->in_ready && !e->eof) {
        calls++;
        if (!end_receive(e))
            break;
    }
    while (calls < CALLS_A_TURN && !e->over && e->out_ready && !sent_all(e) && !end_stalled(e)) {
        calls++;
        if (!end_send(e))
            break;
    }
    if (!e->over)
        calls += end_finish(e);
    if (!e->over && calls >= CALLS_A_TURN && e->wake == NSEC_NEVER)
        e->wake = e->t->w->now + 1; /* the edge is used up, the work is not */
    if (!e->over)
        calls += end_watch(e);
    return calls;
}

/* ---- opening ---- */

static void end_options(struct traffic_end *e)
{
    struct engine *en = end_engine(e);
    int one = 1, ten = 10, rcv = (int)e->plan->rcvbuf, snd = (int)e->plan->sndbuf;
    if (e->plan->nodelay)
        sock_setopt(en, e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (rcv != 0)
        sock_setopt(en, e->fd, SOL_SOCKET, SO_RCVBUF, &rcv, sizeof(rcv));
    if (snd != 0)
        sock_setopt(en, e->fd, SOL_SOCKET, SO_SNDBUF, &snd, sizeof(snd));
    if (plan_resets(e->plan)) { /* a reset may be lost: the other side must notice by itself */
        sock_setopt(en, e->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        sock_setopt(en, e->fd, IPPROTO_TCP, TCP_KEEPIDLE, &ten, sizeof(ten));
        sock_setopt(en, e->fd, IPPROTO_TCP, TCP_KEEPINTVL, &ten, sizeof(ten));
    }
}

/* Sequence numbers begin where the flow's hash and the clock say: whoever knows both chooses the moment. */
static nsec_t moment_of_wrap(const struct traffic_end *e, uint32_t before)
{
    const struct traffic *t = e->t;
    unsigned side = (unsigned)e->plan->wraps;
    const struct host *h = side == 0 ? e->h : t->host[1];
    struct ip_addr client = ip_addr_v4(e->h->addr), server = ip_addr_v4(t->host[1]->addr);
    struct flow_key f = side == 0 ? (struct flow_key){client, server, e->port, TRAFFIC_PORT}
                                  : (struct flow_key){server, client, TRAFFIC_PORT, e->port};
    seq_t isn = isn_make(&h->worker.tcp.isn, &f, t->w->now);
    return t->w->now + ((nsec_t)(uint32_t)(0 - before - isn) << ISN_TICK_SHIFT);
}

/* The first time round: a port of its own, and the moment at which its numbers, or the server's answer to
 * them, begin a little before their wrap. */
static bool client_waits_for_wrap(struct traffic_end *e)
{
    if (e->plan->wraps < 0 || e->port != 0)
        return false;
    uint32_t bytes = e->plan->bytes[e->plan->wraps];
    e->port = (uint16_t)(10000 + e->conn);
    e->wake = moment_of_wrap(e, world_below(&e->t->dice, RTE_MIN(bytes, 200000u) + 2));
    return true;
}

static int client_bind(struct traffic_end *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(e->port), .sin_addr.s_addr = e->h->addr};
    return e->plan->wraps < 0 ? 0 : sock_bind(end_engine(e), e->fd, (struct sockaddr *)&a, sizeof(a));
}

static unsigned client_connect(struct traffic_end *e)
{
    struct engine *en = end_engine(e);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(TRAFFIC_PORT), .sin_addr.s_addr = e->t->host[1]->addr};
    socklen_t len = sizeof(a);
    if (client_waits_for_wrap(e))
        return 1;
    e->fd = sock_open(en, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (e->fd < 0 || client_bind(e) != 0) {
        end_fail(e, "socket", e->fd);
        end_over(e);
        return 1;
    }
    end_options(e);
    int rc = sock_connect(en, e->fd, (struct sockaddr *)&a, sizeof(a));
    if (rc == -ENOBUFS || rc == -ENOMEM) {
        end_close(e);
        e->wake = e->t->w->now + RETRY;
        return 1;
    }
    if (rc != -EINPROGRESS) {
        end_fail(e, "connect", rc);
        end_over(e);
        return 1;
    }
    sock_getsockname(en, e->fd, (struct sockaddr *)&a, &len);
    e->port = ntohs(a.sin_port);
    e->wake = NSEC_NEVER;
    end_watch(e);
    return 1;
}

static unsigned server_accept(struct traffic *t)
{
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    int fd = sock_accept(&t->host[1]->engine, t->listener, (struct sockaddr *)&a, &len, SOCK_NONBLOCK);
    if (fd < 0)
        return fd == -EAGAIN || fd == -ECONNABORTED ? 0 : traffic_fail(t, "accept: %d", fd);
    for (unsigned i = 0; i < t->sc->n_conns; i++) {
        struct traffic_end *c = &t->end[0][i], *e = &t->end[1][i];
        if (c->port != ntohs(a.sin_port) || c->h->addr != a.sin_addr.s_addr || e->fd >= 0 || e->over)
            continue;
        e->fd = fd;
        e->connected = e->in_ready = e->out_ready = true;
        end_options(e);
        end_watch(e);
        end_turn(e);
        return 1;
    }
    if (t->sc->net.hostile != 0 && a.sin_addr.s_addr == t->host[t->sc->net.hostile]->addr) {
        sock_close(&t->host[1]->engine, fd);
        return 1;
    }
    traffic_fail(t, "a connection from port %u that nobody made", ntohs(a.sin_port));
    return 0;
}

/* ---- turns ---- */

static unsigned end_event(struct traffic_end *e, uint32_t events)
{
    if (e->over)
        return 0;
    if (!e->connected && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        int err = 0;
        socklen_t len = sizeof(err);
        sock_getopt(end_engine(e), e->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        if (err == EHOSTUNREACH) { /* every question for the neighbour was lost: a client asks again */
            end_close(e);
            e->wake = e->t->w->now + RETRY;
            return 1;
        }
        if (err != 0) {
            end_fail(e, "connect failed", err);
            end_over(e);
            return 1;
        }
        e->connected = true;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
        e->in_ready = true;
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        e->out_ready = true;
    /* When it only waits for the peer's end, an error must end it. */
    if ((events & EPOLLERR) && e->eof) {
        end_reset(e, "error after the end of the stream", 0);
        return 1;
    }
    return end_turn(e) + 1;
}

static unsigned host_events(struct traffic *t, struct host *h)
{
    struct epoll_event ev[64];
    unsigned done = 0;
    int n = epoll_wait_events(&h->engine, t->epoll[h->index], ev, 64, 0);
    if (n < 0)
        return traffic_fail(t, "epoll_wait: %d", n);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.u64 == LISTENER_DATA)
            while (server_accept(t) != 0)
                done++;
        else
            done += end_event(ev[i].data.ptr, ev[i].events);
    }
    return done;
}

static unsigned host_turn(struct host *h, void *arg)
{
    struct traffic *t = arg;
    unsigned side = h == t->host[1], done = host_events(t, h);
    h->app_wake = NSEC_NEVER;
    for (unsigned i = 0; i < t->sc->n_conns && !t->failed; i++) {
        struct traffic_end *e = &t->end[side][i];
        if (e->h != h)
            continue;
        if (e->wake <= t->w->now)
            done += e->fd < 0 ? client_connect(e) : end_turn(e);
        h->app_wake = RTE_MIN(h->app_wake, e->wake);
    }
    return done + (h->index < 2 ? traffic_udp_turn(t, side) : 0);
}

static bool server_listen(struct traffic *t)
{
    struct engine *e = &t->host[1]->engine;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(TRAFFIC_PORT)};
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = LISTENER_DATA};
    t->listener = sock_open(e, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (sock_bind(e, t->listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        sock_listen(e, t->listener, (int)t->sc->backlog) != 0 ||
        epoll_control(e, t->epoll[1], EPOLL_CTL_ADD, t->listener, &ev) != 0)
        return traffic_fail(t, "the server cannot listen");
    return true;
}

bool traffic_start(struct traffic *t, const struct scenario *sc, struct world *w)
{
    memset(t, 0, sizeof(*t));
    t->sc = sc;
    t->w = w;
    t->dice = sc->seed ^ UINT64_C(0x5bd1e995);
    t->begin = w->now;
    for (unsigned i = 0; i < w->n_hosts; i++) {
        t->host[i] = &w->host[i];
        t->epoll[i] = epoll_create_fd(&t->host[i]->engine, 0);
    }
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < sc->n_conns; i++)
            t->end[side][i] = (struct traffic_end){.t = t,
                                                   .h = &w->host[side == 0 ? sc->conn[i].client : 1],
                                                   .plan = &sc->conn[i],
                                                   .conn = i,
                                                   .side = side,
                                                   .fd = -1,
                                                   .wake = NSEC_NEVER};
    if (!server_listen(t) || !traffic_udp_start(t))
        return false;
    for (unsigned i = 0; i < w->n_hosts; i++) {
        t->host[i]->app = host_turn;
        t->host[i]->app_arg = t;
        t->host[i]->app_wake = w->now;
    }
    for (unsigned i = 0; i < sc->n_conns; i++)
        t->end[0][i].wake = w->now + sc->conn[i].at;
    return true;
}

bool traffic_done(const struct traffic *t)
{
    if (t->over == 2 * t->sc->n_conns)
        return true;
    /* Of a connection that was reset early the server may never have heard; one with a hostile peer may last
     * for ever. */
    for (unsigned i = 0; i < t->sc->n_conns; i++) {
        const struct traffic_end *c = &t->end[0][i], *s = &t->end[1][i];
        if (t->sc->conn[i].hostile)
            continue;
        if (!c->over || (!s->over && (s->fd >= 0 || !plan_resets(s->plan))))
            return false;
    }
    return true;
}

void traffic_report(const struct traffic *t, char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = 0;
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < t->sc->n_conns && n < size; i++) {
            const struct traffic_end *e = &t->end[side][i];
            if (!e->over && !e->plan->hostile)
                n += (size_t)snprintf(
                    buf + n, size - n, "\n  %s %u: port %u %s, sent %lu of %u, received %lu of %u%s%s",
                    side == 0 ? "client" : "server", i, t->end[0][i].port,
                    e->fd < 0      ? "not open"
                    : e->connected ? "open"
                                   : "opening",
                    (unsigned long)e->sent, e->plan->bytes[side], (unsigned long)e->received,
                    e->plan->bytes[1 - side], e->shut ? ", shut" : "", e->eof ? ", at end" : "");
        }
}

void traffic_stop(struct traffic *t)
{
    for (unsigned i = 0; i < t->w->n_hosts; i++) {
        t->host[i]->app = NULL;
        t->host[i]->app_wake = NSEC_NEVER;
    }
}
