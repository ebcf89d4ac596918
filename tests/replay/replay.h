/* SPDX-License-Identifier: BSD-3-Clause */
/* One side of a capture replayed: the other side's frames go in at the times of the file, the application
 * does what the capture shows that it did, and what Pollux sends is collected. */
#ifndef TESTS_REPLAY_REPLAY_H
#define TESTS_REPLAY_REPLAY_H

#include "compare.h"

struct replay_case {
    char name[64], path[400];
    char side[20];   /* address of the replaced side */
    bool bulk;       /* the application writes all it has at once */
    char set[8][64]; /* tunables, NAME=VALUE */
    unsigned n_set;
};

/* A line of the case file. False: why. */
bool replay_case_parse(struct replay_case *k, const char *line, const char *folder, char *why, size_t size);
/* False and a report on stdout when the two differ. */
bool replay_run(const struct replay_case *k);

#endif
