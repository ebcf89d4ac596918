/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/table.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#define TABLE_SLOTS_MIN 1024u
#define TABLE_SLOTS_MAX (1u << 28)
#define TABLE_MOVES     16u /* slots of the old half that each insertion moves */

/* In the old half a removed entry leaves this behind, so that what was probed past it is still found. It
 * has no kind, so it is no reference. */
#define TABLE_REMOVED 1u

static int half_init(struct table *tb, struct table_half *h, uint32_t slots)
{
    size_t bytes = (size_t)slots * sizeof(struct table_slot);
    h->slot = tb->mem->reserve(tb->mem->user, bytes);
    if (h->slot == NULL)
        return -ENOMEM;
    if (tb->mem->commit(tb->mem->user, h->slot, bytes) != 0) {
        tb->mem->release(tb->mem->user, h->slot, bytes);
        h->slot = NULL;
        return -ENOMEM;
    }
    h->mask = slots - 1;
    return 0;
}

static void half_fini(struct table *tb, struct table_half *h)
{
    if (h->slot != NULL)
        tb->mem->release(tb->mem->user, h->slot, ((size_t)h->mask + 1) * sizeof(struct table_slot));
    h->slot = NULL;
}

int table_init(struct table *tb, const struct memory *mem, const struct siphash_key *key)
{
    *tb = (struct table){.mem = mem, .key = *key};
    return half_init(tb, &tb->cur, TABLE_SLOTS_MIN);
}

void table_fini(struct table *tb)
{
    half_fini(tb, &tb->cur);
    half_fini(tb, &tb->old);
}

void table_set_objects(struct table *tb, enum conn_kind kind, const struct slab *slab, uint32_t key_off)
{
    tb->obj[kind] = (struct table_objects){.base = slab->base, .size = slab->size, .key_off = key_off};
}

static bool table_key_eq(const struct table *tb, conn_ref ref, const struct flow_key *f)
{
    const struct table_objects *o = &tb->obj[conn_kind(ref)];
    const void *key = o->base + (size_t)conn_index(ref) * o->size + o->key_off;
    return flow_key_eq(key, f);
}

static conn_ref half_find(const struct table *tb, const struct table_half *h, const struct flow_key *f,
                          uint32_t hash)
{
    for (uint32_t i = hash & h->mask; h->slot[i].ref != 0; i = (i + 1) & h->mask)
        if (h->slot[i].hash == hash && h->slot[i].ref != TABLE_REMOVED && table_key_eq(tb, h->slot[i].ref, f))
            return h->slot[i].ref;
    return 0;
}

conn_ref table_find(const struct table *tb, const struct flow_key *f, uint32_t hash)
{
    conn_ref ref = half_find(tb, &tb->cur, f, hash);
    if (ref == 0 && tb->old.slot != NULL)
        ref = half_find(tb, &tb->old, f, hash);
    return ref;
}

static void half_put(struct table_half *h, uint32_t hash, conn_ref ref)
{
    uint32_t i = hash & h->mask;
    while (h->slot[i].ref != 0)
        i = (i + 1) & h->mask;
    h->slot[i] = (struct table_slot){hash, ref};
}

static void table_move_some(struct table *tb)
{
    for (uint32_t n = 0; n < TABLE_MOVES && tb->moved <= tb->old.mask; n++, tb->moved++) {
        struct table_slot *s = &tb->old.slot[tb->moved];
        if (s->ref == 0 || s->ref == TABLE_REMOVED)
            continue;
        half_put(&tb->cur, s->hash, s->ref);
        s->ref = TABLE_REMOVED;
    }
    if (tb->moved > tb->old.mask)
        half_fini(tb, &tb->old);
}

/* Doubles when three quarters are taken. The move is over long before the new half fills up: it takes
 * old/16 insertions, of which the new half has room for three quarters of old. */
static int table_make_room(struct table *tb)
{
    uint64_t slots = (uint64_t)tb->cur.mask + 1;
    if (tb->old.slot != NULL) {
        table_move_some(tb);
        return 0;
    }
    if ((uint64_t)tb->count * 4 < slots * 3)
        return 0;
    struct table_half bigger = {0};
    if (slots < TABLE_SLOTS_MAX && half_init(tb, &bigger, (uint32_t)slots * 2) == 0) {
        tb->old = tb->cur;
        tb->cur = bigger;
        tb->moved = 0;
        return 0;
    }
    return (uint64_t)tb->count * 16 < slots * 15 ? 0 : -ENOMEM;
}

int table_insert(struct table *tb, uint32_t hash, conn_ref ref)
{
    int rc = table_make_room(tb);
    if (rc != 0)
        return rc;
    half_put(&tb->cur, hash, ref);
    tb->count++;
    return 0;
}

static struct table_slot *half_slot(const struct table_half *h, uint32_t hash, conn_ref ref)
{
    for (uint32_t i = hash & h->mask; h->slot[i].ref != 0; i = (i + 1) & h->mask)
        if (h->slot[i].ref == ref)
            return &h->slot[i];
    return NULL;
}

/* Closes the gap by moving back what was probed past it, so that the current half needs no markers. */
static void half_close_gap(struct table_half *h, uint32_t gap)
{
    for (uint32_t i = (gap + 1) & h->mask; h->slot[i].ref != 0; i = (i + 1) & h->mask) {
        uint32_t home = h->slot[i].hash & h->mask;
        if (((i - home) & h->mask) >= ((i - gap) & h->mask)) {
            h->slot[gap] = h->slot[i];
            gap = i;
        }
    }
    h->slot[gap].ref = 0;
}

void table_remove(struct table *tb, uint32_t hash, conn_ref ref)
{
    struct table_slot *s = half_slot(&tb->cur, hash, ref);
    if (s != NULL) {
        half_close_gap(&tb->cur, (uint32_t)(s - tb->cur.slot));
    } else {
        assert(tb->old.slot != NULL);
        s = half_slot(&tb->old, hash, ref);
        assert(s != NULL);
        s->ref = TABLE_REMOVED;
    }
    tb->count--;
}

void table_replace(struct table *tb, uint32_t hash, conn_ref from, conn_ref to)
{
    struct table_slot *s = half_slot(&tb->cur, hash, from);
    if (s == NULL && tb->old.slot != NULL)
        s = half_slot(&tb->old, hash, from);
    assert(s != NULL);
    s->ref = to;
}
