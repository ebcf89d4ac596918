/* SPDX-License-Identifier: BSD-3-Clause */
/* One operation, many times, for callgrind to count: everything that bench_counted() does and calls, but
 * for the pool, the wire with the clients behind it, and the clock (tests/bench/bench.py takes them out
 * by name).
 *
 *     bench_count OPERATION offload|checksum TIMES [IDLE]
 *
 * prints how many times it was done. IDLE connections are established beside, before counting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plx.h"
#include "world.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

#define SEGMENT    1448
#define BURST      32
#define WARM_UP    200
#define DRAIN_ROOM (256 * 1024)

struct operation {
    const char *name;
    uint32_t conns;   /* established before counting */
    uint32_t fresh;   /* 1: each time a connection of its own */
    uint32_t per_run; /* how often one run() does it */
    void (*on_segment)(struct world *w, uint32_t i);
    void (*start)(struct world *w, uint32_t first);
    void (*turn)(struct world *w);
};

static uint32_t done;       /* operations finished, as the clients see it */
static uint32_t next_fresh; /* connect: index of the next client */
static uint32_t fresh_first, fresh_n;
static uint32_t stream_conn; /* segment: its one client */
static uint64_t stream_got;

/* ---- request and reply ---- */

static bool reply_complete(struct world *w, struct peer_conn *c)
{
    if (c->received < w->request)
        return false;
    c->received = 0;
    done++;
    return true;
}

static void on_reply(struct world *w, uint32_t i)
{
    if (reply_complete(w, &w->peer.conn[i]))
        world_push(w, i, SEND_DATA);
}

/* The acknowledgement first, in a burst of its own. */
static void on_reply_ack(struct world *w, uint32_t i)
{
    if (!reply_complete(w, &w->peer.conn[i]))
        return;
    world_push(w, i, SEND_ACK);
    world_push(w, i, SEND_BREAK);
    world_push(w, i, SEND_DATA);
}

static void start_requests(struct world *w, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        world_push(w, first + i, SEND_DATA);
}

static void start_1(struct world *w, uint32_t first)
{
    start_requests(w, first, 1);
}

static void start_32(struct world *w, uint32_t first)
{
    start_requests(w, first, 32);
}

static void start_1000(struct world *w, uint32_t first)
{
    start_requests(w, first, 1000);
}

static void turn_echo(struct world *w)
{
    world_echo_turn(w);
}

/* ---- segments received ---- */

static void on_ack(struct world *w, uint32_t i)
{
}

static void start_stream(struct world *w, uint32_t first)
{
    stream_conn = first;
    w->request = SEGMENT;
}

static void bench_push_burst(struct world *w)
{
    for (unsigned i = 0; i < BURST; i++)
        world_push(w, stream_conn, SEND_DATA);
}

static void turn_stream(struct world *w)
{
    static char buf[DRAIN_ROOM];
    struct epoll_event ev;
    bench_push_burst(w);
    if (plx_epoll_wait(w->epoll, &ev, 1, -1) != 1)
        bench_die("no event for the burst");
    ssize_t n = plx_recv(ev.data.fd, buf, sizeof(buf), 0);
    if (n > 0)
        stream_got += (uint64_t)n;
    done += BURST;
}

/* ---- connect, request, close ---- */

static void bench_connect_next(struct world *w)
{
    uint32_t i = next_fresh++ % fresh_n + fresh_first;
    struct peer_conn *c = &w->peer.conn[i];
    *c = (struct peer_conn){.snd_nxt = next_fresh * 99991u};
    world_push(w, i, SEND_SYN);
}

static void on_connecting(struct world *w, uint32_t i)
{
    struct peer_conn *c = &w->peer.conn[i];
    if (c->flags & PEER_SYN) {
        world_push(w, i, SEND_ACK);
        world_push(w, i, SEND_DATA);
        world_push(w, i, SEND_BREAK);
    } else if (c->flags & PEER_FIN) {
        world_push(w, i, SEND_ACK);
        done++;
        bench_connect_next(w);
        world_push(w, i, SEND_BREAK);
    } else if (c->received >= w->request) {
        c->received = 0;
        world_push(w, i, SEND_FIN);
        world_push(w, i, SEND_BREAK);
    }
    c->flags = 0;
}

static void start_connect(struct world *w, uint32_t first)
{
    fresh_first = first;
    bench_connect_next(w);
}

/* ---- running ---- */

static const struct operation operations[] = {
    {"request", 1, 0, 1, on_reply, start_1, turn_echo},
    {"request_separate_ack", 1, 0, 1, on_reply_ack, start_1, turn_echo},
    {"32_connections", 32, 0, 32, on_reply, start_32, turn_echo},
    {"segment_received", 1, 0, 32, on_ack, start_stream, turn_stream},
    {"connect_request_close", 0, 1, 1, on_connecting, start_connect, turn_echo},
    {"1000_active", 1000, 0, 32, on_reply, start_1000, turn_echo},
};

/* What is counted. Not inlined, for callgrind goes by its name. */
__attribute__((noinline)) void bench_counted(struct world *w, const struct operation *op, uint32_t until);
__attribute__((noinline)) void bench_counted(struct world *w, const struct operation *op, uint32_t until)
{
    while (done < until)
        op->turn(w);
}

static const struct operation *operation_find(const char *name)
{
    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    }
    bench_die("no operation %s", name);
}

static void check_quiet(const struct world *w)
{
    const struct counters *c = &w->worker.ctx.counters;
    for (unsigned i = 0; i < CNT_MAX; i++) {
        const char *name = counter_name((enum counter)i);
        if (c->v[i] != 0 && strncmp(name, "drop.", 5) == 0)
            bench_die("%s is %llu", name, (unsigned long long)c->v[i]);
    }
    if (c->v[CNT_TCP_RETRANS] != 0)
        bench_die("the server has retransmitted");
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage: bench_count OPERATION offload|checksum TIMES [IDLE]");
    const struct operation *op = operation_find(argv[1]);
    uint32_t times = (uint32_t)strtoul(argv[3], NULL, 10);
    uint32_t idle = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    fresh_n = op->fresh ? times + WARM_UP + 2 : 0;

    static struct world w;
    struct world_config cfg = {.conns = idle + op->conns + fresh_n,
                               .offload = strcmp(argv[2], "offload") == 0};
    world_init(&w, &cfg);
    world_establish(&w, 0, idle + op->conns);
    w.on_segment = op->on_segment;
    op->start(&w, idle);

    uint32_t warm = op->conns > WARM_UP ? 2 * op->conns : WARM_UP;
    while (done < warm)
        op->turn(&w);
    uint32_t before = done;
    CALLGRIND_START_INSTRUMENTATION;
    bench_counted(&w, op, before + times);
    CALLGRIND_STOP_INSTRUMENTATION;
    check_quiet(&w);
    if (stream_got != 0 && stream_got != (uint64_t)done * SEGMENT)
        bench_die("%llu bytes of %llu arrived", (unsigned long long)stream_got,
                  (unsigned long long)done * SEGMENT);
    printf("%u\n", done - before);
    return 0;
}
