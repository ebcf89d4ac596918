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

/* A worker with a packet that waits for its wire neither sleeps on it nor ends before it. */
static void what_waits_for_the_wire_keeps_the_worker_awake(void **state)
{
    const struct sockets *s = *state;
    struct worker *w = engine_of(CLIENT)->w;
    struct netdev *d = w->net.netif[0].dev;
    const struct netdev_ops *open = d->ops;
    struct netdev_ops full = *open;
    int fd = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = address_of(s, SERVER, 9);
    assert_int_equal(s->sendto(fd, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    s->settle(); /* and its neighbour is known */
    assert_false(worker_has_unsent(w));
    assert_true(worker_next_event(w) > virtual_now() + NSEC_PER_MSEC);
    full.tx_burst = takes_nothing;
    d->ops = &full;
    assert_int_equal(s->sendto(fd, "!", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    worker_poll(w, virtual_now());
    assert_true(worker_has_unsent(w));
    assert_true(worker_next_event(w) <= virtual_now() + NSEC_PER_MSEC);
    uint64_t before = sent(w);
    d->ops = open;
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
    struct netdev *d = w->net.netif[0].dev;
    const struct netdev_ops *open = d->ops;
    struct netdev_ops full = *open;
    int fd = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = address_of(s, SERVER, 9);
    assert_int_equal(s->sendto(fd, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    s->settle();
    full.tx_burst = takes_nothing;
    d->ops = &full;
    assert_int_equal(s->sendto(fd, "!", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    worker_poll(w, virtual_now());
    full.link_poll = no_link;
    worker_poll(w, virtual_now() + 150 * NSEC_PER_MSEC);
    assert_false(worker_has_unsent(w));
    assert_int_equal(w->ctx.counters.v[CNT_DROP_TX_LINK_DOWN], 1);
    d->ops = open;
    s->close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POLLUX(a_crowded_wire_goes_before_timers),
        ON_POLLUX(what_waits_for_the_wire_keeps_the_worker_awake),
        ON_POLLUX(what_waits_goes_when_the_link_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
