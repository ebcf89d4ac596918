/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel sent and what Pollux sent, side by side. Whatever may differ is declared in one table
 * (compare.c), each with its reason and its limit. */
#ifndef TESTS_REPLAY_COMPARE_H
#define TESTS_REPLAY_COMPARE_H

#include "capture.h"

struct record_list {
    struct record *r;
    unsigned n;
};

struct record *record_list_add(struct record_list *l);
void record_list_free(struct record_list *l);

struct tolerance {
    const char *name;
    const char *reason;
    /* Makes `got`, a copy of what is expected, differ: just within the tolerance, or just beyond it. For the
     * test of the table itself. */
    void (*edge)(struct record *got, bool beyond);
};

extern const struct tolerance tolerance_table[];
extern const unsigned tolerance_count;

/* NULL: the two frames count as the same; else what differs. `gap` is the time since the previous frame of
 * the capture, in either direction: how long a timer had run. */
const char *record_differs(const struct record *want, const struct record *got, nsec_t gap);
/* Compares in order; prints both columns where they part. */
bool records_compare(const struct record_list *want, const struct record_list *got, const struct capture *c,
                     const char *name);
/* Each tolerance at its edge and beyond it. */
bool tolerances_check(void);

#endif
