/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/impair.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "netdev/offload.h"

#define IMPAIR_BURST      32
#define IMPAIR_RX_BURSTS  4                   /* taken from the wire per call at most */
#define IMPAIR_HELD       16                  /* packets waiting to be overtaken, per direction */
#define IMPAIR_OVERTAKERS 3                   /* a reordered packet lets 1 to so many pass */
#define IMPAIR_HOLD       (5 * NSEC_PER_MSEC) /* or waits for so long when nothing follows */

enum { IMPAIR_RX, IMPAIR_TX, IMPAIR_DIRS };

struct flight {
    nsec_t due;
    struct rte_mbuf *m;
};

/* A packet that later ones shall overtake. */
struct held {
    nsec_t deadline;
    struct rte_mbuf *m;
    unsigned overtakers;
};

/* One direction of one queue. Packets leave in the order in which they were put into the ring, so a
 * ring is enough: jitter varies the delay but does not reorder, for that there is a knob of its own. */
struct impair_dir {
    struct rng rng;
    nsec_t wire_free; /* when the shaped link has sent what it was given */
    nsec_t last_due;
    uint32_t head, count, n_held;
    struct flight *ring; /* cfg.limit slots */
    struct held held[IMPAIR_HELD];
    struct impair_stats stats;
};

struct impair_queue {
    struct impair_dir dir[IMPAIR_DIRS];
};

struct impair {
    struct netdev dev;
    struct netdev *inner;
    struct impair_config cfg;
    uint64_t rate_bps; /* of one queue */
    uint16_t n_queues;
    struct impair_queue queue[];
};

static struct impair *impair_of(struct netdev *d)
{
    return (struct impair *)d;
}

/* ---- copies ---- */

static struct rte_mempool *roomiest_pool(const struct rte_mbuf *m)
{
    struct rte_mempool *best = m->pool;
    for (; m != NULL; m = m->next)
        if (rte_pktmbuf_data_room_size(m->pool) > rte_pktmbuf_data_room_size(best))
            best = m->pool;
    return best;
}

/* A private copy. In one segment whenever it fits, at the cost of headroom, for the inner wire may not
 * take chains. */
static struct rte_mbuf *impair_copy(struct rte_mbuf *m)
{
    struct rte_mempool *pool = roomiest_pool(m);
    uint16_t room = rte_pktmbuf_data_room_size(pool);

    if (room <= RTE_PKTMBUF_HEADROOM)
        return NULL;
    if (m->pkt_len > room)
        return rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
    struct rte_mbuf *c = rte_pktmbuf_alloc(pool);
    if (c == NULL)
        return NULL;
    c->data_off =
        (uint16_t)(RTE_MIN(RTE_PKTMBUF_HEADROOM, (int)(room - m->pkt_len)) & ~3); /* headers stay aligned */
    c->data_len = (uint16_t)m->pkt_len;
    c->pkt_len = m->pkt_len;
    c->ol_flags = m->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
    c->tx_offload = m->tx_offload;
    c->packet_type = m->packet_type;
    c->port = m->port;
    const void *data = rte_pktmbuf_read(m, 0, m->pkt_len, rte_pktmbuf_mtod(c, void *));
    if (data != rte_pktmbuf_mtod(c, void *))
        memcpy(rte_pktmbuf_mtod(c, void *), data, m->pkt_len);
    return c;
}

/* ---- faults ---- */

static bool chance(struct rng *r, double p)
{
    return p > 0 && (double)(rng_u64(r) >> 11) * 0x1p-53 < p;
}

/* Flips one bit behind the link header, in a copy of our own. A link's frame check would catch damage
 * on the link itself; what this plays is the router with bad memory, so ARP, which no router
 * forwards, stays as it is. */
static struct rte_mbuf *impair_corrupt_take(struct impair *im, struct impair_dir *dir, struct rte_mbuf *m)
{
    bool ether = im->dev.caps.link == NETDEV_LINK_ETHER;
    uint32_t skip = ether ? 14 : 0;
    if (m->pkt_len <= skip)
        return m;
    if (ether) {
        uint16_t type;
        const void *p = rte_pktmbuf_read(m, 12, sizeof(type), &type);
        memmove(&type, p, sizeof(type));
        if (type == rte_cpu_to_be_16(0x0806))
            return m;
    }
    struct rte_mbuf *c = impair_copy(m);
    if (c == NULL)
        return m;
    rte_pktmbuf_free(m);
    /* The bytes must be wrong, not the offload's idea of them: checksums are filled first, and no
     * longer vouched for. */
    offload_fill_checksums(c);
    c->ol_flags = 0;
    uint32_t bit = rng_below(&dir->rng, (c->pkt_len - skip) * 8);
    uint32_t at = skip + bit / 8;
    struct rte_mbuf *seg = c;
    while (at >= seg->data_len) {
        at -= seg->data_len;
        seg = seg->next;
    }
    *rte_pktmbuf_mtod_offset(seg, uint8_t *, at) ^= (uint8_t)(1u << bit % 8);
    dir->stats.corrupted++;
    return c;
}

/* When a packet that enters the wire at `now` comes out. */
static nsec_t impair_due(struct impair *im, struct impair_dir *dir, nsec_t now, uint32_t len)
{
    nsec_t leaves = now;
    if (im->rate_bps != 0) {
        nsec_t start = dir->wire_free > now ? dir->wire_free : now;
        leaves = start + (nsec_t)((unsigned __int128)len * 8 * NSEC_PER_SEC / im->rate_bps);
        dir->wire_free = leaves;
    }
    nsec_t due = leaves + im->cfg.delay;
    if (im->cfg.jitter != 0)
        due += rng_u64(&dir->rng) % (2 * im->cfg.jitter + 1) - im->cfg.jitter;
    return due > dir->last_due ? due : dir->last_due;
}

/* ---- the wire ---- */

static void flight_push(struct impair *im, struct impair_dir *dir, nsec_t due, struct rte_mbuf *m)
{
    assert(dir->count < im->cfg.limit);
    uint32_t tail = dir->head + dir->count++;
    dir->last_due = due;
    dir->ring[tail >= im->cfg.limit ? tail - im->cfg.limit : tail] = (struct flight){due, m};
}

static struct rte_mbuf *flight_pop(struct impair *im, struct impair_dir *dir)
{
    struct rte_mbuf *m = dir->ring[dir->head].m;
    dir->head = dir->head + 1 == im->cfg.limit ? 0 : dir->head + 1;
    dir->count--;
    return m;
}

static void held_release(struct impair *im, struct impair_dir *dir, uint32_t i, nsec_t due)
{
    struct rte_mbuf *m = dir->held[i].m;
    dir->n_held--;
    memmove(&dir->held[i], &dir->held[i + 1], (dir->n_held - i) * sizeof(dir->held[0]));
    flight_push(im, dir, due > dir->last_due ? due : dir->last_due, m);
}

/* A packet went ahead of all who are held. */
static void held_overtaken(struct impair *im, struct impair_dir *dir)
{
    for (uint32_t i = 0; i < dir->n_held;) {
        if (--dir->held[i].overtakers == 0)
            held_release(im, dir, i, dir->last_due);
        else
            i++;
    }
}

static void held_expire(struct impair *im, struct impair_dir *dir, nsec_t now)
{
    for (uint32_t i = 0; i < dir->n_held;) {
        if (dir->held[i].deadline <= now)
            held_release(im, dir, i, now);
        else
            i++;
    }
}

static bool impair_full(const struct impair *im, const struct impair_dir *dir)
{
    return dir->count + dir->n_held >= im->cfg.limit;
}

/* One packet enters the wire. Faults draw in a fixed order, so that a seed always tells the same story
 * about the same packets. */
static void impair_enter_take(struct impair *im, struct impair_dir *dir, nsec_t now, struct rte_mbuf *m)
{
    const struct impair_config *cfg = &im->cfg;
    if (chance(&dir->rng, cfg->loss)) {
        dir->stats.lost++;
        rte_pktmbuf_free(m);
        return;
    }
    if (impair_full(im, dir)) {
        dir->stats.overflowed++;
        rte_pktmbuf_free(m);
        return;
    }
    if (chance(&dir->rng, cfg->corrupt))
        m = impair_corrupt_take(im, dir, m);
    bool twice = chance(&dir->rng, cfg->dup);
    bool late = chance(&dir->rng, cfg->reorder);
    nsec_t due = impair_due(im, dir, now, m->pkt_len);

    dir->stats.passed++;
    if (late && dir->n_held < IMPAIR_HELD) {
        unsigned overtakers = 1 + rng_below(&dir->rng, IMPAIR_OVERTAKERS);
        dir->held[dir->n_held++] = (struct held){due + IMPAIR_HOLD, m, overtakers};
        dir->stats.reordered++;
        return;
    }
    struct rte_mbuf *copy = twice ? impair_copy(m) : NULL;
    flight_push(im, dir, due, m);
    if (copy != NULL) {
        if (impair_full(im, dir)) {
            rte_pktmbuf_free(copy);
        } else {
            flight_push(im, dir, due, copy);
            dir->stats.duplicated++;
        }
    }
    held_overtaken(im, dir);
}

/* Hands what has reached the far end to the inner wire; what it does not take waits. */
static void impair_flush_tx(struct impair *im, uint16_t queue, nsec_t now)
{
    struct impair_dir *dir = &im->queue[queue].dir[IMPAIR_TX];
    held_expire(im, dir, now);
    while (dir->count > 0 && dir->ring[dir->head].due <= now) {
        struct rte_mbuf *burst[IMPAIR_BURST];
        uint32_t at = dir->head;
        uint16_t n = 0;
        while (n < IMPAIR_BURST && n < dir->count && dir->ring[at].due <= now) {
            burst[n++] = dir->ring[at].m;
            at = at + 1 == im->cfg.limit ? 0 : at + 1;
        }
        uint16_t sent = netdev_tx_burst(im->inner, queue, now, burst, n);
        for (uint16_t i = 0; i < sent; i++)
            flight_pop(im, dir);
        if (sent < n)
            break;
    }
}

static uint16_t impair_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct impair *im = impair_of(d);
    struct impair_dir *dir = &im->queue[queue].dir[IMPAIR_RX];
    struct rte_mbuf *burst[IMPAIR_BURST];
    uint16_t got = IMPAIR_BURST, out = 0;

    for (unsigned i = 0; i < IMPAIR_RX_BURSTS && got == IMPAIR_BURST; i++) {
        got = netdev_rx_burst(im->inner, queue, now, burst, IMPAIR_BURST);
        for (uint16_t j = 0; j < got; j++)
            impair_enter_take(im, dir, now, burst[j]);
    }
    held_expire(im, dir, now);
    while (out < n && dir->count > 0 && dir->ring[dir->head].due <= now)
        pkts[out++] = flight_pop(im, dir);
    impair_flush_tx(im, queue, now);
    return out;
}

static uint16_t impair_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct impair *im = impair_of(d);
    struct impair_dir *dir = &im->queue[queue].dir[IMPAIR_TX];
    for (uint16_t i = 0; i < n; i++)
        impair_enter_take(im, dir, now, pkts[i]);
    impair_flush_tx(im, queue, now);
    return n;
}

static int impair_fd(struct netdev *d, uint16_t queue)
{
    struct impair *im = impair_of(d);
    return im->inner->ops->fd(im->inner, queue);
}

static bool impair_arm(struct netdev *d, uint16_t queue)
{
    struct impair *im = impair_of(d);
    return im->inner->ops->arm == NULL || im->inner->ops->arm(im->inner, queue);
}

static void impair_disarm(struct netdev *d, uint16_t queue)
{
    struct impair *im = impair_of(d);
    if (im->inner->ops->disarm != NULL)
        im->inner->ops->disarm(im->inner, queue);
}

static nsec_t impair_next_event(struct netdev *d, uint16_t queue)
{
    struct impair *im = impair_of(d);
    nsec_t next = NSEC_NEVER;
    if (im->inner->ops->next_event != NULL)
        next = im->inner->ops->next_event(im->inner, queue);
    for (unsigned i = 0; i < IMPAIR_DIRS; i++) {
        const struct impair_dir *dir = &im->queue[queue].dir[i];
        if (dir->count > 0)
            next = RTE_MIN(next, dir->ring[dir->head].due);
        for (uint32_t j = 0; j < dir->n_held; j++)
            next = RTE_MIN(next, dir->held[j].deadline);
    }
    return next;
}

static bool impair_link_poll(struct netdev *d, nsec_t now)
{
    struct impair *im = impair_of(d);
    return im->inner->ops->link_poll == NULL || im->inner->ops->link_poll(im->inner, now);
}

static bool impair_finished(struct netdev *d)
{
    struct impair *im = impair_of(d);
    if (im->inner->ops->finished == NULL || !im->inner->ops->finished(im->inner))
        return false;
    for (uint16_t q = 0; q < im->n_queues; q++)
        for (unsigned i = 0; i < IMPAIR_DIRS; i++)
            if (im->queue[q].dir[i].count + im->queue[q].dir[i].n_held > 0)
                return false;
    return true;
}

static bool impair_rss(struct netdev *d, struct netdev_rss *out)
{
    return netdev_rss(impair_of(d)->inner, out);
}

/* The link's own: a rate that is impaired is of the way behind it. */
static uint32_t impair_speed(struct netdev *d)
{
    return netdev_speed(impair_of(d)->inner);
}

static void impair_inner_stats(struct netdev *d, struct netdev_stats *s)
{
    struct netdev *inner = impair_of(d)->inner;
    if (inner->ops->stats != NULL)
        inner->ops->stats(inner, s);
}

/* Everything but the inner wire. */
static void impair_free(struct impair *im)
{
    for (uint16_t q = 0; q < im->n_queues; q++) {
        for (unsigned i = 0; i < IMPAIR_DIRS; i++) {
            struct impair_dir *dir = &im->queue[q].dir[i];
            while (dir->count > 0)
                rte_pktmbuf_free(flight_pop(im, dir));
            while (dir->n_held > 0)
                rte_pktmbuf_free(dir->held[--dir->n_held].m);
            netdev_free(dir->ring);
        }
    }
    netdev_free(im);
}

static void impair_close(struct netdev *d)
{
    struct netdev *inner = impair_of(d)->inner;
    impair_free(impair_of(d));
    netdev_close(inner);
}

static const struct netdev_ops impair_ops = {
    .kind = "impair",
    .rx_burst = impair_rx_burst,
    .tx_burst = impair_tx_burst,
    .fd = impair_fd,
    .arm = impair_arm,
    .disarm = impair_disarm,
    .next_event = impair_next_event,
    .link_poll = impair_link_poll,
    .finished = impair_finished,
    .rss = impair_rss,
    .speed = impair_speed,
    .stats = impair_inner_stats,
    .close = impair_close,
};

static bool impair_init(struct impair *im)
{
    for (uint16_t q = 0; q < im->n_queues; q++) {
        for (unsigned i = 0; i < IMPAIR_DIRS; i++) {
            struct impair_dir *dir = &im->queue[q].dir[i];
            struct siphash_key key = {{im->cfg.seed, (uint64_t)q << 1 | i}};
            rng_init(&dir->rng, &key);
            dir->ring = netdev_alloc(im->cfg.limit * sizeof(dir->ring[0]));
            if (dir->ring == NULL)
                return false;
        }
    }
    return true;
}

struct netdev *netdev_impair_create(struct netdev *inner, const struct impair_config *cfg)
{
    uint16_t queues = RTE_MAX(inner->caps.queues, (uint16_t)1);
    struct impair *im = netdev_alloc(sizeof(*im) + queues * sizeof(im->queue[0]));
    if (im == NULL)
        return NULL;
    im->inner = inner;
    im->cfg = *cfg;
    im->n_queues = queues;
    im->rate_bps = cfg->rate_bps == 0 ? 0 : RTE_MAX(cfg->rate_bps / queues, UINT64_C(1));
    im->cfg.limit = cfg->limit == 0 ? 10000 : cfg->limit;
    im->cfg.jitter = RTE_MIN(cfg->jitter, cfg->delay);
    im->dev.ops = &impair_ops;
    im->dev.caps = inner->caps;
    /* A wire that damages bytes must carry bytes: no checksum is left to a device, no segment is
     * longer than the MTU. */
    im->dev.caps.rx_csum = im->dev.caps.tx_csum = im->dev.caps.tso = false;
    im->dev.caps.tso_max = 0;
    im->dev.awaits = inner->awaits;
    memcpy(im->dev.name, inner->name, sizeof(im->dev.name));
    memcpy(im->dev.notes, inner->notes, sizeof(im->dev.notes));
    if (!impair_init(im)) {
        impair_free(im);
        return NULL;
    }
    return &im->dev;
}

void netdev_impair_stats(const struct netdev *d, struct impair_stats out[2])
{
    const struct impair *im = (const struct impair *)d;
    memset(out, 0, 2 * sizeof(out[0]));
    for (uint16_t q = 0; q < im->n_queues; q++) {
        for (unsigned i = 0; i < IMPAIR_DIRS; i++) {
            const struct impair_stats *s = &im->queue[q].dir[i].stats;
            out[i].passed += s->passed;
            out[i].lost += s->lost;
            out[i].duplicated += s->duplicated;
            out[i].reordered += s->reordered;
            out[i].corrupted += s->corrupted;
            out[i].overflowed += s->overflowed;
        }
    }
}
