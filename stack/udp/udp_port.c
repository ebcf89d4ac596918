/* SPDX-License-Identifier: BSD-3-Clause */
/* Who has which port: the tables, binding, and the choice among several that would fit. */
#include <errno.h>

#include "udp/udp_private.h"

static uint32_t *udp_chain_head(struct udp *u, const struct udp_pcb *pcb, enum udp_chain c)
{
    switch (c) {
    case UDP_BY_PORT:
        return &u->by_port[pcb->flow.lport % UDP_PORT_BUCKETS];
    case UDP_OPEN:
        return &u->open[pcb->flow.lport % UDP_PORT_BUCKETS];
    default:
        return &u->by_flow[flow_hash(&u->key, &pcb->flow) % UDP_FLOW_BUCKETS];
    }
}

static void udp_chain_push(struct udp *u, struct udp_pcb *pcb, enum udp_chain c)
{
    uint32_t *head = udp_chain_head(u, pcb, c);
    pcb->next[c] = *head;
    *head = slab_index(&u->pcbs, pcb);
}

static void udp_chain_remove(struct udp *u, struct udp_pcb *pcb, enum udp_chain c)
{
    uint32_t *at = udp_chain_head(u, pcb, c), idx = slab_index(&u->pcbs, pcb);
    while (*at != idx)
        at = &udp_pcb_at(u, *at)->next[c];
    *at = pcb->next[c];
}

void udp_link(struct udp *u, struct udp_pcb *pcb)
{
    udp_chain_push(u, pcb, UDP_BY_PORT);
    if (pcb->flow.lport == 0)
        return;
    udp_chain_push(u, pcb, pcb->connected ? UDP_BY_FLOW : UDP_OPEN);
    u->n_connected += pcb->connected;
}

void udp_unlink(struct udp *u, struct udp_pcb *pcb)
{
    udp_chain_remove(u, pcb, UDP_BY_PORT);
    if (pcb->flow.lport == 0)
        return;
    udp_chain_remove(u, pcb, pcb->connected ? UDP_BY_FLOW : UDP_OPEN);
    u->n_connected -= pcb->connected;
}

/* ---- binding ---- */

/* Both must have agreed to share; Linux demands the same of either option. */
static bool udp_may_share(const struct udp_pcb *a, const struct udp_pcb *b)
{
    return (a->reuse & b->reuse) != 0;
}

static bool udp_port_taken(struct udp *u, const struct udp_pcb *pcb, uint16_t port, bool share)
{
    for (uint32_t i = u->by_port[port % UDP_PORT_BUCKETS]; i != 0; i = udp_pcb_at(u, i)->next[UDP_BY_PORT]) {
        const struct udp_pcb *o = udp_pcb_at(u, i);
        if (o == pcb || o->flow.lport != port)
            continue;
        bool overlap = ip_addr_is_any(&o->flow.local) || ip_addr_is_any(&pcb->flow.local) ||
                       ip_addr_eq(&o->flow.local, &pcb->flow.local);
        if (overlap && !(share && udp_may_share(o, pcb)))
            return true;
    }
    return false;
}

/* RFC6056-3.3.1: a random start, then the next ones. */
int udp_choose_port(struct udp *u, struct udp_pcb *pcb)
{
    const struct tunables *tun = u->ctx->tun;
    uint32_t lo = tun->ip_local_port_min, n = tun->ip_local_port_max - lo + 1;
    uint32_t at = rng_below(&u->ctx->rng, n);
    for (uint32_t i = 0; i < n; i++, at = at + 1 == n ? 0 : at + 1) {
        uint16_t port = (uint16_t)(lo + at);
        if (!udp_port_taken(u, pcb, port, false)) {
            pcb->flow.lport = port;
            return 0;
        }
    }
    return -EADDRINUSE;
}

/* Ours, or everybody's, or a group: Linux lets a socket bind to what it wants to hear. */
static bool udp_may_bind(const struct udp *u, const struct ip_addr *a)
{
    if (ip_addr_is_any(a) || net_is_local(u->net, a))
        return true;
    return ip_addr_is_v4(a) && net_is_group(u->net, a);
}

int udp_bind(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *addr, uint16_t port, unsigned flags)
{
    if (pcb->flow.lport != 0)
        return -EINVAL;
    if (!pcb->freebind && !udp_may_bind(u, addr))
        return -EADDRNOTAVAIL;
    int rc = 0;
    udp_unlink(u, pcb);
    pcb->flow.local = ip_addr_is_any(addr) ? ip_addr_v4(0) : *addr;
    pcb->reuse = (uint8_t)flags;
    if (port == 0)
        rc = udp_choose_port(u, pcb);
    else if (udp_port_taken(u, pcb, port, true))
        rc = -EADDRINUSE;
    else
        pcb->flow.lport = port;
    if (rc != 0)
        pcb->flow.local = ip_addr_v4(0);
    pcb->fixed_addr = !ip_addr_is_any(&pcb->flow.local);
    pcb->fixed_port = rc == 0 && port != 0;
    udp_link(u, pcb);
    return rc;
}

/* ---- looking up ---- */

struct udp_pcb *udp_find_connected(struct udp *u, const struct flow_key *f)
{
    uint32_t i = u->by_flow[flow_hash(&u->key, f) % UDP_FLOW_BUCKETS];
    while (i != 0 && !flow_key_eq(&udp_pcb_at(u, i)->flow, f))
        i = udp_pcb_at(u, i)->next[UDP_BY_FLOW];
    return i != 0 ? udp_pcb_at(u, i) : NULL;
}

/* 2: bound to the address, 1: to any, 0: not meant. */
static unsigned udp_score(const struct udp_pcb *pcb, const struct flow_key *f)
{
    if (pcb->flow.lport != f->lport)
        return 0;
    if (ip_addr_eq(&pcb->flow.local, &f->local))
        return 2;
    return ip_addr_is_any(&pcb->flow.local) ? 1 : 0;
}

/* SO_REUSEPORT: those with this score share the flows by hash, each flow staying with one of them. */
static struct udp_pcb *udp_find_in_group(struct udp *u, const struct flow_key *f, unsigned score,
                                         uint32_t members)
{
    uint32_t pick = (uint32_t)((uint64_t)flow_hash(&u->key, f) * members >> 32);
    for (uint32_t i = u->open[f->lport % UDP_PORT_BUCKETS]; i != 0; i = udp_pcb_at(u, i)->next[UDP_OPEN]) {
        struct udp_pcb *pcb = udp_pcb_at(u, i);
        if ((pcb->reuse & UDP_REUSEPORT) != 0 && udp_score(pcb, f) == score && pick-- == 0)
            return pcb;
    }
    return NULL;
}

struct udp_pcb *udp_find(struct udp *u, const struct flow_key *f)
{
    struct udp_pcb *best = u->n_connected > 0 ? udp_find_connected(u, f) : NULL;
    unsigned best_score = 0;
    uint32_t members = 0;
    if (best != NULL)
        return best;
    for (uint32_t i = u->open[f->lport % UDP_PORT_BUCKETS]; i != 0; i = udp_pcb_at(u, i)->next[UDP_OPEN]) {
        struct udp_pcb *pcb = udp_pcb_at(u, i);
        unsigned score = udp_score(pcb, f);
        if (score > best_score) { /* among equals the one bound last, which stands first */
            best = pcb;
            best_score = score;
            members = 0;
        }
        if (score != 0 && score == best_score)
            members += (pcb->reuse & UDP_REUSEPORT) != 0;
    }
    if (best != NULL && (best->reuse & UDP_REUSEPORT) != 0 && members > 1)
        return udp_find_in_group(u, f, best_score, members);
    return best;
}
