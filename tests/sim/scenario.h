/* SPDX-License-Identifier: BSD-3-Clause */
/* A scenario: everything about one simulated world, drawn from one seed. */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include <stddef.h>

#include "netdev/impair.h"
#include "network.h"
#include "support/world.h"

#define SCENARIO_CONNS  24
#define SCENARIO_PAUSES 3

/* What may be wrong in a world. A mask of them says which worlds draw from. */
enum fault {
    FAULT_LOSS = 1 << 0,
    FAULT_BURST = 1 << 1, /* loss in bursts */
    FAULT_TAIL = 1 << 2,  /* the end of a write is lost */
    FAULT_REORDER = 1 << 3,
    FAULT_DUP = 1 << 4,
    FAULT_CORRUPT = 1 << 5,
    FAULT_DELAY = 1 << 6,     /* and jitter */
    FAULT_RATE = 1 << 7,      /* and the queue in front of it */
    FAULT_MTU = 1 << 8,       /* the path becomes narrower, and wide again */
    FAULT_PARTITION = 1 << 9, /* nothing passes for a while */
    FAULT_CLOCK = 1 << 10,    /* clocks and counters near their wrap, a machine that sleeps */
    FAULT_SEQ = 1 << 11,      /* sequence numbers near their wrap */
    FAULT_POOLS = 1 << 12,    /* packet pools that run empty */
    FAULT_STALL = 1 << 13,    /* applications that do nothing for a while */
    FAULT_ENDING = 1 << 14,   /* resets; without it all streams end in peace */
    FAULT_HOSTILE = 1 << 15,  /* one host more, whose segments are weapons */
    FAULT_BLIND = 1 << 16,    /* an attacker who does not see the connection */
    FAULT_MARKS = 1 << 17,    /* routers that mark instead of dropping, ends that agree on ECN or do not */
    FAULT_ALL = (1 << 18) - 1,
};

enum ending {
    END_HALF_CLOSE, /* each side shuts its half when it has sent all, and closes at the end of the other's */
    END_CLIENT_CLOSES, /* the client closes when both streams are done; the server follows */
    END_SERVER_CLOSES,
    END_CLIENT_RESETS, /* somewhere in the middle, with linger 0 */
    END_N
};

/* The whole machine, or one host of it, does nothing for a while. */
struct pause {
    nsec_t at, length;
    int host; /* -1: the clock jumps for all */
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
    uint8_t client;          /* host */
    int8_t wraps;            /* side whose sequence numbers wrap within the stream; -1: neither */
    int8_t naps;             /* side that does nothing for long after nap_after bytes sent; -1 */
    uint32_t nap_after;
    nsec_t nap;
    bool hostile; /* its peer is: anything may become of it */
};

struct scenario {
    uint64_t seed;
    unsigned n_hosts;          /* 0 and 2 on are clients, 1 is the server */
    struct impair_config wire; /* all fields; applied at each client's end, both ways */
    struct network_faults net;
    nsec_t start;    /* what the clock says when the world begins */
    bool wrap_tsval; /* of the first connection, soon */
    unsigned n_pauses;
    struct pause pause[SCENARIO_PAUSES];
    bool ether;
    bool offload;
    uint16_t mtu;
    uint32_t backlog;
    uint32_t pool_limit; /* buffers of each pool of each host; 0: plenty */
    bool sack, timestamps, wscale;
    bool ecn;     /* clients ask for it; servers answer */
    uint8_t cong; /* the tunable's choice */
    unsigned n_conns;
    struct conn_plan conn[SCENARIO_CONNS];
    unsigned n_datagrams; /* UDP, each way */
    nsec_t deadline;      /* everything is over by then */
};

/* `faults`: a mask of enum fault; a world without a fault is else as it would be. */
void scenario_draw(struct scenario *s, uint64_t seed, unsigned faults);
/* "loss,tail", "all", "none". False: a name that is none. */
bool scenario_faults(const char *text, unsigned *faults);
void scenario_print(const struct scenario *s, char *buf, size_t size);

#endif
