/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * A partial sum is a uint64_t of 16-bit words as they lie in memory: no byte is swapped, and sums of
 * parts may simply be added as long as each part begins at an even offset. checksum_fold ends it. The
 * results are stored into headers as they are, without htons. */
#ifndef PLX_WIRE_CHECKSUM_H
#define PLX_WIRE_CHECKSUM_H

#include <rte_mbuf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

/* Partial sum of a flat buffer, at most 16 MiB; an odd last byte counts as if followed by zero. */
uint64_t checksum_partial(const void *data, size_t len);
/* Partial sum of [off, off+len) of a chain, whose segments may have odd lengths. The caller knows the
 * bytes are there. */
uint64_t checksum_partial_mbuf(const struct rte_mbuf *m, uint32_t off, uint32_t len);

/* Partial sum of 20 bytes: an IPv4 header without options. */
static inline uint64_t checksum_words5(const void *data)
{
    uint32_t w[5];
    memcpy(w, data, sizeof w);
    return (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
}

/* The 16-bit one's complement sum, not yet complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    uint32_t low = (uint32_t)sum, word = low + (uint32_t)(sum >> 32);
    word += word < low;              /* the carry comes back in at the other end */
    word += word << 16 | word >> 16; /* both halves added, in the upper one with the lower one's carry */
    return (uint16_t)(word >> 16);
}

/* What goes into a checksum field. */
static inline uint16_t checksum_finish(uint64_t sum)
{
    return (uint16_t)~checksum_fold(sum);
}

/* The pseudo header of RFC9293-3.1 and RFC 768; `len` is that of transport header and data.
 * For an offloading device the field takes checksum_fold of it (with len 0 when TSO cuts it up). */
static inline uint64_t checksum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
                                       uint32_t len)
{
    return (uint64_t)ip_addr_get_v4(src) + ip_addr_get_v4(dst) + htonl(len) + htons(proto);
}

/* RFC 1624 equation 3, HC' = ~(~HC + ~m + m'): the field after one 16-bit word of what it covers
 * changed. All three as in the packet. */
static inline uint16_t checksum_update16(uint16_t check, uint16_t old, uint16_t new)
{
    return checksum_finish((uint64_t)(uint16_t)~check + (uint16_t)~old + new);
}

static inline uint16_t checksum_update32(uint16_t check, uint32_t old, uint32_t new)
{
    return checksum_finish((uint64_t)(uint16_t)~check + (uint32_t)~old + new);
}

/* Software checksum of a transport header and its data, from `l4_off` to the end of the chain. Returns
 * the value for the field, which must hold zero meanwhile. For UDP the caller turns 0 into 0xffff
 * (checksum_udp_nonzero). */
uint16_t checksum_transport(const struct rte_mbuf *m, uint32_t l4_off, const struct ip_addr *src,
                            const struct ip_addr *dst, uint8_t proto);

/* RFC 768: a computed checksum of zero is transmitted as all ones. */
static inline uint16_t checksum_udp_nonzero(uint16_t check)
{
    return check == 0 ? 0xffff : check;
}

/* The variants behind checksum_partial, for tests and benchmarks. A variant that this processor cannot
 * run is left out: checksum_variant returns NULL after the last. */
struct checksum_variant {
    const char *name;
    uint64_t (*partial)(const void *data, size_t len);
};
const struct checksum_variant *checksum_variant(unsigned i);

#endif
