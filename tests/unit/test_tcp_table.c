/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "tcp/table.h"

#include <errno.h>

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
    struct siphash_key key = test_seed(UINT64_C(0xbf58476d1ce4e5b9));
    assert_int_equal(slab_init(&f->slab, &memory_os, sizeof(struct object), OBJECTS + 2), 0);
    assert_int_equal(table_init(&f->tb, &memory_os, &key, OBJECTS), 0);
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

/* Sorted by hash, and each where a search comes by: from its home on without a gap. */
static void assert_in_order(const struct table *tb)
{
    uint32_t last = 0, gap_before = 0, n = 0;
    for (uint32_t i = 0; i < tb->cells; i++) {
        uint32_t hash = tb->slot[i].hash;
        if (tb->slot[i].ref == 0) {
            gap_before = i + 1;
            continue;
        }
        uint32_t home = (uint32_t)((uint64_t)hash * (hash >= tb->split ? tb->slots : tb->old_slots) >> 32);
        assert_true(hash >= last);
        assert_in_range(home, gap_before, i);
        last = hash;
        n++;
    }
    assert_int_equal(n, tb->count);
}

/* Growing passes a few slots per insertion, never all at once, and order holds at each step. */
static void grows_bit_by_bit(void **state)
{
    static struct fixture f;
    uint32_t steps = 0, cursor = 0;
    setup(&f);
    for (uint32_t n = 0; n < 4000; n++) {
        insert(&f, object_make(&f, n));
        if (f.tb.split != 0 && cursor != 0) {
            assert_true(cursor <= f.tb.cursor + 16);
            steps++;
        }
        cursor = f.tb.split != 0 ? f.tb.cursor : 0;
        assert_true(f.tb.count * 16 <= f.tb.slots * 15); /* it keeps up with what comes in */
        assert_in_order(&f.tb);
    }
    assert_true(steps > 100);
    teardown(&f);
}

/* Little more than what is in it: seven eighths are taken before it grows, and then by a twelfth. */
static void slack_is_small(void **state)
{
    static struct fixture f;
    setup(&f);
    for (uint32_t n = 0; n < OBJECTS; n++) {
        insert(&f, object_make(&f, n));
        if (n > 40000)
            assert_true((uint64_t)f.tb.cells * 100 < (uint64_t)n * 126);
    }
    teardown(&f);
}

/* Equal hashes stand side by side, and are all placed anew when the array is stretched. */
static void equal_hashes_are_told_apart(void **state)
{
    enum { TWINS = 40 };
    static struct fixture f;
    uint32_t twin[TWINS], hash = 0x80000000u;
    setup(&f);
    for (uint32_t k = 0; k < TWINS; k++) {
        twin[k] = object_make(&f, 50000 + k);
        assert_int_equal(table_insert(&f.tb, hash, conn_make(CONN_TCB, twin[k])), 0);
    }
    for (uint32_t n = 0; n < 3000; n++) {
        insert(&f, object_make(&f, n));
        uint32_t k = n % TWINS;
        assert_int_equal(table_find(&f.tb, &object_at(&f, twin[k])->key, hash), conn_make(CONN_TCB, twin[k]));
    }
    for (uint32_t k = 0; k < TWINS; k++) {
        table_remove(&f.tb, hash, conn_make(CONN_TCB, twin[k]));
        assert_int_equal(table_find(&f.tb, &object_at(&f, twin[k])->key, hash), 0);
        assert_in_order(&f.tb);
    }
    teardown(&f);
}

/* At its bound it takes no more, and goes on finding what it has. */
static void the_bound_is_an_error(void **state)
{
    struct siphash_key key = test_seed(UINT64_C(0xbf58476d1ce4e5b9));
    static struct fixture f;
    setup(&f);
    table_fini(&f.tb);
    assert_int_equal(table_init(&f.tb, &memory_os, &key, 100), 0);
    table_set_objects(&f.tb, CONN_TCB, &f.slab, offsetof(struct object, key));
    uint32_t n = 0, i = 0, hash = 0;
    for (int rc = 0; rc == 0; n++) {
        i = object_make(&f, n);
        hash = table_hash(&f.tb, &object_at(&f, i)->key);
        rc = table_insert(&f.tb, hash, conn_make(CONN_TCB, i));
        assert_true(rc == 0 || rc == -ENOMEM);
    }
    assert_in_range(n, 100, 1024);
    assert_int_equal(table_find(&f.tb, &object_at(&f, i)->key, hash), 0);
    assert_int_equal(f.tb.count, n - 1);
    assert_in_order(&f.tb);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_exactly_what_is_in),
        cmocka_unit_test(replace_keeps_the_slot),
        cmocka_unit_test(grows_bit_by_bit),
        cmocka_unit_test(slack_is_small),
        cmocka_unit_test(equal_hashes_are_told_apart),
        cmocka_unit_test(the_bound_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
