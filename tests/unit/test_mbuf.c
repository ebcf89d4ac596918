/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "base/mbuf.h"

#include <string.h>

static uint8_t bytes[8000];

static int setup(void **state)
{
    static struct test_context t;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    test_context_init(&t, 0, 1);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    test_context_fini(*state);
    return 0;
}

static void assert_chain(const struct rte_mbuf *m, const uint8_t *want, uint32_t len)
{
    const char *reason = NULL;
    uint8_t got[sizeof bytes];

    assert_int_equal(rte_mbuf_check(m, 1, &reason), 0);
    assert_int_equal(m->pkt_len, len);
    mbuf_copy_out(m, 0, got, len);
    assert_memory_equal(got, want, len);
}

static void bytes_become_a_chain_and_come_out_again(void **state)
{
    struct test_context *t = *state;
    static const uint32_t lens[] = {1, 2048, 2049, 7999};

    for (size_t i = 0; i < 4; i++) {
        struct rte_mbuf *m = mbuf_from_bytes(&t->ctx, bytes, lens[i]);
        assert_non_null(m);
        assert_int_equal(m->nb_segs, (lens[i] + 2047) / 2048);
        assert_chain(m, bytes, lens[i]);
        assert_int_equal(mbuf_charge(m), m->nb_segs * (TEST_DATA_ROOM + sizeof *m));
        rte_pktmbuf_free(m);
    }
}

static void an_empty_pool_leaves_nothing_behind(void **state)
{
    struct test_context *t = *state;
    uint64_t before = t->ctx.counters.v[CNT_DROP_NO_MBUF];

    for (uint32_t limit = 0; limit < 4; limit++) {
        heap_pool_set_limit(t->ctx.data_pool, limit);
        assert_null(mbuf_from_bytes(&t->ctx, bytes, 7999));
        assert_int_equal(heap_pool_in_use(t->ctx.data_pool), 0);
    }
    assert_int_equal(t->ctx.counters.v[CNT_DROP_NO_MBUF], before + 4);
    heap_pool_set_limit(t->ctx.data_pool, TEST_POOL_LIMIT);
}

static void any_part_can_be_copied_out(void **state)
{
    struct test_context *t = *state;
    struct rte_mbuf *m = frame_mbuf_cut(t->rx_pool, bytes, 100, 3, 7);
    uint8_t got[100];

    for (uint32_t off = 0; off <= 100; off++) {
        for (uint32_t len = 0; off + len <= 100; len++) {
            mbuf_copy_out(m, off, got, len);
            assert_memory_equal(got, bytes + off, len);
        }
    }
    rte_pktmbuf_free(m);
}

static void trimming_frees_emptied_segments(void **state)
{
    struct test_context *t = *state;

    for (uint32_t n = 0; n < 100; n++) {
        struct rte_mbuf *m = mbuf_trim_front_take(frame_mbuf_cut(t->rx_pool, bytes, 100, 13, 10), n);
        assert_chain(m, bytes + n, 100 - n);
        assert_int_equal(heap_pool_in_use(t->rx_pool), m->nb_segs);
        rte_pktmbuf_free(m);
        m = mbuf_trim_tail_take(frame_mbuf_cut(t->rx_pool, bytes, 100, 13, 10), n);
        assert_chain(m, bytes, 100 - n);
        assert_int_equal(heap_pool_in_use(t->rx_pool), m->nb_segs);
        rte_pktmbuf_free(m);
    }
    for (uint32_t n = 100; n < 102; n++) {
        assert_null(mbuf_trim_front_take(frame_mbuf_cut(t->rx_pool, bytes, 100, 13, 10), n));
        assert_null(mbuf_trim_tail_take(frame_mbuf_cut(t->rx_pool, bytes, 100, 13, 10), n));
    }
    assert_int_equal(heap_pool_in_use(t->rx_pool), 0);
}

static void shared_and_indirect_buffers_are_not_writable(void **state)
{
    struct test_context *t = *state;
    struct rte_mbuf *m = frame_mbuf(t->rx_pool, bytes, 10), *clone;

    assert_true(mbuf_writable(m));
    clone = rte_pktmbuf_clone(m, t->rx_pool);
    assert_false(mbuf_writable(m));
    assert_false(mbuf_writable(clone));
    rte_pktmbuf_free(clone);
    assert_true(mbuf_writable(m));
    rte_pktmbuf_free(m);
}

static void allocation_counts_when_a_pool_is_empty(void **state)
{
    struct test_context *t = *state;
    uint64_t before = t->ctx.counters.v[CNT_DROP_NO_MBUF];
    struct rte_mbuf *m = mbuf_alloc_hdr(&t->ctx);

    assert_ptr_equal(m->pool, t->ctx.hdr_pool);
    heap_pool_set_limit(t->ctx.hdr_pool, 1);
    assert_null(mbuf_alloc_hdr(&t->ctx));
    assert_int_equal(t->ctx.counters.v[CNT_DROP_NO_MBUF], before + 1);
    heap_pool_set_limit(t->ctx.hdr_pool, TEST_POOL_LIMIT);
    rte_pktmbuf_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_a_chain_and_come_out_again),
        cmocka_unit_test(an_empty_pool_leaves_nothing_behind),
        cmocka_unit_test(any_part_can_be_copied_out),
        cmocka_unit_test(trimming_frees_emptied_segments),
        cmocka_unit_test(shared_and_indirect_buffers_are_not_writable),
        cmocka_unit_test(allocation_counts_when_a_pool_is_empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
