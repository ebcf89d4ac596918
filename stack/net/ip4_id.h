/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 identification (RFC 6864): what an outsider can neither predict nor count packets by
 * (RFC7739-5 says it for IPv6; the attacks are the same). */
#ifndef PLX_NET_IP4_ID_H
#define PLX_NET_IP4_ID_H

#include "base/hash.h"
#include "net/net.h"

/* For a packet with DF: nobody reassembles by it (RFC6864-4.1), so it only must say nothing. */
static inline uint16_t ip4_id_atomic(struct net *n, uint32_t dst)
{
    uint64_t h = hash_mix(n->ip_id_key.k[0] ^ ++n->ip_id_count, n->ip_id_key.k[1] ^ dst);
    return (uint16_t)(h >> 24);
}

/* For one that is or may be fragmented: a permutation of 16 bits (a Feistel network, its rounds keyed by
 * the SipHash of source, destination and protocol) applied to a counter, so that ids towards one
 * destination do not repeat within 65,536 packets. */
uint16_t ip4_id_fragmentable(struct net *n, uint32_t src, uint32_t dst, uint8_t proto);

#endif
