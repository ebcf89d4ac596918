/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/inspect.h"

#include <immintrin.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define TAG_LEN 4

static inline uint16_t get16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, 2);
    return v;
}

static inline uint32_t get32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}

static inline uint64_t get64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return v;
}

/* Where the layers begin; 0: not there. */
struct layers {
    uint16_t type; /* host order */
    uint8_t proto;
    bool whole; /* an IP packet that is no fragment and as long as the frame has room for */
    uint32_t l3, l4, payload, end;
};

static inline void layers_ip(struct layers *l, const uint8_t *at, uint32_t len)
{
    static const uint8_t header[256] = {[IPPROTO_UDP] = sizeof(struct udp_hdr), [IPPROTO_ICMP] = 8};
    uint32_t ihl, total;

    if (len < l->l3 + sizeof(struct ip4_hdr))
        return;
    ihl = (at[l->l3] & 0xfu) * 4;
    total = ntohs(get16(at + l->l3 + 2));
    l->proto = at[l->l3 + 9];
    if (at[l->l3] >> 4 != 4 || ihl < sizeof(struct ip4_hdr) || total < ihl || l->l3 + ihl > len)
        return;
    l->l4 = l->l3 + ihl;
    l->end = l->l3 + total;
    l->payload = l->l4 + header[l->proto];
    if (l->proto == IPPROTO_TCP)
        l->payload = l->l4 + TCP_HDR_MIN <= len ? l->l4 + (at[l->l4 + 12] >> 4) * 4u : len;
    l->whole = (get16(at + l->l3 + 6) & htons(IP4_MF | IP4_OFFSET_MASK)) == 0;
}

/* From the first segment of the frame, whose headers lie there. */
static inline void layers_find(struct layers *l, const struct rte_mbuf *m)
{
    const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
    uint32_t len = m->data_len;

    memset(l, 0, sizeof(*l));
    if (len < sizeof(struct ether_hdr))
        return;
    l->l3 = sizeof(struct ether_hdr);
    l->type = ntohs(get16(at + 12));
    if (l->type == ETHER_TYPE_VLAN && len >= l->l3 + TAG_LEN) {
        l->type = ntohs(get16(at + 16));
        l->l3 += TAG_LEN;
    }
    if (l->type == ETHER_TYPE_IP4) {
        layers_ip(l, at, len);
    } else {
        l->payload = l->l3;
        l->end = m->pkt_len;
    }
}

static inline uint64_t frame_sum(const struct rte_mbuf *m, uint32_t from, uint32_t end)
{
    return m->nb_segs == 1 ? checksum_partial(rte_pktmbuf_mtod_offset(m, const void *, from), end - from)
                           : checksum_partial_mbuf(m, from, end - from);
}

/* Headers too: the payload of an undamaged probe adds nothing to the transport's checksum. */
static inline bool frame_sound(const struct layers *l, const struct rte_mbuf *m)
{
    const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
    uint64_t sum;

    if (l->end > m->pkt_len || l->end < l->payload ||
        checksum_fold(frame_sum(m, l->payload, l->end)) != 0xffff)
        return false;
    if (l->l4 == 0)
        return true;
    if (checksum_fold(checksum_partial(at + l->l3, l->l4 - l->l3)) != 0xffff)
        return false;
    if (!l->whole || l->payload == l->l4 || (l->proto == IPPROTO_UDP && get16(at + l->l4 + 6) == 0))
        return true;
    sum = checksum_partial(at + l->l4, l->payload - l->l4);
    if (l->proto != IPPROTO_ICMP)
        sum += (uint64_t)get32(at + l->l3 + 12) + get32(at + l->l3 + 16) + htons(l->proto) +
               htons((uint16_t)(l->end - l->l4));
    return checksum_fold(sum) == 0xffff;
}

static inline void probe_read(struct probe *p, const uint8_t *at)
{
    memcpy(p, at, sizeof(*p));
    p->source = ntohs(p->source);
    p->seq = ntohl(p->seq);
    p->time_hi = ntohl(p->time_hi);
    p->time_lo = ntohl(p->time_lo);
}

/* ---- headers that are known ---- */

#define CHANGES     offsetof(struct probe, check) /* in a row of probes: the check and the number, no more */
#define CHANGES_END offsetof(struct probe, time_hi)

static void known_learn(struct inspect_known *k, const struct rte_mbuf *m, const struct layers *l)
{
    uint8_t *mask = (uint8_t *)k->mask;

    if (m->nb_segs != 1 || m->pkt_len < INSPECT_KNOWN || l->payload > INSPECT_KNOWN)
        return;
    k->len = m->pkt_len;
    k->payload = (uint16_t)l->payload;
    k->end = (uint16_t)l->end;
    memset(mask, 0, sizeof(k->mask));
    memset(mask, 0xff, l->payload);
    for (unsigned i = 0; i < INSPECT_KNOWN / 8; i++)
        k->head[i] = get64(rte_pktmbuf_mtod_offset(m, const uint8_t *, i * 8)) & k->mask[i];
    memset(k->follower, 0xff, sizeof(k->follower));
    if (l->payload + CHANGES_END <= INSPECT_KNOWN)
        memset((uint8_t *)k->follower + l->payload + CHANGES, 0, CHANGES_END - CHANGES);
}

static inline bool known_headers(const struct inspect_known *k, const struct rte_mbuf *m)
{
    const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
    uint64_t other = 0;

    if (k->len == 0 || m->pkt_len != k->len || m->nb_segs != 1)
        return false;
    for (unsigned i = 0; i < INSPECT_KNOWN / 8; i++)
        other |= (get64(at + i * 8) ^ k->head[i]) & k->mask[i];
    return other == 0;
}

/* For payloads that hardly go beyond the probe a call would cost more than the sum. */
static inline uint64_t payload_sum(const uint8_t *at, uint32_t len)
{
    const uint8_t *rest = at + PROBE_LEN;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < PROBE_LEN; i += 4)
        sum += get32(at + i);
    return len == PROBE_LEN + 2 ? sum + get16(rest) : sum + checksum_partial(rest, len - PROBE_LEN);
}

static inline bool known_probe(const struct inspect_known *k, const struct rte_mbuf *m)
{
    const uint8_t *payload = rte_pktmbuf_mtod_offset(m, const uint8_t *, k->payload);

    return known_headers(k, m) && get32(payload) == htonl(PROBE_MAGIC) &&
           checksum_fold(payload_sum(payload, k->end - k->payload)) == 0xffff;
}

/* ---- frames ---- */

static enum inspect inspect_anew(struct inspect_known *k, const struct rte_mbuf *m, struct probe *p)
{
    const uint8_t *at = rte_pktmbuf_mtod(m, const uint8_t *);
    struct layers l;

    layers_find(&l, m);
    if (l.payload != 0 && l.payload + PROBE_LEN <= m->data_len &&
        get32(at + l.payload) == htonl(PROBE_MAGIC)) {
        if (!frame_sound(&l, m))
            return INSPECT_DAMAGED;
        known_learn(k, m, &l);
        probe_read(p, at + l.payload);
        return INSPECT_PROBE;
    }
    if (l.type == ETHER_TYPE_ARP || (l.type == ETHER_TYPE_IP4 && l.proto == IPPROTO_ICMP))
        return INSPECT_CONTROL;
    return INSPECT_OTHER;
}

enum inspect inspect_frame(struct inspect_known *k, const struct rte_mbuf *m, struct probe *p)
{
    if (__builtin_expect(!known_probe(k, m), 0))
        return inspect_anew(k, m, p);
    probe_read(p, rte_pktmbuf_mtod_offset(m, const uint8_t *, k->payload));
    return INSPECT_PROBE;
}

/* Of what changes in a row of probes; the same sum in one that is whole. */
static inline uint16_t changes_sum(const uint8_t *probe)
{
    return checksum_fold((uint64_t)get16(probe + CHANGES) + get32(probe + offsetof(struct probe, seq)));
}

#define LANES (INSPECT_KNOWN / 16)

static inline __m128i lane_load(const void *at, unsigned lane)
{
    return _mm_loadu_si128((const __m128i *)at + lane);
}

static inline bool follows(const uint8_t *at, const __m128i *head, const __m128i *mask)
{
    __m128i other = _mm_setzero_si128();

    for (unsigned i = 0; i < LANES; i++)
        other |= (lane_load(at, i) ^ head[i]) & mask[i];
    return _mm_testz_si128(other, other);
}

uint32_t inspect_followers(const struct inspect_known *k, struct rte_mbuf *const *m, uint32_t n)
{
    const uint8_t *first = rte_pktmbuf_mtod(m[0], const uint8_t *), *rest = first + INSPECT_KNOWN;
    const uint32_t len = k->len, payload = k->payload, number = payload + offsetof(struct probe, seq);
    const uint32_t n_rest = len - INSPECT_KNOWN;
    __m128i head[LANES], mask[LANES];
    uint32_t i = 1;

    if (n < 2 || !known_headers(k, m[0]) || payload + CHANGES_END > INSPECT_KNOWN)
        return 0;
    const uint16_t sum = changes_sum(first + payload);
    const uint32_t seq = ntohl(get32(first + number));
    for (unsigned w = 0; w < LANES; w++) {
        head[w] = lane_load(first, w);
        mask[w] = lane_load(k->follower, w);
    }
    for (; i < n; i++) {
        const uint8_t *at = rte_pktmbuf_mtod(m[i], const uint8_t *);
        if (m[i]->pkt_len != len || m[i]->nb_segs != 1 || !follows(at, head, mask) ||
            get32(at + number) != htonl(seq + i) || changes_sum(at + payload) != sum ||
            (n_rest > 0 && memcmp(at + INSPECT_KNOWN, rest, n_rest) != 0))
            break;
    }
    return i - 1;
}

/* ---- reflecting ---- */

static inline void swap(uint8_t *a, uint8_t *b, size_t n)
{
    uint8_t t[6];

    memcpy(t, a, n);
    memcpy(a, b, n);
    memcpy(b, t, n);
}

/* What a sender on this host has left to a device that there is not. */
static void checksum_complete(struct rte_mbuf *m, const struct layers *l)
{
    uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
    uint32_t field = l->l4 + (l->proto == IPPROTO_UDP ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET);
    struct ip_addr src = ip_addr_v4(get32(at + l->l3 + 12)), dst = ip_addr_v4(get32(at + l->l3 + 16));
    uint16_t sum = 0;

    if ((l->proto != IPPROTO_UDP && l->proto != IPPROTO_TCP) || l->payload > m->data_len ||
        l->end > m->pkt_len || l->end < l->payload)
        return;
    memcpy(at + field, &sum, 2);
    sum =
        checksum_finish(frame_sum(m, l->l4, l->end) + checksum_pseudo(&src, &dst, l->proto, l->end - l->l4));
    if (l->proto == IPPROTO_UDP)
        sum = checksum_udp_nonzero(sum);
    memcpy(at + field, &sum, 2);
}

/* Sums do not depend on the order of what is summed: they stay right (or wrong). */
bool inspect_reflect(struct rte_mbuf *m)
{
    uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
    struct layers l;

    layers_find(&l, m);
    if (l.l3 == 0 || l.type == ETHER_TYPE_ARP || (at[0] & 1) != 0)
        return false;
    if (l.type == ETHER_TYPE_IP4) {
        if (l.l4 == 0 ||
            (l.proto == IPPROTO_ICMP && (l.payload > m->data_len || at[l.l4] != ICMP4_ECHO_REQUEST)))
            return false;
        if (l.proto == IPPROTO_ICMP && l.whole)
            icmp4_echo_reply(m, (uint16_t)l.l4);
        swap(at + l.l3 + 12, at + l.l3 + 16, 4);
        if ((l.proto == IPPROTO_UDP || l.proto == IPPROTO_TCP) && l.whole && l.l4 + 4 <= m->data_len)
            swap(at + l.l4, at + l.l4 + 2, 2);
    }
    swap(at, at + 6, 6);
    if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE && l.whole)
        checksum_complete(m, &l);
    m->ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    return true;
}
