/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/frame.h"

#include <immintrin.h>
#include <rte_byteorder.h>
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define ARP_SPA 14
#define ARP_TPA 24
#define WRONG   0x0100 /* turned over in a checksum, it is wrong whatever it was */

/* ---- the image ---- */

static void mac_bytes(uint64_t v, uint8_t mac[6])
{
    for (int i = 5; i >= 0; i--, v >>= 8)
        mac[i] = (uint8_t)v;
}

static void link_emit(uint8_t *at, const struct stream *s, uint16_t type)
{
    uint8_t dst[6], src[6];

    mac_bytes(field_first(&s->field[F_DST_MAC]), dst);
    mac_bytes(field_first(&s->field[F_SRC_MAC]), src);
    ether_emit(at, dst, src, s->given[F_VLAN] ? ETHER_TYPE_VLAN : type);
    if (s->given[F_VLAN]) {
        uint64_t tci = field_first(&s->field[F_VLAN]) | field_first(&s->field[F_VLAN_PRIO]) << 13;
        const uint16_t tag[2] = {htons((uint16_t)tci), htons(type)};
        memcpy(at + sizeof(struct ether_hdr), tag, sizeof(tag));
    }
}

static uint32_t first32(const struct stream *s, enum stream_field f)
{
    return (uint32_t)field_first(&s->field[f]);
}

static void arp_image(uint8_t *at, const struct stream *s)
{
    struct arp_view v = {.op = (uint16_t)first32(s, F_ARP_OP),
                         .spa = htonl(first32(s, F_SRC)),
                         .tpa = htonl(first32(s, F_DST))};

    mac_bytes(field_first(&s->field[F_ARP_SHA]), v.sha);
    mac_bytes(field_first(&s->field[F_ARP_THA]), v.tha);
    arp_emit(at, &v);
}

static uint8_t ip_proto(const struct stream *s)
{
    static const uint8_t numbers[PROTOS] = {
        [PROTO_UDP] = IPPROTO_UDP, [PROTO_TCP] = IPPROTO_TCP, [PROTO_ICMP] = IPPROTO_ICMP};

    return s->proto == PROTO_IP ? (uint8_t)first32(s, F_IP_PROTO) : numbers[s->proto];
}

/* Lengths are 0: each frame adds its own. */
static void ip_image(uint8_t *at, const struct stream *s)
{
    const struct ip4_emit e = {
        .src = htonl(first32(s, F_SRC)),
        .dst = htonl(first32(s, F_DST)),
        .id = (uint16_t)first32(s, F_IP_ID),
        .fragment = (uint16_t)first32(s, F_FRAGMENT),
        .tos = (uint8_t)first32(s, F_TOS),
        .ttl = (uint8_t)first32(s, F_TTL),
        .proto = ip_proto(s),
    };

    ip4_emit(at, &e, false);
}

static void transport_image(uint8_t *at, const struct stream *s)
{
    if (s->proto == PROTO_UDP) {
        udp_emit(at, (uint16_t)first32(s, F_SPORT), (uint16_t)first32(s, F_DPORT), 0);
        ((struct udp_hdr *)at)->length = 0;
    } else if (s->proto == PROTO_TCP) {
        const struct tcp_view v = {
            .seq = first32(s, F_SEQ),
            .ack = first32(s, F_ACK),
            .sport = (uint16_t)first32(s, F_SPORT),
            .dport = (uint16_t)first32(s, F_DPORT),
            .window = (uint16_t)first32(s, F_WINDOW),
            .urgent = (uint16_t)first32(s, F_URGENT),
            .flags = (uint8_t)first32(s, F_FLAGS),
        };
        uint8_t room[TCP_HDR_MAX];
        tcp_emit(room, &v);
        memcpy(at, room, TCP_HDR_MIN);
    } else if (s->proto == PROTO_ICMP) {
        const struct icmp4_hdr h = {
            .type = (uint8_t)first32(s, F_ICMP_TYPE),
            .code = (uint8_t)first32(s, F_ICMP_CODE),
            .echo = {htons((uint16_t)first32(s, F_ICMP_ID)), htons((uint16_t)first32(s, F_ICMP_SEQ))},
        };
        memcpy(at, &h, sizeof(h));
    }
}

static void headers_image(struct frame_maker *k, const struct stream *s)
{
    uint16_t type = s->proto == PROTO_ARP     ? ETHER_TYPE_ARP
                    : s->proto == PROTO_ETHER ? (uint16_t)first32(s, F_ETHERTYPE)
                                              : ETHER_TYPE_IP4;

    link_emit(k->image, s, type);
    if (s->proto == PROTO_ARP)
        arp_image(k->image + k->l3, s);
    if (s->proto > PROTO_IP)
        return;
    ip_image(k->image + k->l3, s);
    transport_image(k->image + k->l4, s);
    k->ip_sum = checksum_words5(k->image + k->l3);
    k->transport_sum = checksum_partial(k->image + k->l4, k->headers - k->l4);
    if (s->proto == PROTO_UDP || s->proto == PROTO_TCP) {
        struct ip_addr src = ip_addr_v4(htonl(first32(s, F_SRC))), dst = ip_addr_v4(htonl(first32(s, F_DST)));
        k->transport_sum += checksum_pseudo(&src, &dst, ip_proto(s), 0);
    }
}

/* Bytes behind the headers, and their running sums. */
static void payload_image(struct frame_maker *k, const struct stream *s, uint32_t len)
{
    uint8_t *at = k->image + k->headers;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < len; i++) {
        at[i] = s->payload != NULL ? s->payload[i % s->payload_len] : 0;
        sum += i % 2 == 0 ? htons((uint16_t)(at[i] << 8)) : htons(at[i]);
        k->payload_sum[i + 1] = checksum_fold(sum);
    }
    if (k->probes)
        k->probe_sum = (uint64_t)htons(PROBE_MAGIC >> 16) + htons(PROBE_MAGIC & 0xffff) + htons(k->source);
}

/* ---- what changes ---- */

static uint16_t edit_offset(const struct frame_maker *k, enum stream_field f)
{
    const struct stream_field_info *i = &stream_fields[f];
    uint32_t base = i->layer == LAYER_LINK ? 0 : i->layer == LAYER_NET ? k->l3 : k->l4;

    if (k->proto == PROTO_ARP && (f == F_SRC || f == F_DST))
        return (uint16_t)(k->l3 + (f == F_SRC ? ARP_SPA : ARP_TPA));
    return (uint16_t)((int)base + i->off);
}

static bool edits_init(struct frame_maker *k, const struct stream *s, uint32_t part, uint32_t parts,
                       uint64_t seed)
{
    for (int f = 0; f < STREAM_FIELDS; f++) {
        const struct stream_field_info *i = &stream_fields[f];
        struct frame_edit *e = &k->edit[k->n_edits];
        if (s->field[f].mode == FIELD_FIXED || f == F_SIZE || !(i->protos & 1 << s->proto))
            continue;
        *e = (struct frame_edit){.off = edit_offset(k, (enum stream_field)f),
                                 .mask = i->mask,
                                 .width = i->width,
                                 .shift = i->shift};
        e->sums = s->proto == PROTO_ARP ? 0 : i->sums;
        if (s->proto == PROTO_ICMP && i->layer == LAYER_NET)
            e->sums &= (uint8_t)~SUM_TRANSPORT; /* no pseudo header */
        k->n_edits++;
        if (!field_copy(&e->field, &s->field[f]))
            return false;
        field_split(&e->field, part, parts, seed + (uint64_t)f * 0x9e37);
    }
    return true;
}

void frame_maker_fini(struct frame_maker *k)
{
    for (uint32_t i = 0; i < k->n_edits; i++)
        field_free(&k->edit[i].field);
    field_free(&k->size);
    free(k->payload_sum);
    free(k->image);
}

/* ---- a frame ---- */

/* The sum after a word has changed; kept short, so that it never overflows. */
static inline uint64_t sum_changed(uint64_t sum, uint32_t old, uint32_t new)
{
    return checksum_fold(sum + (uint32_t)~old + new);
}

static inline void edit_two(struct frame_maker *k, const struct frame_edit *e, uint8_t *at, uint64_t value)
{
    uint16_t *word = &k->word[e->off / 2];
    uint16_t old = *word;
    uint16_t new = htons((uint16_t)((ntohs(old) & ~e->mask) | (value << e->shift & e->mask)));

    *word = new;
    memcpy(at + e->off, &new, 2);
    if (e->sums & SUM_IP)
        k->ip_sum = sum_changed(k->ip_sum, old, new);
    if (e->sums & SUM_TRANSPORT)
        k->transport_sum = sum_changed(k->transport_sum, old, new);
}

static inline void edit_four(struct frame_maker *k, const struct frame_edit *e, uint8_t *at, uint64_t value)
{
    uint16_t *word = &k->word[e->off / 2];
    uint32_t old, new = htonl((uint32_t)value);

    memcpy(&old, word, 4);
    memcpy(word, &new, 4);
    memcpy(at + e->off, &new, 4);
    if (e->sums & SUM_IP)
        k->ip_sum = sum_changed(k->ip_sum, old, new);
    if (e->sums & SUM_TRANSPORT)
        k->transport_sum = sum_changed(k->transport_sum, old, new);
}

static inline void edits_apply(struct frame_maker *k, uint8_t *at)
{
    for (uint32_t i = 0; i < k->n_edits; i++) {
        struct frame_edit *e = &k->edit[i];
        uint64_t value = field_next(&e->field);
        if (e->width == 2)
            edit_two(k, e, at, value);
        else if (e->width == 4)
            edit_four(k, e, at, value);
        else
            mac_bytes(value, at + e->off);
    }
}

/* What probes of one moment in payloads of one length have in common. */
struct probe_stamp {
    uint64_t sum; /* of all but the number */
    uint32_t hi, lo;
    uint16_t source;
};

static inline struct probe_stamp probe_stamp(const struct frame_maker *k, uint32_t len, uint64_t time)
{
    struct probe_stamp s = {
        .hi = htonl((uint32_t)(time >> 32)), .lo = htonl((uint32_t)time), .source = htons(k->source)};
    uint16_t tail = (uint16_t)~k->payload_sum[PROBE_LEN]; /* taken away */

    s.sum = k->probe_sum + s.hi + s.lo + k->payload_sum[len] + tail;
    return s;
}

/* The sum of its payload becomes 0xffff. */
static inline void probe_emit(const struct probe_stamp *s, uint8_t *at, uint32_t number)
{
    struct probe *p = (struct probe *)at; /* field by field: a copy of them would wait for its own stores */
    uint32_t seq = htonl(number);

    p->magic = htonl(PROBE_MAGIC);
    p->source = s->source;
    p->check = checksum_finish(s->sum + seq);
    p->seq = seq;
    p->time_hi = s->hi;
    p->time_lo = s->lo;
}

static inline void put_checksum(uint8_t *at, uint16_t sum, bool wrong)
{
    if (wrong)
        sum ^= htons(sum == htons(WRONG) ? WRONG << 1 : WRONG);
    memcpy(at, &sum, 2);
}

static inline void put_lengths_and_checksums(struct frame_maker *k, uint8_t *at, uint32_t len,
                                             uint64_t payload_sum)
{
    uint16_t total = htons((uint16_t)(len - k->l3)), inner = htons((uint16_t)(len - k->l4));
    uint64_t sum = k->transport_sum + payload_sum;

    memcpy(at + k->l3 + offsetof(struct ip4_hdr, total_length), &total, 2);
    put_checksum(at + k->l3 + offsetof(struct ip4_hdr, check), checksum_finish(k->ip_sum + total),
                 k->checksum == CHECKSUM_BAD_IP);
    bool wrong = k->checksum == CHECKSUM_BAD;
    switch (k->proto) {
    case PROTO_UDP:
        memcpy(at + k->l4 + offsetof(struct udp_hdr, length), &inner, 2);
        if (k->checksum != CHECKSUM_NONE)
            put_checksum(at + k->l4 + UDP_CHECKSUM_OFFSET,
                         checksum_udp_nonzero(checksum_finish(sum + inner + inner)), wrong);
        break;
    case PROTO_TCP:
        put_checksum(at + k->l4 + TCP_CHECKSUM_OFFSET, checksum_finish(sum + inner), wrong);
        break;
    case PROTO_ICMP:
        put_checksum(at + k->l4 + offsetof(struct icmp4_hdr, check), checksum_finish(sum), wrong);
        break;
    default:
        break;
    }
}

static inline bool carries_probe(const struct frame_maker *k, uint32_t payload)
{
    return k->probes && payload >= PROBE_LEN;
}

/* A probe makes it the same whatever it says. */
static inline uint64_t payload_sum(const struct frame_maker *k, uint32_t payload)
{
    return carries_probe(k, payload) ? 0xffff : k->payload_sum[payload];
}

bool frame_maker_init(struct frame_maker *k, const struct stream *s, uint16_t source, uint32_t part,
                      uint32_t parts, uint64_t seed)
{
    uint32_t largest = (uint32_t)field_greatest(&s->field[F_SIZE]);

    memset(k, 0, sizeof(*k));
    k->proto = s->proto;
    k->checksum = s->checksum;
    k->headers = stream_headers(s);
    k->l3 = sizeof(struct ether_hdr) + (s->given[F_VLAN] ? 4 : 0);
    k->l4 = k->l3 + (s->proto <= PROTO_IP ? sizeof(struct ip4_hdr) : 0);
    k->probes = s->proto != PROTO_ARP && !s->no_probe && largest >= k->headers + PROBE_LEN;
    k->source = source;
    k->image =
        aligned_alloc(FRAME_BLOCK, (largest + STREAM_HEADERS + FRAME_BLOCK) / FRAME_BLOCK * FRAME_BLOCK);
    k->payload_sum = calloc(largest + 1, sizeof(*k->payload_sum));
    if (k->image == NULL || k->payload_sum == NULL || !field_copy(&k->size, &s->field[F_SIZE]))
        return false;
    memset(k->image, 0, STREAM_HEADERS);
    field_split(&k->size, part, parts, seed);
    headers_image(k, s);
    memcpy(k->word, k->image, k->headers);
    payload_image(k, s, largest - k->headers);
    if (!edits_init(k, s, part, parts, seed))
        return false;
    k->steady = k->n_edits == 0 && k->size.mode == FIELD_FIXED;
    if (k->steady && k->proto <= PROTO_IP)
        put_lengths_and_checksums(k, k->image, largest, payload_sum(k, largest - k->headers));
    return true;
}

static inline void image_copy(const struct frame_maker *k, uint8_t *restrict at, uint32_t len)
{
    const uint8_t *restrict image = k->image;

    for (uint32_t off = 0; off < len; off += FRAME_BLOCK)
        memcpy(at + off, image + off, FRAME_BLOCK);
}

/* The first bytes of an image, in registers. */
struct frame_block {
    __m128i lane[FRAME_BLOCK / 16];
};

static inline void block_load(struct frame_block *b, const uint8_t *image)
{
    for (unsigned i = 0; i < FRAME_BLOCK / 16; i++)
        b->lane[i] = _mm_loadu_si128((const __m128i *)image + i);
}

static inline void block_store(const struct frame_block *b, uint8_t *at)
{
    for (unsigned i = 0; i < FRAME_BLOCK / 16; i++)
        _mm_storeu_si128((__m128i *)at + i, b->lane[i]);
}

void frame_make(struct frame_maker *k, uint8_t *at, uint32_t len, uint64_t time)
{
    uint32_t payload = len - k->headers;

    image_copy(k, at, len);
    if (!k->steady)
        edits_apply(k, at);
    if (carries_probe(k, payload)) {
        struct probe_stamp s = probe_stamp(k, payload, time);
        probe_emit(&s, at + k->headers, k->seq++);
    }
    if (!k->steady && k->proto <= PROTO_IP)
        put_lengths_and_checksums(k, at, len, payload_sum(k, payload));
}

/* The image carries the stamp, so that number and check are all that is left to be written behind a copy. */
void frame_make_alike(struct frame_maker *k, struct rte_mbuf **m, int n, uint64_t time)
{
    uint32_t len = frame_next_size(k), at_check = k->headers + offsetof(struct probe, check);
    bool probes = carries_probe(k, len - k->headers);
    struct probe_stamp s = {0};
    struct frame_block first;

    if (probes) {
        s = probe_stamp(k, len - k->headers, time);
        probe_emit(&s, k->image + k->headers, 0);
    }
    block_load(&first, k->image);
    for (int i = 0; i < n; i++) {
        uint8_t *at = rte_pktmbuf_mtod(m[i], uint8_t *);
        block_store(&first, at);
        for (uint32_t off = FRAME_BLOCK; off < len; off += FRAME_BLOCK)
            memcpy(at + off, k->image + off, FRAME_BLOCK);
        if (probes) {
            const uint32_t seq = htonl(k->seq + (uint32_t)i);
            const uint16_t check = checksum_finish(s.sum + seq);
            memcpy(at + at_check, &check, 2);
            memcpy(at + at_check + 2, &seq, 4);
        }
        m[i]->data_len = (uint16_t)len;
        m[i]->pkt_len = len;
    }
    k->seq += probes ? (uint32_t)n : 0;
}
