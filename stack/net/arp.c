/* SPDX-License-Identifier: BSD-3-Clause */
/* The neighbour cache: entries, their states, what waits behind them. What is received is in
 * arp_input.c. */
#include "net/arp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "net/arp_private.h"
#include "net/net_private.h"
#include "wire/arp.h"

#define ARP_WAITING_MAX  16384u /* packets behind all unresolved neighbours of an interface */
#define ARP_EVICT_WINDOW 64u    /* entries looked at to find one that may go */
#define ARP_DELAY_NS                                                                                         \
    (5 * NSEC_PER_SEC)                   /* a stale one that is used may be confirmed by its transport first \
                                          */
#define ARP_FAILED_NS (1 * NSEC_PER_SEC) /* no new attempt for so long */

static struct arp_cache *arp_cache(const struct net *n, uint8_t netif)
{
    return (struct arp_cache *)&n->netif[netif].arp;
}

static size_t arp_bucket_bytes(const struct arp_cache *c)
{
    return ((size_t)(c->bucket_mask + 1) * sizeof(c->bucket[0]) + 4095) & ~(size_t)4095;
}

int arp_init(struct net *n, uint8_t netif)
{
    struct arp_cache *c = arp_cache(n, netif);
    const struct tunables *tun = n->ctx->tun;
    memset(c, 0, sizeof(*c));
    c->max = tun->arp_max_entries;
    c->hand = 1;
    c->key = rng_key(&n->ctx->rng);
    /* RFC4861-6.3.2, which Linux follows for ARP too: 0.5 to 1.5 times the base, so that hosts
     * that started together do not ask together for ever. */
    uint32_t base = tun->arp_base_reachable_ms;
    c->reachable_ns = (base / 2 + (uint64_t)rng_below(&n->ctx->rng, base + 1)) * NSEC_PER_MSEC;
    c->announce.node.kind = TIMER_NET;
    c->announce.what = NET_TIMER_ANNOUNCE;
    c->announce.netif = netif;

    uint64_t waiting = (uint64_t)c->max * tun->arp_queue_len;
    int rc = slab_init(&c->entries, n->ctx->mem, sizeof(struct arp_entry), c->max + 1);
    if (rc != 0)
        return rc;
    rc = slab_init(&c->waiting, n->ctx->mem, sizeof(struct arp_waiting),
                   (uint32_t)RTE_MIN(waiting, (uint64_t)ARP_WAITING_MAX) + 2);
    if (rc != 0)
        goto no_waiting;
    uint32_t buckets = 64;
    while (buckets < c->max)
        buckets *= 2;
    c->bucket_mask = buckets - 1;
    c->bucket = n->ctx->mem->reserve(n->ctx->mem->user, arp_bucket_bytes(c));
    if (c->bucket == NULL)
        goto no_buckets;
    rc = n->ctx->mem->commit(n->ctx->mem->user, c->bucket, arp_bucket_bytes(c));
    if (rc == 0)
        return 0;
    n->ctx->mem->release(n->ctx->mem->user, c->bucket, arp_bucket_bytes(c));
    c->bucket = NULL;
no_buckets:
    slab_fini(&c->waiting);
no_waiting:
    slab_fini(&c->entries);
    return -ENOMEM;
}

/* ---- what waits ---- */

static struct rte_mbuf *arp_waiting_pop(struct arp_cache *c, struct arp_entry *e)
{
    uint32_t idx = e->waiting_head;
    if (idx == 0)
        return NULL;
    struct arp_waiting *w = slab_at(&c->waiting, idx);
    struct rte_mbuf *m = w->m;
    e->waiting_head = w->next;
    if (e->waiting_head == 0)
        e->waiting_tail = 0;
    e->n_waiting--;
    slab_free(&c->waiting, idx);
    return m;
}

/* RFC1122-2.3.2.2: at least the latest packet is kept; when full the oldest gives way. */
static int arp_waiting_push_take(struct net *n, struct arp_cache *c, struct arp_entry *e, struct rte_mbuf *m)
{
    if (e->n_waiting > 0 && e->n_waiting >= n->ctx->tun->arp_queue_len)
        net_drop_take(n, arp_waiting_pop(c, e), CNT_DROP_ARP_QUEUE);
    uint32_t idx = slab_alloc(&c->waiting);
    if (idx == 0 && e->n_waiting > 0) {
        net_drop_take(n, arp_waiting_pop(c, e), CNT_DROP_ARP_QUEUE);
        idx = slab_alloc(&c->waiting);
    }
    if (idx == 0) {
        net_drop_take(n, m, CNT_DROP_ARP_QUEUE);
        return -ENOBUFS;
    }
    struct arp_waiting *w = slab_at(&c->waiting, idx);
    w->m = m;
    w->next = 0;
    if (e->waiting_tail != 0)
        ((struct arp_waiting *)slab_at(&c->waiting, e->waiting_tail))->next = idx;
    else
        e->waiting_head = idx;
    e->waiting_tail = idx;
    e->n_waiting++;
    return 0;
}

/* Drops what waits; with `report` its destinations are told to the transports. */
static void arp_waiting_drop(struct net *n, struct arp_cache *c, struct arp_entry *e, bool report)
{
    uint32_t last = 0;
    struct rte_mbuf *m;
    while ((m = arp_waiting_pop(c, e)) != NULL) {
        uint32_t dst = rte_pktmbuf_mtod(m, const struct ip4_hdr *)->dst;
        if (report && dst != last)
            net_unreachable_push(n, dst);
        last = dst;
        net_drop_take(n, m, CNT_DROP_ARP_UNREACHABLE);
    }
}

void arp_fini(struct net *n, uint8_t netif)
{
    struct arp_cache *c = arp_cache(n, netif);
    if (c->bucket == NULL)
        return;
    wheel_cancel(&n->ctx->wheel, &c->announce.node);
    for (uint32_t i = 1; i < c->entries.high; i++) { /* entries are replaced, never freed */
        struct arp_entry *e = arp_entry_at(c, i);
        wheel_cancel(&n->ctx->wheel, &e->timer.node);
        struct rte_mbuf *m;
        while ((m = arp_waiting_pop(c, e)) != NULL)
            rte_pktmbuf_free(m);
    }
    n->ctx->mem->release(n->ctx->mem->user, c->bucket, arp_bucket_bytes(c));
    c->bucket = NULL;
    slab_fini(&c->waiting);
    slab_fini(&c->entries);
}

/* ---- entries ---- */

static uint32_t *arp_bucket(const struct arp_cache *c, uint32_t addr)
{
    uint64_t h = hash_mix(addr ^ c->key.k[0], c->key.k[1]);
    return &c->bucket[(h ^ h >> 32) & c->bucket_mask];
}

uint32_t arp_find(const struct net *n, uint8_t netif, uint32_t addr_be)
{
    const struct arp_cache *c = arp_cache(n, netif);
    uint32_t idx = *arp_bucket(c, addr_be);
    while (idx != 0 && arp_entry_at(c, idx)->addr != addr_be)
        idx = arp_entry_at(c, idx)->next;
    return idx;
}

static void arp_unlink(struct arp_cache *c, uint32_t idx)
{
    uint32_t *at = arp_bucket(c, arp_entry_at(c, idx)->addr);
    while (*at != idx)
        at = &arp_entry_at(c, *at)->next;
    *at = arp_entry_at(c, idx)->next;
}

/* How little is lost with it: the lower the sooner it goes. */
static unsigned arp_worth(const struct arp_entry *e, nsec_t now)
{
    switch (e->state) {
    case ARP_NONE:
    case ARP_FAILED:
        return 0;
    case ARP_INCOMPLETE:
        return 2;
    default:
        return e->usable_until <= now ? 1 : 3;
    }
}

/* An entry that may be used for another neighbour: of a window of them the one worth least, among
 * equals the one confirmed longest ago. 0: all are worth more than `limit`. */
static uint32_t arp_evict(struct net *n, struct arp_cache *c, unsigned limit)
{
    uint32_t best = 0, idx = c->hand, last = c->entries.high - 1;
    for (uint32_t i = 0; i < RTE_MIN(last, ARP_EVICT_WINDOW); i++) {
        const struct arp_entry *e = arp_entry_at(c, idx), *b = arp_entry_at(c, best);
        unsigned worth = arp_worth(e, n->ctx->now);
        if (worth <= limit && (best == 0 || worth < arp_worth(b, n->ctx->now) ||
                               (worth == arp_worth(b, n->ctx->now) && e->usable_until < b->usable_until)))
            best = idx;
        idx = idx >= last ? 1 : idx + 1;
    }
    c->hand = idx;
    if (best == 0)
        return 0;
    struct arp_entry *e = arp_entry_at(c, best);
    wheel_cancel(&n->ctx->wheel, &e->timer.node);
    arp_waiting_drop(n, c, e, false);
    arp_unlink(c, best);
    n->generation++; /* paths that hold this index must look again */
    return best;
}

static uint32_t arp_add(struct net *n, uint8_t netif, uint32_t addr, unsigned limit)
{
    struct arp_cache *c = arp_cache(n, netif);
    uint32_t idx = slab_alloc(&c->entries);
    if (idx == 0)
        idx = arp_evict(n, c, limit);
    if (idx == 0) {
        count(&n->ctx->counters, CNT_DROP_ARP_TABLE);
        return 0;
    }
    struct arp_entry *e = arp_entry_at(c, idx);
    uint32_t *bucket = arp_bucket(c, addr);
    memset(e, 0, sizeof(*e));
    e->addr = addr;
    e->timer.node.kind = TIMER_NET;
    e->timer.what = NET_TIMER_ARP_ENTRY;
    e->timer.netif = netif;
    e->next = *bucket;
    *bucket = idx;
    return idx;
}

uint32_t arp_find_or_add(struct net *n, uint8_t netif, uint32_t addr_be)
{
    uint32_t idx = arp_find(n, netif, addr_be);
    return idx != 0 ? idx : arp_add(n, netif, addr_be, 3);
}

uint32_t arp_add_passive(struct net *n, uint8_t netif, uint32_t addr_be)
{
    return arp_add(n, netif, addr_be, 1);
}

void arp_forget_all(struct net *n, uint8_t netif)
{
    struct arp_cache *c = arp_cache(n, netif);
    for (uint32_t i = 1; i < c->entries.high; i++) {
        struct arp_entry *e = arp_entry_at(c, i);
        if (e->state == ARP_INCOMPLETE)
            continue;
        wheel_cancel(&n->ctx->wheel, &e->timer.node);
        e->state = ARP_NONE;
        e->usable_until = 0;
    }
}

/* ---- asking ---- */

/* A packet of `op`; `tha` NULL: broadcast, target unknown. */
void arp_send(struct net *n, uint8_t netif, uint16_t op, uint32_t spa, const uint8_t *tha, uint32_t tpa)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct netif *nif = &n->netif[netif];
    struct rte_mbuf *m = mbuf_alloc_hdr(n->ctx);
    if (m == NULL)
        return;
    uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, sizeof(struct ether_hdr) + sizeof(struct arp_hdr));
    if (at == NULL) {
        net_drop_take(n, m, CNT_DROP_NO_MBUF);
        return;
    }
    struct arp_view v = {.op = op, .spa = spa, .tpa = tpa};
    memcpy(v.sha, nif->mac, 6);
    if (tha != NULL && op == ARP_OP_REPLY)
        memcpy(v.tha, tha, 6);
    ether_emit(at, tha != NULL ? tha : broadcast, nif->mac, ETHER_TYPE_ARP);
    arp_emit(at + sizeof(struct ether_hdr), &v);
    netif_send_take(n, nif, m);
}

/* From the address in the neighbour's network, so that it answers (RFC 826; arp_announce in Linux). */
static void arp_request(struct net *n, uint8_t netif, const struct arp_entry *e, bool unicast)
{
    const struct netif *nif = &n->netif[netif];
    const struct netif_addr *from = netif_address_for(nif, e->addr);
    if (from == NULL && nif->n_addrs > 0)
        from = &nif->addr[0];
    if (from != NULL)
        arp_send(n, netif, ARP_OP_REQUEST, ip_addr_get_v4(&from->addr), unicast ? e->header : NULL, e->addr);
}

static void arp_arm(struct net *n, struct arp_entry *e, nsec_t in)
{
    wheel_arm(&n->ctx->wheel, &e->timer.node, n->ctx->now + in);
}

static nsec_t arp_retrans(const struct net *n)
{
    return n->ctx->tun->arp_retrans_ms * NSEC_PER_MSEC;
}

static void arp_frame_send_take(struct net *n, uint8_t netif, const struct arp_entry *e, struct rte_mbuf *m)
{
    void *at = rte_pktmbuf_prepend(m, sizeof(struct ether_hdr));
    assert(at != NULL);
    memcpy(at, e->header, sizeof(struct ether_hdr));
    netif_send_take(n, &n->netif[netif], m);
}

void arp_solicit(struct net *n, uint8_t netif, uint32_t neigh)
{
    struct arp_entry *e = arp_entry_at(arp_cache(n, netif), neigh);
    if (e->state != ARP_NONE)
        return;
    e->state = ARP_INCOMPLETE;
    e->probes = 1;
    arp_request(n, netif, e, false);
    arp_arm(n, e, arp_retrans(n));
}

int arp_output_take(struct net *n, uint8_t netif, uint32_t neigh, struct rte_mbuf *m)
{
    struct arp_cache *c = arp_cache(n, netif);
    struct arp_entry *e = arp_entry_at(c, neigh);
    switch (e->state) {
    case ARP_FAILED:
        net_drop_take(n, m, CNT_DROP_ARP_UNREACHABLE);
        return -EHOSTUNREACH;
    case ARP_NONE:
        arp_solicit(n, netif, neigh);
        return arp_waiting_push_take(n, c, e, m);
    case ARP_INCOMPLETE:
        return arp_waiting_push_take(n, c, e, m);
    case ARP_REACHABLE:
    case ARP_STALE:
        if (e->usable_until <= n->ctx->now) {
            e->state = ARP_PROBE;
            e->probes = 0;
            e->usable_until = n->ctx->now + ARP_DELAY_NS;
            arp_arm(n, e, ARP_DELAY_NS);
        }
        break;
    default: /* ARP_PROBE, its timer late: the address is the best we have */
        break;
    }
    arp_frame_send_take(n, netif, e, m);
    return 0;
}

void arp_entry_timer(struct net *n, struct net_timer *t)
{
    struct arp_entry *e = RTE_PTR_SUB(t, offsetof(struct arp_entry, timer));
    struct arp_cache *c = arp_cache(n, t->netif);
    const struct tunables *tun = n->ctx->tun;
    if (e->state == ARP_INCOMPLETE && e->probes < tun->arp_mcast_solicit) {
        e->probes++;
        arp_request(n, t->netif, e, false);
        arp_arm(n, e, arp_retrans(n));
    } else if (e->state == ARP_INCOMPLETE) {
        e->state = ARP_FAILED;
        arp_waiting_drop(n, c, e, true);
        arp_arm(n, e, ARP_FAILED_NS);
    } else if (e->state == ARP_FAILED) {
        e->state = ARP_NONE;
    } else if (e->state == ARP_PROBE && e->usable_until > n->ctx->now) {
        e->state = ARP_REACHABLE; /* its transport had progress meanwhile */
    } else if (e->state == ARP_PROBE && e->probes < tun->arp_ucast_solicit) {
        e->probes++;
        arp_request(n, t->netif, e, true);
        e->usable_until = n->ctx->now + arp_retrans(n);
        arp_arm(n, e, arp_retrans(n));
    } else if (e->state == ARP_PROBE) {
        e->state = ARP_NONE; /* perhaps it has a new address: the next packet asks everybody */
        e->usable_until = 0;
    }
}

void arp_resolved(struct net *n, uint8_t netif, uint32_t idx, const uint8_t mac[6], bool confirmed)
{
    struct arp_cache *c = arp_cache(n, netif);
    struct arp_entry *e = arp_entry_at(c, idx);
    ether_emit(e->header, mac, n->netif[netif].mac, ETHER_TYPE_IP4);
    wheel_cancel(&n->ctx->wheel, &e->timer.node);
    e->state = confirmed ? ARP_REACHABLE : ARP_STALE;
    e->usable_until = confirmed ? n->ctx->now + c->reachable_ns : 0;
    /* Only what waits now: sending cannot add to it, the entry is resolved. */
    struct rte_mbuf *m;
    while ((m = arp_waiting_pop(c, e)) != NULL)
        arp_frame_send_take(n, netif, e, m);
}
