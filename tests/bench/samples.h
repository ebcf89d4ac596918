/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of round trips, and what they come to. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int samples_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Prints "median p99 mean" in microseconds. `ns` is sorted by it. */
static inline void samples_print(uint32_t *ns, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += ns[i];
    qsort(ns, n, sizeof(*ns), samples_compare);
    printf("rtt %.3f %.3f %.3f\n", ns[n / 2] / 1e3, ns[n - 1 - n / 100] / 1e3, (double)sum / n / 1e3);
}

#endif
