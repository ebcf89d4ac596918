/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of plx-pktgen. */
#ifndef PKTGEN_OPTIONS_H
#define PKTGEN_OPTIONS_H

#include "pktgen/run.h"

/* Reads everything and opens the wires (app_start). `most_lost`: --search's percent, or below 0 without it.
 * 0, or an exit code after a message. */
int options_start(struct run_config *cfg, int argc, char **argv, double *most_lost);

/* "5", "0.5", "250ms", "10m" in ns; at least 1 us, at most a year. */
bool options_time(const char *text, uint64_t *ns);

#endif
