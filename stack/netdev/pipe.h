/* SPDX-License-Identifier: BSD-3-Clause */
/* An in-process wire between two netdevs: what one sends, the other receives, copied. For tests and
 * tools; single-threaded. */
#ifndef PLX_NETDEV_PIPE_H
#define PLX_NETDEV_PIPE_H

#include "netdev/netdev.h"

struct pipe_config {
    enum netdev_link link;
    uint16_t mtu;
    uint32_t depth;             /* packets per direction; more are dropped by tx_burst taking fewer */
    bool tx_csum, rx_csum, tso; /* caps to advertise; rx_csum marks everything GOOD */
    bool multi_seg;
    uint8_t mac[2][6];
    struct rte_mempool *pool[2]; /* received copies of each end come from here */
};

/* 0 or -errno; out[0] and out[1] are closed separately. */
int netdev_pipe_create(const struct pipe_config *cfg, struct netdev *out[2]);
/* Packets that never reached this end because its pool was empty (or their offload flags made no
 * sense). */
uint64_t netdev_pipe_lost(const struct netdev *d);

#endif
