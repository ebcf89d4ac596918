/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/netif_queue.h"

#include <errno.h>

#include "net/net_private.h"

#define OFFER_SOONEST (20 * NSEC_PER_USEC)
#define OFFER_LATEST  (1 * NSEC_PER_MSEC)
#define PAGE          4096u
#define CREDIT_MAX    (2u * NETIF_TX_BURST)

int netif_queue_init(struct net *n, struct netif *nif)
{
    struct netif_queue *q = &nif->queued;
    const struct context *c = n->ctx;
    uint32_t buffers = RTE_MIN(c->hdr_pool->size, c->data_pool->size);
    q->limit = RTE_MIN(c->tun->tx_queue_len, buffers / 2);
    if (q->limit == 0)
        return 0;
    q->size = RTE_MAX(rte_align32pow2(q->limit), PAGE / (uint32_t)sizeof(q->slot[0]));
    size_t bytes = q->size * sizeof(q->slot[0]);
    q->slot = c->mem->reserve(c->mem->user, bytes);
    if (q->slot == NULL)
        return -ENOMEM;
    if (c->mem->commit(c->mem->user, q->slot, bytes) == 0)
        return 0;
    c->mem->release(c->mem->user, q->slot, bytes);
    q->slot = NULL;
    return -ENOMEM;
}

static inline uint32_t queue_length(const struct netif *nif)
{
    return nif->queued.tail - nif->queued.head;
}

static inline uint8_t netif_bit(const struct net *n, const struct netif *nif)
{
    return (uint8_t)(1u << (nif - n->netif));
}

/* Nothing waits any more. */
static void queue_idle(struct net *n, struct netif *nif)
{
    n->tx_held &= (uint8_t)~netif_bit(n, nif);
    n->tx_busy &= (uint8_t)~netif_bit(n, nif);
    nif->queued.refused = 0;
}

static void queue_purge(struct net *n, struct netif *nif)
{
    struct netif_queue *q = &nif->queued;
    while (q->head != q->tail)
        net_drop_take(n, q->slot[q->head++ & (q->size - 1)], CNT_DROP_TX_LINK_DOWN);
    queue_idle(n, nif);
}

void netif_queue_fini(struct net *n, struct netif *nif)
{
    struct netif_queue *q = &nif->queued;
    if (q->slot == NULL)
        return;
    while (q->head != q->tail)
        rte_pktmbuf_free(q->slot[q->head++ & (q->size - 1)]);
    n->ctx->mem->release(n->ctx->mem->user, q->slot, q->size * sizeof(q->slot[0]));
    q->slot = NULL;
}

static void queue_put_take(struct net *n, struct netif *nif, struct rte_mbuf *m)
{
    struct netif_queue *q = &nif->queued;
    if (queue_length(nif) >= q->limit || nif->link_down) {
        net_drop_take(n, m, nif->link_down ? CNT_DROP_TX_LINK_DOWN : CNT_DROP_TX_FULL);
        return;
    }
    q->slot[q->tail++ & (q->size - 1)] = m;
    count(&n->ctx->counters, CNT_TX_QUEUED);
}

/* One burst of what waits, as it lies in the ring. How many the wire has taken. */
static uint16_t queue_offer_burst(struct net *n, struct netif *nif)
{
    struct netif_queue *q = &nif->queued;
    uint32_t at = q->head & (q->size - 1);
    uint16_t k = (uint16_t)RTE_MIN(RTE_MIN(queue_length(nif), q->size - at), (uint32_t)NETIF_TX_BURST);
    uint32_t bytes = 0;
    for (uint16_t i = 0; i < k; i++)
        bytes += q->slot[at + i]->pkt_len;
    uint16_t sent = netdev_tx_burst(nif->dev, nif->queue, n->ctx->now, q->slot + at, k);
    for (uint16_t i = sent; i < k; i++)
        bytes -= q->slot[at + i]->pkt_len;
    q->head += sent;
    count_add(&n->ctx->counters, CNT_TX_PACKETS, sent);
    count_add(&n->ctx->counters, CNT_TX_BYTES, bytes);
    return sent;
}

/* For how long the wire takes nothing counts by at most OFFER_LATEST an offer: a process that was not
 * scheduled for a while must not blame the wire for it. */
static void queue_judge(struct net *n, struct netif *nif, uint32_t taken)
{
    struct netif_queue *q = &nif->queued;
    nsec_t now = n->ctx->now;
    uint8_t bit = netif_bit(n, nif);
    if (!netif_queue_waits(nif)) {
        queue_idle(n, nif);
        return;
    }
    if (taken > 0 || (n->tx_held & bit) == 0)
        q->refused = 0;
    else
        q->refused += RTE_MIN(now - q->offered, OFFER_LATEST);
    q->offered = now;
    n->tx_held |= bit;
    n->tx_busy &= (uint8_t)~bit;
    if (queue_length(nif) * 2 >= q->limit && q->refused < NET_TX_STUCK)
        n->tx_busy |= bit;
    n->tx_credit = n->tx_busy == 0 ? 0 : RTE_MIN(n->tx_credit + taken, CREDIT_MAX);
}

static uint32_t queue_offer(struct net *n, struct netif *nif)
{
    uint32_t taken = 0;
    for (uint16_t k = 1; k != 0 && netif_queue_waits(nif); taken += k)
        k = queue_offer_burst(n, nif);
    return taken;
}

__attribute__((noinline)) uint16_t netif_queue_rest(struct net *n, struct netif *nif, uint16_t sent)
{
    uint32_t taken = queue_offer(n, nif);
    if (!netif_queue_waits(nif))
        for (uint16_t k = 1; k != 0 && sent < nif->n_tx; sent = (uint16_t)(sent + k))
            k = netdev_tx_burst(nif->dev, nif->queue, n->ctx->now, nif->tx + sent,
                                (uint16_t)(nif->n_tx - sent));
    for (uint16_t i = sent; i < nif->n_tx; i++) {
        nif->tx_bytes -= nif->tx[i]->pkt_len;
        queue_put_take(n, nif, nif->tx[i]);
    }
    queue_judge(n, nif, taken + sent);
    return sent;
}

__attribute__((noinline)) void netif_queue_offer(struct net *n, struct netif *nif)
{
    queue_judge(n, nif, queue_offer(n, nif));
}

nsec_t net_next_offer(const struct net *n)
{
    nsec_t next = NSEC_NEVER;
    for (uint8_t i = 0; i < n->n_netifs; i++) {
        const struct netif_queue *q = &n->netif[i].queued;
        if ((n->tx_held & 1u << i) != 0)
            next = RTE_MIN(next, q->offered + RTE_MAX(OFFER_SOONEST, RTE_MIN(q->refused, OFFER_LATEST)));
    }
    return next;
}

void net_link_changed(struct net *n, uint8_t netif, bool down)
{
    n->netif[netif].link_down = down;
    if (down)
        queue_purge(n, &n->netif[netif]);
}

bool net_tx_room_take(struct net *n, const struct net_path *path)
{
    if (path->neigh == NET_NEIGH_LOOPBACK || (n->tx_busy & 1u << path->netif) == 0)
        return true;
    if (n->tx_credit < 2)
        return false;
    n->tx_credit -= 2;
    return true;
}
