/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of net/ share and nobody else calls. */
#ifndef PLX_NET_NET_PRIVATE_H
#define PLX_NET_NET_PRIVATE_H

#include <string.h>

#include "base/mbuf.h"
#include "net/net.h"
#include "wire/ether.h"
#include "wire/ip4.h"

/* Counts and frees. */
static inline void net_drop_take(struct net *n, struct rte_mbuf *m, enum counter reason)
{
    count(&n->ctx->counters, reason);
    rte_pktmbuf_free(m);
}

/* Hands a finished frame to the interface: sent with the next burst. */
void netif_send_take(struct net *n, struct netif *nif, struct rte_mbuf *m);
void netif_flush(struct net *n, struct netif *nif);

/* Is it an address of the interface? */
static inline bool netif_has_address(const struct netif *nif, uint32_t be)
{
    for (uint8_t i = 0; i < nif->n_addrs; i++)
        if (ip_addr_get_v4(&nif->addr[i].addr) == be)
            return true;
    return false;
}

/* The address of the interface in whose network `be` is, or NULL. */
const struct netif_addr *netif_address_for(const struct netif *nif, uint32_t be);
/* Is it the directed broadcast of one of its networks? */
bool netif_is_broadcast(const struct netif *nif, uint32_t be);

/* 1.0.0.0 to 223.255.255.255 without 127/8: what a single host on a wire may have. */
static inline bool ip4_is_host(uint32_t be)
{
    uint8_t top = (uint8_t)(ntohl(be) >> 24);
    return (uint8_t)(top - 1) < 223 && top != 127;
}

static inline bool ip4_is_multicast(uint32_t be)
{
    return (be & htonl(0xf0000000)) == htonl(0xe0000000);
}

static inline bool ip4_is_loopback(uint32_t be)
{
    return (be & htonl(0xff000000)) == htonl(0x7f000000);
}

/* The link address of a multicast group, RFC1112-6.4. */
static inline void net_group_mac(uint32_t dst_be, uint8_t mac[6])
{
    const uint8_t *d = (const uint8_t *)&dst_be;
    const uint8_t group[6] = {0x01, 0x00, 0x5e, d[1] & 0x7f, d[2], d[3]};
    memcpy(mac, group, 6);
}

/* The packet goes to its transport: from l4_off on everything is p's. */
enum verdict icmp_input(struct net *n, struct pkt *p);
void icmp_limit_init(struct net *n);

/* m (data at the IP header) comes back to us in net_loopback_next. */
int net_loopback_take(struct net *n, struct rte_mbuf *m);
/* Remembers that a neighbour did not answer, for net_next_unreachable. */
void net_unreachable_push(struct net *n, uint32_t dst_be);

#endif
