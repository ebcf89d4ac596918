/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/rng.h"

void rng_init(struct rng *r, const struct siphash_key *seed)
{
    r->key = *seed;
    r->counter = 0;
}

uint64_t rng_u64(struct rng *r)
{
    r->counter++;
    return siphash(&r->key, &r->counter, sizeof r->counter);
}

uint32_t rng_u32(struct rng *r)
{
    return (uint32_t)rng_u64(r);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    /* Lemire's method: the upper word of x * n is uniform once the few lower words that would be
     * counted once too often are refused. */
    uint64_t m = (uint64_t)rng_u32(r) * n;

    if ((uint32_t)m < n) {
        uint32_t refuse = -n % n;
        while ((uint32_t)m < refuse)
            m = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(m >> 32);
}

struct siphash_key rng_key(struct rng *r)
{
    struct siphash_key key;
    key.k[0] = rng_u64(r);
    key.k[1] = rng_u64(r);
    return key;
}
