/* SPDX-License-Identifier: BSD-3-Clause */
/* What one connection costs in memory, measured: how much more address space and heap the server holds
 * with N of them than with none, divided by N. Descriptor, socket, epoll registration, control block,
 * timers and table entry are all in it; packet buffers are not, an idle connection has none.
 *
 *     bench_footprint established|half_open|time_wait N
 *
 * prints the bytes of one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plx.h"
#include "world.h"

#define BATCH 64 /* connections in the making at any time */

static uint32_t finished;

static size_t established(struct world *w, uint32_t n)
{
    size_t before = world_memory(w);
    world_establish(w, 0, n);
    return world_memory(w) - before;
}

/* ---- half-open: the clients never answer ---- */

static void on_nothing(struct world *w, uint32_t i)
{
    finished++;
}

static size_t half_open(struct world *w, uint32_t n)
{
    struct epoll_event ev;
    size_t before = world_memory(w);
    w->on_segment = on_nothing;
    for (uint32_t i = 0; i < n; i++) {
        world_push(w, i, SEND_SYN);
        if (i % BATCH == BATCH - 1 || i == n - 1) {
            for (unsigned turn = 0; turn < 6; turn++)
                plx_epoll_wait(w->epoll, &ev, 1, 0);
        }
    }
    return world_memory(w) - before;
}

/* ---- TIME-WAIT: the server closes first ---- */

static void on_closing(struct world *w, uint32_t i)
{
    struct peer_conn *c = &w->peer.conn[i];
    if (c->flags & PEER_SYN) {
        world_push(w, i, SEND_ACK);
    } else if (c->flags & PEER_FIN) {
        world_push(w, i, SEND_FIN); /* acknowledges the server's, too */
        finished++;
    }
    c->flags = 0;
}

static void close_accepted(struct world *w)
{
    struct epoll_event ev;
    if (plx_epoll_wait(w->epoll, &ev, 1, 0) == 1) {
        int fd;
        while ((fd = plx_accept4(w->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
            plx_close(fd);
    }
}

static size_t time_wait(struct world *w, uint32_t n)
{
    size_t before = world_memory(w);
    w->on_segment = on_closing;
    for (uint32_t i = 0; i < n; i += BATCH) {
        uint32_t end = i + BATCH < n ? i + BATCH : n;
        for (uint32_t k = i; k < end; k++)
            world_push(w, k, SEND_SYN);
        for (unsigned turn = 0; finished < end; turn++) {
            if (turn > 1000)
                bench_die("%u of %u connections closed", finished, end);
            close_accepted(w);
        }
        for (unsigned turn = 0; turn < 4; turn++)
            close_accepted(w); /* the last FINs arrive */
    }
    return world_memory(w) - before;
}

static const struct kind {
    const char *name;
    size_t (*run)(struct world *w, uint32_t n);
} kinds[] = {{"established", established}, {"half_open", half_open}, {"time_wait", time_wait}};

/* Are there as many as were asked for? Else what was measured is something else. */
static void check_census(const struct world *w, const char *kind, uint32_t n)
{
    struct tcp_census c;
    tcp_census(&w->worker.tcp, &c);
    uint32_t got = strcmp(kind, "established") == 0 ? c.tcbs
                   : strcmp(kind, "half_open") == 0 ? c.half_open
                                                    : c.time_wait;
    if (got < n)
        bench_die("%u of %u are %s (%u control blocks, %u half-open, %u in TIME-WAIT)", got, n, kind, c.tcbs,
                  c.half_open, c.time_wait);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        bench_die("usage: bench_footprint established|half_open|time_wait N");
    uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10);
    static struct world w;
    struct world_config cfg = {.conns = n, .offload = true};
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0)
            continue;
        world_init(&w, &cfg);
        size_t bytes = kinds[i].run(&w, n);
        check_census(&w, argv[1], n);
        printf("%.1f\n", (double)bytes / n);
        return 0;
    }
    bench_die("no kind %s", argv[1]);
}
