/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/fdtable.h"

#include <errno.h>
#include <stdlib.h>

#include "support/context.h"

static void numbers_start_after_the_standard_streams(void **state)
{
    struct fdtable t;
    struct file f = {0};
    assert_int_equal(fdtable_init(&t, &memory_os, 100, 0, 1), 0);
    assert_int_equal(fdtable_add(&t, &f, 0), 3);
    assert_int_equal(fdtable_add(&t, &f, 0), 4);
    assert_null(fdtable_get(&t, 0));
    assert_null(fdtable_get(&t, 2));
    assert_ptr_equal(fdtable_get(&t, 4), &f);
    fdtable_fini(&t);
}

/* open(2): "the lowest-numbered file descriptor not currently open" */
static void lowest_free_number_is_given(void **state)
{
    struct fdtable t;
    struct file f = {0};
    assert_int_equal(fdtable_init(&t, &memory_os, 100000, 0, 1), 0);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(fdtable_add(&t, &f, 0), i + 3);
    fdtable_remove(&t, 40007);
    fdtable_remove(&t, 70);
    fdtable_remove(&t, 4099);
    assert_int_equal(fdtable_add(&t, &f, 0), 70);
    assert_int_equal(fdtable_add(&t, &f, 0), 4099);
    assert_int_equal(fdtable_add(&t, &f, 0), 40007);
    assert_int_equal(fdtable_add(&t, &f, 0), 50003);
    fdtable_fini(&t);
}

/* fcntl(2) F_DUPFD: the lowest that is at least the argument */
static void minimum_is_respected(void **state)
{
    struct fdtable t;
    struct file f = {0};
    assert_int_equal(fdtable_init(&t, &memory_os, 10000, 0, 1), 0);
    assert_int_equal(fdtable_add(&t, &f, 500), 500);
    assert_int_equal(fdtable_add(&t, &f, 500), 501);
    assert_int_equal(fdtable_add(&t, &f, 0), 3);
    assert_int_equal(fdtable_add(&t, &f, 10002), 10002);
    assert_int_equal(fdtable_add(&t, &f, 10002), -EMFILE);
    assert_int_equal(fdtable_add(&t, &f, 20000), -EMFILE);
    fdtable_fini(&t);
}

static void full_table_is_EMFILE_until_one_is_freed(void **state)
{
    for (uint32_t limit = 1; limit < 10000; limit = limit * 3 + 1) {
        struct fdtable t;
        struct file f = {0};
        assert_int_equal(fdtable_init(&t, &memory_os, limit, 0, 1), 0);
        for (uint32_t i = 0; i < limit; i++)
            assert_int_equal(fdtable_add(&t, &f, 0), i + 3);
        assert_true(fdtable_is_full(&t));
        assert_int_equal(fdtable_add(&t, &f, 0), -EMFILE);
        fdtable_remove(&t, (int)(limit / 2) + 3);
        assert_false(fdtable_is_full(&t));
        assert_int_equal(fdtable_add(&t, &f, 0), limit / 2 + 3);
        assert_int_equal(fdtable_add(&t, &f, 0), -EMFILE);
        fdtable_fini(&t);
    }
}

static void workers_have_disjoint_numbers(void **state)
{
    struct fdtable t[3];
    struct file f[3] = {{0}};
    for (uint16_t w = 0; w < 3; w++)
        assert_int_equal(fdtable_init(&t[w], &memory_os, 500, w, 3), 0);
    for (int i = 0; i < 20; i++)
        for (int w = 0; w < 3; w++) {
            int fd = fdtable_add(&t[w], &f[w], 0);
            assert_true(fd >= 3);
            for (int other = 0; other < 3; other++)
                assert_ptr_equal(fdtable_get(&t[other], fd), other == w ? &f[w] : NULL);
        }
    int fd = fdtable_add(&t[1], &f[1], 1000);
    assert_true(fd >= 1000 && fd < 1004);
    for (int w = 0; w < 3; w++)
        fdtable_fini(&t[w]);
}

static void nonsense_is_no_descriptor(void **state)
{
    struct fdtable t;
    assert_int_equal(fdtable_init(&t, &memory_os, 100, 0, 1), 0);
    assert_null(fdtable_get(&t, -1));
    assert_null(fdtable_get(&t, 3));
    assert_null(fdtable_get(&t, 102));
    assert_null(fdtable_get(&t, INT32_MAX));
    assert_null(fdtable_get(&t, INT32_MIN));
    assert_int_equal(fdtable_next(&t, 0), -1);
    fdtable_fini(&t);
    assert_int_equal(fdtable_init(&t, &memory_os, 0, 0, 1), -EINVAL);
    assert_int_equal(fdtable_init(&t, &memory_os, FDTABLE_MAX, 0, 1), -EINVAL);
    assert_int_equal(fdtable_init(&t, &memory_os, 100, 2, 2), -EINVAL);
}

/* Against the plainest model there is. */
static void random_use_agrees_with_a_linear_search(void **state)
{
    enum { N = 9000 };
    static bool used[N + 3];
    uint64_t rnd = test_random_seed();
    struct fdtable t;
    struct file f = {0};
    assert_int_equal(fdtable_init(&t, &memory_os, N, 0, 1), 0);
    for (int step = 0; step < 100000; step++) {
        int low = (int)(test_rand(&rnd) % (N + 3));
        if (low < 3)
            low = 3;
        if (test_rand(&rnd) % 100 < 55) {
            int want = low;
            while (want < N + 3 && used[want])
                want++;
            int got = fdtable_add(&t, &f, low);
            assert_int_equal(got, want < N + 3 ? want : -EMFILE);
            if (got >= 0)
                used[got] = true;
        } else if (used[low]) {
            assert_ptr_equal(fdtable_remove(&t, low), &f);
            used[low] = false;
        }
    }
    int seen = 0;
    for (int fd = 0; (fd = fdtable_next(&t, fd)) >= 0; fd++, seen++)
        assert_true(used[fd]);
    assert_int_equal(seen, t.in_use);
    fdtable_fini(&t);
}

static void close_on_exec_is_remembered_per_number(void **state)
{
    struct fdtable t;
    struct file f = {0};
    assert_int_equal(fdtable_init(&t, &memory_os, 100, 0, 1), 0);
    int a = fdtable_add(&t, &f, 0), b = fdtable_add(&t, &f, 0);
    fdtable_set_cloexec(&t, b, true);
    assert_false(fdtable_cloexec(&t, a));
    assert_true(fdtable_cloexec(&t, b));
    fdtable_remove(&t, b);
    assert_int_equal(fdtable_add(&t, &f, 0), b);
    assert_false(fdtable_cloexec(&t, b));
    fdtable_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_start_after_the_standard_streams),
        cmocka_unit_test(lowest_free_number_is_given),
        cmocka_unit_test(minimum_is_respected),
        cmocka_unit_test(full_table_is_EMFILE_until_one_is_freed),
        cmocka_unit_test(workers_have_disjoint_numbers),
        cmocka_unit_test(nonsense_is_no_descriptor),
        cmocka_unit_test(random_use_agrees_with_a_linear_search),
        cmocka_unit_test(close_on_exec_is_remembered_per_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
