/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netdev/offload.h"

/* One direction: a ring of packets that already belong to the receiving end's pool. */
struct pipe_ring {
    uint32_t head; /* next to deliver */
    uint32_t count;
    struct rte_mbuf **slot;
};

struct pipe_end {
    struct netdev dev;
    struct pipe_pair *pair;
    unsigned side;
    bool open;
};

/* Lives until both ends are closed. ring[i] is what end i receives. */
struct pipe_pair {
    struct pipe_end end[2];
    struct pipe_config cfg;
    struct pipe_ring ring[2];
    uint64_t lost[2];
};

static struct pipe_end *pipe_end(struct netdev *d)
{
    return (struct pipe_end *)d;
}

static uint16_t pipe_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                              uint16_t n)
{
    struct pipe_end *e = pipe_end(d);
    struct pipe_ring *r = &e->pair->ring[e->side];
    uint16_t i;

    for (i = 0; i < n && r->count > 0; i++) {
        pkts[i] = r->slot[r->head];
        r->head = r->head + 1 == e->pair->cfg.depth ? 0 : r->head + 1;
        r->count--;
    }
    return i;
}

/* The packet as the other end shall see it: its own copy, marked like a device there would mark it.
 * Whoever advertises rx_csum never verifies, as in a machine where packets do not leave memory. */
static struct rte_mbuf *pipe_copy(const struct pipe_pair *p, struct rte_mbuf *m, unsigned to)
{
    struct rte_mbuf *c = rte_pktmbuf_copy(m, p->cfg.pool[to], 0, UINT32_MAX);
    if (c == NULL)
        return NULL;
    if (!offload_fill_checksums(c)) {
        rte_pktmbuf_free(c);
        return NULL;
    }
    c->ol_flags = p->cfg.rx_csum ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
    c->tx_offload = 0;
    c->packet_type = 0;
    c->port = RTE_MBUF_PORT_INVALID;
    return c;
}

static uint16_t pipe_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                              uint16_t n)
{
    struct pipe_end *e = pipe_end(d);
    struct pipe_pair *p = e->pair;
    unsigned to = !e->side;
    struct pipe_ring *r = &p->ring[to];
    uint16_t i;

    for (i = 0; i < n; i++) {
        if (p->end[to].open) {
            if (r->count == p->cfg.depth)
                break;
            struct rte_mbuf *c = pipe_copy(p, pkts[i], to);
            if (c != NULL) {
                uint32_t tail = r->head + r->count++;
                r->slot[tail >= p->cfg.depth ? tail - p->cfg.depth : tail] = c;
            } else {
                p->lost[to]++; /* the receiver had no buffer for it, as on a real wire */
            }
        }
        rte_pktmbuf_free(pkts[i]);
    }
    return i;
}

static int pipe_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static nsec_t pipe_next_event(struct netdev *d, uint16_t queue)
{
    struct pipe_end *e = pipe_end(d);
    return e->pair->ring[e->side].count > 0 ? 0 : NSEC_NEVER;
}

static bool pipe_link_poll(struct netdev *d, nsec_t now)
{
    struct pipe_end *e = pipe_end(d);
    return e->pair->end[!e->side].open;
}

static void pipe_close(struct netdev *d)
{
    struct pipe_end *e = pipe_end(d);
    struct pipe_pair *p = e->pair;
    struct rte_mbuf *m;

    while (pipe_rx_burst(d, 0, 0, &m, 1) == 1)
        rte_pktmbuf_free(m);
    e->open = false;
    if (p->end[0].open || p->end[1].open)
        return;
    netdev_free(p->ring[0].slot);
    netdev_free(p->ring[1].slot);
    netdev_free(p);
}

static const struct netdev_ops pipe_ops = {
    .kind = "pipe",
    .rx_burst = pipe_rx_burst,
    .tx_burst = pipe_tx_burst,
    .fd = pipe_fd,
    .next_event = pipe_next_event,
    .link_poll = pipe_link_poll,
    .close = pipe_close,
};

static void pipe_end_init(struct pipe_pair *p, unsigned side)
{
    const struct pipe_config *cfg = &p->cfg;
    struct pipe_end *e = &p->end[side];

    e->pair = p;
    e->side = side;
    e->open = true;
    e->dev.ops = &pipe_ops;
    e->dev.caps = (struct netdev_caps){
        .link = cfg->link,
        .mtu = cfg->mtu,
        .queues = 1,
        .rx_csum = cfg->rx_csum,
        .tx_csum = cfg->tx_csum,
        .tso = cfg->tso,
        .tso_max = cfg->tso ? NETDEV_TSO_MAX : 0,
        .multi_seg = cfg->multi_seg,
    };
    memcpy(e->dev.caps.mac, cfg->mac[side], sizeof(e->dev.caps.mac));
    snprintf(e->dev.name, sizeof(e->dev.name), "pipe:%u", side);
}

int netdev_pipe_create(const struct pipe_config *cfg, struct netdev *out[2])
{
    if (cfg->depth == 0 || cfg->depth > UINT32_MAX / 2 || cfg->pool[0] == NULL || cfg->pool[1] == NULL)
        return -EINVAL;
    struct pipe_pair *p = netdev_alloc(sizeof(*p));
    if (p == NULL)
        return -ENOMEM;
    p->cfg = *cfg;
    for (unsigned i = 0; i < 2; i++) {
        p->ring[i].slot = netdev_alloc(cfg->depth * sizeof(struct rte_mbuf *));
        pipe_end_init(p, i);
        out[i] = &p->end[i].dev;
    }
    if (p->ring[0].slot == NULL || p->ring[1].slot == NULL) {
        netdev_free(p->ring[0].slot);
        netdev_free(p->ring[1].slot);
        netdev_free(p);
        return -ENOMEM;
    }
    return 0;
}

uint64_t netdev_pipe_lost(const struct netdev *d)
{
    const struct pipe_end *e = (const struct pipe_end *)d;
    return e->pair->lost[e->side];
}
