/* SPDX-License-Identifier: BSD-3-Clause */
/* What worker_eal.c (starting, memory, time) and worker_eal_run.c (threads, idling) share. */
#ifndef PLX_WORKER_EAL_PRIVATE_H
#define PLX_WORKER_EAL_PRIVATE_H

#include <pthread.h>
#include <rte_common.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>

#include "worker_eal.h"

#define WORKERS_MAX 64
#define NAP_MIN     (50 * NSEC_PER_USEC)
#define NAP_MAX     (1 * NSEC_PER_MSEC)

enum { AWAKE, ASLEEP, WOKEN };

/* One worker's idling. */
struct idler {
    atomic_int state;
    int wake_fd;
    uint64_t work; /* the caller's count when it was last seen to change */
    nsec_t busy;   /* and when that was */
    nsec_t nap;
} __rte_cache_aligned;

struct worker_eal {
    struct idler idler[WORKERS_MAX];
    struct worker_eal_config cfg;
    pid_t pid;
    bool eal_up;
    bool huge;
    uint32_t huge_kb; /* page size */
    uint32_t need_mb; /* memory for the pools and EAL */
    char memory[96];
    struct netdev *dev[WORKER_EAL_DEVS];
    int claim[WORKER_EAL_DEVS]; /* keeps other processes off it; -1: none */
    struct rte_mempool *rx_pool[WORKERS_MAX], *data_pool, *hdr_pool;
    uint32_t n_rx, n_data, n_hdr; /* buffers per pool */
    /* clock: ns = origin_ns + ((tsc - origin_tsc) * mult >> 32) */
    uint64_t origin_tsc, mult;
    nsec_t origin_ns;
    /* EAL's log while starting, for messages */
    FILE *log;
    char *log_text;
    size_t log_size;
};

/* A thread that no signal of the application is delivered to. 0 or an errno. */
int worker_eal_thread(pthread_t *t, void *(*fn)(void *), void *arg);

#endif
