/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mbuf.h"

#include <string.h>

#include "base/poison.h"

void mbuf_set_pools(struct context *c, struct rte_mempool *hdr, struct rte_mempool *data)
{
    uint32_t room = rte_pktmbuf_data_room_size(data);
    c->hdr_pool = hdr;
    c->data_pool = data;
    c->data_room = room > RTE_PKTMBUF_HEADROOM ? room - RTE_PKTMBUF_HEADROOM : 0;
}

struct rte_mbuf *mbuf_alloc_pool(struct context *c, struct rte_mempool *pool)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    if (unlikely(m == NULL))
        count(&c->counters, CNT_DROP_NO_MBUF);
    return m;
}

struct rte_mbuf *mbuf_alloc_hdr(struct context *c)
{
    return mbuf_alloc_pool(c, c->hdr_pool);
}

void mbuf_stash_open(struct context *c)
{
#ifndef PLX_ASAN /* which sees what becomes of a buffer only when its pool does */
    c->stash.max = MBUF_STASH_MAX;
#endif
}

void mbuf_stash_close(struct context *c)
{
    mbuf_bin_flush(&c->bin);
    if (c->stash.n > 0)
        rte_mempool_put_bulk(c->data_pool, (void *const *)c->stash.m, c->stash.n);
    c->stash.n = c->stash.max = 0;
}

uint32_t mbuf_charge(const struct rte_mbuf *m)
{
    uint32_t bytes = 0;
    for (; m != NULL; m = m->next)
        bytes += (uint32_t)sizeof *m + m->buf_len;
    return bytes;
}

void mbuf_copy_out(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len)
{
    uint8_t *to = dst;

    while (off >= m->data_len && m->next != NULL) {
        off -= m->data_len;
        m = m->next;
    }
    while (len > 0) {
        uint32_t n = RTE_MIN(len, m->data_len - off);
        memcpy(to, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);
        to += n;
        len -= n;
        off = 0;
        m = m->next;
    }
}

struct rte_mbuf *mbuf_from_bytes(struct context *c, const void *src, uint32_t len)
{
    struct rte_mbuf *head = mbuf_alloc_data(c), *tail = head;
    const uint8_t *from = src;

    while (tail != NULL) {
        uint16_t n = (uint16_t)RTE_MIN(len, rte_pktmbuf_tailroom(tail));
        memcpy(rte_pktmbuf_mtod(tail, void *), from, n);
        tail->data_len = n;
        head->pkt_len += n;
        from += n;
        len -= n;
        if (len == 0)
            return head;
        if (head->nb_segs == RTE_MBUF_MAX_NB_SEGS || n == 0)
            break;
        tail->next = mbuf_alloc_data(c);
        head->nb_segs++;
        tail = tail->next;
    }
    if (head != NULL && tail == NULL)
        head->nb_segs--; /* the one that was not to be had */
    rte_pktmbuf_free(head);
    return NULL;
}

struct rte_mbuf *mbuf_trim_front_take(struct rte_mbuf *m, uint32_t n)
{
    uint32_t left = m->pkt_len > n ? m->pkt_len - n : 0;
    uint16_t segs = m->nb_segs;

    if (left == 0) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    while (n >= m->data_len) {
        struct rte_mbuf *next = m->next;
        n -= m->data_len;
        rte_pktmbuf_free_seg(m);
        m = next;
        segs--;
    }
    m->data_off = (uint16_t)(m->data_off + n);
    m->data_len = (uint16_t)(m->data_len - n);
    m->pkt_len = left;
    m->nb_segs = segs;
    return m;
}

struct rte_mbuf *mbuf_trim_tail_take(struct rte_mbuf *m, uint32_t n)
{
    uint32_t keep = m->pkt_len > n ? m->pkt_len - n : 0;
    struct rte_mbuf *last = m;
    uint16_t segs = 1;

    if (keep == 0) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    m->pkt_len = keep;
    for (; keep > last->data_len; last = last->next, segs++)
        keep -= last->data_len;
    last->data_len = (uint16_t)keep;
    if (last->next != NULL) {
        rte_pktmbuf_free(last->next); /* frees along next, whatever nb_segs says there */
        last->next = NULL;
    }
    m->nb_segs = segs;
    return m;
}
