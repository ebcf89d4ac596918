/* SPDX-License-Identifier: BSD-3-Clause */
/* A raw IP netdev whose other end is a script: datagrams are put in as bytes and taken out as bytes,
 * stamped with the moment at which the stack sent them. */
#ifndef PLX_PACKETDRILL_WIRE_TAP_H
#define PLX_PACKETDRILL_WIRE_TAP_H

#include <stdint.h>

#include "netdev/netdev.h"

#define WIRE_TAP_DEPTH 4096

#define WIRE_TAP_TSO_MAX 65000u

struct wire_packet {
    nsec_t sent_at;
    uint32_t len;
    uint8_t *bytes; /* malloc */
};

struct wire_tap {
    struct netdev dev; /* first */
    struct rte_mempool *pool;
    struct rte_mbuf *in[WIRE_TAP_DEPTH];
    uint32_t in_head, in_tail;
    struct wire_packet out[WIRE_TAP_DEPTH];
    uint32_t out_head, out_tail;
    uint64_t lost; /* queue full */
};

void wire_tap_init(struct wire_tap *t, struct rte_mempool *pool, uint16_t mtu);
void wire_tap_fini(struct wire_tap *t);
/* A datagram of up to 64 KB arrives. 0, -ENOBUFS, -EMSGSIZE. */
int wire_tap_put(struct wire_tap *t, const void *bytes, size_t n);
/* The oldest datagram sent; false when there is none. *n: room in, length out. */
bool wire_tap_take(struct wire_tap *t, void *buf, size_t *n, nsec_t *sent_at);

#endif
