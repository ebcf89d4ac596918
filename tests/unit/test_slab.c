/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void indices_begin_at_one_and_objects_are_zero(void **state)
{
    struct slab s;

    assert_int_equal(slab_init(&s, &memory_os, 37, 1000), 0);
    assert_int_equal(s.size, 40);
    for (uint32_t i = 1; i <= 100; i++) {
        uint8_t *p, zero[40] = {0};
        assert_int_equal(slab_alloc(&s), i);
        p = slab_at(&s, i);
        assert_memory_equal(p, zero, 40);
        assert_int_equal(slab_index(&s, p), i);
        assert_int_equal((uintptr_t)p % 8, 0);
        memset(p, 0xff, 37);
    }
    assert_int_equal(s.in_use, 100);
    slab_fini(&s);
}

static void a_freed_object_is_reused_and_zero_again(void **state)
{
    struct slab s;
    uint32_t a, b;
    uint64_t *p;

    assert_int_equal(slab_init(&s, &memory_os, 8, 10), 0);
    a = slab_alloc(&s);
    b = slab_alloc(&s);
    *(uint64_t *)slab_at(&s, a) = UINT64_MAX;
    slab_free(&s, a);
    slab_free(&s, b);
    assert_int_equal(s.in_use, 0);
    assert_int_equal(slab_alloc(&s), b);
    assert_int_equal(slab_alloc(&s), a);
    p = slab_at(&s, a);
    assert_true(*p == 0);
    slab_fini(&s);
}

static void the_limit_counts_index_zero(void **state)
{
    struct slab s;

    assert_int_equal(slab_init(&s, &memory_os, 64, 5), 0);
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(slab_alloc(&s), i);
    assert_int_equal(slab_alloc(&s), 0);
    slab_free(&s, 2);
    assert_int_equal(slab_alloc(&s), 2);
    assert_int_equal(slab_alloc(&s), 0);
    slab_fini(&s);
}

static void bad_sizes_are_refused(void **state)
{
    struct slab s;

    assert_int_equal(slab_init(&s, &memory_os, 0, 10), -EINVAL);
    assert_int_equal(slab_init(&s, &memory_os, 8, 1), -EINVAL);
    assert_int_equal(slab_init(&s, &memory_os, 8, UINT32_MAX), -EINVAL);
}

/* A system that gives `left` bytes and then no more. */
struct scarce {
    size_t left;
};

static int scarce_commit(void *user, void *p, size_t bytes)
{
    struct scarce *s = user;

    if (bytes > s->left)
        return -ENOMEM;
    s->left -= bytes;
    return memory_os.commit(NULL, p, bytes);
}

static void *no_reserve(void *user, size_t bytes)
{
    return NULL;
}

static void running_out_of_memory_is_zero_not_a_crash(void **state)
{
    struct scarce scarce = {.left = 200000};
    struct memory mem = memory_os;
    struct slab s;
    uint32_t n = 0;

    mem.user = &scarce;
    mem.commit = scarce_commit;
    assert_int_equal(slab_init(&s, &mem, 1024, 1u << 20), 0);
    while (slab_alloc(&s) != 0)
        n++;
    assert_in_range(n, 60, 200);
    scarce.left = 1u << 20;
    assert_int_not_equal(slab_alloc(&s), 0);
    slab_fini(&s);
    mem.reserve = no_reserve;
    assert_int_equal(slab_init(&s, &mem, 1024, 100), -ENOMEM);
    slab_fini(&s);
}

static void objects_never_move_and_never_overlap(void **state)
{
    enum { MAX = 200000 };
    uint64_t seed = test_random_seed();
    uint32_t *live = malloc(MAX * sizeof *live), n = 0;
    struct slab s;

    assert_int_equal(slab_init(&s, &memory_os, 24, MAX + 1), 0);
    for (int i = 0; i < 600000; i++) {
        if (n == 0 || (n < MAX && test_rand(&seed) % 3 != 0)) {
            uint32_t idx = slab_alloc(&s);
            assert_int_not_equal(idx, 0);
            *(uint32_t *)slab_at(&s, idx) = idx;
            live[n++] = idx;
        } else {
            uint32_t k = (uint32_t)(test_rand(&seed) % n);
            assert_int_equal(*(uint32_t *)slab_at(&s, live[k]), live[k]);
            slab_free(&s, live[k]);
            live[k] = live[--n];
        }
    }
    assert_int_equal(s.in_use, n);
    for (uint32_t k = 0; k < n; k++)
        assert_int_equal(*(uint32_t *)slab_at(&s, live[k]), live[k]);
    slab_fini(&s);
    free(live);
}

/* Reserved, not committed: a slab for 16 million connections costs nothing while there are none. */
static void memory_is_committed_as_it_grows(void **state)
{
    struct slab s;

    assert_int_equal(slab_init(&s, &memory_os, 512, 1u << 24), 0);
    assert_int_equal(s.committed_bytes, 0);
    slab_alloc(&s);
    assert_in_range(s.committed_bytes, 1, 128 * 1024);
    for (int i = 0; i < 100000; i++)
        slab_alloc(&s);
    assert_in_range(s.committed_bytes, 100000u * 512, 100000u * 512 + (8u << 20));
    slab_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indices_begin_at_one_and_objects_are_zero),
        cmocka_unit_test(a_freed_object_is_reused_and_zero_again),
        cmocka_unit_test(the_limit_counts_index_zero),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(running_out_of_memory_is_zero_not_a_crash),
        cmocka_unit_test(objects_never_move_and_never_overlap),
        cmocka_unit_test(memory_is_committed_as_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
