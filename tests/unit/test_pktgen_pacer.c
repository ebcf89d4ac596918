/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pktgen/pacer.h"

#define SECOND UINT64_C(1000000000)
#define START  UINT64_C(5000000000000)

static struct rate rate_of(const char *text)
{
    char why[256];
    struct rate r;

    if (!rate_parse(&r, text, why, sizeof(why)))
        fail_msg("%s: %s", text, why);
    return r;
}

static void rates_are_read(void **state)
{
    static const struct {
        const char *text;
        enum rate_unit unit;
        uint64_t value;
    } good[] = {
        {"1pps", RATE_PPS, 1},
        {"1.5Mpps", RATE_PPS, 1500000},
        {"20kpps", RATE_PPS, 20000},
        {"1000Mpps", RATE_PPS, 1000000000},
        {"2Gbps", RATE_BPS, 2000000000},
        {"9.6Gbps-l1", RATE_L1_BPS, 9600000000},
        {"50%", RATE_PERCENT, 500000},
        {"0.5%", RATE_PERCENT, 5000},
        {"max", RATE_MAX, 0},
    };
    static const char *const wrong[] = {
        "",          "1",    "0pps", "-1pps", "1001Mpps", "1mpps",    "1 Mpps", "Mpps", "1.pps", ".5Mpps",
        "1.2.3Mpps", "101%", "0%",   "MAX",   "1e3pps",   "5000Gbps", "0.5pps", "inf",  "nanpps"};
    char why[256];
    struct rate r;

    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        r = rate_of(good[i].text);
        assert_int_equal(r.unit, good[i].unit);
        assert_int_equal(r.value, good[i].value);
    }
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (rate_parse(&r, wrong[i], why, sizeof(why)))
            fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(why, "must be"));
    }
}

static void a_share_is_one_of_the_link_with_what_it_adds(void **state)
{
    struct rate r = rate_of("50%");

    assert_false(rate_resolve(&r, 0));
    assert_true(rate_resolve(&r, 10000));
    assert_int_equal(r.unit, RATE_L1_BPS);
    assert_int_equal(r.value, 5000000000u);
    /* 10 Gbit/s are 14.88 million frames of 60 bytes. */
    r = rate_of("100%");
    assert_true(rate_resolve(&r, 10000));
    assert_int_equal((uint64_t)rate_frames(&r, 60), 14880952);
}

/* Frame n of r a second is due at floor(n / r), whatever n: nothing drifts. */
static void frames_are_due_to_the_nanosecond(void **state)
{
    static const char *const rates[] = {"1pps",      "3pps",    "7pps",    "100kpps",
                                        "999999pps", "1.5Mpps", "333Mpps", "1000Mpps"};

    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct rate r = rate_of(rates[i]);
        struct pacer p;
        pacer_init(&p, &r, 1, 0, 1, START);
        for (uint64_t n = 0; n < 100000; n++) {
            assert_int_equal(p.due, START + (uint64_t)((unsigned __int128)n * SECOND / r.value));
            pacer_advance(&p, 64, p.due);
        }
    }
}

/* Frames of different sizes at a rate of bits: the n-th is due when the bits before it have had their time.
 */
static void bits_are_due_to_the_nanosecond(void **state)
{
    const uint32_t size[] = {64, 1514, 590, 61};
    struct rate r = rate_of("123456789bps"), l1 = rate_of("1Gbps-l1");
    struct pacer p, q;
    unsigned __int128 bits = 0, wire_bits = 0;

    pacer_init(&p, &r, 1, 0, 1, START);
    pacer_init(&q, &l1, 1, 0, 1, START);
    for (unsigned n = 0; n < 100000; n++) {
        assert_int_equal(p.due, START + (uint64_t)(bits * SECOND / r.value));
        assert_int_equal(q.due, START + (uint64_t)(wire_bits * SECOND / l1.value));
        pacer_advance(&p, size[n % 4], p.due);
        pacer_advance(&q, size[n % 4], q.due);
        bits += size[n % 4] * 8;
        wire_bits += (size[n % 4] + RATE_WIRE_OVERHEAD) * 8;
    }
}

/* Several pacers make together the schedule of one. */
static void workers_share_a_rate(void **state)
{
    struct rate r = rate_of("700kpps");
    struct pacer p[3];

    for (uint32_t k = 0; k < 3; k++)
        pacer_init(&p[k], &r, 1, k, 3, START);
    for (uint64_t n = 0; n < 100000; n++) {
        struct pacer *q = &p[n % 3];
        assert_int_equal(q->due, START + n * SECOND / r.value);
        pacer_advance(q, 64, q->due);
    }
}

/* r frames a second for d seconds are r * d frames, also when a frame is due just at the end. */
static void a_duration_has_room_for_an_exact_number(void **state)
{
    static const char *const rates[] = {"20kpps", "3pps", "999999pps", "1Mpps"};

    for (unsigned i = 0; i < 4; i++)
        for (uint32_t parts = 1; parts <= 3; parts++) {
            struct rate r = rate_of(rates[i]);
            uint64_t frames = 0;
            for (uint32_t k = 0; k < parts; k++) {
                struct pacer p;
                pacer_init(&p, &r, 1, k, parts, START);
                for (; p.due < START + 5 * SECOND; frames++)
                    pacer_advance(&p, 64, p.due);
            }
            assert_int_equal(frames, r.value * 5);
        }
}

static void a_group_goes_together_and_then_waits(void **state)
{
    struct rate r = rate_of("1Mpps");
    struct pacer p;

    pacer_init(&p, &r, 4, 0, 1, START);
    for (unsigned n = 0; n < 4; n++) {
        assert_true(pacer_ready(&p, START));
        pacer_advance(&p, 64, START);
    }
    assert_false(pacer_ready(&p, START + 3999));
    assert_true(pacer_ready(&p, START + 4000));
}

static void nothing_is_due_early(void **state)
{
    struct rate r = rate_of("1Mpps");
    struct pacer p;

    pacer_init(&p, &r, 1, 0, 1, START);
    assert_false(pacer_ready(&p, START - 1));
    assert_true(pacer_ready(&p, START));
    pacer_advance(&p, 64, START);
    assert_false(pacer_ready(&p, START + 999));
    assert_true(pacer_ready(&p, START + 1000));
}

/* After a pause of 100 ms the frames that are owed follow at sixteen times the rate, but for a small burst.
 */
static void what_is_owed_follows_at_a_limited_rate(void **state)
{
    struct rate r = rate_of("1Mpps");
    uint64_t now = START + 100000000;
    unsigned sent = 0;
    struct pacer p;

    pacer_init(&p, &r, 1, 0, 1, START);
    for (; pacer_ready(&p, now); sent++)
        pacer_advance(&p, 64, now);
    assert_in_range(sent, 1, 70);
    for (uint64_t t = 0; t < 1000000; t += 50) /* the next ms */
        for (; pacer_ready(&p, now + t); sent++)
            pacer_advance(&p, 64, now + t);
    assert_in_range(sent, 15500, 16300);
    for (uint64_t t = 1000000; t < 200000000; t += 100)
        for (; pacer_ready(&p, now + t); sent++)
            pacer_advance(&p, 64, now + t);
    assert_in_range(sent, 299990, 300001); /* all that was due in 300 ms */
}

static void max_is_always_due(void **state)
{
    struct rate r = rate_of("max");
    struct pacer p;

    pacer_init(&p, &r, 1, 0, 1, START);
    for (unsigned n = 0; n < 1000; n++) {
        assert_true(pacer_ready(&p, 0));
        pacer_advance(&p, 64, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(a_share_is_one_of_the_link_with_what_it_adds),
        cmocka_unit_test(frames_are_due_to_the_nanosecond),
        cmocka_unit_test(bits_are_due_to_the_nanosecond),
        cmocka_unit_test(workers_share_a_rate),
        cmocka_unit_test(a_duration_has_room_for_an_exact_number),
        cmocka_unit_test(a_group_goes_together_and_then_waits),
        cmocka_unit_test(nothing_is_due_early),
        cmocka_unit_test(what_is_owed_follows_at_a_limited_rate),
        cmocka_unit_test(max_is_always_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
