/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "wire/checksum.h"

#include <stdlib.h>
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

static uint16_t reference(const void *data, size_t len)
{
    return frame_sum_finish(frame_sum(0, data, len));
}

/* RFC1071-3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2. */
static void the_example_of_rfc_1071(void **state)
{
    static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    assert_int_equal(ntohs(checksum_fold(checksum_partial(data, sizeof data))), 0xddf2);
    assert_int_equal(ntohs(checksum_finish(checksum_partial(data, sizeof data))), 0x220d);
}

static void a_header_as_it_is_on_the_wire_sums_to_all_ones(void **state)
{
    static const uint8_t ip[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                 0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    assert_int_equal(checksum_fold(checksum_partial(ip, sizeof ip)), 0xffff);
}

/* Each version, at each length and alignment, against the sum byte by byte; in a heap buffer of just that
 * size, so that AddressSanitizer sees a read beyond it. */
static void every_variant_agrees_at_every_length(void **state)
{
    uint64_t seed = test_random_seed();
    const struct checksum_variant *v;

    for (unsigned i = 0; (v = checksum_variant(i)) != NULL; i++) {
        print_message("%s\n", v->name);
        for (size_t len = 0; len < 700; len++) {
            for (size_t align = 0; align < 4; align++) {
                uint8_t *buf = malloc(len + align + (len + align == 0));
                for (size_t k = 0; k < len; k++)
                    buf[align + k] = (uint8_t)(test_rand(&seed) >> 32);
                assert_int_equal(ntohs(checksum_finish(v->partial(buf + align, len))),
                                 reference(buf + align, len));
                assert_int_equal(checksum_finish(checksum_partial(buf + align, len)),
                                 checksum_finish(v->partial(buf + align, len)));
                free(buf);
            }
        }
    }
}

/* All ones and all zeros are where carries and signs go wrong. */
static void extreme_bytes_do_not_overflow(void **state)
{
    static const size_t lens[] = {60, 64, 1448, 1500, 8999, 65535, 65536, 65537, 131072, 1 << 20};
    static const uint8_t fills[] = {0x00, 0x7f, 0x80, 0xff};
    uint8_t *buf = malloc(1 << 20);
    const struct checksum_variant *v;

    for (size_t f = 0; f < sizeof fills; f++) {
        memset(buf, fills[f], 1 << 20);
        for (unsigned i = 0; (v = checksum_variant(i)) != NULL; i++)
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++)
                assert_int_equal(ntohs(checksum_finish(v->partial(buf, lens[l]))), reference(buf, lens[l]));
    }
    free(buf);
}

/* RFC1071-2 (B): odd segments in between. */
static void chains_with_odd_segments(void **state)
{
    uint64_t seed = test_random_seed();
    uint8_t bytes[3000];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(test_rand(&seed) >> 32);
    for (int round = 0; round < 300; round++) {
        size_t len = 1 + test_rand(&seed) % sizeof bytes;
        struct rte_mbuf *m =
            frame_mbuf_cut(ctx.rx_pool, bytes, len, 1 + test_rand(&seed) % 200, 1 + test_rand(&seed) % 1500);
        uint32_t off = (uint32_t)(test_rand(&seed) % (len + 1));
        uint32_t n = (uint32_t)(test_rand(&seed) % (len - off + 1));

        assert_int_equal(ntohs(checksum_finish(checksum_partial_mbuf(m, off, n))), reference(bytes + off, n));
        assert_int_equal(ntohs(checksum_finish(checksum_partial_mbuf(m, off, (uint32_t)len - off))),
                         reference(bytes + off, len - off));
        rte_pktmbuf_free(m);
    }
}

static void the_transport_checksum_covers_the_pseudo_header(void **state)
{
    static struct frame f;
    struct ip_addr src = ip_addr_v4(inet_addr("10.1.2.3")), dst = ip_addr_v4(inet_addr("192.168.255.254"));

    for (size_t len = 0; len < 1480; len += 37) {
        struct rte_mbuf *m;
        uint8_t data[1480];
        uint16_t want;

        memset(data, (int)len, sizeof data);
        frame_init(&f);
        frame_ip4(&f, "10.1.2.3", "192.168.255.254", IPPROTO_TCP, NULL, 0);
        frame_tcp(&f, 1, 2, 3, 4, 0x10, 5, NULL, 0);
        frame_bytes(&f, data, len);
        frame_finish(&f);
        memcpy(&want, f.b + f.l4 + 16, 2);
        frame_set16(&f, f.l4 + 16, 0);
        m = frame_mbuf(ctx.rx_pool, f.b, f.len);
        assert_int_equal(checksum_transport(m, (uint32_t)f.l4, &src, &dst, IPPROTO_TCP), want);
        rte_pktmbuf_free(m);
    }
}

/* RFC1624-4's example, where RFC 1141's arithmetic gives 0xffff: HC dd2f, m 5555 -> 3285. */
static void incremental_update_as_in_rfc_1624(void **state)
{
    assert_int_equal(checksum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285)), htons(0x0000));
}

static void incremental_update_equals_a_new_sum(void **state)
{
    uint64_t seed = test_random_seed();

    for (int i = 0; i < 20000; i++) {
        uint8_t data[20];
        uint16_t check, old16, new16;
        uint32_t old32, new32;
        size_t at = test_rand(&seed) % 8 * 2;

        for (size_t k = 0; k < sizeof data; k++)
            data[k] = (uint8_t)(test_rand(&seed) >> 32);
        data[19] = 1; /* of all zeros alone the sum has two forms */
        check = checksum_finish(checksum_partial(data, sizeof data));
        memcpy(&old16, data + at, 2);
        new16 = (uint16_t)test_rand(&seed);
        memcpy(data + at, &new16, 2);
        check = checksum_update16(check, old16, new16);
        assert_int_equal(check, checksum_finish(checksum_partial(data, sizeof data)));
        memcpy(&old32, data + at, 4);
        new32 = (uint32_t)test_rand(&seed);
        memcpy(data + at, &new32, 4);
        data[19] = 1;
        memcpy(&new32, data + at, 4);
        check = checksum_update32(check, old32, new32);
        assert_int_equal(check, checksum_finish(checksum_partial(data, sizeof data)));
    }
}

static void udp_never_sends_zero(void **state)
{
    assert_int_equal(checksum_udp_nonzero(0), 0xffff);
    assert_int_equal(checksum_udp_nonzero(0x1234), 0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc_1071),
        cmocka_unit_test(a_header_as_it_is_on_the_wire_sums_to_all_ones),
        cmocka_unit_test(every_variant_agrees_at_every_length),
        cmocka_unit_test(extreme_bytes_do_not_overflow),
        cmocka_unit_test(chains_with_odd_segments),
        cmocka_unit_test(the_transport_checksum_covers_the_pseudo_header),
        cmocka_unit_test(incremental_update_as_in_rfc_1624),
        cmocka_unit_test(incremental_update_equals_a_new_sum),
        cmocka_unit_test(udp_never_sends_zero),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
