/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyed hashes. siphash (2-4) where an outsider may see the result or profits from guessing it (ISNs,
 * ports, IP IDs, cookies); flow_hash, cheaper, for tables that only have to resist flooding. */
#ifndef PLX_BASE_HASH_H
#define PLX_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct siphash_key {
    uint64_t k[2];
};

/* SipHash-2-4 (Aumasson, Bernstein 2012). */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* Folded 64x64->128 multiplication of the words mixed with the secret key. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint32_t flow_hash(const struct siphash_key *key, const struct flow_key *f)
{
    uint64_t ports = (uint64_t)f->lport << 16 | f->rport;
    uint64_t h = hash_mix(f->remote.q[1] ^ key->k[0], ports ^ key->k[1]);
    h = hash_mix(h ^ f->local.q[1] ^ key->k[1], (f->remote.q[0] + f->local.q[0]) ^ key->k[0]);
    return (uint32_t)(h ^ h >> 32);
}

#endif
