/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/schedule.h"

#include <math.h>

/* xorshift64*: good enough for gaps, and the same gaps for the same seed. */
static double random_unit(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * UINT64_C(2685821657736338717)) >> 11) * 0x1p-53;
}

/* Each moment is computed from the start, not from the one before: no error adds up. */
static uint64_t moment(struct schedule *s)
{
    if (s->random == 0)
        return s->start + (uint64_t)((double)s->issued / s->per_ns);
    s->poisson_at += -log1p(-random_unit(&s->random)) / s->per_ns;
    return s->start + (uint64_t)s->poisson_at;
}

void schedule_start(struct schedule *s, double rate, uint64_t start, uint64_t seed)
{
    *s = (struct schedule){.per_ns = rate / 1e9, .start = start, .random = seed};
    s->next = rate > 0 ? moment(s) : SCHEDULE_NEVER;
}

uint64_t schedule_take(struct schedule *s)
{
    uint64_t due = s->next;

    if (due == SCHEDULE_NEVER)
        return due;
    s->issued++;
    s->next = moment(s);
    return due;
}
