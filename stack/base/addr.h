/* SPDX-License-Identifier: BSD-3-Clause */
/* One type for IPv4 and IPv6 addresses: 16 bytes in network order. An IPv4 address is held in its
 * IPv4-mapped form ::ffff:a.b.c.d (RFC4291-2.5.5.2), so the family is part of the value and
 * comparing is two 64-bit compares. */
#ifndef PLX_BASE_ADDR_H
#define PLX_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <arpa/inet.h>

struct ip_addr {
    union {
        uint8_t b[16];
        uint32_t w[4];
        uint64_t q[2];
    };
} __attribute__((packed, aligned(4))); /* not 8: see struct flow_key */

/* `be` is in network order, as in struct in_addr. */
static inline struct ip_addr ip_addr_v4(uint32_t be)
{
    struct ip_addr a;
    a.q[0] = 0;
    a.w[2] = htonl(0xffff);
    a.w[3] = be;
    return a;
}

static inline bool ip_addr_is_v4(const struct ip_addr *a)
{
    return a->q[0] == 0 && a->w[2] == htonl(0xffff);
}

/* Network order; only for addresses that are IPv4. */
static inline uint32_t ip_addr_get_v4(const struct ip_addr *a)
{
    return a->w[3];
}

static inline bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

/* 0.0.0.0 or :: */
static inline bool ip_addr_is_any(const struct ip_addr *a)
{
    return a->q[0] == 0 && a->w[3] == 0 && (a->w[2] == 0 || a->w[2] == htonl(0xffff));
}

/* The two ends of a flow, as seen from here. Ports in host order. Without padding, for it is in every
 * connection: 36 bytes. */
struct flow_key {
    struct ip_addr local;
    struct ip_addr remote;
    uint16_t lport;
    uint16_t rport;
};

enum { FLOW_KEY_BYTES = 36 };
_Static_assert(sizeof(struct flow_key) == FLOW_KEY_BYTES, "hashed as bytes");

static inline bool flow_key_eq(const struct flow_key *a, const struct flow_key *b)
{
    return a->local.q[1] == b->local.q[1] && a->remote.q[1] == b->remote.q[1] && a->lport == b->lport &&
           a->rport == b->rport && a->local.q[0] == b->local.q[0] && a->remote.q[0] == b->remote.q[0];
}

#endif
