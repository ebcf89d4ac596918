/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_group.h"

#include <errno.h>

static struct rte_ring *group_ring(const struct worker_group *g, uint16_t from, uint16_t to)
{
    return (struct rte_ring *)(g->rings + ((size_t)from * g->n + to) * g->ring_bytes);
}

int worker_group_init(struct worker_group *g, const struct memory *mem, uint16_t n,
                      const uint8_t key[STEER_KEY_BYTES])
{
    ssize_t bytes = rte_ring_get_memsize(WORKER_GROUP_RING);
    if (bytes < 0)
        return (int)bytes;
    g->n = n;
    g->mem = mem;
    g->ring_bytes = (size_t)bytes;
    g->total_bytes = (g->ring_bytes * n * n + 4095) & ~(size_t)4095;
    g->rings = mem->reserve(mem->user, g->total_bytes);
    if (g->rings == NULL)
        return -ENOMEM;
    if (mem->commit(mem->user, g->rings, g->total_bytes) != 0) {
        mem->release(mem->user, g->rings, g->total_bytes);
        return -ENOMEM;
    }
    for (uint16_t from = 0; from < n; from++)
        for (uint16_t to = 0; to < n; to++)
            rte_ring_init(group_ring(g, from, to), "worker", WORKER_GROUP_RING,
                          RING_F_SP_ENQ | RING_F_SC_DEQ);
    steer_init(&g->steer, key, n);
    return 0;
}

void worker_group_fini(struct worker_group *g)
{
    for (uint16_t to = 0; to < g->n; to++) {
        struct rte_mbuf *m;
        while (worker_group_receive(g, to, &m, 1) == 1)
            rte_pktmbuf_free(m);
    }
    g->mem->release(g->mem->user, g->rings, g->total_bytes);
    g->rings = NULL;
}

int worker_group_send(struct worker_group *g, uint16_t from, uint16_t to, struct rte_mbuf *m)
{
    return rte_ring_sp_enqueue(group_ring(g, from, to), m);
}

unsigned worker_group_receive(struct worker_group *g, uint16_t to, struct rte_mbuf **pkts, unsigned n)
{
    unsigned got = 0;
    for (uint16_t from = 0; from < g->n && got < n; from++)
        if (from != to)
            got += rte_ring_sc_dequeue_burst(group_ring(g, from, to), (void **)pkts + got, n - got, NULL);
    return got;
}
