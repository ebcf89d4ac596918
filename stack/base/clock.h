/* SPDX-License-Identifier: BSD-3-Clause */
/* Time is an argument: u64 nanoseconds since an arbitrary origin at interfaces, u32 microseconds
 * (wrapping, compared by usec_*) inside control blocks. Nothing here reads a clock. */
#ifndef PLX_BASE_CLOCK_H
#define PLX_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t nsec_t;

#define NSEC_NEVER    UINT64_MAX
#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC  UINT64_C(1000000000)
#define USEC_PER_MSEC 1000u
#define USEC_PER_SEC  1000000u

static inline uint32_t nsec_to_usec(nsec_t t)
{
    return (uint32_t)(t / NSEC_PER_USEC);
}

/* a is before b, on the wrapping microsecond clock (distances up to 35 minutes). */
static inline bool usec_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

#endif
