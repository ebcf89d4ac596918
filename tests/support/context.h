/* SPDX-License-Identifier: BSD-3-Clause */
/* What a test needs of an engine without EAL: tunables at their defaults, address space from the
 * system, packet pools from the heap, a generator seeded by a number, and the time the test says. */
#ifndef TEST_SUPPORT_CONTEXT_H
#define TEST_SUPPORT_CONTEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/context.h"
#include "base/heap_pool.h"

#define TEST_POOL_LIMIT 65536u
#define TEST_DATA_ROOM  2176u /* headroom and an Ethernet frame, as the programs have it */
#define TEST_HDR_ROOM   512u

struct test_context {
    struct context ctx;          /* `now`, pools, mem, tun, rng are set; the rest is zero or empty */
    struct tunables tun;         /* ctx.tun points here, so a test may change it */
    struct rte_mempool *rx_pool; /* what a netdev would receive into */
    char last_log[512];          /* the last line that was logged */
};

/* The pools alone, for those who make a worker, which has a context of its own. */
struct test_pools {
    struct rte_mempool *hdr, *data, *rx;
};

/* How many buffers a pool holds: plenty, or $PLX_TEST_POOLS, to run at the edge of empty. */
uint32_t test_pool_limit(void);
void test_pools_init(struct test_pools *p);
/* Fails the test when a buffer is still out. */
void test_pools_fini(struct test_pools *p);

/* The key that test_context_init gives to rng_init for `seed`. */
struct siphash_key test_seed(uint64_t seed);

void test_context_init(struct test_context *t, nsec_t now, uint64_t seed);
/* Fails the test when a buffer is still out. */
void test_context_fini(struct test_context *t);

/* The seed of a random test: $PLX_TEST_SEED if set, else fresh; printed, so that a failure can be had
 * again. */
uint64_t test_random_seed(void);
/* xorshift64*: for test data, apart from the engine's own generator. */
uint64_t test_rand(uint64_t *state);

#endif
