/* SPDX-License-Identifier: BSD-3-Clause */
/* What a field of a header holds from frame to frame: one value, a walk through a range, chance within a
 * range, or a list. */
#ifndef PKTGEN_FIELD_H
#define PKTGEN_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define FIELD_WHY 320 /* bytes for what is wrong with a value */

enum field_kind {
    FIELD_NUMBER, /* decimal, or 0x... */
    FIELD_IP,     /* 10.0.0.1; ranges also as 10.0.0.0/24 */
    FIELD_MAC,    /* 02:00:00:00:00:01 */
    FIELD_FLAGS,  /* syn+ack */
};

struct field_type {
    enum field_kind kind;
    uint64_t min, max;
};

enum field_mode { FIELD_FIXED, FIELD_STEP, FIELD_RANDOM, FIELD_LIST };

struct field {
    enum field_mode mode;
    uint64_t lo, hi, step;
    uint64_t count;  /* values of the walk or list */
    uint64_t at;     /* which of them comes next; FIELD_RANDOM: a counter */
    uint64_t stride; /* and how many further the one after it is */
    uint64_t key;
    uint64_t *list; /* owned */
};

/* VALUE | LOW-HIGH[/STEP] | random:LOW-HIGH | random | VALUE,VALUE,...; for addresses also PREFIX/LENGTH
 * where a range may stand. False: `why` is what is allowed ("must be ..."). */
bool field_parse(struct field *f, const char *text, const struct field_type *type, char why[FIELD_WHY]);
/* One value and nothing else. */
bool field_value_parse(const char *text, const struct field_type *type, uint64_t *value, char why[FIELD_WHY]);
struct field field_fixed(uint64_t value);
void field_free(struct field *f);

/* A generator begins at its own place: `part` of `parts` in a walk or list, its own chance. So workers do not
 * send each other's values, and together they send them all. */
void field_split(struct field *f, uint32_t part, uint32_t parts, uint64_t seed);
/* A list in memory of its own; false: out of memory. */
bool field_copy(struct field *to, const struct field *from);

/* The first value there will be. */
uint64_t field_first(const struct field *f);
/* The least and greatest values that can come. */
uint64_t field_least(const struct field *f);
uint64_t field_greatest(const struct field *f);

static inline uint64_t field_turn(struct field *f)
{
    uint64_t at = f->at;
    f->at = at + f->stride < f->count ? at + f->stride : at + f->stride - f->count;
    return at;
}

static inline uint64_t field_chance(struct field *f)
{
    uint64_t once = hash_mix(++f->at ^ f->key, UINT64_C(0x9e3779b97f4a7c15));
    return hash_mix(once ^ f->key, UINT64_C(0xd6e8feb86659fd93));
}

static inline uint64_t field_next(struct field *f)
{
    switch (f->mode) {
    case FIELD_STEP:
        return f->lo + field_turn(f) * f->step;
    case FIELD_RANDOM:
        /* Multiply and shift: uniform to one part in 2^64 / range. */
        return f->lo + (uint64_t)((unsigned __int128)field_chance(f) * (f->hi - f->lo + 1) >> 64);
    case FIELD_LIST:
        return f->list[field_turn(f)];
    default:
        return f->lo;
    }
}

#endif
