/* SPDX-License-Identifier: BSD-3-Clause */
#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adversary.h"
#include "netdev/offload.h"
#include "support/segment.h"
#include "support/world.h"
#include "tcp/ecn.h"

#define PORT_DEPTH  2048
#define MANGLED_MAX 1500 /* each may become 300 */
#define ETHER       14
#define ROUTER      254  /* last byte of its address */
#define BURST_NEVER 1000 /* bursts nobody saw are not drawn */

struct net_port {
    struct netdev dev; /* first */
    struct network *net;
    struct rte_mempool *pool;
    unsigned index;
    bool open;
    struct rte_mbuf *ring[PORT_DEPTH];
    uint32_t head, count;
    bool burst; /* towards this port */
    nsec_t burst_changes;
};

struct network {
    struct network_config cfg;
    uint64_t dice;
    nsec_t now, begin;
    uint32_t mangled;
    bool calm;
    struct net_port *port[NETWORK_PORTS];
    uint32_t *furthest; /* NETWORK_PORTS times 65536; only with a blind attacker */
};

static double uniform(struct network *n)
{
    return (double)(world_rand(&n->dice) >> 11) * 0x1p-53;
}

static bool chance(struct network *n, double p)
{
    return p > 0 && !n->calm && uniform(n) < p;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* ---- faults ---- */

static bool is_cut(const struct network *n, unsigned from, unsigned to)
{
    const struct network_faults *f = &n->cfg.faults;
    for (unsigned i = 0; i < f->n_cuts && !n->calm; i++) {
        const struct network_cut *c = &f->cut[i];
        if (n->now < n->begin + c->from || n->now >= n->begin + c->to)
            continue;
        if ((c->port == to && c->way != CUT_FROM) || (c->port == from && c->way != CUT_TO))
            return true;
    }
    return false;
}

static nsec_t around(struct network *n, nsec_t mean)
{
    return 1 + (nsec_t)(2 * uniform(n) * (double)mean);
}

/* Good and bad times of Gilbert's model; in bad ones nine of ten are lost. */
static bool in_burst(struct network *n, struct net_port *p)
{
    const struct network_faults *f = &n->cfg.faults;
    if (f->burst_every == 0 || n->calm)
        return false;
    for (unsigned i = 0; p->burst_changes <= n->now; i++) {
        bool seen = i < BURST_NEVER;
        p->burst = seen ? !p->burst
                        : chance(n, (double)f->burst_length / (double)(f->burst_every + f->burst_length));
        nsec_t length = around(n, p->burst ? f->burst_length : f->burst_every);
        p->burst_changes = (seen ? p->burst_changes : n->now) + length;
    }
    return p->burst && chance(n, 0.9);
}

/* What follows cannot tell of its loss, for nothing follows. */
static bool is_tail(const uint8_t *ip, size_t len)
{
    struct segment s;
    return segment_parse(ip, len, &s) == NULL &&
           ((s.flags & SEG_FIN) != 0 || (s.len != 0 && (s.flags & SEG_PSH) != 0));
}

/* RFC3168-5: what would be dropped is marked, where it may be. */
static void mark(struct network *n, uint8_t *ip)
{
    uint8_t ecn = ip[1] & IP_ECN_MASK;
    if (ecn == IP_ECN_NOT_ECT || ecn == IP_ECN_CE || inet_fold(inet_sum(0, ip, 20)) != 0 ||
        !chance(n, n->cfg.faults.marked))
        return;
    ip[1] |= IP_ECN_CE;
    put16(ip + 10, 0);
    put16(ip + 10, inet_fold(inet_sum(0, ip, (size_t)(ip[0] & 15) * 4)));
}

/* ---- forwarding ---- */

static void port_deliver(struct net_port *p, const uint8_t *frame, size_t len)
{
    struct rte_mbuf *head = NULL, *last = NULL;
    if (p->count == PORT_DEPTH)
        return;
    for (size_t off = 0; off < len;) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(p->pool);
        if (m == NULL) { /* the receiver has no buffer for it, as on a real wire */
            rte_pktmbuf_free(head);
            return;
        }
        size_t part = RTE_MIN((size_t)rte_pktmbuf_tailroom(m), len - off);
        memcpy(rte_pktmbuf_append(m, (uint16_t)part), frame + off, part);
        off += part;
        if (head == NULL) {
            head = m;
            head->ol_flags =
                p->net->cfg.offload ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
            head->port = RTE_MBUF_PORT_INVALID;
        } else {
            last->next = m;
            head->nb_segs++;
            head->pkt_len += (uint32_t)part;
        }
        last = m;
    }
    p->ring[(p->head + p->count++) % PORT_DEPTH] = head;
}

static struct net_port *port_of_address(struct network *n, const uint8_t *addr)
{
    unsigned i = addr[3] - 1u;
    return addr[0] == 10 && i < NETWORK_PORTS && n->port[i] != NULL && n->port[i]->open ? n->port[i] : NULL;
}

static void emit_to(struct network *n, struct net_port *p, const uint8_t *ip, size_t len)
{
    uint8_t frame[NETWORK_FRAME_MAX + ETHER] = {2, 0, 0,      0, 0, (uint8_t)(p->index + 1), 2, 0, 0,
                                                0, 0, ip[15], 8, 0};
    bool ether = n->cfg.link == NETDEV_LINK_ETHER;
    memcpy(frame + ETHER, ip, len);
    port_deliver(p, ether ? frame : frame + ETHER, ether ? len + ETHER : len);
}

void network_emit(struct network *n, const uint8_t *ip, size_t len)
{
    struct net_port *p = port_of_address(n, ip + 16);
    if (p != NULL && len <= NETWORK_FRAME_MAX)
        emit_to(n, p, ip, len);
}

uint64_t *network_dice(struct network *n)
{
    return &n->dice;
}

uint32_t *network_furthest(struct network *n, uint8_t port, uint16_t sport)
{
    if (n->furthest == NULL)
        n->furthest = calloc((size_t)NETWORK_PORTS << 16, sizeof(*n->furthest));
    if (n->furthest == NULL)
        abort();
    return &n->furthest[(size_t)(port % NETWORK_PORTS) << 16 | sport];
}

/* RFC 1191: who asked not to be cut is told what would pass. */
static void router_too_big(struct network *n, const uint8_t *ip, uint16_t mtu)
{
    uint8_t out[20 + 8 + 28] = {0x45, 0, 0, sizeof(out), 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, ROUTER};
    memcpy(out + 16, ip + 12, 4);
    put16(out + 10, inet_fold(inet_sum(0, out, 20)));
    out[20] = 3;
    out[21] = 4;
    put16(out + 26, mtu);
    memcpy(out + 28, ip, 28);
    put16(out + 22, inet_fold(inet_sum(0, out + 20, sizeof(out) - 20)));
    network_emit(n, out, sizeof(out));
}

/* RFC 791: in pieces. */
static void router_cut(struct network *n, struct net_port *to, const uint8_t *ip, size_t len, uint16_t mtu)
{
    uint8_t out[NETWORK_FRAME_MAX];
    size_t ihl = (size_t)(ip[0] & 15) * 4, part = (mtu - ihl) & ~(size_t)7;
    uint16_t place = get16(ip + 6);
    for (size_t off = ihl; off < len; off += part) {
        size_t here = RTE_MIN(part, len - off);
        bool more = off + here < len || (place & 0x2000) != 0;
        memcpy(out, ip, ihl);
        memcpy(out + ihl, ip + off, here);
        put16(out + 2, (uint32_t)(ihl + here));
        put16(out + 6, (uint32_t)((place & 0x1fff) + (off - ihl) / 8) | (more ? 0x2000 : 0));
        put16(out + 10, 0);
        put16(out + 10, inet_fold(inet_sum(0, out, ihl)));
        emit_to(n, to, out, ihl + here);
    }
}

static void forward_ip(struct network *n, unsigned from, uint8_t *ip, size_t len)
{
    const struct network_faults *f = &n->cfg.faults;
    struct net_port *to = port_of_address(n, ip + 16);
    if (len < 28 || to == NULL || is_cut(n, from, to->index) || in_burst(n, to) ||
        (f->tail > 0 && is_tail(ip, len) && chance(n, f->tail)))
        return;
    if (f->marked > 0)
        mark(n, ip);
    bool narrow =
        f->narrow_at != 0 && n->now >= n->begin + f->narrow_at && n->now < n->begin + f->wide_at && !n->calm;
    if (from == f->hostile && from != 0 && n->mangled < MANGLED_MAX && chance(n, f->mangled)) {
        n->mangled++;
        adversary_mangle(n, ip, len);
        return;
    }
    if (!narrow || get16(ip + 2) <= f->narrow_mtu)
        emit_to(n, to, ip, len);
    else if (ip[0] != 0x45 || inet_fold(inet_sum(0, ip, 20)) != 0 || get16(ip + 2) > len)
        return; /* damaged before it came here */
    else if ((ip[6] & 0x40) != 0)
        router_too_big(n, ip, f->narrow_mtu);
    else
        router_cut(n, to, ip, get16(ip + 2), f->narrow_mtu);
    if (to->index == 1 && f->forged && !n->calm && from != f->hostile)
        adversary_forge(n, ip, len);
}

/* ARP goes to all. */
static void forward_frame(struct network *n, unsigned from, uint8_t *frame, size_t len)
{
    bool ether = n->cfg.link == NETDEV_LINK_ETHER;
    if (!ether || (len > ETHER && get16(frame + 12) == 0x0800)) {
        forward_ip(n, from, ether ? frame + ETHER : frame, ether ? len - ETHER : len);
        return;
    }
    for (unsigned i = 0; i < NETWORK_PORTS; i++)
        if (i != from && n->port[i] != NULL && n->port[i]->open && !is_cut(n, from, i) &&
            !in_burst(n, n->port[i]))
            port_deliver(n->port[i], frame, len);
}

/* ---- a port as a netdev ---- */

static uint16_t port_rx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct net_port *p = (struct net_port *)d;
    uint16_t i;
    for (i = 0; i < n && p->count != 0; i++, p->count--) {
        pkts[i] = p->ring[p->head];
        p->head = (p->head + 1) % PORT_DEPTH;
    }
    return i;
}

static uint16_t port_tx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct net_port *p = (struct net_port *)d;
    uint8_t frame[NETWORK_FRAME_MAX + ETHER];
    p->net->now = now;
    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];
        size_t len = 0;
        if (m->pkt_len <= sizeof(frame) && (m->nb_segs == 1 || p->dev.caps.multi_seg) &&
            offload_fill_checksums(m)) {
            for (const struct rte_mbuf *s = m; s != NULL; len += s->data_len, s = s->next)
                memcpy(frame + len, rte_pktmbuf_mtod(s, void *), s->data_len);
            forward_frame(p->net, p->index, frame, len);
        }
        rte_pktmbuf_free(m);
    }
    return n;
}

static int port_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static nsec_t port_next_event(struct netdev *d, uint16_t queue)
{
    return ((const struct net_port *)d)->count != 0 ? 0 : NSEC_NEVER;
}

static void port_close(struct netdev *d)
{
    struct net_port *p = (struct net_port *)d;
    struct network *n = p->net;
    struct rte_mbuf *m;
    while (port_rx(d, 0, 0, &m, 1) == 1)
        rte_pktmbuf_free(m);
    p->open = false;
    for (unsigned i = 0; i < NETWORK_PORTS; i++)
        if (n->port[i] != NULL && n->port[i]->open)
            return;
    for (unsigned i = 0; i < NETWORK_PORTS; i++)
        free(n->port[i]);
    free(n->furthest);
    free(n);
}

static const struct netdev_ops port_ops = {
    .kind = "network",
    .rx_burst = port_rx,
    .tx_burst = port_tx,
    .fd = port_fd,
    .next_event = port_next_event,
    .close = port_close,
};

struct network *network_create(const struct network_config *cfg)
{
    struct network *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return NULL;
    n->cfg = *cfg;
    n->dice = cfg->seed ^ UINT64_C(0x2545f4914f6cdd1d);
    return n;
}

struct netdev *network_port(struct network *n, unsigned i, struct rte_mempool *pool)
{
    struct net_port *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    n->port[i] = p;
    p->dev.ops = &port_ops;
    p->dev.caps = (struct netdev_caps){.link = n->cfg.link,
                                       .mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
                                       .mtu = n->cfg.mtu,
                                       .queues = 1,
                                       .rx_csum = n->cfg.offload,
                                       .tx_csum = n->cfg.offload,
                                       .multi_seg = n->cfg.multi_seg};
    snprintf(p->dev.name, sizeof(p->dev.name), "port %u", i);
    p->net = n;
    p->pool = pool;
    p->index = i;
    p->open = true;
    return &p->dev;
}

void network_begin(struct network *n, nsec_t now)
{
    n->begin = now;
}

void network_calm(struct network *n)
{
    n->calm = true;
}
