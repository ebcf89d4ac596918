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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POLLUX(a_crowded_wire_goes_before_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
