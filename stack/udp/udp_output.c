/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams on their way out. */
#include <errno.h>
#include <string.h>

#include "udp/udp_private.h"
#include "wire/ip4.h"
#include "wire/udp.h"

#define UDP_LEN             sizeof(struct udp_hdr)
#define UDP_PAYLOAD_MAX     (UINT16_MAX - (uint32_t)(sizeof(struct ip4_hdr) + UDP_LEN))
#define UDP_OUTPUT_HEADROOM 64u /* what net_output_take wants in front of the transport header */

static int udp_path(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *dst)
{
    if (likely(net_path_ok(u->net, &pcb->path) && ip_addr_eq(&pcb->path_dst, dst)))
        return 0;
    bool own = net_is_local(u->net, &pcb->flow.local); /* bound to a group: the source is chosen */
    pcb->path_src = own ? pcb->flow.local : ip_addr_v4(0);
    pcb->path_dst = *dst;
    return net_path_resolve(u->net, &pcb->path, &pcb->path_src, dst, pcb->broadcast);
}

/* Where it goes, from which port, by which way. 0 or -errno. */
static int udp_prepare(struct udp *u, struct udp_pcb *pcb, size_t len, struct ip_addr *dst, uint16_t *port,
                       const struct ip_addr *to)
{
    if (unlikely(pcb->error != 0))
        return -udp_take_error(pcb);
    if (unlikely(len > UINT16_MAX))
        return -EMSGSIZE;
    if (to == NULL && !pcb->connected)
        return -EDESTADDRREQ;
    *dst = to != NULL ? *to : pcb->flow.remote;
    *port = to != NULL ? *port : pcb->flow.rport;
    if (unlikely(*port == 0))
        return -EINVAL; /* port 0 is nobody's (RFC 768); so does Linux */
    if (unlikely(ip_addr_is_any(dst)))
        *dst = ip_addr_v4(htonl(INADDR_LOOPBACK));
    if (unlikely(pcb->flow.lport == 0)) {
        udp_unlink(u, pcb);
        int rc = udp_choose_port(u, pcb);
        udp_link(u, pcb);
        if (rc != 0)
            return -EAGAIN;
    }
    int rc = udp_path(u, pcb, dst);
    if (rc != 0)
        return rc;
    uint32_t most = pcb->mtu_discover == IP_PMTUDISC_DO ? pcb->path.mtu : UINT16_MAX;
    if (likely(len + sizeof(struct ip4_hdr) + UDP_LEN <= most))
        return 0;
    udp_error_queue_local(u, pcb, dst, pcb->path.mtu);
    return -EMSGSIZE;
}

/* m: header and payload, the header not filled yet. */
static int udp_transmit_take(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *dst, uint16_t port,
                             struct rte_mbuf *m)
{
    bool multicast = pcb->path.neigh == NET_NEIGH_MULTICAST;
    const struct ip_send s = {
        .src = pcb->path_src,
        .dst = *dst,
        .proto = IPPROTO_UDP,
        .ttl = multicast ? 1 : pcb->ttl, /* RFC1112-6.1 */
        .tos = pcb->tos,
        .df = pcb->mtu_discover != IP_PMTUDISC_DONT &&
              m->pkt_len + sizeof(struct ip4_hdr) <= pcb->path.mtu, /* RFC 1191 discovery */
        .csum_off = UDP_CHECKSUM_OFFSET,
        .l4_len = UDP_LEN,
    };
    udp_emit(rte_pktmbuf_mtod(m, void *), pcb->flow.lport, port, (uint16_t)(m->pkt_len - UDP_LEN));
    int rc = net_output_take(u->net, &pcb->path, &s, m);
    if (rc == 0)
        count(&u->ctx->counters, CNT_UDP_OUT);
    return rc;
}

/* Where the copy stands in the caller's buffers. */
struct udp_cursor {
    const struct iovec *iov;
    size_t off;
};

static void udp_copy_in(struct udp_cursor *c, uint8_t *to, uint32_t len)
{
    while (len > 0) {
        uint32_t n = (uint32_t)RTE_MIN((size_t)len, c->iov->iov_len - c->off);
        if (n > 0)
            memcpy(to, (const uint8_t *)c->iov->iov_base + c->off, n);
        to += n;
        len -= n;
        c->off += n;
        if (c->off == c->iov->iov_len) {
            c->iov++;
            c->off = 0;
        }
    }
}

/* A chain with room for the header, then the payload; a small one in a small buffer. */
static struct rte_mbuf *udp_build(struct udp *u, const struct iovec *iov, uint32_t len)
{
    struct udp_cursor from = {iov, 0};
    bool small = len + UDP_LEN + RTE_PKTMBUF_HEADROOM <= rte_pktmbuf_data_room_size(u->ctx->hdr_pool);
    struct rte_mbuf *head = small ? mbuf_alloc_hdr(u->ctx) : mbuf_alloc_data(u->ctx);
    if (head == NULL)
        return NULL;
    head->data_len = UDP_LEN;
    head->pkt_len = UDP_LEN + len;
    for (struct rte_mbuf *m = head;;) {
        uint32_t n = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
        udp_copy_in(&from, rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), n);
        m->data_len = (uint16_t)(m->data_len + n);
        len -= n;
        if (len == 0)
            return head;
        m->next = mbuf_alloc_data(u->ctx);
        m = m->next;
        if (m == NULL) {
            rte_pktmbuf_free(head);
            return NULL;
        }
        head->nb_segs++;
    }
}

ssize_t udp_send(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n,
                 const struct ip_addr *dst, uint16_t port)
{
    size_t len = 0;
    struct ip_addr to;
    for (int i = 0; i < n; i++)
        len += RTE_MIN(iov[i].iov_len, (size_t)UINT32_MAX);
    int rc = udp_prepare(u, pcb, len, &to, &port, dst);
    if (rc != 0)
        return rc;
    struct rte_mbuf *m = udp_build(u, iov, (uint32_t)len);
    if (m == NULL)
        return -ENOBUFS;
    rc = udp_transmit_take(u, pcb, &to, port, m);
    return rc == 0 ? (ssize_t)len : rc;
}

/* Room for the header in front of a payload chain: its own, or a small buffer's. NULL: none. Takes m. */
static struct rte_mbuf *udp_head_take(struct udp *u, struct rte_mbuf *m)
{
    if (mbuf_writable(m) && rte_pktmbuf_headroom(m) >= UDP_LEN + UDP_OUTPUT_HEADROOM) {
        rte_pktmbuf_prepend(m, UDP_LEN);
        return m;
    }
    struct rte_mbuf *head = mbuf_alloc_hdr(u->ctx);
    if (head != NULL && rte_pktmbuf_append(head, UDP_LEN) != NULL && rte_pktmbuf_chain(head, m) == 0)
        return head;
    rte_pktmbuf_free(head);
    rte_pktmbuf_free(m);
    return NULL;
}

ssize_t udp_send_take(struct udp *u, struct udp_pcb *pcb, struct rte_mbuf *m, const struct ip_addr *dst,
                      uint16_t port)
{
    struct ip_addr to;
    uint32_t len = m->pkt_len;
    int rc = udp_prepare(u, pcb, len, &to, &port, dst);
    if (rc != 0) {
        rte_pktmbuf_free(m);
        return rc;
    }
    m = udp_head_take(u, m);
    if (m == NULL)
        return -ENOBUFS;
    rc = udp_transmit_take(u, pcb, &to, port, m);
    return rc == 0 ? (ssize_t)len : rc;
}
