/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "net/icmp.h"
#include "support/net_bench.h"

static enum verdict echo(struct net_bench *b, const char *dst, size_t len)
{
    uint8_t h[8] = {8, 0, 0, 0, 0x12, 0x34, 0, 1};
    bench_ip4(b, BENCH_PEER, dst, 1);
    frame_bytes(&b->f, h, 8);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        frame_bytes(&b->f, &byte, 1);
    }
    frame_finish(&b->f);
    return bench_input(b);
}

/* A datagram of ours comes back quoted in an error. */
static enum verdict error_about(struct net_bench *b, uint8_t type, uint8_t code, uint16_t mtu,
                                const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
    uint8_t h[8] = {type, code, 0, 0, 0, 0, (uint8_t)(mtu >> 8), (uint8_t)mtu};
    uint8_t quote[28] = {0x45, 0, 0x05, 0xdc, 0, 1, 0x40, 0, 63, 17};
    uint32_t s = bench_be(src), d = bench_be(dst);
    memcpy(quote + 12, &s, 4);
    memcpy(quote + 16, &d, 4);
    quote[20] = (uint8_t)(sport >> 8);
    quote[21] = (uint8_t)sport;
    quote[22] = (uint8_t)(dport >> 8);
    quote[23] = (uint8_t)dport;
    bench_ip4(b, "10.0.0.254", BENCH_IP, 1);
    frame_bytes(&b->f, h, 8);
    frame_bytes(&b->f, quote, sizeof(quote));
    frame_finish(&b->f);
    return bench_input(b);
}

static enum verdict datagram(struct net_bench *b, const char *src, const char *dst, uint16_t dport)
{
    bench_ip4(b, src, dst, 17);
    frame_udp(&b->f, 5, dport);
    frame_bytes(&b->f, "payload", 7);
    frame_finish(&b->f);
    return bench_input(b);
}

/* RFC1122-3.2.2.6 (MUST): every host answers; data, identifier and sequence come back. */
static void echo_is_answered_with_its_data(void **state)
{
    struct net_bench *b = *state;
    static const size_t sizes[] = {0, 1, 56, 1472};
    bench_know(b, BENCH_PEER, bench_peer_mac);
    for (size_t i = 0; i < RTE_DIM(sizes); i++) {
        struct bench_sent s;
        assert_int_equal(echo(b, BENCH_IP, sizes[i]), VERDICT_DONE);
        bench_sent(b, &s);
        assert_int_equal(s.len, 42 + sizes[i]);
        assert_int_equal(s.b[34], 0);
        assert_int_equal(frame_sum_finish(frame_sum(0, s.b + 34, s.len - 34)), 0);
        assert_memory_equal(s.b + 38, b->f.b + 38, 4 + sizes[i]);
        assert_memory_equal(s.b + 26, b->f.b + 30, 4); /* from the address asked */
        assert_memory_equal(s.b + 30, b->f.b + 26, 4);
    }
    assert_int_equal(bench_count(b, CNT_ICMP_ECHO), 4);
}

/* RFC1122-3.2.2.6: as large as can be reassembled, fragmented again. */
static void large_echo_comes_back_in_fragments(void **state)
{
    struct net_bench *b = *state;
    static uint8_t reply[66000];
    struct bench_sent s;
    uint8_t h[8] = {8, 0, 0, 0, 0x12, 0x34, 0, 1};
    const size_t len = 65507;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    bench_ip4(b, BENCH_PEER, BENCH_IP, 1);
    frame_bytes(&b->f, h, 8);
    for (size_t i = 0; i < len; i++)
        frame_bytes(&b->f, &(uint8_t){(uint8_t)(i * 31 >> 3)}, 1);
    frame_finish(&b->f);
    static struct frame whole;
    memcpy(&whole, &b->f, sizeof(whole));
    for (size_t off = 0; off < len + 8; off += 1480) {
        size_t n = RTE_MIN((size_t)1480, len + 8 - off);
        bench_ip4(b, BENCH_PEER, BENCH_IP, 1);
        frame_bytes(&b->f, whole.b + 34 + off, n);
        frame_set16(&b->f, 14 + 6, (uint16_t)((off + n < len + 8 ? 0x2000 : 0) | off / 8));
        frame_set16(&b->f, 14 + 2, (uint16_t)(20 + n));
        frame_set16(&b->f, 14 + 10, 0);
        frame_set16(&b->f, 14 + 10, frame_sum_finish(frame_sum(0, b->f.b + 14, 20)));
        bench_input(b);
    }
    size_t got = 0;
    for (bench_sent(b, &s); s.len > 0; bench_sent(b, &s)) {
        memcpy(reply + (bench_u16(s.b + 20) & 0x1fff) * 8, s.b + 34, s.len - 34);
        got += s.len - 34;
    }
    assert_int_equal(got, len + 8);
    assert_int_equal(reply[0], 0);
    assert_memory_equal(reply + 4, whole.b + 38, len + 4);
    assert_int_equal(frame_sum_finish(frame_sum(0, reply, len + 8)), 0);
}

/* RFC1122-3.2.2.6: may be ignored when it was for everybody; smurfs ask so. */
static void echo_to_a_group_is_ignored(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(echo(b, "10.0.0.255", 10), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ICMP_BROADCAST);
    assert_int_equal(echo(b, "224.0.0.1", 10), VERDICT_DROP);
    assert_int_equal(bench_n_sent(b), 0);
}

/* What the wire may still hold is not written over. */
static void echo_in_a_shared_buffer_is_copied(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    echo(b, BENCH_IP, 40);
    bench_clear_sent(b);
    struct rte_mbuf *m = frame_mbuf(b->t.rx_pool, b->f.b, b->f.len);
    rte_mbuf_refcnt_update(m, 1);
    assert_int_equal(bench_input_mbuf(b, m), VERDICT_DONE);
    bench_sent(b, &s);
    assert_int_equal(s.len, 82);
    assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), b->f.b, b->f.len);
    rte_pktmbuf_free(m);
}

static void spoiled_messages_are_dropped(void **state)
{
    struct net_bench *b = *state;
    echo(b, BENCH_IP, 40);
    bench_clear_sent(b);
    b->f.b[50] ^= 1;
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ICMP_CHECKSUM);
    assert_int_equal(bench_n_sent(b), 0);
}

/* ---- errors that we send ---- */

/* RFC1122-4.1.3.1 (SHOULD): port unreachable, quoting header and data. */
static void closed_port_is_reported(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    assert_int_equal(datagram(b, BENCH_PEER, BENCH_IP, 9999), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_UDP_NO_PORT);
    bench_sent(b, &s);
    assert_int_equal(s.len, 14 + 20 + 8 + 35);
    assert_int_equal(s.b[15], 0xc0); /* RFC1812-4.3.2.5 */
    assert_int_equal(s.b[34], 3);
    assert_int_equal(s.b[35], 3);
    assert_int_equal(frame_sum_finish(frame_sum(0, s.b + 34, s.len - 34)), 0);
    assert_memory_equal(s.b + 42, b->f.b + 14, 35);
}

/* RFC1122-3.2.2.1: protocol unreachable. */
static void unknown_protocol_is_reported(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    bench_ip4(b, BENCH_PEER, BENCH_IP, 132);
    frame_bytes(&b->f, "abcdefgh", 8);
    frame_finish(&b->f);
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_IP_PROTOCOL);
    bench_sent(b, &s);
    assert_int_equal(s.b[34], 3);
    assert_int_equal(s.b[35], 2);
}

/* RFC1122-3.2.2: not about groups, fragments but the first, other errors. */
static void errors_are_not_sent_about_what_must_not_be_answered(void **state)
{
    struct net_bench *b = *state;
    datagram(b, BENCH_PEER, "10.0.0.255", 9999);
    datagram(b, BENCH_PEER, "224.0.0.1", 9999);
    bench_ip4(b, BENCH_PEER, "224.0.0.1", 2); /* IGMP */
    frame_bytes(&b->f, "abcdefgh", 8);
    frame_finish(&b->f);
    bench_input(b);
    assert_int_equal(bench_n_sent(b), 0);

    datagram(b, BENCH_PEER, BENCH_IP, 9999);
    bench_clear_sent(b);
    uint64_t sent = bench_count(b, CNT_ICMP_ERRORS_OUT);
    struct pkt p = {.m = frame_mbuf(b->t.rx_pool, b->f.b, b->f.len), .l3_off = 14, .l4_off = 34, .proto = 17};
    p.src = bench_addr(BENCH_PEER);
    p.dst = bench_addr(BENCH_IP);
    uint8_t *h = rte_pktmbuf_mtod(p.m, uint8_t *);
    h[14 + 7] = 5; /* fragment offset 40 */
    net_send_icmp_error_borrow(&b->net, &p, 3, 3);
    h[14 + 7] = 0;
    p.proto = 1;
    h[34] = 3; /* now it reads as destination unreachable */
    net_send_icmp_error_borrow(&b->net, &p, 3, 2);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_OUT), sent);
    h[34] = 8; /* about an echo request it would be allowed */
    net_send_icmp_error_borrow(&b->net, &p, 3, 2);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_OUT), sent + 1);
    rte_pktmbuf_free(p.m);
}

/* RFC1812-4.3.2.8: a token bucket. */
static void errors_are_rate_limited(void **state)
{
    struct net_bench *b = *state;
    b->t.tun.icmp_ratelimit_per_s = 100;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    for (int i = 0; i < 500; i++)
        datagram(b, BENCH_PEER, BENCH_IP, 9999);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_OUT), 50);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_LIMITED), 450);
    bench_advance(b, 100 * NSEC_PER_MSEC);
    for (int i = 0; i < 500; i++)
        datagram(b, BENCH_PEER, BENCH_IP, 9999);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_OUT), 60);
    b->t.tun.icmp_ratelimit_per_s = 0;
    bench_advance(b, 10 * NSEC_PER_SEC);
    datagram(b, BENCH_PEER, BENCH_IP, 9999);
    assert_int_equal(bench_count(b, CNT_ICMP_ERRORS_OUT), 60);
}

/* ---- errors that we get ---- */

/* RFC1122-3.2.2: passed to the transport that the quoted packet names. (RFC9293-MUST-54) */
static void errors_reach_the_transport(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(error_about(b, 3, 3, 0, BENCH_IP, 1000, BENCH_PEER, 2000), VERDICT_ICMP_ERROR);
    assert_int_equal(b->pkt.icmp_error.sport, 1000);
    assert_int_equal(b->pkt.icmp_error.dport, 2000);
    assert_int_equal(error_about(b, 11, 0, 0, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_ICMP_ERROR);
    assert_int_equal(error_about(b, 12, 0, 0, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_ICMP_ERROR);
    assert_int_equal(error_about(b, 3, 4, 1300, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_ICMP_ERROR);
    assert_int_equal(b->pkt.icmp_error.mtu, 1300);
}

/* RFC6633-3 (MUST): source quench is ignored. Redirects and what we cannot have sent too.
 * (RFC9293-MUST-55) */
static void quench_redirect_and_nonsense_are_ignored(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(error_about(b, 4, 0, 0, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ICMP_IGNORED);
    assert_int_equal(error_about(b, 5, 0, 0, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ICMP_IGNORED);
    assert_int_equal(error_about(b, 3, 3, 0, "10.0.0.99", 1, BENCH_PEER, 2), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ICMP_QUOTE);
    assert_int_equal(error_about(b, 13, 0, 0, BENCH_IP, 1, BENCH_PEER, 2), VERDICT_DROP); /* timestamp */
    assert_int_equal(bench_n_sent(b), 0);
}

/* RFC1122-4.2.3.9: which are soft, which hard. */
static void errors_have_their_errno(void **state)
{
    static const struct {
        uint8_t type, code;
        int err;
        bool hard;
    } want[] = {{3, 0, ENETUNREACH, false},
                {3, 1, EHOSTUNREACH, false},
                {3, 2, ENOPROTOOPT, true},
                {3, 3, ECONNREFUSED, true},
                {3, 4, EMSGSIZE, true},
                {3, 5, EOPNOTSUPP, false},
                {3, 13, EHOSTUNREACH, true},
                {3, 99, EHOSTUNREACH, false},
                {11, 0, EHOSTUNREACH, false},
                {12, 0, EPROTO, true},
                {4, 0, 0, false}};
    for (size_t i = 0; i < RTE_DIM(want); i++) {
        bool hard;
        assert_int_equal(icmp_error_errno(want[i].type, want[i].code, &hard), want[i].err);
        assert_int_equal(hard, want[i].hard);
    }
}

static void empty_pools_are_survived(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    heap_pool_set_limit(b->t.ctx.data_pool, 0);
    heap_pool_set_limit(b->t.ctx.hdr_pool, 0);
    datagram(b, BENCH_PEER, BENCH_IP, 9999);
    assert_int_equal(bench_n_sent(b), 0);
    echo(b, BENCH_IP, 40); /* answered in its own buffer */
    assert_int_equal(bench_n_sent(b), 1);
    heap_pool_set_limit(b->t.ctx.data_pool, TEST_POOL_LIMIT);
    heap_pool_set_limit(b->t.ctx.hdr_pool, TEST_POOL_LIMIT);
    datagram(b, BENCH_PEER, BENCH_IP, 9999);
    assert_int_equal(bench_n_sent(b), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(echo_is_answered_with_its_data),
        BENCH_TEST(large_echo_comes_back_in_fragments),
        BENCH_TEST(echo_to_a_group_is_ignored),
        BENCH_TEST(echo_in_a_shared_buffer_is_copied),
        BENCH_TEST(spoiled_messages_are_dropped),
        BENCH_TEST(closed_port_is_reported),
        BENCH_TEST(unknown_protocol_is_reported),
        BENCH_TEST(errors_are_not_sent_about_what_must_not_be_answered),
        BENCH_TEST(errors_are_rate_limited),
        BENCH_TEST(errors_reach_the_transport),
        BENCH_TEST(quench_redirect_and_nonsense_are_ignored),
        BENCH_TEST(errors_have_their_errno),
        BENCH_TEST(empty_pools_are_survived),
    };
    return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
