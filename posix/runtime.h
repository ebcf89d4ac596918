/* SPDX-License-Identifier: BSD-3-Clause */
/* The one set of workers of a process that plx_init made. What tests use instead: engine.h. */
#ifndef PLX_POSIX_RUNTIME_H
#define PLX_POSIX_RUNTIME_H

#include <stdatomic.h>

#include "posix/engine.h"
#include "posix/options.h"
#include "worker_eal.h"
#include "worker_group.h"

/* A worker with its engine, on cache lines of its own. */
struct runtime_worker {
    struct worker worker;
    struct engine engine;
    struct runtime *rt;
    uint16_t id;
} __attribute__((aligned(64)));

struct runtime {
    struct options options;
    struct worker_eal *eal; /* NULL: no plx_init */
    struct worker_group group;
    struct runtime_worker *workers;
    uint16_t n_workers; /* of options; those with an engine */
    atomic_int stop;    /* plx_stop was called */
    atomic_int running; /* workers whose fn has not returned */
    int (*fn)(void *arg);
    void *arg;
    bool in_run;
};

extern struct runtime runtime;

#endif
