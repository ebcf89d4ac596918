/* SPDX-License-Identifier: BSD-3-Clause */
/* An interface: one queue of one wire, its addresses, its neighbours, and what is to be sent. */
#ifndef PLX_NET_NETIF_H
#define PLX_NET_NETIF_H

#include "base/addr.h"
#include "net/arp.h"
#include "netdev/netdev.h"

#define NETIF_MAX_ADDRS 8
#define NETIF_TX_BURST  64

struct netif_addr {
    struct ip_addr addr;
    uint32_t mask;      /* network order */
    uint32_t broadcast; /* network order, 0 when there is none (/31, /32) */
    uint8_t prefix_len;
};

struct netif {
    struct netdev *dev;
    uint16_t queue;
    uint16_t mtu;
    uint8_t mac[6];
    bool has_link;                /* Ethernet: ARP and link headers */
    bool tx_csum, tso, multi_seg; /* as caps, unless offload=off */
    bool claimed;                 /* frames are received by the application (worker_frames_input_take) */
    uint8_t n_addrs;
    struct netif_addr addr[NETIF_MAX_ADDRS];
    struct arp_cache arp;
    uint16_t n_tx;
    uint64_t tx_bytes; /* of what is in tx */
    struct rte_mbuf *tx[NETIF_TX_BURST];
};

#endif
