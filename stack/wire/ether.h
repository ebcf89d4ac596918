/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames (RFC 894). */
#ifndef PLX_WIRE_ETHER_H
#define PLX_WIRE_ETHER_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "wire/packet.h"

struct ether_hdr {
    uint8_t dst[6];
    uint8_t src[6];
    uint16_t type;
} __attribute__((packed, aligned(2)));

enum {
    ETHER_TYPE_IP4 = 0x0800,
    ETHER_TYPE_ARP = 0x0806,
    ETHER_TYPE_VLAN = 0x8100,
    ETHER_TYPE_QINQ = 0x88a8,
    ETHER_TYPE_IP6 = 0x86dd,
};

static inline struct ether_hdr *ether_hdr(const struct pkt *p)
{
    return rte_pktmbuf_mtod(p->m, struct ether_hdr *);
}

/* Is it for us (`mac`, broadcast, multicast)? Sets l3_off, and flags to 0,
 * PKT_BROADCAST or PKT_MULTICAST. The
 * EtherType in host order, or 0: drop. What to do with an unknown type (DROP_ETHER_TYPE) is the
 * caller's business; tagged frames are dropped here. */
uint16_t ether_parse(struct pkt *p, const uint8_t mac[6]);

static inline void ether_emit(void *at, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
    struct ether_hdr *h = at;
    memcpy(h->dst, dst, 6);
    memcpy(h->src, src, 6);
    h->type = htons(type);
}

#endif
