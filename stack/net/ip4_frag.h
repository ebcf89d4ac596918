/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of IPv4 datagrams (RFC791-3.2, RFC 815) with RFC 5722's rule for overlaps: the
 * whole datagram is discarded, silently. Bounded in bytes pinned, in time, in datagrams, and in
 * fragments per datagram. */
#ifndef PLX_NET_IP4_FRAG_H
#define PLX_NET_IP4_FRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slab.h"
#include "net/arp.h"
#include "wire/packet.h"

struct net;

/* 65,535 bytes over a path with an MTU of 576 are 119 fragments; more than this is hostile. */
#define IP4_FRAG_MAX       128
#define IP4_FRAG_DATAGRAMS 1024
#define IP4_FRAG_BUCKETS   1024

/* Bytes [start, end) of the datagram's payload. */
struct ip4_fragment {
    struct rte_mbuf *m; /* data still at the link header */
    uint16_t start, end;
};

/* One datagram being put together. */
struct ip4_datagram {
    uint32_t src, dst; /* network order */
    uint16_t id;       /* network order */
    uint8_t proto;
    uint8_t netif;
    uint32_t bucket_next;  /* hash chain */
    uint32_t older, newer; /* by arrival of the first fragment, which is the order of expiry */
    nsec_t expires;
    uint32_t pinned; /* bytes charged */
    uint32_t have;   /* payload bytes present */
    uint32_t total;  /* payload bytes, 0 until the last fragment is here */
    uint16_t n;
    uint8_t ecn_seen;                       /* bit per codepoint (RFC3168-5.3) */
    bool poisoned;                          /* overlapped: what still comes is discarded too */
    struct ip4_fragment frag[IP4_FRAG_MAX]; /* sorted by start, none overlapping */
};

struct ip4_reassembly {
    struct slab datagrams;
    uint32_t bucket[IP4_FRAG_BUCKETS];
    uint32_t oldest, newest;
    uint64_t pinned; /* bytes, all datagrams */
    struct siphash_key key;
    struct net_timer timer; /* at the oldest one's expiry */
};

int ip4_frag_init(struct net *n);
void ip4_frag_fini(struct net *n);

/* A fragment whose IP header is validated (p->l3_off, l4_off, src, dst, proto set). Takes p->m.
 * True: complete; p->m is the whole datagram as one chain with a corrected header, transport header
 * contiguous, PKT_REASSEMBLED set. False: kept, or dropped and counted. */
bool ip4_frag_input_take(struct net *n, struct pkt *p);
void ip4_frag_timer(struct net *n);

#endif
