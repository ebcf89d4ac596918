/* SPDX-License-Identifier: BSD-3-Clause */
/* A scenario: everything about one simulated world, drawn from one seed. */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include <stddef.h>

#include "netdev/impair.h"
#include "support/world.h"

#define SCENARIO_CONNS 24

enum ending {
    END_HALF_CLOSE, /* each side shuts its half when it has sent all, and closes at the end of the other's */
    END_CLIENT_CLOSES, /* the client closes when both streams are done; the server follows */
    END_SERVER_CLOSES,
    END_CLIENT_RESETS, /* somewhere in the middle, with linger 0 */
    END_N
};

struct conn_plan {
    nsec_t at;             /* connect */
    uint32_t bytes[2];     /* [0] client to server */
    uint32_t write_max[2]; /* bytes a call, by side: [0] client */
    uint32_t read_max[2];
    uint32_t stall_ppm[2]; /* chance to do nothing for a while after a call */
    nsec_t stall[2];
    enum ending ending;
    uint32_t reset_after; /* bytes received by the client */
    bool edge;            /* EPOLLET */
    bool nodelay;
    uint32_t rcvbuf, sndbuf; /* 0: as it is */
};

struct scenario {
    uint64_t seed;
    struct impair_config wire; /* all fields; applied at host 0's end, both ways */
    bool ether;
    bool offload;
    uint16_t mtu;
    uint32_t backlog;
    uint32_t pool_limit; /* buffers of each pool of each host; 0: plenty */
    bool sack, timestamps, wscale;
    unsigned n_conns;
    struct conn_plan conn[SCENARIO_CONNS];
    unsigned n_datagrams; /* UDP, each way */
    nsec_t deadline;      /* everything is over by then */
};

void scenario_draw(struct scenario *s, uint64_t seed);
void scenario_print(const struct scenario *s, char *buf, size_t size);

#endif
