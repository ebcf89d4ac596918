/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's cap on what receive queues pin: who is refused, who gives way, who waits, who is told. */
#include "tcp_rig.h"

#include <errno.h>

#include <sys/socket.h>

#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "wire/checksum.h"
#include "wire/ip4.h"

#define CONNS  3u
#define BUFFER 8192 /* SO_RCVBUF, which is doubled: a window of 8192 to begin with */
#define SEG    1400u

static struct rig r;
static uint8_t bytes[SEG];

/* The peer's side of several connections, one of which the rig plays at a time. */
static struct side {
    struct tcb *tcb;
    uint16_t port;
    uint32_t seq, ack;
} side[CONNS];

static void turn_to(unsigned i)
{
    static unsigned now;
    side[now].seq = r.peer_seq, side[now].ack = r.peer_ack;
    r.peer_port = side[i].port, r.peer_seq = side[i].seq, r.peer_ack = side[i].ack;
    now = i;
}

static void three_connections(uint64_t memory)
{
    rig_init(&r);
    tcp_set_memory(&r.tcp, memory);
    struct tcb *l = rig_listen(&r, 8);
    int size = BUFFER;
    assert_int_equal(tcp_setopt(&r.tcp, l, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    for (unsigned i = 0; i < CONNS; i++)
        side[i] = (struct side){NULL, (uint16_t)(RIG_PEER_PORT + i), RIG_PEER_ISN, 0};
    turn_to(0);
    for (unsigned i = 0; i < CONNS; i++) {
        turn_to(i);
        r.peer_seq = RIG_PEER_ISN;
        rig_handshake(&r);
        side[i].tcb = rig_accept(&r, l);
    }
}

/* One segment for connection i; true when it was taken. All that is sent in answer is taken note of. */
static bool feed_bytes(unsigned i, uint32_t skip, uint32_t len)
{
    struct segment s;
    turn_to(i);
    uint32_t before = side[i].tcb->rcvq_charge;
    rig_in_at(&r, SEG_ACK, r.peer_seq + skip, bytes, len);
    bool taken = side[i].tcb->rcvq_charge != before;
    if (taken && skip == 0)
        r.peer_seq += len;
    while (rig_out(&r, &s))
        ;
    return taken;
}

static bool feed(unsigned i, uint32_t skip)
{
    return feed_bytes(i, skip, SEG);
}

static void read_all(unsigned i)
{
    uint8_t buf[BUFFER * 2];
    while (rig_recv(&r, side[i].tcb, buf, sizeof(buf)) > 0)
        ;
}

/* Connections 0 and 1 take what they may, and nobody reads it. */
static void fill_up(void)
{
    for (unsigned n = 0; n < 5; n++) {
        assert_true(feed(0, 0));
        assert_true(feed(1, 0));
    }
}

/* A window that the cap has closed opens by itself when another connection frees memory: no probe. */
static void window_opens_when_another_reads(void **state)
{
    struct segment s = {0};
    three_connections(28000);
    fill_up();
    for (unsigned n = 0; n < 8 && rcv_window_left(side[2].tcb) >= SEG; n++) {
        assert_true(feed(2, 0)); /* this one reads, but there is no memory to offer more */
        read_all(2);
        while (rig_out(&r, &s))
            ;
    }
    assert_true(rcv_window_left(side[2].tcb) < SEG);
    rig_expect_nothing(&r);
    read_all(0);
    bool told = false;
    while (rig_out(&r, &s))
        told = told || (s.dport == side[2].port && s.window >= SEG);
    assert_true(told);
    assert_int_equal(side[2].tcb->rcv_waits, 0);
    rig_expect_nothing(&r); /* once, not every round */
    rig_fini(&r);
}

/* The limit: while nobody frees anything nobody is told. */
static void window_stays_closed_without_memory(void **state)
{
    struct segment s = {0};
    three_connections(28000);
    fill_up();
    for (unsigned n = 0; n < 8 && rcv_window_left(side[2].tcb) >= SEG; n++) {
        feed(2, 0);
        read_all(2);
        while (rig_out(&r, &s))
            ;
    }
    for (unsigned n = 0; n < 5; n++) {
        rig_wait(&r, 100);
        rig_expect_nothing(&r);
    }
    assert_int_equal(side[2].tcb->rcv_waits, 1);
    rig_fini(&r);
}

/* One that closes while it waits leaves no trace. */
static void waiting_connection_may_close(void **state)
{
    struct segment s = {0};
    three_connections(28000);
    fill_up();
    for (unsigned n = 0; n < 8 && rcv_window_left(side[2].tcb) >= SEG; n++) {
        feed(2, 0);
        read_all(2);
        while (rig_out(&r, &s))
            ;
    }
    assert_int_equal(side[2].tcb->rcv_waits, 1);
    uint32_t blocks = r.tcp.tcbs.in_use;
    tcp_abort(&r.tcp, side[2].tcb);
    while (rig_out(&r, &s))
        ;
    assert_int_equal(r.tcp.tcbs.in_use, blocks); /* its place in the line keeps the memory ... */
    read_all(0);
    while (rig_out(&r, &s))
        ;
    assert_int_equal(r.tcp.tcbs.in_use, blocks - 1); /* ... until its turn */
    assert_int_equal(r.tcp.rcv_wait.slab.in_use, 0);
    rig_fini(&r);
}

/* Out-of-order data goes first: that of another connection too, the farthest first. */
static void out_of_order_gives_way_to_in_order(void **state)
{
    three_connections(28000);
    turn_to(0);
    for (unsigned n = 1; n <= 4; n++)
        assert_true(feed(0, n * SEG)); /* with a hole in front */
    for (unsigned n = 0; n < 5; n++)
        assert_true(feed(1, 0));
    assert_int_equal(rig_count(&r, CNT_TCP_OOO_SHED), 0);
    assert_true(feed(2, 0));
    assert_true(feed(2, 0));
    assert_true(feed(2, 0));
    assert_true(rig_count(&r, CNT_TCP_OOO_SHED) > 0);
    assert_true(reassembly_has_hole(&r.tcp, side[0].tcb) || side[0].tcb->ooo == 0);
    assert_true(r.tcp.pinned <= r.tcp.pinned_max);
    rig_fini(&r);
}

/* Of the last eighth everybody may have a segment: who reads goes on, who does not is refused. */
static void who_reads_goes_on(void **state)
{
    three_connections(27000);
    fill_up();
    assert_true(r.tcp.pinned + 2304 > r.tcp.pinned_soft);
    assert_true(rcv_window_left(side[0].tcb) >= 200);
    assert_false(feed_bytes(0, 0, 200)); /* inside its window, and yet */
    assert_true(rig_count(&r, CNT_DROP_TCP_RCVBUF) > 0);
    for (unsigned n = 0; n < 4; n++) {
        assert_true(feed(2, 0));
        read_all(2);
    }
    rig_fini(&r);
}

/* The next `len` bytes for connection 0, as a datagram in two fragments; true when they were taken. */
static bool feed_fragments(uint32_t len)
{
    uint8_t whole[SEG], part[SEG];
    struct segment s = {
        .src = inet_addr("10.0.0.2"),
        .dst = inet_addr("10.0.0.1"),
        .sport = r.peer_port,
        .dport = RIG_PORT,
        .seq = r.peer_seq,
        .ack = r.peer_ack,
        .window = r.peer_window,
        .flags = SEG_ACK,
        .len = len,
        .data = bytes,
    };
    uint32_t before = rcv_queue_bytes(side[0].tcb);
    size_t n = segment_build(&s, whole, sizeof(whole)), first = 20 + 104;
    static uint16_t id;
    id++;
    for (unsigned i = 0; i < 2; i++) {
        struct ip4_hdr ip;
        size_t from = i == 0 ? 20 : first, to = i == 0 ? first : n;
        memcpy(&ip, whole, sizeof(ip));
        ip.total_length = htons((uint16_t)(20 + to - from));
        ip.id = id;
        ip.fragment = htons((uint16_t)((i == 0 ? IP4_MF : 0) | (from - 20) / 8));
        ip.check = 0;
        ip.check = checksum_finish(checksum_partial(&ip, sizeof(ip)));
        memcpy(part, &ip, sizeof(ip));
        memcpy(part + 20, whole + from, to - from);
        struct pkt p = {.m = frame_mbuf(r.tc.rx_pool, part, 20 + to - from)};
        enum verdict v = net_input(&r.net, &p);
        assert_int_equal(v, i == 0 ? VERDICT_DONE : VERDICT_TCP);
        if (v == VERDICT_TCP && tcp_input(&r.tcp, &p) == VERDICT_DROP)
            rte_pktmbuf_free(p.m);
    }
    bool taken = rcv_queue_bytes(side[0].tcb) == before + len;
    r.peer_seq += taken ? len : 0;
    return taken;
}

/* RFC9293-3.8.6: what a window offers is taken, also when it comes in fragments, a buffer each. They used to
 * fill a small receive buffer long before its window, and the peer gave up after tcp_retries2. */
static void a_window_is_kept_for_fragments(void **state)
{
    struct segment s;
    three_connections(1 << 20);
    turn_to(0);
    while (rcv_window_left(side[0].tcb) >= 300) {
        assert_true(feed_fragments(300));
        while (rig_out(&r, &s))
            ;
    }
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_opens_when_another_reads),
        cmocka_unit_test(window_stays_closed_without_memory),
        cmocka_unit_test(waiting_connection_may_close),
        cmocka_unit_test(out_of_order_gives_way_to_in_order),
        cmocka_unit_test(who_reads_goes_on),
        cmocka_unit_test(a_window_is_kept_for_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
