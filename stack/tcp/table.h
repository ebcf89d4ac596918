/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection table: one look-up finds the established, half-open or TIME-WAIT connection of a
 * segment. Open addressing over 32-bit references, each beside its full hash, so that probing and
 * growing never touch the objects. Growth moves a few slots per operation: no pause at a million. */
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

struct table_half {
    struct table_slot *slot;
    uint32_t mask; /* slots - 1 */
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
    struct table_half cur, old; /* old: being moved into cur; old.slot NULL when not growing */
    uint32_t moved;             /* slots of old that are done */
    uint32_t count;             /* connections in it */
};

/* 0 or -ENOMEM. */
int table_init(struct table *tb, const struct memory *mem, const struct siphash_key *key);
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
