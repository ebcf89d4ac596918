/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/hystart.h"

void hystart_reset(struct hystart *h)
{
    *h = (struct hystart){0};
}

/* RFC9406-4.2: "At the start of each round". */
static void round_begin(struct hystart *h, seq_t nxt)
{
    h->running = true;
    h->round_end = nxt;
    h->last_min_us = h->min_us;
    h->min_us = 0;
    h->samples = 0;
}

static void sample_take(struct hystart *h, uint32_t rtt_us)
{
    if (rtt_us == 0)
        return;
    if (h->min_us == 0 || rtt_us < h->min_us)
        h->min_us = rtt_us;
    if (h->samples < HYSTART_N_RTT_SAMPLE)
        h->samples++;
}

static uint32_t rtt_thresh(uint32_t last_us)
{
    uint32_t us = last_us / HYSTART_MIN_RTT_DIVISOR;
    if (us < HYSTART_MIN_RTT_THRESH_US)
        return HYSTART_MIN_RTT_THRESH_US;
    return us < HYSTART_MAX_RTT_THRESH_US ? us : HYSTART_MAX_RTT_THRESH_US;
}

enum hystart_phase hystart_on_ack(struct hystart *h, seq_t una, seq_t nxt, uint32_t rtt_us)
{
    if (!h->running) {
        round_begin(h, nxt);
    } else if (seq_geq(una, h->round_end)) {
        if (h->css_rounds != 0 && h->css_rounds++ == HYSTART_CSS_ROUNDS)
            return HYSTART_DONE;
        round_begin(h, nxt);
    }
    sample_take(h, rtt_us);
    if (h->samples == HYSTART_N_RTT_SAMPLE) {
        if (h->css_rounds == 0 && h->last_min_us != 0 &&
            h->min_us >= h->last_min_us + rtt_thresh(h->last_min_us)) {
            h->css_rounds = 1; /* the round that it begins in counts */
            h->baseline_us = h->min_us;
        } else if (h->css_rounds != 0 && h->min_us < h->baseline_us) {
            h->css_rounds = 0; /* it was noise */
        }
    }
    return h->css_rounds != 0 ? HYSTART_CSS : HYSTART_SLOW_START;
}
