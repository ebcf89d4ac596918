/* SPDX-License-Identifier: BSD-3-Clause */
/* Helpers for chains of rte_mbuf. The packet is an rte_mbuf throughout. */
#ifndef PLX_BASE_MBUF_H
#define PLX_BASE_MBUF_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/context.h"

/* The engine's pools for headers and payload, borrowed. */
void mbuf_set_pools(struct context *c, struct rte_mempool *hdr, struct rte_mempool *data);
/* A buffer of the header or payload pool, or NULL; then DROP_NO_MBUF is counted. */
struct rte_mbuf *mbuf_alloc_hdr(struct context *c);
struct rte_mbuf *mbuf_alloc_pool(struct context *c, struct rte_mempool *pool);

static inline struct rte_mbuf *mbuf_alloc_data(struct context *c)
{
    if (unlikely(c->stash.n == 0))
        return mbuf_alloc_pool(c, c->data_pool);
    struct rte_mbuf *m = c->stash.m[--c->stash.n];
    rte_pktmbuf_reset(m);
    return m;
}

/* Flush at the end. */
static inline void mbuf_bin_flush(struct mbuf_bin *b)
{
    if (b->n > 0)
        rte_mempool_put_bulk(b->pool, (void *const *)b->seg, b->n);
    b->n = 0;
}

/* What rte_pktmbuf_prefree_seg has let go. */
static inline void mbuf_bin_put(struct mbuf_bin *b, struct rte_mbuf *seg)
{
    if (unlikely(b->n == RTE_DIM(b->seg) || (b->n > 0 && seg->pool != b->pool)))
        mbuf_bin_flush(b);
    b->pool = seg->pool;
    b->seg[b->n++] = seg;
}

/* As rte_pktmbuf_free_seg. */
static inline void mbuf_bin_take(struct mbuf_bin *b, struct rte_mbuf *seg)
{
    seg = rte_pktmbuf_prefree_seg(seg);
    if (likely(seg != NULL))
        mbuf_bin_put(b, seg);
}

/* As rte_pktmbuf_free_seg; a payload buffer of ours is kept for the next writer, up to MBUF_STASH_MAX, and
 * others go back to their pool together. */
static inline void mbuf_free_seg(struct context *c, struct rte_mbuf *m)
{
    m = rte_pktmbuf_prefree_seg(m);
    if (unlikely(m == NULL))
        return;
    if (likely(m->pool == c->data_pool && c->stash.n < c->stash.max))
        c->stash.m[c->stash.n++] = m;
    else if (likely(c->stash.max != 0))
        mbuf_bin_put(&c->bin, m);
    else
        rte_mbuf_raw_free(m);
}

/* As rte_pktmbuf_free, buffer by buffer as above. */
static inline void mbuf_free(struct context *c, struct rte_mbuf *m)
{
    if (likely(m->next == NULL))
        mbuf_free_seg(c, m);
    else
        rte_pktmbuf_free(m);
}

/* Keeps payload buffers from now on, or (at the end) gives them back and keeps none. */
void mbuf_stash_open(struct context *c);
void mbuf_stash_close(struct context *c);

/* What a queued chain pins: whole buffers, not bytes of payload. */
uint32_t mbuf_charge(const struct rte_mbuf *m);
/* Copies [off, off+len) of the chain; the caller knows it is there. */
void mbuf_copy_out(const struct rte_mbuf *m, uint32_t off, void *dst, uint32_t len);
/* A chain of payload buffers with `len` bytes of src; NULL when the pool is empty. */
struct rte_mbuf *mbuf_from_bytes(struct context *c, const void *src, uint32_t len);
/* May a header be written in front of it? Not when shared or indirect. */
static inline bool mbuf_writable(const struct rte_mbuf *m)
{
    return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m);
}
/* Trim front or tail of a chain, freeing emptied segments; returns the new head (NULL if nothing is
 * left). Takes m. pkt_len stays right. */
struct rte_mbuf *mbuf_trim_front_take(struct rte_mbuf *m, uint32_t n);
struct rte_mbuf *mbuf_trim_tail_take(struct rte_mbuf *m, uint32_t n);

#endif
