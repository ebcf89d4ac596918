/* SPDX-License-Identifier: BSD-3-Clause */
/* Index-addressed slab of fixed-size objects: u32 indices instead of pointers, objects never move,
 * memory is committed as it grows. Index 0 is never handed out, so 0 can mean "none". */
#ifndef PLX_BASE_SLAB_H
#define PLX_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

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

/* 0, -ENOMEM, -EINVAL. `size` is rounded up to 8. Up to `max` objects may live at once. */
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

#endif
