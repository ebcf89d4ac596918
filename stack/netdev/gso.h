/* SPDX-License-Identifier: BSD-3-Clause */
/* Cuts a frame that was never meant for a wire (GSO: one header, up to 64 KB of payload) into those that
 * a wire would carry, one at a time. IPv4 with TCP, or UDP sent with UDP_SEGMENT. */
#ifndef PLX_NETDEV_GSO_H
#define PLX_NETDEV_GSO_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

struct gso_cut {
    struct rte_mbuf *m; /* what is being cut; NULL: nothing */
    uint32_t off;       /* of the payload that comes next */
    uint16_t header, l2, l3, size;
    bool udp;
};

/* Takes m, whose payload is to be cut into pieces of `size`. False when it is not what can be cut; then
 * it has been freed. */
bool gso_cut_start_take(struct gso_cut *c, struct rte_mbuf *m, uint16_t l2_len, uint16_t size);
/* The next piece, with all checksums filled, from `pool`. False when there is none left; true with
 * *out NULL when the pool was empty and the piece is lost. */
bool gso_cut_next(struct gso_cut *c, struct rte_mempool *pool, struct rte_mbuf **out);

#endif
