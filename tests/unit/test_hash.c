/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/hash.h"

#include <string.h>

/* Appendix A of the SipHash paper, and the first of its authors' list of vectors: key 00..0f, message
 * 00, 01, 02, ... */
static void siphash_gives_the_reference_vectors(void **state)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {2, UINT64_C(0x0d6c8009d9a94f5a)},  {3, UINT64_C(0x85676696d7fb7e2d)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {9, UINT64_C(0x9e0082df0ba9e4b0)},  {15, UINT64_C(0xa129ca6149be45e5)},
        {16, UINT64_C(0x3f2acc7f57c29bdb)}, {63, UINT64_C(0x958a324ceb064572)},
    };
    struct siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    uint8_t msg[64];

    for (size_t i = 0; i < sizeof msg; i++)
        msg[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_true(siphash(&key, msg, vectors[i].len) == vectors[i].hash);
}

static void siphash_reads_unaligned_data(void **state)
{
    struct siphash_key key = {{1, 2}};
    uint8_t a[40] = {0}, b[40] = {0};

    memset(a + 1, 7, 30);
    memset(b + 4, 7, 30);
    assert_true(siphash(&key, a + 1, 30) == siphash(&key, b + 4, 30));
}

static struct flow_key flow(uint32_t i)
{
    return (struct flow_key){ip_addr_v4(htonl(0x0a000001)), ip_addr_v4(htonl(0x0a010000 + i / 1000)), 80,
                             (uint16_t)(10000 + i % 1000)};
}

/* The flows of a busy server: few addresses, consecutive ports. */
static void flow_hash_spreads_similar_flows(void **state)
{
    enum { N = 65536, BUCKETS = 4096 };
    static uint32_t low[BUCKETS], high[BUCKETS];
    struct siphash_key key = {{UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)}};

    memset(low, 0, sizeof low);
    memset(high, 0, sizeof high);
    for (uint32_t i = 0; i < N; i++) {
        struct flow_key f = flow(i);
        uint32_t h = flow_hash(&key, &f);
        low[h % BUCKETS]++;
        high[h >> 20]++;
    }
    /* 16 expected in each; a Poisson variable exceeds 48 with less than 1e-9. */
    for (int i = 0; i < BUCKETS; i++) {
        assert_in_range(low[i], 0, 48);
        assert_in_range(high[i], 0, 48);
    }
}

static void flow_hash_depends_on_the_key(void **state)
{
    struct siphash_key a = {{1, 2}}, b = {{1, 3}};
    unsigned same = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        struct flow_key f = flow(i);
        same += flow_hash(&a, &f) == flow_hash(&b, &f);
    }
    assert_in_range(same, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_reference_vectors),
        cmocka_unit_test(siphash_reads_unaligned_data),
        cmocka_unit_test(flow_hash_spreads_similar_flows),
        cmocka_unit_test(flow_hash_depends_on_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
