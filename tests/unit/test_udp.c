/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP (RFC 768, RFC1122-4.1), with Linux's socket semantics: udp(7), ip(7), socket(7). */
#include <errno.h>
#include <string.h>

#include "base/mbuf.h"
#include "support/udp_bench.h"

/* ---- sizes ---- */

static void datagram_arrives_with_its_sender(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    struct ip_addr src, want = bench_addr(BENCH_PEER);
    char part[2][4];
    uint16_t port;
    const struct iovec iov[3] = {{part[0], 3}, {NULL, 0}, {part[1], 4}};
    assert_int_equal(datagram(b, BENCH_PEER, 555, BENCH_IP, 7, "abcdef", 6), VERDICT_DONE);
    assert_int_equal(udp_next_len(pcb), 6);
    assert_int_equal(udp_recv(&b->udp, pcb, iov, 3, MSG_PEEK, &src, &port), 6);
    assert_int_equal(udp_recv(&b->udp, pcb, iov, 3, 0, &src, &port), 6);
    assert_memory_equal(part[0], "abc", 3);
    assert_memory_equal(part[1], "def", 3);
    assert_true(ip_addr_eq(&src, &want));
    assert_int_equal(port, 555);
    assert_int_equal(udp_recv(&b->udp, pcb, iov, 3, 0, &src, &port), -EAGAIN);
    assert_int_equal(udp_next_len(pcb), 0);
}

/* recv(2): the rest of a datagram that does not fit is lost; its full length is told. */
static void short_buffer_truncates(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    char two[2];
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "abcdef", 6);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "xyz", 3);
    assert_int_equal(recv_bytes(b, pcb, two, 2), 6);
    assert_memory_equal(two, "ab", 2);
    assert_int_equal(recv_bytes(b, pcb, two, 2), 3);
    assert_memory_equal(two, "xy", 2);
}

/* 0 bytes are a datagram too; 65,507 are the most (RFC 768 in RFC 791's 65,535). */
static void any_size_up_to_65507_can_be_sent(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp), *peer = bound(b, "127.0.0.1", 9, 0);
    static const size_t sizes[] = {0, 1, 100, 377, 378, 1472, 1473, 8192, 65507};
    for (size_t i = 0; i < RTE_DIM(sizes); i++) {
        assert_int_equal(send_bytes(b, pcb, sizes[i], "127.0.0.1", 9), sizes[i]);
        bench_loopback(b);
        assert_true(queued(peer));
        assert_int_equal(recv_bytes(b, peer, NULL, 0), sizes[i]);
    }
    assert_int_equal(send_bytes(b, pcb, 65508, "127.0.0.1", 9), -EMSGSIZE);
}

static void empty_datagram_is_received(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "", 0);
    assert_true(queued(pcb));
    assert_int_equal(recv_bytes(b, pcb, NULL, 0), 0);
    assert_false(queued(pcb));
}

/* ---- checksum ---- */

/* RFC 768: zero means that the sender computed none (RFC1122-4.1.3.4: such are passed). */
static void checksum_zero_is_accepted(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "abc", 3);
    frame_set16(&b->f, b->f.l4 + 6, 0);
    assert_int_equal(bench_input(b), VERDICT_DONE);
    assert_int_equal(recv_bytes(b, pcb, NULL, 0), 3);
    assert_int_equal(recv_bytes(b, pcb, NULL, 0), 3);
}

static void wrong_checksum_and_length_are_dropped(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "abc", 3);
    recv_bytes(b, pcb, NULL, 0);
    b->f.b[b->f.len - 1] ^= 1;
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_UDP_CHECKSUM);
    frame_set16(&b->f, b->f.l4 + 4, 7);
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_UDP_MALFORMED);
    frame_set16(&b->f, b->f.l4 + 4, 100);
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_UDP_MALFORMED);
    assert_false(queued(pcb));
}

/* What we send is right by an independent sum, in however many segments it lay. */
static void sent_checksum_is_right(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 9);
    for (size_t len = 0; len < 1473; len += 37) {
        assert_int_equal(send_bytes(b, pcb, len, NULL, 0), len);
        bench_sent(b, &s);
        assert_int_not_equal(bench_u16(s.b + 40), 0);
        uint32_t sum = frame_sum((uint32_t)(17 + len + 8), s.b + 26, 8);
        assert_int_equal(frame_sum_finish(frame_sum(sum, s.b + 34, len + 8)), 0);
    }
}

/* ---- who gets it ---- */

static void most_specific_socket_gets_it(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *any = bound(b, "0.0.0.0", 7, UDP_REUSEADDR);
    struct udp_pcb *one = bound(b, BENCH_IP, 7, UDP_REUSEADDR);
    struct udp_pcb *conn = bound(b, BENCH_IP, 7, UDP_REUSEADDR);
    struct ip_addr peer = bench_addr(BENCH_PEER), second = bench_addr("10.5.0.1");
    assert_int_equal(net_add_address(&b->net, 0, &second, 16), 0);
    assert_int_equal(udp_connect(&b->udp, conn, &peer, 555), 0);
    datagram(b, BENCH_PEER, 555, BENCH_IP, 7, "a", 1);
    assert_true(queued(conn) && !queued(one) && !queued(any));
    datagram(b, BENCH_PEER, 556, BENCH_IP, 7, "a", 1);
    assert_true(queued(one) && !queued(any));
    datagram(b, BENCH_PEER, 555, "10.5.0.1", 7, "a", 1);
    assert_true(queued(any));
}

/* udp(7): a connected socket hears its peer alone. */
static void connected_socket_hears_its_peer_alone(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 555);
    uint16_t port = port_of(pcb);
    assert_int_equal(datagram(b, BENCH_PEER, 556, BENCH_IP, port, "a", 1), VERDICT_DROP);
    assert_int_equal(datagram(b, "10.0.0.3", 555, BENCH_IP, port, "a", 1), VERDICT_DROP);
    assert_int_equal(datagram(b, BENCH_PEER, 555, BENCH_IP, port, "a", 1), VERDICT_DONE);
}

/* connect(2): AF_UNSPEC dissolves; what bind did not fix is given back, as Linux does. */
static void association_can_be_dissolved(void **state)
{
    struct net_bench *b = *state;
    struct flow_key name;
    struct udp_pcb *a = connected(b, BENCH_PEER, 555), *c = bound(b, "0.0.0.0", 7, 0);
    struct ip_addr peer = bench_addr(BENCH_PEER);
    assert_int_equal(udp_connect(&b->udp, a, NULL, 0), 0);
    udp_name(a, &name);
    assert_true(name.lport == 0 && name.rport == 0 && ip_addr_is_any(&name.local) &&
                ip_addr_is_any(&name.remote));
    assert_int_equal(udp_connect(&b->udp, c, &peer, 555), 0);
    udp_name(c, &name);
    assert_false(ip_addr_is_any(&name.local));
    assert_int_equal(udp_connect(&b->udp, c, NULL, 0), 0);
    udp_name(c, &name);
    assert_true(name.lport == 7 && ip_addr_is_any(&name.local));
    assert_int_equal(datagram(b, "10.0.0.3", 5, BENCH_IP, 7, "a", 1), VERDICT_DONE);
    assert_int_equal(send_bytes(b, a, 1, NULL, 0), -EDESTADDRREQ);
}

static void a_queue_survives_a_dissolved_association(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 555);
    datagram(b, BENCH_PEER, 555, BENCH_IP, port_of(pcb), "a", 1);
    assert_int_equal(udp_connect(&b->udp, pcb, NULL, 0), 0);
    assert_true(queued(pcb)); /* and the teardown sees no leak of it */
}

/* ---- bind ---- */

static void bind_conflicts_are_those_of_linux(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *x = udp_open(&b->udp);
    bound(b, BENCH_IP, 7, 0);
    assert_int_equal(bind_rc(b, x, BENCH_IP, 7, 0), -EADDRINUSE);
    assert_int_equal(bind_rc(b, x, "0.0.0.0", 7, 0), -EADDRINUSE);
    assert_int_equal(bind_rc(b, x, BENCH_IP, 7, UDP_REUSEADDR | UDP_REUSEPORT),
                     -EADDRINUSE);                               /* both must agree */
    assert_int_equal(bind_rc(b, x, "127.0.0.1", 7, 0), 0);       /* another address */
    assert_int_equal(bind_rc(b, x, "127.0.0.1", 8, 0), -EINVAL); /* bound already */
    bound(b, BENCH_IP, 20, UDP_REUSEADDR);
    struct udp_pcb *y = udp_open(&b->udp);
    assert_int_equal(bind_rc(b, y, BENCH_IP, 20, UDP_REUSEPORT), -EADDRINUSE); /* the same option */
    assert_int_equal(bind_rc(b, y, BENCH_IP, 20, UDP_REUSEADDR), 0);
}

static void foreign_addresses_cannot_be_bound(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *x = udp_open(&b->udp);
    assert_int_equal(bind_rc(b, x, "10.0.0.2", 7, 0), -EADDRNOTAVAIL);
    assert_int_equal(bind_rc(b, x, "8.8.8.8", 7, 0), -EADDRNOTAVAIL);
    assert_int_equal(bind_rc(b, x, "239.1.1.1", 7, 0), 0); /* ip(7): to hear that group alone */
}

/* RFC6056-3.3.1: ephemeral ports come from the range, at random. */
static void ephemeral_ports_are_random_and_in_range(void **state)
{
    struct net_bench *b = *state;
    unsigned successive = 0;
    uint16_t last = 0;
    for (int i = 0; i < 200; i++) {
        uint16_t port = port_of(bound(b, "0.0.0.0", 0, 0));
        assert_true(port >= 32768 && port <= 60999);
        successive += (uint16_t)(port - last) < 10;
        last = port;
    }
    assert_true(successive < 5);
}

static void ephemeral_ports_run_out_cleanly(void **state)
{
    struct net_bench *b = *state;
    b->t.tun.ip_local_port_min = 40000;
    b->t.tun.ip_local_port_max = 40009;
    struct udp_pcb *last = NULL;
    for (int i = 0; i < 10; i++)
        last = bound(b, "0.0.0.0", 0, 0);
    struct udp_pcb *x = udp_open(&b->udp);
    assert_int_equal(bind_rc(b, x, "0.0.0.0", 0, 0), -EADDRINUSE);
    assert_int_equal(send_bytes(b, x, 1, BENCH_PEER, 9), -EAGAIN);
    udp_close(&b->udp, last);
    assert_int_equal(bind_rc(b, x, "0.0.0.0", 0, 0), 0);
}

/* socket(7), SO_REUSEPORT: flows are spread over the sockets, each flow staying with one. */
static void reuseport_spreads_flows(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *g[4];
    unsigned got[4] = {0};
    for (int i = 0; i < 4; i++)
        g[i] = bound(b, "0.0.0.0", 7, UDP_REUSEPORT);
    for (uint16_t port = 1000; port < 1400; port++) {
        int who = -1;
        for (int again = 0; again < 2; again++) {
            datagram(b, BENCH_PEER, port, BENCH_IP, 7, "a", 1);
            for (int i = 0; i < 4; i++)
                if (queued(g[i])) {
                    assert_true(who == -1 || who == i);
                    who = i;
                    recv_bytes(b, g[i], NULL, 0);
                }
        }
        got[who]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(got[i], 60, 140);
}

/* Two with SO_REUSEADDR on one address: the one bound last gets unicast, as on Linux. */
static void reuseaddr_gives_to_the_last(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *first = bound(b, "0.0.0.0", 7, UDP_REUSEADDR),
                   *last = bound(b, "0.0.0.0", 7, UDP_REUSEADDR);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
    assert_true(queued(last) && !queued(first));
    udp_close(&b->udp, last);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
    assert_true(queued(first));
}

/* RFC1122-4.1.4: every listener gets a broadcast. */
static void group_reaches_every_listener(void **state)
{
    struct net_bench *b = *state;
    static const char *const group[] = {"224.0.0.251", "255.255.255.255", "10.0.0.255"};
    for (uint16_t i = 0; i < RTE_DIM(group); i++) {
        uint16_t port = (uint16_t)(100 + i);
        struct udp_pcb *s[4] = {
            bound(b, "0.0.0.0", port, UDP_REUSEADDR), bound(b, "0.0.0.0", port, UDP_REUSEADDR),
            bound(b, group[i], port, UDP_REUSEADDR), bound(b, BENCH_IP, port, UDP_REUSEADDR)};
        assert_int_equal(datagram(b, BENCH_PEER, 5, group[i], port, "abc", 3), VERDICT_DONE);
        for (int k = 0; k < 3; k++) {
            char got[4];
            assert_int_equal(recv_bytes(b, s[k], got, 4), 3);
            assert_memory_equal(got, "abc", 3);
        }
        assert_false(queued(s[3])); /* bound to a unicast address: not meant */
    }
    assert_int_equal(datagram(b, BENCH_PEER, 5, "10.0.0.255", 999, "abc", 3), VERDICT_DROP);
    assert_int_equal(bench_n_sent(b), 0); /* no port unreachable for a group */
}

/* ---- the queue ---- */

/* Bounded by what it pins: one-byte datagrams must not empty the pool. */
static void receive_queue_is_bounded_by_memory(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_RCVBUF, 20000), 0);
    for (int i = 0; i < 100; i++)
        datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
    uint64_t in = bench_count(b, CNT_UDP_IN);
    assert_in_range(in, 5, 12);
    assert_int_equal(bench_count(b, CNT_DROP_UDP_QUEUE_FULL), 100 - in);
    assert_int_equal(heap_pool_in_use(b->t.rx_pool), in);
    recv_bytes(b, pcb, NULL, 0);
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
    assert_int_equal(bench_count(b, CNT_UDP_IN), in + 1);
}

/* epoll(7): each arrival is an edge. */
static void each_arrival_is_an_event(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    int owner;
    udp_endpoint(pcb)->owner = &owner;
    for (int i = 0; i < 3; i++) {
        datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
        struct endpoint *ep = ready_list_pop(&b->t.ctx.ready);
        assert_ptr_equal(ep, udp_endpoint(pcb));
        assert_int_equal(ep->events, EPOLLIN);
        ep->events = 0;
    }
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "a", 1);
    udp_close(&b->udp, pcb); /* while on the ready list */
    assert_null(ready_list_pop(&b->t.ctx.ready));
}

static void datagram_can_be_taken_without_a_copy(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = bound(b, "0.0.0.0", 7, 0);
    struct ip_addr src;
    uint16_t port;
    assert_null(udp_recv_mbuf(&b->udp, pcb, &src, &port));
    datagram(b, BENCH_PEER, 5, BENCH_IP, 7, "abcdef", 6);
    struct rte_mbuf *m = udp_recv_mbuf(&b->udp, pcb, &src, &port);
    assert_int_equal(m->pkt_len, 6);
    assert_memory_equal(rte_pktmbuf_mtod(m, char *), "abcdef", 6);
    assert_int_equal(port, 5);
    rte_pktmbuf_free(m);
}

static void payload_chain_is_sent_without_a_copy(void **state)
{
    struct net_bench *b = *state;
    static uint8_t bytes[1400];
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 9);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    struct rte_mbuf *m = mbuf_from_bytes(&b->t.ctx, bytes, sizeof(bytes));
    assert_int_equal(udp_send_take(&b->udp, pcb, m, NULL, 0), sizeof(bytes));
    bench_sent(b, &s);
    assert_int_equal(s.nb_segs, 1); /* header in front of it */
    assert_memory_equal(s.b + 42, bytes, sizeof(bytes));
    m = mbuf_from_bytes(&b->t.ctx, bytes, sizeof(bytes));
    rte_mbuf_refcnt_update(m, 1);
    assert_int_equal(udp_send_take(&b->udp, pcb, m, NULL, 0), sizeof(bytes));
    bench_sent(b, &s);
    assert_int_equal(s.nb_segs, 2); /* header before it, in a buffer of its own */
    assert_memory_equal(s.b + 42, bytes, sizeof(bytes));
    assert_int_equal(m->pkt_len, sizeof(bytes));
    rte_pktmbuf_free(m);
    /* and it is ours on failure as well */
    struct udp_pcb *alone = udp_open(&b->udp);
    assert_int_equal(udp_send_take(&b->udp, alone, mbuf_from_bytes(&b->t.ctx, "x", 1), NULL, 0),
                     -EDESTADDRREQ);
}

/* ---- under pressure ---- */

static void many_sockets_open_and_close(void **state)
{
    struct net_bench *b = *state;
    static struct udp_pcb *pcb[5000];
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++)
            pcb[i] = i % 2 ? connected(b, BENCH_PEER, (uint16_t)(1 + i))
                           : bound(b, "0.0.0.0", (uint16_t)(1 + i), 0);
        for (unsigned i = 1; i < 5000; i += 2) {
            assert_int_equal(datagram(b, BENCH_PEER, (uint16_t)(1 + i), BENCH_IP, port_of(pcb[i]), "a", 1),
                             VERDICT_DONE);
            assert_true(queued(pcb[i]));
        }
        for (unsigned i = 0; i < 5000; i++)
            udp_close(&b->udp, pcb[(i * 7919) % 5000]);
        assert_int_equal(b->udp.n_pcbs, 0);
        assert_int_equal(b->udp.n_connected, 0);
        assert_int_equal(heap_pool_in_use(b->t.rx_pool), 0);
    }
}

static void empty_pools_fail_the_call_not_the_stack(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 9);
    heap_pool_set_limit(b->t.ctx.hdr_pool, 0);
    heap_pool_set_limit(b->t.ctx.data_pool, 2);
    assert_int_equal(send_bytes(b, pcb, 1, NULL, 0), -ENOBUFS);
    assert_int_equal(send_bytes(b, pcb, 1400, NULL, 0), 1400);
    bench_clear_sent(b);
    assert_int_equal(send_bytes(b, pcb, 20000, NULL, 0), -ENOBUFS);
    assert_int_equal(heap_pool_in_use(b->t.ctx.data_pool), 0);
    heap_pool_set_limit(b->t.ctx.hdr_pool, TEST_POOL_LIMIT);
    heap_pool_set_limit(b->t.ctx.data_pool, TEST_POOL_LIMIT);
    assert_int_equal(send_bytes(b, pcb, 1, NULL, 0), 1);
    /* copies for several listeners */
    struct udp_pcb *one = bound(b, "0.0.0.0", 7, UDP_REUSEADDR), *two = bound(b, "0.0.0.0", 7, UDP_REUSEADDR);
    heap_pool_set_limit(b->t.ctx.data_pool, 0);
    datagram(b, BENCH_PEER, 5, "10.0.0.255", 7, "a", 1);
    assert_int_equal(queued(one) + queued(two), 1);
    heap_pool_set_limit(b->t.ctx.data_pool, TEST_POOL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(datagram_arrives_with_its_sender),
        BENCH_TEST(short_buffer_truncates),
        BENCH_TEST(any_size_up_to_65507_can_be_sent),
        BENCH_TEST(empty_datagram_is_received),
        BENCH_TEST(checksum_zero_is_accepted),
        BENCH_TEST(wrong_checksum_and_length_are_dropped),
        BENCH_TEST(sent_checksum_is_right),
        BENCH_TEST(most_specific_socket_gets_it),
        BENCH_TEST(connected_socket_hears_its_peer_alone),
        BENCH_TEST(association_can_be_dissolved),
        BENCH_TEST(a_queue_survives_a_dissolved_association),
        BENCH_TEST(bind_conflicts_are_those_of_linux),
        BENCH_TEST(foreign_addresses_cannot_be_bound),
        BENCH_TEST(ephemeral_ports_are_random_and_in_range),
        BENCH_TEST(ephemeral_ports_run_out_cleanly),
        BENCH_TEST(reuseport_spreads_flows),
        BENCH_TEST(reuseaddr_gives_to_the_last),
        BENCH_TEST(group_reaches_every_listener),
        BENCH_TEST(receive_queue_is_bounded_by_memory),
        BENCH_TEST(each_arrival_is_an_event),
        BENCH_TEST(datagram_can_be_taken_without_a_copy),
        BENCH_TEST(payload_chain_is_sent_without_a_copy),
        BENCH_TEST(many_sockets_open_and_close),
        BENCH_TEST(empty_pools_fail_the_call_not_the_stack),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
