/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include <rte_mbuf.h>
#include <string.h>

#define ROOM 2176u

typedef struct rte_mempool *create_fn(const char *name, uint32_t limit, uint16_t data_room);

static create_fn *const kinds[] = {heap_pool_create, heap_pool_create_fixed};

/* As rte_pktmbuf_init and rte_pktmbuf_alloc leave it. */
static void a_buffer_is_as_from_any_pktmbuf_pool(void **state)
{
    for (int k = 0; k < 2; k++) {
        struct rte_mempool *mp = kinds[k]("p", 4, ROOM);
        struct rte_mbuf *m = rte_pktmbuf_alloc(mp);
        const char *reason = NULL;

        assert_non_null(m);
        assert_int_equal(rte_mbuf_check(m, 1, &reason), 0);
        assert_int_equal(m->buf_len, ROOM);
        assert_int_equal(rte_pktmbuf_headroom(m), RTE_PKTMBUF_HEADROOM);
        assert_int_equal(rte_pktmbuf_tailroom(m), ROOM - RTE_PKTMBUF_HEADROOM);
        assert_int_equal(m->pkt_len, 0);
        assert_ptr_equal(m->pool, mp);
        assert_int_equal(rte_mbuf_refcnt_read(m), 1);
        assert_int_equal((uintptr_t)m % RTE_CACHE_LINE_SIZE, 0);
        assert_true(m->buf_iova == (uintptr_t)m->buf_addr);
        memset(m->buf_addr, 0x5a, m->buf_len); /* all of it is ours: ASan looks */
        rte_pktmbuf_free(m);
        assert_int_equal(heap_pool_in_use(mp), 0);
        heap_pool_destroy(mp);
    }
}

static void a_used_buffer_comes_back_clean(void **state)
{
    for (int k = 0; k < 2; k++) {
        struct rte_mempool *mp = kinds[k]("p", 1, ROOM);
        struct rte_mbuf *m = rte_pktmbuf_alloc(mp);

        rte_pktmbuf_append(m, 100);
        m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_BAD;
        rte_pktmbuf_free(m);
        m = rte_pktmbuf_alloc(mp);
        assert_int_equal(m->data_len, 0);
        assert_int_equal(m->ol_flags, 0);
        assert_int_equal(m->nb_segs, 1);
        assert_null(m->next);
        rte_pktmbuf_free(m);
        heap_pool_destroy(mp);
    }
}

static void the_limit_is_what_an_empty_pool_is(void **state)
{
    for (int k = 0; k < 2; k++) {
        struct rte_mempool *mp = kinds[k]("p", 3, ROOM);
        struct rte_mbuf *m[4];

        for (int i = 0; i < 3; i++)
            assert_non_null(m[i] = rte_pktmbuf_alloc(mp));
        assert_null(rte_pktmbuf_alloc(mp));
        assert_int_equal(rte_mempool_avail_count(mp), 0);
        rte_pktmbuf_free(m[1]);
        assert_non_null(m[1] = rte_pktmbuf_alloc(mp));
        heap_pool_set_limit(mp, 1);
        rte_pktmbuf_free(m[0]);
        assert_null(rte_pktmbuf_alloc(mp));
        heap_pool_set_limit(mp, 3);
        assert_non_null(m[0] = rte_pktmbuf_alloc(mp));
        for (int i = 0; i < 3; i++)
            rte_pktmbuf_free(m[i]);
        /* Bulk takes all or nothing. */
        assert_int_not_equal(rte_pktmbuf_alloc_bulk(mp, m, 4), 0);
        assert_int_equal(heap_pool_in_use(mp), 0);
        assert_int_equal(rte_pktmbuf_alloc_bulk(mp, m, 3), 0);
        assert_int_equal(heap_pool_in_use(mp), 3);
        rte_pktmbuf_free_bulk(m, 3);
        assert_int_equal(heap_pool_in_use(mp), 0);
        heap_pool_destroy(mp);
    }
}

static void a_fixed_pool_never_grows(void **state)
{
    struct rte_mempool *mp = heap_pool_create_fixed("p", 2, ROOM);
    struct rte_mbuf *a, *b;

    heap_pool_set_limit(mp, 100);
    a = rte_pktmbuf_alloc(mp);
    b = rte_pktmbuf_alloc(mp);
    assert_true(a != NULL && b != NULL && a != b);
    assert_null(rte_pktmbuf_alloc(mp));
    rte_pktmbuf_free(a);
    rte_pktmbuf_free(b);
    heap_pool_destroy(mp);
}

static void indirect_and_cloned_buffers_work(void **state)
{
    for (int k = 0; k < 2; k++) {
        struct rte_mempool *mp = kinds[k]("p", 8, ROOM);
        struct rte_mbuf *m = rte_pktmbuf_alloc(mp), *clone, *copy;

        memset(rte_pktmbuf_append(m, 50), 'x', 50);
        clone = rte_pktmbuf_clone(m, mp);
        copy = rte_pktmbuf_copy(m, mp, 0, UINT32_MAX);
        assert_non_null(clone);
        assert_non_null(copy);
        rte_pktmbuf_free(m);
        assert_int_equal(rte_pktmbuf_mtod(clone, char *)[49], 'x');
        rte_pktmbuf_free(clone);
        assert_int_equal(rte_pktmbuf_mtod(copy, char *)[49], 'x');
        rte_pktmbuf_free(copy);
        assert_int_equal(heap_pool_in_use(mp), 0);
        heap_pool_destroy(mp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_as_from_any_pktmbuf_pool),
        cmocka_unit_test(a_used_buffer_comes_back_clean),
        cmocka_unit_test(the_limit_is_what_an_empty_pool_is),
        cmocka_unit_test(a_fixed_pool_never_grows),
        cmocka_unit_test(indirect_and_cloned_buffers_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
