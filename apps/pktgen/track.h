/* SPDX-License-Identifier: BSD-3-Clause */
/* What the numbers of probes say: loss, order, duplicates. One for each source (a queue and stream of a
 * sender) and receiving worker. */
#ifndef PKTGEN_TRACK_H
#define PKTGEN_TRACK_H

#include <stdint.h>

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

/* The first probe of a source. */
void track_begin(struct track *t, uint16_t source, uint32_t seq);
/* `count` probes that came one after the other with numbers in a row from `seq` on. */
void track_add_row(struct track *t, uint32_t seq, uint32_t count);

static inline void track_add(struct track *t, uint32_t seq)
{
    track_add_row(t, seq, 1);
}

/* Of a source whose end is not known: what is missing between the lowest and the highest that came. */
static inline uint64_t track_missing(const struct track *t)
{
    uint64_t span = t->next - t->first;
    return span > t->unique ? span - t->unique : 0;
}

#endif
