/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence number arithmetic, modulo 2^32 (RFC9293-3.4). The only way sequence numbers are
 * compared anywhere in Pollux. */
#ifndef PLX_BASE_SEQ_H
#define PLX_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t seq_t;

static inline bool seq_lt(seq_t a, seq_t b)
{
    return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(seq_t a, seq_t b)
{
    return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(seq_t a, seq_t b)
{
    return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(seq_t a, seq_t b)
{
    return (int32_t)(a - b) >= 0;
}

static inline seq_t seq_max(seq_t a, seq_t b)
{
    return seq_gt(a, b) ? a : b;
}

static inline seq_t seq_min(seq_t a, seq_t b)
{
    return seq_lt(a, b) ? a : b;
}

/* lo <= s < hi */
static inline bool seq_in(seq_t s, seq_t lo, seq_t hi)
{
    return (uint32_t)(s - lo) < (uint32_t)(hi - lo);
}

#endif
