/* SPDX-License-Identifier: BSD-3-Clause */
/* The host-order view of one received packet: each header is parsed and validated once, in wire/,
 * and everything above reads the view. It lives on the stack of the worker's receive loop. */
#ifndef PLX_WIRE_PACKET_H
#define PLX_WIRE_PACKET_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/counters.h"
#include "base/seq.h"

/* What is to be done with a packet next. A layer returns this instead of calling up; the worker
 * dispatches. */
enum verdict {
    VERDICT_DONE,       /* taken care of; the mbuf is no longer the caller's */
    VERDICT_DROP,       /* pkt->drop says why; the caller counts and frees the mbuf */
    VERDICT_TCP,        /* a TCP segment, parsed into pkt->tcp */
    VERDICT_UDP,        /* a UDP datagram, parsed into pkt->udp */
    VERDICT_ICMP_ERROR, /* an ICMP error about a packet we sent: pkt->icmp_error */
    VERDICT_ALL,        /* every worker must see it (ARP): copy by ring; already handled here */
};

enum {
    PKT_BROADCAST = 1 << 0, /* link or IP broadcast */
    PKT_MULTICAST = 1 << 1,
    PKT_REASSEMBLED = 1 << 2,
    PKT_FORWARDED = 1 << 3, /* came by ring from another worker: learn from it, do not answer ARP again */
};

/* TCP flags as on the wire (RFC9293-3.1). */
enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

enum {
    TCP_OPT_HAS_MSS = 1 << 0,
    TCP_OPT_HAS_WSCALE = 1 << 1,
    TCP_OPT_HAS_SACK_PERMITTED = 1 << 2,
    TCP_OPT_HAS_TS = 1 << 3,
    TCP_OPT_HAS_SACK = 1 << 4,
};

struct sack_block {
    seq_t left, right;
};

/* A field counts only when its bit in `has` is set. */
struct tcp_options {
    uint8_t has;
    uint8_t wscale; /* as received; RFC 7323 says treat above 14 as 14 */
    uint8_t n_sack;
    uint16_t mss;
    uint32_t tsval, tsecr;
    struct sack_block sack[4];
};

struct tcp_view {
    seq_t seq, ack;
    uint16_t sport, dport;
    uint16_t window; /* unscaled */
    uint16_t urgent;
    uint8_t flags;
    struct tcp_options opt;
};

struct udp_view {
    uint16_t sport, dport;
};

struct icmp_error_view {
    uint8_t type, code;
    uint8_t proto;           /* of the embedded packet */
    uint16_t mtu;            /* next-hop MTU of "fragmentation needed", 0 if not given */
    uint16_t sport, dport;   /* embedded: our packet's ports, so sport is ours */
    seq_t seq;               /* embedded TCP: its sequence number */
    struct ip_addr src, dst; /* embedded: src is ours */
    uint16_t total_length;   /* embedded IP total length */
};

struct pkt {
    struct rte_mbuf *m; /* data starts at the link header (or at IP when there is none) */
    struct ip_addr src, dst;
    uint16_t l3_off; /* from the mbuf's data start */
    uint16_t l4_off;
    uint16_t data_off; /* payload */
    uint16_t drop;     /* enum counter, with VERDICT_DROP */
    uint32_t data_len; /* payload bytes; link padding is already trimmed off the mbuf */
    uint8_t proto, ttl, tos;
    uint8_t flags; /* PKT_* */
    uint8_t netif; /* index of the interface it came in on */
    union {
        struct tcp_view tcp;
        struct udp_view udp;
        struct icmp_error_view icmp_error;
    };
};

static inline enum verdict pkt_drop(struct pkt *p, enum counter reason)
{
    p->drop = (uint16_t)reason;
    return VERDICT_DROP;
}

/* The same for parsers, which return whether the packet is valid. */
static inline bool pkt_reject(struct pkt *p, enum counter reason)
{
    p->drop = (uint16_t)reason;
    return false;
}

/* Parsers read headers from the first segment only. No header we look at ends later than this: link 14,
 * IP 60, ICMP 8, quoted IP 60, quoted ports and sequence 8. */
#define PKT_HEADERS_MAX 150u

__attribute__((noinline)) bool pkt_pull_slow(struct pkt *p, uint32_t len, struct rte_mempool *pool);

/* Makes the first `len` bytes of the packet (or all of it, if shorter) contiguous, in the first segment's
 * tail room or, where that may not be written, in a fresh head from `pool` (the one for headers); p->m
 * may change. False: drop, p->drop says why. net_input calls it once for PKT_HEADERS_MAX, before the first
 * parser, and again after reassembly. */
static inline bool pkt_pull(struct pkt *p, uint32_t len, struct rte_mempool *pool)
{
    if (rte_pktmbuf_data_len(p->m) >= len || p->m->nb_segs == 1)
        return true;
    return pkt_pull_slow(p, len, pool);
}

/* Is the transport checksum of the packet right, as far as anybody has to look? `l4_off` and the end of
 * the chain bound what it covers. By what the device said (rte_mbuf_core.h): GOOD; NONE: the field is
 * unfilled, but the data never left this host or was verified; BAD; UNKNOWN: computed here. Of a
 * reassembled packet the device saw only parts: computed here. */
__attribute__((noinline)) bool pkt_transport_checksum_computed(const struct pkt *p);

static inline bool pkt_transport_checksum_good(const struct pkt *p)
{
    uint64_t said = p->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

    if (likely(!(p->flags & PKT_REASSEMBLED))) {
        if (said == RTE_MBUF_F_RX_L4_CKSUM_GOOD || said == RTE_MBUF_F_RX_L4_CKSUM_NONE)
            return true;
        if (said == RTE_MBUF_F_RX_L4_CKSUM_BAD)
            return false;
    }
    return pkt_transport_checksum_computed(p);
}

#endif
