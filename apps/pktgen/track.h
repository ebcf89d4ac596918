/* SPDX-License-Identifier: BSD-3-Clause */
/* What the numbers of probes say: loss, order, duplicates. One for each source (a queue and stream of a
 * sender) and receiving worker. */
#ifndef PKTGEN_TRACK_H
#define PKTGEN_TRACK_H

#include <stdint.h>
#include <string.h>

#define TRACK_WINDOW 65536u /* numbers back in which a duplicate is known from a straggler */

struct track {
    uint16_t source;
    uint64_t first, next; /* lowest number seen; one above the highest */
    uint64_t unique;      /* different ones */
    uint64_t duplicates;
    uint64_t reordered;  /* came after a higher one (RFC 4737 section 3) */
    uint64_t stragglers; /* of those: so late that it may be a duplicate */
    uint64_t seen[TRACK_WINDOW / 64];
};

static inline uint64_t *track_word(struct track *t, uint64_t number)
{
    return &t->seen[number % TRACK_WINDOW / 64];
}

/* The first probe of a source. */
void track_begin(struct track *t, uint16_t source, uint32_t seq);
/* A number that is not the next one. */
void track_jump(struct track *t, uint64_t number);

static inline void track_add(struct track *t, uint32_t seq)
{
    /* The number nearest to what is expected that ends in these 32 bits. */
    uint64_t number = t->next + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)t->next);

    if (__builtin_expect(number != t->next, 0)) {
        track_jump(t, number);
        return;
    }
    if (number % 64 == 0)
        *track_word(t, number) = 0;
    *track_word(t, number) |= UINT64_C(1) << number % 64;
    t->unique++;
    t->next = number + 1;
}

/* Of a source whose end is not known: what is missing between the lowest and the highest that came. */
static inline uint64_t track_missing(const struct track *t)
{
    uint64_t span = t->next - t->first;
    return span > t->unique ? span - t->unique : 0;
}

#endif
