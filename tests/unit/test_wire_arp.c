/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "wire/arp.h"

#include <string.h>

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

/* RFC 826: who has 192.0.2.1, tell 192.0.2.2 */
static const uint8_t request[28] = {0,   1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0, 0, 2,
                                    192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1};

static bool parse(const uint8_t *bytes, size_t len, struct arp_view *v)
{
    struct pkt p = {.m = frame_mbuf(ctx.rx_pool, bytes, len), .l3_off = 0};
    bool ok = arp_parse(&p, v);

    if (!ok)
        assert_int_equal(p.drop, CNT_DROP_ARP_MALFORMED);
    rte_pktmbuf_free(p.m);
    return ok;
}

static void a_request_is_read_and_written_alike(void **state)
{
    struct arp_view v;
    uint8_t out[28];

    assert_true(parse(request, 28, &v));
    assert_int_equal(v.op, ARP_OP_REQUEST);
    assert_int_equal(v.spa, inet_addr("192.0.2.2"));
    assert_int_equal(v.tpa, inet_addr("192.0.2.1"));
    assert_memory_equal(v.sha, request + 8, 6);
    assert_memory_equal(v.tha, request + 18, 6);
    arp_emit(out, &v);
    assert_memory_equal(out, request, 28);
}

/* RFC5227-1.1: a probe has a sender address of all zeros. */
static void a_probe_passes(void **state)
{
    struct arp_view v;
    uint8_t bytes[28];

    memcpy(bytes, request, 28);
    memset(bytes + 14, 0, 4);
    assert_true(parse(bytes, 28, &v));
    assert_int_equal(v.spa, 0);
}

static void malformed_ones_are_dropped(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } spoil[] = {
        {0, 1},    {1, 6},    {2, 9}, {3, 6}, {4, 5}, {4, 0},
        {5, 16},   {5, 0},    {6, 1}, {7, 0}, {7, 3}, {8, 1 /* multicast hardware address */},
        {14, 224}, {14, 255},
    };
    struct arp_view v;
    uint8_t bytes[28];

    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        memcpy(bytes, request, 28);
        bytes[spoil[i].at] = spoil[i].value;
        assert_false(parse(bytes, 28, &v));
    }
    memcpy(bytes, request, 28);
    memset(bytes + 8, 0, 6);
    assert_false(parse(bytes, 28, &v));
    for (size_t len = 0; len < 28; len++)
        assert_false(parse(request, len, &v));
}

static void random_bytes_do_no_harm(void **state)
{
    uint64_t seed = test_random_seed();
    struct arp_view v;
    uint8_t bytes[64];

    for (int i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)(test_rand(&seed) >> 32);
        if (i % 2 == 0)
            memcpy(bytes, request, test_rand(&seed) % 28);
        parse(bytes, test_rand(&seed) % sizeof bytes, &v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_and_written_alike),
        cmocka_unit_test(a_probe_passes),
        cmocka_unit_test(malformed_ones_are_dropped),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
