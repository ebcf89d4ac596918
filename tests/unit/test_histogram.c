/* SPDX-License-Identifier: BSD-3-Clause */
/* The programs' histogram: every value within its slot, quantiles against a sorted list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "apps/histogram.h"

static struct histogram h;

static int clear(void **state)
{
    memset(&h, 0, sizeof(h));
    return 0;
}

static void slots_follow_each_other_without_a_gap(void **state)
{
    for (unsigned i = 0; i + 1 < HISTOGRAM_SLOTS; i++) {
        assert_int_equal(histogram_slot(histogram_slot_least(i)), i);
        assert_int_equal(histogram_slot(histogram_slot_greatest(i)), i);
        assert_int_equal(histogram_slot_greatest(i) + 1, histogram_slot_least(i + 1));
    }
}

static void a_slot_is_no_wider_than_a_128th_of_its_values(void **state)
{
    for (unsigned i = 1; i < HISTOGRAM_SLOTS; i++) {
        uint64_t least = histogram_slot_least(i), width = histogram_slot_greatest(i) - least;
        assert_true(width * 128 <= least);
    }
}

static void what_is_too_large_goes_into_the_last_slot(void **state)
{
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, HISTOGRAM_TOP);
    assert_int_equal(h.slot[HISTOGRAM_SLOTS - 1], 2);
    assert_true(histogram_quantile(&h, 1) == UINT64_MAX);
}

static void an_empty_one_says_zero(void **state)
{
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    assert_true(histogram_mean(&h) == 0 && histogram_stddev(&h) == 0);
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    enum { N = 20000 };
    static uint64_t value[N];
    uint64_t x = 88172645463325252u; /* xorshift64: the same values in each run */

    for (int i = 0; i < N; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        value[i] = x >> (24 + x % 36); /* over many orders of magnitude */
        histogram_add(&h, value[i]);
    }
    qsort(value, N, sizeof(value[0]), order);
    static const double q[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999};
    for (unsigned i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
        uint64_t exact = value[(int)(q[i] * N + 0.999999) - 1], got = histogram_quantile(&h, q[i]);
        assert_true(got >= exact && got - exact <= exact / 128);
    }
    assert_true(histogram_quantile(&h, 0) == value[0]);
    assert_true(histogram_quantile(&h, 1) == value[N - 1]);
}

static void merged_is_as_if_added_to_one(void **state)
{
    static struct histogram a, b, all;

    for (uint64_t v = 1; v < 1000000; v = v * 3 + 1) {
        histogram_add(v % 2 ? &a : &b, v);
        histogram_add(&all, v);
    }
    histogram_merge(&h, &a);
    histogram_merge(&h, &b);
    assert_memory_equal(h.slot, all.slot, sizeof(h.slot));
    assert_true(h.count == all.count && h.min == all.min && h.max == all.max && h.sum == all.sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(slots_follow_each_other_without_a_gap, clear),
        cmocka_unit_test_setup(a_slot_is_no_wider_than_a_128th_of_its_values, clear),
        cmocka_unit_test_setup(what_is_too_large_goes_into_the_last_slot, clear),
        cmocka_unit_test_setup(an_empty_one_says_zero, clear),
        cmocka_unit_test_setup(quantiles_are_those_of_the_sorted_values, clear),
        cmocka_unit_test_setup(merged_is_as_if_added_to_one, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
