/* SPDX-License-Identifier: BSD-3-Clause */
#include "known.h"

#include <stdio.h>

#include "path.h"

#define MB (1u << 20)

/* A bound is what a right stack needs with some to spare: a missed fast retransmission, a window that
 * does not open or an ACK that waits shows as a multiple. */
static const struct known_path {
    const char *name, *wire;
    uint32_t up, down; /* bytes */
    double seconds;
    uint32_t again;  /* segments sent again at most; none where nothing is lost */
    double marked;   /* see path.h */
    double at_least; /* seconds: less says that congestion was not heard of */
} paths[] = {
    {"clean, 10 Mbit/s, 10 ms", "delay=10ms,rate=10M", 4 * MB, 0, 3.9, 0, 0, 0},
    {"clean, 100 Mbit/s, 25 ms, download", "delay=25ms,rate=100M", 0, 16 * MB, 3.0, 0, 0, 0},
    {"request and reply, 50 ms", "delay=50ms", 200, 200, 0.45, 0, 0, 0},
    {"clean, round trip of 600 ms", "delay=300ms", 20000, 20000, 4, 0, 0, 0},
    {"10 Mbit/s, 20 ms, queue of 60 packets", "delay=20ms,rate=10M,limit=60,seed=9", 8 * MB, 0, 10, 150, 0,
     0},
    {"1 % loss, 10 Mbit/s, 10 ms", "loss=1%,delay=10ms,rate=10M,seed=3", 4 * MB, 0, 9, 400, 0, 0},
    {"1 % loss, 100 Mbit/s, 25 ms", "loss=1%,delay=25ms,rate=100M,seed=4", 4 * MB, 0, 30, 400, 0, 0},
    {"3 % loss, 5 ms, download", "loss=3%,delay=5ms,rate=100M,seed=5", 0, 4 * MB, 25, 400, 0, 0},
    {"1 % reordering, 10 ms", "reorder=1%,delay=10ms,rate=10M,seed=6", 4 * MB, 0, 9, 400, 0, 0},
    {"2 % duplicates, 10 ms", "dup=2%,delay=10ms,rate=10M,seed=7", 4 * MB, 0, 4.5, 0, 0, 0},
    {"0.1 % corruption, 10 ms", "corrupt=0.1%,delay=10ms,rate=10M,seed=8", 4 * MB, 0, 6, 400, 0, 0},
    {"1 % marked, 100 Mbit/s, 25 ms", "delay=25ms,rate=100M", 4 * MB, 0, 30, 0, 0.01, 5},
};

static bool path_run(const struct known_path *p, const struct sim_options *opt)
{
    struct path_plan plan = {.wire = p->wire, .bytes = {p->up, p->down}, .marked = p->marked};
    char why[200];
    struct scenario sc;
    struct sim_result r;
    if (!path_scenario(&plan, &sc, why, sizeof(why))) {
        printf("FAIL %s: %s\n", p->name, why);
        return false;
    }
    sc.deadline = (nsec_t)(p->seconds * 20e9);
    sim_run(&sc, opt, &r);
    double took = (double)r.traffic_time / 1e9;
    bool ok = r.ok && took <= p->seconds && took >= p->at_least && r.retransmissions <= p->again;
    printf("%s %-40s %8.3f s of at most %6.2f s, %llu of at most %u packets sent again%s%s\n",
           ok ? "ok  " : "FAIL", p->name, took, p->seconds, (unsigned long long)r.retransmissions, p->again,
           r.ok ? "" : ": ", r.why);
    return ok;
}

bool known_paths_run(const struct sim_options *opt)
{
    bool ok = true;
    for (unsigned i = 0; i < RTE_DIM(paths); i++)
        ok = path_run(&paths[i], opt) && ok;
    return ok;
}
