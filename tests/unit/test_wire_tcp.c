/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "wire/ip4.h"
#include "wire/tcp.h"

#include <stdlib.h>
#include <string.h>

static struct test_context ctx;
static struct frame f;

static int setup(void **state)
{
    test_context_init(&ctx, 0, 1);
    return 0;
}

static int teardown(void **state)
{
    test_context_fini(&ctx);
    return 0;
}

static void segment(uint8_t flags, const void *opt, size_t opt_len, size_t payload)
{
    uint8_t data[2000];

    memset(data, 0xa7, sizeof data);
    frame_init(&f);
    frame_ip4(&f, "192.0.2.1", "198.51.100.7", IPPROTO_TCP, NULL, 0);
    frame_tcp(&f, 40000, 80, 0xfffffff0, 0x12345678, flags, 0x7210, opt, opt_len);
    frame_bytes(&f, data, payload);
    frame_finish(&f);
}

static bool parse(struct pkt *p, uint64_t ol_flags)
{
    memset(p, 0xee, sizeof *p);
    p->l3_off = 0;
    p->flags = 0;
    p->m = frame_mbuf(ctx.rx_pool, f.b, f.len);
    p->m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    assert_true(ip4_parse(p));
    p->m->ol_flags = ol_flags;
    return tcp_parse(p);
}

/* RFC9293-MUST-1 */
static void a_segment_is_read_into_the_view(void **state)
{
    struct pkt p;

    segment(TCP_ACK | TCP_PSH | TCP_URG, NULL, 0, 77);
    frame_set16(&f, f.l4 + 18, 12);
    frame_finish(&f);
    assert_true(parse(&p, 0));
    assert_int_equal(p.tcp.sport, 40000);
    assert_int_equal(p.tcp.dport, 80);
    assert_int_equal(p.tcp.seq, 0xfffffff0);
    assert_int_equal(p.tcp.ack, 0x12345678);
    assert_int_equal(p.tcp.flags, TCP_ACK | TCP_PSH | TCP_URG);
    assert_int_equal(p.tcp.window, 0x7210);
    assert_int_equal(p.tcp.urgent, 12);
    assert_int_equal(p.tcp.opt.has, 0);
    assert_int_equal(p.data_off, 40);
    assert_int_equal(p.data_len, 77);
    rte_pktmbuf_free(p.m);
}

/* RFC9293-3.1: the data offset lies between 5 words and the segment's end. */
static void data_offsets_out_of_bounds_are_dropped(void **state)
{
    struct pkt p;

    for (unsigned words = 0; words < 16; words++) {
        segment(TCP_ACK, NULL, 0, 12);
        f.b[f.l4 + 12] = (uint8_t)(words << 4);
        frame_finish(&f);
        assert_int_equal(parse(&p, 0), words >= 5 && words <= 8);
        if (words < 5 || words > 8)
            assert_int_equal(p.drop, CNT_DROP_TCP_MALFORMED);
        rte_pktmbuf_free(p.m);
    }
    for (size_t len = 0; len < 20; len++) {
        segment(TCP_ACK, NULL, 0, 0);
        f.len = 20 + len;
        frame_set16(&f, 2, (uint16_t)f.len);
        assert_false(parse(&p, 0));
        assert_int_equal(p.drop, CNT_DROP_TCP_MALFORMED);
        rte_pktmbuf_free(p.m);
    }
}

/* RFC 9293 MUST-3: the receiver checks the checksum. (RFC9293-MUST-2, RFC9293-MUST-3) */
static void checksums_by_the_device_or_here(void **state)
{
    static const struct {
        uint64_t flags;
        bool good, bad;
    } cases[] = {
        {RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, true, false}, {RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, true},
        {RTE_MBUF_F_RX_L4_CKSUM_NONE, true, true}, /* unfilled, never was on a wire */
        {RTE_MBUF_F_RX_L4_CKSUM_BAD, false, false},    {RTE_MBUF_F_RX_IP_CKSUM_BAD, true, false},
    };
    struct pkt p;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        segment(TCP_ACK, NULL, 0, 101);
        assert_int_equal(parse(&p, cases[i].flags), cases[i].good);
        rte_pktmbuf_free(p.m);
        f.b[100] ^= 0x20;
        assert_int_equal(parse(&p, cases[i].flags), cases[i].bad);
        if (!cases[i].bad)
            assert_int_equal(p.drop, CNT_DROP_TCP_CHECKSUM);
        rte_pktmbuf_free(p.m);
    }
}

/* Of a datagram put together from fragments the device saw none whole. */
static void a_reassembled_segment_is_summed_whatever_the_device_said(void **state)
{
    static const uint64_t said[] = {RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD,
                                    RTE_MBUF_F_RX_L4_CKSUM_NONE};

    for (size_t i = 0; i < 3; i++) {
        struct pkt p = {.flags = 0};
        segment(TCP_ACK, NULL, 0, 501);
        p.m = frame_mbuf_cut(ctx.rx_pool, f.b, f.len, 43, 7);
        assert_true(ip4_parse(&p));
        p.flags = PKT_REASSEMBLED;
        p.m->ol_flags = said[i];
        assert_true(tcp_parse(&p));
        *rte_pktmbuf_mtod_offset(rte_pktmbuf_lastseg(p.m), uint8_t *, 0) ^= 1;
        p.data_len += 20;
        assert_false(tcp_parse(&p));
        rte_pktmbuf_free(p.m);
    }
}

static void options_of(const uint8_t *opt, unsigned len, bool syn, struct tcp_options *o)
{
    struct pkt p;

    memset(o, 0xee, sizeof *o);
    tcp_options_parse(opt, len, syn, o);
    if (len % 4 == 0) { /* the same through a whole segment */
        segment(syn ? TCP_SYN : TCP_ACK, opt, len, 3);
        assert_true(parse(&p, 0));
        assert_int_equal(p.tcp.opt.has, o->has);
        assert_int_equal(p.data_len, 3);
        rte_pktmbuf_free(p.m);
    }
}

/* As Linux sends it: mss, sackOK, TS, nop, wscale. (RFC9293-MUST-4) */
static void the_options_of_a_syn(void **state)
{
    static const uint8_t opt[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};
    struct tcp_options o;

    options_of(opt, sizeof opt, true, &o);
    assert_int_equal(o.has,
                     TCP_OPT_HAS_MSS | TCP_OPT_HAS_SACK_PERMITTED | TCP_OPT_HAS_TS | TCP_OPT_HAS_WSCALE);
    assert_int_equal(o.mss, 1460);
    assert_int_equal(o.tsval, 0x01020304);
    assert_int_equal(o.tsecr, 0);
    assert_int_equal(o.wscale, 7);
    /* On anything but a SYN only the timestamps count (RFC7323-2.2: MUST NOT be ... used). */
    options_of(opt, sizeof opt, false, &o);
    assert_int_equal(o.has, TCP_OPT_HAS_TS);
}

/* RFC9293-MUST-5, RFC9293-MUST-64 */
static void timestamps_by_the_fast_and_the_slow_way(void **state)
{
    static const uint8_t fast[] = {1, 1, 8, 10, 0x80, 0, 0, 1, 0, 0, 0, 9};
    static const uint8_t slow[] = {8, 10, 0x80, 0, 0, 1, 0, 0, 0, 9, 1, 1};
    struct tcp_options a, b;

    options_of(fast, sizeof fast, false, &a);
    options_of(slow, sizeof slow, false, &b);
    assert_int_equal(a.has, TCP_OPT_HAS_TS);
    assert_int_equal(b.has, TCP_OPT_HAS_TS);
    assert_int_equal(a.tsval, 0x80000001);
    assert_int_equal(b.tsval, 0x80000001);
    assert_int_equal(a.tsecr, 9);
    assert_int_equal(b.tsecr, 9);
}

/* RFC2018-3: up to four blocks, three beside timestamps. */
static void sack_blocks_are_read(void **state)
{
    uint8_t opt[40] = {1, 1, 5};
    struct tcp_options o;

    for (unsigned n = 1; n <= 4; n++) {
        opt[3] = (uint8_t)(2 + 8 * n);
        for (unsigned i = 0; i < 2 * n; i++) {
            opt[4 + 4 * i] = 0xff;
            opt[7 + 4 * i] = (uint8_t)i;
        }
        options_of(opt, 4 + 8 * n, false, &o);
        assert_int_equal(o.has, TCP_OPT_HAS_SACK);
        assert_int_equal(o.n_sack, n);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(o.sack[i].left, 0xff000000 + 2 * i);
            assert_int_equal(o.sack[i].right, 0xff000001 + 2 * i);
        }
    }
    opt[3] = 2; /* none */
    options_of(opt, 4, false, &o);
    assert_int_equal(o.has, 0);
    opt[3] = 13; /* a block and a bit */
    options_of(opt, 20, false, &o);
    assert_int_equal(o.has, 0);
}

/* RFC 9293 MUST-6 and MUST-7. (RFC9293-MUST-6, RFC9293-MUST-7, RFC9293-MUST-64, RFC9293-MUST-68) */
static void odd_options_are_skipped_or_end_the_list(void **state)
{
    static const struct {
        uint8_t len, opt[20];
        uint8_t has; /* on a SYN */
    } cases[] = {
        {4, {0, 2, 4, 5}, 0},                                             /* nothing after the end */
        {8, {2, 4, 5, 0xb4, 1, 1, 1, 1}, TCP_OPT_HAS_MSS},                /* NOPs to the end */
        {12, {254, 6, 1, 2, 3, 4, 1, 1, 2, 4, 5, 0xb4}, TCP_OPT_HAS_MSS}, /* unknown, skipped */
        {8, {99, 0, 1, 1, 2, 4, 5, 0xb4}, 0},                             /* length 0 */
        {8, {99, 1, 1, 1, 2, 4, 5, 0xb4}, 0},                             /* length 1 */
        {8, {2, 4, 5, 0xb4, 99, 5, 1, 1}, TCP_OPT_HAS_MSS},               /* beyond the header; MSS counts */
        {8, {2, 4, 5, 0xb4, 1, 1, 1, 99}, TCP_OPT_HAS_MSS},               /* kind without length */
        {8, {2, 4, 5, 0xb4, 1, 1, 1, 2}, TCP_OPT_HAS_MSS},
        {4, {2, 4, 0, 0}, 0},                                      /* MSS of 0 */
        {8, {2, 3, 5, 1, 1, 1, 1, 1}, 0},                          /* wrong length of a known one */
        {8, {2, 5, 5, 1, 1, 4, 2, 1}, TCP_OPT_HAS_SACK_PERMITTED}, /* and the next still counts */
        {4, {3, 2, 4, 2}, TCP_OPT_HAS_SACK_PERMITTED},
        {4, {4, 3, 1, 1}, 0},
        {12, {8, 9, 1, 1, 1, 1, 1, 1, 1, 4, 2, 0}, TCP_OPT_HAS_SACK_PERMITTED},
        {12, {1, 1, 8, 11, 0, 0, 0, 0, 0, 0, 0, 0}, 0},
        {4, {3, 3, 14, 1}, TCP_OPT_HAS_WSCALE},
        {4, {3, 3, 255, 1}, TCP_OPT_HAS_WSCALE},        /* as received; its user says 14 (RFC7323-2.3) */
        {8, {2, 4, 1, 0, 2, 4, 2, 0}, TCP_OPT_HAS_MSS}, /* twice: the last counts */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tcp_options o;
        options_of(cases[i].opt, cases[i].len, true, &o);
        assert_int_equal(o.has, cases[i].has);
    }
}

/* The exact bytes that Linux sends, for each combination. (RFC9293-MUST-65, RFC9293-MUST-69) */
static void options_go_out_in_the_order_of_linux(void **state)
{
    enum {
        M = TCP_OPT_HAS_MSS,
        W = TCP_OPT_HAS_WSCALE,
        P = TCP_OPT_HAS_SACK_PERMITTED,
        T = TCP_OPT_HAS_TS,
        S = TCP_OPT_HAS_SACK
    };
    static const struct {
        uint8_t flags, has, n_sack, len, opt[40];
    } cases[] = {
        {TCP_SYN, M | P | T | W, 0, 20, {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7}},
        {TCP_SYN, M | P | W, 0, 12, {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7}},
        {TCP_SYN, M | W, 0, 8, {2, 4, 5, 0xb4, 1, 3, 3, 7}},
        {TCP_SYN, M | T | W, 0, 20, {2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7}},
        {TCP_SYN, M | P | T, 0, 16, {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
        {TCP_SYN, M | P, 0, 8, {2, 4, 5, 0xb4, 1, 1, 4, 2}},
        {TCP_SYN, M, 0, 4, {2, 4, 5, 0xb4}},
        {TCP_SYN | TCP_ACK, M | P | T | W, 0, 20, {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
                                                   0, 1, 0, 0,    0, 2, 1, 3,  3, 7}},
        {TCP_ACK, T, 0, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}},
        {TCP_ACK, 0, 0, 0, {0}},
        {TCP_ACK, T | M | W | P, 0, 12, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}}, /* a SYN's only on a SYN */
        {TCP_ACK, S, 1, 12, {1, 1, 5, 10, 0, 0, 0, 10, 0, 0, 0, 20}},
        {TCP_ACK, T | S, 1, 24, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 0, 0, 0, 10, 0, 0, 0, 20}},
        {TCP_ACK, T | S, 4, 40, {1, 1, 8, 10, 0, 0, 0, 1,  0, 0, 0, 2,  1, 1, 5, 26, 0, 0, 0, 10,
                                 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 0, 0, 0, 50, 0, 0, 0, 60}},
        {TCP_ACK, S, 4, 36, {1, 1,  5, 34, 0, 0,  0, 10, 0, 0,  0, 20, 0, 0,  0, 30, 0, 0,
                             0, 40, 0, 0,  0, 50, 0, 0,  0, 60, 0, 0,  0, 70, 0, 0,  0, 80}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tcp_view v = {
            .seq = 0x01020304,
            .ack = 0x05060708,
            .sport = 0x1122,
            .dport = 0x3344,
            .window = 0x5566,
            .urgent = 0x7788,
            .flags = cases[i].flags,
            .opt = {.has = cases[i].has,
                    .n_sack = cases[i].n_sack,
                    .mss = 1460,
                    .wscale = 7,
                    .tsval = 1,
                    .tsecr = 2,
                    .sack = {{10, 20}, {30, 40}, {50, 60}, {70, 80}}},
        };
        uint8_t want[20] = {0x11, 0x22, 0x33, 0x44,           1,    2,    3, 4, 5,    6,
                            7,    8,    0,    cases[i].flags, 0x55, 0x66, 0, 0, 0x77, 0x88};
        uint8_t got[TCP_HDR_MAX];
        unsigned len = tcp_emit(got, &v);

        want[12] = (uint8_t)((20 + cases[i].len) / 4 << 4);
        assert_int_equal(len, 20 + cases[i].len);
        assert_int_equal(tcp_emit_len(&v), len);
        assert_memory_equal(got, want, 20);
        assert_memory_equal(got + 20, cases[i].opt, cases[i].len);
    }
}

static void what_is_emitted_is_read_back(void **state)
{
    uint64_t seed = test_random_seed();

    for (int i = 0; i < 20000; i++) {
        struct tcp_view v = {
            .flags = i % 2 ? TCP_SYN : TCP_ACK,
            .opt = {.has = (uint8_t)(test_rand(&seed) & 31),
                    .mss = (uint16_t)(test_rand(&seed) | 1),
                    .wscale = (uint8_t)(test_rand(&seed) % 15),
                    .n_sack = (uint8_t)(1 + test_rand(&seed) % 4),
                    .tsval = (uint32_t)test_rand(&seed),
                    .tsecr = (uint32_t)test_rand(&seed)},
        };
        uint8_t only = i % 2 ? (uint8_t)~TCP_OPT_HAS_SACK : TCP_OPT_HAS_TS | TCP_OPT_HAS_SACK;
        uint8_t buf[TCP_OPTIONS_MAX];
        struct tcp_options o;
        unsigned len;

        for (int k = 0; k < 4; k++)
            v.opt.sack[k] = (struct sack_block){(seq_t)test_rand(&seed), (seq_t)test_rand(&seed)};
        len = tcp_options_emit(buf, &v.opt, i % 2);
        assert_int_equal(len % 4, 0);
        tcp_options_parse(buf, len, i % 2, &o);
        assert_int_equal(o.has, v.opt.has & only);
        if (o.has & TCP_OPT_HAS_MSS)
            assert_int_equal(o.mss, v.opt.mss);
        if (o.has & TCP_OPT_HAS_TS)
            assert_true(o.tsval == v.opt.tsval && o.tsecr == v.opt.tsecr);
        if (o.has & TCP_OPT_HAS_SACK)
            assert_memory_equal(o.sack, v.opt.sack, o.n_sack * sizeof *o.sack);
    }
}

/* The list that nearly every SYN carries is recognised as a whole: with any byte of it changed, the outcome
 * is that of the list read option by option, which the same bytes with NOPs behind them are. RFC9293-3.1 */
static void usual_options_of_a_syn_are_read_as_any_others(void **state)
{
    const uint8_t usual[20] = {2, 4, 0, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
    for (unsigned i = 0; i < sizeof usual; i++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t opt[24];
            memcpy(opt, usual, sizeof usual);
            memset(opt + sizeof usual, 1, 4);
            opt[i] = (uint8_t)value;
            for (unsigned syn = 0; syn < 2; syn++) {
                struct tcp_options whole = {0}, listed = {0};
                tcp_options_parse(opt, 20, syn != 0, &whole);
                tcp_options_parse(opt, 24, syn != 0, &listed);
                assert_memory_equal(&whole, &listed, sizeof whole);
            }
        }
    }
}

static void random_options_do_no_harm(void **state)
{
    uint64_t seed = test_random_seed();
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 30, 254, 255};

    for (int i = 0; i < 200000; i++) {
        unsigned len = (unsigned)(test_rand(&seed) % 11) * 4;
        struct tcp_options o;
        uint8_t *opt = malloc(len > 0 ? len : 1); /* of just that size: ASan sees a read beyond it */

        for (unsigned k = 0; k < len; k++) {
            uint64_t r = test_rand(&seed);
            opt[k] = (r >> 40) % 3 == 0 ? (uint8_t)r : (r >> 40) % 3 == 1 ? kinds[r % 10] : (uint8_t)(r % 14);
        }
        tcp_options_parse(opt, len, i % 2, &o);
        if (o.has & TCP_OPT_HAS_SACK)
            assert_in_range(o.n_sack, 1, 4);
        free(opt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_read_into_the_view),
        cmocka_unit_test(data_offsets_out_of_bounds_are_dropped),
        cmocka_unit_test(checksums_by_the_device_or_here),
        cmocka_unit_test(a_reassembled_segment_is_summed_whatever_the_device_said),
        cmocka_unit_test(the_options_of_a_syn),
        cmocka_unit_test(timestamps_by_the_fast_and_the_slow_way),
        cmocka_unit_test(sack_blocks_are_read),
        cmocka_unit_test(odd_options_are_skipped_or_end_the_list),
        cmocka_unit_test(options_go_out_in_the_order_of_linux),
        cmocka_unit_test(what_is_emitted_is_read_back),
        cmocka_unit_test(usual_options_of_a_syn_are_read_as_any_others),
        cmocka_unit_test(random_options_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
