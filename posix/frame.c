/* SPDX-License-Identifier: BSD-3-Clause */
/* The public calls of plx_frame.h: a worker's interfaces without the stack on them. */
#include <plx_frame.h>
#include <stdio.h>
#include <string.h>

#include "net/net.h"
#include "posix/calls.h"
#include "posix/runtime.h"

#define FRAME_BURST 64

int plx_wire(unsigned index, struct plx_wire *out)
{
    const struct runtime *rt = &runtime;
    if (rt->eal == NULL || index >= rt->options.n_devs)
        return (int)result(-EINVAL);
    struct netdev *d = worker_eal_netdev(rt->eal, (uint16_t)index);
    const struct option_dev *o = &rt->options.dev[index];
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", o->dev);
    out->ether = d->caps.link == NETDEV_LINK_ETHER;
    memcpy(out->mac, d->caps.mac, sizeof(out->mac));
    out->mtu = d->caps.mtu;
    out->multi_segment = d->caps.multi_seg;
    out->speed = netdev_speed(d);
    if (o->n_ips > 0) {
        out->ip.s_addr = ip_addr_get_v4(&o->ip[0].addr);
        out->prefix_len = o->ip[0].prefix_len;
    }
    return 0;
}

/* NULL, with errno, when the call is not allowed. */
static struct netif *frame_netif(unsigned wire)
{
    struct engine *e = engine_current;
    if (e == NULL || wire >= e->w->net.n_netifs) {
        errno = e == NULL ? EPERM : EINVAL;
        return NULL;
    }
    return &e->w->net.netif[wire];
}

int plx_frame_claim(unsigned wire, int on)
{
    struct netif *nif = frame_netif(wire);
    if (nif == NULL)
        return -1;
    nif->claimed = on != 0;
    return 0;
}

int plx_frame_recv(unsigned wire, struct rte_mbuf **pkts, int n)
{
    struct netif *nif = frame_netif(wire);
    if (nif == NULL)
        return -1;
    struct context *c = &engine_current->w->ctx;
    uint64_t bytes = 0;
    uint16_t got = netdev_rx_burst(nif->dev, nif->queue, c->now, pkts, (uint16_t)RTE_MIN(n, UINT16_MAX));
    for (uint16_t i = 0; i < got; i++)
        bytes += pkts[i]->pkt_len;
    engine_current->worked += got > 0; /* an adaptive wait begins anew */
    count_add(&c->counters, CNT_RX_PACKETS, got);
    count_add(&c->counters, CNT_RX_BYTES, bytes);
    return got;
}

int plx_frame_input_take(unsigned wire, struct rte_mbuf **pkts, int n)
{
    if (frame_netif(wire) == NULL) {
        rte_pktmbuf_free_bulk(pkts, (unsigned)n);
        return -1;
    }
    worker_frames_input_take(engine_current->w, (uint8_t)wire, pkts, (unsigned)n);
    return 0;
}

int plx_frame_send(unsigned wire, struct rte_mbuf **pkts, int n)
{
    struct netif *nif = frame_netif(wire);
    if (nif == NULL)
        return -1;
    struct context *c = &engine_current->w->ctx;
    int done = 0;
    while (done < n) {
        uint64_t bytes[FRAME_BURST], sum = 0;
        uint16_t k = (uint16_t)RTE_MIN(n - done, FRAME_BURST);
        for (uint16_t i = 0; i < k; i++) /* afterwards they are the driver's */
            bytes[i] = sum += pkts[done + i]->pkt_len;
        uint16_t sent = netdev_tx_burst(nif->dev, nif->queue, c->now, pkts + done, k);
        if (sent == 0)
            break;
        count_add(&c->counters, CNT_TX_PACKETS, sent);
        count_add(&c->counters, CNT_TX_BYTES, bytes[sent - 1]);
        done += sent;
        if (sent < k)
            break;
    }
    return done;
}

int plx_frame_alloc(struct rte_mbuf **pkts, int n)
{
    struct engine *e = engine_current;
    if (e == NULL)
        return (int)result(-EPERM);
    return rte_pktmbuf_alloc_bulk(e->w->ctx.data_pool, pkts, (unsigned)n) == 0 ? n : (int)result(-ENOBUFS);
}

int plx_frame_round(void)
{
    struct engine *e = engine_current;
    return e == NULL ? (int)result(-EPERM) : (int)engine_round(e);
}

int plx_frame_wait(uint64_t ns)
{
    struct engine *e = engine_current;
    if (e == NULL)
        return (int)result(-EPERM);
    nsec_t now = e->ops->now(e->user);
    engine_idle(e, ns < NSEC_NEVER - now ? now + ns : NSEC_NEVER);
    return 0;
}

int plx_frame_link_address(struct in_addr dst, unsigned *wire, uint8_t mac[6])
{
    struct engine *e = engine_current;
    struct ip_addr a = ip_addr_v4(dst.s_addr);
    uint8_t netif;
    if (e == NULL)
        return (int)result(-EPERM);
    int rc = net_link_address(&e->w->net, &a, &netif, mac);
    if (rc != 0)
        return (int)result(rc);
    *wire = netif;
    return 0;
}
