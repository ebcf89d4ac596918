/* SPDX-License-Identifier: BSD-3-Clause */
/* Between arp.c, which keeps the cache, and arp_input.c, which learns from the wire. */
#ifndef PLX_NET_ARP_PRIVATE_H
#define PLX_NET_ARP_PRIVATE_H

#include "net/arp.h"

/* As arp_find_or_add, for an address nobody here has asked for: only what is failed or stale gives way. */
uint32_t arp_add_passive(struct net *n, uint8_t netif, uint32_t addr_be);
/* The neighbour's link address is known. `confirmed`: it answered us, so both directions work. */
void arp_resolved(struct net *n, uint8_t netif, uint32_t idx, const uint8_t mac[6], bool confirmed);
/* The link was away: what was known may be wrong. */
void arp_forget_all(struct net *n, uint8_t netif);
/* Sends an ARP packet; tha NULL: by broadcast. Addresses in network order. */
void arp_send(struct net *n, uint8_t netif, uint16_t op, uint32_t spa, const uint8_t *tha, uint32_t tpa);

#endif
