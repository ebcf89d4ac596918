/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/rng.h"

static struct rng seeded(uint64_t seed)
{
    struct siphash_key key = test_seed(seed);
    struct rng r;
    rng_init(&r, &key);
    return r;
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    struct rng a = seeded(7), b = seeded(7), c = seeded(8);

    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_u64(&a);
        assert_true(x == rng_u64(&b));
        assert_true(x != rng_u64(&c));
    }
}

static void below_is_uniform_and_below(void **state)
{
    struct rng r = seeded(1);
    uint32_t seen[7] = {0};

    for (int i = 0; i < 70000; i++) {
        uint32_t x = rng_below(&r, 7);
        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500); /* sigma is 93 */
    assert_int_equal(rng_below(&r, 1), 0);
}

/* With 3 * 2^30 a plain modulus would favour the lower third two to one. */
static void below_has_no_modulo_bias(void **state)
{
    struct rng r = seeded(2);
    uint32_t low = 0;

    for (int i = 0; i < 30000; i++)
        low += rng_below(&r, 3u << 30) < 1u << 30;
    assert_in_range(low, 9600, 10400);
}

static void keys_differ_from_each_other(void **state)
{
    struct rng r = seeded(3);
    struct siphash_key a = rng_key(&r), b = rng_key(&r);

    assert_true(a.k[0] != b.k[0] && a.k[1] != b.k[1] && a.k[0] != a.k[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(below_is_uniform_and_below),
        cmocka_unit_test(below_has_no_modulo_bias),
        cmocka_unit_test(keys_differ_from_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
