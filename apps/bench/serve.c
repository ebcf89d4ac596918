/* SPDX-License-Identifier: BSD-3-Clause */
/* `plx-bench serve`: one event loop a worker, a few bytes of state a connection. */
#include "bench/serve.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <plx_run.h>

#define EVENTS            256
#define BUFFER            65536
#define ACCEPTS_PER_EVENT 64
#define TABLE_STEP        4096
#define ANSWERS_AT_ONCE   32 /* sends of a pipeline's answers are joined up to this many */

enum { NO_SOCK, LISTENER, CONNECTION, DATAGRAMS };

struct sock {
    uint8_t kind;    /* of the above */
    uint8_t service; /* enum service */
    uint8_t matched; /* http: how much of the empty line that ends a request */
    bool waits_for_room;
    uint32_t taken; /* rr with sizes: bytes of the request that is arriving */
    uint32_t owed;  /* answers not wholly sent */
    uint32_t sent;  /* bytes of the first of them that are */
    char *unsent;   /* echo: what the send buffer did not take */
    uint32_t unsent_off, unsent_len;
};

struct answer {
    char *bytes; /* ANSWERS_AT_ONCE times */
    uint32_t len, times;
};

struct server {
    struct sock *socks; /* by descriptor */
    int n_socks, epoll;
    uint32_t open;
    bool full;
    struct answer answer[SERVICES];
    char *buffer;
    uint64_t next_stall, told_at;
    uint32_t told; /* connections */
    uint64_t connections, requests, bytes_in, bytes_out, aborted, refused, datagrams;
};

struct serve_config serve_config = {.backlog = 4096};
const char *const service_name[SERVICES] = {"rr", "stream", "sink", "http", "udp"};
static struct server *servers;

static const struct calls *calls(void)
{
    return config.calls;
}

/* ---- descriptors ---- */

static int table_reach(struct server *s, int fd)
{
    int n = s->n_socks;

    if (fd < n)
        return 0;
    n = fd + 1 > 2 * n ? fd + TABLE_STEP : 2 * n;
    struct sock *grown = realloc(s->socks, (size_t)n * sizeof(*grown));
    if (grown == NULL)
        return -1;
    memset(grown + s->n_socks, 0, (size_t)(n - s->n_socks) * sizeof(*grown));
    s->socks = grown;
    s->n_socks = n;
    return 0;
}

static int watch(struct server *s, int fd, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    return calls()->epoll_ctl(s->epoll, op, fd, &ev);
}

static int sock_add(struct server *s, int fd, int kind, enum service service, uint32_t events)
{
    if (table_reach(s, fd) < 0 || watch(s, fd, EPOLL_CTL_ADD, events) < 0)
        return -1;
    s->socks[fd] = (struct sock){.kind = (uint8_t)kind, .service = (uint8_t)service};
    return 0;
}

static void conn_end(struct server *s, int fd, bool broken)
{
    free(s->socks[fd].unsent);
    s->socks[fd] = (struct sock){.kind = NO_SOCK};
    calls()->close(fd);
    s->aborted += broken;
    s->open--;
    s->full = false;
}

static void wait_for_room(struct server *s, int fd, bool wait)
{
    struct sock *sock = &s->socks[fd];

    if (sock->waits_for_room == wait)
        return;
    sock->waits_for_room = wait;
    /* While answers wait nothing more is read: a client that does not read is not read from either. */
    watch(s, fd, EPOLL_CTL_MOD, wait ? EPOLLOUT : EPOLLIN);
}

/* ---- sending ---- */

/* How much was taken, 0 for none now, -1 after the end of the connection. */
static ssize_t conn_send(struct server *s, int fd, const char *bytes, size_t len)
{
    ssize_t n = calls()->send(fd, bytes, len, 0);

    if (n >= 0) {
        s->bytes_out += (uint64_t)n;
        return n;
    }
    if (errno == EAGAIN || errno == ENOBUFS)
        return 0;
    conn_end(s, fd, true);
    return -1;
}

static void answers_send(struct server *s, int fd)
{
    struct sock *sock = &s->socks[fd];
    const struct answer *a = &s->answer[sock->service];

    while (sock->owed > 0) {
        uint32_t times = sock->owed < a->times ? sock->owed : a->times;
        ssize_t n = conn_send(s, fd, a->bytes + sock->sent, (size_t)times * a->len - sock->sent);
        if (n < 0)
            return;
        if (n == 0) {
            wait_for_room(s, fd, true);
            return;
        }
        uint32_t at = sock->sent + (uint32_t)n;
        sock->owed -= at / a->len;
        sock->sent = at % a->len;
    }
    wait_for_room(s, fd, false);
}

static void echo_keep(struct server *s, int fd, const char *bytes, uint32_t len)
{
    struct sock *sock = &s->socks[fd];

    sock->unsent = malloc(len);
    if (sock->unsent == NULL) {
        conn_end(s, fd, true);
        return;
    }
    memcpy(sock->unsent, bytes, len);
    sock->unsent_off = 0;
    sock->unsent_len = len;
    wait_for_room(s, fd, true);
}

static void echo_rest(struct server *s, int fd)
{
    struct sock *sock = &s->socks[fd];
    ssize_t n = conn_send(s, fd, sock->unsent + sock->unsent_off, sock->unsent_len - sock->unsent_off);

    if (n < 0)
        return;
    sock->unsent_off += (uint32_t)n;
    if (sock->unsent_off < sock->unsent_len)
        return;
    free(sock->unsent);
    sock->unsent = NULL;
    wait_for_room(s, fd, false);
}

/* ---- services ---- */

static void rr_bytes(struct server *s, int fd, uint32_t n)
{
    struct sock *sock = &s->socks[fd];
    uint64_t taken = (uint64_t)sock->taken + n;
    uint32_t requests;

    if (serve_config.size == 0) { /* echo */
        s->requests++;
        ssize_t sent = conn_send(s, fd, s->buffer, n);
        if (sent >= 0 && sent < (ssize_t)n)
            echo_keep(s, fd, s->buffer + sent, n - (uint32_t)sent);
        return;
    }
    requests = (uint32_t)(taken / serve_config.size);
    sock->taken = (uint32_t)(taken % serve_config.size);
    s->requests += requests;
    sock->owed += requests;
    answers_send(s, fd);
}

/* Every empty line ends a request: GET has no body. */
static void http_bytes(struct server *s, int fd, uint32_t n)
{
    static const char end[] = "\r\n\r\n";
    struct sock *sock = &s->socks[fd];

    for (uint32_t i = 0; i < n; i++) {
        char c = s->buffer[i];
        sock->matched = c == end[sock->matched] ? (uint8_t)(sock->matched + 1) : c == '\r';
        if (sock->matched == 4) {
            sock->matched = 0;
            sock->owed++;
            s->requests++;
        }
    }
    answers_send(s, fd);
}

static void conn_readable(struct server *s, int fd)
{
    ssize_t n = calls()->recv(fd, s->buffer, BUFFER, 0);

    if (n < 0) {
        if (errno != EAGAIN)
            conn_end(s, fd, true);
        return;
    }
    if (n == 0) {
        conn_end(s, fd, false);
        return;
    }
    s->bytes_in += (uint64_t)n;
    if (s->socks[fd].service == SERVICE_RR)
        rr_bytes(s, fd, (uint32_t)n);
    else if (s->socks[fd].service == SERVICE_HTTP)
        http_bytes(s, fd, (uint32_t)n);
}

static void conn_event(struct server *s, int fd, uint32_t events)
{
    struct sock *sock = &s->socks[fd];

    if (sock->service == SERVICE_STREAM && (events & EPOLLOUT) != 0 &&
        conn_send(s, fd, s->answer[SERVICE_STREAM].bytes, s->answer[SERVICE_STREAM].len) < 0)
        return;
    if (sock->waits_for_room) {
        if (sock->unsent != NULL)
            echo_rest(s, fd);
        else
            answers_send(s, fd);
    } else if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        conn_readable(s, fd);
    }
}

static void datagrams(struct server *s, int fd)
{
    for (int i = 0; i < EVENTS; i++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);
        ssize_t n = calls()->recvfrom(fd, s->buffer, BUFFER, 0, (struct sockaddr *)&peer, &len);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            continue;
        s->datagrams++;
        s->bytes_in += (uint64_t)n;
        n = calls()->sendto(fd, s->buffer, (size_t)n, 0, (struct sockaddr *)&peer, len);
        s->bytes_out += n > 0 ? (uint64_t)n : 0;
    }
}

static void listener_event(struct server *s, int fd)
{
    enum service service = s->socks[fd].service;
    uint32_t events = service == SERVICE_STREAM ? EPOLLIN | EPOLLOUT : EPOLLIN;
    int one = 1;

    for (int i = 0; i < ACCEPTS_PER_EVENT && !s->full; i++) {
        int conn = calls()->accept(fd);
        if (conn < 0 && errno == ECONNABORTED)
            continue;
        if (conn < 0) {
            /* Out of descriptors or memory: the others wait in the queue until one is closed. */
            if (errno != EAGAIN) {
                s->full = s->open > 0;
                s->refused++;
            }
            return;
        }
        s->connections++;
        s->open++;
        calls()->setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (serve_config.keepalive)
            calls()->setsockopt(conn, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        if (sock_add(s, conn, CONNECTION, service, events) < 0) {
            s->refused++;
            s->open--;
            calls()->close(conn);
        }
    }
}

/* ---- opening ---- */

static int answer_make(struct server *s, enum service service, const char *head, uint32_t body)
{
    struct answer *a = &s->answer[service];
    size_t head_len = strlen(head);

    a->len = (uint32_t)head_len + body;
    a->times = a->len <= BUFFER / ANSWERS_AT_ONCE ? ANSWERS_AT_ONCE : 1;
    a->bytes = malloc((size_t)a->len * a->times);
    for (uint32_t i = 0; a->bytes != NULL && i < a->times; i++) {
        char *at = a->bytes + (size_t)i * a->len;
        memcpy(at, head, head_len);
        memset(at + head_len, 'x', body);
    }
    return a->bytes != NULL ? 0 : -1;
}

static int answers_make(struct server *s)
{
    char head[256];

    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nServer: plx-bench\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n",
             serve_config.response);
    return answer_make(s, SERVICE_RR, "", serve_config.response) |
           answer_make(s, SERVICE_HTTP, head, serve_config.response) |
           answer_make(s, SERVICE_STREAM, "", BUFFER);
}

static int port_open(struct server *s, enum service service, uint32_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, type = service == SERVICE_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = calls()->socket(AF_INET, type | SOCK_NONBLOCK, 0);

    if (fd >= 0)
        calls()->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && calls()->workers() > 1)
        calls()->setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (fd < 0 || calls()->bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
        (service != SERVICE_UDP && calls()->listen(fd, (int)serve_config.backlog) < 0) ||
        sock_add(s, fd, service == SERVICE_UDP ? DATAGRAMS : LISTENER, service, EPOLLIN) < 0)
        return app_failed(config.app, "--%s %u: cannot serve on this port: %s", service_name[service], port,
                          strerror(errno));
    return 0;
}

static int server_open(struct server *s)
{
    s->epoll = calls()->epoll_create(0);
    s->buffer = malloc(BUFFER);
    if (s->epoll < 0 || s->buffer == NULL || answers_make(s) != 0)
        return app_failed(config.app, "cannot start: %s", strerror(errno));
    for (int k = 0; k < SERVICES; k++) {
        const struct app_ports *p = &serve_config.ports[k];
        for (uint32_t port = p->first; p->first != 0 && port <= p->last; port++)
            if (port_open(s, k, port) != 0)
                return APP_FAILED;
    }
    return 0;
}

static void ready(void)
{
    const char *comma = "";
    char ports[16];

    if (!app_all_ready())
        return;
    printf("plx: ready, serving ");
    for (int k = 0; k < SERVICES; k++) {
        const struct app_ports *p = &serve_config.ports[k];
        if (p->first == 0)
            continue;
        printf("%s%s on port %s", comma, service_name[k], app_ports_text(*p, ports));
        comma = ", ";
    }
    printf(" on the %s stack\n", calls()->name);
    fflush(stdout);
}

/* ---- the loop ---- */

/* Does nothing at all for a while, as a server does that collects garbage or waits for its disk. */
static void stall(struct server *s)
{
    uint64_t now = app_now();
    struct timespec nap = {.tv_sec = serve_config.stall_ms / 1000,
                           .tv_nsec = (long)(serve_config.stall_ms % 1000) * (long)NS_PER_MS};

    if (s->next_stall == 0)
        s->next_stall = now + serve_config.stall_every_ms * NS_PER_MS;
    if (now < s->next_stall)
        return;
    nanosleep(&nap, NULL);
    s->next_stall += serve_config.stall_every_ms * NS_PER_MS;
}

/* How many connections there are, each second in which that has changed. */
static void tell(struct server *s)
{
    uint64_t now = app_now();

    if (now - s->told_at < NS_PER_S || s->open == s->told)
        return;
    s->told_at = now;
    s->told = s->open;
    printf("plx-bench: %lu.%03lu s: %u connections\n", now / NS_PER_S, now / NS_PER_MS % 1000, s->open);
    fflush(stdout);
}

static void server_loop(struct server *s)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int wait = config.spin ? 0 : serve_config.stall_ms != 0 ? 1 : serve_config.verbose ? 100 : -1;
        int n = calls()->epoll_wait(s->epoll, events, EVENTS, wait);
        if (n < 0 && (errno != EINTR || plx_stopping()))
            return;
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            switch (s->socks[fd].kind) {
            case CONNECTION:
                conn_event(s, fd, events[i].events);
                break;
            case LISTENER:
                listener_event(s, fd);
                break;
            case DATAGRAMS:
                datagrams(s, fd);
                break;
            }
        }
        if (serve_config.stall_ms != 0)
            stall(s);
        if (serve_config.verbose)
            tell(s);
    }
}

static int serve(void *arg)
{
    struct server *s = &servers[calls()->worker_id()];
    int rc = server_open(s);

    if (rc == 0) {
        ready();
        server_loop(s);
    }
    for (int fd = 0; fd < s->n_socks; fd++)
        free(s->socks[fd].unsent);
    for (int k = 0; k < SERVICES; k++)
        free(s->answer[k].bytes);
    free(s->socks);
    free(s->buffer);
    return rc;
}

static void totals_print(void)
{
    struct server t = {0};
    char in[32], out[32];

    for (int i = 0; i < calls()->workers(); i++) {
        t.connections += servers[i].connections;
        t.requests += servers[i].requests;
        t.datagrams += servers[i].datagrams;
        t.bytes_in += servers[i].bytes_in;
        t.bytes_out += servers[i].bytes_out;
        t.aborted += servers[i].aborted;
        t.refused += servers[i].refused;
    }
    printf("plx-bench: served %lu connections (%lu broken off, %lu times out of room), %lu requests, %lu "
           "datagrams; %s in, %s out\n",
           t.connections, t.aborted, t.refused, t.requests, t.datagrams, app_bytes(t.bytes_in, in),
           app_bytes(t.bytes_out, out));
}

int serve_main(void)
{
    const struct app_server server = {sizeof(*servers), calls()->workers(), calls()->run, serve,
                                      totals_print};

    return app_serve(config.app, &server, (void **)&servers);
}
