/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's round: how much it does before the next thing has its turn. */
#include <rte_mbuf.h>

#include "posix/engine.h"
#include "sockets.h"
#include "worker.h"

#define ASKED 100

static uint64_t sent(const struct worker *w)
{
    return w->ctx.counters.v[CNT_TX_PACKETS];
}

/* So many neighbours that do not exist, each with a timer that will ask again. */
static void ask_for_nobody(const struct sockets *s)
{
    int fd = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = address_of(s, SERVER, 9);
    for (uint32_t i = 0; i < ASKED; i++) {
        a.sin_addr.s_addr = htonl(0x0a000040 + i);
        assert_int_equal(s->sendto(fd, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    }
    s->settle();
    s->close(fd);
}

/* More than a burst of frames that mean nothing. */
static void crowd_the_wire(struct worker *from)
{
    struct rte_mbuf *pkts[2 * WORKER_RX_BURST];
    for (unsigned i = 0; i < RTE_DIM(pkts); i++) {
        pkts[i] = rte_pktmbuf_alloc(from->ctx.data_pool);
        memset(rte_pktmbuf_append(pkts[i], 60), 0xee, 60);
    }
    struct netdev *d = from->net.netif[0].dev;
    assert_int_equal(netdev_tx_burst(d, 0, virtual_now(), pkts, RTE_DIM(pkts)), RTE_DIM(pkts));
}

/* Timers that are due do not outrun what is received: what they send is answered. */
static void a_crowded_wire_goes_before_timers(void **state)
{
    const struct sockets *s = *state;
    struct worker *w = engine_of(CLIENT)->w;
    ask_for_nobody(s);
    crowd_the_wire(engine_of(SERVER)->w);
    nsec_t later = virtual_now() + 1100 * NSEC_PER_MSEC;
    uint64_t before = sent(w);
    for (int i = 0; i < 2; i++)
        worker_poll(w, later); /* a burst each time */
    assert_in_range(sent(w) - before, 1, WORKER_RX_BURST);
    for (int i = 0; i < 2; i++)
        worker_poll(w, later); /* the wire is empty */
    assert_int_equal(sent(w) - before, ASKED);
}

/* ---- a wire that takes nothing, and then has no link ---- */

static uint16_t takes_nothing(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                              uint16_t n)
{
    return 0;
}

static bool no_link(struct netdev *d, nsec_t now)
{
    return false;
}

static const struct netdev_ops *open_ops; /* the wire's own */

/* The client's wire, from now on by `ops`; a datagram of `fd` waits for it. */
static struct netdev *wire_of_client(const struct sockets *s, struct netdev_ops *ops, int *fd)
{
    struct worker *w = engine_of(CLIENT)->w;
    struct netdev *d = w->net.netif[0].dev;
    *fd = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = address_of(s, SERVER, 9);
    assert_int_equal(s->sendto(*fd, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    s->settle(); /* and its neighbour is known */
    open_ops = d->ops;
    *ops = *open_ops;
    assert_false(worker_has_unsent(w));
    assert_true(worker_next_event(w) > virtual_now() + NSEC_PER_MSEC);
    ops->tx_burst = takes_nothing;
    d->ops = ops;
    assert_int_equal(s->sendto(*fd, "!", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    worker_poll(w, virtual_now());
    return d;
}

/* A worker with a packet that waits for its wire neither sleeps on it nor ends before it. */
static void what_waits_for_the_wire_keeps_the_worker_awake(void **state)
{
    const struct sockets *s = *state;
    struct worker *w = engine_of(CLIENT)->w;
    struct netdev_ops full;
    int fd;
    struct netdev *d = wire_of_client(s, &full, &fd);
    assert_true(worker_has_unsent(w));
    assert_true(worker_next_event(w) <= virtual_now() + NSEC_PER_MSEC);
    uint64_t before = sent(w);
    d->ops = open_ops;
    worker_poll(w, virtual_now());
    assert_int_equal(sent(w) - before, 1);
    assert_false(worker_has_unsent(w));
    assert_true(worker_next_event(w) > virtual_now() + NSEC_PER_MSEC);
    s->close(fd);
}

static void what_waits_goes_when_the_link_does(void **state)
{
    const struct sockets *s = *state;
    struct worker *w = engine_of(CLIENT)->w;
    struct netdev_ops full;
    int fd;
    struct netdev *d = wire_of_client(s, &full, &fd);
    full.link_poll = no_link;
    worker_poll(w, virtual_now() + 150 * NSEC_PER_MSEC);
    assert_false(worker_has_unsent(w));
    assert_int_equal(w->ctx.counters.v[CNT_DROP_TX_LINK_DOWN], 1);
    d->ops = open_ops;
    s->close(fd);
}

/* ---- many resets at once, and a wire that takes a packet in each microsecond ---- */

#define RESET 150

static nsec_t slow_took;

static uint16_t takes_one(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    if (n == 0 || now < slow_took + NSEC_PER_USEC)
        return 0;
    slow_took = now;
    return open_ops->tx_burst(d, queue, now, pkts, 1);
}

/* Connections with something unread: closing them resets their peers (RFC2525-2.17). */
static void connect_with_unread(const struct sockets *s, int peer[RESET])
{
    for (int i = 0; i < RESET; i++) {
        int fd[2];
        connection_of(s, fd);
        put(s, fd[SERVER], "?");
        peer[i] = fd[SERVER];
    }
    s->settle();
}

static unsigned reset_of(const struct sockets *s, const int peer[RESET])
{
    char buf[8];
    unsigned n = 0;
    for (int i = 0; i < RESET; i++) {
        n += get(s, peer[i], buf, sizeof(buf)) == -ECONNRESET;
        s->close(peer[i]);
    }
    return n;
}

/* A program that ends resets all its connections; what a wire takes slowly is not lost to its queue. */
static void closing_all_minds_the_wire(void **state)
{
    const struct sockets *s = *state;
    struct worker *w = engine_of(CLIENT)->w;
    struct netdev *d = w->net.netif[0].dev;
    int peer[RESET];
    connect_with_unread(s, peer);
    open_ops = d->ops;
    struct netdev_ops slow = *open_ops;
    slow.tx_burst = takes_one;
    d->ops = &slow;
    w->net.netif[0].queued.limit = 64;
    engine_close_paced(engine_of(CLIENT), NSEC_PER_SEC);
    assert_int_equal(w->ctx.counters.v[CNT_DROP_TX_FULL], 0);
    d->ops = open_ops;
    s->settle();
    assert_int_equal(reset_of(s, peer), RESET);
}

/* Nor is anything waited for that has nothing to say. */
static void closing_the_silent_takes_no_time(void **state)
{
    const struct sockets *s = *state;
    for (int i = 0; i < RESET; i++)
        assert_true(s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0) >= 0);
    nsec_t begun = virtual_now();
    engine_close_paced(engine_of(CLIENT), NSEC_PER_SEC);
    assert_int_equal(virtual_now(), begun);
}

/* A wire that takes nothing does not keep a program from ending. */
static void closing_all_has_an_end(void **state)
{
    const struct sockets *s = *state;
    struct netdev *d = engine_of(CLIENT)->w->net.netif[0].dev;
    int peer[RESET];
    connect_with_unread(s, peer);
    open_ops = d->ops;
    struct netdev_ops full = *open_ops;
    full.tx_burst = takes_nothing;
    d->ops = &full;
    nsec_t begun = virtual_now();
    engine_close_paced(engine_of(CLIENT), NSEC_PER_SEC);
    assert_in_range(virtual_now() - begun, NSEC_PER_SEC, NSEC_PER_SEC + 10 * NSEC_PER_MSEC);
    d->ops = open_ops;
    reset_of(s, peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POLLUX(a_crowded_wire_goes_before_timers),
        ON_POLLUX(what_waits_for_the_wire_keeps_the_worker_awake),
        ON_POLLUX(what_waits_goes_when_the_link_does),
        ON_POLLUX(closing_all_minds_the_wire),
        ON_POLLUX(closing_the_silent_takes_no_time),
        ON_POLLUX(closing_all_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
