/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/wheel.h"

#include <stdlib.h>
#include <string.h>

#define TICK (UINT64_C(1) << WHEEL_TICK_SHIFT)

static void fires_within_a_tick_and_never_early(void **state)
{
    static const nsec_t delays[] = {1,
                                    TICK - 1,
                                    TICK,
                                    63 * TICK + 5,
                                    64 * TICK,
                                    40 * NSEC_PER_MSEC,
                                    200 * NSEC_PER_MSEC,
                                    60 * NSEC_PER_SEC,
                                    7200 * NSEC_PER_SEC,
                                    86400 * 400 * NSEC_PER_SEC};
    static const nsec_t starts[] = {0, 12345678901, TICK * 4095, (UINT64_C(1) << 59) - TICK,
                                    UINT64_C(1) << 61};

    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (size_t d = 0; d < sizeof delays / sizeof *delays; d++) {
            struct wheel w;
            struct wheel_node n = {.kind = TIMER_NET};
            nsec_t due = starts[s] + delays[d];

            wheel_init(&w, starts[s]);
            wheel_arm(&w, &n, due);
            assert_true(wheel_is_armed(&n));
            assert_true(wheel_deadline(&n) >= due && wheel_deadline(&n) < due + TICK);
            assert_null(wheel_expire(&w, due - 1));
            assert_ptr_equal(wheel_expire(&w, due + TICK), &n);
            assert_false(wheel_is_armed(&n));
            assert_int_equal(n.kind, TIMER_NET);
            assert_null(wheel_expire(&w, due + TICK));
            assert_int_equal(w.armed, 0);
        }
    }
}

static void a_deadline_in_the_past_is_handed_out_at_once(void **state)
{
    struct wheel w;
    struct wheel_node n = {0};

    wheel_init(&w, 100 * NSEC_PER_SEC);
    wheel_arm(&w, &n, 5);
    assert_true(wheel_next(&w) <= 100 * NSEC_PER_SEC);
    assert_ptr_equal(wheel_expire(&w, 100 * NSEC_PER_SEC), &n);
}

static void moving_and_cancelling(void **state)
{
    struct wheel w;
    struct wheel_node n = {0};

    wheel_init(&w, 0);
    wheel_cancel(&w, &n);
    wheel_arm(&w, &n, 10 * TICK);
    wheel_arm(&w, &n, 1000 * TICK);
    assert_int_equal(w.armed, 1);
    assert_null(wheel_expire(&w, 999 * TICK));
    wheel_arm(&w, &n, 999 * TICK + 1);
    assert_ptr_equal(wheel_expire(&w, 1000 * TICK), &n);
    wheel_arm(&w, &n, 2000 * TICK);
    wheel_cancel(&w, &n);
    assert_false(wheel_is_armed(&n));
    assert_true(wheel_next(&w) == NSEC_NEVER);
    assert_null(wheel_expire(&w, 4000 * TICK));
    assert_int_equal(w.armed, 0);
}

/* Also one that has expired but was not handed out yet: freeing its owner must be safe. */
static void a_due_one_can_be_cancelled(void **state)
{
    struct wheel w;
    struct wheel_node n[3] = {{0}};

    wheel_init(&w, 0);
    for (int i = 0; i < 3; i++)
        wheel_arm(&w, &n[i], TICK);
    assert_non_null(wheel_expire(&w, TICK));
    for (int i = 0; i < 3; i++)
        wheel_cancel(&w, &n[i]);
    assert_null(wheel_expire(&w, 2 * TICK));
    assert_int_equal(w.armed, 0);
}

static void the_end_of_time_is_never_reached(void **state)
{
    struct wheel w;
    struct wheel_node n = {0};

    wheel_init(&w, 1000);
    wheel_arm(&w, &n, NSEC_NEVER);
    assert_true(wheel_next(&w) > (UINT64_C(1) << 62));
    assert_null(wheel_expire(&w, UINT64_C(1) << 62));
    wheel_cancel(&w, &n);
}

static void next_is_exact_nearby_and_never_late(void **state)
{
    struct wheel w;
    struct wheel_node near = {0}, far = {0};
    nsec_t now = 0;
    unsigned wakes = 0;

    wheel_init(&w, 0);
    wheel_arm(&w, &near, 17 * TICK - 3);
    assert_true(wheel_next(&w) == 17 * TICK);
    wheel_cancel(&w, &near);
    /* A sleeper that wakes whenever it is told reaches a far deadline in a few steps. */
    wheel_arm(&w, &far, 7200 * NSEC_PER_SEC);
    while (wheel_expire(&w, now) == NULL) {
        assert_true(wheel_next(&w) <= wheel_deadline(&far));
        assert_true(wheel_next(&w) > now);
        now = wheel_next(&w);
        wakes++;
    }
    assert_true(now == wheel_deadline(&far));
    assert_in_range(wakes, 1, WHEEL_LEVELS);
}

/* Against the plainest implementation: an array of deadlines. */
static void agrees_with_a_list_over_random_operations(void **state)
{
    enum { NODES = 400, OPS = 100000 };
    static struct wheel_node node[NODES];
    static nsec_t deadline[NODES];
    uint64_t seed = test_random_seed();
    nsec_t now = test_rand(&seed) >> 4;
    struct wheel w;
    uint32_t armed = 0, fired = 0;

    memset(node, 0, sizeof node);
    wheel_init(&w, now);
    for (int op = 0; op < OPS; op++) {
        unsigned i = (unsigned)(test_rand(&seed) % NODES);
        unsigned what = (unsigned)(test_rand(&seed) % 8);
        struct wheel_node *n;

        if (what < 4) { /* delays of every magnitude, a few of them in the past */
            nsec_t delay = test_rand(&seed) >> (20 + test_rand(&seed) % 40);
            armed += !wheel_is_armed(&node[i]);
            deadline[i] = now + delay - (what == 0 ? NSEC_PER_MSEC : 0);
            wheel_arm(&w, &node[i], deadline[i]);
        } else if (what == 4) {
            armed -= wheel_is_armed(&node[i]);
            wheel_cancel(&w, &node[i]);
        } else {
            nsec_t next = wheel_next(&w);
            now = what == 5 || next == NSEC_NEVER || next < now
                      ? now + (test_rand(&seed) >> (30 + test_rand(&seed) % 34))
                      : next;
            while ((n = wheel_expire(&w, now)) != NULL) {
                assert_true(deadline[n - node] <= now);
                assert_false(wheel_is_armed(n));
                armed--;
                fired++;
            }
            for (int k = 0; k < NODES; k++)
                if (wheel_is_armed(&node[k]))
                    assert_true(deadline[k] + TICK > now || wheel_next(&w) <= now);
        }
        assert_int_equal(w.armed, armed);
    }
    assert_true(fired > 1000);
}

/* Two hours away, all in one slot: they have to be moved down, and none of the polls does it all. */
static void a_crowded_slot_is_moved_in_pieces(void **state)
{
    enum { NODES = 10000 };
    struct wheel_node *node = calloc(NODES, sizeof *node);
    nsec_t due = 7200 * NSEC_PER_SEC;
    uint32_t fired = 0, empty_polls = 0;
    struct wheel w;

    wheel_init(&w, 0);
    for (int i = 0; i < NODES; i++)
        wheel_arm(&w, &node[i], due - (nsec_t)i * 1000);
    while (fired < NODES) {
        assert_true(wheel_next(&w) <= due + TICK);
        if (wheel_expire(&w, due + TICK) != NULL)
            fired++;
        else
            empty_polls++;
        assert_in_range(empty_polls, 0, 1000);
    }
    assert_in_range(empty_polls, 10, 1000); /* that is what bounded work looks like */
    assert_true(wheel_next(&w) == NSEC_NEVER);
    free(node);
}

/* Looking at the clock once more costs nothing, however many are armed. Counted in slots looked at: time that
 * stands still or moves within a tick returns at once, so this ends in no time. */
static void a_million_armed_cost_nothing_per_idle_poll(void **state)
{
    enum { NODES = 1000000 };
    struct wheel_node *node = calloc(NODES, sizeof *node);
    uint64_t seed = 12345;
    struct wheel w;
    nsec_t now = 0;

    wheel_init(&w, now);
    for (int i = 0; i < NODES; i++)
        wheel_arm(&w, &node[i], 7200 * NSEC_PER_SEC + test_rand(&seed) % (60 * NSEC_PER_SEC));
    for (int i = 0; i < 10000000; i++) {
        now += 100;
        assert_null(wheel_expire(&w, now));
    }
    assert_int_equal(w.armed, NODES);
    free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_within_a_tick_and_never_early),
        cmocka_unit_test(a_deadline_in_the_past_is_handed_out_at_once),
        cmocka_unit_test(moving_and_cancelling),
        cmocka_unit_test(a_due_one_can_be_cancelled),
        cmocka_unit_test(the_end_of_time_is_never_reached),
        cmocka_unit_test(next_is_exact_nearby_and_never_late),
        cmocka_unit_test(agrees_with_a_list_over_random_operations),
        cmocka_unit_test(a_crowded_slot_is_moved_in_pieces),
        cmocka_unit_test(a_million_armed_cost_nothing_per_idle_poll),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
