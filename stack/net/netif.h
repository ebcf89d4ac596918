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

/* Packets that the wire did not take, oldest first: Linux's txqueuelen. */
struct netif_queue {
    struct rte_mbuf **slot;
    uint32_t size; /* slots, a power of two; 0: there is no queue, tx_queue_len is 0 */
    uint32_t limit;
    uint32_t head, tail;
    nsec_t offered; /* when the wire was last asked */
    nsec_t refused; /* for how long it has taken nothing */
};

struct netif {
    struct netdev *dev;
    uint16_t queue;
    uint16_t mtu;
    uint8_t mac[6];
    bool has_link;                /* Ethernet: ARP and link headers */
    bool tx_csum, tso, multi_seg; /* as caps, unless offload=off */
    bool link_down;               /* what the wire does not take is dropped */
    bool claimed;                 /* frames are received by the application (worker_frames_input_take) */
    uint8_t n_addrs;
    struct netif_addr addr[NETIF_MAX_ADDRS];
    struct arp_cache arp;
    uint16_t n_tx;
    uint64_t tx_bytes; /* of what is in tx */
    struct rte_mbuf *tx[NETIF_TX_BURST];
    struct netif_queue queued; /* behind which `tx` has to wait */
};

#endif
