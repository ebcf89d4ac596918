/* SPDX-License-Identifier: BSD-3-Clause */
/* The exchanges of RFC9293-3.5 to 3.6, figure by figure, and the resets of section 3.5.2. */
#include "tcp_rig.h"

#include <errno.h>
#include <sys/socket.h>

static struct rig r;

static struct tcp_census census(void)
{
    struct tcp_census c;
    tcp_census(&r.tcp, &c);
    return c;
}

/* Figure 6: basic three-way handshake, passive side. */
static void figure_6_three_way_handshake(void **state)
{
    rig_init(&r);
    struct tcb *l = rig_listen(&r, 4);
    rig_in(&r, SEG_SYN, NULL, 0);
    struct segment s = rig_expect(&r, SEG_SYN | SEG_ACK);
    assert_int_equal(s.ack, RIG_PEER_ISN + 1);
    assert_int_equal(census().half_open, 1);
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(census().half_open, 0);
    assert_int_equal(rig_accept(&r, l)->state, TCP_S_ESTABLISHED);
    rig_expect_nothing(&r);
    rig_fini(&r);
}

/* Figure 7: simultaneous open. SYN-SENT, SYN-RECEIVED, ESTABLISHED. */
static void figure_7_simultaneous_open(void **state)
{
    rig_init(&r);
    struct ip_addr peer = rig_addr("10.0.0.2");
    struct tcb *tcb = tcp_open(&r.tcp);
    assert_int_equal(tcp_connect(&r.tcp, tcb, &peer, RIG_PEER_PORT), 0);
    struct segment syn = rig_expect(&r, SEG_SYN);
    r.our_port = syn.sport;
    rig_in(&r, SEG_SYN, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_SYN_RECEIVED);
    struct segment again = rig_expect(&r, SEG_SYN | SEG_ACK);
    assert_int_equal(again.seq, syn.seq);
    rig_in_at(&r, SEG_SYN | SEG_ACK, RIG_PEER_ISN, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_ESTABLISHED);
    rig_fini(&r);
}

/* Figure 8: an old duplicate SYN; the peer resets what it does not know, and the new one gets through. */
static void figure_8_old_duplicate_syn(void **state)
{
    rig_init(&r);
    struct tcb *l = rig_listen(&r, 4);
    rig_in_at(&r, SEG_SYN, 90, NULL, 0);
    struct segment s = rig_expect(&r, SEG_SYN | SEG_ACK);
    assert_int_equal(s.ack, 91);
    rig_in_at(&r, SEG_RST, 91, NULL, 0);
    assert_int_equal(census().half_open, 0);
    rig_handshake(&r);
    rig_accept(&r, l);
    rig_fini(&r);
}

/* Figure 9 and 10: we have forgotten a connection (here: never had it); data for it is answered by RST. */
static void figure_10_half_open_is_reset(void **state)
{
    rig_init(&r);
    r.peer_ack = 300;
    rig_in(&r, SEG_ACK | SEG_PSH, "x", 1);
    struct segment s = rig_expect(&r, SEG_RST);
    assert_int_equal(s.seq, 300);
    rig_in_at(&r, SEG_FIN, 500, NULL, 0); /* without ACK: <SEQ=0><ACK=SEG.SEQ+SEG.LEN> */
    s = rig_expect(&r, SEG_RST | SEG_ACK);
    assert_int_equal(s.seq, 0);
    assert_int_equal(s.ack, 501);
    rig_in_at(&r, SEG_RST, 500, NULL, 0); /* never a RST for a RST */
    rig_expect_nothing(&r);
    rig_fini(&r);
}

/* Figure 11: a listener resets an ACK for something it does not know. */
static void figure_11_listener_resets_ack(void **state)
{
    rig_init(&r);
    rig_listen(&r, 4);
    r.peer_ack = 777;
    rig_in_at(&r, SEG_ACK, 5, NULL, 0);
    assert_int_equal(rig_expect(&r, SEG_RST).seq, 777);
    rig_fini(&r);
}

/* Figure 12: normal close, we first. */
static void figure_12_active_close(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    assert_int_equal(tcb->state, TCP_S_FIN_WAIT_1);
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_FIN_WAIT_2);
    rig_in(&r, SEG_FIN | SEG_ACK, NULL, 0);
    rig_expect(&r, SEG_ACK);
    assert_int_equal(census().time_wait, 1);
    rig_wait(&r, 59000);
    assert_int_equal(census().time_wait, 1);
    rig_wait(&r, 2000);
    assert_int_equal(census().time_wait, 0);
    assert_int_equal(census().tcbs, 1); /* the listener */
    rig_fini(&r);
}

/* The other side of figure 12: CLOSE-WAIT, LAST-ACK, gone. */
static void figure_12_passive_close(void **state)
{
    char c;
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_in(&r, SEG_FIN | SEG_ACK, NULL, 0);
    rig_expect(&r, SEG_ACK);
    assert_int_equal(tcb->state, TCP_S_CLOSE_WAIT);
    assert_int_equal(rig_recv(&r, tcb, &c, 1), 0);
    assert_true(tcp_poll(&r.tcp, tcb, UINT32_MAX) & EPOLLRDHUP);
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    assert_int_equal(tcb->state, TCP_S_LAST_ACK);
    rig_in(&r, SEG_ACK, NULL, 0);
    rig_expect_nothing(&r);
    assert_int_equal(census().tcbs, 1);
    assert_int_equal(census().time_wait, 0);
    rig_fini(&r);
}

/* Figure 13: both close at once: CLOSING, TIME-WAIT. */
static void figure_13_simultaneous_close(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    uint32_t una = r.peer_ack;
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    r.peer_ack = una; /* its FIN crosses ours */
    rig_in(&r, SEG_FIN | SEG_ACK, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_CLOSING);
    rig_expect(&r, SEG_ACK);
    r.peer_ack = una + 1;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(census().time_wait, 1);
    rig_fini(&r);
}

/* Section 3.6: half-close. We have sent FIN and still receive. */
static void half_close_still_receives(void **state)
{
    char buf[8];
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    assert_int_equal(tcp_shutdown(&r.tcp, tcb, SHUT_WR), 0);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    rig_in(&r, SEG_ACK | SEG_PSH, "late", 4);
    rig_expect(&r, SEG_ACK);
    assert_int_equal(rig_recv(&r, tcb, buf, sizeof(buf)), 4);
    assert_int_equal(rig_send(&r, tcb, "x", 1), -EPIPE);
    rig_fini(&r);
}

/* RFC2525-2.17: close with unread data is a RST. */
static void close_with_unread_data_resets(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_in(&r, SEG_ACK | SEG_PSH, "x", 1);
    rig_expect(&r, SEG_ACK);
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_RST | SEG_ACK);
    rig_expect_nothing(&r);
    assert_int_equal(census().tcbs, 1);
    rig_fini(&r);
}

/* RFC1122-4.2.2.13: data that comes after close is answered by RST. */
static void data_after_close_resets(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    rig_in(&r, SEG_ACK | SEG_PSH, "x", 1);
    rig_expect(&r, SEG_RST);
    rig_expect_nothing(&r);
    assert_int_equal(census().tcbs, 1);
    rig_fini(&r);
}

/* RFC5961-3.2: only the exact number resets; one inside the window is asked about. */
static void reset_needs_the_exact_number(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_in_at(&r, SEG_RST, r.peer_seq + 10, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_ESTABLISHED);
    assert_int_equal(rig_expect(&r, SEG_ACK).ack, r.peer_seq);
    rig_in_at(&r, SEG_RST, r.peer_seq + 100000, NULL, 0);
    rig_expect_nothing(&r);
    rig_in_at(&r, SEG_RST, r.peer_seq, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_CLOSED);
    assert_int_equal(tcp_take_error(tcb), ECONNRESET);
    assert_true(tcp_poll(&r.tcp, tcb, UINT32_MAX) & EPOLLHUP);
    rig_fini(&r);
}

/* RFC9293-3.10.7.3: RST with an acceptable ACK refuses the connection; without it nothing. */
static void refused_by_reset(void **state)
{
    rig_init(&r);
    struct ip_addr peer = rig_addr("10.0.0.2");
    struct tcb *tcb = tcp_open(&r.tcp);
    assert_int_equal(tcp_connect(&r.tcp, tcb, &peer, RIG_PEER_PORT), 0);
    r.our_port = rig_expect(&r, SEG_SYN).sport;
    rig_in_at(&r, SEG_RST, 0, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_SYN_SENT);
    rig_in_at(&r, SEG_RST | SEG_ACK, 0, NULL, 0);
    assert_int_equal(tcb->state, TCP_S_CLOSED);
    assert_int_equal(tcp_take_error(tcb), ECONNREFUSED);
    rig_fini(&r);
}

/* An orphan in FIN-WAIT-2 does not wait for ever (tcp_fin_timeout). */
static void orphan_leaves_fin_wait_2(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    tcp_close(&r.tcp, tcb);
    rig_expect(&r, SEG_FIN | SEG_ACK);
    rig_in(&r, SEG_ACK, NULL, 0);
    rig_wait(&r, 59000);
    assert_int_equal(census().tcbs, 2);
    rig_wait(&r, 2000);
    assert_int_equal(census().tcbs, 1);
    rig_fini(&r);
}

/* tcp_poll as Linux's for a socket that was never connected. */
static void poll_of_a_fresh_socket(void **state)
{
    rig_init(&r);
    struct tcb *tcb = tcp_open(&r.tcp);
    assert_int_equal(tcp_poll(&r.tcp, tcb, UINT32_MAX) & (EPOLLOUT | EPOLLHUP | EPOLLIN),
                     EPOLLOUT | EPOLLHUP);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figure_6_three_way_handshake),
        cmocka_unit_test(figure_7_simultaneous_open),
        cmocka_unit_test(figure_8_old_duplicate_syn),
        cmocka_unit_test(figure_10_half_open_is_reset),
        cmocka_unit_test(figure_11_listener_resets_ack),
        cmocka_unit_test(figure_12_active_close),
        cmocka_unit_test(figure_12_passive_close),
        cmocka_unit_test(figure_13_simultaneous_close),
        cmocka_unit_test(half_close_still_receives),
        cmocka_unit_test(close_with_unread_data_resets),
        cmocka_unit_test(data_after_close_resets),
        cmocka_unit_test(reset_needs_the_exact_number),
        cmocka_unit_test(refused_by_reset),
        cmocka_unit_test(orphan_leaves_fin_wait_2),
        cmocka_unit_test(poll_of_a_fresh_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
