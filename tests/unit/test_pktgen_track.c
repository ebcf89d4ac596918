/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pktgen/track.h"

static struct track t;

static void feed(const uint32_t *seq, unsigned n)
{
    track_begin(&t, 1, seq[0]);
    for (unsigned i = 1; i < n; i++)
        track_add(&t, seq[i]);
}

#define FEED(...)                                                                                            \
    do {                                                                                                     \
        const uint32_t seq[] = {__VA_ARGS__};                                                                \
        feed(seq, sizeof(seq) / sizeof(seq[0]));                                                             \
    } while (0)

static void expect(uint64_t unique, uint64_t missing, uint64_t reordered, uint64_t duplicates)
{
    assert_int_equal(t.unique, unique);
    assert_int_equal(track_missing(&t), missing);
    assert_int_equal(t.reordered, reordered);
    assert_int_equal(t.duplicates, duplicates);
}

static void in_order_nothing_is_noted(void **state)
{
    FEED(0, 1, 2, 3);
    expect(4, 0, 0, 0);
}

static void a_gap_is_missing(void **state)
{
    FEED(0, 1, 4, 5);
    expect(4, 2, 0, 0);
}

/* RFC 4737 section 3: a packet is reordered when one with a higher number has come before it. */
static void what_comes_late_is_reordered_and_not_missing(void **state)
{
    FEED(0, 2, 3, 1, 4);
    expect(5, 0, 1, 0);
}

static void a_number_that_came_before_is_a_duplicate(void **state)
{
    FEED(0, 1, 1, 2, 0, 3);
    expect(4, 0, 0, 2);
}

static void the_first_may_have_been_overtaken(void **state)
{
    FEED(3, 1, 2, 4);
    expect(4, 0, 2, 0);
    FEED(0, UINT32_MAX, 1); /* a number before the sender's own beginning: below zero, but known */
    expect(3, 0, 1, 0);
}

static void numbers_go_on_beyond_32_bits(void **state)
{
    FEED(UINT32_MAX - 1, UINT32_MAX, 0, 2, 1, 3);
    expect(6, 0, 1, 0);
}

static void the_window_moves_without_forgetting_or_remembering_wrongly(void **state)
{
    track_begin(&t, 1, 0);
    for (uint32_t i = 1; i < 300000; i++)
        if (i % 1000 != 7)
            track_add(&t, i);
    expect(299700, 300, 0, 0);
    track_add(&t, 299007); /* was left out */
    track_add(&t, 299008); /* was not */
    expect(299701, 299, 1, 1);
}

/* A jump of more than the window, and of whole windows, must not make old bits new. */
static void after_a_jump_nothing_old_counts(void **state)
{
    for (uint32_t jump = TRACK_WINDOW - 2; jump <= 2 * TRACK_WINDOW + 2; jump += 1) {
        if (jump > TRACK_WINDOW + 2 && jump < 2 * TRACK_WINDOW - 2)
            continue;
        track_begin(&t, 1, 0);
        for (uint32_t i = 1; i < 10; i++)
            track_add(&t, i);
        track_add(&t, 9 + jump);
        expect(11, jump - 1, 0, 0);
        for (uint32_t i = 1; i < 10; i++)
            track_add(&t, 9 + jump + i);
        expect(20, jump - 1, 0, 0);
        track_add(&t, 9 + jump - 5);
        expect(21, jump - 2, 1, 0);
    }
}

static void what_is_older_than_the_window_is_a_straggler(void **state)
{
    FEED(0, 1, TRACK_WINDOW + 10, 1);
    expect(3, TRACK_WINDOW + 8, 1, 0);
    assert_int_equal(t.stragglers, 1);
}

/* Against a plain list of what came, with chance. */
static void agrees_with_a_list(void **state)
{
    static uint8_t came[20000];
    uint64_t unique = 1, duplicates = 0, reordered = 0;
    uint32_t highest = 100;
    unsigned seed = 12345;

    came[100] = 1;
    track_begin(&t, 1, 100);
    for (unsigned i = 0; i < 50000; i++) {
        seed = seed * 1103515245 + 12345;
        uint32_t base = 100 + i / 4, n = base + (seed >> 16) % 40;
        if (n < highest)
            came[n] ? duplicates++ : reordered++;
        else if (n == highest)
            duplicates++;
        if (!came[n])
            unique++;
        came[n] = 1;
        highest = n > highest ? n : highest;
        track_add(&t, n);
    }
    expect(unique, highest - 100 + 1 - unique, reordered, duplicates);
}

/* Rows of any length, with gaps and repeats between them, against the same numbers one by one. */
static void a_row_is_its_numbers_one_by_one(void **state)
{
    static struct track one;
    unsigned seed = 4711;
    uint32_t seq = UINT32_MAX - 5000;

    track_begin(&t, 1, seq);
    track_begin(&one, 1, seq);
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        uint32_t count = (seed >> 16) % 200;
        seq += i % 3 == 0 ? (seed >> 20) % 1000 - 480 : 0; /* also back into a gap */
        track_add_row(&t, seq, count);
        for (uint32_t n = 0; n < count; n++)
            track_add(&one, seq + n);
        seq += count;
        assert_memory_equal(&t, &one, sizeof(t));
    }
    assert_int_not_equal(t.duplicates, 0);
    assert_int_not_equal(t.reordered, 0);
    assert_int_not_equal(track_missing(&t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_its_numbers_one_by_one),
        cmocka_unit_test(in_order_nothing_is_noted),
        cmocka_unit_test(a_gap_is_missing),
        cmocka_unit_test(what_comes_late_is_reordered_and_not_missing),
        cmocka_unit_test(a_number_that_came_before_is_a_duplicate),
        cmocka_unit_test(the_first_may_have_been_overtaken),
        cmocka_unit_test(numbers_go_on_beyond_32_bits),
        cmocka_unit_test(the_window_moves_without_forgetting_or_remembering_wrongly),
        cmocka_unit_test(after_a_jump_nothing_old_counts),
        cmocka_unit_test(what_is_older_than_the_window_is_a_straggler),
        cmocka_unit_test(agrees_with_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
