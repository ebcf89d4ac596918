/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame's way up: link header, IPv4 header, whose it is, fragments, transport header. */
#include "net/net_private.h"
#include "wire/icmp4.h"
#include "wire/tcp.h"
#include "wire/tcp4.h"
#include "wire/udp.h"

static enum verdict transport_input(struct net *n, struct pkt *p)
{
    switch (p->proto) {
    case IPPROTO_TCP:
        /* RFC9293-3.9.2.3 (MUST-57): a segment for a group is discarded silently. */
        if (unlikely(p->flags & (PKT_BROADCAST | PKT_MULTICAST)))
            return pkt_drop(p, CNT_DROP_IP_LINK_BROADCAST);
        return likely(tcp_parse(p)) ? VERDICT_TCP : VERDICT_DROP;
    case IPPROTO_UDP:
        return likely(udp_parse(p)) ? VERDICT_UDP : VERDICT_DROP;
    case IPPROTO_ICMP:
        return icmp_input(n, p);
    default:
        net_send_icmp_error_borrow(n, p, ICMP4_UNREACHABLE, ICMP4_UNREACH_PROTOCOL);
        return pkt_drop(p, CNT_DROP_IP_PROTOCOL);
    }
}

/* May a packet from the wire come from there? RFC1122-3.2.1.3: not from a group, from nobody,
 * from a loopback address, or from ourselves.
 * RFC9293-MUST-63 */
static bool source_is_credible(const struct net *n, const struct netif *nif, uint32_t src)
{
    if (!ip4_is_host(src) || netif_is_broadcast(nif, src))
        return false;
    for (uint8_t i = 0; i < n->n_netifs; i++)
        if (netif_has_address(&n->netif[i], src))
            return false;
    return true;
}

/* Is it for us, and as what? Sets PKT_BROADCAST and PKT_MULTICAST by the IP destination. False: drop.
 * RFC9293-MUST-57 */
static bool destination_accept(struct net *n, const struct netif *nif, struct pkt *p)
{
    uint32_t dst = ip_addr_get_v4(&p->dst);
    if (dst == INADDR_BROADCAST || netif_is_broadcast(nif, dst)) {
        p->flags |= PKT_BROADCAST;
        return true;
    }
    if (ip4_is_multicast(dst)) {
        p->flags |= PKT_MULTICAST;
        return true;
    }
    if (!ip4_is_host(dst))
        return pkt_reject(p, CNT_DROP_IP_MARTIAN);
    if (!net_is_local(n, &p->dst))
        return pkt_reject(p, CNT_DROP_IP_NOT_OURS);
    /* RFC1122-3.3.6: a host that is meant is not meant by way of everybody. */
    if (p->flags & (PKT_BROADCAST | PKT_MULTICAST))
        return pkt_reject(p, CNT_DROP_IP_LINK_BROADCAST);
    return true;
}

/* Credible, where there is no other address of ours than `dst`. */
static inline bool source_plain(const struct netif *nif, uint32_t src, uint32_t dst)
{
    return ip4_is_host(src) && src != dst && src != nif->addr[0].broadcast;
}

/* One host to our only address. */
static inline bool addresses_plain(const struct net *n, const struct netif *nif, const struct pkt *p)
{
    uint32_t src = ip_addr_get_v4(&p->src), dst = ip_addr_get_v4(&p->dst);
    return dst == ip_addr_get_v4(&nif->addr[0].addr) && nif->n_addrs == 1 && n->n_netifs == 1 &&
           (p->flags & (PKT_BROADCAST | PKT_MULTICAST)) == 0 && source_plain(nif, src, dst);
}

/* RFC 815; afterwards p is the whole datagram. */
static enum verdict fragment_input(struct net *n, struct pkt *p)
{
    if (!ip4_frag_input_take(n, p))
        return VERDICT_DONE;
    if (!pkt_pull(p, PKT_HEADERS_MAX, n->ctx->hdr_pool))
        return VERDICT_DROP;
    return transport_input(n, p);
}

static inline enum verdict ip4_input(struct net *n, struct pkt *p)
{
    const struct netif *nif = &n->netif[p->netif];
    if (unlikely(!ip4_parse(p)))
        return VERDICT_DROP;
    if (unlikely(!addresses_plain(n, nif, p))) {
        if (!source_is_credible(n, nif, ip_addr_get_v4(&p->src)))
            return pkt_drop(p, CNT_DROP_IP_MARTIAN);
        if (!destination_accept(n, nif, p))
            return VERDICT_DROP;
    }
    if (unlikely(ip4_is_fragment(ip4_hdr(p))))
        return fragment_input(n, p);
    return transport_input(n, p);
}

static enum verdict arp_frame_input(struct net *n, struct pkt *p)
{
    bool first = (p->flags & PKT_FORWARDED) == 0;
    if (arp_input_borrow(n, p, first))
        return VERDICT_ALL;
    /* News of a neighbour that this worker does not know may matter to another one. */
    if (p->drop == CNT_DROP_ARP_NOT_OURS && first && n->ctx->n_workers > 1) {
        count(&n->ctx->counters, CNT_DROP_ARP_NOT_OURS);
        return VERDICT_ALL;
    }
    return VERDICT_DROP;
}

enum verdict net_input(struct net *n, struct pkt *p)
{
    const struct netif *nif = &n->netif[p->netif];
    if (likely(nif->has_link && n->n_netifs == 1 && nif->n_addrs == 1 &&
               tcp4_parse(p, nif->mac, ip_addr_get_v4(&nif->addr[0].addr)) &&
               source_plain(nif, ip_addr_get_v4(&p->src), ip_addr_get_v4(&p->dst))))
        return VERDICT_TCP;
    if (unlikely(!pkt_pull(p, PKT_HEADERS_MAX, n->ctx->hdr_pool)))
        return VERDICT_DROP;
    if (!nif->has_link) {
        p->l3_off = 0;
        return ip4_input(n, p);
    }
    const uint8_t forwarded = p->flags & PKT_FORWARDED;
    uint16_t type = ether_parse(p, nif->mac);
    p->flags |= forwarded;
    if (likely(type == ETHER_TYPE_IP4))
        return ip4_input(n, p);
    if (type == ETHER_TYPE_ARP)
        return arp_frame_input(n, p);
    return type == 0 ? VERDICT_DROP : pkt_drop(p, CNT_DROP_ETHER_TYPE);
}

bool net_loopback_next(struct net *n, struct pkt *p, enum verdict *v)
{
    struct net_loopback *l = &n->loopback;
    if (l->head == l->tail)
        return false;
    p->m = l->m[l->head++ % NET_LOOPBACK_MAX];
    p->netif = 0;
    p->flags = 0;
    p->l3_off = 0;
    *v = VERDICT_DROP;
    if (!pkt_pull(p, PKT_HEADERS_MAX, n->ctx->hdr_pool) || !ip4_parse(p))
        return true;
    /* Both addresses are ours, or the destination is a network of ours: we made the packet. */
    if (!net_is_local(n, &p->dst))
        p->flags |= PKT_BROADCAST;
    *v = transport_input(n, p);
    return true;
}
