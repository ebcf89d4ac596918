/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP for IPv4 (RFC 792, RFC1122-3.2.2, RFC 1191). */
#ifndef PLX_WIRE_ICMP4_H
#define PLX_WIRE_ICMP4_H

#include <stdint.h>

#include "wire/packet.h"

struct icmp4_hdr {
    uint8_t type, code;
    uint16_t check;
    union {
        uint32_t rest;
        struct {
            uint16_t id, seq; /* echo; network order */
        } echo;
        struct {
            uint16_t unused, mtu; /* fragmentation needed; network order */
        } frag;
    };
} __attribute__((packed, aligned(2)));

enum {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO_REQUEST = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
};

/* Codes of ICMP4_UNREACHABLE. */
enum {
    ICMP4_UNREACH_NET = 0,
    ICMP4_UNREACH_HOST = 1,
    ICMP4_UNREACH_PROTOCOL = 2,
    ICMP4_UNREACH_PORT = 3,
    ICMP4_UNREACH_FRAG_NEEDED = 4,
    ICMP4_UNREACH_SOURCE_ROUTE = 5,
    ICMP4_UNREACH_NET_PROHIBITED = 9,
    ICMP4_UNREACH_HOST_PROHIBITED = 10,
    ICMP4_UNREACH_ADMIN = 13,
};

/* Codes of ICMP4_TIME_EXCEEDED. */
enum { ICMP4_EXCEEDED_TTL = 0, ICMP4_EXCEEDED_REASSEMBLY = 1 };

static inline struct icmp4_hdr *icmp4_hdr(const struct pkt *p)
{
    return rte_pktmbuf_mtod_offset(p->m, struct icmp4_hdr *, p->l4_off);
}

/* Length and checksum of the message at l4_off. data_off and data_len become those after the 8-byte
 * header. False: drop (DROP_ICMP_SHORT, DROP_ICMP_CHECKSUM). */
bool icmp4_parse(struct pkt *p);

static inline bool icmp4_is_error(uint8_t type)
{
    return type == ICMP4_UNREACHABLE || type == ICMP4_SOURCE_QUENCH || type == ICMP4_REDIRECT ||
           type == ICMP4_TIME_EXCEEDED || type == ICMP4_PARAMETER_PROBLEM;
}

/* After icmp4_parse, of an error message: reads the packet it quotes into p->icmp_error. Ports are 0
 * when the quoted protocol has none or the quoted packet is not a first fragment. False: drop
 * (DROP_ICMP_QUOTE): quotes no valid IPv4 header with eight bytes behind it (RFC 792), or quotes an ICMP
 * error. */
bool icmp4_error_parse(struct pkt *p);

/* Turns the echo request at `off` of m, in place, into its reply; the checksum is updated, not computed
 * anew (RFC 1624). The caller has seen that m is writable. */
void icmp4_echo_reply(struct rte_mbuf *m, uint16_t off);

/* An error message about p into the empty buffer m, from its data start: header, then p's IP header and
 * as much of its data as keeps the whole IP packet within 576 bytes (RFC1812-4.3.2.3) and m's tail
 * room. `mtu` is for FRAG_NEEDED, else 0. The checksum is filled. Borrows p. */
void icmp4_error_emit(struct rte_mbuf *m, const struct pkt *p, uint8_t type, uint8_t code, uint16_t mtu);

#endif
