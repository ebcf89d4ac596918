/* SPDX-License-Identifier: BSD-3-Clause */
/* A world in virtual time: engines without EAL, each with its own pools and tunables, and a clock that
 * jumps to whatever happens next. Nothing here knows cmocka; a rig that finds something wrong gets it
 * as text. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tunables.h"
#include "netdev/netdev.h"
#include "posix/engine.h"

#define WORLD_HOSTS     8
#define WORLD_WHY       512
#define WORLD_DATA_ROOM 2176 /* bytes of a packet buffer */

struct host {
    struct worker worker;
    struct engine engine;
    struct tunables tun;
    struct rte_mempool *rx_pool, *hdr_pool, *data_pool;
    struct netdev *dev;
    uint32_t addr; /* network order */
    bool up;
    bool quiet; /* its log lines are not wanted */
    uint8_t index;
    /* The application's turn, after input and timers; what it did. May be NULL. */
    unsigned (*app)(struct host *h, void *arg);
    void *app_arg;
    struct world *world;
    struct world_shadow *shadow; /* world_check.c */
    uint32_t n_shadow;
    uint32_t left;       /* at the end: records, ranges and the like that no connection holds */
    nsec_t frozen_until; /* it is not scheduled: no packets, timers or application before */
    nsec_t app_wake;     /* when the application wants a turn by itself; NSEC_NEVER */
};

struct world {
    nsec_t now;
    uint64_t seed;
    uint64_t rounds;
    unsigned n_hosts;
    struct host host[WORLD_HOSTS];
};

void world_init(struct world *w, uint64_t seed);
/* Pools and tunables of the next host, not yet an engine: change h->tun, make its device with
 * h->rx_pool, then world_start. */
struct host *world_add_host(struct world *w);
/* The engine with one interface, its address ADDR/24 in text, on dev, which it owns from then on. False:
 * *why. */
bool world_start(struct world *w, struct host *h, struct netdev *dev, const char *addr, char why[WORLD_WHY]);
/* One round of every host at w->now: output, input and timers, application. How much was done. */
unsigned world_round(struct world *w);
/* Rounds at w->now until nothing is left to do at this moment. False: it never ends. */
bool world_settle(struct world *w);
/* When something happens next by itself: timers, wires, applications. */
nsec_t world_next(struct world *w);
/* Settles, then jumps from event to event up to `until` and ends there. `each` is called after every
 * round and ends the run by returning false. False then, or when one moment never ends. */
bool world_run(struct world *w, nsec_t until, bool (*each)(struct world *w, void *arg), void *arg);
/* Is the state of every connection what it must always be? NULL, or what is wrong. */
const char *world_check(struct world *w, char why[WORLD_WHY]);
/* Takes everything down. NULL, or what leaked. With `in_peace` set, connections and entries still
 * there before that count as leaks too (after closing all, and waiting TIME-WAIT out). */
const char *world_fini(struct world *w, bool in_peace, char why[WORLD_WHY]);

/* xorshift64*: the rig's own dice, apart from the engines'. */
uint64_t world_rand(uint64_t *state);
uint32_t world_below(uint64_t *state, uint32_t n);

#endif
