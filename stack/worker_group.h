/* SPDX-License-Identifier: BSD-3-Clause */
/* The workers of one process to each other: a single-producer single-consumer ring for every ordered
 * pair, so that no worker ever waits for another, and the table that says who owns a flow. */
#ifndef PLX_WORKER_GROUP_H
#define PLX_WORKER_GROUP_H

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/steer.h"

#define WORKER_GROUP_RING 1024 /* packets from one worker to another */

struct worker_group {
    uint16_t n;
    struct steer steer;
    const struct memory *mem;
    uint8_t *rings; /* n x n, [from * n + to] */
    size_t ring_bytes;
    size_t total_bytes;
    atomic_uint links_down; /* bits of the interfaces, as worker 0 sees them */
    atomic_uint links_up;   /* grows when a link has come up: all announce again */
};

/* 0, -ENOMEM. `key` is the RSS key that devices get too. */
int worker_group_init(struct worker_group *g, const struct memory *mem, uint16_t n,
                      const uint8_t key[STEER_KEY_BYTES]);
/* Frees packets still in the rings. All workers have ended. */
void worker_group_fini(struct worker_group *g);
/* 0, or -ENOBUFS when the ring is full: then m stays the caller's. */
int worker_group_send(struct worker_group *g, uint16_t from, uint16_t to, struct rte_mbuf *m);
/* Packets that other workers sent to `to`, at most `n`. */
unsigned worker_group_receive(struct worker_group *g, uint16_t to, struct rte_mbuf **pkts, unsigned n);

#endif
