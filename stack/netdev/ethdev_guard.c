/* SPDX-License-Identifier: BSD-3-Clause */
/* Bursts of a driver that takes its memory away in their middle, on another thread: DPDK's memif unmaps the
 * rings on EAL's interrupt thread when the other side leaves. It holds no lock in a burst, forgets what it
 * knew of the rings with the next connection, and says first that there is none, so that of each queue one
 * burst at most is cut off. */
#include "netdev/ethdev.h"

#include <string.h>

#define CUT_OFF_ROW 4 /* so many in a row are no peer that leaves: the fault is shown */

struct burst {
    uint16_t port, queue, n, done;
    struct rte_mbuf **pkts;
};

static void burst_rx(void *arg)
{
    struct burst *b = arg;
    b->done = rte_eth_rx_burst(b->port, b->queue, b->pkts, b->n);
}

static void burst_tx(void *arg)
{
    struct burst *b = arg;
    b->done = rte_eth_tx_burst(b->port, b->queue, b->pkts, b->n);
}

/* False: it was cut off. */
static bool burst_run(const struct ethdev *e, struct ethdev_cut_off *c, void (*fn)(void *), struct burst *b)
{
    if (c->row == CUT_OFF_ROW) {
        fn(b);
        c->row = 0;
        return true;
    }
    if (e->guard->run(fn, b)) {
        c->row = 0;
        return true;
    }
    c->row++;
    c->bursts++;
    return false;
}

/* What was whole is received; the buffers that the driver had taken for more are lost, 32 at most and those
 * of one chain. */
__rte_noinline uint16_t ethdev_rx_guarded(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts,
                                          uint16_t n)
{
    struct burst b = {.port = e->port, .queue = queue, .n = n, .pkts = pkts};

    if (unlikely(!atomic_load_explicit(&e->started, memory_order_relaxed)))
        return 0;
    memset(pkts, 0, n * sizeof(pkts[0]));
    if (!burst_run(e, &e->queue[queue].rx_cut, burst_rx, &b))
        while (b.done < n && pkts[b.done] != NULL)
            b.done++;
    return b.done;
}

/* Which of them the driver had freed nobody knows: all count as sent, and those that it had not are lost. */
__rte_noinline uint16_t ethdev_tx_guarded(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts,
                                          uint16_t n)
{
    struct burst b = {.port = e->port, .queue = queue, .n = n, .pkts = pkts};

    if (unlikely(!atomic_load_explicit(&e->started, memory_order_relaxed)))
        return 0;
    return burst_run(e, &e->queue[queue].tx_cut, burst_tx, &b) ? b.done : n;
}
