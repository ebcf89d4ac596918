/* SPDX-License-Identifier: BSD-3-Clause */
/* What a sender knows over time, as CSV: the windows, what has been acknowledged, what was sent again. */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdio.h>

#include "support/world.h"

struct trace {
    FILE *out;
    nsec_t begin, next;
    uint64_t acked; /* bytes */
    seq_t una;
    bool seen;
};

/* False: the file cannot be made. */
bool trace_open(struct trace *tr, const char *path, nsec_t begin);
/* One line for the only connection of host h, when 5 ms have passed since the last. */
void trace_look(struct trace *tr, const struct host *h, nsec_t now);
void trace_close(struct trace *tr);

#endif
