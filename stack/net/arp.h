/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbours on an Ethernet (RFC 826, RFC1122-2.3.2, RFC 5227): a bounded cache from IPv4
 * address to a ready-made link header, packets waiting for an answer, reachability. One per interface
 * and worker. Entries are addressed by index, which a net_path keeps; an index changes its meaning
 * only together with net.generation. */
#ifndef PLX_NET_ARP_H
#define PLX_NET_ARP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/slab.h"
#include "base/wheel.h"

struct net;
struct pkt;
struct rte_mbuf;

enum arp_state {
    ARP_NONE,       /* known by address only: nobody has asked yet, or asking failed a while ago */
    ARP_INCOMPLETE, /* asked by broadcast, not answered; packets wait */
    ARP_FAILED,     /* did not answer: sending fails with EHOSTUNREACH for a short while */
    ARP_REACHABLE,  /* confirmed lately; becomes stale when usable_until has passed */
    ARP_STALE,      /* address known, not confirmed lately: used, and probed once used */
    ARP_PROBE,      /* used and waiting for a confirmation; asked by unicast after a while */
};

/* What a timer of net/ belongs to; its node is of kind TIMER_NET. */
struct net_timer {
    struct wheel_node node; /* first */
    uint8_t what;           /* enum net_timer_what in net.c's dispatch */
    uint8_t netif;
};

enum net_timer_what { NET_TIMER_ARP_ENTRY, NET_TIMER_ANNOUNCE, NET_TIMER_FRAGS, NET_TIMER_PMTU };

struct arp_entry {
    /* Destination, source, ethertype: 14 bytes, copied as 16. First and aligned for that. */
    _Alignas(16) uint8_t header[16];
    nsec_t usable_until; /* up to here a packet just goes out; 0 unless there is a link address */
    uint32_t addr;       /* network order */
    uint32_t next;       /* hash chain */
    uint8_t state;
    uint8_t probes; /* sent in this state */
    uint16_t n_waiting;
    uint32_t waiting_head, waiting_tail; /* indices into arp_cache.waiting */
    struct net_timer timer;
};

/* A packet (data at its IP header) behind an unresolved neighbour. */
struct arp_waiting {
    struct rte_mbuf *m;
    uint32_t next;
};

struct arp_cache {
    struct slab entries; /* struct arp_entry */
    struct slab waiting; /* struct arp_waiting */
    uint32_t *bucket;    /* heads of chains; a power of two of them */
    uint32_t bucket_mask;
    uint32_t max;  /* entries */
    uint32_t hand; /* where the search for an entry to evict goes on */
    uint64_t reachable_ns;
    struct siphash_key key;
    nsec_t defend_after; /* addresses of ours are defended again from here on (RFC5227-2.4 (b)) */
    uint8_t announcements_left;
    struct net_timer announce;
};

/* 0 or -ENOMEM. */
int arp_init(struct net *n, uint8_t netif);
/* Frees what waits. */
void arp_fini(struct net *n, uint8_t netif);

/* The index of a neighbour, made if need be; no request goes out yet. 0: every entry is busy. */
uint32_t arp_find_or_add(struct net *n, uint8_t netif, uint32_t addr_be);
/* The index of a known neighbour, or 0. */
uint32_t arp_find(const struct net *n, uint8_t netif, uint32_t addr_be);

/* Sends m (data at the IP header) to a neighbour whose entry is not simply usable: asks, queues, or
 * refuses. 0, -EHOSTUNREACH, -ENOBUFS. */
int arp_output_take(struct net *n, uint8_t netif, uint32_t neigh, struct rte_mbuf *m);

/* Asks for a neighbour that nobody has asked for yet, without a packet to send it. */
void arp_solicit(struct net *n, uint8_t netif, uint32_t neigh);

/* An ARP packet; p->l3_off is set. With `answer` requests for our addresses are answered and our
 * addresses defended; without, it only learns (a copy that another worker has answered). Borrows p.
 * False when it was malformed or not for us; p->drop says which. */
bool arp_input_borrow(struct net *n, struct pkt *p, bool answer);

/* Starts announcing every address of the interface (RFC5227-2.3: twice, 2 s apart). */
void arp_announce(struct net *n, uint8_t netif);

void arp_entry_timer(struct net *n, struct net_timer *t);
void arp_announce_timer(struct net *n, struct net_timer *t);

static inline struct arp_entry *arp_entry_at(const struct arp_cache *c, uint32_t idx)
{
    return SLAB_AT(&c->entries, struct arp_entry, idx);
}

/* The transport had progress from it. Cheap: no list, no timer is touched. */
static inline void arp_confirm(struct arp_cache *c, uint32_t idx, nsec_t now)
{
    struct arp_entry *e = arp_entry_at(c, idx);
    if (e->state >= ARP_REACHABLE)
        e->usable_until = now + c->reachable_ns;
}

#endif
