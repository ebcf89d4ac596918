/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "wire/ip4.h"
#include "wire/udp.h"

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

static void datagram(size_t payload)
{
    uint8_t data[2000];

    memset(data, 0x3c, sizeof data);
    frame_init(&f);
    frame_ip4(&f, "192.0.2.1", "198.51.100.7", IPPROTO_UDP, NULL, 0);
    frame_udp(&f, 1000, 53);
    frame_bytes(&f, data, payload);
    frame_finish(&f);
}

static bool parse(struct pkt *p, uint64_t ol_flags)
{
    memset(p, 0, sizeof *p);
    p->m = frame_mbuf(ctx.rx_pool, f.b, f.len);
    p->m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    assert_true(ip4_parse(p));
    p->m->ol_flags = ol_flags;
    return udp_parse(p);
}

static void a_datagram_is_read_into_the_view(void **state)
{
    static const size_t lens[] = {0, 1, 2, 63, 64, 1472};
    struct pkt p;

    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        datagram(lens[i]);
        assert_true(parse(&p, 0));
        assert_int_equal(p.udp.sport, 1000);
        assert_int_equal(p.udp.dport, 53);
        assert_int_equal(p.data_off, 28);
        assert_int_equal(p.data_len, lens[i]);
        rte_pktmbuf_free(p.m);
    }
}

/* RFC 768, and what Linux does: the IP packet may be longer than the datagram. */
static void the_length_field_decides(void **state)
{
    static const struct {
        uint16_t length;
        bool ok;
    } cases[] = {{0, false}, {7, false}, {8, true}, {50, true}, {108, true}, {109, false}, {65535, false}};
    struct pkt p;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        datagram(100);
        frame_set16(&f, 24, cases[i].length);
        frame_set16(&f, 26, 0);
        assert_int_equal(parse(&p, 0), cases[i].ok);
        if (cases[i].ok) {
            assert_int_equal(p.data_len, cases[i].length - 8);
            assert_int_equal(p.m->pkt_len, 20 + cases[i].length);
        } else {
            assert_int_equal(p.drop, CNT_DROP_UDP_MALFORMED);
        }
        rte_pktmbuf_free(p.m);
    }
    for (size_t len = 0; len < 8; len++) {
        datagram(0);
        f.len = 20 + len;
        frame_set16(&f, 2, (uint16_t)f.len);
        assert_false(parse(&p, 0));
        assert_int_equal(p.drop, CNT_DROP_UDP_MALFORMED);
        rte_pktmbuf_free(p.m);
    }
}

static void checksums_by_the_device_or_here(void **state)
{
    static const struct {
        uint64_t flags;
        uint8_t pkt_flags;
        bool good, bad;
    } cases[] = {
        {RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, 0, true, false},
        {RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, true, true},
        {RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, true, true}, /* unfilled, never was on a wire */
        {RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, false, false},
    };
    struct pkt p;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        datagram(100);
        assert_int_equal(parse(&p, cases[i].flags), cases[i].good);
        rte_pktmbuf_free(p.m);
        f.b[60] ^= 1;
        assert_int_equal(parse(&p, cases[i].flags), cases[i].bad);
        if (!cases[i].bad)
            assert_int_equal(p.drop, CNT_DROP_UDP_CHECKSUM);
        rte_pktmbuf_free(p.m);
    }
}

/* RFC 768: an all-zero checksum means that none was computed. */
static void checksum_zero_is_none(void **state)
{
    struct pkt p;

    datagram(100);
    frame_set16(&f, 26, 0);
    assert_true(parse(&p, 0));
    rte_pktmbuf_free(p.m);
    assert_true(parse(&p, RTE_MBUF_F_RX_L4_CKSUM_BAD));
    rte_pktmbuf_free(p.m);
}

static void an_emitted_header_parses(void **state)
{
    struct pkt p;
    uint16_t check;

    datagram(11);
    udp_emit(f.b + 20, 4000, 5000, 11);
    p.m = frame_mbuf(ctx.rx_pool, f.b, f.len);
    p.src = ip_addr_v4(inet_addr("192.0.2.1"));
    p.dst = ip_addr_v4(inet_addr("198.51.100.7"));
    check = checksum_udp_nonzero(checksum_transport(p.m, 20, &p.src, &p.dst, IPPROTO_UDP));
    memcpy(f.b + 26, &check, 2);
    rte_pktmbuf_free(p.m);
    assert_true(parse(&p, 0));
    assert_int_equal(p.udp.sport, 4000);
    assert_int_equal(p.udp.dport, 5000);
    assert_int_equal(p.data_len, 11);
    rte_pktmbuf_free(p.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_is_read_into_the_view), cmocka_unit_test(the_length_field_decides),
        cmocka_unit_test(checksums_by_the_device_or_here),  cmocka_unit_test(checksum_zero_is_none),
        cmocka_unit_test(an_emitted_header_parses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
