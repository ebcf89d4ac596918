/* SPDX-License-Identifier: BSD-3-Clause */
/* When the next frame is due. The schedule is exact: frame n of a rate r is due n/r after the start, with the
 * remainder of each division carried on, so nothing drifts however long it runs. */
#ifndef PKTGEN_PACER_H
#define PKTGEN_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_MAX_PPS       1000000000u    /* frames a second: one a nanosecond */
#define RATE_MAX_BPS       4000000000000u /* bits a second */
#define RATE_WIRE_OVERHEAD 24u            /* bytes: preamble 8, check sequence 4, gap 12 (IEEE 802.3) */

enum rate_unit {
    RATE_MAX,     /* as fast as the wire takes them */
    RATE_PPS,     /* frames */
    RATE_BPS,     /* bits of the frames */
    RATE_L1_BPS,  /* bits with what the link adds */
    RATE_PERCENT, /* of the link, in parts per million until the link is known */
};

struct rate {
    enum rate_unit unit;
    uint64_t value; /* per second; RATE_PERCENT: parts per million */
};

/* "1Mpps", "250pps", "2Gbps", "9.6Gbps-l1", "50%", "max". False: what is allowed is in `why`. */
bool rate_parse(struct rate *r, const char *text, char *why, size_t size);
/* "1.5 Mpps" into buf, which is returned. */
const char *rate_text(const struct rate *r, char buf[48]);
/* A share of the link into bits: false when it has no speed. `mbps` is the link's. */
bool rate_resolve(struct rate *r, uint64_t mbps);
/* Frames per second with frames of `mean` bytes; 0 for RATE_MAX. */
double rate_frames(const struct rate *r, double mean);

struct pacer {
    struct rate rate;
    uint64_t due;       /* ns: when the next group may go */
    uint64_t remainder; /* of `due`, in parts of 1/divisor ns */
    uint64_t divisor;
    uint64_t step, step_rest; /* ns between frames, RATE_PPS */
    uint64_t floor;           /* ns: catching up has a limit */
    uint32_t group, in_group; /* frames that go together, and how many of them have gone */
    uint64_t group_cost;      /* ns owed for them */
};

/* `part` of `parts` pacers that share a rate: each has 1/parts of it, evenly staggered. `group`: frames that
 * go back to back. */
void pacer_init(struct pacer *p, const struct rate *rate, uint32_t group, uint32_t part, uint32_t parts,
                uint64_t start);
/* How long a frame of `len` bytes takes at this rate: moves the schedule on. */
void pacer_advance(struct pacer *p, uint32_t len, uint64_t now);

/* May a frame go now? */
static inline bool pacer_ready(const struct pacer *p, uint64_t now)
{
    return p->rate.unit == RATE_MAX || p->in_group != 0 || (p->due <= now && p->floor <= now);
}

#endif
