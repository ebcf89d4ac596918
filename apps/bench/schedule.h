/* SPDX-License-Identifier: BSD-3-Clause */
/* When requests are due in an open loop: at moments that were fixed beforehand and do not wait for answers. A
 * request that leaves late, because every connection is busy or the program was held up, keeps its moment,
 * and its latency counts from there: what a user who came then would have seen (no coordinated omission). */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_NEVER UINT64_MAX

struct schedule {
    double per_ns; /* requests */
    uint64_t start;
    uint64_t issued;
    double poisson_at; /* ns after start of the next */
    uint64_t random;   /* state; 0: even */
    uint64_t next;     /* when the oldest that has not been taken is due */
};

/* From `start` (ns) on, `rate` requests a second; evenly, the first at start, or with exponential gaps (a
 * Poisson process) when seed is not 0. rate 0: never. */
void schedule_start(struct schedule *s, double rate, uint64_t start, uint64_t seed);
/* Takes the oldest one: when it is, or was, due. */
uint64_t schedule_take(struct schedule *s);

static inline bool schedule_due(const struct schedule *s, uint64_t now)
{
    return s->next <= now;
}

#endif
