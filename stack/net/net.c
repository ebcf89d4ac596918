/* SPDX-License-Identifier: BSD-3-Clause */
/* The network layer as a whole: interfaces and their addresses, routes, the choice of a path, timers. */
#include "net/net.h"

#include <errno.h>
#include <string.h>

#include "net/arp_private.h"
#include "net/net_private.h"
#include "net/netif_queue.h"

#define NET_LOOPBACK_MTU 65535

int net_init(struct net *n, struct context *ctx)
{
    memset(n, 0, sizeof(*n));
    n->ctx = ctx;
    n->generation = 1;
    n->ip_id_key = rng_key(&ctx->rng);
    n->ip_id_count = rng_u32(&ctx->rng);
    struct siphash_key key = rng_key(&ctx->rng);
    pmtu_init(&n->pmtu, &key);
    n->pmtu.timer.node.kind = TIMER_NET;
    n->pmtu.timer.what = NET_TIMER_PMTU;
    icmp_limit_init(n);
    return ip4_frag_init(n);
}

void net_fini(struct net *n)
{
    for (uint8_t i = 0; i < n->n_netifs; i++) {
        struct netif *nif = &n->netif[i];
        for (uint16_t k = 0; k < nif->n_tx; k++)
            rte_pktmbuf_free(nif->tx[k]);
        nif->n_tx = 0;
        nif->tx_bytes = 0;
        netif_queue_fini(n, nif);
        arp_fini(n, i);
    }
    while (n->loopback.head != n->loopback.tail)
        rte_pktmbuf_free(n->loopback.m[n->loopback.head++ % NET_LOOPBACK_MAX]);
    wheel_cancel(&n->ctx->wheel, &n->pmtu.timer.node);
    ip4_frag_fini(n);
}

/* ---- interfaces and addresses ---- */

int net_add_netif(struct net *n, struct netdev *dev, uint16_t queue)
{
    if (n->n_netifs == NET_MAX_NETIFS)
        return -ENOSPC;
    uint8_t idx = n->n_netifs;
    struct netif *nif = &n->netif[idx];
    bool offload = n->ctx->tun->offload != 0;
    memset(nif, 0, sizeof(*nif));
    nif->dev = dev;
    nif->queue = queue;
    nif->mtu = dev->caps.mtu;
    memcpy(nif->mac, dev->caps.mac, 6);
    nif->has_link = dev->caps.link == NETDEV_LINK_ETHER;
    nif->tx_csum = offload && dev->caps.tx_csum;
    nif->tso = nif->tx_csum && dev->caps.tso;
    nif->multi_seg = dev->caps.multi_seg; /* no offload: it changes nothing on the wire */
    int rc = arp_init(n, idx);
    if (rc != 0)
        return rc;
    rc = netif_queue_init(n, nif);
    if (rc != 0) {
        arp_fini(n, idx);
        return rc;
    }
    n->n_netifs++;
    return idx;
}

/* A host's own address: not the network's, not its broadcast (RFC1122-3.2.1.3). */
static bool net_is_assignable(uint32_t addr, uint8_t prefix_len)
{
    if (prefix_len < 1 || prefix_len > 32 || !ip4_is_host(addr))
        return false;
    uint32_t host = addr & ~route_mask(prefix_len);
    return prefix_len >= 31 || (host != 0 && host != ~route_mask(prefix_len));
}

int net_add_address(struct net *n, uint8_t netif, const struct ip_addr *a, uint8_t prefix_len)
{
    if (netif >= n->n_netifs || !ip_addr_is_v4(a))
        return -EINVAL;
    struct netif *nif = &n->netif[netif];
    uint32_t be = ip_addr_get_v4(a), mask = route_mask(prefix_len > 32 ? 32 : prefix_len);
    if (!net_is_assignable(be, prefix_len))
        return -EINVAL;
    if (net_is_local(n, a))
        return -EEXIST;
    if (nif->n_addrs == NETIF_MAX_ADDRS)
        return -ENOSPC;
    int rc = route_add(&n->routes, be & mask, prefix_len, 0, netif);
    if (rc != 0 && rc != -EEXIST) /* a second address in the same network has its route already */
        return rc;
    nif->addr[nif->n_addrs++] = (struct netif_addr){
        .addr = *a, .mask = mask, .broadcast = prefix_len >= 31 ? 0 : be | ~mask, .prefix_len = prefix_len};
    n->generation++;
    return 0;
}

int net_add_route(struct net *n, const struct ip_addr *prefix, uint8_t prefix_len, const struct ip_addr *via)
{
    if (prefix_len > 32 || !ip_addr_is_v4(prefix) || !ip_addr_is_v4(via))
        return -EINVAL;
    uint32_t gw = ip_addr_get_v4(via);
    const struct route *link = route_lookup_link(&n->routes, gw);
    if (link == NULL || !ip4_is_host(gw) || net_is_local(n, via) ||
        netif_is_broadcast(&n->netif[link->netif], gw))
        return -ENETUNREACH;
    int rc = route_add(&n->routes, ip_addr_get_v4(prefix), prefix_len, gw, link->netif);
    if (rc == 0)
        n->generation++;
    return rc;
}

const struct netif_addr *netif_address_for(const struct netif *nif, uint32_t be)
{
    for (uint8_t i = 0; i < nif->n_addrs; i++) {
        const struct netif_addr *a = &nif->addr[i];
        if (((ip_addr_get_v4(&a->addr) ^ be) & a->mask) == 0)
            return a;
    }
    return NULL;
}

bool netif_is_broadcast(const struct netif *nif, uint32_t be)
{
    for (uint8_t i = 0; i < nif->n_addrs; i++)
        if (nif->addr[i].broadcast == be && be != 0)
            return true;
    return false;
}

bool net_is_local(const struct net *n, const struct ip_addr *a)
{
    if (!ip_addr_is_v4(a))
        return false;
    uint32_t be = ip_addr_get_v4(a);
    for (uint8_t i = 0; i < n->n_netifs; i++)
        if (netif_has_address(&n->netif[i], be))
            return true;
    return ip4_is_loopback(be);
}

bool net_is_group(const struct net *n, const struct ip_addr *a)
{
    if (!ip_addr_is_v4(a))
        return false;
    uint32_t be = ip_addr_get_v4(a);
    for (uint8_t i = 0; i < n->n_netifs; i++)
        if (netif_is_broadcast(&n->netif[i], be))
            return true;
    return be == INADDR_BROADCAST || ip4_is_multicast(be);
}

void net_announce(struct net *n)
{
    for (uint8_t i = 0; i < n->n_netifs; i++) {
        if (!n->netif[i].has_link)
            continue;
        if (n->announced)
            arp_forget_all(n, i); /* the link was away */
        if (n->ctx->worker_id == 0)
            arp_announce(n, i);
    }
    n->announced = true;
}

/* ---- paths ---- */

static void net_path_set(struct net *n, struct net_path *path, uint8_t netif, uint32_t neigh, uint16_t mtu)
{
    path->generation = n->generation;
    path->neigh = neigh;
    path->mtu = mtu;
    path->netif = netif & 0x7f;
    path->mtu_locked = 0;
    path->valid = true;
}

/* The interface that has an address, -1: none. */
static int net_netif_of(const struct net *n, uint32_t be)
{
    for (uint8_t i = 0; i < n->n_netifs; i++)
        if (netif_has_address(&n->netif[i], be))
            return i;
    return -1;
}

/* 255.255.255.255 and multicast: by the source if it is given, else where the default goes, else the
 * first interface. */
static int net_path_group(struct net *n, struct net_path *path, struct ip_addr *src, uint32_t dst)
{
    int netif = ip_addr_is_any(src) ? -1 : net_netif_of(n, ip_addr_get_v4(src));
    const struct route *r = route_lookup(&n->routes, dst);
    if (netif < 0)
        netif = r != NULL ? r->netif : 0;
    if (netif >= n->n_netifs || n->netif[netif].n_addrs == 0)
        return -ENETUNREACH;
    struct netif *nif = &n->netif[netif];
    if (ip_addr_is_any(src))
        *src = nif->addr[0].addr;
    uint32_t neigh = ip4_is_multicast(dst) ? NET_NEIGH_MULTICAST : NET_NEIGH_BROADCAST;
    net_path_set(n, path, (uint8_t)netif, neigh, nif->mtu);
    return 0;
}

static int net_path_unicast(struct net *n, struct net_path *path, struct ip_addr *src,
                            const struct ip_addr *dst, bool broadcast_ok)
{
    uint32_t be = ip_addr_get_v4(dst);
    const struct route *r = route_lookup(&n->routes, be);
    if (r == NULL || n->netif[r->netif].n_addrs == 0)
        return -ENETUNREACH;
    struct netif *nif = &n->netif[r->netif];
    bool broadcast = r->via == 0 && netif_is_broadcast(nif, be);
    if (broadcast && !broadcast_ok)
        return -EACCES;
    uint32_t next_hop = r->via != 0 ? r->via : be;
    if (ip_addr_is_any(src)) {
        const struct netif_addr *a = netif_address_for(nif, next_hop);
        *src = a != NULL ? a->addr : nif->addr[0].addr;
    }
    uint32_t neigh = broadcast ? NET_NEIGH_BROADCAST : NET_NEIGH_NONE;
    if (nif->has_link && !broadcast) {
        neigh = arp_find_or_add(n, r->netif, next_hop);
        if (neigh == 0)
            return -ENOBUFS;
    }
    net_path_set(n, path, r->netif, neigh, nif->mtu);
    const struct pmtu_entry *known = pmtu_find(&n->pmtu, dst, n->ctx->now);
    if (known != NULL && known->mtu < path->mtu) {
        path->mtu = known->mtu;
        path->mtu_locked = known->locked;
    }
    return 0;
}

/* RFC9293-MUST-44, RFC9293-MUST-45 */
int net_path_resolve(struct net *n, struct net_path *path, struct ip_addr *src, const struct ip_addr *dst,
                     bool broadcast_ok)
{
    path->valid = false;
    if (!ip_addr_is_v4(dst))
        return -ENETUNREACH;
    if (!ip_addr_is_any(src) && !net_is_local(n, src))
        return -EADDRNOTAVAIL;
    uint32_t be = ip_addr_get_v4(dst);
    if (net_is_local(n, dst)) {
        if (n->n_netifs == 0)
            return -ENETUNREACH;
        if (ip_addr_is_any(src))
            *src = *dst;
        net_path_set(n, path, 0, NET_NEIGH_LOOPBACK, NET_LOOPBACK_MTU);
        return 0;
    }
    if (!ip_addr_is_any(src) && ip4_is_loopback(ip_addr_get_v4(src)))
        return -EINVAL; /* 127/8 must not appear outside a host (RFC1122-3.2.1.3 (g)) */
    if (be == INADDR_BROADCAST && !broadcast_ok)
        return -EACCES;
    if (be == INADDR_BROADCAST || ip4_is_multicast(be))
        return net_path_group(n, path, src, be);
    if (!ip4_is_host(be))
        return -ENETUNREACH;
    return net_path_unicast(n, path, src, dst, broadcast_ok);
}

int net_link_address(struct net *n, const struct ip_addr *dst, uint8_t *netif, uint8_t mac[6])
{
    struct net_path path;
    struct ip_addr src = {0};
    int rc = net_path_resolve(n, &path, &src, dst, true);
    if (rc != 0)
        return rc;
    *netif = path.netif;
    if (path.neigh == NET_NEIGH_LOOPBACK)
        return -EADDRINUSE;
    if (!n->netif[path.netif].has_link)
        return -ENOTSUP;
    if (path.neigh == NET_NEIGH_BROADCAST) {
        memset(mac, 0xff, 6);
        return 0;
    }
    if (path.neigh == NET_NEIGH_MULTICAST) {
        net_group_mac(ip_addr_get_v4(dst), mac);
        return 0;
    }
    arp_solicit(n, path.netif, path.neigh);
    const struct arp_entry *e = arp_entry_at(&n->netif[path.netif].arp, path.neigh);
    if (e->state < ARP_REACHABLE)
        return e->state == ARP_FAILED ? -EHOSTUNREACH : -EINPROGRESS;
    memcpy(mac, e->header, 6);
    return 0;
}

uint32_t net_path_tso(const struct net *n, const struct net_path *path)
{
    const struct netif *nif = &n->netif[path->netif];
    return path->neigh == NET_NEIGH_LOOPBACK || !nif->tso ? 0 : nif->dev->caps.tso_max;
}

bool net_path_multi_seg(const struct net *n, const struct net_path *path)
{
    return path->neigh == NET_NEIGH_LOOPBACK || n->netif[path->netif].multi_seg;
}

/* ---- path MTU ---- */

/* What a packet to `dst` may have now: its path MTU, else the MTU of the interface it leaves by. */
static uint16_t net_mtu_now(const struct net *n, const struct ip_addr *dst)
{
    const struct pmtu_entry *e = pmtu_find(&n->pmtu, dst, n->ctx->now);
    if (e != NULL)
        return e->mtu;
    const struct route *r = route_lookup(&n->routes, ip_addr_get_v4(dst));
    return r != NULL ? n->netif[r->netif].mtu : NET_LOOPBACK_MTU;
}

uint16_t net_pmtu_update(struct net *n, const struct ip_addr *dst, uint16_t mtu, uint16_t too_big)
{
    uint16_t now = net_mtu_now(n, dst);
    if (mtu == 0) /* a router from before RFC 1191 */
        mtu = pmtu_plateau_below(RTE_MIN(too_big, now));
    if (mtu >= now || mtu < 68) /* RFC1191-3: never raised, never below 68 */
        return now;
    const struct pmtu_entry *e = pmtu_put(&n->pmtu, dst, mtu, n->ctx->now);
    n->generation++;
    if (!wheel_is_armed(&n->pmtu.timer.node))
        wheel_arm(&n->ctx->wheel, &n->pmtu.timer.node, e->expires);
    return e->mtu;
}

/* What has expired is forgotten, and every path is looked up again: a wider one is found so. */
static void net_pmtu_timer(struct net *n)
{
    if (pmtu_expire(&n->pmtu, n->ctx->now) > 0)
        n->generation++;
    if (n->pmtu.in_use > 0)
        wheel_arm(&n->ctx->wheel, &n->pmtu.timer.node, n->ctx->now + 10 * NSEC_PER_SEC);
}

void net_timer(struct net *n, struct wheel_node *node)
{
    struct net_timer *t = (struct net_timer *)node;
    switch ((enum net_timer_what)t->what) {
    case NET_TIMER_ARP_ENTRY:
        arp_entry_timer(n, t);
        break;
    case NET_TIMER_ANNOUNCE:
        arp_announce_timer(n, t);
        break;
    case NET_TIMER_FRAGS:
        ip4_frag_timer(n);
        break;
    case NET_TIMER_PMTU:
        net_pmtu_timer(n);
        break;
    }
}

/* ---- neighbours that did not answer ---- */

void net_unreachable_push(struct net *n, uint32_t dst_be)
{
    struct net_unreachable *u = &n->unreachable;
    if (u->tail - u->head < NET_UNREACHABLE_MAX)
        u->addr[u->tail++ % NET_UNREACHABLE_MAX] = ip_addr_v4(dst_be);
}

bool net_next_unreachable(struct net *n, struct ip_addr *addr)
{
    struct net_unreachable *u = &n->unreachable;
    if (u->head == u->tail)
        return false;
    *addr = u->addr[u->head++ % NET_UNREACHABLE_MAX];
    return true;
}
