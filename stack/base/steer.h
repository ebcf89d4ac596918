/* SPDX-License-Identifier: BSD-3-Clause */
/* Which worker owns a flow: the Toeplitz hash that RSS computes, over the addresses and ports of a
 * packet as it arrives, through an indirection table. A device whose RSS uses the same key and table
 * delivers to the owner by itself; what it says of its RSS is not trusted, so each worker checks and
 * passes what is not its own to the owner by ring. */
#ifndef PLX_BASE_STEER_H
#define PLX_BASE_STEER_H

#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"

#define STEER_KEY_BYTES 40
#define STEER_TABLE     512 /* the largest table of a device that is followed */

struct steer {
    uint8_t key[STEER_KEY_BYTES];         /* as a device takes it */
    uint32_t key_be[STEER_KEY_BYTES / 4]; /* as rte_softrss_be takes it */
    uint32_t mask;                        /* of the hash */
    uint8_t worker[STEER_TABLE];          /* hash & mask -> worker */
};

/* A key that outsiders cannot guess, and that spreads. The hash is linear, so one key in a hundred maps a
 * whole row of neighbouring ports to one worker; such keys are not given out. */
void steer_key_draw(uint8_t key[STEER_KEY_BYTES], struct rng *rng);
/* A table of `n` entries, each of `n_workers` as often as the others, in an order drawn from the key: with a
 * table in plain rotation two workers would hang on a single bit of the hash. */
void steer_table(uint8_t *table, uint16_t n, uint16_t n_workers, const uint8_t key[STEER_KEY_BYTES]);
/* Spreads by steer_table under the given key. */
void steer_init(struct steer *s, const uint8_t key[STEER_KEY_BYTES], uint16_t n_workers);
/* As a device spreads: its key, its table of `n` entries, a power of two up to STEER_TABLE, each the worker
 * whose queue it is. Before the first flow. */
void steer_follow(struct steer *s, const uint8_t key[STEER_KEY_BYTES], const uint8_t *table, uint16_t n);
/* The worker to which packets of this flow belong; IPv4 with ports. */
uint16_t steer_owner(const struct steer *s, const struct flow_key *flow);

#endif
