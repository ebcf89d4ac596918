/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

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

static void packet(const void *opt, size_t opt_len, size_t payload)
{
    uint8_t data[2000] = {0};

    frame_init(&f);
    frame_ip4(&f, "192.0.2.1", "198.51.100.7", 253, opt, opt_len);
    frame_bytes(&f, data, payload);
    frame_finish(&f);
}

/* The frame as it stands, `len` bytes of it, in one segment. Leaves p->m with the caller. */
static bool parse(struct pkt *p, size_t len, uint64_t ol_flags)
{
    memset(p, 0, sizeof *p);
    p->m = frame_mbuf(ctx.rx_pool, f.b, len);
    p->m->ol_flags = ol_flags;
    return ip4_parse(p);
}

static void assert_dropped(size_t len, enum counter why)
{
    struct pkt p;

    assert_false(parse(&p, len, 0));
    assert_int_equal(p.drop, why);
    rte_pktmbuf_free(p.m);
}

static void rechecksum(void)
{
    size_t hdr = (f.b[0] & 0xf) * 4u;
    frame_set16(&f, 10, 0);
    frame_set16(&f, 10, frame_sum_finish(frame_sum(0, f.b, hdr)));
}

static void a_packet_is_read_into_the_view(void **state)
{
    struct pkt p;

    packet(NULL, 0, 100);
    f.b[1] = 0xb8;
    f.b[8] = 17;
    rechecksum();
    assert_true(parse(&p, f.len, 0));
    assert_int_equal(ip_addr_get_v4(&p.src), inet_addr("192.0.2.1"));
    assert_int_equal(ip_addr_get_v4(&p.dst), inet_addr("198.51.100.7"));
    assert_int_equal(p.proto, 253);
    assert_int_equal(p.tos, 0xb8);
    assert_int_equal(p.ttl, 17);
    assert_int_equal(p.l4_off, 20);
    assert_int_equal(p.data_off, 20);
    assert_int_equal(p.data_len, 100);
    assert_false(ip4_is_fragment(ip4_hdr(&p)));
    rte_pktmbuf_free(p.m);
}

/* RFC 894: frames are padded to 46 bytes of data; the total length says what counts. */
static void link_padding_is_trimmed_off(void **state)
{
    struct pkt p;

    packet(NULL, 0, 10);
    memset(f.b + f.len, 0xaa, 16);
    assert_true(parse(&p, f.len + 16, 0));
    assert_int_equal(p.m->pkt_len, 30);
    assert_int_equal(p.m->data_len, 30);
    assert_int_equal(p.data_len, 10);
    rte_pktmbuf_free(p.m);
    /* Padding that fills segments of its own. */
    memset(&p, 0, sizeof p);
    p.m = frame_mbuf_cut(ctx.rx_pool, f.b, f.len + 16, 25, 3);
    assert_true(ip4_parse(&p));
    assert_int_equal(p.m->pkt_len, 30);
    assert_int_equal(p.m->nb_segs, 3);
    assert_int_equal(rte_pktmbuf_lastseg(p.m)->data_len, 2);
    rte_pktmbuf_free(p.m);
}

static void every_short_form_is_dropped(void **state)
{
    packet(NULL, 0, 100);
    for (size_t len = 0; len < 120; len++)
        assert_dropped(len, CNT_DROP_IP_SHORT);
    frame_set16(&f, 2, 19); /* total length within the header */
    rechecksum();
    assert_dropped(120, CNT_DROP_IP_SHORT);
    frame_set16(&f, 2, 121);
    rechecksum();
    assert_dropped(120, CNT_DROP_IP_SHORT);
    frame_set16(&f, 2, 0);
    rechecksum();
    assert_dropped(120, CNT_DROP_IP_SHORT);
    packet(NULL, 0, 0);
    f.b[0] = 0x46; /* header of 24 in a packet of 20 */
    assert_dropped(20, CNT_DROP_IP_SHORT);
}

static void versions_and_header_lengths_are_checked(void **state)
{
    for (unsigned version = 0; version < 16; version++) {
        if (version == 4)
            continue;
        packet(NULL, 0, 60);
        f.b[0] = (uint8_t)(version << 4 | 5);
        rechecksum();
        assert_dropped(f.len, CNT_DROP_IP_VERSION);
    }
    for (unsigned ihl = 0; ihl < 5; ihl++) {
        packet(NULL, 0, 60);
        f.b[0] = (uint8_t)(0x40 | ihl);
        assert_dropped(f.len, CNT_DROP_IP_HEADER);
    }
}

/* RFC1122-3.2.1.2: MUST verify the header checksum and discard silently. */
static void a_wrong_checksum_is_dropped(void **state)
{
    for (size_t bit = 0; bit < 160; bit++) {
        struct pkt p;
        packet(NULL, 0, 60);
        f.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(parse(&p, f.len, 0));
        rte_pktmbuf_free(p.m);
    }
    packet(NULL, 0, 60);
    f.b[10] ^= 1;
    assert_dropped(f.len, CNT_DROP_IP_CHECKSUM);
}

/* What the device says, against what is true. */
static void checksum_flags_of_the_device(void **state)
{
    static const struct {
        uint64_t flags;
        bool good, bad; /* passes with a right, with a wrong checksum */
    } cases[] = {
        {RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, true, false}, {RTE_MBUF_F_RX_IP_CKSUM_NONE, true, false},
        {RTE_MBUF_F_RX_IP_CKSUM_GOOD, true, true},     {RTE_MBUF_F_RX_IP_CKSUM_BAD, false, false},
        {RTE_MBUF_F_RX_L4_CKSUM_BAD, true, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkt p;
        packet(NULL, 0, 8);
        assert_int_equal(parse(&p, f.len, cases[i].flags), cases[i].good);
        rte_pktmbuf_free(p.m);
        f.b[11] ^= 0x40;
        assert_int_equal(parse(&p, f.len, cases[i].flags), cases[i].bad);
        rte_pktmbuf_free(p.m);
    }
}

/* RFC791-3.1: options are skipped, but their lengths have to make sense. */
static void options_are_skipped_when_well_formed(void **state)
{
    static const struct {
        uint8_t len, opt[40];
        bool ok;
    } cases[] = {
        {4, {1, 1, 1, 0}, true},                 /* NOP NOP NOP END */
        {4, {0, 0xff, 0xff, 0xff}, true},        /* what follows the end does not matter */
        {4, {7, 3, 4, 0}, true},                 /* record route, full */
        {8, {7, 7, 8, 1, 2, 3, 4, 0}, true},     /* the same with an address */
        {4, {148, 4, 0, 0}, true},               /* router alert */
        {40, {68, 40, 5}, true},                 /* timestamps filling the header */
        {4, {7, 0, 0, 0}, false},                /* length 0 */
        {4, {7, 1, 0, 0}, false},                /* length 1 */
        {4, {7, 5, 4, 0}, false},                /* beyond the header */
        {4, {1, 1, 1, 7}, false},                /* no room for its length */
        {8, {131, 7, 4, 10, 0, 0, 1, 0}, false}, /* loose source route */
        {8, {1, 137, 7, 4, 10, 0, 0, 1}, false}, /* strict source route */
        {40, {68, 41, 5}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkt p;
        packet(cases[i].opt, cases[i].len, 33);
        assert_int_equal(parse(&p, f.len, 0), cases[i].ok);
        if (cases[i].ok) {
            assert_int_equal(p.l4_off, 20 + cases[i].len);
            assert_int_equal(p.data_len, 33);
        } else {
            assert_int_equal(p.drop, CNT_DROP_IP_HEADER);
        }
        rte_pktmbuf_free(p.m);
    }
}

static void fragments_are_recognised(void **state)
{
    static const struct {
        uint16_t field;
        bool fragment, more;
        uint32_t offset;
    } cases[] = {
        {0x0000, false, false, 0}, {0x4000, false, false, 0},   {0x2000, true, true, 0},
        {0x0001, true, false, 8},  {0x3fff, true, true, 65528}, {0x8000, false, false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ip4_hdr h = {.fragment = htons(cases[i].field)};
        assert_int_equal(ip4_is_fragment(&h), cases[i].fragment);
        assert_int_equal(ip4_more_fragments(&h), cases[i].more);
        assert_int_equal(ip4_fragment_offset(&h), cases[i].offset);
    }
}

static void an_emitted_header_parses(void **state)
{
    uint64_t seed = test_random_seed();

    for (int i = 0; i < 2000; i++) {
        struct ip4_emit e = {
            .src = (uint32_t)test_rand(&seed),
            .dst = (uint32_t)test_rand(&seed),
            .total_length = 20,
            .id = (uint16_t)test_rand(&seed),
            .fragment = i % 2 ? IP4_DF : (uint16_t)(IP4_MF | (test_rand(&seed) & 0x1fff)),
            .tos = (uint8_t)test_rand(&seed),
            .ttl = (uint8_t)test_rand(&seed),
            .proto = (uint8_t)test_rand(&seed),
        };
        struct pkt p;

        frame_init(&f);
        f.len = 20;
        ip4_emit(f.b, &e, true);
        assert_true(parse(&p, 20, 0));
        assert_int_equal(ip_addr_get_v4(&p.src), e.src);
        assert_int_equal(ip_addr_get_v4(&p.dst), e.dst);
        assert_int_equal(p.ttl, e.ttl);
        assert_int_equal(p.tos, e.tos);
        assert_int_equal(p.proto, e.proto);
        assert_int_equal(ntohs(ip4_hdr(&p)->id), e.id);
        assert_int_equal(ntohs(ip4_hdr(&p)->fragment), e.fragment);
        rte_pktmbuf_free(p.m);
        ip4_emit(f.b, &e, false);
        assert_int_equal(f.b[10] | f.b[11], 0);
    }
}

static void random_bytes_do_no_harm(void **state)
{
    uint64_t seed = test_random_seed();

    for (int i = 0; i < 50000; i++) {
        size_t len = test_rand(&seed) % 100;
        struct pkt p;

        for (size_t k = 0; k < len; k++)
            f.b[k] = (uint8_t)(test_rand(&seed) >> 32);
        if (i % 4 != 0 && len >= 4) {
            f.b[0] = (uint8_t)(0x45 + test_rand(&seed) % 11);
            frame_set16(&f, 2, (uint16_t)(test_rand(&seed) % (len + 1)));
        }
        if (parse(&p, len, i % 2 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0))
            assert_int_equal(p.l4_off + p.data_len, p.m->pkt_len);
        rte_pktmbuf_free(p.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_is_read_into_the_view),
        cmocka_unit_test(link_padding_is_trimmed_off),
        cmocka_unit_test(every_short_form_is_dropped),
        cmocka_unit_test(versions_and_header_lengths_are_checked),
        cmocka_unit_test(a_wrong_checksum_is_dropped),
        cmocka_unit_test(checksum_flags_of_the_device),
        cmocka_unit_test(options_are_skipped_when_well_formed),
        cmocka_unit_test(fragments_are_recognised),
        cmocka_unit_test(an_emitted_header_parses),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
