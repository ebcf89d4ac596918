/* SPDX-License-Identifier: BSD-3-Clause */
/* A node stands in the level of the highest group of six bits in which its tick differs from the
 * wheel's, in the slot that this group of its tick names. So slots behind the wheel's position in a
 * level are empty, the lowest occupied level holds the earliest node, and nothing ever wraps. When time
 * reaches a slot of a higher level its nodes move down (cascade), at most WHEEL_CASCADE_MAX per call:
 * time stands still for the wheel until they are through. */
#include "base/wheel.h"

#include <assert.h>
#include <string.h>

#define WHEEL_CASCADE_MAX 128
#define WHEEL_LAST_TICK   ((UINT64_C(1) << (64 - WHEEL_TICK_SHIFT)) - 1)

static unsigned level_of(uint64_t tick, uint64_t base)
{
    return (63u - (unsigned)__builtin_clzll(tick ^ base)) / WHEEL_LEVEL_BITS;
}

static unsigned slot_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> level * WHEEL_LEVEL_BITS) & (WHEEL_SLOTS - 1);
}

static void list_push(struct wheel_node **head, struct wheel_node *n)
{
    n->next = *head;
    n->pprev = head;
    if (n->next != NULL)
        n->next->pprev = &n->next;
    *head = n;
}

static void list_unlink(struct wheel_node *n)
{
    *n->pprev = n->next;
    if (n->next != NULL)
        n->next->pprev = n->pprev;
    n->pprev = NULL;
}

/* By its tick, seen from the wheel's. */
static void wheel_place(struct wheel *w, struct wheel_node *n)
{
    uint64_t tick = n->tick;
    unsigned level, slot;

    if (tick <= w->tick) {
        list_push(&w->due, n);
        return;
    }
    level = level_of(tick, w->tick);
    slot = slot_of(tick, level);
    list_push(&w->slot[level][slot], n);
    w->occupied[level] |= UINT64_C(1) << slot;
}

static void wheel_unlink(struct wheel *w, struct wheel_node *n)
{
    struct wheel_node **head = n->pprev;

    list_unlink(n);
    /* Was it the last of its slot? Its predecessor is the slot itself then. */
    if (*head == NULL && head >= &w->slot[0][0] && head < &w->slot[0][0] + WHEEL_LEVELS * WHEEL_SLOTS) {
        unsigned i = (unsigned)(head - &w->slot[0][0]);
        w->occupied[i / WHEEL_SLOTS] &= ~(UINT64_C(1) << i % WHEEL_SLOTS);
    }
}

void wheel_init(struct wheel *w, nsec_t now)
{
    memset(w, 0, sizeof *w);
    w->tick = now >> WHEEL_TICK_SHIFT;
}

void wheel_arm(struct wheel *w, struct wheel_node *n, nsec_t deadline)
{
    uint64_t tick = deadline >> WHEEL_TICK_SHIFT;

    if ((deadline & ((UINT64_C(1) << WHEEL_TICK_SHIFT) - 1)) != 0)
        tick++; /* never early */
    if (tick > WHEEL_LAST_TICK)
        tick = WHEEL_LAST_TICK;
    if (n->pprev != NULL) {
        if (n->tick == tick)
            return;
        wheel_unlink(w, n);
        w->armed--;
    }
    n->tick = tick;
    wheel_place(w, n);
    w->armed++;
}

void wheel_cancel(struct wheel *w, struct wheel_node *n)
{
    if (n->pprev == NULL)
        return;
    wheel_unlink(w, n);
    w->armed--;
}

/* The first slot at or after the wheel's position, lowest level first; the tick at which it begins in
 * *start. False when the wheel is empty. */
static bool wheel_first_slot(const struct wheel *w, unsigned *level, uint64_t *start)
{
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        unsigned shift = l * WHEEL_LEVEL_BITS;
        unsigned here = slot_of(w->tick, l);
        uint64_t ahead = w->occupied[l] >> here;

        if (ahead == 0)
            continue;
        *level = l;
        *start = ((w->tick >> shift) + (unsigned)__builtin_ctzll(ahead)) << shift;
        return true;
    }
    return false;
}

/* Moves up to *budget nodes of the slot under the wheel's position down. Has it all gone? */
static bool wheel_cascade(struct wheel *w, unsigned level, unsigned *budget)
{
    struct wheel_node **head = &w->slot[level][slot_of(w->tick, level)];

    while (*head != NULL && *budget > 0) {
        struct wheel_node *n = *head;
        wheel_unlink(w, n);
        wheel_place(w, n);
        --*budget;
    }
    return *head == NULL;
}

/* Turns the wheel towards tick `to` until something is due. */
static void wheel_turn(struct wheel *w, uint64_t to)
{
    unsigned budget = WHEEL_CASCADE_MAX;

    while (w->due == NULL || w->cascading != 0) {
        unsigned level;
        uint64_t start;

        if (w->cascading != 0) {
            if (!wheel_cascade(w, w->cascading, &budget))
                return;
            w->cascading = 0;
            continue;
        }
        if (!wheel_first_slot(w, &level, &start) || start > to) {
            w->tick = to;
            return;
        }
        w->tick = start;
        if (level > 0) {
            w->cascading = (uint8_t)level;
            continue;
        }
        /* Everything in a slot of the lowest level has the same tick: it is due as a whole. */
        struct wheel_node **head = &w->slot[0][slot_of(start, 0)];
        w->due = *head;
        w->due->pprev = &w->due;
        *head = NULL;
        w->occupied[0] &= ~(UINT64_C(1) << slot_of(start, 0));
    }
}

struct wheel_node *wheel_expire(struct wheel *w, nsec_t now)
{
    uint64_t to = now >> WHEEL_TICK_SHIFT;
    struct wheel_node *n;

    if (w->due == NULL) {
        if (to <= w->tick && w->cascading == 0)
            return NULL;
        wheel_turn(w, to);
        if (w->due == NULL)
            return NULL;
    }
    n = w->due;
    list_unlink(n);
    w->armed--;
    return n;
}

nsec_t wheel_next(const struct wheel *w)
{
    unsigned level;
    uint64_t start;

    if (w->due != NULL || w->cascading != 0)
        return w->tick << WHEEL_TICK_SHIFT;
    if (!wheel_first_slot(w, &level, &start))
        return NSEC_NEVER;
    return start << WHEEL_TICK_SHIFT;
}
