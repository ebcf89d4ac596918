/* SPDX-License-Identifier: BSD-3-Clause */
/* The bench's wire: a netdev that hands over frames from memory and takes what is sent. Its functions
 * are the driver, which is not counted: everything here and in what it calls is left out by name
 * (bench.py: EXCLUDED), so its two hooks must be called through it alone. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "netdev/netdev.h"

struct bench_wire {
    struct netdev dev; /* first */
    struct rte_mempool *pool;
    bool csum_good; /* mark what is received as checked by the device */
    void *user;
    /* Writes the next frame to be received (room for 1514 bytes) and returns its length, 0: no more
     * in this burst. */
    uint16_t (*produce)(void *user, uint8_t *frame);
    /* A frame that was sent, in one piece. */
    void (*consume)(void *user, const uint8_t *frame, uint16_t len);
    uint64_t sent, received;
};

/* offload: the device checks and fills checksums. */
void bench_wire_init(struct bench_wire *w, struct rte_mempool *pool, bool offload, const uint8_t mac[6]);

#endif
