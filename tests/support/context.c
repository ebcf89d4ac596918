/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/mbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint32_t test_pool_limit(void)
{
    const char *pools = getenv("PLX_TEST_POOLS");
    return pools != NULL ? (uint32_t)strtoul(pools, NULL, 10) : TEST_POOL_LIMIT;
}

void test_pools_init(struct test_pools *p)
{
    uint32_t limit = test_pool_limit();
    p->hdr = heap_pool_create("hdr", limit, TEST_HDR_ROOM);
    p->data = heap_pool_create("data", limit, TEST_DATA_ROOM);
    p->rx = heap_pool_create("rx", limit, TEST_DATA_ROOM);
    assert_non_null(p->hdr);
    assert_non_null(p->data);
    assert_non_null(p->rx);
}

void test_pools_fini(struct test_pools *p)
{
    assert_int_equal(heap_pool_in_use(p->hdr), 0);
    assert_int_equal(heap_pool_in_use(p->data), 0);
    assert_int_equal(heap_pool_in_use(p->rx), 0);
    heap_pool_destroy(p->hdr);
    heap_pool_destroy(p->data);
    heap_pool_destroy(p->rx);
}

struct siphash_key test_seed(uint64_t seed)
{
    return (struct siphash_key){{seed, seed ^ UINT64_C(0x9e3779b97f4a7c15)}};
}

static void remember_line(void *user, enum log_level level, const char *line)
{
    struct test_context *t = user;
    snprintf(t->last_log, sizeof t->last_log, "%s", line);
}

void test_context_init(struct test_context *t, nsec_t now, uint64_t seed)
{
    struct test_pools pools;
    struct siphash_key key = test_seed(seed);

    memset(t, 0, sizeof *t);
    test_pools_init(&pools);
    tunables_init(&t->tun);
    t->rx_pool = pools.rx;
    context_set_now(&t->ctx, now);
    t->ctx.tun = &t->tun;
    mbuf_set_pools(&t->ctx, pools.hdr, pools.data);
    t->ctx.mem = &memory_os;
    t->ctx.n_workers = 1;
    t->ctx.log = (struct log){.sink = remember_line, .user = t, .max_level = LOG_LEVEL_DEBUG};
    wheel_init(&t->ctx.wheel, now);
    rng_init(&t->ctx.rng, &key);
    ready_list_init(&t->ctx.ready);
}

void test_context_fini(struct test_context *t)
{
    struct test_pools pools = {.hdr = t->ctx.hdr_pool, .data = t->ctx.data_pool, .rx = t->rx_pool};
    test_pools_fini(&pools);
}

uint64_t test_random_seed(void)
{
    const char *env = getenv("PLX_TEST_SEED");
    struct timespec ts;
    uint64_t seed;

    clock_gettime(CLOCK_REALTIME, &ts);
    seed = env != NULL ? strtoull(env, NULL, 0) : (uint64_t)ts.tv_nsec * 2654435761u ^ (uint64_t)getpid();
    if (seed == 0)
        seed = 1;
    print_message("PLX_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

uint64_t test_rand(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}
