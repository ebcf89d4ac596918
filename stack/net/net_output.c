/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 out: checksums, headers, fragmentation, the interface's queue, and packets to ourselves. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "net/ip4_id.h"
#include "net/net_private.h"
#include "net/netif_queue.h"

#define IP4_LEN sizeof(struct ip4_hdr)

/* ---- the interface's burst ---- */

void netif_flush(struct net *n, struct netif *nif)
{
    uint16_t sent = 0;
    if (likely(n->tx_held == 0))
        sent = netdev_tx_burst(nif->dev, nif->queue, n->ctx->now, nif->tx, nif->n_tx);
    if (unlikely(sent < nif->n_tx))
        sent = netif_queue_rest(n, nif, sent);
    count_add(&n->ctx->counters, CNT_TX_PACKETS, sent);
    count_add(&n->ctx->counters, CNT_TX_BYTES, nif->tx_bytes);
    nif->n_tx = 0;
    nif->tx_bytes = 0;
}

/* One buffer with all of it, for a wire that takes no chains. NULL: too large for one, or none left;
 * counted. Takes m. */
static struct rte_mbuf *netif_linear_take(struct net *n, struct rte_mbuf *m)
{
    struct rte_mbuf *flat = mbuf_alloc_data(n->ctx);
    if (flat != NULL && rte_pktmbuf_tailroom(flat) < m->pkt_len) {
        net_drop_take(n, flat, CNT_DROP_IP_SEGMENTS);
        flat = NULL;
    }
    if (flat != NULL) {
        mbuf_copy_out(m, 0, rte_pktmbuf_mtod(flat, void *), m->pkt_len);
        flat->data_len = (uint16_t)m->pkt_len;
        flat->pkt_len = m->pkt_len;
        flat->ol_flags = m->ol_flags & ~(RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT);
        flat->tx_offload = m->tx_offload;
    }
    rte_pktmbuf_free(m);
    return flat;
}

static inline void netif_queue_take(struct net *n, struct netif *nif, struct rte_mbuf *m)
{
    if (unlikely(m->nb_segs > 1 && !nif->multi_seg)) {
        m = netif_linear_take(n, m);
        if (m == NULL)
            return;
    }
    nif->tx_bytes += m->pkt_len;
    nif->tx[nif->n_tx++] = m;
    if (unlikely(nif->n_tx == NETIF_TX_BURST))
        netif_flush(n, nif);
}

void netif_send_take(struct net *n, struct netif *nif, struct rte_mbuf *m)
{
    netif_queue_take(n, nif, m);
}

void net_flush(struct net *n)
{
    for (struct netif *nif = n->netif, *end = nif + n->n_netifs; nif < end; nif++)
        if (nif->n_tx > 0)
            netif_flush(n, nif);
        else if (unlikely(netif_queue_waits(nif)))
            netif_queue_offer(n, nif);
}

/* ---- headers ---- */

static inline void output_offload(const struct netif *nif, const struct ip_send *s, struct rte_mbuf *m,
                                  uint16_t *field)
{
    bool tso = s->tso_segsz > 0;
    *field = checksum_fold(checksum_pseudo(&s->src, &s->dst, s->proto, tso ? 0 : m->pkt_len));
    m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM |
                   (s->proto == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM) |
                   (tso ? RTE_MBUF_F_TX_TCP_SEG : 0);
    m->tx_offload = rte_mbuf_tx_offload(nif->has_link ? sizeof(struct ether_hdr) : 0, IP4_LEN, s->l4_len,
                                        s->tso_segsz, 0, 0, 0);
}

static void output_checksum_soft(const struct ip_send *s, struct rte_mbuf *m, uint16_t *field)
{
    *field = 0;
    if (s->proto == IPPROTO_ICMP)
        *field = checksum_finish(checksum_partial_mbuf(m, 0, m->pkt_len));
    else
        *field = checksum_transport(m, 0, &s->src, &s->dst, s->proto);
    if (s->proto == IPPROTO_UDP)
        *field = checksum_udp_nonzero(*field);
}

/* The transport's checksum, by the device where it can. What a receiver or another stack left in the
 * flags goes. */
static inline void output_checksum(const struct netif *nif, const struct ip_send *s, struct rte_mbuf *m,
                                   bool soft)
{
    m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    if (s->csum_off == 0xff)
        return;
    uint16_t *field = rte_pktmbuf_mtod_offset(m, uint16_t *, s->csum_off);
    if (nif->tx_csum && !soft && s->proto != IPPROTO_ICMP)
        output_offload(nif, s, m, field);
    else
        output_checksum_soft(s, m, field);
}

static inline void output_ip_header(void *at, const struct ip_send *s, uint32_t len, uint16_t id,
                                    uint16_t fragment, bool checksum)
{
    const struct ip4_emit e = {
        .src = ip_addr_get_v4(&s->src),
        .dst = ip_addr_get_v4(&s->dst),
        .total_length = (uint16_t)len,
        .id = id,
        .fragment = fragment,
        .tos = s->tos,
        .ttl = s->ttl,
        .proto = s->proto,
    };
    ip4_emit(at, &e, checksum);
}

/* Room for `len` bytes in front; the caller has promised that it is there. */
static inline uint8_t *output_prepend(struct rte_mbuf *m, uint16_t len)
{
    assert(m->data_off >= len);
    m->data_off = (uint16_t)(m->data_off - len);
    m->data_len = (uint16_t)(m->data_len + len);
    m->pkt_len += len;
    return rte_pktmbuf_mtod(m, uint8_t *);
}

/* A group's link address: all ones, or RFC1112-6.4's mapping. A directed broadcast comes back
 * to our own sockets too, as on Linux. */
static int output_group_take(struct net *n, const struct net_path *path, const struct ip_send *s,
                             struct rte_mbuf *m)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct netif *nif = &n->netif[path->netif];
    if (path->neigh == NET_NEIGH_BROADCAST) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(m, n->ctx->data_pool, 0, UINT32_MAX);
        if (copy != NULL)
            net_loopback_take(n, copy);
        else
            count(&n->ctx->counters, CNT_DROP_NO_MBUF);
    }
    if (nif->has_link) {
        uint8_t group[6];
        net_group_mac(ip_addr_get_v4(&s->dst), group);
        uint8_t *l2 = output_prepend(m, sizeof(struct ether_hdr));
        ether_emit(l2, path->neigh == NET_NEIGH_MULTICAST ? group : broadcast, nif->mac, ETHER_TYPE_IP4);
    }
    netif_queue_take(n, nif, m);
    return 0;
}

/* IP header and whatever is below it. */
static inline int output_finish_take(struct net *n, const struct net_path *path, const struct ip_send *s,
                                     struct rte_mbuf *m, uint16_t id, uint16_t fragment)
{
    struct netif *nif = &n->netif[path->netif];
    uint32_t len = m->pkt_len + IP4_LEN;
    bool sum = (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0;
    if (likely(path->neigh - 1 < NET_NEIGH_SPECIAL - 1)) {
        const struct arp_entry *e = arp_entry_at(&nif->arp, path->neigh);
        if (likely(n->ctx->now < e->usable_until)) {
            uint8_t *l2 = output_prepend(m, IP4_LEN + sizeof(struct ether_hdr));
            memcpy(l2, e->header, 16); /* two more than it has, in one move; the IP header comes over them */
            output_ip_header(l2 + sizeof(struct ether_hdr), s, len, id, fragment, sum);
            netif_queue_take(n, nif, m);
            return 0;
        }
        output_ip_header(output_prepend(m, IP4_LEN), s, len, id, fragment, sum);
        return arp_output_take(n, path->netif, path->neigh, m);
    }
    output_ip_header(output_prepend(m, IP4_LEN), s, len, id, fragment, sum);
    if (path->neigh == NET_NEIGH_LOOPBACK)
        return net_loopback_take(n, m);
    if (path->neigh != NET_NEIGH_NONE)
        return output_group_take(n, path, s, m);
    netif_queue_take(n, nif, m);
    return 0;
}

/* ---- fragmentation (RFC791-3.2) ---- */

uint16_t ip4_id_fragmentable(struct net *n, uint32_t src, uint32_t dst, uint8_t proto)
{
    const uint32_t words[3] = {src, dst, proto};
    uint64_t key = siphash(&n->ip_id_key, words, sizeof(words));
    uint32_t count = ++n->ip_id_count;
    uint8_t left = (uint8_t)(count >> 8), right = (uint8_t)count;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t mixed = hash_mix(key ^ right, n->ip_id_key.k[round & 1] + round);
        uint8_t next = left ^ (uint8_t)(mixed >> 28);
        left = right;
        right = next;
    }
    return (uint16_t)(left << 8 | right);
}

/* [off, off+len) of `from` in buffers of our own, room for headers in front. NULL: the pool is empty. */
static struct rte_mbuf *fragment_copy(struct net *n, const struct rte_mbuf *from, uint32_t off, uint32_t len)
{
    struct rte_mbuf *head = NULL, **link = &head;
    while (len > 0) {
        struct rte_mbuf *m = mbuf_alloc_data(n->ctx);
        if (m == NULL || rte_pktmbuf_tailroom(m) == 0) {
            rte_pktmbuf_free(m);
            rte_pktmbuf_free(head);
            return NULL;
        }
        uint32_t k = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
        mbuf_copy_out(from, off, rte_pktmbuf_mtod(m, void *), k);
        m->data_len = (uint16_t)k;
        m->pkt_len = k;
        *link = m;
        link = &m->next;
        if (head != m) {
            head->nb_segs++;
            head->pkt_len += k;
        }
        off += k;
        len -= k;
    }
    return head;
}

static int output_fragments_take(struct net *n, const struct net_path *path, const struct ip_send *s,
                                 struct rte_mbuf *m)
{
    const struct netif *nif = &n->netif[path->netif];
    uint32_t chunk = path->mtu - IP4_LEN;
    if (!nif->multi_seg)
        chunk = RTE_MIN(chunk, (uint32_t)rte_pktmbuf_data_room_size(n->ctx->data_pool) -
                                   RTE_PKTMBUF_HEADROOM - (uint32_t)(IP4_LEN + sizeof(struct ether_hdr)));
    chunk &= ~7u;
    uint16_t id = ip4_id_fragmentable(n, ip_addr_get_v4(&s->src), ip_addr_get_v4(&s->dst), s->proto);
    int rc = 0;
    for (uint32_t off = 0; off < m->pkt_len && rc == 0; off += chunk) {
        uint32_t len = RTE_MIN(chunk, m->pkt_len - off);
        struct rte_mbuf *f = fragment_copy(n, m, off, len);
        uint16_t more = off + len < m->pkt_len ? IP4_MF : 0;
        rc = f == NULL ? -ENOBUFS : output_finish_take(n, path, s, f, id, (uint16_t)(more | off / 8));
        if (rc == 0)
            count(&n->ctx->counters, CNT_IP_FRAGMENTS_OUT);
    }
    rte_pktmbuf_free(m);
    return rc;
}

static int output_large_take(struct net *n, const struct net_path *path, const struct ip_send *s,
                             struct rte_mbuf *m)
{
    if (m->pkt_len + IP4_LEN > UINT16_MAX || (s->df && !path->mtu_locked)) {
        net_drop_take(n, m, CNT_DROP_IP_TOO_BIG);
        return -EMSGSIZE;
    }
    output_checksum(&n->netif[path->netif], s, m, true);
    return output_fragments_take(n, path, s, m);
}

int net_output_take(struct net *n, const struct net_path *path, const struct ip_send *s, struct rte_mbuf *m)
{
    if (unlikely(m->pkt_len + IP4_LEN > path->mtu && s->tso_segsz == 0))
        return output_large_take(n, path, s, m);
    uint32_t dst = ip_addr_get_v4(&s->dst);
    output_checksum(&n->netif[path->netif], s, m, path->neigh >= NET_NEIGH_SPECIAL);
    if (likely(s->df && !path->mtu_locked))
        return output_finish_take(n, path, s, m, ip4_id_atomic(n, dst), IP4_DF);
    return output_finish_take(n, path, s, m, ip4_id_fragmentable(n, ip_addr_get_v4(&s->src), dst, s->proto),
                              0);
}

/* ---- to ourselves ---- */

/* What the receiver trims must not be what the sender still holds. */
static bool loopback_shared(const struct rte_mbuf *m)
{
    for (; m != NULL; m = m->next)
        if (!mbuf_writable(m))
            return true;
    return false;
}

int net_loopback_take(struct net *n, struct rte_mbuf *m)
{
    struct net_loopback *l = &n->loopback;
    if (l->tail - l->head == NET_LOOPBACK_MAX) {
        net_drop_take(n, m, CNT_DROP_LOOPBACK_FULL);
        return -ENOBUFS;
    }
    if (loopback_shared(m)) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(m, n->ctx->data_pool, 0, UINT32_MAX);
        rte_pktmbuf_free(m);
        m = copy;
        if (m == NULL) {
            count(&n->ctx->counters, CNT_DROP_NO_MBUF);
            return -ENOBUFS;
        }
    }
    m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
    m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    l->m[l->tail++ % NET_LOOPBACK_MAX] = m;
    return 0;
}
