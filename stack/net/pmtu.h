/* SPDX-License-Identifier: BSD-3-Clause */
/* Path MTUs that were learnt from ICMP (RFC 1191), per destination; forgotten after ten minutes, so
 * that a path that has become wider is found out. Bounded: the oldest of a set gives way. */
#ifndef PLX_NET_PMTU_H
#define PLX_NET_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "net/arp.h"

#define PMTU_SETS       256
#define PMTU_WAYS       4
#define PMTU_MIN        552 /* Linux's min_pmtu: a smaller one is not believed, but DF is cleared then */
#define PMTU_EXPIRES_NS (UINT64_C(600) * NSEC_PER_SEC)

struct pmtu_entry {
    struct ip_addr dst;
    nsec_t expires; /* 0: free */
    uint16_t mtu;
    bool locked; /* the path said less than PMTU_MIN: send without DF */
};

struct pmtu_cache {
    struct siphash_key key;
    uint32_t in_use;
    struct net_timer timer; /* armed while something is to expire */
    struct pmtu_entry set[PMTU_SETS][PMTU_WAYS];
};

void pmtu_init(struct pmtu_cache *c, const struct siphash_key *key);
/* What is known of a destination, or NULL. */
const struct pmtu_entry *pmtu_find(const struct pmtu_cache *c, const struct ip_addr *dst, nsec_t now);
/* Remembers. `mtu` is raised to PMTU_MIN, then `locked` is set. */
const struct pmtu_entry *pmtu_put(struct pmtu_cache *c, const struct ip_addr *dst, uint16_t mtu, nsec_t now);
/* Forgets what has expired; how many. */
uint32_t pmtu_expire(struct pmtu_cache *c, nsec_t now);
/* The next smaller MTU in use somewhere than that of a packet that was too big (RFC1191-7). */
uint16_t pmtu_plateau_below(uint16_t too_big);

#endif
