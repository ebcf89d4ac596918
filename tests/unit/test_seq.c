/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/seq.h"

/* RFC9293-3.4: all comparisons are modulo 2^32. */
static void comparisons_hold_across_the_wrap(void **state)
{
    static const seq_t bases[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        seq_t s = bases[i];
        assert_true(seq_lt(s, s + 1));
        assert_true(seq_lt(s, s + 0x7fffffff));
        assert_false(seq_lt(s, s));
        assert_false(seq_lt(s + 1, s));
        assert_true(seq_leq(s, s));
        assert_true(seq_leq(s, s + 1));
        assert_true(seq_gt(s + 1, s));
        assert_false(seq_gt(s, s));
        assert_true(seq_geq(s, s));
        assert_int_equal(seq_max(s, s + 5), s + 5);
        assert_int_equal(seq_min(s, s + 5), s);
    }
}

static void a_window_may_wrap(void **state)
{
    assert_true(seq_in(0xfffffff0, 0xfffffff0, 0x10));
    assert_true(seq_in(0, 0xfffffff0, 0x10));
    assert_true(seq_in(0xf, 0xfffffff0, 0x10));
    assert_false(seq_in(0x10, 0xfffffff0, 0x10));
    assert_false(seq_in(0xffffffef, 0xfffffff0, 0x10));
}

static void an_empty_window_holds_nothing(void **state)
{
    assert_false(seq_in(5, 5, 5));
    assert_false(seq_in(4, 5, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_hold_across_the_wrap),
        cmocka_unit_test(a_window_may_wrap),
        cmocka_unit_test(an_empty_window_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
