/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP packets for IPv4 over Ethernet (RFC 826, RFC 5227). */
#ifndef PLX_WIRE_ARP_H
#define PLX_WIRE_ARP_H

#include <stdint.h>

#include "wire/packet.h"

enum { ARP_OP_REQUEST = 1, ARP_OP_REPLY = 2 };

struct arp_hdr {
    uint16_t htype, ptype;
    uint8_t hlen, plen;
    uint16_t op;
    uint8_t sha[6];
    uint8_t spa[4];
    uint8_t tha[6];
    uint8_t tpa[4];
} __attribute__((packed, aligned(2)));

/* An ARP packet in host form; IPv4 addresses in network order as in struct in_addr. */
struct arp_view {
    uint16_t op; /* ARP_OP_REQUEST or ARP_OP_REPLY */
    uint8_t sha[6], tha[6];
    uint32_t spa, tpa;
};

/* Reads the packet at l3_off. False: drop (DROP_ARP_MALFORMED): short, another hardware or protocol, an
 * operation other than request and reply, a sender's hardware address that is multicast or zero, or a
 * sender's protocol address that is multicast or broadcast. spa 0.0.0.0 is a probe and passes. */
bool arp_parse(struct pkt *p, struct arp_view *v);
/* Writes sizeof(struct arp_hdr) bytes. */
void arp_emit(void *at, const struct arp_view *v);

#endif
