/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/track.h"

#include <rte_common.h>
#include <string.h>

#define TRACK_ORIGIN (UINT64_C(1) << 33) /* so that numbers below the first seen do not run below zero */

static inline uint64_t *track_word(struct track *t, uint64_t number)
{
    return &t->seen[number % TRACK_WINDOW / 64];
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

/* A number that is not the next one. */
static void track_jump(struct track *t, uint64_t number)
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

/* The next `count` numbers: a word that is entered still holds those of a window before. */
static void track_onward(struct track *t, uint32_t count)
{
    uint64_t number = t->next, end = number + count;

    t->unique += count;
    t->next = end;
    while (number < end) {
        uint64_t from = number % 64, n = RTE_MIN(64 - from, end - number);
        uint64_t *word = track_word(t, number);
        *word = (from == 0 ? 0 : *word) | UINT64_MAX >> (64 - n) << from;
        number += n;
    }
}

void track_add_row(struct track *t, uint32_t seq, uint32_t count)
{
    for (; count > 0; seq++, count--) {
        /* The number nearest to what is expected that ends in these 32 bits. */
        uint64_t number = t->next + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)t->next);
        if (number == t->next) {
            track_onward(t, count);
            return;
        }
        track_jump(t, number);
    }
}

void track_begin(struct track *t, uint16_t source, uint32_t seq)
{
    memset(t, 0, sizeof(*t));
    t->source = source;
    t->first = t->next = TRACK_ORIGIN + seq;
    track_add(t, seq);
}
