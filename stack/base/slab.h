/* SPDX-License-Identifier: BSD-3-Clause */
/* Index-addressed slab of fixed-size objects: u32 indices instead of pointers, objects never move,
 * memory is committed as it grows. Index 0 is never handed out, so 0 can mean "none". */
#ifndef PLX_BASE_SLAB_H
#define PLX_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/poison.h"

struct slab {
    uint8_t *base;
    const struct memory *mem;
    uint32_t size;      /* of one object, bytes */
    uint32_t max;       /* objects, index 0 included */
    uint32_t committed; /* objects usable */
    uint32_t high;      /* first index never used */
    uint32_t free_head; /* list through the freed objects' first word; 0 = empty */
    uint32_t in_use;
    size_t committed_bytes;
};

/* 0, -ENOMEM, -EINVAL. `size` is rounded up to 4. Up to `max` objects may live at once. */
int slab_init(struct slab *s, const struct memory *mem, size_t size, uint32_t max);
void slab_fini(struct slab *s);
/* An index above 0, the object zeroed; 0 when full or out of memory. */
uint32_t slab_alloc(struct slab *s);
void slab_free(struct slab *s, uint32_t idx);

static inline void *slab_at(const struct slab *s, uint32_t idx)
{
    return s->base + (size_t)idx * s->size;
}

static inline uint32_t slab_index(const struct slab *s, const void *p)
{
    return (uint32_t)(((const uint8_t *)p - s->base) / s->size);
}

/* The same for a slab of `type`: its size is known to the compiler, which needs no multiplication then, no
 * division, and no call to clear an object. */
#define SLAB_AT(s, type, idx)  ((type *)(void *)(s)->base + (idx))
#define SLAB_INDEX(s, type, p) ((uint32_t)((p) - (const type *)(const void *)(s)->base))
#define SLAB_ALLOC(s, type)    slab_alloc_of(s, SLAB_SIZE(type))
#define SLAB_FREE(s, type, i)  slab_free_of(s, SLAB_SIZE(type), i)
/* Fails to compile where slab_init would have rounded up. */
#define SLAB_SIZE(type) (sizeof(type) + 0 * sizeof(char[sizeof(type) % 4 == 0 ? 1 : -1]))

static inline uint32_t slab_alloc_of(struct slab *s, size_t size)
{
    uint32_t idx = s->free_head;
    uint8_t *obj = s->base + (size_t)idx * size;

    if (idx == 0)
        return slab_alloc(s);
    memory_unpoison(obj, size);
    memcpy(&s->free_head, obj, sizeof s->free_head);
    memset(obj, 0, size);
    s->in_use++;
    return idx;
}

static inline void slab_free_of(struct slab *s, size_t size, uint32_t idx)
{
    uint8_t *obj = s->base + (size_t)idx * size;

    memcpy(obj, &s->free_head, sizeof s->free_head);
    memory_poison(obj, size);
    s->free_head = idx;
    s->in_use--;
}

#endif
