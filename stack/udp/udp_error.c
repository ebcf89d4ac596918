/* SPDX-License-Identifier: BSD-3-Clause */
/* The error queue of a socket that asked for it: ip(7) IP_RECVERR, recv(2) MSG_ERRQUEUE. */
#include <time.h> /* the next one needs it */

#include <linux/errqueue.h>
#include <errno.h>
#include <string.h>

#include "udp/udp_private.h"
#include "wire/icmp4.h"

#define UDP_ERRORS_PER_SOCKET 32 /* the oldest gives way */
#define UDP_ERRORS_MAX        4096
#define UDP_ERROR_QUOTE       128 /* of what an ICMP error quotes behind our header */

struct udp_error {
    struct udp_error_info info;
    uint32_t next;
    uint8_t quote[UDP_ERROR_QUOTE];
};

static struct udp_error *error_at(const struct udp *u, uint32_t idx)
{
    return slab_at(&u->errors, idx);
}

int udp_errors_init(struct udp *u)
{
    return slab_init(&u->errors, u->ctx->mem, sizeof(struct udp_error), UDP_ERRORS_MAX);
}

void udp_errors_fini(struct udp *u)
{
    slab_fini(&u->errors);
}

static void error_drop_head(struct udp *u, struct udp_pcb *pcb)
{
    uint32_t idx = pcb->err_head;
    pcb->err_head = error_at(u, idx)->next;
    if (pcb->err_head == 0)
        pcb->err_tail = 0;
    pcb->n_errors--;
    slab_free(&u->errors, idx);
}

void udp_errors_purge(struct udp *u, struct udp_pcb *pcb)
{
    while (pcb->err_head != 0)
        error_drop_head(u, pcb);
}

/* What the message holds of our datagram's payload: behind the quoted headers of IP and UDP. */
static uint32_t quote_copy(const struct pkt *p, uint8_t *out)
{
    const struct rte_mbuf *m = p->m;
    uint32_t at = p->l4_off + 8u;
    uint8_t ihl;
    if (m == NULL || m->pkt_len <= at)
        return 0;
    mbuf_copy_out(m, at, &ihl, 1);
    at += (ihl & 15u) * 4u + 8u;
    if (m->pkt_len <= at)
        return 0;
    uint32_t len = RTE_MIN(m->pkt_len - at, (uint32_t)UDP_ERROR_QUOTE);
    mbuf_copy_out(m, at, out, len);
    return len;
}

/* A place at the queue's end. NULL: none to be had (counted). */
static struct udp_error *error_append(struct udp *u, struct udp_pcb *pcb)
{
    if (pcb->n_errors == UDP_ERRORS_PER_SOCKET)
        error_drop_head(u, pcb);
    uint32_t idx = slab_alloc(&u->errors);
    if (idx == 0) {
        count(&u->ctx->counters, CNT_UDP_ERRORS_LOST);
        return NULL;
    }
    if (pcb->err_tail != 0)
        error_at(u, pcb->err_tail)->next = idx;
    else
        pcb->err_head = idx;
    pcb->err_tail = idx;
    pcb->n_errors++;
    return error_at(u, idx);
}

void udp_error_queue(struct udp *u, struct udp_pcb *pcb, const struct pkt *p, int err)
{
    const struct icmp_error_view *v = &p->icmp_error;
    struct udp_error *e = error_append(u, pcb);
    if (e == NULL)
        return;
    e->info = (struct udp_error_info){
        .origin = SO_EE_ORIGIN_ICMP,
        .type = v->type,
        .code = v->code,
        .err = (uint8_t)err,
        .info = v->type == ICMP4_UNREACHABLE && v->code == ICMP4_UNREACH_FRAG_NEEDED ? v->mtu : 0,
        .offender = p->src,
        .dst = v->dst,
        .dport = v->dport,
    };
    e->info.len = quote_copy(p, e->quote);
}

void udp_error_queue_local(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *dst, uint32_t mtu)
{
    struct udp_error *e = pcb->recverr ? error_append(u, pcb) : NULL;
    if (e == NULL)
        return;
    e->info = (struct udp_error_info){
        .origin = SO_EE_ORIGIN_LOCAL,
        .err = EMSGSIZE,
        .info = mtu,
        .dst = *dst,
        .dport = pcb->connected ? pcb->flow.rport : 0, /* as on Linux */
    };
    endpoint_notify(&u->ctx->ready, &pcb->ep, EPOLLERR);
}

ssize_t udp_recv_error(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n,
                       struct udp_error_info *out)
{
    if (pcb->err_head == 0)
        return -EAGAIN;
    const struct udp_error *e = error_at(u, pcb->err_head);
    uint32_t off = 0;
    *out = e->info;
    for (int i = 0; i < n && off < e->info.len; i++) {
        uint32_t len = (uint32_t)RTE_MIN((size_t)(e->info.len - off), iov[i].iov_len);
        if (len > 0)
            memcpy(iov[i].iov_base, e->quote + off, len);
        off += len;
    }
    error_drop_head(u, pcb);
    /* The pending error was that of the queue's head; now it is the next one's. */
    pcb->error = pcb->err_head != 0 ? error_at(u, pcb->err_head)->info.err : 0;
    return off;
}
