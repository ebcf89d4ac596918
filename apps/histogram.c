/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

#include <math.h>

uint64_t histogram_slot_least(unsigned slot)
{
    if (slot < 2u << HISTOGRAM_SUB_BITS)
        return slot;
    unsigned shift = (slot >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t sub = (slot & ((1u << HISTOGRAM_SUB_BITS) - 1)) + (1u << HISTOGRAM_SUB_BITS);
    return sub << shift;
}

uint64_t histogram_slot_greatest(unsigned slot)
{
    return histogram_slot_least(slot + 1) - 1;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    into->sum_of_squares += from->sum_of_squares;
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++)
        into->slot[i] += from->slot[i];
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)h->count), seen = 0;

    if (h->count == 0)
        return 0;
    if (rank < 1)
        return h->min;
    if (rank >= h->count)
        return h->max;
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += h->slot[i];
        if (seen >= rank) {
            uint64_t value = histogram_slot_greatest(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

double histogram_mean(const struct histogram *h)
{
    return h->count != 0 ? h->sum / (double)h->count : 0;
}

double histogram_stddev(const struct histogram *h)
{
    double mean = histogram_mean(h);
    double variance = h->count != 0 ? h->sum_of_squares / (double)h->count - mean * mean : 0;

    return variance > 0 ? sqrt(variance) : 0;
}
