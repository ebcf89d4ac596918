/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly (RFC791-3.2, RFC 815, RFC 5722, RFC3168-5.3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/net_bench.h"

#define PORT 7

/* A whole UDP datagram to be cut up: header and payload, checksum right. */
struct whole {
    size_t len;
    uint8_t b[65536];
};

static struct whole *make_whole(struct net_bench *b, size_t payload, uint64_t seed)
{
    struct whole *w = malloc(sizeof(*w));
    bench_ip4(b, BENCH_PEER, BENCH_IP, 17);
    frame_udp(&b->f, 5, PORT);
    for (size_t i = 0; i < payload; i++) {
        uint8_t byte = (uint8_t)test_rand(&seed);
        frame_bytes(&b->f, &byte, 1);
    }
    frame_finish(&b->f);
    w->len = 8 + payload;
    memcpy(w->b, b->f.b + 34, w->len);
    return w;
}

/* Bytes [off, off+len) as a fragment with that id. */
static enum verdict fragment(struct net_bench *b, const struct whole *w, uint16_t id, size_t off, size_t len,
                             bool more)
{
    bench_ip4(b, BENCH_PEER, BENCH_IP, 17);
    frame_bytes(&b->f, w->b + off, len);
    frame_set16(&b->f, b->f.l3 + 4, id);
    frame_set16(&b->f, b->f.l3 + 6, (uint16_t)((more ? 0x2000 : 0) | off / 8));
    b->f.l4 = 0; /* the checksum of the whole stays */
    frame_set16(&b->f, b->f.l3 + 2, (uint16_t)(20 + len));
    frame_set16(&b->f, b->f.l3 + 10, 0);
    frame_set16(&b->f, b->f.l3 + 10, frame_sum_finish(frame_sum(0, b->f.b + b->f.l3, 20)));
    return bench_input(b);
}

static struct udp_pcb *listener(struct net_bench *b)
{
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr any = ip_addr_v4(0);
    assert_int_equal(udp_bind(&b->udp, pcb, &any, PORT, 0), 0);
    return pcb;
}

static void assert_received(struct net_bench *b, struct udp_pcb *pcb, const struct whole *w)
{
    static uint8_t got[65536];
    const struct iovec iov = {got, sizeof(got)};
    assert_int_equal(udp_recv(&b->udp, pcb, &iov, 1, 0, NULL, NULL), w->len - 8);
    assert_memory_equal(got, w->b + 8, w->len - 8);
}

static void assert_empty(struct net_bench *b)
{
    assert_int_equal(b->net.frags.datagrams.in_use, 0);
    assert_int_equal(b->net.frags.pinned, 0);
    assert_int_equal(heap_pool_in_use(b->t.rx_pool), 0);
}

/* RFC 815: in whatever order they come. */
static void any_order_gives_the_datagram(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 2400, 1);
    static const int order[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint16_t i = 0; i < 6; i++) {
        for (int k = 0; k < 3; k++) {
            size_t off = (size_t)order[i][k] * 800;
            size_t len = order[i][k] == 2 ? w->len - 1600 : 800;
            assert_int_equal(fragment(b, w, i, off, len, order[i][k] < 2), VERDICT_DONE);
        }
        assert_received(b, pcb, w);
    }
    assert_int_equal(bench_count(b, CNT_IP_REASSEMBLED), 6);
    free(w);
    assert_empty(b);
}

/* 65,507 bytes of UDP, 45 fragments at an MTU of 1500. */
static void largest_datagram_is_put_together(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 65507, 2);
    for (size_t off = 0; off < w->len; off += 1480)
        fragment(b, w, 1, off, RTE_MIN((size_t)1480, w->len - off), off + 1480 < w->len);
    assert_received(b, pcb, w);
    free(w);
    assert_empty(b);
}

/* Even if the transport header itself is cut up. */
static void tiny_first_fragments_give_contiguous_headers(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 200, 3);
    for (size_t off = w->len / 8 * 8 + 8; off > 0;) {
        off -= 8;
        if (off < w->len)
            fragment(b, w, 1, off, RTE_MIN((size_t)8, w->len - off), off + 8 < w->len);
    }
    assert_received(b, pcb, w);
    free(w);
    assert_empty(b);
}

static void random_cuts_and_orders_with_duplicates(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    uint64_t seed = test_random_seed();
    for (uint16_t round = 0; round < 200; round++) {
        struct whole *w = make_whole(b, test_rand(&seed) % 9000, seed);
        size_t cut[64] = {0}, n = 1;
        while (n < 60 && cut[n - 1] < w->len) {
            cut[n] = cut[n - 1] + 8 * (1 + test_rand(&seed) % 180);
            n++;
        }
        if (cut[n - 1] < w->len) {
            free(w);
            continue;
        }
        n--; /* pieces */
        size_t order[64];
        for (size_t i = 0; i < n; i++)
            order[i] = i;
        for (size_t i = n; i > 1; i--) {
            size_t k = test_rand(&seed) % i, t = order[i - 1];
            order[i - 1] = order[k];
            order[k] = t;
        }
        for (size_t i = 0; i < n; i++) {
            size_t k = order[i], end = RTE_MIN(cut[k + 1], w->len);
            fragment(b, w, round, cut[k], end - cut[k], k + 1 < n);
            if (i + 1 < n && test_rand(&seed) % 4 == 0)
                fragment(b, w, round, cut[k], end - cut[k], k + 1 < n);
        }
        assert_received(b, pcb, w);
        free(w);
    }
    assert_empty(b);
}

/* RFC5722-3 (for IPv4 as Linux has it): an overlap discards the datagram silently, what is still to
 * come of it included. */
static void overlap_discards_the_datagram(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 2400, 4);
    static const struct {
        size_t off, len;
        bool more;
    } evil[] = {{400, 800, true}, {792, 16, true},   {0, 808, true},    {0, 792, true}, {8, 792, true},
                {8, 2400, false}, {800, 800, false}, {2400, 800, true}, {8, 8, true}};
    for (uint16_t i = 0; i < RTE_DIM(evil); i++) {
        uint64_t before = bench_count(b, CNT_IP_REASSEMBLED);
        fragment(b, w, i, 0, 800, true);
        fragment(b, w, i, 1600, w->len - 1600, false);
        fragment(b, w, i, evil[i].off, evil[i].len, evil[i].more);
        fragment(b, w, i, 800, 800, true); /* would complete it */
        fragment(b, w, i, 0, 800, true);
        assert_int_equal(bench_count(b, CNT_IP_REASSEMBLED), before);
        assert_int_equal(udp_recv(&b->udp, pcb, NULL, 0, 0, NULL, NULL), -EAGAIN);
    }
    assert_int_equal(heap_pool_in_use(b->t.rx_pool), 0);
    assert_true(bench_count(b, CNT_DROP_FRAG_OVERLAP) > 0);
    bench_advance(b, 31 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 0); /* silently */
    assert_empty(b);
    fragment(b, w, 0, 0, 800, true); /* the same id is fresh again */
    fragment(b, w, 0, 800, w->len - 800, false);
    assert_received(b, pcb, w);
    free(w);
}

static void exact_duplicates_are_tolerated(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 1600, 5);
    for (int i = 0; i < 3; i++)
        fragment(b, w, 1, 0, 800, true);
    for (int i = 0; i < 3; i++)
        fragment(b, w, 1, 1600, 8, false);
    assert_int_equal(bench_count(b, CNT_DROP_FRAG_DUPLICATE), 4);
    fragment(b, w, 1, 800, 800, true);
    assert_received(b, pcb, w);
    free(w);
    assert_empty(b);
}

/* RFC1122-3.3.2 and RFC 792: time exceeded, code 1, quoting fragment zero. */
static void timeout_is_reported_when_fragment_zero_was_seen(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    struct whole *w = make_whole(b, 1600, 6);
    bench_know(b, BENCH_PEER, bench_peer_mac);
    fragment(b, w, 1, 0, 800, true);
    bench_advance(b, 29 * NSEC_PER_SEC);
    assert_int_equal(b->net.frags.datagrams.in_use, 1);
    bench_advance(b, 2 * NSEC_PER_SEC);
    bench_sent(b, &s);
    assert_int_equal(s.len, 14 + 20 + 8 + 548);
    assert_int_equal(s.b[23], 1);
    assert_int_equal(s.b[34], 11);
    assert_int_equal(s.b[35], 1);
    assert_int_equal(frame_sum_finish(frame_sum(0, s.b + 34, s.len - 34)), 0);
    assert_memory_equal(s.b + 42 + 20, w->b, 500);
    assert_int_equal(bench_count(b, CNT_DROP_FRAG_TIMEOUT), 1);
    assert_empty(b);
    free(w);
}

static void timeout_without_fragment_zero_is_silent(void **state)
{
    struct net_bench *b = *state;
    struct whole *w = make_whole(b, 1600, 7);
    fragment(b, w, 1, 800, 800, true);
    fragment(b, w, 1, 1600, 8, false);
    bench_advance(b, 31 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 0);
    assert_int_equal(bench_count(b, CNT_DROP_FRAG_TIMEOUT), 2);
    assert_empty(b);
    free(w);
}

/* RFC 791: lengths in units of eight but for the last; nothing beyond 65,535 ("ping of death"). */
static void impossible_fragments_are_dropped(void **state)
{
    struct net_bench *b = *state;
    struct whole *w = make_whole(b, 1600, 8);
    fragment(b, w, 1, 0, 801, true);
    fragment(b, w, 1, 800, 0, true);
    fragment(b, w, 1, 800, 0, false);
    fragment(b, w, 1, 800, 7, true);
    memset(w->b, 0, sizeof(w->b));
    fragment(b, w, 1, 65528, 8, false);
    fragment(b, w, 1, 65512, 8, false);
    assert_int_equal(bench_count(b, CNT_DROP_FRAG_MALFORMED), 6);
    assert_empty(b);
    free(w);
}

/* What is hostile costs a bounded amount: a datagram in too many pieces is given up. */
static void crumbs_are_given_up(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 60000, 9);
    for (size_t off = 0; off < w->len; off += 16) /* every other one, so that none join up */
        fragment(b, w, 1, off, 8, true);
    assert_true(bench_count(b, CNT_DROP_FRAG_MANY) >= IP4_FRAG_MAX);
    assert_int_equal(heap_pool_in_use(b->t.rx_pool), 0);
    assert_int_equal(udp_recv(&b->udp, pcb, NULL, 0, 0, NULL, NULL), -EAGAIN);
    free(w);
}

/* Bytes pinned are bounded; the oldest gives way, so a flood of lone fragments does not shut out others. */
static void flood_of_lone_fragments_is_bounded(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 1600, 10);
    b->t.tun.ipfrag_high_thresh = 65536;
    for (uint32_t id = 0; id < 5000; id++) {
        fragment(b, w, (uint16_t)id, 800, 8, true);
        assert_true(b->net.frags.pinned <= 65536);
    }
    assert_true(bench_count(b, CNT_DROP_FRAG_MEMORY) > 4900);
    fragment(b, w, 60000, 0, 800, true);
    fragment(b, w, 60000, 800, w->len - 800, false);
    assert_received(b, pcb, w);
    free(w);
}

static void table_of_datagrams_is_bounded(void **state)
{
    struct net_bench *b = *state;
    struct whole *w = make_whole(b, 1600, 11);
    b->t.tun.ipfrag_high_thresh = 1u << 30;
    for (uint32_t id = 0; id < 3 * IP4_FRAG_DATAGRAMS; id++)
        fragment(b, w, (uint16_t)id, 800, 8, true);
    assert_true(b->net.frags.datagrams.in_use <= IP4_FRAG_DATAGRAMS);
    free(w);
}

/* Same id, another protocol or source: another datagram. */
static void datagrams_are_kept_apart(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 1600, 12), *v = make_whole(b, 1600, 13);
    fragment(b, w, 1, 0, 800, true);
    fragment(b, v, 2, 0, 800, true);
    fragment(b, v, 2, 800, v->len - 800, false);
    assert_received(b, pcb, v);
    fragment(b, w, 1, 800, w->len - 800, false);
    assert_received(b, pcb, w);
    free(w);
    free(v);
}

/* RFC3168-5.3. */
static void congestion_mark_of_one_fragment_is_kept(void **state)
{
    struct net_bench *b = *state;
    struct whole *w = make_whole(b, 1600, 14);
    static const struct {
        uint8_t first, second;
        int tos; /* -1: dropped */
    } cases[] = {{2, 3, 3}, {3, 2, 3}, {0, 3, -1}, {3, 0, -1}, {2, 2, 2}, {0, 0, 0}};
    for (uint16_t i = 0; i < RTE_DIM(cases); i++) {
        for (int k = 0; k < 2; k++) {
            size_t off = k * 800, len = k == 0 ? 800 : w->len - 800;
            bench_ip4(b, BENCH_PEER, BENCH_IP, 6); /* TCP's parser rejects it: only tos matters */
            frame_bytes(&b->f, w->b + off, len);
            uint8_t *h = b->f.b + 14;
            h[1] = k == 0 ? cases[i].first : cases[i].second;
            frame_set16(&b->f, 14 + 4, i);
            frame_set16(&b->f, 14 + 6, (uint16_t)((k == 0 ? 0x2000 : 0) | off / 8));
            frame_set16(&b->f, 14 + 2, (uint16_t)(20 + len));
            frame_set16(&b->f, 14 + 10, 0);
            frame_set16(&b->f, 14 + 10, frame_sum_finish(frame_sum(0, h, 20)));
            bench_input(b);
        }
        if (cases[i].tos >= 0)
            assert_int_equal(b->pkt.tos, cases[i].tos);
        else
            assert_true(bench_count(b, CNT_DROP_FRAG_ECN) > 0);
    }
    assert_int_equal(bench_count(b, CNT_DROP_FRAG_ECN), 4);
    free(w);
    assert_empty(b);
}

/* Whatever comes, nothing leaks and nothing reads out of bounds (the sanitizers look on). */
static void random_fragments_leave_nothing_behind(void **state)
{
    struct net_bench *b = *state;
    uint64_t seed = test_random_seed();
    struct whole *w = make_whole(b, 20000, 15);
    for (int i = 0; i < 20000; i++) {
        size_t off = 8 * (test_rand(&seed) % 40);
        size_t len = test_rand(&seed) % 3 == 0 ? test_rand(&seed) % 100 : 8 * (test_rand(&seed) % 12);
        fragment(b, w, (uint16_t)(test_rand(&seed) % 8), off, len, test_rand(&seed) % 4 != 0);
        if (test_rand(&seed) % 500 == 0)
            bench_advance(b, 10 * NSEC_PER_SEC);
    }
    bench_advance(b, 100 * NSEC_PER_SEC);
    free(w);
    assert_empty(b);
}

static void empty_pools_drop_only_this_datagram(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = listener(b);
    struct whole *w = make_whole(b, 65507, 16);
    struct ip_addr dst = bench_addr(BENCH_PEER);
    const struct iovec iov = {w->b + 8, w->len - 8};
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct udp_pcb *from = udp_open(&b->udp);
    for (uint32_t limit = 0; limit < 100; limit += 7) { /* fragmenting, with fewer buffers than it takes */
        heap_pool_set_limit(b->t.ctx.data_pool, limit);
        ssize_t n = udp_send(&b->udp, from, &iov, 1, &dst, 9);
        assert_true(n == -ENOBUFS || n == 65507);
        bench_clear_sent(b);
        assert_int_equal(heap_pool_in_use(b->t.ctx.data_pool), 0);
    }
    heap_pool_set_limit(b->t.ctx.data_pool, TEST_POOL_LIMIT);
    heap_pool_set_limit(b->t.ctx.hdr_pool, 0);
    for (size_t off = 0; off < w->len; off += 1480)
        fragment(b, w, 1, off, RTE_MIN((size_t)1480, w->len - off), off + 1480 < w->len);
    assert_received(b, pcb, w); /* putting together takes no buffer */
    heap_pool_set_limit(b->t.ctx.hdr_pool, TEST_POOL_LIMIT);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(any_order_gives_the_datagram),
        BENCH_TEST(largest_datagram_is_put_together),
        BENCH_TEST(tiny_first_fragments_give_contiguous_headers),
        BENCH_TEST(random_cuts_and_orders_with_duplicates),
        BENCH_TEST(overlap_discards_the_datagram),
        BENCH_TEST(exact_duplicates_are_tolerated),
        BENCH_TEST(timeout_is_reported_when_fragment_zero_was_seen),
        BENCH_TEST(timeout_without_fragment_zero_is_silent),
        BENCH_TEST(impossible_fragments_are_dropped),
        BENCH_TEST(crumbs_are_given_up),
        BENCH_TEST(flood_of_lone_fragments_is_bounded),
        BENCH_TEST(table_of_datagrams_is_bounded),
        BENCH_TEST(datagrams_are_kept_apart),
        BENCH_TEST(congestion_mark_of_one_fragment_is_kept),
        BENCH_TEST(random_fragments_leave_nothing_behind),
        BENCH_TEST(empty_pools_drop_only_this_datagram),
    };
    return cmocka_run_group_tests_name("frag", tests, NULL, NULL);
}
