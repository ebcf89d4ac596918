/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire with one queue and three workers: what the two without a queue send leaves by the owner's, nothing
 * is lost or leaked, and a sleeping owner is woken. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "netdev/impair.h"
#include "netdev/pipe.h"
#include "netdev/share.h"
#include "support/context.h"

#define WORKERS 3

struct bench {
    struct test_pools pools;
    struct netdev *far, *near; /* near is shared by the workers */
};

static void bench_open(struct bench *b, uint32_t depth)
{
    struct netdev *end[2];
    test_pools_init(&b->pools);
    struct pipe_config pipe = {.mtu = 1500, .depth = depth, .pool = {b->pools.rx, b->pools.rx}};
    assert_int_equal(netdev_pipe_create(&pipe, end), 0);
    b->far = end[0];
    b->near = netdev_share_create(end[1], WORKERS);
    assert_non_null(b->near);
}

static void bench_close(struct bench *b)
{
    netdev_close(b->near);
    netdev_close(b->far);
    test_pools_fini(&b->pools);
}

/* A frame of one byte that says who sent it. */
static uint16_t send_from(struct bench *b, struct netdev *d, uint16_t worker)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(b->pools.data);
    assert_non_null(m);
    memset(rte_pktmbuf_append(m, 60), worker, 60);
    uint16_t taken = netdev_tx_burst(d, worker, 0, &m, 1);
    if (taken == 0)
        rte_pktmbuf_free(m);
    return taken;
}

/* The byte of the next frame, -1 when there is none. */
static int receive(struct netdev *d, uint16_t queue)
{
    struct rte_mbuf *m;
    if (netdev_rx_burst(d, queue, 0, &m, 1) == 0)
        return -1;
    int byte = *rte_pktmbuf_mtod(m, uint8_t *);
    rte_pktmbuf_free(m);
    return byte;
}

static void all_send_one_receives(void **state)
{
    struct bench b;
    unsigned from[WORKERS] = {0};
    int who;
    bench_open(&b, 100);
    assert_int_equal(b.near->caps.queues, WORKERS);
    for (unsigned i = 0; i < 10; i++)
        for (uint16_t w = 0; w < WORKERS; w++)
            assert_int_equal(send_from(&b, b.near, w), 1);
    assert_int_equal(receive(b.near, 0), -1); /* the owner's round sends for its guests */
    while ((who = receive(b.far, 0)) >= 0)
        from[who]++;
    for (uint16_t w = 0; w < WORKERS; w++)
        assert_int_equal(from[w], 10);

    assert_int_equal(send_from(&b, b.far, 0), 1);
    assert_int_equal(receive(b.near, 1), -1);
    assert_int_equal(receive(b.near, 2), -1);
    assert_int_equal(receive(b.near, 0), 0);
    bench_close(&b);
}

/* A wire that takes nothing: the ring fills, the rest stays the sender's, and what was taken leaves later. */
static void full_wire_loses_nothing(void **state)
{
    struct bench b;
    unsigned taken = 0, got = 0;
    bench_open(&b, 8);
    for (unsigned i = 0; i < 40; i++) {
        taken += send_from(&b, b.near, 1);
        receive(b.near, 0);
    }
    assert_int_equal(taken, 40);
    for (unsigned i = 0; i < 40; i++) {
        got += receive(b.far, 0) == 1;
        receive(b.near, 0);
    }
    assert_int_equal(got, 40);
    for (unsigned i = 0; i < 20; i++) /* left in ring and wire: freed at the end */
        send_from(&b, b.near, 2);
    receive(b.near, 0);
    bench_close(&b);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* A pipe has nothing to sleep on; one that has, for the test. */
static int always_fd;

static int fake_fd(struct netdev *d, uint16_t queue)
{
    return always_fd;
}

static void sleeping_owner_is_woken(void **state)
{
    struct bench b;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    bench_open(&b, 100);
    assert_int_equal(b.near->ops->fd(b.near, 0), -1); /* as the wire says */
    assert_true(b.near->ops->fd(b.near, 1) >= 0);     /* a guest waits for the others alone */

    struct netdev *end[2];
    struct pipe_config cfg = {.mtu = 1500, .depth = 100, .pool = {b.pools.rx, b.pools.rx}};
    assert_int_equal(netdev_pipe_create(&cfg, end), 0);
    struct netdev_ops ops = *end[1]->ops;
    ops.fd = fake_fd;
    end[1]->ops = &ops;
    always_fd = ends[0];
    struct netdev *d = netdev_share_create(end[1], WORKERS);
    assert_non_null(d);
    int fd = d->ops->fd(d, 0);
    assert_true(fd >= 0);

    assert_true(d->ops->arm(d, 0));
    assert_false(readable(fd));
    send_from(&b, d, 1);
    assert_true(readable(fd));
    d->ops->disarm(d, 0);
    assert_false(readable(fd));
    assert_false(d->ops->arm(d, 0)); /* not yet sent: no time to sleep */
    d->ops->disarm(d, 0);
    assert_int_equal(d->ops->next_event(d, 0), 0);
    receive(d, 0);
    assert_true(d->ops->arm(d, 0));
    d->ops->disarm(d, 0);
    assert_int_equal(write(ends[1], "x", 1), 1); /* the wire's own */
    assert_true(readable(fd));

    netdev_close(d);
    netdev_close(end[0]);
    bench_close(&b);
    close(ends[0]);
    close(ends[1]);
}

static uint32_t fake_speed(struct netdev *d)
{
    return 2500;
}

/* What stands between a wire and its workers tells the wire's speed; a wire without one has none. */
static void speed_is_the_wires(void **state)
{
    struct bench b;
    struct netdev *end[2];
    struct pipe_config cfg = {.mtu = 1500, .depth = 100};
    struct impair_config faults = {.rate_bps = 1000000, .limit = 10};
    bench_open(&b, 100);
    assert_int_equal(netdev_speed(b.near), 0);

    cfg.pool[0] = cfg.pool[1] = b.pools.rx;
    assert_int_equal(netdev_pipe_create(&cfg, end), 0);
    struct netdev_ops ops = *end[1]->ops;
    ops.speed = fake_speed;
    end[1]->ops = &ops;
    struct netdev *impaired = netdev_impair_create(end[1], &faults);
    assert_non_null(impaired);
    struct netdev *d = netdev_share_create(impaired, WORKERS);
    assert_non_null(d);
    assert_int_equal(netdev_speed(impaired), 2500);
    assert_int_equal(netdev_speed(d), 2500);
    netdev_close(d);
    netdev_close(end[0]);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_send_one_receives),
        cmocka_unit_test(full_wire_loses_nothing),
        cmocka_unit_test(sleeping_owner_is_woken),
        cmocka_unit_test(speed_is_the_wires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
