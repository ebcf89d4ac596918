/* SPDX-License-Identifier: BSD-3-Clause */
#include "path.h"

#include <stdio.h>
#include <string.h>

#include "tcp/congestion.h"

#define DEADLINE (4000 * NSEC_PER_SEC)

bool path_scenario(const struct path_plan *p, struct scenario *sc, char *why, size_t size)
{
    int cong = p->cong != NULL ? congestion_find(p->cong, strlen(p->cong)) : 0;
    *sc = (struct scenario){.seed = p->seed != 0 ? p->seed : 1,
                            .n_hosts = 2,
                            .start = NSEC_PER_SEC,
                            .mtu = 1500,
                            .backlog = 16,
                            .sack = true,
                            .timestamps = true,
                            .wscale = true,
                            .ecn = p->marked > 0,
                            .net.marked = p->marked,
                            .n_conns = 1,
                            .deadline = DEADLINE};
    if (cong < 0) {
        snprintf(why, size, "no congestion control is called %s", p->cong);
        return false;
    }
    sc->cong = (uint8_t)cong;
    if (impair_parse(p->wire, &sc->wire, why, size) != 0)
        return false;
    if (p->seed != 0)
        sc->wire.seed = p->seed;
    sc->conn[0] = (struct conn_plan){.bytes = {p->bytes[0], p->bytes[1]},
                                     .write_max = {65536, 65536},
                                     .read_max = {65536, 65536},
                                     .ending = END_HALF_CLOSE,
                                     .wraps = -1,
                                     .naps = -1,
                                     .edge = true};
    return true;
}
