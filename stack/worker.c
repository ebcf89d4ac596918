/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker.h"

#include <errno.h>
#include <string.h>

#include "base/mbuf.h"
#include "worker_group.h"

#define WORKER_TIMER_BUDGET  256 /* timers per poll */
#define WORKER_PREFETCH      4u  /* first frames of a burst whose headers are fetched ahead */
#define WORKER_LINK_INTERVAL (100 * NSEC_PER_MSEC) /* how often a wire is asked whether its peer lives */

int worker_init(struct worker *w, const struct worker_config *cfg)
{
    memset(w, 0, sizeof(*w));
    struct context *c = &w->ctx;
    context_set_now(c, cfg->now);
    c->tun = cfg->tun;
    mbuf_set_pools(c, cfg->hdr_pool, cfg->data_pool);
    mbuf_stash_open(c);
    c->mem = cfg->mem;
    c->log = cfg->log;
    c->worker_id = cfg->id;
    c->n_workers = cfg->n_workers;
    c->steer = cfg->group != NULL && cfg->n_workers > 1 ? &cfg->group->steer : NULL;
    w->group = c->steer != NULL ? cfg->group : NULL;
    wheel_init(&c->wheel, cfg->now);
    rng_init(&c->rng, &cfg->seed);
    ready_list_init(&c->ready);

    int rc = net_init(&w->net, c);
    if (rc != 0)
        return rc;
    rc = tcp_init(&w->tcp, c, &w->net);
    if (rc != 0)
        goto no_tcp;
    rc = udp_init(&w->udp, c, &w->net);
    if (rc != 0)
        goto no_udp;
    return 0;
no_udp:
    tcp_fini(&w->tcp);
no_tcp:
    net_fini(&w->net);
    return rc;
}

void worker_fini(struct worker *w)
{
    udp_fini(&w->udp);
    tcp_fini(&w->tcp);
    net_fini(&w->net);
    mbuf_stash_close(&w->ctx);
}

/* ---- packets ---- */

/* The flow of a packet as the control block at this end knows it. */
static struct flow_key worker_flow(const struct pkt *p, enum verdict v)
{
    switch (v) {
    case VERDICT_TCP:
        return (struct flow_key){p->dst, p->src, p->tcp.dport, p->tcp.sport};
    case VERDICT_UDP:
        return (struct flow_key){p->dst, p->src, p->udp.dport, p->udp.sport};
    default: /* an ICMP error: the embedded packet is one that we sent */
        return (struct flow_key){p->icmp_error.src, p->icmp_error.dst, p->icmp_error.sport,
                                 p->icmp_error.dport};
    }
}

static void worker_drop(struct worker *w, struct rte_mbuf *m, enum counter reason)
{
    count(&w->ctx.counters, reason);
    rte_pktmbuf_free(m);
}

/* The interface travels in the mbuf's port. */
static void worker_forward(struct worker *w, uint16_t owner, struct rte_mbuf *m, uint8_t netif)
{
    m->port = netif;
    if (worker_group_send(w->group, w->ctx.worker_id, owner, m) != 0)
        worker_drop(w, m, CNT_DROP_RING_FULL);
    else
        count(&w->ctx.counters, CNT_FORWARDED_TO_OWNER);
}

/* Does it belong to another worker? Then it is on its way there. */
static bool worker_forwarded_in_group(struct worker *w, struct pkt *p, enum verdict v)
{
    if ((p->flags & (PKT_FORWARDED | PKT_BROADCAST | PKT_MULTICAST)) != 0)
        return false;
    struct flow_key flow = worker_flow(p, v);
    uint16_t owner = steer_owner(w->ctx.steer, &flow);
    if (owner == w->ctx.worker_id)
        return false;
    worker_forward(w, owner, p->m, p->netif);
    return true;
}

static inline bool worker_forwarded(struct worker *w, struct pkt *p, enum verdict v)
{
    return unlikely(w->group != NULL) && worker_forwarded_in_group(w, p, v);
}

/* What every worker has to see, such as ARP: a copy to each of the others. */
static void worker_share_borrow(struct worker *w, const struct rte_mbuf *m, uint8_t netif)
{
    for (uint16_t id = 0; id < w->ctx.n_workers; id++) {
        if (id == w->ctx.worker_id)
            continue;
        struct rte_mbuf *copy = rte_pktmbuf_copy(m, w->ctx.hdr_pool, 0, UINT32_MAX);
        if (copy == NULL)
            count(&w->ctx.counters, CNT_DROP_NO_MBUF);
        else
            worker_forward(w, id, copy, netif);
    }
}

/* What neither transport has taken. */
static __attribute__((noinline)) void worker_settle(struct worker *w, struct pkt *p, enum verdict v)
{
    switch (v) {
    case VERDICT_DROP:
        worker_drop(w, p->m, (enum counter)p->drop);
        break;
    case VERDICT_ICMP_ERROR:
        if (worker_forwarded(w, p, v))
            break;
        if (p->icmp_error.proto == IPPROTO_TCP)
            tcp_icmp_error(&w->tcp, p);
        else if (p->icmp_error.proto == IPPROTO_UDP)
            udp_icmp_error(&w->udp, p);
        rte_pktmbuf_free(p->m);
        break;
    case VERDICT_ALL:
        if (w->group != NULL && (p->flags & PKT_FORWARDED) == 0)
            worker_share_borrow(w, p->m, p->netif);
        rte_pktmbuf_free(p->m);
        break;
    default:
        break;
    }
}

static inline void worker_dispatch(struct worker *w, struct pkt *p, enum verdict v)
{
    if (likely(v == VERDICT_TCP))
        v = worker_forwarded(w, p, v) ? VERDICT_DONE : tcp_input(&w->tcp, p);
    else if (v == VERDICT_UDP)
        v = worker_forwarded(w, p, v) ? VERDICT_DONE : udp_input(&w->udp, p);
    if (unlikely(v != VERDICT_DONE))
        worker_settle(w, p, v);
}

static void worker_input(struct worker *w, struct rte_mbuf *m, uint8_t netif, uint8_t flags)
{
    struct pkt p;
    p.m = m;
    p.netif = netif;
    p.flags = flags;
    worker_dispatch(w, &p, net_input(&w->net, &p));
}

static void worker_input_burst(struct worker *w, struct rte_mbuf **pkts, unsigned n, uint8_t netif)
{
    const struct netif *nif = &w->net.netif[netif];
    for (unsigned i = 1; i < n && i < WORKER_PREFETCH; i++)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
    for (unsigned i = 0; i < n; i++) {
        if (likely(nif->has_link))
            i += tcp_input_frames(&w->tcp, pkts + i, n - i, nif->mac);
        if (unlikely(i < n))
            worker_input(w, pkts[i], netif, 0);
    }
}

void worker_frames_input_take(struct worker *w, uint8_t netif, struct rte_mbuf **pkts, unsigned n)
{
    worker_input_burst(w, pkts, n, netif);
}

/* Packets to ourselves, sent since the last round. Answers to them wait for the next. */
static unsigned worker_loopback(struct worker *w)
{
    unsigned n = 0;
    struct pkt p;
    enum verdict v;
    for (; n < WORKER_RX_BURST && net_loopback_next(&w->net, &p, &v); n++)
        worker_dispatch(w, &p, v);
    return n;
}

static unsigned worker_from_others(struct worker *w)
{
    struct rte_mbuf *pkts[WORKER_RX_BURST];
    unsigned n = worker_group_receive(w->group, w->ctx.worker_id, pkts, WORKER_RX_BURST);
    for (unsigned i = 0; i < n; i++)
        worker_input(w, pkts[i], (uint8_t)pkts[i]->port, PKT_FORWARDED);
    return n;
}

static inline unsigned worker_receive(struct worker *w)
{
    struct rte_mbuf *pkts[WORKER_RX_BURST];
    unsigned total = 0;
    for (uint8_t i = 0; i < w->net.n_netifs; i++) {
        struct netif *nif = &w->net.netif[i];
        if (nif->claimed)
            continue;
        uint16_t n = netdev_rx_burst(nif->dev, nif->queue, w->ctx.now, pkts, WORKER_RX_BURST);
        if (n == 0)
            continue;
        uint64_t bytes = 0;
        for (uint16_t k = 0; k < n; k++)
            bytes += pkts[k]->pkt_len;
        count_add(&w->ctx.counters, CNT_RX_PACKETS, n);
        count_add(&w->ctx.counters, CNT_RX_BYTES, bytes);
        worker_input_burst(w, pkts, n, i);
        total += n;
    }
    if (w->group != NULL)
        total += worker_from_others(w);
    if (total == 0)
        mbuf_bin_flush(&w->ctx.bin); /* nothing else to do, or no buffer left to do it with */
    return total + worker_loopback(w);
}

/* ---- time ---- */

/* A million keepalive timers may be due at once, and each asks for an answer. When the wire has more than one
 * burst waiting, `received` says so, and fewer may fire than packets have just come in: else the answers
 * overflow the ring, and connections that live are given up. Nor do many when a wire takes no more: most of
 * them would only be put off. */
static inline unsigned worker_timers(struct worker *w, unsigned received)
{
    bool crowded = received >= WORKER_RX_BURST || w->net.tx_busy != 0;
    unsigned fired = 0, budget = crowded ? WORKER_RX_BURST / 2 : WORKER_TIMER_BUDGET;
    struct wheel_node *node;
    while (fired < budget && (node = wheel_expire(&w->ctx.wheel, w->ctx.now)) != NULL) {
        fired++;
        if (node->kind == TIMER_NET)
            net_timer(&w->net, node);
        else
            tcp_timer(&w->tcp, node);
    }
    return fired;
}

static void worker_unreachable(struct worker *w)
{
    struct ip_addr dst;
    while (net_next_unreachable(&w->net, &dst)) {
        tcp_unreachable(&w->tcp, &dst);
        udp_unreachable(&w->udp, &dst);
    }
}

/* A wire's peer may die and come back: worker 0 looks, and says so once. */
static void worker_watch_links(struct worker *w)
{
    for (uint8_t i = 0; i < w->net.n_netifs; i++) {
        struct netdev *d = w->net.netif[i].dev;
        if (d->ops->link_poll == NULL)
            continue;
        bool down = !d->ops->link_poll(d, w->ctx.now);
        if (down == ((w->links_down & 1u << i) != 0))
            continue;
        w->links_down ^= 1u << i;
        const char *awaits = down ? d->awaits : NULL;
        log_line(&w->ctx.log, w->ctx.now, LOG_LEVEL_NOTICE, "%s: link %s%s%s", d->name, down ? "down" : "up",
                 awaits != NULL ? ", waiting for " : "", awaits != NULL ? awaits : "");
        if (down)
            continue;
        if (w->group != NULL)
            atomic_fetch_add_explicit(&w->group->links_up, 1, memory_order_relaxed);
        else
            net_announce(&w->net);
    }
}

/* What waits for a link that has gone down is given up. */
static void worker_tell_links(struct worker *w)
{
    for (uint8_t i = 0; i < w->net.n_netifs; i++) {
        bool down = (w->links_down & 1u << i) != 0;
        if (down != w->net.netif[i].link_down)
            net_link_changed(&w->net, i, down);
    }
}

/* Each worker announces our addresses again after a link came up, and forgets neighbours. */
static void worker_links(struct worker *w)
{
    if (w->ctx.now - w->link_checked < WORKER_LINK_INTERVAL)
        return;
    w->link_checked = w->ctx.now;
    if (w->ctx.worker_id == 0) {
        worker_watch_links(w);
        if (w->group != NULL)
            atomic_store_explicit(&w->group->links_down, w->links_down, memory_order_relaxed);
    } else if (w->group != NULL) {
        w->links_down = atomic_load_explicit(&w->group->links_down, memory_order_relaxed);
    }
    worker_tell_links(w);
    if (w->group == NULL)
        return;
    uint32_t ups = atomic_load_explicit(&w->group->links_up, memory_order_relaxed);
    if (ups != w->links_up) {
        w->links_up = ups;
        net_announce(&w->net);
    }
}

unsigned worker_poll_input(struct worker *w, nsec_t now)
{
    context_set_now(&w->ctx, now);
    unsigned done = worker_receive(w);
    done += worker_timers(w, done);
    worker_unreachable(w);
    worker_links(w);
    return done;
}

void worker_poll_output(struct worker *w, nsec_t now)
{
    context_set_now(&w->ctx, now);
    if (unlikely(w->net.tx_held != 0))
        net_flush(&w->net); /* what has waited goes first */
    tcp_output_touched(&w->tcp);
    net_flush(&w->net);
}

unsigned worker_poll(struct worker *w, nsec_t now)
{
    unsigned done = worker_poll_input(w, now);
    worker_poll_output(w, now);
    return done;
}

bool worker_has_unsent(const struct worker *w)
{
    return tcp_has_touched(&w->tcp) || net_next_offer(&w->net) != NSEC_NEVER;
}

nsec_t worker_next_event(struct worker *w)
{
    if ((tcp_has_touched(&w->tcp) && !net_tx_blocked(&w->net)) || w->ctx.ready.head != NULL ||
        net_loopback_pending(&w->net))
        return w->ctx.now;
    nsec_t next = RTE_MIN(wheel_next(&w->ctx.wheel), net_next_offer(&w->net));
    for (uint8_t i = 0; i < w->net.n_netifs; i++) {
        struct netif *nif = &w->net.netif[i];
        if (nif->dev->ops->next_event != NULL) {
            nsec_t at = nif->dev->ops->next_event(nif->dev, nif->queue);
            next = at < next ? at : next;
        }
    }
    return next;
}
