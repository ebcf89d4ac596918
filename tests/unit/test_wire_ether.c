/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "wire/ether.h"

#include <string.h>

static const uint8_t ours[6] = {0x02, 0, 0, 0, 0, 1}, theirs[6] = {0x02, 0, 0, 0, 0, 2};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t multicast[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
static struct test_context ctx;

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

static uint16_t parse(struct pkt *p, const uint8_t *dst, const uint8_t *src, uint16_t type, size_t len)
{
    static struct frame f;
    uint16_t got;

    frame_init(&f);
    frame_ether(&f, dst, src, type);
    memset(p, 0xee, sizeof *p);
    p->m = frame_mbuf(ctx.rx_pool, f.b, len);
    got = ether_parse(p, ours);
    rte_pktmbuf_free(p->m);
    return got;
}

static void frames_for_us_pass_with_their_type(void **state)
{
    struct pkt p;

    assert_int_equal(parse(&p, ours, theirs, 0x0800, 14), ETHER_TYPE_IP4);
    assert_int_equal(p.l3_off, 14);
    assert_int_equal(p.flags, 0);
    assert_int_equal(parse(&p, broadcast, theirs, 0x0806, 14), ETHER_TYPE_ARP);
    assert_int_equal(p.flags, PKT_BROADCAST);
    assert_int_equal(parse(&p, multicast, theirs, 0x0800, 14), ETHER_TYPE_IP4);
    assert_int_equal(p.flags, PKT_MULTICAST);
    assert_int_equal(parse(&p, ours, theirs, 0x1234, 14), 0x1234); /* the caller's to judge */
}

static void others_are_dropped_by_reason(void **state)
{
    struct pkt p;
    uint8_t near[6];

    for (size_t len = 0; len < 14; len++) {
        assert_int_equal(parse(&p, ours, theirs, 0x0800, len), 0);
        assert_int_equal(p.drop, CNT_DROP_ETHER_SHORT);
    }
    for (int i = 0; i < 6; i++) {
        memcpy(near, ours, 6);
        near[i] ^= 0x10;
        assert_int_equal(parse(&p, near, theirs, 0x0800, 14), 0);
        assert_int_equal(p.drop, CNT_DROP_ETHER_NOT_OURS);
    }
    assert_int_equal(parse(&p, ours, multicast, 0x0800, 14), 0);
    assert_int_equal(p.drop, CNT_DROP_ETHER_SOURCE);
    assert_int_equal(parse(&p, ours, theirs, 0x8100, 14), 0);
    assert_int_equal(p.drop, CNT_DROP_VLAN);
    assert_int_equal(parse(&p, ours, theirs, 0x88a8, 14), 0);
    assert_int_equal(p.drop, CNT_DROP_VLAN);
    assert_int_equal(parse(&p, ours, theirs, 0, 14), 0);
    assert_int_equal(p.drop, CNT_DROP_ETHER_TYPE);
}

static void emitted_frames_parse(void **state)
{
    struct pkt p = {.m = rte_pktmbuf_alloc(ctx.ctx.hdr_pool)};

    ether_emit(rte_pktmbuf_append(p.m, 14), ours, theirs, ETHER_TYPE_ARP);
    assert_int_equal(ether_parse(&p, ours), ETHER_TYPE_ARP);
    assert_memory_equal(ether_hdr(&p)->src, theirs, 6);
    rte_pktmbuf_free(p.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_for_us_pass_with_their_type),
        cmocka_unit_test(others_are_dropped_by_reason),
        cmocka_unit_test(emitted_frames_parse),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
