/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire made worse: how much by, in which order, when, and that nothing leaks. Statistics are those of
 * a fixed seed, so they do not vary. */
#include <errno.h>
#include <string.h>

#include "netdev/impair.h"
#include "netdev/pipe.h"
#include "support/context.h"

#define N 10000u

struct bench {
    struct test_pools pools;
    struct netdev *far, *near; /* near is impaired */
};

static void bench_open(struct bench *b, const char *faults)
{
    struct impair_config cfg;
    struct netdev *end[2];
    char why[200] = "";
    test_pools_init(&b->pools);
    struct pipe_config pipe = {.mtu = 1500,
                               .depth = 1000,
                               .tx_csum = true,
                               .rx_csum = true,
                               .tso = true,
                               .pool = {b->pools.rx, b->pools.rx}};
    assert_int_equal(netdev_pipe_create(&pipe, end), 0);
    assert_int_equal(impair_parse(faults, &cfg, why, sizeof(why)), 0);
    b->far = end[0];
    b->near = netdev_impair_create(end[1], &cfg);
    assert_non_null(b->near);
}

static void bench_close(struct bench *b)
{
    netdev_close(b->near);
    netdev_close(b->far);
    test_pools_fini(&b->pools);
}

/* A frame of IPv4 type that carries a number. */
static void send_number(struct bench *b, struct netdev *d, nsec_t now, uint32_t n, uint16_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(b->pools.data);
    uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, len);
    memset(p, 0, len);
    p[12] = 8;
    memcpy(p + 14, &n, sizeof(n));
    assert_int_equal(netdev_tx_burst(d, 0, now, &m, 1), 1);
}

static bool receive_number(struct netdev *d, nsec_t now, uint32_t *n)
{
    struct rte_mbuf *m;
    if (netdev_rx_burst(d, 0, now, &m, 1) == 0)
        return false;
    memcpy(n, rte_pktmbuf_mtod_offset(m, void *, 14), sizeof(*n));
    rte_pktmbuf_free(m);
    return true;
}

/* N frames through the impaired end and out again; how many came, and how many out of order. */
static unsigned pass(struct bench *b, unsigned *disorder)
{
    unsigned got = 0;
    uint32_t n, highest = 0;
    *disorder = 0;
    for (uint32_t i = 1; i <= N + 10; i++) {
        nsec_t now = i <= N ? i * NSEC_PER_USEC : NSEC_PER_SEC;
        if (i <= N)
            send_number(b, b->near, now, i, 60);
        else
            receive_number(b->near, now, &n);
        while (receive_number(b->far, now, &n)) {
            got++;
            *disorder += n < highest;
            highest = n > highest ? n : highest;
        }
    }
    return got;
}

static void loss_is_as_often_as_asked_and_counted(void **state)
{
    struct bench b;
    struct impair_stats s[2];
    unsigned disorder;
    bench_open(&b, "loss=5%,seed=3");
    unsigned got = pass(&b, &disorder);
    netdev_impair_stats(b.near, s);
    assert_in_range(s[1].lost, 400, 600);
    assert_int_equal(got, N - s[1].lost);
    assert_int_equal(s[1].passed, got);
    assert_int_equal(s[0].lost, 0);
    assert_int_equal(disorder, 0);
    bench_close(&b);
}

static void duplicates_and_late_ones_are_as_often_as_asked(void **state)
{
    struct bench b;
    struct impair_stats s[2];
    unsigned disorder;
    bench_open(&b, "dup=2%,reorder=3%,seed=4");
    unsigned got = pass(&b, &disorder);
    netdev_impair_stats(b.near, s);
    assert_in_range(s[1].duplicated, 130, 270);
    assert_in_range(s[1].reordered, 220, 380);
    assert_int_equal(got, N + s[1].duplicated);
    assert_in_range(disorder, s[1].reordered * 9 / 10, s[1].reordered);
    bench_close(&b);
}

static void the_same_seed_tells_the_same_story(void **state)
{
    struct impair_stats s[2][2];
    unsigned got[2], disorder[2];
    for (unsigned i = 0; i < 2; i++) {
        struct bench b;
        bench_open(&b, "loss=1%,dup=1%,reorder=1%,corrupt=1%,seed=99");
        got[i] = pass(&b, &disorder[i]);
        netdev_impair_stats(b.near, s[i]);
        bench_close(&b);
    }
    assert_int_equal(got[0], got[1]);
    assert_int_equal(disorder[0], disorder[1]);
    assert_memory_equal(s[0], s[1], sizeof(s[0]));
}

static void delay_is_exact_and_announced_by_next_event(void **state)
{
    struct bench b;
    uint32_t n;
    bench_open(&b, "delay=5ms");
    send_number(&b, b.near, 1000, 1, 60);
    nsec_t due = 1000 + 5 * NSEC_PER_MSEC;
    assert_int_equal(b.near->ops->next_event(b.near, 0), due);
    assert_false(receive_number(b.near, due - 1, &n));
    assert_false(receive_number(b.far, due - 1, &n));
    receive_number(b.near, due, &n);
    assert_true(receive_number(b.far, due, &n));
    assert_int_equal(b.near->ops->next_event(b.near, 0), NSEC_NEVER);
    /* and inward */
    send_number(&b, b.far, due, 2, 60);
    assert_int_equal(b.near->ops->next_event(b.near, 0), 0);
    assert_false(receive_number(b.near, due, &n));
    assert_int_equal(b.near->ops->next_event(b.near, 0), due + 5 * NSEC_PER_MSEC);
    assert_true(receive_number(b.near, due + 5 * NSEC_PER_MSEC, &n));
    assert_int_equal(n, 2);
    bench_close(&b);
}

static void jitter_varies_the_delay_and_keeps_the_order(void **state)
{
    struct bench b;
    uint32_t n, last = 0;
    nsec_t previous = 0, at;
    unsigned distinct = 0;
    bench_open(&b, "delay=5ms,jitter=2ms,seed=5");
    for (uint32_t sent = 0; sent < 100 || b.near->ops->next_event(b.near, 0) != NSEC_NEVER;) {
        at = b.near->ops->next_event(b.near, 0);
        nsec_t next_send = sent < 100 ? (sent + 1) * NSEC_PER_MSEC : NSEC_NEVER;
        if (next_send < at) {
            sent++;
            send_number(&b, b.near, next_send, sent, 60);
            continue;
        }
        receive_number(b.near, at, &n);
        while (receive_number(b.far, at, &n)) {
            assert_int_equal(n, ++last);
            assert_in_range(at, n * NSEC_PER_MSEC + 3 * NSEC_PER_MSEC, n * NSEC_PER_MSEC + 7 * NSEC_PER_MSEC);
        }
        distinct += at != previous;
        previous = at;
    }
    assert_int_equal(last, 100);
    assert_true(distinct > 30);
    bench_close(&b);
}

static void rate_spaces_packets_by_their_length_and_the_queue_is_bounded(void **state)
{
    struct bench b;
    struct impair_stats s[2];
    uint32_t n;
    bench_open(&b, "rate=8M,limit=10"); /* a byte a microsecond */
    for (uint32_t i = 1; i <= 15; i++)
        send_number(&b, b.near, 0, i, 1000);
    for (uint32_t i = 1; i <= 10; i++) {
        nsec_t at = b.near->ops->next_event(b.near, 0);
        assert_int_equal(at, i * NSEC_PER_MSEC);
        receive_number(b.near, at, &n);
        assert_true(receive_number(b.far, at, &n));
        assert_int_equal(n, i);
    }
    netdev_impair_stats(b.near, s);
    assert_int_equal(s[1].overflowed, 5);
    bench_close(&b);
}

static void corruption_flips_one_bit_behind_the_link_header_in_a_copy(void **state)
{
    struct bench b;
    bench_open(&b, "corrupt=100%,seed=8");
    for (unsigned round = 0; round < 200; round++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(b.pools.data), *got;
        memset(rte_pktmbuf_append(m, 60), 0x55, 60);
        rte_mbuf_refcnt_update(m, 1);
        assert_int_equal(netdev_tx_burst(b.near, 0, 0, &m, 1), 1);
        assert_int_equal(netdev_rx_burst(b.far, 0, 0, &got, 1), 1);
        unsigned bits = 0;
        for (unsigned i = 0; i < 60; i++) {
            assert_int_equal(*rte_pktmbuf_mtod_offset(m, uint8_t *, i), 0x55);
            unsigned diff = *rte_pktmbuf_mtod_offset(got, uint8_t *, i) ^ 0x55u;
            assert_true(i >= 14 || diff == 0);
            bits += (unsigned)__builtin_popcount(diff);
        }
        assert_int_equal(bits, 1);
        rte_pktmbuf_free(got);
        rte_pktmbuf_free(m);
    }
    bench_close(&b);
}

static void no_checksum_is_vouched_for_after_corruption(void **state)
{
    struct bench b;
    struct rte_mbuf *got;
    bench_open(&b, "corrupt=100%");
    assert_false(b.near->caps.tx_csum || b.near->caps.rx_csum || b.near->caps.tso);
    send_number(&b, b.far, 0, 1, 60);
    assert_int_equal(netdev_rx_burst(b.near, 0, 0, &got, 1), 1);
    assert_int_equal(got->ol_flags & (RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK), 0);
    rte_pktmbuf_free(got);
    bench_close(&b);
}

static void packets_in_flight_are_freed_with_the_wire(void **state)
{
    struct bench b;
    uint32_t n;
    bench_open(&b, "delay=1s,reorder=50%,dup=50%");
    for (uint32_t i = 0; i < 100; i++) {
        send_number(&b, b.near, 0, i, 60);
        send_number(&b, b.far, 0, i, 60);
    }
    assert_false(receive_number(b.near, 0, &n));
    bench_close(&b); /* asserts that the pools are whole */
}

static void options_are_read_strictly(void **state)
{
    static const char *const bad[] = {
        "loss=1",   "loss=101%", "loss=-1%",        "loss=%",     "loss",       "",          "los=1%",
        "loss=1%,", "delay=5",   "delay=61s",       "jitter=1ms", "rate=5X",    "rate=0",    "seed=x",
        "seed=",    "limit=0",   "loss=1%,loss=2%", "loss=1e1%",  "delay=.5ms", "delay=5.ms"};
    struct impair_config cfg;
    char why[200];
    for (unsigned i = 0; i < RTE_DIM(bad); i++) {
        why[0] = '\0';
        if (impair_parse(bad[i], &cfg, why, sizeof(why)) != -EINVAL || why[0] == '\0')
            fail_msg("'%s' was taken", bad[i]);
    }
    assert_int_equal(
        impair_parse("loss=1%,dup=0.1%,reorder=1%,delay=5ms,jitter=1ms,corrupt=0.01%,rate=100M,seed=7", &cfg,
                     why, sizeof(why)),
        0);
    assert_true(cfg.loss > 0.0099 && cfg.loss < 0.0101 && cfg.corrupt > 0.000099 && cfg.corrupt < 0.000101);
    assert_int_equal(cfg.delay, 5 * NSEC_PER_MSEC);
    assert_int_equal(cfg.jitter, NSEC_PER_MSEC);
    assert_int_equal(cfg.rate_bps, 100000000);
    assert_int_equal(cfg.seed, 7);
    assert_int_equal(cfg.limit, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_as_often_as_asked_and_counted),
        cmocka_unit_test(duplicates_and_late_ones_are_as_often_as_asked),
        cmocka_unit_test(the_same_seed_tells_the_same_story),
        cmocka_unit_test(delay_is_exact_and_announced_by_next_event),
        cmocka_unit_test(jitter_varies_the_delay_and_keeps_the_order),
        cmocka_unit_test(rate_spaces_packets_by_their_length_and_the_queue_is_bounded),
        cmocka_unit_test(corruption_flips_one_bit_behind_the_link_header_in_a_copy),
        cmocka_unit_test(no_checksum_is_vouched_for_after_corruption),
        cmocka_unit_test(packets_in_flight_are_freed_with_the_wire),
        cmocka_unit_test(options_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
