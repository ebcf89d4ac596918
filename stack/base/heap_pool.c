/* SPDX-License-Identifier: BSD-3-Clause */
/* struct rte_mempool filled in by hand: mbuf allocation needs of it no more than its operations, its
 * element size and the pktmbuf private area behind it. No cache, so neither lcore ids nor EAL matter. */
#include "base/heap_pool.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"

#define HEAP_OPS  "plx_heap"
#define FIXED_OPS "plx_fixed"

/* mp->pool_data */
struct heap_pool {
    uint32_t limit;
    uint32_t in_use;
    uint32_t count;          /* fixed: buffers in all */
    size_t stride;           /* fixed: bytes from one to the next */
    struct rte_mbuf **spare; /* fixed: those not out, the first count - in_use of it */
    uint8_t *block;          /* fixed: where they lie */
};

static size_t element_bytes(const struct rte_mempool *mp)
{
    size_t n = mp->header_size + mp->elt_size;
    return (n + RTE_CACHE_LINE_SIZE - 1) & ~(size_t)(RTE_CACHE_LINE_SIZE - 1);
}

/* What mempool creation and rte_pktmbuf_init would have done with it. */
static struct rte_mbuf *element_init(struct rte_mempool *mp, void *mem)
{
    struct rte_mempool_objhdr *hdr;
    struct rte_mbuf *m = (struct rte_mbuf *)((uint8_t *)mem + mp->header_size);

    memset(mem, 0, mp->header_size + sizeof *m);
    hdr = (struct rte_mempool_objhdr *)((uint8_t *)m - sizeof *hdr);
    hdr->mp = mp;
    hdr->iova = (rte_iova_t)(uintptr_t)m;
    m->buf_addr = m + 1;
    m->buf_iova = (rte_iova_t)(uintptr_t)m->buf_addr;
    m->buf_len = rte_pktmbuf_data_room_size(mp);
    m->data_off = RTE_MIN(RTE_PKTMBUF_HEADROOM, m->buf_len);
    m->pool = mp;
    m->nb_segs = 1;
    m->port = RTE_MBUF_PORT_INVALID;
    rte_mbuf_refcnt_set(m, 1);
    return m;
}

/* As many as asked for, or none: so the count may be taken first, by any thread. */
static bool heap_take(struct heap_pool *hp, unsigned n)
{
    uint32_t in_use = __atomic_load_n(&hp->in_use, __ATOMIC_RELAXED);
    do {
        if (n > hp->limit || in_use > hp->limit - n)
            return false;
    } while (!__atomic_compare_exchange_n(&hp->in_use, &in_use, in_use + n, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static int heap_enqueue(struct rte_mempool *mp, void *const *objs, unsigned n)
{
    struct heap_pool *hp = mp->pool_data;

    for (unsigned i = 0; i < n; i++)
        free((uint8_t *)objs[i] - mp->header_size);
    __atomic_fetch_sub(&hp->in_use, n, __ATOMIC_RELAXED);
    return 0;
}

static int heap_dequeue(struct rte_mempool *mp, void **objs, unsigned n)
{
    if (!heap_take(mp->pool_data, n))
        return -ENOBUFS;
    for (unsigned i = 0; i < n; i++) {
        void *mem = aligned_alloc(RTE_CACHE_LINE_SIZE, element_bytes(mp));
        if (mem == NULL) {
            struct heap_pool *hp = mp->pool_data;
            __atomic_fetch_sub(&hp->in_use, n - i, __ATOMIC_RELAXED);
            heap_enqueue(mp, objs, i);
            return -ENOBUFS;
        }
        objs[i] = element_init(mp, mem);
    }
    return 0;
}

static unsigned heap_count(const struct rte_mempool *mp)
{
    const struct heap_pool *hp = mp->pool_data;
    return hp->in_use < hp->limit ? hp->limit - hp->in_use : 0;
}

static int fixed_enqueue(struct rte_mempool *mp, void *const *objs, unsigned n)
{
    struct heap_pool *hp = mp->pool_data;

    for (unsigned i = 0; i < n; i++) {
        hp->spare[hp->count - hp->in_use--] = objs[i];
        memory_poison(objs[i], mp->elt_size);
    }
    return 0;
}

static int fixed_dequeue(struct rte_mempool *mp, void **objs, unsigned n)
{
    struct heap_pool *hp = mp->pool_data;

    if (n > hp->limit || hp->in_use > hp->limit - n)
        return -ENOBUFS;
    for (unsigned i = 0; i < n; i++) {
        objs[i] = hp->spare[hp->count - ++hp->in_use];
        memory_unpoison(objs[i], mp->elt_size);
    }
    return 0;
}

static int pool_alloc(struct rte_mempool *mp)
{
    return 0;
}

static void pool_free(struct rte_mempool *mp)
{
}

static const struct rte_mempool_ops heap_ops = {
    .name = HEAP_OPS,
    .alloc = pool_alloc,
    .free = pool_free,
    .enqueue = heap_enqueue,
    .dequeue = heap_dequeue,
    .get_count = heap_count,
};

static const struct rte_mempool_ops fixed_ops = {
    .name = FIXED_OPS,
    .alloc = pool_alloc,
    .free = pool_free,
    .enqueue = fixed_enqueue,
    .dequeue = fixed_dequeue,
    .get_count = heap_count,
};

RTE_MEMPOOL_REGISTER_OPS(heap_ops);
RTE_MEMPOOL_REGISTER_OPS(fixed_ops);

static struct rte_mempool *pool_create(const char *name, uint32_t limit, uint16_t data_room, const char *ops)
{
    /* The private area stands where rte_mempool_get_priv looks for it without a cache: right behind. */
    size_t size = sizeof(struct rte_mempool) + sizeof(struct rte_pktmbuf_pool_private);
    struct rte_mempool *mp = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE));
    struct heap_pool *hp = calloc(1, sizeof *hp);
    struct rte_pktmbuf_pool_private *priv;

    if (mp == NULL || hp == NULL)
        goto fail;
    memset(mp, 0, size);
    snprintf(mp->name, sizeof mp->name, "%s", name);
    hp->limit = limit;
    mp->socket_id = SOCKET_ID_ANY;
    mp->size = limit;
    mp->populated_size = limit;
    mp->header_size = RTE_ALIGN_CEIL(sizeof(struct rte_mempool_objhdr), RTE_CACHE_LINE_SIZE);
    mp->elt_size = (uint32_t)sizeof(struct rte_mbuf) + data_room;
    mp->private_data_size = sizeof *priv;
    if (rte_mempool_set_ops_byname(mp, ops, NULL) != 0)
        goto fail;
    mp->pool_data = hp;
    priv = rte_mempool_get_priv(mp);
    priv->mbuf_data_room_size = data_room;
    return mp;
fail:
    free(hp);
    free(mp);
    return NULL;
}

struct rte_mempool *heap_pool_create(const char *name, uint32_t limit, uint16_t data_room)
{
    return pool_create(name, limit, data_room, HEAP_OPS);
}

struct rte_mempool *heap_pool_create_fixed(const char *name, uint32_t count, uint16_t data_room)
{
    struct rte_mempool *mp = pool_create(name, count, data_room, FIXED_OPS);
    struct heap_pool *hp;

    if (mp == NULL)
        return NULL;
    hp = mp->pool_data;
    hp->count = count;
    hp->stride = element_bytes(mp);
    hp->spare = calloc(count, sizeof(struct rte_mbuf *));
    hp->block = aligned_alloc(RTE_CACHE_LINE_SIZE, hp->stride * count);
    if (hp->spare == NULL || hp->block == NULL) {
        heap_pool_destroy(mp);
        return NULL;
    }
    /* The last of the list goes out first: lay them so that it is the first of the block. */
    for (uint32_t i = 0; i < count; i++) {
        struct rte_mbuf *m = element_init(mp, hp->block + i * hp->stride);
        hp->spare[count - 1 - i] = m;
        memory_poison(m, mp->elt_size);
    }
    return mp;
}

uint32_t heap_pool_in_use(const struct rte_mempool *mp)
{
    const struct heap_pool *hp = mp->pool_data;
    return __atomic_load_n(&hp->in_use, __ATOMIC_RELAXED);
}

void heap_pool_set_limit(struct rte_mempool *mp, uint32_t limit)
{
    struct heap_pool *hp = mp->pool_data;
    hp->limit = hp->block != NULL && limit > hp->count ? hp->count : limit;
}

void heap_pool_destroy(struct rte_mempool *mp)
{
    struct heap_pool *hp;

    if (mp == NULL)
        return;
    hp = mp->pool_data;
    if (hp->block != NULL)
        memory_unpoison(hp->block, hp->stride * hp->count);
    free(hp->block);
    free(hp->spare);
    free(hp);
    free(mp);
}
