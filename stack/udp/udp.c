/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP control blocks: life, association, options, and what the application takes out. */
#include "udp/udp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "udp/udp_private.h"

#define UDP_PCB_MAX       (1u << 20)
#define UDP_DATAGRAMS_MAX (1u << 20)

int udp_init(struct udp *u, struct context *ctx, struct net *net)
{
    memset(u, 0, sizeof(*u));
    u->ctx = ctx;
    u->net = net;
    u->key = rng_key(&ctx->rng);
    int rc = slab_init(&u->pcbs, ctx->mem, sizeof(struct udp_pcb), UDP_PCB_MAX);
    if (rc != 0)
        return rc;
    rc = slab_init(&u->datagrams, ctx->mem, sizeof(struct udp_datagram), UDP_DATAGRAMS_MAX);
    if (rc == 0) {
        rc = udp_errors_init(u);
        if (rc == 0)
            return 0;
        slab_fini(&u->datagrams);
    }
    slab_fini(&u->pcbs);
    return rc;
}

struct udp_pcb *udp_open(struct udp *u)
{
    uint32_t idx = slab_alloc(&u->pcbs);
    if (idx == 0)
        return NULL;
    struct udp_pcb *pcb = udp_pcb_at(u, idx);
    pcb->flow.local = pcb->flow.remote = ip_addr_v4(0);
    pcb->ttl = (uint8_t)u->ctx->tun->ip_default_ttl;
    pcb->mtu_discover = IP_PMTUDISC_WANT;
    pcb->rcvbuf = pcb->sndbuf = u->ctx->tun->udp_rmem_default;
    udp_link(u, pcb);
    u->n_pcbs++;
    return pcb;
}

/* Takes the oldest datagram off; its record is gone, the mbuf is the caller's. */
static struct rte_mbuf *udp_queue_pop(struct udp *u, struct udp_pcb *pcb, struct ip_addr *src, uint16_t *port)
{
    uint32_t idx = pcb->q_head;
    if (idx == 0)
        return NULL;
    struct udp_datagram *d = udp_datagram_at(u, idx);
    struct rte_mbuf *m = d->m;
    if (src != NULL)
        *src = d->src;
    if (port != NULL)
        *port = d->sport;
    pcb->q_head = d->next;
    if (pcb->q_head == 0)
        pcb->q_tail = 0;
    pcb->q_next_len = pcb->q_head != 0 ? udp_datagram_at(u, pcb->q_head)->m->pkt_len : 0;
    pcb->q_pinned -= mbuf_charge(m);
    slab_free(&u->datagrams, idx);
    return m;
}

void udp_close(struct udp *u, struct udp_pcb *pcb)
{
    struct rte_mbuf *m;
    udp_unlink(u, pcb);
    if (pcb->ep.queued)
        ready_list_remove(&u->ctx->ready, &pcb->ep);
    while ((m = udp_queue_pop(u, pcb, NULL, NULL)) != NULL)
        rte_pktmbuf_free(m);
    udp_errors_purge(u, pcb);
    slab_free(&u->pcbs, slab_index(&u->pcbs, pcb));
    u->n_pcbs--;
}

void udp_fini(struct udp *u)
{
    if (u->pcbs.base == NULL)
        return;
    for (uint32_t b = 0; b < UDP_PORT_BUCKETS; b++)
        while (u->by_port[b] != 0)
            udp_close(u, udp_pcb_at(u, u->by_port[b]));
    udp_errors_fini(u);
    slab_fini(&u->datagrams);
    slab_fini(&u->pcbs);
}

struct endpoint *udp_endpoint(struct udp_pcb *pcb)
{
    return &pcb->ep;
}

/* ---- association ---- */

/* As Linux: what bind did not fix is given back. */
static void udp_dissolve(struct udp *u, struct udp_pcb *pcb)
{
    udp_unlink(u, pcb);
    pcb->connected = false;
    pcb->flow.remote = ip_addr_v4(0);
    pcb->flow.rport = 0;
    pcb->path.valid = false;
    if (!pcb->fixed_addr)
        pcb->flow.local = ip_addr_v4(0);
    if (!pcb->fixed_port)
        pcb->flow.lport = 0;
    udp_link(u, pcb);
}

int udp_connect(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *addr, uint16_t port)
{
    if (addr == NULL) {
        udp_dissolve(u, pcb);
        return 0;
    }
    /* Linux takes 0.0.0.0 for this host. */
    struct ip_addr dst = ip_addr_is_any(addr) ? ip_addr_v4(htonl(INADDR_LOOPBACK)) : *addr;
    bool own = pcb->fixed_addr && net_is_local(u->net, &pcb->flow.local);
    struct ip_addr src = own ? pcb->flow.local : ip_addr_v4(0);
    struct net_path path;
    int rc = net_path_resolve(u->net, &path, &src, &dst, pcb->broadcast);
    if (rc != 0)
        return rc;
    udp_unlink(u, pcb);
    if (pcb->flow.lport == 0) {
        pcb->flow.local = src;
        rc = udp_choose_port(u, pcb);
        if (rc != 0) {
            pcb->flow.local = ip_addr_v4(0);
            udp_link(u, pcb);
            return -EAGAIN; /* connect(2): no ephemeral port is left */
        }
    }
    pcb->flow.local = pcb->fixed_addr ? pcb->flow.local : src;
    pcb->flow.remote = dst;
    pcb->flow.rport = port;
    pcb->connected = true;
    pcb->path = path;
    pcb->path_src = src;
    pcb->path_dst = dst;
    udp_link(u, pcb);
    return 0;
}

void udp_name(const struct udp_pcb *pcb, struct flow_key *out)
{
    *out = pcb->flow;
}

/* ---- taking out ---- */

int udp_take_error(struct udp_pcb *pcb)
{
    int err = pcb->error;
    pcb->error = 0;
    return err;
}

/* Scatters the first bytes of m; how many fitted. */
static uint32_t udp_copy_out(const struct rte_mbuf *m, const struct iovec *iov, int n)
{
    uint32_t off = 0;
    for (int i = 0; i < n && off < m->pkt_len; i++) {
        uint32_t len = (uint32_t)RTE_MIN((size_t)(m->pkt_len - off), iov[i].iov_len);
        if (len > 0)
            mbuf_copy_out(m, off, iov[i].iov_base, len);
        off += len;
    }
    return off;
}

ssize_t udp_recv(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n, int flags,
                 struct ip_addr *src, uint16_t *port)
{
    if (pcb->error != 0)
        return -udp_take_error(pcb);
    if (pcb->q_head == 0)
        return -EAGAIN;
    const struct udp_datagram *d = udp_datagram_at(u, pcb->q_head);
    ssize_t len = d->m->pkt_len;
    udp_copy_out(d->m, iov, n);
    if (flags & MSG_PEEK) {
        if (src != NULL)
            *src = d->src;
        if (port != NULL)
            *port = d->sport;
        return len;
    }
    rte_pktmbuf_free(udp_queue_pop(u, pcb, src, port));
    return len;
}

struct rte_mbuf *udp_recv_mbuf(struct udp *u, struct udp_pcb *pcb, struct ip_addr *src, uint16_t *port)
{
    return udp_queue_pop(u, pcb, src, port);
}

uint32_t udp_poll(const struct udp_pcb *pcb)
{
    return EPOLLOUT | (pcb->q_head != 0 ? EPOLLIN : 0u) |
           (pcb->error != 0 || pcb->err_head != 0 ? EPOLLERR : 0u);
}

uint32_t udp_next_len(const struct udp_pcb *pcb)
{
    return pcb->q_next_len;
}

/* ---- options ---- */

int udp_setopt(struct udp *u, struct udp_pcb *pcb, enum udp_opt opt, uint32_t value)
{
    switch (opt) {
    case UDP_OPT_RCVBUF:
        pcb->rcvbuf = value;
        return 0;
    case UDP_OPT_SNDBUF:
        pcb->sndbuf = value;
        return 0;
    case UDP_OPT_TTL:
        if (value < 1 || value > 255)
            return -EINVAL;
        pcb->ttl = (uint8_t)value;
        return 0;
    case UDP_OPT_TOS:
        pcb->tos = (uint8_t)value;
        return 0;
    case UDP_OPT_BROADCAST:
        pcb->broadcast = value != 0;
        pcb->path.valid = false; /* what was allowed may not be any more */
        return 0;
    case UDP_OPT_RECVERR:
        pcb->recverr = value != 0;
        if (!pcb->recverr)
            udp_errors_purge(u, pcb);
        return 0;
    case UDP_OPT_FREEBIND:
        pcb->freebind = value != 0;
        return 0;
    case UDP_OPT_MTU_DISCOVER:
        if (value > IP_PMTUDISC_DO)
            return -EINVAL;
        pcb->mtu_discover = (uint8_t)value;
        return 0;
    }
    return -ENOPROTOOPT;
}

uint32_t udp_getopt(const struct udp_pcb *pcb, enum udp_opt opt)
{
    switch (opt) {
    case UDP_OPT_RCVBUF:
        return pcb->rcvbuf;
    case UDP_OPT_SNDBUF:
        return pcb->sndbuf;
    case UDP_OPT_TTL:
        return pcb->ttl;
    case UDP_OPT_TOS:
        return pcb->tos;
    case UDP_OPT_BROADCAST:
        return pcb->broadcast;
    case UDP_OPT_RECVERR:
        return pcb->recverr;
    case UDP_OPT_FREEBIND:
        return pcb->freebind;
    case UDP_OPT_MTU_DISCOVER:
        return pcb->mtu_discover;
    }
    return 0;
}
