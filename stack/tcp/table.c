/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/table.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <rte_branch_prediction.h>

#define TABLE_PAGE      4096u
#define TABLE_SLOTS_MIN 1024u
#define TABLE_MOVES     16u /* slots that each insertion passes while the array is being stretched */
#define TABLE_SPLIT_TOP (UINT64_C(1) << 32)
#define TABLE_TAIL      256u /* the last cluster is longer about once in 10^25 tables */

static size_t pages_for(uint32_t cells)
{
    return ((size_t)cells * sizeof(struct table_slot) + TABLE_PAGE - 1) & ~(size_t)(TABLE_PAGE - 1);
}

/* Makes room for `slots` and the tail. */
static int table_commit(struct table *tb, uint32_t slots)
{
    size_t have = pages_for(tb->cells), want = pages_for(slots + TABLE_TAIL);
    if (slots + TABLE_TAIL > tb->max_cells)
        return -ENOMEM;
    if (want > have && tb->mem->commit(tb->mem->user, (uint8_t *)tb->slot + have, want - have) != 0)
        return -ENOMEM;
    if (want > have)
        tb->cells = (uint32_t)(want / sizeof(struct table_slot));
    return 0;
}

static uint32_t slots_more(uint32_t slots)
{
    return slots + slots / 12;
}

int table_init(struct table *tb, const struct memory *mem, const struct siphash_key *key, uint32_t max)
{
    *tb = (struct table){.mem = mem, .key = *key};
    uint32_t slots = TABLE_SLOTS_MIN;
    while ((uint64_t)slots * 7 < (uint64_t)max * 8)
        slots = slots_more(slots);
    tb->max_cells = slots + TABLE_TAIL;
    tb->slot = mem->reserve(mem->user, pages_for(tb->max_cells));
    if (tb->slot == NULL)
        return -ENOMEM;
    int rc = table_commit(tb, TABLE_SLOTS_MIN);
    if (rc != 0)
        table_fini(tb);
    tb->slots = tb->old_slots = TABLE_SLOTS_MIN;
    return rc;
}

void table_fini(struct table *tb)
{
    if (tb->slot != NULL)
        tb->mem->release(tb->mem->user, tb->slot, pages_for(tb->max_cells));
    tb->slot = NULL;
}

void table_set_objects(struct table *tb, enum conn_kind kind, const struct slab *slab, uint32_t key_off)
{
    tb->obj[kind] = (struct table_objects){.base = slab->base, .size = slab->size, .key_off = key_off};
}

/* Where a search for `hash` begins. Never falls as the hash rises, which is what the order rests on. */
static inline uint32_t home_of(const struct table *tb, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * (hash >= tb->split ? tb->slots : tb->old_slots) >> 32);
}

static bool table_key_eq(const struct table *tb, conn_ref ref, const struct flow_key *f)
{
    const struct table_objects *o = &tb->obj[conn_kind(ref)];
    const void *key = o->base + (size_t)conn_index(ref) * o->size + o->key_off;
    return flow_key_eq(key, f);
}

conn_ref table_find(const struct table *tb, const struct flow_key *f, uint32_t hash)
{
    const struct table_slot *s = &tb->slot[home_of(tb, hash)];
    while (s->ref != 0 && s->hash < hash)
        s++;
    for (; s->ref != 0 && s->hash == hash; s++)
        if (table_key_eq(tb, s->ref, f))
            return s->ref;
    return 0;
}

/* A slot at `at` was taken whose hash the stretching has yet to pass: so it has to what stood below the
 * cursor and moved up by one, to `gap` at most. */
static void cursor_follow(struct table *tb, uint32_t at, uint32_t gap)
{
    if (tb->cursor <= gap)
        tb->cursor++;
    if (tb->cursor <= at)
        tb->cursor = at + 1;
}

/* Behind all of the same hash; what stands there makes room by one slot each, up to the next gap. False when
 * the last cluster would run out of the array. */
static bool slot_put(struct table *tb, uint32_t hash, conn_ref ref)
{
    uint32_t at = home_of(tb, hash);
    while (tb->slot[at].ref != 0 && tb->slot[at].hash <= hash)
        at++;
    uint32_t gap = at;
    while (tb->slot[gap].ref != 0)
        gap++;
    if (gap + 1 >= tb->cells) /* the last one stays free, so that every search ends */
        return false;
    if (unlikely(gap != at))
        memmove(&tb->slot[at + 1], &tb->slot[at], (gap - at) * sizeof(struct table_slot));
    tb->slot[at] = (struct table_slot){hash, ref};
    if (unlikely(hash < tb->split))
        cursor_follow(tb, at, gap);
    return true;
}

/* What is not where its search begins moves up by one, as far as there is no gap. */
static void slot_clear(struct table *tb, uint32_t at)
{
    uint32_t end = at + 1;
    while (tb->slot[end].ref != 0 && home_of(tb, tb->slot[end].hash) < end)
        end++;
    if (unlikely(end - 1 != at))
        memmove(&tb->slot[at], &tb->slot[at + 1], (end - 1 - at) * sizeof(struct table_slot));
    tb->slot[end - 1].ref = 0;
}

/* Lowers `split` to the hash of the slot at the top of what it has yet to pass, and places anew those of
 * that hash, which end there. */
static void stretch_to(struct table *tb, uint32_t top)
{
    uint32_t hash = tb->slot[top].hash;
    tb->split = hash;
    for (uint32_t at = top;; at--) {
        conn_ref ref = tb->slot[at].ref;
        slot_clear(tb, at);
        bool fits = slot_put(tb, hash, ref); /* as TABLE_TAIL says */
        assert(fits);
        if (at == 0 || tb->slot[at - 1].ref == 0 || tb->slot[at - 1].hash != hash)
            break;
    }
}

static void stretch_some(struct table *tb)
{
    for (uint32_t n = 0; n < TABLE_MOVES && tb->cursor > 0; n++) {
        uint32_t top = --tb->cursor;
        if (tb->slot[top].ref != 0 && tb->slot[top].hash < tb->split)
            stretch_to(tb, top);
    }
    if (tb->cursor == 0) {
        tb->split = 0;
        tb->old_slots = tb->slots;
    }
}

/* Stretches by a twelfth when seven eighths are taken. That is over after as many insertions as a sixteenth
 * of the slots, for which the new ones suffice. */
static int table_make_room(struct table *tb)
{
    if (tb->split != 0) {
        stretch_some(tb);
        return 0;
    }
    if ((uint64_t)tb->count * 8 < (uint64_t)tb->slots * 7)
        return 0;
    uint32_t more = slots_more(tb->slots), cells = tb->cells;
    if (table_commit(tb, more) != 0)
        return (uint64_t)tb->count * 16 < (uint64_t)tb->slots * 15 ? 0 : -ENOMEM;
    while (cells > 0 && tb->slot[cells - 1].ref == 0) /* the tail, mostly */
        cells--;
    tb->cursor = cells;
    tb->slots = more;
    tb->split = TABLE_SPLIT_TOP;
    return 0;
}

int table_insert(struct table *tb, uint32_t hash, conn_ref ref)
{
    int rc = table_make_room(tb);
    if (rc != 0)
        return rc;
    if (!slot_put(tb, hash, ref))
        return -ENOMEM;
    tb->count++;
    return 0;
}

static uint32_t slot_of(const struct table *tb, uint32_t hash, conn_ref ref)
{
    uint32_t at = home_of(tb, hash);
    while (tb->slot[at].ref != ref) {
        assert(tb->slot[at].ref != 0 && tb->slot[at].hash <= hash);
        at++;
    }
    return at;
}

void table_remove(struct table *tb, uint32_t hash, conn_ref ref)
{
    slot_clear(tb, slot_of(tb, hash, ref));
    tb->count--;
}

void table_replace(struct table *tb, uint32_t hash, conn_ref from, conn_ref to)
{
    tb->slot[slot_of(tb, hash, from)].ref = to;
}
