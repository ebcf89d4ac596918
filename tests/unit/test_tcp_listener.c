/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN queue and accept queue. */
#include "tcp_rig.h"

#include <errno.h>

static struct rig r;

static struct tcp_census census(void)
{
    struct tcp_census c;
    tcp_census(&r.tcp, &c);
    return c;
}

/* RFC9293-3.8.1 with Linux's times: SYN,ACK again after 1, 2, 4, 8, 16 s, then given up. */
static void syn_ack_is_retransmitted_and_given_up(void **state)
{
    static const unsigned after_ms[] = {1000, 2000, 4000, 8000, 16000};
    rig_init(&r);
    rig_listen(&r, 4);
    rig_in(&r, SEG_SYN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    rig_wait(&r, 2); /* each fires up to a tick late */
    for (unsigned i = 0; i < 5; i++) {
        rig_wait(&r, after_ms[i] - 10);
        rig_expect_nothing(&r);
        rig_wait(&r, 10);
        rig_expect(&r, SEG_SYN | SEG_ACK);
    }
    rig_wait(&r, 31000);
    rig_expect_nothing(&r);
    rig_wait(&r, 2000);
    assert_int_equal(census().half_open, 0);
    rig_fini(&r);
}

/* Linux: backlog B lets B + 1 wait; then the final ACK is dropped and the entry stays half-open. */
static void full_accept_queue_keeps_it_half_open(void **state)
{
    int err;
    rig_init(&r);
    struct tcb *l = rig_listen(&r, 0);
    rig_in(&r, SEG_SYN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    uint32_t first_ack = r.peer_ack;
    r.peer_port++;
    rig_in_at(&r, SEG_SYN, RIG_PEER_ISN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    rig_in_at(&r, SEG_ACK, RIG_PEER_ISN + 1, NULL, 0);
    r.peer_port--;
    uint32_t second_ack = r.peer_ack;
    r.peer_ack = first_ack;
    rig_in_at(&r, SEG_ACK, RIG_PEER_ISN + 1, NULL, 0);
    assert_int_equal(census().half_open, 1);
    assert_int_equal(rig_count(&r, CNT_DROP_TCP_ACCEPT_FULL), 1);
    r.peer_port += 2; /* a third is not even heard */
    rig_in_at(&r, SEG_SYN, RIG_PEER_ISN, NULL, 0);
    rig_expect_nothing(&r);
    assert_non_null(tcp_accept(&r.tcp, l, &err));
    assert_null(tcp_accept(&r.tcp, l, &err));
    assert_int_equal(err, EAGAIN);
    r.peer_port -= 2;
    rig_in_at(&r, SEG_ACK, RIG_PEER_ISN + 1, NULL, 0); /* there is room now */
    assert_non_null(tcp_accept(&r.tcp, l, &err));
    (void)second_ack;
    rig_fini(&r);
}

/* tcp_abort_on_overflow: the client hears of it. */
static void abort_on_overflow_resets(void **state)
{
    rig_init(&r);
    r.tc.tun.tcp_abort_on_overflow = 1;
    rig_listen(&r, 0);
    rig_in(&r, SEG_SYN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    uint32_t ack = r.peer_ack;
    r.peer_port++;
    rig_in_at(&r, SEG_SYN, RIG_PEER_ISN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    rig_in_at(&r, SEG_ACK, RIG_PEER_ISN + 1, NULL, 0);
    r.peer_port--;
    r.peer_ack = ack;
    rig_in_at(&r, SEG_ACK, RIG_PEER_ISN + 1, NULL, 0);
    rig_expect(&r, SEG_RST);
    assert_int_equal(census().half_open, 0);
    rig_fini(&r);
}

/* A full SYN queue drops SYNs, counts them, and holds no more memory than its bound. */
static void full_syn_queue_drops(void **state)
{
    rig_init(&r);
    r.tc.tun.tcp_max_syn_backlog = 10;
    r.tc.tun.tcp_syncookies = 0;
    rig_listen(&r, 100);
    for (unsigned i = 0; i < 15; i++) {
        r.peer_port++;
        rig_in_at(&r, SEG_SYN, RIG_PEER_ISN, NULL, 0);
    }
    assert_int_equal(census().half_open, 10);
    assert_int_equal(rig_count(&r, CNT_DROP_TCP_SYN_FULL), 5);
    rig_fini(&r);
}

/* Closing a listener drops what is half-open and resets what nobody has accepted. */
static void close_resets_the_accept_queue(void **state)
{
    rig_init(&r);
    struct tcb *l = rig_listen(&r, 4);
    rig_handshake(&r);
    r.peer_port++;
    rig_in_at(&r, SEG_SYN, RIG_PEER_ISN, NULL, 0);
    rig_expect(&r, SEG_SYN | SEG_ACK);
    tcp_close(&r.tcp, l);
    rig_expect(&r, SEG_RST | SEG_ACK);
    rig_expect_nothing(&r);
    assert_int_equal(census().half_open, 0);
    assert_int_equal(census().tcbs, 0);
    assert_int_equal(census().listeners, 0);
    assert_int_equal(r.tcp.table.count, 0);
    rig_fini(&r);
}

/* An exact address is preferred to the wildcard. (RFC9293-MUST-42) */
static void exact_address_comes_before_wildcard(void **state)
{
    int err;
    rig_init(&r);
    struct ip_addr any = {0}, self = rig_addr("10.0.0.1");
    struct tcb *a = tcp_open(&r.tcp), *b = tcp_open(&r.tcp);
    tcp_set_reuse(&r.tcp, a, TCP_REUSEPORT);
    assert_int_equal(tcp_bind(&r.tcp, a, &self, RIG_PORT), 0);
    tcp_set_reuse(&r.tcp, b, TCP_REUSEPORT);
    assert_int_equal(tcp_bind(&r.tcp, b, &any, RIG_PORT), 0);
    assert_int_equal(tcp_listen(&r.tcp, a, 5), 0);
    assert_int_equal(tcp_listen(&r.tcp, b, 5), 0);
    rig_handshake(&r);
    assert_null(tcp_accept(&r.tcp, b, &err));
    assert_non_null(tcp_accept(&r.tcp, a, &err));
    rig_fini(&r);
}

/* SO_REUSEPORT: connections spread over all listeners of the port. */
static void reuseport_spreads(void **state)
{
    unsigned got[3] = {0};
    int err;
    rig_init(&r);
    struct ip_addr any = {0};
    struct tcb *l[3];
    for (unsigned i = 0; i < 3; i++) {
        l[i] = tcp_open(&r.tcp);
        tcp_set_reuse(&r.tcp, l[i], TCP_REUSEPORT);
        assert_int_equal(tcp_bind(&r.tcp, l[i], &any, RIG_PORT), 0);
        assert_int_equal(tcp_listen(&r.tcp, l[i], 4000), 0);
    }
    for (unsigned k = 0; k < 600; k++) {
        r.peer_port++;
        r.peer_seq = RIG_PEER_ISN;
        rig_handshake(&r);
    }
    for (unsigned i = 0; i < 3; i++)
        while (tcp_accept(&r.tcp, l[i], &err) != NULL)
            got[i]++;
    assert_int_equal(got[0] + got[1] + got[2], 600);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(got[i], 120, 280);
    rig_fini(&r);
}

/* The budgets of the design. */
static void entries_are_compact(void **state)
{
    assert_true(sizeof(struct half_open) <= 84);
    assert_true(sizeof(struct time_wait) <= 80);
    assert_true(sizeof(struct tcb) <= 368);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_ack_is_retransmitted_and_given_up),
        cmocka_unit_test(full_accept_queue_keeps_it_half_open),
        cmocka_unit_test(abort_on_overflow_resets),
        cmocka_unit_test(full_syn_queue_drops),
        cmocka_unit_test(close_resets_the_accept_queue),
        cmocka_unit_test(exact_address_comes_before_wildcard),
        cmocka_unit_test(reuseport_spreads),
        cmocka_unit_test(entries_are_compact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
