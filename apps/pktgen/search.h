/* SPDX-License-Identifier: BSD-3-Clause */
/* The highest rate at which no more than a share of the frames is lost on the way there and back (RFC 2544
 * section 26.1), by halving. */
#ifndef PKTGEN_SEARCH_H
#define PKTGEN_SEARCH_H

#include "pktgen/run.h"

#define SEARCH_TRIALS 24

/* Runs trials of cfg->duration each; `most_lost` in percent. APP_OK when a rate was found, else APP_FAILED
 * after a message. */
int search_run(struct run_config *cfg, double most_lost);

#endif
