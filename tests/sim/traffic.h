/* SPDX-License-Identifier: BSD-3-Clause */
/* The applications of a simulated world: a client and a server that carry out the plan of each
 * connection through sockets and epoll, and compare every byte. */
#ifndef TESTS_SIM_TRAFFIC_H
#define TESTS_SIM_TRAFFIC_H

#include "scenario.h"

struct traffic;

enum { TRAFFIC_PORT = 4242, TRAFFIC_UDP_PORT = 4243 };

/* One end of a connection. */
struct traffic_end {
    struct traffic *t;
    struct host *h;
    const struct conn_plan *plan;
    unsigned conn, side; /* 0 client, 1 server */
    int fd;              /* -1: not yet, or closed */
    uint64_t sent, received;
    bool connected, shut, eof, over, sees_reset;
    uint32_t interest;        /* as registered with epoll */
    bool out_ready, in_ready; /* edges not yet used up */
    nsec_t wake;
    uint16_t port; /* the client's */
    bool napped;
};

struct traffic {
    const struct scenario *sc;
    struct world *w;
    struct host *host[WORLD_HOSTS];
    int epoll[WORLD_HOSTS], listener, udp[2];
    struct traffic_end end[2][SCENARIO_CONNS];
    uint32_t datagrams_sent[2], datagrams_received[2];
    nsec_t begin;
    uint64_t dice;
    uint64_t bytes; /* received and compared */
    unsigned over;  /* ends */
    bool failed;
    char why[WORLD_WHY];
};

/* Opens the listeners and takes the applications' turns from then on. False: t->why. */
bool traffic_start(struct traffic *t, const struct scenario *sc, struct world *w);
/* Everything planned has been done. */
bool traffic_done(const struct traffic *t);
/* What is not over, for a report. */
void traffic_report(const struct traffic *t, char *buf, size_t size);
void traffic_stop(struct traffic *t);

/* traffic_udp.c */
bool traffic_udp_start(struct traffic *t);
unsigned traffic_udp_turn(struct traffic *t, unsigned side);

bool traffic_fail(struct traffic *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
