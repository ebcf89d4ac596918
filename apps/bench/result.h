/* SPDX-License-Identifier: BSD-3-Clause */
/* A run's figures, of all workers together. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdio.h>

#include "bench/load.h"

struct result {
    double seconds;         /* measured */
    double opening_seconds; /* for all connections */
    uint64_t requests, bytes_in, bytes_out, unanswered, unsent, lost_connections, lost_requests;
    uint64_t opened, not_opened, open_at_end;
    uint64_t failures[FAILURES], all_failures;
    double silent_seconds; /* since the last answer, at the end */
    double cpu_user, cpu_system;
    uint64_t memory_before, memory_peak; /* bytes resident in the process */
    const char *partial;                 /* why it is not the whole run; NULL: it is */
    struct histogram latency, connect;
    unsigned n_intervals;
    struct interval interval[SERIES_MAX];
};

/* Resident memory, now or (peak) ever, in bytes. */
uint64_t result_memory(bool peak);
void result_print(const struct result *r, FILE *out);
/* To the file of --json. 0, or APP_FAILED after a message. */
int result_json(const struct result *r);

extern uint64_t result_memory_before; /* when the connections were not there yet */

#endif
