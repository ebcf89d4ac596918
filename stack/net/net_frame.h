/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP's ordinary way out, in one go: a segment on a path about which nothing is to be asked, its headers
 * written straight into the frame. net_output_take does the same for every packet and every path; both
 * make the same bytes, which the simulations compare. */
#ifndef PLX_NET_NET_FRAME_H
#define PLX_NET_NET_FRAME_H

#include <netinet/in.h>
#include <string.h>

#include "net/ip4_id.h"
#include "net/net.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

/* Link and IP header in front of the transport's. */
#define NET_FRAME_FRONT (sizeof(struct ether_hdr) + sizeof(struct ip4_hdr))

/* May a packet of `len` bytes behind the IP header go out like this? The path has been resolved. */
static inline bool net_frame_ok(const struct net *n, const struct net_path *path, uint32_t len)
{
    if (unlikely(len + sizeof(struct ip4_hdr) > path->mtu || path->mtu_locked))
        return false;
    if (unlikely(path->neigh - 1 >= NET_NEIGH_SPECIAL - 1))
        return path->neigh == NET_NEIGH_NONE;
    return n->ctx->now < arp_entry_at(&n->netif[path->netif].arp, path->neigh)->usable_until;
}

/* Opens a frame in m, one direct segment with nobody else's reference: `len` bytes behind the IP header end
 * at m's data end, wherever its data began. Where the transport header is to be written. */
static inline uint8_t *net_frame_open(struct net *n, const struct net_path *path, struct rte_mbuf *m,
                                      uint32_t end, uint32_t len)
{
    uint32_t front = sizeof(struct ip4_hdr);
    uint8_t *ip = (uint8_t *)m->buf_addr + end - len - front;
    if (likely(path->neigh != NET_NEIGH_NONE)) {
        const struct arp_entry *e = arp_entry_at(&n->netif[path->netif].arp, path->neigh);
        front += sizeof(struct ether_hdr);
        memcpy(ip - sizeof(struct ether_hdr), e->header, 16); /* two more than it has, in one move */
    }
    m->data_off = (uint16_t)(end - len - front);
    m->data_len = (uint16_t)(len + front);
    m->pkt_len = len + front;
    m->nb_segs = 1;
    return ip + sizeof(struct ip4_hdr);
}

/* Closes it: both checksums (or what the device needs for them) and the IP header, in front of `tcp`, whose
 * own checksum field says 0. `len` as above, of which `header` bytes are TCP's. */
static inline void net_frame_close(struct net *n, const struct net_path *path, struct rte_mbuf *m,
                                   uint8_t *tcp, uint32_t len, uint32_t header, const struct flow_key *f,
                                   uint8_t ttl, uint8_t tos)
{
    const struct netif *nif = &n->netif[path->netif];
    uint64_t sum = checksum_pseudo(&f->local, &f->remote, IPPROTO_TCP, len);
    uint16_t *field = &((struct tcp_hdr *)tcp)->check;
    const struct ip4_emit e = {
        .src = ip_addr_get_v4(&f->local),
        .dst = ip_addr_get_v4(&f->remote),
        .total_length = (uint16_t)(len + sizeof(struct ip4_hdr)),
        .id = ip4_id_atomic(n, ip_addr_get_v4(&f->remote)),
        .fragment = IP4_DF,
        .tos = tos,
        .ttl = ttl,
        .proto = IPPROTO_TCP,
    };
    ip4_emit(tcp - sizeof(struct ip4_hdr), &e, !nif->tx_csum);
    if (nif->tx_csum) {
        *field = checksum_fold(sum);
        m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
        m->tx_offload = rte_mbuf_tx_offload(nif->has_link ? sizeof(struct ether_hdr) : 0,
                                            sizeof(struct ip4_hdr), header, 0, 0, 0, 0);
    } else {
        *field = checksum_finish(sum + checksum_partial(tcp, len));
        m->ol_flags = 0;
    }
}

/* Onto the interface's queue. */
static inline void net_frame_send_take(struct net *n, const struct net_path *path, struct rte_mbuf *m)
{
    struct netif *nif = &n->netif[path->netif];
    nif->tx_bytes += m->pkt_len;
    nif->tx[nif->n_tx++] = m;
    if (unlikely(nif->n_tx == NETIF_TX_BURST))
        net_flush(n);
}

#endif
