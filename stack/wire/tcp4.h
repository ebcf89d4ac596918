/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame that comes most, parsed in one go: Ethernet to us, IPv4 without options or padding and in one
 * piece, TCP. Nothing is decided here that ether_parse, ip4_parse and tcp_parse would decide otherwise;
 * whatever is not so plain, right or wrong, is theirs. */
#ifndef PLX_WIRE_TCP4_H
#define PLX_WIRE_TCP4_H

#include <netinet/in.h>

#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

/* Has the device verified both checksums, or are both right? False also where it said anything else. */
static inline bool tcp4_checksums_good(const struct pkt *p, const struct ip4_hdr *ip)
{
    const uint64_t mask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    uint64_t said = p->m->ol_flags & mask;
    if (likely(said == (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)))
        return true;
    return said == 0 && checksum_fold(checksum_words5(ip)) == 0xffff && pkt_transport_checksum_computed(p);
}

/* The headers of a frame that tcp4_is_plain has looked at. */
static inline const struct ip4_hdr *tcp4_ip(const struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, const struct ip4_hdr *, sizeof(struct ether_hdr));
}

static inline const struct tcp_hdr *tcp4_tcp(const struct rte_mbuf *m)
{
    return (const struct tcp_hdr *)(tcp4_ip(m) + 1);
}

/* Down to the end of timestamps. */
#define TCP4_PLAIN_MIN (sizeof(struct ether_hdr) + sizeof(struct ip4_hdr) + TCP_HDR_MIN + TCP_TS_SPACE)

static inline uint32_t tcp4_load32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Is it one buffer with a frame to `mac`, IPv4 without options, padding or fragments, and in it TCP with
 * nothing but ACK and PSH? Addresses, the rest of TCP's header and the checksums are not looked at. */
static inline bool tcp4_is_plain(const struct rte_mbuf *m, const uint8_t mac[6])
{
    const struct ether_hdr *e = rte_pktmbuf_mtod(m, const struct ether_hdr *);
    const struct ip4_hdr *ip = tcp4_ip(m);
    const uint32_t type_and_version = htonl((uint32_t)ETHER_TYPE_IP4 << 16 | 0x4500);
    const uint32_t fragment_and_proto = htonl((uint32_t)(IP4_MF | IP4_OFFSET_MASK) << 16 | 0xff);
    if (unlikely(m->data_len < TCP4_PLAIN_MIN || m->pkt_len != m->data_len))
        return false;
    return memcmp(e->dst, mac, 6) == 0 && (e->src[0] & 1) == 0 &&
           (tcp4_load32(&e->type) & htonl(0xffffff00)) == type_and_version &&
           ntohs(ip->total_length) == m->data_len - sizeof *e &&
           (tcp4_load32(&ip->fragment) & fragment_and_proto) == htonl(IPPROTO_TCP) &&
           (tcp4_tcp(m)->flags & ~TCP_PSH) == TCP_ACK;
}

/* What a frame has in common with the next one of the same stream. */
struct tcp4_sample {
    uint64_t link[2]; /* link header, version, TOS */
    uint64_t addresses;
    uint32_t ports, ttl, ack, window, options;
};

/* Of any frame in a buffer with TCP4_PLAIN_MIN bytes behind its beginning; what they are is not looked at. */
static inline void tcp4_sample_of(const struct rte_mbuf *m, struct tcp4_sample *s)
{
    const struct ip4_hdr *ip = tcp4_ip(m);
    const struct tcp_hdr *h = tcp4_tcp(m);
    memcpy(s->link, rte_pktmbuf_mtod(m, const void *), sizeof s->link);
    memcpy(&s->addresses, &ip->src, sizeof s->addresses);
    s->ports = tcp4_load32(&h->sport);
    s->ttl = tcp4_load32(&ip->fragment); /* flags, offset and protocol with it */
    s->ack = tcp4_load32(&h->ack);
    s->window = tcp4_load32(&h->data_offset) & htonl(~((uint32_t)TCP_PSH << 16)); /* data offset and flags */
    s->options = tcp4_load32(h + 1);
}

/* Is m as plain as the frame that `s` was taken from, and of the same stream: other than there only in its
 * length, identification, PSH, sequence number, timestamps, and checksums? */
static inline bool tcp4_is_like(const struct rte_mbuf *m, const struct tcp4_sample *s)
{
    struct tcp4_sample own;
    if (unlikely(m->data_len < TCP4_PLAIN_MIN || m->pkt_len != m->data_len))
        return false;
    tcp4_sample_of(m, &own);
    return ((own.link[0] ^ s->link[0]) | (own.link[1] ^ s->link[1]) | (own.addresses ^ s->addresses)) == 0 &&
           ((own.ports ^ s->ports) | (own.ttl ^ s->ttl) | (own.ack ^ s->ack) | (own.window ^ s->window) |
            (own.options ^ s->options)) == 0 &&
           ntohs(tcp4_ip(m)->total_length) == m->data_len - sizeof(struct ether_hdr);
}

/* Both checksums, as above, of a frame that is plain. */
static inline bool tcp4_sums_good(const struct rte_mbuf *m)
{
    const uint64_t mask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    uint64_t said = m->ol_flags & mask;
    if (likely(said == (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)))
        return true;
    const struct ip4_hdr *ip = tcp4_ip(m);
    uint32_t len = m->data_len - (uint32_t)(sizeof(struct ether_hdr) + sizeof *ip);
    uint64_t pseudo = (uint64_t)ip->src + ip->dst + htonl(len) + htons(IPPROTO_TCP);
    return said == 0 && checksum_fold(checksum_words5(ip)) == 0xffff &&
           checksum_fold(pseudo + checksum_partial(tcp4_tcp(m), len)) == 0xffff;
}

/* Everything that the three parsers fill in; p->m and p->flags are set. `mac` and `addr` (network order) are
 * ours. False: ask them; p's other fields mean nothing then. */
static inline bool tcp4_parse(struct pkt *p, const uint8_t mac[6], uint32_t addr)
{
    const struct rte_mbuf *m = p->m;
    const struct ether_hdr *e = rte_pktmbuf_mtod(m, const struct ether_hdr *);
    const struct ip4_hdr *ip = (const struct ip4_hdr *)(e + 1);
    const struct tcp_hdr *h = (const struct tcp_hdr *)(ip + 1);
    if (unlikely(m->data_len < sizeof *e + sizeof *ip + TCP_HDR_MIN ||
                 (m->next != NULL && m->data_len < PKT_HEADERS_MAX)))
        return false;
    uint32_t total = m->pkt_len - (uint32_t)sizeof *e, header = (h->data_offset >> 4) * 4u;
    if (unlikely(memcmp(e->dst, mac, 6) != 0 || (e->src[0] & 1) != 0 || e->type != htons(ETHER_TYPE_IP4) ||
                 ip->version_ihl != 0x45 || ntohs(ip->total_length) != total || ip4_is_fragment(ip) ||
                 ip->proto != IPPROTO_TCP || ip->dst != addr))
        return false;
    if (unlikely(header < TCP_HDR_MIN || m->data_len < sizeof *e + sizeof *ip + header))
        return false;
    tcp_options_parse((const uint8_t *)(h + 1), header - TCP_HDR_MIN, (h->flags & TCP_SYN) != 0, &p->tcp.opt);
    p->src = ip_addr_v4(ip->src);
    p->dst = ip_addr_v4(ip->dst);
    p->l3_off = sizeof *e;
    p->l4_off = sizeof *e + sizeof *ip;
    p->data_off = (uint16_t)(sizeof *e + sizeof *ip + header);
    p->data_len = total - (uint32_t)sizeof *ip - header;
    p->proto = IPPROTO_TCP;
    p->ttl = ip->ttl;
    p->tos = ip->tos;
    p->tcp.sport = ntohs(h->sport);
    p->tcp.dport = ntohs(h->dport);
    p->tcp.seq = ntohl(h->seq);
    p->tcp.ack = ntohl(h->ack);
    p->tcp.flags = h->flags;
    p->tcp.window = ntohs(h->window);
    p->tcp.urgent = ntohs(h->urgent);
    return tcp4_checksums_good(p, ip);
}

#endif
