/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection table: one look-up finds the established, half-open or TIME-WAIT connection of a
 * segment. Open addressing over 32-bit references, each beside its full hash, so that probing and
 * growing never touch the objects.
 *
 * The slot where a search begins grows with the hash (hash x slots / 2^32), and a cluster is kept in order:
 * so the whole array is sorted by hash, gaps aside. A search ends at the first greater hash, which allows
 * seven eighths to be taken; and the array can be stretched where it lies, by a twelfth at a time, from its
 * upper end down, a few slots per insertion: no pause at a million, no second array, little slack. */
#ifndef PLX_TCP_TABLE_H
#define PLX_TCP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/slab.h"

enum conn_kind { CONN_TCB = 1, CONN_HALF_OPEN = 2, CONN_TIME_WAIT = 3 };

/* Kind in the two top bits, slab index below. 0: nothing. */
typedef uint32_t conn_ref;

static inline conn_ref conn_make(enum conn_kind kind, uint32_t index)
{
    return (uint32_t)kind << 30 | index;
}

static inline enum conn_kind conn_kind(conn_ref r)
{
    return (enum conn_kind)(r >> 30);
}

static inline uint32_t conn_index(conn_ref r)
{
    return r & 0x3fffffffu;
}

struct table_slot {
    uint32_t hash;
    conn_ref ref; /* 0: free */
};

/* Where the table reads the key of a reference: the slab of its kind, and where in an object it stands. */
struct table_objects {
    const uint8_t *base;
    uint32_t size;
    uint32_t key_off;
};

struct table {
    const struct memory *mem;
    struct siphash_key key;
    struct table_objects obj[4];
    struct table_slot *slot;
    uint32_t cells;     /* usable slots: some more than `slots`, for the last cluster to run into */
    uint32_t slots;     /* a hash from `split` on is placed among so many */
    uint32_t old_slots; /* a lower one among so many, until the stretching has come down to it */
    uint32_t cursor;    /* all that `split` has yet to pass stands below this slot */
    uint64_t split;     /* 0: not stretching */
    uint32_t count;     /* connections in it */
    uint32_t max_cells;
};

/* For up to `max` connections. 0 or -ENOMEM. */
int table_init(struct table *tb, const struct memory *mem, const struct siphash_key *key, uint32_t max);
void table_fini(struct table *tb);
/* Objects of this kind live in `slab`, their flow_key at `key_off`. Before the first of them is inserted. */
void table_set_objects(struct table *tb, enum conn_kind kind, const struct slab *slab, uint32_t key_off);
static inline uint32_t table_hash(const struct table *tb, const struct flow_key *f)
{
    return flow_hash(&tb->key, f);
}
conn_ref table_find(const struct table *tb, const struct flow_key *f, uint32_t hash);
/* The key must not be in yet. 0 or -ENOMEM. */
int table_insert(struct table *tb, uint32_t hash, conn_ref ref);
/* Both must be in. */
void table_remove(struct table *tb, uint32_t hash, conn_ref ref);
/* The same key now belongs to `to`. Cannot fail. */
void table_replace(struct table *tb, uint32_t hash, conn_ref from, conn_ref to);

#endif
