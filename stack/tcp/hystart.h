/* SPDX-License-Identifier: BSD-3-Clause */
/* HyStart++ (RFC 9406): slow start that notices by the round trips when it begins to fill a queue. It goes
 * on slower for some rounds (conservative slow start), and either takes the rise for noise and goes back, or
 * ends slow start before there is a loss. For the first slow start of a connection only. */
#ifndef PLX_TCP_HYSTART_H
#define PLX_TCP_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seq.h"

#define HYSTART_MIN_RTT_THRESH_US 4000u
#define HYSTART_MAX_RTT_THRESH_US 16000u
#define HYSTART_MIN_RTT_DIVISOR   8u
#define HYSTART_N_RTT_SAMPLE      8u
#define HYSTART_CSS_DIVISOR       4u
#define HYSTART_CSS_ROUNDS        5u

struct hystart {
    seq_t round_end;      /* the round is over when this is acknowledged */
    uint32_t last_min_us; /* least round trip of the round before; 0: none */
    uint32_t min_us;      /* of this round; 0: none */
    uint32_t baseline_us; /* conservative slow start: of the round that began it */
    uint8_t samples;      /* in this round, up to N_RTT_SAMPLE */
    uint8_t css_rounds;   /* begun in conservative slow start; 0: slow start */
    bool running;
};

enum hystart_phase { HYSTART_SLOW_START, HYSTART_CSS, HYSTART_DONE };

/* An ACK that lets cwnd grow: snd_una and snd_nxt after it, and its sample (us, 0: none). What slow start
 * shall be from now on; DONE: congestion avoidance. */
enum hystart_phase hystart_on_ack(struct hystart *h, seq_t una, seq_t nxt, uint32_t rtt_us);
/* Rounds begin anew: after an idle time, or when a reduction was undone. */
void hystart_reset(struct hystart *h);

#endif
