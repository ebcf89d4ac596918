/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs one scenario from its seed to the last buffer given back. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "traffic.h"

struct sim_result {
    bool ok;
    nsec_t virtual_time; /* that passed in this world */
    nsec_t traffic_time; /* until everything planned was done */
    uint64_t bytes, rounds, packets, retransmissions;
    uint64_t fingerprint; /* of every byte that any host sent, and of every control block after each look */
    char why[1024];
};

struct sim_options {
    const char *pcap;  /* prefix of two files; NULL: none */
    const char *trace; /* CSV of host 0's connection; NULL: none (trace.h) */
    bool slow_path;    /* without header prediction */
    unsigned faults;   /* mask; scenario.h */
};

void sim_run(const struct scenario *sc, const struct sim_options *opt, struct sim_result *out);

#endif
