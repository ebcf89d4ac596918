/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "base/mbuf.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"

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

static void message(uint8_t type, uint8_t code, uint32_t rest, const void *data, size_t len)
{
    uint8_t h[8] = {type, code};

    frame_init(&f);
    frame_ip4(&f, "192.0.2.1", "198.51.100.7", IPPROTO_ICMP, NULL, 0);
    frame_bytes(&f, h, 8);
    frame_set32(&f, f.l4 + 4, rest);
    frame_bytes(&f, data, len);
    frame_finish(&f);
}

static bool parse(struct pkt *p)
{
    memset(p, 0, sizeof *p);
    p->m = frame_mbuf(ctx.rx_pool, f.b, f.len);
    assert_true(ip4_parse(p));
    return icmp4_parse(p);
}

static void an_echo_request_becomes_its_reply(void **state)
{
    uint8_t data[1473];
    struct pkt p;

    for (size_t len = 0; len < sizeof data; len += 92) {
        memset(data, (int)len * 3, sizeof data);
        message(ICMP4_ECHO_REQUEST, 0, 0x12340001, data, len);
        assert_true(parse(&p));
        assert_int_equal(p.data_len, len);
        icmp4_echo_reply(p.m, p.l4_off);
        message(ICMP4_ECHO_REPLY, 0, 0x12340001, data, len);
        assert_memory_equal(rte_pktmbuf_mtod(p.m, uint8_t *), f.b, f.len);
        rte_pktmbuf_free(p.m);
    }
}

/* RFC 1624: the checksum's two zeros. With an identifier and a sequence number of 0 and no data, the reply
 * is all zeros, of which only ffff is a checksum. */
static void a_reply_of_any_checksum_is_valid(void **state)
{
    struct pkt p;

    for (uint32_t rest = 0; rest < 65536; rest += 1) {
        if (rest > 300 && rest < 65000 && rest % 97 != 0)
            continue;
        message(ICMP4_ECHO_REQUEST, 0, rest, "", 0);
        assert_true(parse(&p));
        icmp4_echo_reply(p.m, p.l4_off);
        p.data_len += 8;
        assert_true(icmp4_parse(&p));
        rte_pktmbuf_free(p.m);
    }
}

static void short_and_spoiled_messages_are_dropped(void **state)
{
    struct pkt p;

    for (size_t len = 0; len < 8; len++) {
        message(ICMP4_ECHO_REQUEST, 0, 1, "", 0);
        f.len = 20 + len;
        frame_set16(&f, 2, (uint16_t)f.len);
        frame_set16(&f, 10, 0);
        frame_set16(&f, 10, frame_sum_finish(frame_sum(0, f.b, 20)));
        assert_false(parse(&p));
        assert_int_equal(p.drop, CNT_DROP_ICMP_SHORT);
        rte_pktmbuf_free(p.m);
    }
    message(ICMP4_ECHO_REQUEST, 0, 1, "abcdef", 6);
    f.b[30] ^= 1;
    assert_false(parse(&p));
    assert_int_equal(p.drop, CNT_DROP_ICMP_CHECKSUM);
    rte_pktmbuf_free(p.m);
    /* What a device says of it is not about ICMP. */
    memset(&p, 0, sizeof p);
    p.m = frame_mbuf(ctx.rx_pool, f.b, f.len);
    p.m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    assert_true(ip4_parse(&p));
    assert_false(icmp4_parse(&p));
    rte_pktmbuf_free(p.m);
}

static uint8_t quote[80];

/* The packet that we sent: 20 or more bytes of IP header, 8 of transport. Returns its length. */
static size_t quoted(uint8_t proto, size_t opt_len)
{
    static struct frame q;
    uint8_t opt[40];

    memset(opt, 1, sizeof opt);
    frame_init(&q);
    frame_ip4(&q, "198.51.100.7", "203.0.113.9", proto, opt, opt_len);
    frame_tcp(&q, 40000, 443, 0xdeadbeef, 0, TCP_ACK, 1, NULL, 0);
    frame_finish(&q);
    frame_set16(&q, 2, 1500);
    memcpy(quote, q.b, 20 + opt_len + 8);
    return 20 + opt_len + 8;
}

static bool parse_error(struct pkt *p, uint8_t type, uint8_t code, uint32_t rest, size_t len)
{
    message(type, code, rest, quote, len);
    assert_true(parse(p));
    return icmp4_error_parse(p);
}

static void an_error_tells_which_flow_it_is_about(void **state)
{
    struct pkt p;
    const struct icmp_error_view *e = &p.icmp_error;

    for (size_t opt_len = 0; opt_len <= 40; opt_len += 20) {
        size_t len = quoted(IPPROTO_TCP, opt_len);
        assert_true(parse_error(&p, ICMP4_UNREACHABLE, ICMP4_UNREACH_FRAG_NEEDED, 1400, len));
        assert_int_equal(e->type, ICMP4_UNREACHABLE);
        assert_int_equal(e->code, ICMP4_UNREACH_FRAG_NEEDED);
        assert_int_equal(e->mtu, 1400);
        assert_int_equal(e->proto, IPPROTO_TCP);
        assert_int_equal(e->sport, 40000);
        assert_int_equal(e->dport, 443);
        assert_int_equal(e->seq, 0xdeadbeef);
        assert_int_equal(ip_addr_get_v4(&e->src), inet_addr("198.51.100.7"));
        assert_int_equal(ip_addr_get_v4(&e->dst), inet_addr("203.0.113.9"));
        assert_int_equal(e->total_length, 1500);
        rte_pktmbuf_free(p.m);
    }
    /* The MTU belongs to one code only (RFC1191-4). */
    assert_true(parse_error(&p, ICMP4_UNREACHABLE, ICMP4_UNREACH_PORT, 1400, quoted(IPPROTO_UDP, 0)));
    assert_int_equal(e->mtu, 0);
    assert_int_equal(e->sport, 40000);
    assert_int_equal(e->seq, 0);
    rte_pktmbuf_free(p.m);
    assert_true(parse_error(&p, ICMP4_TIME_EXCEEDED, 0, 0, quoted(47, 0)));
    assert_int_equal(e->proto, 47);
    assert_int_equal(e->sport, 0);
    rte_pktmbuf_free(p.m);
}

static void a_later_fragment_has_no_ports(void **state)
{
    size_t len = quoted(IPPROTO_TCP, 0);
    struct pkt p;

    quote[7] = 10;
    assert_true(parse_error(&p, ICMP4_UNREACHABLE, ICMP4_UNREACH_HOST, 0, len));
    assert_int_equal(p.icmp_error.sport, 0);
    assert_int_equal(p.icmp_error.dport, 0);
    rte_pktmbuf_free(p.m);
}

static void bad_quotes_are_dropped(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        size_t len;
    } spoil[] = {{0, 0x65, 28}, {0, 0x44, 28}, {0, 0x4f, 28}, {0, 0x46, 28},
                 {0, 0x45, 27}, {0, 0x45, 20}, {0, 0x45, 0}};
    struct pkt p;

    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        quoted(IPPROTO_TCP, 0);
        quote[spoil[i].at] = spoil[i].value;
        assert_false(parse_error(&p, ICMP4_UNREACHABLE, 1, 0, spoil[i].len));
        assert_int_equal(p.drop, CNT_DROP_ICMP_QUOTE);
        rte_pktmbuf_free(p.m);
    }
    /* An error about an error (RFC1122-3.2.2), but not one about our echo. */
    quoted(IPPROTO_ICMP, 0);
    quote[20] = ICMP4_UNREACHABLE;
    assert_false(parse_error(&p, ICMP4_UNREACHABLE, 1, 0, 28));
    rte_pktmbuf_free(p.m);
    quote[20] = ICMP4_ECHO_REQUEST;
    assert_true(parse_error(&p, ICMP4_UNREACHABLE, 1, 0, 28));
    rte_pktmbuf_free(p.m);
}

/* RFC1812-4.3.2.3: as much as fits into 576 bytes with the outer header. */
static void an_error_quotes_what_fits(void **state)
{
    static const size_t lens[] = {0, 8, 100, 528, 529, 1400};
    uint8_t data[1400];

    memset(data, 0x77, sizeof data);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(ctx.ctx.data_pool), *small;
        struct pkt p = {.l3_off = 14};
        uint8_t eth[14] = {0}, got[600];
        size_t want = RTE_MIN(20 + lens[i], (size_t)548);

        frame_init(&f);
        frame_bytes(&f, eth, 14);
        frame_ip4(&f, "192.0.2.1", "198.51.100.7", 253, NULL, 0);
        frame_bytes(&f, data, lens[i]);
        frame_finish(&f);
        p.m = frame_mbuf_cut(ctx.rx_pool, f.b, f.len, 50, 333);
        icmp4_error_emit(m, &p, ICMP4_UNREACHABLE, ICMP4_UNREACH_PORT, 0);
        assert_int_equal(m->pkt_len, 8 + want);
        mbuf_copy_out(m, 0, got, m->pkt_len);
        assert_int_equal(frame_sum_finish(frame_sum(0, got, m->pkt_len)), 0);
        assert_int_equal(got[0], 3);
        assert_int_equal(got[1], 3);
        assert_memory_equal(got + 8, f.b + 14, want);
        /* A small buffer cuts the quote, not the message. */
        small = rte_pktmbuf_alloc(ctx.ctx.hdr_pool);
        icmp4_error_emit(small, &p, ICMP4_UNREACHABLE, ICMP4_UNREACH_FRAG_NEEDED, 1400);
        assert_int_equal(small->pkt_len,
                         8 + RTE_MIN(want, (size_t)(TEST_HDR_ROOM - RTE_PKTMBUF_HEADROOM - 8)));
        assert_int_equal(rte_pktmbuf_mtod(small, struct icmp4_hdr *)->frag.mtu, htons(1400));
        rte_pktmbuf_free(small);
        rte_pktmbuf_free(m);
        rte_pktmbuf_free(p.m);
    }
}

static void random_quotes_do_no_harm(void **state)
{
    uint64_t seed = test_random_seed();

    for (int i = 0; i < 20000; i++) {
        struct pkt p;
        quoted(IPPROTO_TCP, 40);
        for (int k = 0; k < 4; k++)
            quote[test_rand(&seed) % 24] = (uint8_t)(test_rand(&seed) >> 32);
        parse_error(&p, (uint8_t)test_rand(&seed), 0, 0, test_rand(&seed) % sizeof quote);
        rte_pktmbuf_free(p.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_echo_request_becomes_its_reply),
        cmocka_unit_test(a_reply_of_any_checksum_is_valid),
        cmocka_unit_test(short_and_spoiled_messages_are_dropped),
        cmocka_unit_test(an_error_tells_which_flow_it_is_about),
        cmocka_unit_test(a_later_fragment_has_no_ports),
        cmocka_unit_test(bad_quotes_are_dropped),
        cmocka_unit_test(an_error_quotes_what_fits),
        cmocka_unit_test(random_quotes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
