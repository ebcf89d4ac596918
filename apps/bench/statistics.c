/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/statistics.h"

#include <math.h>

double statistics_t(unsigned degrees)
{
    static const double t[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201, 2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080,
                               2.074, 2.069,  2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

    if (degrees < sizeof(t) / sizeof(t[0]))
        return t[degrees];
    /* Two terms of Cornish and Fisher about the normal quantile: right to 0.001 from here on. */
    double z = 1.959964, z3 = z * z * z, n = degrees;
    return z + (z3 + z) / (4 * n) + (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * n * n);
}

bool statistics_ratio(const double *a, const double *b, unsigned n, struct ratio *out)
{
    double sum = 0, squares = 0;

    *out = (struct ratio){0};
    for (unsigned i = 0; i < n; i++)
        if (a[i] > 0 && b[i] > 0) {
            sum += log(b[i] / a[i]);
            out->n++;
        }
    if (out->n == 0)
        return false;
    double mean = sum / out->n;
    out->ratio = exp(mean);
    if (out->n < 2)
        return true;
    for (unsigned i = 0; i < n; i++)
        if (a[i] > 0 && b[i] > 0) {
            double d = log(b[i] / a[i]) - mean;
            squares += d * d;
        }
    double half = statistics_t(out->n - 1) * sqrt(squares / (out->n - 1) / out->n);
    out->low = exp(mean - half);
    out->high = exp(mean + half);
    out->sure = out->low > 1 || out->high < 1;
    return true;
}
