/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire made worse on purpose: a netdev around another one that loses, duplicates, reorders, delays,
 * corrupts and shapes what passes, in both directions, by a seeded generator. */
#ifndef PLX_NETDEV_IMPAIR_H
#define PLX_NETDEV_IMPAIR_H

#include "netdev/netdev.h"

struct impair_config {
    double loss, dup, reorder, corrupt; /* probabilities 0..1 per packet */
    nsec_t delay, jitter;               /* each way; jitter is uniform +- */
    uint64_t rate_bps;                  /* 0: no limit */
    uint32_t limit;                     /* packets in flight each way, more are dropped; default 10000 */
    uint64_t seed;
};

/* Parses "loss=1%,dup=0.1%,...". 0 or -EINVAL with a clause in why. */
int impair_parse(const char *text, struct impair_config *cfg, char *why, size_t size);
/* Wraps `inner`, which the result owns from then on. NULL when out of memory (inner stays). */
struct netdev *netdev_impair_create(struct netdev *inner, const struct impair_config *cfg);

struct impair_stats {
    uint64_t passed, lost, duplicated, reordered, corrupted, overflowed;
};
void netdev_impair_stats(const struct netdev *d, struct impair_stats out[2]); /* [0] rx, [1] tx */

#endif
