/* SPDX-License-Identifier: BSD-3-Clause */
/* How a value is distributed, as HDR histograms do it: counts in slots whose width grows with the value, so
 * that each value is known to 1/128 from zero to 2^42 (73 minutes in ns), and adding one costs a few
 * instructions. Minimum, maximum and mean are exact. One thread writes; merging is for afterwards. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS   7
#define HISTOGRAM_VALUE_BITS 42
#define HISTOGRAM_SLOTS      ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_TOP        ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

/* All zero is an empty one. */
struct histogram {
    uint64_t count, min, max;
    double sum, sum_of_squares;
    uint64_t slot[HISTOGRAM_SLOTS];
};

static inline unsigned histogram_slot(uint64_t value)
{
    if (value > HISTOGRAM_TOP)
        value = HISTOGRAM_TOP;
    if (value < 2u << HISTOGRAM_SUB_BITS)
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The same value `times` times, at least once. */
static inline void histogram_add_times(struct histogram *h, uint64_t value, uint64_t times)
{
    double x = (double)value, n = (double)times;

    h->slot[histogram_slot(value)] += times;
    if (h->count == 0 || value < h->min)
        h->min = value;
    if (value > h->max)
        h->max = value;
    h->count += times;
    h->sum += x * n;
    h->sum_of_squares += x * x * n;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    histogram_add_times(h, value, 1);
}

/* Adds what `from` holds to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value that the share q (0 to 1) of all values does not exceed: the upper end of its slot, but never
 * more than the maximum. 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);
/* 0 when empty. */
double histogram_mean(const struct histogram *h);
double histogram_stddev(const struct histogram *h);
/* The least and the greatest value that go into a slot. */
uint64_t histogram_slot_least(unsigned slot);
uint64_t histogram_slot_greatest(unsigned slot);

#endif
