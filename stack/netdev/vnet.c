/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/vnet.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/hash.h"

/* ---- receiving ---- */

static uint32_t slot_seg_room(const struct rte_mempool *pool)
{
    return rte_pktmbuf_data_room_size((struct rte_mempool *)(uintptr_t)pool) - RTE_PKTMBUF_HEADROOM;
}

int vnet_slot_init(struct vnet_slot *s, const struct rte_mempool *pool, uint32_t frame_max)
{
    uint32_t room = slot_seg_room(pool);
    uint32_t want = room == 0 ? 0 : (frame_max + room - 1) / room;
    if (want == 0 || want > VNET_SEGS_MAX)
        return -EINVAL;
    s->iov[0] = (struct iovec){&s->hdr, sizeof(s->hdr)};
    s->want = (uint16_t)want;
    s->have = s->taken = 0;
    return 0;
}

static void slot_put(struct vnet_slot *s, uint16_t i, struct rte_mbuf *m)
{
    s->seg[i] = m;
    s->iov[1 + i] = (struct iovec){rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m)};
}

bool vnet_slot_fill(struct vnet_slot *s, struct rte_mempool *pool)
{
    uint16_t hole = 0;
    for (; hole < s->taken; hole++) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
        if (m == NULL)
            break;
        slot_put(s, hole, m);
    }
    /* The pool is empty: what is left at the end closes the holes in front. */
    while (hole < s->taken && s->have > s->taken)
        slot_put(s, hole++, s->seg[--s->have]);
    if (hole < s->taken)
        s->have = hole;
    s->taken = 0;
    while (s->have < s->want) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
        if (m == NULL)
            break;
        slot_put(s, s->have++, m);
    }
    return s->have > 0;
}

uint32_t vnet_slot_room(const struct vnet_slot *s)
{
    return s->have == 0 ? 0 : (uint32_t)(s->have * s->iov[1].iov_len);
}

struct rte_mbuf *vnet_slot_take(struct vnet_slot *s, uint32_t len)
{
    struct rte_mbuf *head = s->seg[0], *last = head;
    uint32_t left = len, n = 0;

    do {
        struct rte_mbuf *m = s->seg[n];
        uint32_t part = RTE_MIN(left, (uint32_t)s->iov[1 + n].iov_len);
        m->data_len = (uint16_t)part;
        left -= part;
        if (n++ > 0) {
            last->next = m;
            last = m;
        }
    } while (left > 0);
    head->pkt_len = len;
    head->nb_segs = (uint16_t)n;
    s->taken = (uint16_t)n;
    return head;
}

void vnet_slot_fini(struct vnet_slot *s)
{
    for (uint16_t i = s->taken; i < s->have; i++)
        rte_pktmbuf_free(s->seg[i]);
    s->have = s->taken = 0;
}

void vnet_mark(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
    if (h->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
        m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE) {
        m->ol_flags |= RTE_MBUF_F_RX_LRO;
        m->tso_segsz = h->gso_size;
    }
}

bool vnet_fill(struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
    uint16_t sum;
    uint32_t field = (uint32_t)h->csum_start + h->csum_offset;
    if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return true;
    /* The field holds the sum of the pseudo header, so summing over it adds that in. */
    if (field + sizeof(sum) > m->data_len || h->csum_start >= m->pkt_len ||
        rte_raw_cksum_mbuf(m, h->csum_start, m->pkt_len - h->csum_start, &sum) != 0)
        return false;
    sum = (uint16_t)~sum;
    if (sum == 0)
        sum = 0xffff; /* RFC 768; and the same number to TCP */
    memcpy(rte_pktmbuf_mtod_offset(m, void *, field), &sum, sizeof(sum));
    return true;
}

/* ---- sending ---- */

/* The sum over the pseudo header, which the kernel expects to find in the checksum field. */
static uint16_t pseudo_sum(const struct rte_mbuf *m, const void *ip, uint8_t protocol)
{
    uint32_t len = m->pkt_len - m->l2_len - m->l3_len;
    uint32_t sum = m->ol_flags & RTE_MBUF_F_TX_IPV6
                       ? rte_raw_cksum((const uint8_t *)ip + offsetof(struct rte_ipv6_hdr, src_addr), 32)
                       : rte_raw_cksum((const uint8_t *)ip + offsetof(struct rte_ipv4_hdr, src_addr), 8);
    sum += rte_cpu_to_be_16(protocol) + rte_cpu_to_be_16((uint16_t)(len >> 16)) +
           rte_cpu_to_be_16((uint16_t)len);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Writes into the copied headers and into the virtio-net header what the flags ask for. */
static bool out_requests(struct vnet_out *o, const struct rte_mbuf *m, uint32_t copied)
{
    uint32_t l4 = m->l2_len + m->l3_len;
    bool tso = (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
    uint64_t sum = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;

    if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(o->headers + m->l2_len);
        if (m->l3_len < sizeof(*ip) || copied < l4)
            return false;
        ip->hdr_checksum = 0;
        ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, m->l3_len);
    }
    if (sum == 0 && !tso)
        return true;
    bool udp = !tso && sum == RTE_MBUF_F_TX_UDP_CKSUM;
    uint32_t field =
        l4 + (udp ? offsetof(struct rte_udp_hdr, dgram_cksum) : offsetof(struct rte_tcp_hdr, cksum));
    if (field + sizeof(uint16_t) > copied)
        return false;
    uint16_t pseudo = pseudo_sum(m, o->headers + m->l2_len, udp ? IPPROTO_UDP : IPPROTO_TCP);
    memcpy(o->headers + field, &pseudo, sizeof(pseudo));
    o->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    o->hdr.csum_start = (uint16_t)l4;
    o->hdr.csum_offset = (uint16_t)(field - l4);
    if (tso) {
        o->hdr.gso_type =
            m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        o->hdr.gso_size = m->tso_segsz;
        o->hdr.hdr_len = (uint16_t)(l4 + m->l4_len);
    }
    return true;
}

bool vnet_out_build(struct vnet_out *o, struct rte_mbuf *m)
{
    uint32_t copied = 0;
    uint16_t n = 0;

    memset(&o->hdr, 0, sizeof(o->hdr));
    o->iov[n++] = (struct iovec){&o->hdr, sizeof(o->hdr)};
    if (m->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) {
        copied = RTE_MIN((uint32_t)m->data_len, (uint32_t)VNET_HEADERS_MAX);
        memcpy(o->headers, rte_pktmbuf_mtod(m, void *), copied);
        if (!out_requests(o, m, copied))
            return false;
        o->iov[n++] = (struct iovec){o->headers, copied};
    }
    for (struct rte_mbuf *seg = m; seg != NULL; seg = seg->next, copied = 0) {
        if (seg->data_len == copied)
            continue;
        if (n == RTE_DIM(o->iov))
            return false; /* vnet_compact */
        o->iov[n++] = (struct iovec){rte_pktmbuf_mtod_offset(seg, void *, copied), seg->data_len - copied};
    }
    o->n = n;
    return true;
}

struct rte_mbuf *vnet_compact(struct rte_mbuf *m, struct rte_mempool *pool)
{
    struct rte_mbuf *c = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
    if (c != NULL && c->nb_segs > VNET_SEGS_MAX) {
        rte_pktmbuf_free(c);
        c = NULL;
    }
    return c;
}

void vnet_stable_mac(const char *name, uint8_t mac[6])
{
    struct {
        char name[64];
        char host[72];
        uint64_t netns;
    } who;
    struct utsname host;
    struct siphash_key key = {{0x706f6c6c7578, 0x6d6163}};
    struct stat st;

    memset(&who, 0, sizeof(who));
    snprintf(who.name, sizeof(who.name), "%s", name);
    if (stat("/proc/self/ns/net", &st) == 0)
        who.netns = st.st_ino;
    if (uname(&host) == 0)
        snprintf(who.host, sizeof(who.host), "%s", host.nodename);
    uint64_t h = siphash(&key, &who, sizeof(who));
    memcpy(mac, &h, 6);
    mac[0] = (uint8_t)((mac[0] & 0xfe) | 0x02); /* unicast, locally administered */
}
