/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include "base/mbuf.h"
#include "wire/packet.h"

#include <string.h>

static struct test_context ctx;
static uint8_t bytes[600];

static int setup(void **state)
{
    test_context_init(&ctx, 0, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 5 + 1);
    return 0;
}

static int teardown(void **state)
{
    test_context_fini(&ctx);
    return 0;
}

static void assert_pulled(const struct pkt *p, uint32_t head, uint32_t len)
{
    uint8_t got[sizeof bytes];
    const char *reason = NULL;

    assert_int_equal(rte_mbuf_check(p->m, 1, &reason), 0);
    assert_true(p->m->data_len >= head);
    assert_int_equal(p->m->pkt_len, len);
    mbuf_copy_out(p->m, 0, got, len);
    assert_memory_equal(got, bytes, len);
}

static void headers_become_contiguous_however_they_are_cut(void **state)
{
    for (size_t first = 1; first < 160; first += 3) {
        for (size_t each = 1; each < 70; each += 4) {
            struct pkt p = {.m = frame_mbuf_cut(ctx.rx_pool, bytes, 200, first, each)};
            struct rte_mbuf *head = p.m;
            assert_true(pkt_pull(&p, PKT_HEADERS_MAX, ctx.ctx.hdr_pool));
            assert_pulled(&p, PKT_HEADERS_MAX, 200);
            assert_ptr_equal(p.m, head);
            rte_pktmbuf_free(p.m);
        }
    }
}

static void a_packet_shorter_than_asked_for_is_pulled_whole(void **state)
{
    struct pkt p = {.m = frame_mbuf_cut(ctx.rx_pool, bytes, 60, 14, 20)};

    assert_true(pkt_pull(&p, PKT_HEADERS_MAX, ctx.ctx.hdr_pool));
    assert_pulled(&p, 60, 60);
    assert_int_equal(p.m->nb_segs, 1);
    rte_pktmbuf_free(p.m);
}

/* Never write into a buffer that others hold: a fresh head takes its place, and they keep their chain. */
static void a_shared_head_is_left_alone(void **state)
{
    struct pkt p = {.m = frame_mbuf_cut(ctx.rx_pool, bytes, 230, 30, 100)};
    struct rte_mbuf *shared = p.m;

    shared->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    rte_pktmbuf_refcnt_update(shared, 1);
    assert_true(pkt_pull(&p, 130, ctx.ctx.hdr_pool));
    assert_pulled(&p, 130, 230);
    assert_ptr_not_equal(p.m, shared);
    assert_ptr_equal(p.m->pool, ctx.ctx.hdr_pool);
    assert_int_equal(p.m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    rte_pktmbuf_free(p.m);
    p.m = shared;
    assert_pulled(&p, 30, 230);
    rte_pktmbuf_free(shared);
}

static void a_head_without_tail_room_is_replaced(void **state)
{
    struct pkt p = {.m = frame_mbuf_cut(ctx.rx_pool, bytes, 300, 40, 100)};

    p.m->buf_len = (uint16_t)(p.m->data_off + p.m->data_len);
    assert_true(pkt_pull(&p, 150, ctx.ctx.hdr_pool));
    assert_pulled(&p, 150, 300);
    rte_pktmbuf_free(p.m);
}

static void what_cannot_be_joined_is_dropped(void **state)
{
    struct pkt p = {.m = frame_mbuf_cut(ctx.rx_pool, bytes, 130, 30, 100)};
    struct rte_mbuf *m;

    /* The second segment is also somebody else's, and only a part of it is wanted. */
    rte_mbuf_refcnt_update(p.m->next, 1);
    m = p.m->next;
    assert_false(pkt_pull(&p, 100, ctx.ctx.hdr_pool));
    assert_int_equal(p.drop, CNT_DROP_SCATTERED);
    rte_pktmbuf_free(p.m);
    rte_pktmbuf_free(m);
    /* No buffer for a fresh head. */
    p.m = frame_mbuf_cut(ctx.rx_pool, bytes, 130, 30, 100);
    rte_mbuf_refcnt_update(p.m, 1);
    heap_pool_set_limit(ctx.ctx.hdr_pool, 0);
    assert_false(pkt_pull(&p, 100, ctx.ctx.hdr_pool));
    assert_int_equal(p.drop, CNT_DROP_NO_MBUF);
    heap_pool_set_limit(ctx.ctx.hdr_pool, TEST_POOL_LIMIT);
    rte_mbuf_refcnt_update(p.m, -1);
    rte_pktmbuf_free(p.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_become_contiguous_however_they_are_cut),
        cmocka_unit_test(a_packet_shorter_than_asked_for_is_pulled_whole),
        cmocka_unit_test(a_shared_head_is_left_alone),
        cmocka_unit_test(a_head_without_tail_room_is_replaced),
        cmocka_unit_test(what_cannot_be_joined_is_dropped),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
