/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection over one wire, as a scenario: what known paths and plots are made of. */
#ifndef TESTS_SIM_PATH_H
#define TESTS_SIM_PATH_H

#include "sim.h"

struct path_plan {
    const char *wire;  /* as --impair has it */
    uint32_t bytes[2]; /* [0] client to server */
    const char *cong;  /* congestion control of both; NULL: the default */
    double marked;     /* chance of a CE mark on what is ECN-capable; above 0 both ends agree on ECN */
    uint64_t seed;     /* 0: the wire's own, world 1 */
};

/* False: *why. */
bool path_scenario(const struct path_plan *p, struct scenario *sc, char *why, size_t size);

#endif
