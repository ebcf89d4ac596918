/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap_pool.h"
#include "plx.h"

#define POOL_BUFFERS 8192
#define DATA_ROOM    2176
#define HDR_ROOM     512
#define TURN_EVENTS  64
#define START        (1000 * NSEC_PER_SEC)

void bench_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("bench: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

/* ---- memory that is counted ---- */

static void *bench_reserve(void *user, size_t bytes)
{
    return memory_os.reserve(memory_os.user, bytes);
}

static int bench_commit(void *user, void *p, size_t bytes)
{
    struct world *w = user;
    w->committed += bytes;
    return memory_os.commit(memory_os.user, p, bytes);
}

static void bench_release(void *user, void *p, size_t bytes)
{
    memory_os.release(memory_os.user, p, bytes);
}

size_t world_memory(const struct world *w)
{
    struct mallinfo2 heap = mallinfo2();
    return w->committed + heap.uordblks + heap.hblkhd;
}

/* ---- the clients ---- */

void world_push(struct world *w, uint32_t conn, enum peer_send what)
{
    if (w->tail - w->head > w->mask)
        bench_die("the clients' queue is full");
    w->jobs[w->tail++ & w->mask] = (struct world_job){.conn = conn, .send = (uint8_t)what};
}

static uint16_t bench_produce(void *user, uint8_t *frame)
{
    struct world *w = user;
    w->peer.ts = (uint32_t)(w->now / NSEC_PER_MSEC);
    if (w->raw_head != w->raw_tail) {
        memcpy(frame, w->raw[w->raw_head++ % WORLD_RAW_MAX], 60);
        return 60;
    }
    if (w->head == w->tail)
        return 0;
    struct world_job job = w->jobs[w->head++ & w->mask];
    switch (job.send) {
    case SEND_SYN:
        return peer_segment(&w->peer, job.conn, PEER_SYN, 0, frame);
    case SEND_ACK:
        return peer_segment(&w->peer, job.conn, PEER_ACK, 0, frame);
    case SEND_DATA:
        memset(frame + PEER_HEADERS, 'x', w->request);
        return peer_segment(&w->peer, job.conn, PEER_ACK | PEER_PSH, w->request, frame);
    case SEND_FIN:
        return peer_segment(&w->peer, job.conn, PEER_ACK | PEER_FIN, 0, frame);
    default:
        return 0;
    }
}

static void bench_consume(void *user, const uint8_t *frame, uint16_t len)
{
    struct world *w = user;
    uint32_t i;
    if (peer_input(&w->peer, frame, len, &i)) {
        if (w->peer.conn[i].flags & PEER_RST)
            bench_die("connection %u was reset", i);
        w->on_segment(w, i);
        return;
    }
    uint8_t *raw = w->raw[w->raw_tail % WORLD_RAW_MAX];
    if (w->raw_tail - w->raw_head < WORLD_RAW_MAX && peer_arp_reply(&w->peer, frame, len, raw) != 0)
        w->raw_tail++;
}

static void on_handshake(struct world *w, uint32_t i)
{
    struct peer_conn *c = &w->peer.conn[i];
    if (c->flags & PEER_SYN)
        world_push(w, i, SEND_ACK);
    c->flags = 0;
}

/* ---- the engine ---- */

static nsec_t bench_now(void *user)
{
    struct world *w = user;
    return w->now += w->step;
}

/* The clients answer at once, so there is never anything to wait for. */
static void bench_idle(void *user, nsec_t until)
{
}

static const struct engine_ops world_ops = {
    .now = bench_now,
    .idle = bench_idle,
    .wait = engine_wait_polling,
};

static void bench_log(void *user, enum log_level level, const char *line)
{
    fprintf(stderr, "bench: %s\n", line);
}

static void set(struct world *w, const char *key, const char *value)
{
    char why[128];
    if (tunables_set(&w->tun, key, value, why, sizeof(why)) != 0)
        bench_die("--set %s=%s: %s", key, value, why);
}

/* Room for as many connections as the bench makes; nothing else differs from the defaults. */
static void world_tunables(struct world *w)
{
    tunables_init(&w->tun);
    set(w, "net.ipv4.tcp_max_syn_backlog", "1048576");
    set(w, "net.core.somaxconn", "65535");
    set(w, "net.ipv4.tcp_max_tw_buckets", "1048576");
}

static void world_worker(struct world *w)
{
    struct worker_config cfg = {
        .mem = &w->mem,
        .tun = &w->tun,
        .hdr_pool = w->hdr,
        .data_pool = w->data,
        .seed = {{1, 2}},
        .log = {.sink = bench_log, .max_level = LOG_LEVEL_WARNING},
        .n_workers = 1,
        .now = w->now,
    };
    if (worker_init(&w->worker, &cfg) != 0)
        bench_die("no memory for the worker");
    int netif = net_add_netif(&w->worker.net, &w->wire.dev, 0);
    struct ip_addr addr = ip_addr_v4(htonl(PEER_SERVER_IP));
    if (netif < 0 || net_add_address(&w->worker.net, (uint8_t)netif, &addr, 16) != 0)
        bench_die("the interface was refused");
    struct engine_config ecfg = {.ops = &world_ops, .user = w};
    if (engine_init(&w->engine, &w->worker, &ecfg) != 0)
        bench_die("no memory for the sockets");
    engine_current = &w->engine;
}

static void watch(struct world *w, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    if (plx_epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

static void world_listen(struct world *w)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PEER_PORT)};
    w->listener = plx_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (w->listener < 0 || plx_bind(w->listener, (struct sockaddr *)&sin, sizeof(sin)) != 0 ||
        plx_listen(w->listener, 65535) != 0)
        bench_die("listen: %s", strerror(errno));
    w->epoll = plx_epoll_create1(0);
    watch(w, w->listener);
}

void world_init(struct world *w, const struct world_config *cfg)
{
    static const uint8_t server[6] = {2, 0, 0, 0, 0, 1}, client[6] = {2, 0, 0, 0, 0, 2};
    w->mem = (struct memory){w, bench_reserve, bench_commit, bench_release};
    w->now = START;
    w->step = 2 * NSEC_PER_USEC;
    w->request = 64;
    w->hdr = heap_pool_create_fixed("hdr", POOL_BUFFERS, HDR_ROOM);
    w->data = heap_pool_create_fixed("data", POOL_BUFFERS, DATA_ROOM);
    w->rx = heap_pool_create_fixed("rx", POOL_BUFFERS, DATA_ROOM);
    w->mask = 1023;
    while (w->mask < 4 * cfg->conns)
        w->mask = w->mask * 2 + 1;
    w->jobs = calloc(w->mask + 1u, sizeof(*w->jobs));
    w->peer = (struct peer){.checksum = !cfg->offload, .n = cfg->conns};
    w->peer.conn = calloc(cfg->conns, sizeof(*w->peer.conn));
    if (w->hdr == NULL || w->data == NULL || w->rx == NULL || w->jobs == NULL || w->peer.conn == NULL)
        bench_die("out of memory");
    memcpy(w->peer.server_mac, server, 6);
    memcpy(w->peer.mac, client, 6);
    bench_wire_init(&w->wire, w->rx, cfg->offload, server);
    w->wire.user = w;
    w->wire.produce = bench_produce;
    w->wire.consume = bench_consume;
    w->on_segment = on_handshake;
    world_tunables(w);
    world_worker(w);
    world_listen(w);
}

/* ---- the application ---- */

static unsigned accept_all(struct world *w)
{
    unsigned n = 0;
    int fd;
    while ((fd = plx_accept4(w->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        watch(w, fd);
        n++;
    }
    if (errno != EAGAIN)
        bench_die("accept: %s", strerror(errno));
    return n;
}

void world_establish(struct world *w, uint32_t first, uint32_t n)
{
    struct epoll_event ev[TURN_EVENTS];
    uint32_t begun = 0, accepted = 0;
    w->on_segment = on_handshake;
    for (unsigned turn = 0; accepted < n; turn++) {
        if (turn > 8 * n + 1000)
            bench_die("%u of %u connections came about", accepted, n);
        for (unsigned k = 0; k < WORKER_RX_BURST / 2 && begun < n; k++)
            world_push(w, first + begun++, SEND_SYN);
        if (plx_epoll_wait(w->epoll, ev, TURN_EVENTS, 0) > 0)
            accepted += accept_all(w);
    }
}

unsigned world_echo_turn(struct world *w)
{
    struct epoll_event ev[TURN_EVENTS];
    char buf[4096];
    unsigned closed = 0;
    int n = plx_epoll_wait(w->epoll, ev, TURN_EVENTS, -1);
    for (int i = 0; i < n; i++) {
        int fd = ev[i].data.fd;
        if (fd == w->listener) {
            accept_all(w);
            continue;
        }
        ssize_t len = plx_recv(fd, buf, sizeof(buf), 0);
        if (len > 0) {
            plx_send(fd, buf, (size_t)len, 0);
        } else if (len == 0) {
            plx_close(fd);
            closed++;
        }
    }
    return closed;
}
