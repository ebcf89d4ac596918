/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP before an interface whose wire takes no more: it waits, in order, and loses nothing of its own. */
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net.h"
#include "tcp_rig.h"

#define CONNECTIONS 40u
#define LIMIT       256u /* of the queue here; TCP fills half of it */

static struct rig r;
static struct tcb *tcb[CONNECTIONS];
static uint32_t acked[CONNECTIONS]; /* what each peer expects */
static uint8_t bytes[65536];

static uint32_t waiting(void)
{
    return r.net.netif[0].queued.tail - r.net.netif[0].queued.head;
}

static void begin(void)
{
    rig_init(&r);
    r.net.netif[0].queued.limit = LIMIT;
    struct tcb *l = rig_listen(&r, CONNECTIONS);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        r.peer_port = (uint16_t)(RIG_PEER_PORT + i);
        r.peer_seq = RIG_PEER_ISN;
        rig_handshake(&r);
        tcb[i] = rig_accept(&r, l);
        acked[i] = r.peer_ack;
    }
    rig_expect_nothing(&r);
}

static void round_of_output(void)
{
    net_flush(&r.net); /* as worker_poll_output does */
    tcp_output_touched(&r.tcp);
    net_flush(&r.net);
}

/* Segments that have left, the connection of each in `of`. */
static unsigned left(uint8_t *of, unsigned max)
{
    unsigned n = 0;
    struct rte_mbuf *m;
    while ((m = capture_take(&r.cap)) != NULL) {
        uint8_t b[2048];
        struct segment s;
        uint32_t off = 0;
        for (struct rte_mbuf *k = m; k != NULL; off += k->data_len, k = k->next)
            memcpy(b + off, rte_pktmbuf_mtod(k, void *), k->data_len);
        assert_null(segment_parse(b, m->pkt_len, &s));
        rte_pktmbuf_free(m);
        assert_true(n < max);
        uint32_t i = s.dport - RIG_PEER_PORT;
        assert_in_range(i, 0, CONNECTIONS - 1);
        if (s.len > 0)
            assert_int_equal(s.seq, acked[i]); /* each connection's segments in their order, none missing */
        acked[i] = s.seq + s.len;
        of[n++] = (uint8_t)i;
    }
    return n;
}

/* Everyone has ten segments to send, the initial window, and the wire takes nothing: TCP fills half of the
 * queue and waits. As the wire takes a few at a time all of it leaves, and nothing was lost. */
static void it_waits_and_loses_nothing(void **state)
{
    uint8_t of[CONNECTIONS * 10];
    unsigned n = 0;
    begin();
    r.cap.takes = 0;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        assert_int_equal(rig_send(&r, tcb[i], bytes, 14600), 14600);
    round_of_output();
    assert_int_equal(waiting(), LIMIT / 2);
    assert_true(tcp_has_touched(&r.tcp) &&
                net_tx_blocked(&r.net)); /* nothing to do before the wire takes some */
    assert_int_equal(rig_count(&r, CNT_TCP_OUTPUT_WAITED), 1);
    for (int k = 0; k < 200; k++) {
        r.cap.takes = 7;
        round_of_output();
        assert_true(waiting() < LIMIT);
        n += left(of + n, sizeof(of) - n);
    }
    assert_int_equal(n, CONNECTIONS * 10);
    assert_false(tcp_has_touched(&r.tcp));
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), 0);
    assert_int_equal(rig_count(&r, CNT_TCP_RETRANS), 0);
    rig_fini(&r);
}

/* Who came first goes first; who comes while others wait goes behind them, and who has been served and has
 * more does, too. */
static void the_line_is_kept(void **state)
{
    uint8_t of[900];
    unsigned n = 0;
    begin();
    r.cap.takes = 0;
    int buffer = 1 << 20;
    assert_int_equal(tcp_setopt(&r.tcp, tcb[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)), 0);
    tcb[0]->cwnd = 600; /* it alone could fill the queue twice */
    tcb[0]->last_snd = r.tc.ctx.now_ms;
    tcb[0]->snd_wnd = tcb[0]->max_wnd = 1u << 20;
    for (int i = 0; i < 12; i++)
        assert_int_equal(rig_send(&r, tcb[0], bytes, sizeof(bytes)), sizeof(bytes));
    for (uint32_t i = 1; i < CONNECTIONS - 1; i++)
        rig_send(&r, tcb[i], bytes, 100);
    round_of_output();
    assert_int_equal(waiting(), LIMIT / 2);
    rig_send(&r, tcb[CONNECTIONS - 1], bytes, 100);
    for (int k = 0; k < 200; k++) {
        r.cap.takes = 7;
        round_of_output();
        n += left(of + n, sizeof(of) - n);
    }
    unsigned small = 0, first_small = 0, last_small = 0;
    for (unsigned i = 0; i < n; i++)
        if (of[i] != 0) {
            assert_int_equal(of[i], ++small);
            first_small = small == 1 ? i : first_small;
            last_small = i;
        }
    assert_int_equal(small, CONNECTIONS - 1);
    assert_true(first_small <= LIMIT);   /* the large one had its turn, and a second one at most, */
    assert_true(last_small < 2 * LIMIT); /* and all others theirs ... */
    assert_true(n - 1 > last_small);     /* ... before its end */
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), 0);
    rig_fini(&r);
}

/* What nobody can hold back, resets and SYN,ACKs, is bounded by the queue, dropped beyond and counted; and
 * ACKs of connections wait with them, one for all that came meanwhile. */
static void answers_are_bounded(void **state)
{
    uint8_t of[LIMIT];
    begin();
    r.cap.takes = 0;
    r.our_port = 9; /* nobody listens */
    for (uint32_t i = 0; i < 2 * LIMIT; i++) {
        r.peer_ack = i;
        rig_in_at(&r, SEG_ACK, 1, NULL, 0);
    }
    round_of_output();
    assert_int_equal(waiting(), LIMIT);
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), LIMIT);
    r.our_port = RIG_PORT;
    r.peer_port = 1;
    rig_in_at(&r, SEG_SYN, 1, NULL, 0);
    net_flush(&r.net);
    assert_int_equal(waiting(), LIMIT);
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), LIMIT + 1);
    r.peer_port = RIG_PEER_PORT + 3;
    r.peer_ack = acked[3];
    r.peer_seq = RIG_PEER_ISN + 1;
    for (int i = 0; i < 6; i++) {
        rig_in(&r, SEG_ACK, bytes, 1000);
        round_of_output();
    }
    assert_int_equal(waiting(), LIMIT);
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), LIMIT + 1);
    r.cap.takes = UINT_MAX;
    net_flush(&r.net);
    capture_clear(&r.cap);
    round_of_output();
    assert_int_equal(left(of, LIMIT), 1);
    assert_int_equal(of[0], 3);
    rig_fini(&r);
}

/* What timers believe to be lost and what has only not left waits with the rest; but a wire that takes
 * nothing for a second holds nobody back: then time-outs say what becomes of connections. */
static void a_stuck_wire_is_for_time_outs_after_a_second(void **state)
{
    begin();
    r.cap.takes = 0;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        rig_send(&r, tcb[i], bytes, 14600);
    round_of_output();
    for (int ms = 0; ms < 950; ms++) {
        rig_wait(&r, 1);
        round_of_output();
    }
    assert_int_equal(waiting(), LIMIT / 2);
    assert_int_equal(rig_count(&r, CNT_TCP_RETRANS), 0);
    assert_int_equal(rig_count(&r, CNT_DROP_TX_FULL), 0);
    for (int ms = 0; ms < 1000; ms++) {
        rig_wait(&r, 1);
        round_of_output();
    }
    assert_int_equal(waiting(), LIMIT);
    assert_true(rig_count(&r, CNT_TCP_RETRANS) > 0);
    assert_true(rig_count(&r, CNT_DROP_TX_FULL) > 0);
    assert_false(net_tx_blocked(&r.net));
    rig_fini(&r);
}

/* Others keep half of the queue filled and take what room TCP gets: a lost segment is sent again all the
 * same. */
static void a_time_out_comes_through_a_crowd(void **state)
{
    unsigned again = 0;
    begin();
    rig_send(&r, tcb[0], bytes, 100);
    round_of_output();
    capture_clear(&r.cap); /* lost */
    for (uint32_t ms = 0; ms < 4000 && again == 0; ms++) {
        struct rte_mbuf *m;
        r.our_port = 9; /* resets: they and half as much again from TCP are more than the wire takes */
        r.peer_port = 1;
        for (uint32_t i = 0; i < (ms == 0 ? LIMIT / 2 + 60 : 4u); i++) {
            r.peer_ack = i;
            rig_in_at(&r, SEG_ACK, 1, NULL, 0);
        }
        r.our_port = RIG_PORT;
        for (uint32_t i = 1; i < CONNECTIONS; i++) { /* and ACKs that are owed */
            r.peer_port = (uint16_t)(RIG_PEER_PORT + i);
            r.peer_ack = acked[i];
            rig_in_at(&r, SEG_ACK, RIG_PEER_ISN, bytes, 1);
        }
        r.cap.takes = 7;
        round_of_output();
        assert_true(ms < 50 || tcp_has_touched(&r.tcp));
        while ((m = capture_take(&r.cap)) != NULL) {
            struct segment s;
            assert_null(segment_parse(rte_pktmbuf_mtod(m, uint8_t *), m->pkt_len, &s));
            again += s.dport == RIG_PEER_PORT && s.len > 0;
            rte_pktmbuf_free(m);
        }
        rig_wait(&r, 1);
    }
    assert_true(again > 0);
    rig_fini(&r);
}

/* One that is reset while it waits leaves the line; its block is free again when the line has moved. */
static void one_that_ends_while_it_waits(void **state)
{
    uint8_t of[CONNECTIONS * 10];
    unsigned n = 0;
    struct tcp_census census;
    begin();
    r.cap.takes = 0;
    for (uint32_t i = 0; i < CONNECTIONS; i++)
        rig_send(&r, tcb[i], bytes, 14600);
    round_of_output();
    r.peer_port = RIG_PEER_PORT + 20;
    rig_in_at(&r, SEG_RST, RIG_PEER_ISN + 1, NULL, 0);
    tcp_close(&r.tcp, tcb[20]);
    for (int k = 0; k < 200; k++) {
        r.cap.takes = 7;
        round_of_output();
        n += left(of + n, sizeof(of) - n);
    }
    assert_int_equal(n, (CONNECTIONS - 1) * 10);
    tcp_census(&r.tcp, &census);
    assert_int_equal(census.tcbs, CONNECTIONS); /* one less, and the listener */
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_waits_and_loses_nothing),
        cmocka_unit_test(the_line_is_kept),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(a_stuck_wire_is_for_time_outs_after_a_second),
        cmocka_unit_test(a_time_out_comes_through_a_crowd),
        cmocka_unit_test(one_that_ends_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
