/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's only source of randomness: SipHash of a counter under a 128-bit key. Seeded from the
 * kernel in production and by a number in tests, so the same seed gives the same bytes and outsiders
 * cannot predict it. */
#ifndef PLX_BASE_RNG_H
#define PLX_BASE_RNG_H

#include <stdint.h>

#include "base/hash.h"

struct rng {
    struct siphash_key key;
    uint64_t counter;
};

void rng_init(struct rng *r, const struct siphash_key *seed);
uint64_t rng_u64(struct rng *r);
uint32_t rng_u32(struct rng *r);
/* Uniform in [0, n), n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* A fresh key for a purpose of its own (ISNs, ports, tables). */
struct siphash_key rng_key(struct rng *r);

#endif
