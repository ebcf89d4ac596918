/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits for a wire that takes no more for the moment (docs/decisions/0023-transmit-queue.md). */
#ifndef PLX_NET_NETIF_QUEUE_H
#define PLX_NET_NETIF_QUEUE_H

#include "net/net.h"

/* Room for tx_queue_len packets, but for no more than half of a packet pool: who waits for a wire must not
 * keep buffers from the others. 0 or -ENOMEM. */
int netif_queue_init(struct net *n, struct netif *nif);
/* Frees what waits. */
void netif_queue_fini(struct net *n, struct netif *nif);

static inline bool netif_queue_waits(const struct netif *nif)
{
    return nif->queued.tail != nif->queued.head;
}

/* The burst from `sent` on, which the wire has not taken or which comes behind what waits, waits or is
 * dropped; tx_bytes is left with the bytes of what was taken. Returns how many of the burst the wire has
 * taken. */
uint16_t netif_queue_rest(struct net *n, struct netif *nif, uint16_t sent);
/* Offers the wire what waits. */
void netif_queue_offer(struct net *n, struct netif *nif);

#endif
