/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes of one engine: connected networks and gateways, longest prefix first. Looked up when a path
 * is resolved, never per packet. */
#ifndef PLX_NET_ROUTE_H
#define PLX_NET_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define ROUTE_MAX 128

struct route {
    uint32_t prefix, mask; /* network order */
    uint32_t via;          /* gateway, network order; 0: on the link */
    uint8_t prefix_len;
    uint8_t netif;
};

/* Sorted by prefix length, longest first; the first one added stays first among equals. */
struct route_table {
    uint16_t n;
    struct route r[ROUTE_MAX];
};

/* The mask of a prefix length 0..32, network order. */
static inline uint32_t route_mask(uint8_t prefix_len)
{
    return prefix_len == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix_len));
}

/* Addresses in network order, `prefix` is masked here. 0, -EEXIST (same prefix and the same
 * way), -ENOSPC, -EINVAL (prefix length). */
int route_add(struct route_table *t, uint32_t prefix, uint8_t prefix_len, uint32_t via, uint8_t netif);
/* The most specific route to an address, or NULL. */
const struct route *route_lookup(const struct route_table *t, uint32_t dst);
/* The same among networks on the link alone: what a gateway's address must be in. */
const struct route *route_lookup_link(const struct route_table *t, uint32_t dst);

#endif
