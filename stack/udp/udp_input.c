/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams and errors from the network (RFC 768, RFC1122-4.1). */
#include <errno.h>

#include "net/icmp.h"
#include "udp/udp_private.h"
#include "wire/icmp4.h"

/* m's data is the payload. The queue is bounded by what it pins, not by payload: a flood of empty
 * datagrams must not empty the pool. One may exceed the bound, so that the largest always gets in. */
static bool udp_queue_take(struct udp *u, struct udp_pcb *pcb, const struct pkt *p, struct rte_mbuf *m)
{
    uint32_t idx = pcb->q_pinned > pcb->rcvbuf ? 0 : slab_alloc(&u->datagrams);
    if (idx == 0) {
        count(&u->ctx->counters, CNT_DROP_UDP_QUEUE_FULL);
        rte_pktmbuf_free(m);
        return false;
    }
    struct udp_datagram *d = udp_datagram_at(u, idx);
    d->m = m;
    d->src = p->src;
    d->sport = p->udp.sport;
    d->next = 0;
    if (pcb->q_tail != 0) {
        udp_datagram_at(u, pcb->q_tail)->next = idx;
    } else {
        pcb->q_head = idx;
        pcb->q_next_len = m->pkt_len;
    }
    pcb->q_tail = idx;
    pcb->q_pinned += mbuf_charge(m);
    count(&u->ctx->counters, CNT_UDP_IN);
    endpoint_notify(&u->ctx->ready, &pcb->ep, EPOLLIN);
    return true;
}

static bool udp_wants_group(const struct udp_pcb *pcb, const struct flow_key *f)
{
    if (pcb->flow.lport != f->lport)
        return false;
    if (pcb->connected && (pcb->flow.rport != f->rport || !ip_addr_eq(&pcb->flow.remote, &f->remote)))
        return false;
    /* A connected one has an address because it must send from somewhere, not to hear less. */
    return ip_addr_is_any(&pcb->flow.local) || ip_addr_eq(&pcb->flow.local, &f->local) ||
           (pcb->connected && !pcb->fixed_addr);
}

/* RFC1122-4.1.3.5 and 4.1.4: everyone who listens there gets a copy, the last one the datagram. */
static enum verdict udp_input_group(struct udp *u, struct pkt *p, const struct flow_key *f)
{
    struct udp_pcb *last = NULL;
    for (uint32_t i = u->by_port[f->lport % UDP_PORT_BUCKETS]; i != 0;
         i = udp_pcb_at(u, i)->next[UDP_BY_PORT]) {
        struct udp_pcb *pcb = udp_pcb_at(u, i);
        if (!udp_wants_group(pcb, f))
            continue;
        if (last != NULL) {
            struct rte_mbuf *copy = rte_pktmbuf_copy(p->m, u->ctx->data_pool, 0, UINT32_MAX);
            if (copy == NULL)
                count(&u->ctx->counters, CNT_DROP_NO_MBUF);
            else
                udp_queue_take(u, last, p, copy);
        }
        last = pcb;
    }
    if (last == NULL)
        return pkt_drop(p, CNT_DROP_UDP_NO_PORT);
    udp_queue_take(u, last, p, p->m);
    return VERDICT_DONE;
}

enum verdict udp_input(struct udp *u, struct pkt *p)
{
    const struct flow_key f = {p->dst, p->src, p->udp.dport, p->udp.sport};
    if (unlikely(p->flags & (PKT_BROADCAST | PKT_MULTICAST))) {
        rte_pktmbuf_adj(p->m, p->data_off);
        return udp_input_group(u, p, &f);
    }
    struct udp_pcb *pcb = udp_find(u, &f);
    if (unlikely(pcb == NULL)) {
        net_send_icmp_error_borrow(u->net, p, ICMP4_UNREACHABLE, ICMP4_UNREACH_PORT);
        return pkt_drop(p, CNT_DROP_UDP_NO_PORT);
    }
    rte_pktmbuf_adj(p->m, p->data_off);
    udp_queue_take(u, pcb, p, p->m);
    return VERDICT_DONE;
}

static void udp_report(struct udp *u, struct udp_pcb *pcb, int err)
{
    pcb->error = (uint8_t)err;
    count(&u->ctx->counters, CNT_UDP_ERRORS_IN);
    endpoint_notify(&u->ctx->ready, &pcb->ep, EPOLLERR);
}

/* RFC1122-4.1.3.3. As on Linux an unconnected socket does not hear of it (it could not tell
 * about which datagram), nor a connected one of what may pass; with IP_RECVERR both hear of everything. */
void udp_icmp_error(struct udp *u, const struct pkt *p)
{
    const struct icmp_error_view *e = &p->icmp_error;
    const struct flow_key f = {e->src, e->dst, e->sport, e->dport};
    struct udp_pcb *pcb = udp_find(u, &f);
    if (pcb == NULL) /* about a datagram of nobody here */
        return;
    if (e->type == ICMP4_UNREACHABLE && e->code == ICMP4_UNREACH_FRAG_NEEDED)
        net_pmtu_update(u->net, &e->dst, e->mtu, e->total_length);
    bool hard;
    int err = icmp_error_errno(e->type, e->code, &hard);
    if (err != 0 && pcb->recverr)
        udp_error_queue(u, pcb, p, err);
    if (err != 0 && (pcb->recverr || (hard && pcb->connected)))
        udp_report(u, pcb, err);
}

void udp_unreachable(struct udp *u, const struct ip_addr *dst)
{
    if (u->n_connected == 0)
        return;
    for (uint32_t b = 0; b < UDP_FLOW_BUCKETS; b++)
        for (uint32_t i = u->by_flow[b]; i != 0; i = udp_pcb_at(u, i)->next[UDP_BY_FLOW])
            if (ip_addr_eq(&udp_pcb_at(u, i)->flow.remote, dst))
                udp_report(u, udp_pcb_at(u, i), EHOSTUNREACH);
}
