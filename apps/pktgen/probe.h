/* SPDX-License-Identifier: BSD-3-Clause */
/* What a generated frame carries so that a receiver can tell loss, order, duplicates, damage and latency: the
 * first bytes of its payload. Network order.
 *
 * The check makes the payload's one's complement sum 0xffff, which adds nothing to a checksum: the
 * transport's checksum depends on the headers alone, and the receiver sees damage without it. */
#ifndef PKTGEN_PROBE_H
#define PKTGEN_PROBE_H

#include <stdint.h>

#define PROBE_MAGIC 0x706c7831u /* "plx1" */

struct probe {
    uint32_t magic;
    uint16_t source; /* whose numbers: one queue and stream of one run */
    uint16_t check;
    uint32_t seq;
    uint32_t time_hi, time_lo; /* ns of the sender's monotonic clock, when it was handed to the wire */
} __attribute__((packed, aligned(2)));

#define PROBE_LEN ((uint32_t)sizeof(struct probe))

#endif
