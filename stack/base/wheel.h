/* SPDX-License-Identifier: BSD-3-Clause */
/* Hierarchical timer wheel: O(1) to arm, move and cancel; a million armed timers cost nothing per
 * idle poll (occupancy bitmaps); bounded work per poll. A timer never fires early; it fires at most
 * one tick late, when polled. The wheel knows nothing of its users: an expired node is handed to the
 * caller of wheel_expire, who dispatches on its kind. Of nodes due at one tick, the order is not that of
 * their deadlines. */
#ifndef PLX_BASE_WHEEL_H
#define PLX_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define WHEEL_TICK_SHIFT 17 /* a tick is 131,072 ns */
#define WHEEL_LEVEL_BITS 6
#define WHEEL_SLOTS      (1u << WHEEL_LEVEL_BITS)
#define WHEEL_LEVELS     8 /* 2^48 ticks: every nsec_t */

struct wheel_node {
    struct wheel_node *next;
    struct wheel_node **pprev; /* NULL when not armed */
    uint64_t tick : 56;        /* fires when this tick has passed */
    uint64_t kind : 8;         /* enum timer_kind in base/context.h; set once by the owner */
};

struct wheel {
    uint64_t tick; /* every node up to here was handed out or is on `due` */
    uint64_t occupied[WHEEL_LEVELS];
    struct wheel_node *slot[WHEEL_LEVELS][WHEEL_SLOTS];
    struct wheel_node *due; /* expired, not yet handed out */
    uint32_t armed;
    uint8_t cascading; /* level whose slot at `tick` is being moved down, 0: none */
};

void wheel_init(struct wheel *w, nsec_t now);
/* Arms or moves. A deadline in the past is handed out at the next wheel_expire. */
void wheel_arm(struct wheel *w, struct wheel_node *n, nsec_t deadline);
/* Does nothing when it is not armed. */
void wheel_cancel(struct wheel *w, struct wheel_node *n);
/* The next node whose deadline is at or before `now`, disarmed; NULL when there is none, or when as many
 * nodes as one call may move had to be moved between levels first: then wheel_next is not later than
 * `now`. The caller bounds how many it takes per poll. The owner may arm it again or free it. */
struct wheel_node *wheel_expire(struct wheel *w, nsec_t now);
/* When to poll next: not later than the earliest deadline rounded up to its tick, and exact for
 * deadlines in the lowest level (those further away are reached in a few steps, each sleeping most of
 * what is left). NSEC_NEVER when none is armed. */
nsec_t wheel_next(const struct wheel *w);

static inline bool wheel_is_armed(const struct wheel_node *n)
{
    return n->pprev != NULL;
}

/* When it will fire: its deadline rounded up to a tick. */
static inline nsec_t wheel_deadline(const struct wheel_node *n)
{
    return (nsec_t)n->tick << WHEEL_TICK_SHIFT;
}

#endif
