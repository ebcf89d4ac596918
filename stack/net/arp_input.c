/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP from the wire (RFC 826's "packet reception"), our answers, announcements and the defence of our
 * addresses (RFC 5227). */
#include <string.h>

#include "net/arp_private.h"
#include "net/net_private.h"
#include "wire/arp.h"

/* RFC5227-1.1 */
#define ARP_ANNOUNCE_NUM      2
#define ARP_ANNOUNCE_INTERVAL (2 * NSEC_PER_SEC)
#define ARP_DEFEND_INTERVAL   (10 * NSEC_PER_SEC)

/* RFC5227-2.4 (b): defend, but not against another one that defends as well, for ever. */
static void arp_conflict(struct net *n, uint8_t netif, const struct arp_view *v)
{
    struct netif *nif = &n->netif[netif];
    count(&n->ctx->counters, CNT_ARP_CONFLICT);
    if (n->ctx->now < nif->arp.defend_after)
        return;
    nif->arp.defend_after = n->ctx->now + ARP_DEFEND_INTERVAL;
    const uint8_t *a = (const uint8_t *)&v->spa, *m = v->sha;
    log_line(&n->ctx->log, n->ctx->now, LOG_LEVEL_WARNING,
             "%s: address conflict: %u.%u.%u.%u is also used by %02x:%02x:%02x:%02x:%02x:%02x",
             nif->dev->name, a[0], a[1], a[2], a[3], m[0], m[1], m[2], m[3], m[4], m[5]);
    arp_send(n, netif, ARP_OP_REQUEST, v->spa, NULL, v->spa);
}

/* RFC 826: an entry that exists is updated whatever the packet is; a new one is made only when the
 * packet is a request for us, since its sender is about to talk to us. Replies nobody asked for make
 * none. */
static bool arp_learn(struct net *n, uint8_t netif, const struct arp_view *v, bool for_us)
{
    uint32_t idx = arp_find(n, netif, v->spa);
    if (idx == 0) {
        if (!for_us || v->op != ARP_OP_REQUEST)
            return for_us;
        idx = arp_add_passive(n, netif, v->spa);
        if (idx != 0)
            arp_resolved(n, netif, idx, v->sha, false);
        return true;
    }
    const struct arp_entry *e = arp_entry_at(&n->netif[netif].arp, idx);
    bool asked = e->state == ARP_INCOMPLETE || (e->state == ARP_PROBE && e->probes > 0);
    bool same = e->state >= ARP_REACHABLE && memcmp(e->header, v->sha, 6) == 0;
    if (v->op == ARP_OP_REPLY && for_us && asked)
        arp_resolved(n, netif, idx, v->sha, true);
    else if (!same)
        arp_resolved(n, netif, idx, v->sha, false);
    return true;
}

bool arp_input_borrow(struct net *n, struct pkt *p, bool answer)
{
    struct arp_view v;
    if (!arp_parse(p, &v))
        return false;
    struct netif *nif = &n->netif[p->netif];
    if (v.spa != 0 && netif_has_address(nif, v.spa)) {
        if (memcmp(v.sha, nif->mac, 6) == 0)
            return pkt_reject(p, CNT_DROP_ARP_NOT_OURS); /* our own, come back */
        if (answer)
            arp_conflict(n, p->netif, &v);
        return true;
    }
    bool for_us = netif_has_address(nif, v.tpa);
    if (v.spa != 0) {
        const struct netif_addr *on_link = netif_address_for(nif, v.spa);
        bool foreign = on_link == NULL || !ip4_is_host(v.spa) || v.spa == on_link->broadcast;
        /* A neighbour that we reach without sharing a network with it is one we have asked. */
        if (foreign && arp_find(n, p->netif, v.spa) == 0)
            return pkt_reject(p, CNT_DROP_ARP_NOT_OURS);
        if (!arp_learn(n, p->netif, &v, for_us))
            return pkt_reject(p, CNT_DROP_ARP_NOT_OURS);
    } else if (!for_us) {
        return pkt_reject(p, CNT_DROP_ARP_NOT_OURS);
    }
    if (answer && for_us && v.op == ARP_OP_REQUEST)
        arp_send(n, p->netif, ARP_OP_REPLY, v.tpa, v.sha, v.spa);
    return true;
}

static void arp_announce_once(struct net *n, uint8_t netif)
{
    struct netif *nif = &n->netif[netif];
    for (uint8_t i = 0; i < nif->n_addrs; i++) {
        uint32_t addr = ip_addr_get_v4(&nif->addr[i].addr);
        arp_send(n, netif, ARP_OP_REQUEST, addr, NULL, addr);
    }
    if (--nif->arp.announcements_left > 0)
        wheel_arm(&n->ctx->wheel, &nif->arp.announce.node, n->ctx->now + ARP_ANNOUNCE_INTERVAL);
}

void arp_announce(struct net *n, uint8_t netif)
{
    n->netif[netif].arp.announcements_left = ARP_ANNOUNCE_NUM;
    arp_announce_once(n, netif);
}

void arp_announce_timer(struct net *n, struct net_timer *t)
{
    arp_announce_once(n, t->netif);
}
