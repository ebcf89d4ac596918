/* SPDX-License-Identifier: BSD-3-Clause */
/* The short way in for the frame that comes most (wire/tcp4.h): whatever a frame is, it has the same outcome
 * as the parsers would give it one after the other. */
#include <string.h>

#include "base/mbuf.h"
#include "support/net_bench.h"
#include "wire/tcp4.h"

static const uint8_t ts[12] = {1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7};

/* Two interfaces that differ in one thing: the second address of `all` keeps it from taking the short way. */
static struct net_bench plain, all;

struct outcome {
    enum verdict verdict;
    uint16_t drop;
    struct pkt pkt;
};

static struct outcome outcome_of(struct net_bench *b, const uint8_t *bytes, size_t len, uint64_t ol_flags)
{
    struct outcome o = {0};
    o.pkt.m = frame_mbuf(b->t.rx_pool, bytes, len);
    o.pkt.m->ol_flags = ol_flags;
    o.verdict = net_input(&b->net, &o.pkt);
    o.drop = o.verdict == VERDICT_DROP ? o.pkt.drop : 0;
    if (o.verdict != VERDICT_DONE)
        rte_pktmbuf_free(o.pkt.m);
    return o;
}

/* Between whom it is and how long its header are questions that tcp_input_frame asks. */
static bool frame_is_plain(const uint8_t *bytes, size_t len, uint64_t ol_flags)
{
    struct rte_mbuf *m = frame_mbuf(plain.t.rx_pool, bytes, len);
    m->ol_flags = ol_flags;
    bool yes = tcp4_is_plain(m, bench_mac) && tcp4_sums_good(m) && tcp4_ip(m)->src == bench_be(BENCH_PEER) &&
               tcp4_ip(m)->dst == bench_be(BENCH_IP) &&
               (tcp4_tcp(m)->data_offset >> 2 == 20 || tcp4_tcp(m)->data_offset >> 2 == 32);
    rte_pktmbuf_free(m);
    return yes;
}

/* What is taken from the frame as it lies is a segment for the parsers, too, with its header where it was
 * looked for. */
static void plain_frame_is_a_segment(const struct outcome *o, size_t len)
{
    assert_int_equal(o->verdict, VERDICT_TCP);
    assert_int_equal(o->pkt.l4_off, 34);
    assert_int_equal(o->pkt.data_off + o->pkt.data_len, len);
    assert_int_equal(o->pkt.tcp.flags & ~TCP_PSH, TCP_ACK);
    assert_int_equal(o->pkt.flags, 0);
}

static void same_outcome(const uint8_t *bytes, size_t len, uint64_t ol_flags)
{
    struct outcome a = outcome_of(&plain, bytes, len, ol_flags), b = outcome_of(&all, bytes, len, ol_flags);
    if (frame_is_plain(bytes, len, ol_flags))
        plain_frame_is_a_segment(&b, len);
    assert_int_equal(a.verdict, b.verdict);
    assert_int_equal(a.drop, b.drop);
    if (a.verdict != VERDICT_TCP)
        return;
    const struct pkt *p = &a.pkt, *q = &b.pkt;
    assert_true(ip_addr_eq(&p->src, &q->src) && ip_addr_eq(&p->dst, &q->dst));
    assert_int_equal(p->l3_off, q->l3_off);
    assert_int_equal(p->l4_off, q->l4_off);
    assert_int_equal(p->data_off, q->data_off);
    assert_int_equal(p->data_len, q->data_len);
    assert_int_equal(p->proto, q->proto);
    assert_int_equal(p->ttl, q->ttl);
    assert_int_equal(p->tos, q->tos);
    assert_int_equal(p->flags, q->flags);
    assert_memory_equal(&p->tcp, &q->tcp, offsetof(struct tcp_view, opt));
    assert_int_equal(p->tcp.opt.has, q->tcp.opt.has);
    if ((p->tcp.opt.has & TCP_OPT_HAS_TS) != 0) {
        assert_int_equal(p->tcp.opt.tsval, q->tcp.opt.tsval);
        assert_int_equal(p->tcp.opt.tsecr, q->tcp.opt.tsecr);
    }
}

static void bench_frame(struct frame *f, const void *opt, size_t n_opt, size_t payload)
{
    static uint8_t data[1400];
    frame_init(f);
    frame_ether(f, bench_mac, bench_peer_mac, 0x0800);
    frame_ip4(f, BENCH_PEER, BENCH_IP, 6, NULL, 0);
    frame_tcp(f, 40000, 80, 0x12345678, 0x9abcdef0, 0x18, 0x1234, opt, n_opt);
    frame_bytes(f, data, payload);
    frame_finish(f);
}

static const uint64_t said[] = {
    0,
    RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
    RTE_MBUF_F_RX_IP_CKSUM_GOOD,
    RTE_MBUF_F_RX_L4_CKSUM_GOOD,
    RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD,
    RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD,
    RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE,
};

/* What may differ from the frame before, in bytes from the frame's start: identification and checksums,
 * sequence number, PSH, an urgent pointer that means nothing, and timestamps. */
static bool may_differ(size_t bit)
{
    size_t at = bit / 8;
    return at == 18 || at == 19 || at == 24 || at == 25 || (at >= 38 && at < 42) || bit == 47 * 8 + 3 ||
           (at >= 50 && at < 54) || at >= 58;
}

/* Every bit of a frame that a sample was taken from: only those named make none of another stream. */
static void each_flipped_bit_makes_another_stream(void **state)
{
    static struct frame f;
    struct tcp4_sample like;
    bench_frame(&f, ts, sizeof ts, 64);
    struct rte_mbuf *m = frame_mbuf(plain.t.rx_pool, f.b, f.len);
    tcp4_sample_of(m, &like);
    assert_true(tcp4_is_like(m, &like));
    for (size_t bit = 0; bit < f.len * 8; bit++) {
        uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, bit / 8);
        *at ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(tcp4_is_like(m, &like), may_differ(bit));
        *at ^= (uint8_t)(1 << bit % 8);
    }
    m->pkt_len--;
    assert_false(tcp4_is_like(m, &like));
    rte_pktmbuf_free(m);
}

/* RFC9293-3.1, RFC0791-3.1: every single-bit change of the headers, whatever the device said of the
 * checksums. */
static void each_flipped_bit_has_the_same_outcome(void **state)
{
    static struct frame f;
    for (size_t k = 0; k < 3; k++) {
        bench_frame(&f, ts, k == 0 ? 0 : sizeof ts, k == 2 ? 0 : 64);
        size_t headers = 14 + 20 + 20 + (k == 0 ? 0 : 12);
        for (size_t s = 0; s < RTE_DIM(said); s++) {
            same_outcome(f.b, f.len, said[s]);
            for (size_t bit = 0; bit < headers * 8; bit++) {
                f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
                same_outcome(f.b, f.len, said[s]);
                f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        }
    }
}

/* Cut off anywhere, padded by the link, and with other options than timestamps. */
static void lengths_and_options_have_the_same_outcome(void **state)
{
    static const uint8_t sack[12] = {1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2};
    static struct frame f;
    bench_frame(&f, ts, sizeof ts, 10);
    for (size_t len = 1; len <= f.len; len++)
        same_outcome(f.b, len, said[1]);
    same_outcome(f.b, f.len + 6, said[0]);
    same_outcome(f.b, f.len + 6, said[1]);
    bench_frame(&f, sack, sizeof sack, 10);
    same_outcome(f.b, f.len, said[1]);
    bench_frame(&f, ts, 8, 10);
    same_outcome(f.b, f.len, said[1]);
}

/* So that the comparison is not between the long way and itself. */
static void the_plain_ones_take_it(void **state)
{
    static struct frame f;
    for (size_t s = 0; s < 2; s++) {
        bench_frame(&f, ts, sizeof ts, 64);
        assert_true(frame_is_plain(f.b, f.len, said[s]));
        struct pkt p = {.m = frame_mbuf(plain.t.rx_pool, f.b, f.len)};
        p.m->ol_flags = said[s];
        assert_true(tcp4_parse(&p, bench_mac, bench_be(BENCH_IP)));
        assert_int_equal(p.data_len, 64);
        rte_pktmbuf_free(p.m);
    }
}

static int setup(void **state)
{
    struct ip_addr second = bench_addr("10.9.0.1");
    bench_init(&plain);
    bench_init(&all);
    return net_add_address(&all.net, 0, &second, 24);
}

static int teardown(void **state)
{
    bench_clear_sent(&plain);
    bench_clear_sent(&all);
    bench_fini(&plain);
    bench_fini(&all);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flipped_bit_has_the_same_outcome),
        cmocka_unit_test(each_flipped_bit_makes_another_stream),
        cmocka_unit_test(lengths_and_options_have_the_same_outcome),
        cmocka_unit_test(the_plain_ones_take_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
