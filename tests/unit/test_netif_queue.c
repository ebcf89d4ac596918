/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of packets for a wire that takes no more for the moment. */
#include <limits.h>
#include <stdlib.h>

#include "net/net.h"
#include "support/net_bench.h"

#define UDP_HEADERS (14 + 20 + 8)

static void send_to(struct net_bench *b, const char *ip, size_t len)
{
    static char bytes[1024];
    const struct iovec iov = {bytes, len};
    struct ip_addr dst = bench_addr(ip);
    struct udp_pcb *pcb = udp_open(&b->udp);
    assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &dst, 9), len);
    udp_close(&b->udp, pcb);
}

/* Datagrams of from, from + 1, ... up to to bytes: their length says which one it is. */
static void send_numbered(struct net_bench *b, size_t from, size_t to)
{
    for (size_t i = from; i <= to; i++)
        send_to(b, BENCH_PEER, i);
}

/* These leave, in this order, and nothing else. */
static void expect_numbered(struct net_bench *b, size_t from, size_t to)
{
    struct bench_sent s;
    for (size_t i = from; i <= to; i++) {
        bench_sent(b, &s);
        assert_int_equal(s.len, UDP_HEADERS + i);
    }
    assert_int_equal(bench_n_sent(b), 0);
}

static uint32_t waiting(const struct net_bench *b)
{
    return b->net.netif[0].queued.tail - b->net.netif[0].queued.head;
}

static void what_waits_leaves_in_order_before_what_comes(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    uint64_t packets = bench_count(b, CNT_TX_PACKETS), bytes = bench_count(b, CNT_TX_BYTES);
    b->wire.takes = 3;
    send_numbered(b, 1, 10);
    expect_numbered(b, 1, 3);
    assert_int_equal(waiting(b), 7);
    assert_int_equal(bench_count(b, CNT_TX_QUEUED), 7);
    assert_int_equal(bench_count(b, CNT_TX_PACKETS) - packets, 3);
    b->wire.takes = 4; /* room again, and news at the same moment */
    send_numbered(b, 11, 12);
    expect_numbered(b, 4, 7);
    assert_int_equal(waiting(b), 5);
    b->wire.takes = UINT_MAX;
    send_numbered(b, 13, 14);
    expect_numbered(b, 8, 14);
    assert_int_equal(waiting(b), 0);
    assert_int_equal(bench_count(b, CNT_TX_QUEUED), 9);
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 0);
    assert_int_equal(bench_count(b, CNT_TX_PACKETS) - packets, 14);
    assert_int_equal(bench_count(b, CNT_TX_BYTES) - bytes, 14 * UDP_HEADERS + 14 * 15 / 2);
}

static unsigned refusals; /* how many calls more the wire takes nothing */
static uint16_t (*takes)(struct netdev *, uint16_t, nsec_t, struct rte_mbuf **, uint16_t);

static uint16_t takes_later(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    if (refusals == 0)
        return takes(d, queue, now, pkts, n);
    refusals--;
    return 0;
}

/* The peer may make room at any moment, so between two questions, too. */
static void room_that_comes_late_is_not_for_what_came_last(void **state)
{
    struct net_bench *b = *state;
    struct netdev_ops ops = *b->wire.dev.ops;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    takes = ops.tx_burst;
    ops.tx_burst = takes_later;
    b->wire.dev.ops = &ops;
    refusals = 2;
    send_numbered(b, 1, 3);
    net_flush(&b->net);
    assert_int_equal(waiting(b), 3);
    refusals = 1;
    send_numbered(b, 4, 5);
    net_flush(&b->net);
    assert_int_equal(waiting(b), 5);
    expect_numbered(b, 1, 5);
}

static void order_holds_around_the_end_of_the_ring(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    b->wire.takes = 0;
    send_numbered(b, 1, 600);
    net_flush(&b->net);
    for (size_t round = 0; round < 24; round++) { /* 2,400 through 1,024 slots */
        size_t first = round % 6 * 100 + 1;
        b->wire.takes = 100;
        expect_numbered(b, first, first + 99);
        send_numbered(b, first, first + 99);
        net_flush(&b->net);
    }
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 0);
    assert_int_equal(waiting(b), 600);
}

static void the_bound_holds_and_what_is_over_it_is_counted(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    uint32_t limit = b->net.netif[0].queued.limit;
    assert_int_equal(limit, b->t.tun.tx_queue_len);
    b->wire.takes = 0;
    for (uint32_t i = 0; i < limit + 100; i++)
        send_to(b, BENCH_PEER, 1 + i % 1000);
    net_flush(&b->net);
    assert_int_equal(waiting(b), limit);
    assert_int_equal(bench_count(b, CNT_TX_QUEUED), limit);
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 100);
    b->wire.takes = UINT_MAX;
    expect_numbered(b, 1, limit);
}

/* Answers that nobody waits to send, here to ARP and ping, come under the same bound. */
static void answers_are_bounded_too(void **state)
{
    struct net_bench *b = *state;
    static const uint8_t echo[8] = {8, 0, 0xf7, 0xff, 0, 0, 0, 0};
    bench_know(b, BENCH_PEER, bench_peer_mac);
    b->net.netif[0].queued.limit = 5;
    b->wire.takes = 0;
    for (int i = 0; i < 20; i++) {
        bench_arp(b, 1, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
        bench_ip4(b, BENCH_PEER, BENCH_IP, 1);
        frame_bytes(&b->f, echo, sizeof(echo));
        frame_finish(&b->f);
        assert_int_equal(bench_input(b), VERDICT_DONE);
    }
    net_flush(&b->net);
    assert_int_equal(waiting(b), 5);
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 35);
}

static void without_a_queue_it_is_dropped_at_once(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    b->net.netif[0].queued.limit = 0; /* tx_queue_len=0 */
    b->wire.takes = 3;
    send_numbered(b, 1, 10);
    expect_numbered(b, 1, 3);
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 7);
    assert_int_equal(net_next_offer(&b->net), NSEC_NEVER);
}

static void a_link_that_goes_down_takes_the_queue_with_it(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    b->wire.takes = 0;
    send_numbered(b, 1, 10);
    net_flush(&b->net);
    net_link_changed(&b->net, 0, true);
    assert_int_equal(waiting(b), 0);
    assert_int_equal(bench_count(b, CNT_DROP_TX_LINK_DOWN), 10);
    assert_int_equal(net_next_offer(&b->net), NSEC_NEVER);
    send_numbered(b, 1, 4);
    net_flush(&b->net);
    assert_int_equal(waiting(b), 0);
    assert_int_equal(bench_count(b, CNT_DROP_TX_LINK_DOWN), 14);
    assert_int_equal(bench_count(b, CNT_DROP_TX_FULL), 0);
    net_link_changed(&b->net, 0, false);
    send_numbered(b, 5, 6);
    net_flush(&b->net);
    b->wire.takes = UINT_MAX;
    expect_numbered(b, 5, 6);
}

/* Soon at first, then once a millisecond: a worker that sleeps wakes for it (worker_next_event). */
static void a_full_wire_is_asked_again_soon(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    assert_int_equal(net_next_offer(&b->net), NSEC_NEVER);
    b->wire.takes = 0;
    send_numbered(b, 1, 1);
    net_flush(&b->net);
    nsec_t last = 0;
    for (int i = 0; i < 200; i++) {
        nsec_t now = b->t.ctx.now, gap = net_next_offer(&b->net) - now;
        assert_in_range(gap, 20 * NSEC_PER_USEC, NSEC_PER_MSEC);
        assert_true(gap >= last);
        last = gap;
        context_set_now(&b->t.ctx, now + gap);
        net_flush(&b->net);
    }
    assert_int_equal(last, NSEC_PER_MSEC);
    b->wire.takes = UINT_MAX;
    expect_numbered(b, 1, 1);
    assert_int_equal(net_next_offer(&b->net), NSEC_NEVER);
}

static void one_full_wire_does_not_hold_up_another(void **state)
{
    struct net_bench *b = *state;
    struct capture other;
    struct ip_addr own = bench_addr("10.1.0.1");
    bench_know(b, BENCH_PEER, bench_peer_mac);
    capture_init(&other, NETDEV_LINK_NONE, 1500, bench_mac);
    assert_int_equal(net_add_netif(&b->net, &other.dev, 0), 1);
    assert_int_equal(net_add_address(&b->net, 1, &own, 24), 0);
    b->wire.takes = 0;
    send_numbered(b, 1, 3);
    net_flush(&b->net);
    assert_int_equal(waiting(b), 3);
    send_to(b, "10.1.0.2", 10);
    net_flush(&b->net);
    assert_int_equal(capture_count(&other), 1);
    assert_int_equal(waiting(b), 3);
    capture_clear(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_waits_leaves_in_order_before_what_comes),
        BENCH_TEST(room_that_comes_late_is_not_for_what_came_last),
        BENCH_TEST(order_holds_around_the_end_of_the_ring),
        BENCH_TEST(the_bound_holds_and_what_is_over_it_is_counted),
        BENCH_TEST(answers_are_bounded_too),
        BENCH_TEST(without_a_queue_it_is_dropped_at_once),
        BENCH_TEST(a_link_that_goes_down_takes_the_queue_with_it),
        BENCH_TEST(a_full_wire_is_asked_again_soon),
        BENCH_TEST(one_full_wire_does_not_hold_up_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
