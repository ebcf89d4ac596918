/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-wire: two devices as the two ends of one cable. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "posix/options.h"
#include "worker_eal.h"

enum { WIRE_ENDS = 2 };

/* What came in at one end. */
struct wire_flow {
    uint64_t packets, bytes; /* given to the other end */
    uint64_t refused;        /* not taken by it: its queue was full, or they are too long for it */
};

struct wire {
    struct worker_eal *eal;
    struct netdev *end[WIRE_ENDS];
    bool impaired[WIRE_ENDS];
    struct wire_flow flow[WIRE_ENDS]; /* [0]: from the first end to the second */
    bool up[WIRE_ENDS];
    uint32_t stats_s; /* a line of rates so often; 0: none */
};

/* Opens both ends. 0, or a negative errno as worker_eal_create, with `why`. */
int wire_open(struct wire *w, const struct options *o, char *why, size_t size);
/* Carries packets until plx_stop is called. 0, or a negative errno. */
int wire_run(struct wire *w);
/* What passed and what did not, some lines for people. */
void wire_summary(const struct wire *w, FILE *out);
void wire_close(struct wire *w);

#endif
