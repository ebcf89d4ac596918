/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/fdtable.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#define WORD_BITS 64u
#define PAGE      4096u

static size_t page_round(size_t bytes)
{
    return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static uint32_t words_for(uint32_t bits)
{
    return (bits + WORD_BITS - 1) / WORD_BITS;
}

static void bit_set(uint64_t *map, uint32_t i)
{
    map[i / WORD_BITS] |= UINT64_C(1) << (i % WORD_BITS);
}

static void bit_clear(uint64_t *map, uint32_t i)
{
    map[i / WORD_BITS] &= ~(UINT64_C(1) << (i % WORD_BITS));
}

static bool bit_test(const uint64_t *map, uint32_t i)
{
    return map[i / WORD_BITS] >> (i % WORD_BITS) & 1;
}

static void slot_take(struct fdtable *t, uint32_t slot)
{
    bit_set(t->used, slot);
    if (t->used[slot / WORD_BITS] != UINT64_MAX)
        return;
    bit_set(t->full1, slot / WORD_BITS);
    if (t->full1[slot / WORD_BITS / WORD_BITS] == UINT64_MAX)
        bit_set(t->full2, slot / WORD_BITS / WORD_BITS);
}

static void slot_give(struct fdtable *t, uint32_t slot)
{
    bit_clear(t->used, slot);
    bit_clear(t->full1, slot / WORD_BITS);
    bit_clear(t->full2, slot / WORD_BITS / WORD_BITS);
}

/* First clear bit of map[] at or after bit `from`, before bit `end`; `end` when there is none. */
static uint32_t first_clear(const uint64_t *map, uint32_t from, uint32_t end)
{
    for (uint32_t word = from / WORD_BITS; word * WORD_BITS < end; word++) {
        uint64_t taken = map[word];
        if (word == from / WORD_BITS)
            taken |= (UINT64_C(1) << (from % WORD_BITS)) - 1;
        if (taken != UINT64_MAX) {
            uint32_t bit = word * WORD_BITS + (uint32_t)__builtin_ctzll(~taken);
            return bit < end ? bit : end;
        }
    }
    return end;
}

/* Lowest free slot at or after `min`: in its own word, else through the summaries. */
static uint32_t slot_find(const struct fdtable *t, uint32_t min)
{
    uint32_t words = words_for(t->limit), groups = words_for(words);
    uint32_t word_end = (min / WORD_BITS + 1) * WORD_BITS;
    uint32_t slot = first_clear(t->used, min, word_end);
    if (slot < word_end)
        return slot;
    uint32_t next = min / WORD_BITS + 1;
    uint32_t group_end = (next / WORD_BITS + 1) * WORD_BITS;
    uint32_t word = first_clear(t->full1, next, group_end);
    if (word == group_end) {
        uint32_t group = first_clear(t->full2, next / WORD_BITS + 1, groups);
        if (group >= groups)
            return t->limit;
        word = first_clear(t->full1, group * WORD_BITS, (group + 1) * WORD_BITS);
    }
    if (word >= words)
        return t->limit;
    return first_clear(t->used, word * WORD_BITS, (word + 1) * WORD_BITS);
}

int fdtable_init(struct fdtable *t, const struct memory *mem, uint32_t limit, uint16_t worker,
                 uint16_t n_workers)
{
    if (limit == 0 || limit > FDTABLE_MAX - FDTABLE_FIRST || n_workers == 0 || worker >= n_workers)
        return -EINVAL;
    *t = (struct fdtable){.mem = mem, .limit = limit + FDTABLE_FIRST, .worker = worker};
    while (1u << t->shift < n_workers)
        t->shift++;
    if (t->limit > (uint32_t)INT_MAX >> t->shift)
        t->limit = (uint32_t)INT_MAX >> t->shift;

    uint32_t words = words_for(t->limit), groups = words_for(words), tops = words_for(groups);
    /* One word more at each level, so that looking at the word after the last is harmless. */
    size_t total = (size_t)(words + 1) * 2 + (groups + 1) + (tops + 1);
    t->map_bytes = page_round(total * sizeof(uint64_t));
    t->files_bytes = page_round((size_t)t->limit * sizeof(struct file *));
    t->used = mem->reserve(mem->user, t->map_bytes);
    t->files = mem->reserve(mem->user, t->files_bytes);
    if (t->used == NULL || t->files == NULL || mem->commit(mem->user, t->used, t->map_bytes) != 0) {
        fdtable_fini(t);
        return -ENOMEM;
    }
    t->cloexec = t->used + words + 1;
    t->full1 = t->cloexec + words + 1;
    t->full2 = t->full1 + groups + 1;
    for (uint32_t slot = 0; slot < FDTABLE_FIRST; slot++)
        slot_take(t, slot);
    return 0;
}

void fdtable_fini(struct fdtable *t)
{
    if (t->used != NULL)
        t->mem->release(t->mem->user, t->used, t->map_bytes);
    if (t->files != NULL)
        t->mem->release(t->mem->user, t->files, t->files_bytes);
    *t = (struct fdtable){0};
}

/* A page of files[] at a time: slots are taken from below, so that this follows use. */
static int commit_upto(struct fdtable *t, uint32_t slot)
{
    const uint32_t per_page = PAGE / sizeof(struct file *);
    while (slot >= t->committed) {
        if (t->mem->commit(t->mem->user, t->files + t->committed, PAGE) != 0)
            return -ENOMEM;
        t->committed += per_page;
    }
    return 0;
}

int fdtable_add(struct fdtable *t, struct file *f, int min)
{
    uint32_t low = FDTABLE_FIRST;
    if (min > 0) {
        /* The first number of this worker that is not below min. */
        low = ((uint32_t)min + (1u << t->shift) - 1 - t->worker) >> t->shift;
        if (low < FDTABLE_FIRST)
            low = FDTABLE_FIRST;
    }
    uint32_t slot = low < t->limit ? slot_find(t, low) : t->limit;
    if (slot >= t->limit)
        return -EMFILE;
    if (commit_upto(t, slot) != 0)
        return -ENOMEM;
    slot_take(t, slot);
    bit_clear(t->cloexec, slot);
    t->files[slot] = f;
    t->in_use++;
    return (int)(slot << t->shift | t->worker);
}

struct file *fdtable_remove(struct fdtable *t, int fd)
{
    uint32_t slot = (uint32_t)fd >> t->shift;
    struct file *f = t->files[slot];
    assert(f != NULL);
    t->files[slot] = NULL;
    slot_give(t, slot);
    t->in_use--;
    return f;
}

bool fdtable_is_full(const struct fdtable *t)
{
    return t->in_use >= t->limit - FDTABLE_FIRST;
}

bool fdtable_cloexec(const struct fdtable *t, int fd)
{
    return bit_test(t->cloexec, (uint32_t)fd >> t->shift);
}

void fdtable_set_cloexec(struct fdtable *t, int fd, bool on)
{
    (on ? bit_set : bit_clear)(t->cloexec, (uint32_t)fd >> t->shift);
}

int fdtable_next(const struct fdtable *t, int fd)
{
    for (uint32_t slot = (uint32_t)fd >> t->shift; slot < t->committed; slot++)
        if (t->files[slot] != NULL && (slot << t->shift | t->worker) >= (uint32_t)fd)
            return (int)(slot << t->shift | t->worker);
    return -1;
}
