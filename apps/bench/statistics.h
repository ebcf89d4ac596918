/* SPDX-License-Identifier: BSD-3-Clause */
/* How sure one may be that two series of runs differ. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stdbool.h>

struct ratio {
    unsigned n;       /* pairs that counted */
    double ratio;     /* geometric mean of b / a */
    double low, high; /* the 95 % confidence interval; not set with fewer than 2 pairs */
    bool sure;        /* it does not contain 1 */
};

/* Runs made in turns are compared pair by pair: what disturbed the machine disturbed both. The logarithms of
 * the ratios are taken as normal (Student's t). Pairs with a value that is not above 0 are left out. False
 * when none is left. */
bool statistics_ratio(const double *a, const double *b, unsigned n, struct ratio *out);
/* The 97.5 % quantile of Student's t. */
double statistics_t(unsigned degrees);

#endif
