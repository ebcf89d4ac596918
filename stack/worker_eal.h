/* SPDX-License-Identifier: BSD-3-Clause */
/* What an engine needs from the machine: DPDK's EAL on a thread of our own, packet pools, wires, time,
 * randomness, threads for workers, and sleep. The only part of the stack that reads a clock. */
#ifndef PLX_WORKER_EAL_H
#define PLX_WORKER_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/tunables.h"
#include "netdev/impair.h"
#include "netdev/netdev.h"

#define WORKER_EAL_DEVS 8

/* One --dev with what belongs to it. */
struct worker_eal_dev {
    const char *dev; /* as given: "tap:plx0" */
    uint16_t mtu;    /* 0: the wire's own */
    bool has_mac;
    uint8_t mac[6];
    const struct impair_config *impair; /* NULL: as it is */
};

struct worker_eal_config {
    struct worker_eal_dev dev[WORKER_EAL_DEVS];
    uint16_t n_devs;
    uint16_t n_workers;
    const struct tunables *tun;       /* borrowed until destroyed */
    const char *eal_args;             /* --eal, appended raw; NULL */
    const uint8_t *rss_key;           /* STEER_KEY_BYTES (base/steer.h); NULL: the devices' own */
    const struct netdev_guard *guard; /* as in netdev_config */
};

struct worker_eal;

/* Starts EAL, makes the pools, opens the wires. Once per process (DPDK's rule). NULL on failure, as
 * netdev_open: *err is -EINVAL when an option is wrong, another negative errno when the machine
 * refuses; `why` is the whole message. */
struct worker_eal *worker_eal_create(const struct worker_eal_config *cfg, char *why, size_t size, int *err);
/* Closes the wires, frees the pools, ends EAL: no lock file or hugepage stays. All workers have ended
 * and given back their packets. NULL is fine. Does nothing in a forked child but free its own memory. */
void worker_eal_destroy(struct worker_eal *we);

/* One line that says which memory is used, for the user: "memory: 2 MB hugepages, 256 MiB". */
const char *worker_eal_memory(const struct worker_eal *we);
struct netdev *worker_eal_netdev(const struct worker_eal *we, uint16_t i);
/* Payload and header pools; one set for all workers, each has a cache of its own. */
struct rte_mempool *worker_eal_data_pool(const struct worker_eal *we);
struct rte_mempool *worker_eal_hdr_pool(const struct worker_eal *we);

/* What receive queues of a worker may pin before its packet pool runs dry, MiB: tcp_mem_mb should not be
 * above it. */
uint32_t worker_eal_pinnable_mb(const struct worker_eal *we);

/* Nanoseconds, monotonic, from the TSC. Any thread. */
nsec_t worker_eal_now(const struct worker_eal *we);
/* A key from the kernel's generator. */
struct siphash_key worker_eal_seed(void);
/* A sink for struct log: a line on stderr, "plx: LINE". */
void worker_eal_log(void *user, enum log_level level, const char *line);

/* Runs fn(arg, id) for each worker, 0 on this thread and the others on threads of their own, all with
 * packet caches. Returns when all have returned: fn's first result that is not 0, or 0; a negative
 * errno when a thread could not be made (then none has run). */
int worker_eal_run(struct worker_eal *we, int (*fn)(void *arg, uint16_t id), void *arg);

/* Called by worker `id` when a poll found nothing to do: returns at `until` or earlier. `work` is any
 * number that changes when work is done (packets received, say). What happens is the tunable `idle`:
 *   spin      returns at once;
 *   adaptive  returns at once until nothing has been done for idle_spin_us, then sleeps;
 *   sleep     sleeps.
 * Sleeping is ppoll on the descriptors of its queues, with their interrupts armed, and on the worker's
 * wake-up. A wire without a descriptor is napped on instead: 50 us at first, half as long again at each
 * nap without work, up to 1 ms, so that is the latency an idle memif adds. */
void worker_eal_wait(struct worker_eal *we, uint16_t id, nsec_t until, uint64_t work);
/* Ends the sleep of one worker, or keeps it from the next one. Any thread, any signal handler. */
void worker_eal_wake(struct worker_eal *we, uint16_t id);
void worker_eal_wake_all(struct worker_eal *we);

#endif
