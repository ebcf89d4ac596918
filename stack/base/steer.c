/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/steer.h"

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_thash.h>
#include <stdbool.h>
#include <string.h>

#define STEER_OWN  128 /* entries where no device has another number */
#define STEER_BITS 7   /* of the hash that choose one of them */

/* ---- the key ---- */

/* Where in the hash's input the lowest bits are of what clients count up. Linux counts ports by two. */
static const uint8_t counted_up[] = {
    31,     /* source address */
    79, 78, /* source port, by one and by two */
    95, 94, /* destination port: ours, when we open */
};

/* Input bit p turns over the 32 bits of the hash where the key has ones from its bit p on. */
static uint8_t key_column(const uint8_t key[STEER_KEY_BYTES], unsigned p)
{
    uint8_t column = 0;
    for (unsigned b = 0; b < STEER_BITS; b++) {
        unsigned at = p + 31 - b;
        column |= (uint8_t)((key[at / 8] >> (7 - at % 8) & 1) << b);
    }
    return column;
}

/* Do the STEER_BITS bits that end in `last` reach every entry of the table, each by as many values? They do
 * when their columns are linearly independent. */
static bool key_spreads(const uint8_t key[STEER_KEY_BYTES], unsigned last)
{
    uint8_t basis[STEER_BITS] = {0};
    for (unsigned i = 0; i < STEER_BITS; i++) {
        uint8_t v = key_column(key, last - i);
        for (unsigned b = 0; b < STEER_BITS; b++)
            if (basis[b] != 0 && (v >> b & 1) != 0)
                v ^= basis[b];
        if (v == 0)
            return false;
        basis[rte_bsf32(v)] = v;
    }
    return true;
}

void steer_key_draw(uint8_t key[STEER_KEY_BYTES], struct rng *rng)
{
    unsigned good;
    do {
        for (unsigned i = 0; i < STEER_KEY_BYTES; i += 8) {
            uint64_t word = rng_u64(rng);
            memcpy(key + i, &word, 8);
        }
        for (good = 0; good < RTE_DIM(counted_up) && key_spreads(key, counted_up[good]); good++)
            ;
    } while (good < RTE_DIM(counted_up));
}

/* ---- owners ---- */

static void steer_key(struct steer *s, const uint8_t key[STEER_KEY_BYTES])
{
    uint32_t words[STEER_KEY_BYTES / 4];
    memcpy(s->key, key, STEER_KEY_BYTES);
    memcpy(words, key, sizeof(words));
    rte_convert_rss_key(words, s->key_be, STEER_KEY_BYTES);
}

void steer_table(uint8_t *table, uint16_t n, uint16_t n_workers, const uint8_t key[STEER_KEY_BYTES])
{
    struct siphash_key seed;
    struct rng rng;
    memcpy(&seed, key, sizeof(seed));
    rng_init(&rng, &seed);
    for (uint16_t i = 0; i < n; i++) { /* each at a place among those before it */
        uint16_t at = (uint16_t)rng_below(&rng, i + 1u);
        table[i] = table[at];
        table[at] = (uint8_t)(i % n_workers);
    }
}

void steer_init(struct steer *s, const uint8_t key[STEER_KEY_BYTES], uint16_t n_workers)
{
    steer_key(s, key);
    s->mask = STEER_OWN - 1;
    steer_table(s->worker, STEER_OWN, n_workers, key);
}

void steer_follow(struct steer *s, const uint8_t key[STEER_KEY_BYTES], const uint8_t *table, uint16_t n)
{
    steer_key(s, key);
    s->mask = n - 1u;
    memcpy(s->worker, table, n);
}

/* The input of RSS for TCP and UDP over IPv4: source, destination, source port, destination port of the
 * arriving packet, so the remote end comes first. */
uint16_t steer_owner(const struct steer *s, const struct flow_key *flow)
{
    uint32_t tuple[3] = {
        rte_be_to_cpu_32(ip_addr_get_v4(&flow->remote)),
        rte_be_to_cpu_32(ip_addr_get_v4(&flow->local)),
        (uint32_t)flow->rport << 16 | flow->lport,
    };
    uint32_t hash = rte_softrss_be(tuple, 3, (const uint8_t *)s->key_be);
    return s->worker[hash & s->mask];
}
