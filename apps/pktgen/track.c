/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/track.h"

#define TRACK_ORIGIN (UINT64_C(1) << 33) /* so that numbers below the first seen do not run below zero */

void track_begin(struct track *t, uint16_t source, uint32_t seq)
{
    memset(t, 0, sizeof(*t));
    t->source = source;
    t->first = t->next = TRACK_ORIGIN + seq;
    track_add(t, seq);
}

/* Forgets what stood in the window for numbers from t->next up to `number`. */
static void window_move(struct track *t, uint64_t number)
{
    if (number - t->next >= TRACK_WINDOW) {
        memset(t->seen, 0, sizeof(t->seen));
        return;
    }
    for (uint64_t n = t->next; n <= number; n++)
        *track_word(t, n) &= ~(UINT64_C(1) << n % 64);
}

static void track_back(struct track *t, uint64_t number)
{
    uint64_t bit = UINT64_C(1) << number % 64;

    if (t->next - number > TRACK_WINDOW) {
        t->reordered++;
        t->stragglers++;
        return;
    }
    if (*track_word(t, number) & bit) {
        t->duplicates++;
        return;
    }
    *track_word(t, number) |= bit;
    t->unique++;
    t->reordered++;
    if (number < t->first)
        t->first = number;
}

void track_jump(struct track *t, uint64_t number)
{
    if (number < t->next) {
        track_back(t, number);
        return;
    }
    window_move(t, number);
    *track_word(t, number) |= UINT64_C(1) << number % 64;
    t->unique++;
    t->next = number + 1;
}
