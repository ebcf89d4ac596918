/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/ip4_frag.h"

#include <string.h>

#include "net/net_private.h"
#include "wire/icmp4.h"

#define FRAG_END_MAX (UINT16_MAX - (uint32_t)sizeof(struct ip4_hdr))

int ip4_frag_init(struct net *n)
{
    struct ip4_reassembly *r = &n->frags;
    memset(r, 0, sizeof(*r));
    r->key = rng_key(&n->ctx->rng);
    r->timer.node.kind = TIMER_NET;
    r->timer.what = NET_TIMER_FRAGS;
    return slab_init(&r->datagrams, n->ctx->mem, sizeof(struct ip4_datagram), IP4_FRAG_DATAGRAMS + 1);
}

static struct ip4_datagram *datagram_at(const struct ip4_reassembly *r, uint32_t idx)
{
    return slab_at(&r->datagrams, idx);
}

/* ---- the table ---- */

static uint32_t *datagram_bucket(struct ip4_reassembly *r, uint32_t src, uint32_t dst, uint16_t id,
                                 uint8_t proto)
{
    uint64_t h =
        hash_mix(((uint64_t)src << 32 | dst) ^ r->key.k[0], ((uint64_t)id << 8 | proto) ^ r->key.k[1]);
    return &r->bucket[(h ^ h >> 32) % IP4_FRAG_BUCKETS];
}

static uint32_t datagram_find(struct ip4_reassembly *r, const struct pkt *p, const struct ip4_hdr *h)
{
    uint32_t idx = *datagram_bucket(r, h->src, h->dst, h->id, h->proto);
    while (idx != 0) {
        const struct ip4_datagram *d = datagram_at(r, idx);
        if (d->src == h->src && d->dst == h->dst && d->id == h->id && d->proto == h->proto &&
            d->netif == p->netif)
            break;
        idx = d->bucket_next;
    }
    return idx;
}

static uint32_t datagram_drop_fragments(struct ip4_reassembly *r, struct ip4_datagram *d)
{
    uint32_t dropped = d->n;
    for (uint16_t i = 0; i < d->n; i++)
        rte_pktmbuf_free(d->frag[i].m);
    r->pinned -= d->pinned;
    d->pinned = 0;
    d->n = 0;
    return dropped;
}

/* Its fragments are gone already, or handed on. */
static void datagram_remove(struct ip4_reassembly *r, uint32_t idx)
{
    struct ip4_datagram *d = datagram_at(r, idx);
    uint32_t *at = datagram_bucket(r, d->src, d->dst, d->id, d->proto);
    while (*at != idx)
        at = &datagram_at(r, *at)->bucket_next;
    *at = d->bucket_next;
    *(d->older != 0 ? &datagram_at(r, d->older)->newer : &r->oldest) = d->newer;
    *(d->newer != 0 ? &datagram_at(r, d->newer)->older : &r->newest) = d->older;
    slab_free(&r->datagrams, idx);
}

/* The oldest makes room: lone fragments sent to fill the table cannot keep honest ones out for long. */
static void datagram_evict_oldest(struct net *n)
{
    struct ip4_reassembly *r = &n->frags;
    uint32_t dropped = datagram_drop_fragments(r, datagram_at(r, r->oldest));
    count_add(&n->ctx->counters, CNT_DROP_FRAG_MEMORY, dropped);
    datagram_remove(r, r->oldest);
}

static uint32_t datagram_add(struct net *n, const struct pkt *p, const struct ip4_hdr *h)
{
    struct ip4_reassembly *r = &n->frags;
    uint32_t idx = slab_alloc(&r->datagrams);
    if (idx == 0 && r->oldest != 0) {
        datagram_evict_oldest(n);
        idx = slab_alloc(&r->datagrams);
    }
    if (idx == 0)
        return 0;
    struct ip4_datagram *d = datagram_at(r, idx);
    uint32_t *bucket = datagram_bucket(r, h->src, h->dst, h->id, h->proto);
    d->src = h->src;
    d->dst = h->dst;
    d->id = h->id;
    d->proto = h->proto;
    d->netif = p->netif;
    d->expires = n->ctx->now + n->ctx->tun->ipfrag_time_s * NSEC_PER_SEC;
    d->bucket_next = *bucket;
    *bucket = idx;
    d->older = r->newest;
    *(r->newest != 0 ? &datagram_at(r, r->newest)->newer : &r->oldest) = idx;
    r->newest = idx;
    if (!wheel_is_armed(&r->timer.node))
        wheel_arm(&n->ctx->wheel, &r->timer.node, d->expires);
    return idx;
}

void ip4_frag_fini(struct net *n)
{
    struct ip4_reassembly *r = &n->frags;
    if (r->datagrams.base == NULL)
        return;
    while (r->oldest != 0) {
        datagram_drop_fragments(r, datagram_at(r, r->oldest));
        datagram_remove(r, r->oldest);
    }
    wheel_cancel(&n->ctx->wheel, &r->timer.node);
    slab_fini(&r->datagrams);
}

/* ---- time ---- */

/* RFC 792: "if fragment zero is not available then no time exceeded need be sent at all". */
static void datagram_time_exceeded(struct net *n, const struct ip4_datagram *d)
{
    struct pkt p;
    p.src = ip_addr_v4(d->src);
    p.dst = ip_addr_v4(d->dst);
    if (d->n == 0 || d->frag[0].start != 0 || !net_is_local(n, &p.dst))
        return;
    p.m = d->frag[0].m;
    p.netif = d->netif;
    p.flags = 0;
    p.proto = d->proto;
    p.l3_off = n->netif[d->netif].has_link ? sizeof(struct ether_hdr) : 0;
    const struct ip4_hdr *h = ip4_hdr(&p);
    p.tos = h->tos;
    p.ttl = h->ttl;
    p.l4_off = (uint16_t)(p.l3_off + ip4_hdr_len(h));
    p.data_off = p.l4_off;
    p.data_len = d->frag[0].end;
    net_send_icmp_error_borrow(n, &p, ICMP4_TIME_EXCEEDED, ICMP4_EXCEEDED_REASSEMBLY);
}

void ip4_frag_timer(struct net *n)
{
    struct ip4_reassembly *r = &n->frags;
    while (r->oldest != 0 && datagram_at(r, r->oldest)->expires <= n->ctx->now) {
        struct ip4_datagram *d = datagram_at(r, r->oldest);
        datagram_time_exceeded(n, d);
        count_add(&n->ctx->counters, CNT_DROP_FRAG_TIMEOUT, datagram_drop_fragments(r, d));
        datagram_remove(r, r->oldest);
    }
    if (r->oldest != 0)
        wheel_arm(&n->ctx->wheel, &r->timer.node, datagram_at(r, r->oldest)->expires);
}

/* ---- putting together ---- */

/* Where a fragment belongs among those that are there: the first one that starts at or after `start`. */
static uint16_t datagram_place(const struct ip4_datagram *d, uint32_t start)
{
    uint16_t lo = 0, hi = d->n;
    if (hi > 0 && d->frag[hi - 1].start < start)
        return hi; /* in order */
    while (lo < hi) {
        uint16_t mid = (uint16_t)((lo + hi) / 2);
        if (d->frag[mid].start < start)
            lo = (uint16_t)(mid + 1);
        else
            hi = mid;
    }
    return lo;
}

enum frag_fate { FRAG_KEPT, FRAG_DUPLICATE, FRAG_OVERLAP, FRAG_MANY };

/* RFC 791's hole-filling with RFC 5722's rule: an overlap condemns the datagram; what is the same range
 * once more was only duplicated on its way. */
static enum frag_fate datagram_insert(struct ip4_datagram *d, struct rte_mbuf *m, uint32_t start,
                                      uint32_t end, bool more)
{
    uint16_t at = datagram_place(d, start);
    if (at < d->n && d->frag[at].start == start && d->frag[at].end == end && (more || d->total == end))
        return more && d->total == end ? FRAG_OVERLAP : FRAG_DUPLICATE;
    if ((at > 0 && d->frag[at - 1].end > start) || (at < d->n && d->frag[at].start < end))
        return FRAG_OVERLAP;
    /* Two ends, or data beyond the end: as contradictory as an overlap. */
    if (more ? d->total != 0 && end >= d->total : d->total != 0 || at < d->n)
        return FRAG_OVERLAP;
    if (d->n == IP4_FRAG_MAX)
        return FRAG_MANY;
    memmove(&d->frag[at + 1], &d->frag[at], (size_t)(d->n - at) * sizeof(d->frag[0]));
    d->frag[at] = (struct ip4_fragment){m, (uint16_t)start, (uint16_t)end};
    d->n++;
    d->have += end - start;
    if (!more)
        d->total = end;
    return FRAG_KEPT;
}

/* What the header says of ECN when its fragments do not agree (RFC3168-5.3): congestion is never
 * lost; beside a fragment that is not ECN-capable a CE mark cannot be true. */
static bool datagram_ecn(uint8_t seen, uint8_t *tos)
{
    const uint8_t not_ect = 1 << 0, ce = 1 << 3;
    if ((seen & ce) == 0)
        return true;
    *tos |= 3;
    return (seen & not_ect) == 0;
}

/* All fragments as one chain: the first with its headers, of the others the payload. */
static struct rte_mbuf *datagram_chain(struct ip4_datagram *d, uint16_t l3_off)
{
    struct rte_mbuf *head = d->frag[0].m, *tail = rte_pktmbuf_lastseg(head);
    for (uint16_t i = 1; i < d->n; i++) {
        struct rte_mbuf *m = d->frag[i].m;
        const struct ip4_hdr *h = rte_pktmbuf_mtod_offset(m, const struct ip4_hdr *, l3_off);
        rte_pktmbuf_adj(m, (uint16_t)(l3_off + ip4_hdr_len(h)));
        head->pkt_len += m->pkt_len;
        head->nb_segs = (uint16_t)(head->nb_segs + m->nb_segs);
        tail->next = m;
        tail = rte_pktmbuf_lastseg(m);
    }
    return head;
}

/* p becomes the whole datagram. False: dropped. */
static bool datagram_deliver(struct net *n, struct pkt *p, uint32_t idx)
{
    struct ip4_reassembly *r = &n->frags;
    struct ip4_datagram *d = datagram_at(r, idx);
    const uint32_t payload = d->total, n_fragments = d->n;
    const uint8_t ecn_seen = d->ecn_seen;
    p->m = datagram_chain(d, p->l3_off);
    r->pinned -= d->pinned;
    datagram_remove(r, idx);
    /* A head that may be written, with its headers in one piece. */
    if (!mbuf_writable(p->m)) {
        struct rte_mbuf *own = rte_pktmbuf_copy(p->m, n->ctx->data_pool, 0, UINT32_MAX);
        rte_pktmbuf_free(p->m);
        p->m = own;
        if (own == NULL) {
            count(&n->ctx->counters, CNT_DROP_NO_MBUF);
            return false;
        }
    }
    struct ip4_hdr *h = ip4_hdr(p);
    uint8_t tos = h->tos;
    uint32_t total = ip4_hdr_len(h) + payload;
    if (!datagram_ecn(ecn_seen, &tos) || total > UINT16_MAX) {
        enum counter why = total > UINT16_MAX ? CNT_DROP_FRAG_MALFORMED : CNT_DROP_FRAG_ECN;
        count_add(&n->ctx->counters, why, n_fragments);
        rte_pktmbuf_free(p->m);
        return false;
    }
    h->tos = tos;
    h->total_length = htons((uint16_t)total);
    h->fragment = 0;
    h->check = 0;
    h->check = checksum_finish(checksum_partial(h, ip4_hdr_len(h)));
    p->m->ol_flags &= ~(uint64_t)RTE_MBUF_F_RX_L4_CKSUM_MASK; /* what a device said was about a part */
    p->tos = tos;
    p->ttl = h->ttl;
    p->l4_off = p->data_off = (uint16_t)(p->l3_off + ip4_hdr_len(h));
    p->data_len = payload;
    p->flags |= PKT_REASSEMBLED;
    count(&n->ctx->counters, CNT_IP_REASSEMBLED);
    return true;
}

/* Drops the one that came and, from now on, all of the datagram's. */
static void datagram_condemn(struct net *n, struct ip4_datagram *d, struct rte_mbuf *m, enum counter reason)
{
    count_add(&n->ctx->counters, reason, datagram_drop_fragments(&n->frags, d));
    net_drop_take(n, m, reason);
    d->poisoned = true;
}

/* RFC 791: every fragment but the last is a multiple of eight; none reaches beyond 65,535. */
static bool fragment_is_sane(const struct pkt *p, uint32_t start, bool more)
{
    return p->data_len > 0 && (!more || p->data_len % 8 == 0) && start + p->data_len <= FRAG_END_MAX;
}

/* Memory is bounded in bytes pinned. */
static void reassembly_shrink(struct net *n)
{
    while (n->frags.pinned > n->ctx->tun->ipfrag_high_thresh && n->frags.oldest != 0)
        datagram_evict_oldest(n);
}

bool ip4_frag_input_take(struct net *n, struct pkt *p)
{
    struct ip4_reassembly *r = &n->frags;
    const struct ip4_hdr *h = ip4_hdr(p);
    uint32_t start = ip4_fragment_offset(h);
    bool more = ip4_more_fragments(h);
    if (!fragment_is_sane(p, start, more)) {
        net_drop_take(n, p->m, CNT_DROP_FRAG_MALFORMED);
        return false;
    }
    uint32_t idx = datagram_find(r, p, h);
    if (idx != 0 && datagram_at(r, idx)->expires <= n->ctx->now) {
        ip4_frag_timer(n); /* the timer is a little late: an old id must not meet a new one */
        idx = 0;
    }
    if (idx == 0)
        idx = datagram_add(n, p, h);
    if (idx == 0) {
        net_drop_take(n, p->m, CNT_DROP_FRAG_MEMORY);
        return false;
    }
    struct ip4_datagram *d = datagram_at(r, idx);
    enum frag_fate fate =
        d->poisoned ? FRAG_OVERLAP : datagram_insert(d, p->m, start, start + p->data_len, more);
    if (fate == FRAG_DUPLICATE) {
        net_drop_take(n, p->m, CNT_DROP_FRAG_DUPLICATE);
        return false;
    }
    if (fate != FRAG_KEPT) {
        datagram_condemn(n, d, p->m, fate == FRAG_MANY ? CNT_DROP_FRAG_MANY : CNT_DROP_FRAG_OVERLAP);
        return false;
    }
    uint32_t charge = mbuf_charge(p->m);
    d->pinned += charge;
    r->pinned += charge;
    d->ecn_seen |= (uint8_t)(1u << (h->tos & 3));
    if (d->have == d->total)
        return datagram_deliver(n, p, idx);
    reassembly_shrink(n);
    return false;
}
