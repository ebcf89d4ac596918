/* SPDX-License-Identifier: BSD-3-Clause */
/* One TCP connection of a load: opening, sending, closing. Reading answers is in answer.c. */
#include "bench/load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#define SWEEP 32 /* calls of conn_time_out see each connection once */

bool conn_per_request(void)
{
    return config.mode == MODE_CPS || (config.mode == MODE_HTTP && config.no_keepalive);
}

bool conn_watch(struct load *l, struct conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)c->generation << 32 | conn_index(l, c)};

    return l->calls->epoll_ctl(l->epoll, op, c->fd, &ev) == 0;
}

/* ---- opening ---- */

/* Connections take targets and sources in turn, so that each pair of them has its own local ports. */
static void addresses(const struct load *l, const struct conn *c, struct sockaddr_in *to,
                      struct sockaddr_in *from)
{
    uint32_t i = l->first + conn_index(l, c), ports = (uint32_t)(config.ports.last - config.ports.first) + 1;

    *to = (struct sockaddr_in){.sin_family = AF_INET};
    to->sin_port = htons((uint16_t)(config.ports.first + i % ports));
    i /= ports;
    to->sin_addr = config.targets.addr[i % config.targets.n];
    i /= config.targets.n;
    *from = (struct sockaddr_in){.sin_family = AF_INET};
    if (config.sources.n > 0)
        from->sin_addr = config.sources.addr[i % config.sources.n];
}

static void option_set(const struct load *l, int fd, int level, int name, int value)
{
    l->calls->setsockopt(fd, level, name, &value, sizeof(value));
}

/* A socket on the way to its server. -1 with errno. */
static int conn_socket(struct load *l, struct conn *c)
{
    struct sockaddr_in to, from;
    bool udp = config.mode == MODE_UDP;

    addresses(l, c, &to, &from);
    c->fd = l->calls->socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -1;
    if (!udp)
        option_set(l, c->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (config.sources.n > 0) {
        if (!udp) /* the port is chosen when the peer is known: a port may serve many peers */
            option_set(l, c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (l->calls->bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
            return -1;
    }
    if (l->calls->connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        return -1;
    return 0;
}

void conn_open(struct load *l, struct conn *c, uint64_t now)
{
    c->generation++;
    c->since = now;
    if (c->tries < UINT8_MAX)
        c->tries++;
    c->state = CONN_CONNECTING;
    l->connecting++;
    if (conn_socket(l, c) < 0 || !conn_watch(l, c, EPOLL_CTL_ADD, EPOLLOUT)) {
        l->failed_errno = errno;
        conn_close(l, c, failure_of(errno, true), now);
    }
}

static void conn_opened(struct load *l, struct conn *c, uint64_t now)
{
    l->connecting--;
    l->open++;
    c->state = CONN_OPEN;
    if (!c->failed && !l->started && !conn_per_request())
        l->ramped++;
    histogram_add(&l->connect, now - c->since);
    c->since = now;
    conn_watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
    if (!l->started || conn_per_request() || load_stops(now))
        return;
    if (config.mode == MODE_STREAM)
        stream_start(l, c);
    else if (config.rate != 0 || config.mode == MODE_HOLD)
        load_offer(l, c);
    else
        while (c->state == CONN_OPEN && c->outstanding < config.pipeline)
            conn_request(l, c, now, now);
}

static void conn_connected(struct load *l, struct conn *c, uint64_t now)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (l->calls->getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    if (err != 0) {
        l->failed_errno = err;
        conn_close(l, c, failure_of(err, true), now);
        return;
    }
    conn_opened(l, c, now);
}

/* ---- closing ---- */

static void socket_close(struct load *l, struct conn *c, enum failure kind)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (c->fd < 0)
        return;
    if (kind == FAILURES && config.closing == CLOSE_RESET && config.mode == MODE_CPS)
        l->calls->setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    l->calls->close(c->fd);
    c->fd = -1;
}

/* What comes after the connection. */
static void conn_next(struct load *l, struct conn *c, enum failure kind, uint64_t now)
{
    if (load_stops(now))
        return;
    if (kind == FAILURES && conn_per_request()) {
        if (config.rate != 0)
            load_offer(l, c);
        /* closed loop: answer.c begins the next */
        return;
    }
    if (kind == FAILURES && l->started) { /* the server wanted it so */
        conn_open(l, c, now);
        return;
    }
    if (config.mode == MODE_HOLD && l->started)
        return; /* what is lost stays lost */
    c->since = now;
    l->retry.entry[((uint64_t)l->retry.head + l->retry.count++) % l->retry.size] = conn_index(l, c);
}

void conn_close(struct load *l, struct conn *c, enum failure kind, uint64_t now)
{
    bool was_open = c->state == CONN_OPEN;

    if (was_open)
        l->open--;
    else
        l->connecting--;
    if (kind != FAILURES) {
        load_fail(l, kind, now);
        if (was_open)
            l->lost_connections++;
        if (was_open && !l->started)
            l->ramped--;
    }
    socket_close(l, c, kind);
    l->in_flight -= c->outstanding;
    l->lost_requests += c->outstanding;
    c->state = CONN_CLOSED;
    c->outstanding = c->head = 0;
    c->unsent = c->sent = c->received = 0;
    c->waits_for_room = false;
    if (l->http != NULL)
        memset(&l->http[conn_index(l, c)], 0, sizeof(*l->http));
    conn_next(l, c, kind, now);
}

void conn_time_out(struct load *l, uint64_t now)
{
    uint64_t patience = config.timeout_s * NS_PER_S;
    uint32_t n = l->n / SWEEP + 1;

    for (; n > 0; n--) {
        uint32_t i = l->sweep++ % l->n;
        struct conn *c = &l->conn[i];
        if (c->state == CONN_CONNECTING && now - c->since > patience) {
            l->failed_errno = ETIMEDOUT;
            conn_close(l, c, FAIL_CONNECT_TIMEOUT, now);
        } else if (c->state == CONN_OPEN && c->outstanding > 0) {
            uint64_t due = l->due[(size_t)i * config.pipeline + c->head];
            uint64_t begun = due > c->since ? due : c->since;
            if (now > begun && now - begun > patience)
                conn_close(l, c, FAIL_TIMEOUT, now);
        }
    }
}

/* ---- sending ---- */

static void wait_for_room(struct load *l, struct conn *c, bool wait)
{
    if (c->waits_for_room == wait)
        return;
    c->waits_for_room = wait;
    conn_watch(l, c, EPOLL_CTL_MOD, wait ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void conn_flush(struct load *l, struct conn *c, uint64_t now)
{
    while (c->unsent > 0) {
        const struct request_text *t = &l->text[c->text];
        uint32_t times = c->unsent < t->times ? c->unsent : t->times;
        ssize_t n = l->calls->send(c->fd, t->bytes + c->sent, (size_t)times * t->len - c->sent, 0);

        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            wait_for_room(l, c, true);
            return;
        }
        if (n < 0) {
            conn_close(l, c, failure_of(errno, false), now);
            return;
        }
        struct interval *in = load_interval(l, now, false);
        if (in != NULL) {
            in->bytes_out += (uint64_t)n;
            l->bytes_out += (uint64_t)n;
        }
        uint32_t at = c->sent + (uint32_t)n;
        c->unsent -= at / t->len;
        c->sent = at % t->len;
        if (c->sent == 0 && l->n_texts > 1)
            c->text = (uint16_t)(l->next_text++ % l->n_texts);
    }
    wait_for_room(l, c, false);
}

void conn_request(struct load *l, struct conn *c, uint64_t due, uint64_t now)
{
    size_t ring = (size_t)conn_index(l, c) * config.pipeline;

    l->due[ring + (c->head + c->outstanding) % config.pipeline] = due;
    c->outstanding++;
    l->in_flight++;
    if (c->unsent++ == 0 && l->n_texts > 1)
        c->text = (uint16_t)(l->next_text++ % l->n_texts);
    if (c->state == CONN_CLOSED)
        conn_open(l, c, now);
    else if (c->state == CONN_OPEN && !c->waits_for_room)
        conn_flush(l, c, now);
}

/* ---- events ---- */

static void conn_readable(struct load *l, struct conn *c, uint64_t now)
{
    ssize_t n = l->calls->recv(c->fd, l->buffer, LOAD_BUFFER, 0);

    if (n > 0) {
        struct interval *in = load_interval(l, now, false);
        if (in != NULL) {
            in->bytes_in += (uint64_t)n;
            l->bytes_in += (uint64_t)n;
        }
        answer_bytes(l, c, l->buffer, (uint32_t)n, now);
    } else if (n == 0) {
        if (!answer_end(l, c, now))
            conn_close(l, c, FAIL_CLOSED, now);
    } else if (errno != EAGAIN) {
        conn_close(l, c, failure_of(errno, false), now);
    }
}

void conn_event(struct load *l, struct conn *c, uint32_t events)
{
    uint64_t now = app_now();
    uint32_t generation = c->generation;

    if (c->state == CONN_CONNECTING) {
        conn_connected(l, c, now);
        if (c->state == CONN_OPEN && c->generation == generation && c->unsent > 0)
            conn_flush(l, c, now);
        return;
    }
    if (config.mode == MODE_STREAM) {
        stream_event(l, c, events, now);
        return;
    }
    if ((events & EPOLLOUT) != 0 && c->unsent > 0)
        conn_flush(l, c, now);
    if (c->state == CONN_OPEN && c->generation == generation && (events & ~(uint32_t)EPOLLOUT) != 0)
        conn_readable(l, c, now);
}
