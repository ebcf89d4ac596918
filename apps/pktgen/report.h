/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run tells: a line a second while it goes on, a summary, JSON. */
#ifndef PKTGEN_REPORT_H
#define PKTGEN_REPORT_H

#include <stdio.h>

#include "pktgen/run.h"

/* Of all lanes. */
struct totals {
    struct lane_counts c;
    uint64_t started, ended, rx_started, rx_ended; /* ns; 0: never */
    uint64_t probes_sent;
    uint64_t sources;                                    /* of others */
    uint64_t missing, duplicates, reordered, stragglers; /* of others' probes and ours */
    uint64_t own_unique;                                 /* ours that came back */
    uint64_t drops;                                      /* below us and in the stack, by the counters */
};

/* As they are at the moment, also while lanes run. */
void totals_take(const struct run *r, struct totals *t);

struct report;

/* Starts the line a second, unless the run is quiet. NULL: there is none (no memory, no thread). */
struct report *report_begin(const struct run *r);
/* Ends it; the samples stay for report_json. */
void report_end(struct report *rep);
void report_free(struct report *rep);

/* `partial`: NULL, or why the run is not whole. */
void report_summary(FILE *out, const struct run *r, const char *partial);
/* 0, or an exit code after a message. `rep` may be NULL. */
int report_json(const struct run *r, const struct report *rep, const char *partial);

#endif
