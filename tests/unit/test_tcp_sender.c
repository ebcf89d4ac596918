/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent and when: Nagle, windows, retransmission, keepalive; and the send queue under it. */
#include "tcp_rig.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp/congestion.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/snd_queue.h"

static struct rig r;
static uint8_t bytes[65536];

static void set_int(struct tcb *tcb, int level, int name, int v)
{
    assert_int_equal(tcp_setopt(&r.tcp, tcb, level, name, &v, sizeof(v)), 0);
}

/* RFC9293-3.7.4: a second small segment waits for the ACK of the first. */
static void nagle_holds_the_second_small_segment(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_send(&r, tcb, "a", 1);
    rig_expect(&r, SEG_PSH | SEG_ACK);
    rig_send(&r, tcb, "b", 1);
    rig_send(&r, tcb, "c", 1);
    rig_expect_nothing(&r);
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(rig_expect(&r, SEG_PSH | SEG_ACK).len, 2);
    set_int(tcb, IPPROTO_TCP, TCP_NODELAY, 1);
    rig_send(&r, tcb, "d", 1);
    rig_expect(&r, SEG_PSH | SEG_ACK);
    rig_fini(&r);
}

/* TCP_CORK holds a partial segment, 200 ms at most. */
static void cork_is_pulled_after_200_ms(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    set_int(tcb, IPPROTO_TCP, TCP_CORK, 1);
    rig_send(&r, tcb, "abc", 3);
    rig_expect_nothing(&r);
    rig_wait(&r, 190);
    rig_expect_nothing(&r);
    rig_wait(&r, 30);
    assert_int_equal(rig_expect(&r, SEG_PSH | SEG_ACK).len, 3);
    rig_fini(&r);
}

/* RFC 6928: ten segments, then it waits; each ACK in slow start lets two go. */
static void initial_window_is_ten(void **state)
{
    struct segment s;
    unsigned n = 0;
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    assert_true(rig_send(&r, tcb, bytes, 40000) > 20000);
    while (rig_out(&r, &s)) {
        assert_int_equal(s.len, 1460);
        if (n == 0)
            r.peer_ack = s.seq + s.len;
        n++;
    }
    assert_int_equal(n, 10);
    rig_in(&r, SEG_ACK, NULL, 0);
    for (n = 0; rig_out(&r, &s); n++)
        ;
    assert_int_equal(n, 2);
    rig_fini(&r);
}

/* RFC6298-5.5: the time-out doubles; (2.1) with Linux's floor of 200 ms above SRTT. */
static void retransmission_backs_off(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_send(&r, tcb, "x", 1);
    uint32_t seq = rig_expect(&r, SEG_PSH | SEG_ACK).seq;
    rig_wait(&r, 2); /* each fires up to a tick late */
    for (unsigned ms = 200; ms < 10000; ms *= 2) {
        rig_wait(&r, ms - 10);
        rig_expect_nothing(&r);
        rig_wait(&r, 10);
        assert_int_equal(rig_expect(&r, SEG_PSH | SEG_ACK).seq, seq);
    }
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(tcb->packets_out, 0);
    rig_wait(&r, 100000);
    rig_expect_nothing(&r);
    rig_fini(&r);
}

/* RFC1122-4.2.3.5: R2 is reached after about 924 s, and the application is told. */
static void gives_up_after_r2(void **state)
{
    struct segment s;
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_send(&r, tcb, "x", 1);
    rig_wait(&r, 900000);
    while (rig_out(&r, &s))
        ;
    assert_int_equal(tcb->state, TCP_S_ESTABLISHED);
    rig_wait(&r, 150000);
    assert_int_equal(tcb->state, TCP_S_CLOSED);
    assert_int_equal(tcp_take_error(tcb), ETIMEDOUT);
    while (rig_out(&r, &s))
        ;
    rig_fini(&r);
}

/* RFC5681-3.2: the third duplicate ACK brings the lost segment; RFC 3042: the first two new ones. */
static void third_duplicate_retransmits(void **state)
{
    struct segment s;
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    uint32_t una = r.peer_ack;
    rig_send(&r, tcb, bytes, 30000);
    while (rig_out(&r, &s))
        ;
    r.peer_ack = una;
    for (unsigned i = 0; i < 2; i++) {
        rig_in(&r, SEG_ACK, NULL, 0);
        assert_true(rig_out(&r, &s));
        assert_int_equal(s.seq, una + 14600 + 1460 * i); /* limited transmit */
    }
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_true(rig_out(&r, &s));
    assert_int_equal(s.seq, una);
    assert_int_equal(tcb->recovery, RECOVERY_FAST);
    assert_int_equal(tcb->ssthresh, 7);
    r.peer_ack = una + 12 * 1460;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(tcb->recovery, RECOVERY_FAST); /* held until something above `recover` is acknowledged */
    while (rig_out(&r, &s))
        ;
    r.peer_ack = s.seq + 1460;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(tcb->recovery, RECOVERY_OPEN);
    assert_in_range(tcb->cwnd, 7, 8);
    while (rig_out(&r, &s))
        ;
    rig_fini(&r);
}

/* RFC2018-4: blocks that jump between far places cost a bounded number of steps each ACK, and one
 * that is repeated is followed to its end all the same. */
static void far_sack_blocks_cost_little(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    struct segment s;
    const uint32_t n = 2000, una = r.peer_ack;
    tcb->flags |= TCB_SACK;
    tcb->cwnd = n;
    tcb->snd_wnd = tcb->max_wnd = n * 100;
    tcb->sndbuf = 1u << 30;
    tcb->snd_mss = 100;
    for (uint32_t left = n * 100; left > 0; left -= 20000)
        assert_int_equal(rig_send(&r, tcb, bytes, 20000), 20000);
    for (unsigned k = 0; k < 2; k++) { /* the first time the idle time before has its say */
        while (rig_out(&r, &s))
            ;
        tcb->cwnd = n;
        tcb_touch(&r.tcp, tcb);
    }
    while (rig_out(&r, &s))
        ;
    assert_int_equal(tcb->packets_out, n);
    uint64_t *cut = &r.tcp.ctx->counters.v[CNT_TCP_SACK_CUT];
    struct ack_event e = {.ack = una};
    struct tcp_options opt = {.n_sack = 1, .sack = {{una + 100 * (n / 2), una + 100 * (n / 2 + 1)}}};
    recovery_sack(&r.tcp, tcb, &opt, &e);
    assert_int_equal(tcb->sacked_out, 0);
    assert_true(*cut > 0);
    for (unsigned again = 0; again < 4; again++)
        recovery_sack(&r.tcp, tcb, &opt, &e);
    assert_int_equal(tcb->sacked_out, 1);
    uint64_t before = *cut;
    recovery_sack(&r.tcp, tcb, &opt, &e);
    assert_int_equal(*cut, before); /* known by now */
    assert_int_equal(e.delivered, 1);
    rig_fini(&r);
}

/* RFC9293-3.8.6.1: a closed window is probed, one number before, with back-off. */
static void zero_window_is_probed(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    r.peer_window = 0;
    rig_in(&r, SEG_ACK, NULL, 0);
    rig_send(&r, tcb, "x", 1);
    rig_expect_nothing(&r);
    rig_wait(&r, 205);
    struct segment s = rig_expect(&r, SEG_ACK);
    assert_int_equal(s.len, 0);
    assert_int_equal(s.seq, r.peer_ack - 1);
    rig_wait(&r, 390);
    rig_expect_nothing(&r);
    rig_wait(&r, 20);
    rig_expect(&r, SEG_ACK);
    r.peer_window = 1000;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(rig_expect(&r, SEG_PSH | SEG_ACK).len, 1);
    rig_fini(&r);
}

/* RFC9293-3.8.4: probes after the idle time; no answer to keepcnt of them ends it. (RFC9293-MUST-24)
 */
static void keepalive_finds_the_dead(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    set_int(tcb, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set_int(tcb, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    set_int(tcb, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_int(tcb, SOL_SOCKET, SO_KEEPALIVE, 1);
    rig_wait(&r, 9000);
    rig_expect_nothing(&r);
    rig_wait(&r, 1100);
    assert_int_equal(rig_expect(&r, SEG_ACK).seq, r.peer_ack - 1);
    rig_in(&r, SEG_ACK, NULL, 0); /* alive */
    rig_wait(&r, 10100);
    rig_expect(&r, SEG_ACK);
    rig_wait(&r, 2001);
    rig_expect(&r, SEG_ACK);
    rig_wait(&r, 2001);
    rig_expect(&r, SEG_ACK);
    rig_wait(&r, 2001);
    rig_expect(&r, SEG_RST | SEG_ACK);
    assert_int_equal(tcp_take_error(tcb), ETIMEDOUT);
    rig_fini(&r);
}

/* RFC 6691, RFC9293-3.7.1: a tiny MSS is survived, but not below 48 bytes. */
static void tiny_mss_is_raised(void **state)
{
    rig_init(&r);
    r.peer_opt[2] = 0;
    r.peer_opt[3] = 1;
    struct tcb *tcb = rig_connected(&r);
    rig_send(&r, tcb, bytes, 100);
    assert_int_equal(rig_expect(&r, SEG_ACK).len, 48);
    rig_fini(&r);
}

/* Zero copy: a chain is cut into segments, and buffers go back when both parts are acknowledged. */
static void chain_is_shared_between_segments(void **state)
{
    struct segment s;
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    for (unsigned i = 0; i < 5000; i++)
        bytes[i] = stream_byte(9, i);
    struct rte_mbuf *m = frame_mbuf_cut(r.tc.ctx.data_pool, bytes, 5000, 700, 1000);
    assert_int_equal(tcp_send_take(&r.tcp, tcb, m), 0);
    uint32_t first = r.peer_ack, got = 0;
    while (rig_out(&r, &s)) {
        assert_int_equal(s.seq, first + got);
        assert_memory_equal(s.data, bytes + got, s.len);
        got += s.len;
    }
    assert_int_equal(got, 5000);
    r.peer_ack = first + 2000; /* in the middle of a segment */
    rig_in(&r, SEG_ACK, NULL, 0);
    r.peer_ack = first + 5000;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(r.tcp.records.in_use, 0);
    assert_int_equal(tcb->sndq_charge, 0);
    rig_fini(&r);
}

/* An empty pool is no error of the connection: the data goes when there are buffers again. */
static void survives_an_empty_pool(void **state)
{
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    r.tcp.fastpath = false; /* which would write the header in front of the data, and need no buffer */
    rig_send(&r, tcb, "hello", 5);
    heap_pool_set_limit(r.tc.ctx.hdr_pool, heap_pool_in_use(r.tc.ctx.hdr_pool));
    rig_expect_nothing(&r);
    heap_pool_set_limit(r.tc.ctx.hdr_pool, TEST_POOL_LIMIT);
    rig_wait(&r, 250);
    assert_int_equal(rig_expect(&r, SEG_PSH | SEG_ACK).len, 5);
    rig_fini(&r);
}

static struct rte_mbuf *sent_mbuf(void)
{
    tcp_output_touched(&r.tcp);
    net_flush(&r.net);
    return capture_take(&r.cap);
}

/* A segment goes out in the buffer where its bytes lie. While the driver holds that, nothing is written
 * there: a retransmission takes another one; afterwards it is used again, with headers of its own. */
static void headers_go_in_front_of_the_data(void **state)
{
    uint8_t before[200];
    rig_init(&r);
    struct tcb *tcb = rig_connected(&r);
    rig_send(&r, tcb, "hello", 5);
    struct rte_mbuf *m = sent_mbuf();
    assert_ptr_equal(m, snd_rec_at(&r.tcp, tcb->sndq_head)->m);
    assert_int_equal(rte_mbuf_refcnt_read(m), 2);
    memcpy(before, rte_pktmbuf_mtod(m, void *), m->data_len);
    rig_wait(&r, 250);
    struct rte_mbuf *again = sent_mbuf();
    assert_ptr_not_equal(again, m);
    assert_int_equal(again->pkt_len, m->data_len);
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), before, m->data_len);
    rte_pktmbuf_free(again);
    rte_pktmbuf_free(m);
    rig_in(&r, SEG_ACK, "x", 1); /* what the third one acknowledges */
    rig_expect(&r, SEG_ACK);
    rig_wait(&r, 450);
    again = sent_mbuf();
    assert_ptr_equal(again, m);
    struct segment s;
    assert_null(segment_parse(rte_pktmbuf_mtod(again, void *), again->pkt_len, &s));
    assert_false(s.bad_checksum);
    assert_int_equal(s.ack, r.peer_seq);
    assert_memory_equal(s.data, "hello", 5);
    rte_pktmbuf_free(again);
    r.peer_ack = tcb->snd_nxt;
    rig_in(&r, SEG_ACK, NULL, 0);
    assert_int_equal(heap_pool_in_use(r.tc.ctx.data_pool), 0);
    rig_fini(&r);
}

/* RFC6298-2 in numbers. */
static void rto_follows_rfc_6298(void **state)
{
    rig_init(&r);
    struct tcb *tcb = tcp_open(&r.tcp);
    assert_int_equal(rtt_rto(&r.tcp, tcb), 1000000);
    rtt_sample(tcb, 100000);
    assert_int_equal(tcb->srtt >> 3, 100000);
    assert_int_equal(tcb->rttvar >> 2, 50000);
    assert_int_equal(rtt_rto(&r.tcp, tcb), 300000);
    rtt_sample(tcb, 500000);
    assert_int_equal(tcb->srtt >> 3, 150000);
    assert_int_equal(tcb->rttvar >> 2, 137500);
    assert_int_equal(rtt_rto(&r.tcp, tcb), 700000);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nagle_holds_the_second_small_segment),
        cmocka_unit_test(cork_is_pulled_after_200_ms),
        cmocka_unit_test(initial_window_is_ten),
        cmocka_unit_test(retransmission_backs_off),
        cmocka_unit_test(gives_up_after_r2),
        cmocka_unit_test(third_duplicate_retransmits),
        cmocka_unit_test(far_sack_blocks_cost_little),
        cmocka_unit_test(zero_window_is_probed),
        cmocka_unit_test(keepalive_finds_the_dead),
        cmocka_unit_test(tiny_mss_is_raised),
        cmocka_unit_test(chain_is_shared_between_segments),
        cmocka_unit_test(survives_an_empty_pool),
        cmocka_unit_test(headers_go_in_front_of_the_data),
        cmocka_unit_test(rto_follows_rfc_6298),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
