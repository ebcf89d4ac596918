/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "tcp/table.h"

#include <stdlib.h>

#define OBJECTS 60000u

struct object {
    uint32_t before;
    struct flow_key key;
    bool in;
};

struct fixture {
    struct slab slab;
    struct table tb;
};

static void setup(struct fixture *f)
{
    struct siphash_key key = test_seed(7);
    assert_int_equal(slab_init(&f->slab, &memory_os, sizeof(struct object), OBJECTS + 2), 0);
    assert_int_equal(table_init(&f->tb, &memory_os, &key), 0);
    for (enum conn_kind k = CONN_TCB; k <= CONN_TIME_WAIT; k++)
        table_set_objects(&f->tb, k, &f->slab, offsetof(struct object, key));
}

static void teardown(struct fixture *f)
{
    table_fini(&f->tb);
    slab_fini(&f->slab);
}

static struct object *object_at(struct fixture *f, uint32_t i)
{
    return slab_at(&f->slab, i);
}

static uint32_t object_make(struct fixture *f, uint32_t n)
{
    uint32_t i = slab_alloc(&f->slab);
    assert_int_not_equal(i, 0);
    object_at(f, i)->key = (struct flow_key){
        .local = ip_addr_v4(htonl(0x0a000001)),
        .remote = ip_addr_v4(htonl(0x0a000000 + n / 100)),
        .lport = 80,
        .rport = (uint16_t)(n % 100 + 1),
    };
    return i;
}

static conn_ref find(struct fixture *f, uint32_t i)
{
    const struct flow_key *k = &object_at(f, i)->key;
    return table_find(&f->tb, k, table_hash(&f->tb, k));
}

static void insert(struct fixture *f, uint32_t i)
{
    uint32_t hash = table_hash(&f->tb, &object_at(f, i)->key);
    assert_int_equal(table_insert(&f->tb, hash, conn_make((enum conn_kind)(i % 3 + 1), i)), 0);
    object_at(f, i)->in = true;
}

static void take_out(struct fixture *f, uint32_t i)
{
    uint32_t hash = table_hash(&f->tb, &object_at(f, i)->key);
    table_remove(&f->tb, hash, conn_make((enum conn_kind)(i % 3 + 1), i));
    object_at(f, i)->in = false;
}

/* What is in is found, with its kind; what is out is not: through growth and removals in between. */
static void finds_exactly_what_is_in(void **state)
{
    static struct fixture f;
    uint64_t seed = test_random_seed();
    setup(&f);
    for (uint32_t n = 0; n < OBJECTS; n++) {
        uint32_t i = object_make(&f, n);
        assert_int_equal(find(&f, i), 0);
        insert(&f, i);
        if (n % 3 == 0) {
            uint32_t other = (uint32_t)(test_rand(&seed) % i) + 1;
            if (object_at(&f, other)->in)
                take_out(&f, other);
            else
                insert(&f, other);
        }
        uint32_t probe = (uint32_t)(test_rand(&seed) % i) + 1;
        conn_ref want = object_at(&f, probe)->in ? conn_make((enum conn_kind)(probe % 3 + 1), probe) : 0;
        assert_int_equal(find(&f, probe), want);
    }
    for (uint32_t i = 1; i <= OBJECTS; i++)
        assert_int_equal(find(&f, i), object_at(&f, i)->in ? conn_make((enum conn_kind)(i % 3 + 1), i) : 0);
    teardown(&f);
}

/* A half-open entry becomes a connection in place, also while the table grows. */
static void replace_keeps_the_slot(void **state)
{
    static struct fixture f;
    setup(&f);
    for (uint32_t n = 0; n < 5000; n++) {
        uint32_t i = object_make(&f, n);
        uint32_t hash = table_hash(&f.tb, &object_at(&f, i)->key);
        assert_int_equal(table_insert(&f.tb, hash, conn_make(CONN_HALF_OPEN, i)), 0);
        table_replace(&f.tb, hash, conn_make(CONN_HALF_OPEN, i), conn_make(CONN_TCB, i));
        assert_int_equal(find(&f, i), conn_make(CONN_TCB, i));
    }
    assert_int_equal(f.tb.count, 5000);
    teardown(&f);
}

/* Growing touches a few slots per insertion: the old half shrinks step by step, never at once. */
static void grows_bit_by_bit(void **state)
{
    static struct fixture f;
    uint32_t steps = 0, before = 0;
    setup(&f);
    for (uint32_t n = 0; n < 4000; n++) {
        before = f.tb.old.slot != NULL ? f.tb.moved : 0;
        insert(&f, object_make(&f, n));
        if (f.tb.old.slot != NULL) {
            assert_true(f.tb.moved - before <= 16);
            steps++;
        }
    }
    assert_true(steps > 100);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_exactly_what_is_in),
        cmocka_unit_test(replace_keeps_the_slot),
        cmocka_unit_test(grows_bit_by_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
