/* SPDX-License-Identifier: BSD-3-Clause */
/* The network layer of one engine: interfaces, routes, neighbours, IPv4 in and out, fragments, ICMP.
 * This header is what worker, udp and tcp see of it. */
#ifndef PLX_NET_NET_H
#define PLX_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "net/arp.h"
#include "net/ip4_frag.h"
#include "net/netif.h"
#include "net/pmtu.h"
#include "net/route.h"
#include "wire/packet.h"

#define NET_MAX_NETIFS 4

/* Packets that we sent to ourselves, data at the IP header, waiting for net_loopback_next. */
#define NET_LOOPBACK_MAX 256 /* a power of two */
struct net_loopback {
    uint32_t head, tail;
    struct rte_mbuf *m[NET_LOOPBACK_MAX];
};

/* Destinations whose neighbour has just failed to answer, waiting for net_next_unreachable. */
#define NET_UNREACHABLE_MAX 64 /* a power of two */
struct net_unreachable {
    uint32_t head, tail;
    struct ip_addr addr[NET_UNREACHABLE_MAX];
};

struct net {
    struct context *ctx;
    struct netif netif[NET_MAX_NETIFS];
    uint8_t n_netifs;
    bool announced;
    uint8_t tx_held;     /* bits of the interfaces whose wire has not taken all */
    uint8_t tx_busy;     /* of those that TCP shall spare for now: net_tx_room_take */
    uint32_t tx_credit;  /* busy: half packets that TCP may send all the same */
    uint32_t generation; /* grows when a route, address or neighbour index changes its meaning */
    struct route_table routes;
    struct ip4_reassembly frags;
    struct pmtu_cache pmtu;
    struct siphash_key ip_id_key;
    uint32_t ip_id_count;
    struct icmp_limit {
        nsec_t refilled;
        uint32_t tokens;
    } icmp_limit;
    struct net_loopback loopback;
    struct net_unreachable unreachable;
};

int net_init(struct net *n, struct context *ctx);
void net_fini(struct net *n);

/* Adds an interface on queue `queue` of `dev`. Its index or -errno. */
int net_add_netif(struct net *n, struct netdev *dev, uint16_t queue);
/* An address with its prefix; adds the connected route. 0, -EINVAL (not a host address), -EEXIST, -ENOSPC. */
int net_add_address(struct net *n, uint8_t netif, const struct ip_addr *a, uint8_t prefix_len);
/* 0, -ENETUNREACH (gateway not on a connected network), -EEXIST, -ENOSPC. prefix_len 0: default route. */
int net_add_route(struct net *n, const struct ip_addr *prefix, uint8_t prefix_len, const struct ip_addr *via);
/* Gratuitous ARP for every address: at start and when the link comes back (RFC5227-2.3). */
void net_announce(struct net *n);

/* Everything a received frame goes through up to its transport. Fills p. Answers ARP and echo itself
 * (VERDICT_DONE). p->m, p->netif are set by the caller; p->m may be replaced (reassembly).
 * VERDICT_ALL (ARP): handled here, the mbuf is still the caller's, who passes copies to the other workers,
 * marked PKT_FORWARDED. p->flags is either 0 or PKT_FORWARDED when this is called. */
enum verdict net_input(struct net *n, struct pkt *p);
/* The next packet that we sent to ourselves, taken through the input: fills p and *v like net_input.
 * False when there is none. What is sent meanwhile queues behind: bound the calls per round. */
bool net_loopback_next(struct net *n, struct pkt *p, enum verdict *v);
static inline bool net_loopback_pending(const struct net *n)
{
    return n->loopback.head != n->loopback.tail;
}
/* TIMER_NET expired. */
void net_timer(struct net *n, struct wheel_node *node);
/* One of our addresses, or 127/8. */
bool net_is_local(const struct net *n, const struct ip_addr *a);
/* Multicast, 255.255.255.255, or the broadcast of a network of ours. */
bool net_is_group(const struct net *n, const struct ip_addr *a);

/* The way to a destination, kept by a control block so that sending does not look it up again. */
struct net_path {
    uint32_t generation;
    uint32_t neigh; /* index in the ARP cache, or NET_NEIGH_* */
    uint16_t mtu;   /* path MTU, IP bytes */
    uint8_t netif : 7;
    uint8_t mtu_locked : 1; /* the path is narrower than PMTU_MIN: no DF, whatever is asked for */
    bool valid;
};

enum {
    NET_NEIGH_NONE = 0,             /* no link layer */
    NET_NEIGH_SPECIAL = 0x80000000, /* from here on not an index */
    NET_NEIGH_BROADCAST = NET_NEIGH_SPECIAL,
    NET_NEIGH_MULTICAST, /* link address made from the destination (RFC1112-6.4) */
    NET_NEIGH_LOOPBACK,  /* ourselves */
};

/* Finds the way to `dst`. If *src is any, the source address is chosen and written there; else it is
 * checked to be ours. 0, -ENETUNREACH, -EADDRNOTAVAIL, -EACCES (broadcast, without `broadcast_ok`). */
int net_path_resolve(struct net *n, struct net_path *path, struct ip_addr *src, const struct ip_addr *dst,
                     bool broadcast_ok);
/* Is what was resolved still right? When not, resolve again. */
static inline bool net_path_ok(const struct net *n, const struct net_path *path)
{
    return path->valid && path->generation == n->generation;
}
/* The transport had progress from that neighbour: reachability confirmation (RFC 1122 2.3.2.1 (4)). */
static inline void net_path_confirm(struct net *n, const struct net_path *path)
{
    if (path->neigh - 1 < NET_NEIGH_SPECIAL - 1 && net_path_ok(n, path))
        arp_confirm(&n->netif[path->netif].arp, path->neigh, n->ctx->now);
}

/* The link address that frames to `dst` go to, and the interface, for those who build frames themselves:
 * the neighbour's, the gateway's, or a group's. 0; -EINPROGRESS: asked for, the answer has yet to come;
 * -EHOSTUNREACH: nobody has answered lately; -EADDRINUSE: dst is ours; -ENOTSUP: the interface has no link
 * layer; else as net_path_resolve. */
int net_link_address(struct net *n, const struct ip_addr *dst, uint8_t *netif, uint8_t mac[6]);

/* How the transport wants its packet sent. */
struct ip_send {
    struct ip_addr src, dst;
    uint8_t proto; /* IPPROTO_TCP, _UDP, _ICMP */
    uint8_t ttl, tos;
    bool df;            /* don't fragment (TCP); else larger ones are fragmented */
    uint8_t csum_off;   /* where the transport's checksum stands in its header; 0xff: none wanted */
    uint8_t l4_len;     /* transport header bytes, for offloads */
    uint16_t tso_segsz; /* > 0: TSO, payload per segment; only if net_path_tso says so */
};

/* Sends m, whose data starts at the transport header with >= 64 bytes of headroom in its first,
 * writable segment. Fills checksum (device or software), IP and link header; queues it on the
 * interface, or behind ARP. 0; -EMSGSIZE (df and larger than the path); -EHOSTUNREACH; -ENOBUFS. */
int net_output_take(struct net *n, const struct net_path *path, const struct ip_send *s, struct rte_mbuf *m);

/* Largest TSO payload on this path, 0 when it must be cut into single segments here. */
uint32_t net_path_tso(const struct net *n, const struct net_path *path);
bool net_path_multi_seg(const struct net *n, const struct net_path *path);

/* An ICMP "fragmentation needed" that the transport has found credible (RFC 5927): remembers the path
 * MTU of dst. Returns the new one. */
uint16_t net_pmtu_update(struct net *n, const struct ip_addr *dst, uint16_t mtu, uint16_t too_big);

/* An ICMP error about p (port unreachable, ...), rate-limited, under RFC1122-3.2.2's rules. Borrows
 * p. */
void net_send_icmp_error_borrow(struct net *n, const struct pkt *p, uint8_t type, uint8_t code);

/* Hands what has gathered on every interface to the wires. What they do not take waits, up to tx_queue_len
 * packets each; beyond that it is dropped and counted. */
void net_flush(struct net *n);
/* When something waits: the moment to offer it again; else NSEC_NEVER. */
nsec_t net_next_offer(const struct net *n);
/* What waits for a wire whose link is down goes, and is counted; nothing waits for it until it is up. */
void net_link_changed(struct net *n, uint8_t netif, bool down);

/* May TCP send a connection's packets by this path? Not while half of the interface's queue is taken, but for
 * half as many as wires have taken out of queues since: so TCP, which can wait, loses nothing to a full
 * queue, the queue shrinks, and those who do not ask cannot shut TCP out. A wire that has taken nothing for
 * NET_TX_STUCK holds nobody back any longer: then it is for time-outs to say what becomes of connections. */
bool net_tx_room_take(struct net *n, const struct net_path *path);
/* The same for all who wait, without taking: would the next one be let through? */
static inline bool net_tx_blocked(const struct net *n)
{
    return n->tx_busy != 0 && n->tx_credit < 2;
}
#define NET_TX_STUCK (1 * NSEC_PER_SEC)

/* Destinations for which neighbour resolution has just failed: fills addr, returns false when no more.
 * The worker passes each to tcp_unreachable and udp_unreachable. */
bool net_next_unreachable(struct net *n, struct ip_addr *addr);

#endif
