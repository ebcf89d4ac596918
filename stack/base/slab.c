/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/slab.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/poison.h"

#define SLAB_PAGE      4096u
#define SLAB_CHUNK_MIN (16u * SLAB_PAGE)
#define SLAB_CHUNK_MAX (4u << 20)

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t slab_reserved(const struct slab *s)
{
    return round_up((size_t)s->max * s->size, SLAB_PAGE);
}

int slab_init(struct slab *s, const struct memory *mem, size_t size, uint32_t max)
{
    if (size == 0 || size > UINT32_MAX / 2 || max < 2 || max == UINT32_MAX)
        return -EINVAL;
    *s = (struct slab){.mem = mem, .size = (uint32_t)round_up(size, 4), .max = max, .high = 1};
    s->base = mem->reserve(mem->user, slab_reserved(s));
    return s->base != NULL ? 0 : -ENOMEM;
}

void slab_fini(struct slab *s)
{
    if (s->base == NULL)
        return;
    memory_unpoison(s->base, s->committed_bytes);
    s->mem->release(s->mem->user, s->base, slab_reserved(s));
    s->base = NULL;
}

/* Commits a sixty-fourth of what is there already: the calls stay few, and so does what nobody uses. */
static bool slab_grow(struct slab *s)
{
    size_t reserved = slab_reserved(s);
    size_t chunk = round_up(s->committed_bytes / 64, SLAB_PAGE);

    if (chunk < SLAB_CHUNK_MIN)
        chunk = SLAB_CHUNK_MIN;
    if (chunk > SLAB_CHUNK_MAX)
        chunk = SLAB_CHUNK_MAX;
    if (chunk < s->size)
        chunk = round_up(s->size, SLAB_PAGE);
    if (s->committed_bytes == 0) /* index 0 takes room that nobody uses */
        chunk = round_up(chunk + s->size, SLAB_PAGE);
    if (chunk > reserved - s->committed_bytes)
        chunk = reserved - s->committed_bytes;
    if (chunk == 0 || s->mem->commit(s->mem->user, s->base + s->committed_bytes, chunk) != 0)
        return false;
    memory_poison(s->base + s->committed_bytes, chunk);
    s->committed_bytes += chunk;
    s->committed = (uint32_t)(s->committed_bytes / s->size);
    if (s->committed > s->max)
        s->committed = s->max;
    return s->high < s->committed;
}

uint32_t slab_alloc(struct slab *s)
{
    uint32_t idx = s->free_head;
    void *obj;

    if (idx != 0) {
        obj = slab_at(s, idx);
        memory_unpoison(obj, s->size);
        memcpy(&s->free_head, obj, sizeof s->free_head);
        memset(obj, 0, s->size);
    } else {
        if (s->high >= s->max || (s->high >= s->committed && !slab_grow(s)))
            return 0;
        idx = s->high++;
        obj = slab_at(s, idx);
        memory_unpoison(obj, s->size); /* fresh from the system, so zero already */
    }
    s->in_use++;
    return idx;
}

void slab_free(struct slab *s, uint32_t idx)
{
    void *obj = slab_at(s, idx);

    assert(idx > 0 && idx < s->high && s->in_use > 0);
    memcpy(obj, &s->free_head, sizeof s->free_head);
    memory_poison(obj, s->size);
    s->free_head = idx;
    s->in_use--;
}
