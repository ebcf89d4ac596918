/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire with fewer queues than there are workers. The first workers have the queues; each of the others
 * hands what it sends to one of them by a ring, and receives nothing here: its packets come to it as any
 * that arrive at the wrong worker. */
#ifndef PLX_NETDEV_SHARE_H
#define PLX_NETDEV_SHARE_H

#include "netdev/netdev.h"

#define NETDEV_SHARE_RING 1024 /* packets from one worker to the one that sends for it */

/* Owns `inner` from then on, except on failure: NULL, out of memory or descriptors. */
struct netdev *netdev_share_create(struct netdev *inner, uint16_t workers);

#endif
