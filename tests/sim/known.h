/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths whose completion time is known, each with a bound. */
#ifndef TESTS_SIM_KNOWN_H
#define TESTS_SIM_KNOWN_H

#include "sim.h"

bool known_paths_run(const struct sim_options *opt);

#endif
