/* SPDX-License-Identifier: BSD-3-Clause */
/* An rte_mempool of mbufs without EAL: hand-built, each buffer from malloc, so that a test starts in
 * milliseconds and AddressSanitizer sees a packet's use-after-free and leak. */
#ifndef PLX_BASE_HEAP_POOL_H
#define PLX_BASE_HEAP_POOL_H

#include <stdint.h>

struct rte_mempool;

/* NULL when out of memory. At most `limit` buffers may be out at once (then allocation fails, which is
 * what an empty pool looks like); `data_room` bytes each, RTE_PKTMBUF_HEADROOM included. */
struct rte_mempool *heap_pool_create(const char *name, uint32_t limit, uint16_t data_room);
/* The same interface over `count` buffers made beforehand and kept in a list: no malloc per packet, for
 * benchmarks and for programs that run without EAL. One thread only. */
struct rte_mempool *heap_pool_create_fixed(const char *name, uint32_t count, uint16_t data_room);
/* Buffers out at this moment: 0 at the end of a test. */
uint32_t heap_pool_in_use(const struct rte_mempool *mp);
/* Changes the limit: the edge of empty. Of a fixed pool never above its count. */
void heap_pool_set_limit(struct rte_mempool *mp, uint32_t limit);
/* NULL is fine. Buffers still out are lost (that is, reported by the leak checker). */
void heap_pool_destroy(struct rte_mempool *mp);

#endif
