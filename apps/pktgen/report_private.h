/* SPDX-License-Identifier: BSD-3-Clause */
/* What report.c (lines) and report_end.c (summary, JSON) share. */
#ifndef PKTGEN_REPORT_PRIVATE_H
#define PKTGEN_REPORT_PRIVATE_H

#include <pthread.h>

#include "pktgen/report.h"

/* Counts up to a moment. */
struct sample {
    uint64_t at; /* ns since the beginning */
    uint64_t tx_frames, tx_bytes, rx_frames, rx_bytes, missing, drops, waits;
};

struct report {
    const struct run *run;
    uint64_t began; /* ns */
    struct sample *sample;
    size_t n, room;
    bool redraw, running, stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    uint64_t queue[][4]; /* per lane, at the latest line: frames and bytes, tx and rx */
};

/* "1.000 Mpps 0.512 Gbit/s" into buf, which is returned. */
const char *report_rate(double frames, double bytes, char buf[64]);

#endif
