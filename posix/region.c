/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that packets refer to: the regions of plx_mbuf.h. */
#include <plx_mbuf.h>

#include <errno.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mbuf.h"
#include "posix/runtime.h"

#define PAGE_LEAST (2u << 20) /* of hugepages */

struct plx_region {
    atomic_uint refs; /* the caller, and each reference of a buffer */
    bool mapped;      /* ordinary pages */
    size_t size;
    char *bytes;
};

/* What a buffer, and the segments that the stack makes of it, have in common. One for each plx_region_refer:
 * DPDK counts to 65,535, which one for a whole region would exceed. */
struct reference {
    struct rte_mbuf_ext_shared_info shared;
    struct plx_region *region;
};

static void region_put(struct plx_region *region)
{
    if (atomic_fetch_sub_explicit(&region->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (region->mapped)
        munmap(region->bytes, region->size);
    else
        rte_free(region->bytes);
    free(region);
}

static void reference_free(void *addr, void *opaque)
{
    struct reference *ref = opaque;

    region_put(ref->region);
    free(ref);
}

struct plx_region *plx_region_alloc(size_t size)
{
    struct plx_region *region;

    if (size == 0 || runtime.eal == NULL) {
        errno = size == 0 ? EINVAL : EPERM;
        return NULL;
    }
    region = calloc(1, sizeof(*region));
    if (region == NULL)
        return NULL;
    region->mapped = !rte_eal_has_hugepages();
    if (region->mapped) {
        void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        region->bytes = bytes != MAP_FAILED ? bytes : NULL;
    } else {
        region->bytes = rte_zmalloc("plx_region", size, RTE_CACHE_LINE_SIZE);
    }
    if (region->bytes == NULL) {
        free(region);
        errno = ENOMEM;
        return NULL;
    }
    region->size = size;
    atomic_init(&region->refs, 1);
    return region;
}

void *plx_region_bytes(struct plx_region *region)
{
    return region->bytes;
}

void plx_region_free(struct plx_region *region)
{
    if (region != NULL)
        region_put(region);
}

/* Bytes that do not cross a page of DPDK's memory: where addresses are physical ones, the next page may be
 * anywhere. */
static struct rte_mbuf *piece_refer(struct context *ctx, struct plx_region *region, char *bytes, uint16_t len)
{
    struct reference *ref = malloc(sizeof(*ref));
    struct rte_mbuf *m = ref != NULL ? mbuf_alloc_data(ctx) : NULL;

    if (m == NULL) {
        free(ref);
        return NULL;
    }
    ref->region = region;
    ref->shared.free_cb = reference_free;
    ref->shared.fcb_opaque = ref;
    rte_mbuf_ext_refcnt_set(&ref->shared, 1);
    atomic_fetch_add_explicit(&region->refs, 1, memory_order_relaxed);
    rte_iova_t iova = region->mapped ? (rte_iova_t)(uintptr_t)bytes : rte_malloc_virt2iova(bytes);
    rte_pktmbuf_attach_extbuf(m, bytes, iova, len, &ref->shared);
    m->data_off = 0;
    m->data_len = len;
    m->pkt_len = len;
    return m;
}

struct rte_mbuf *plx_region_refer(struct plx_region *region, size_t off, size_t len)
{
    struct engine *e = engine_current;

    if (e == NULL || len == 0 || len > PLX_REFER_MAX || off > region->size || len > region->size - off) {
        errno = e == NULL ? EPERM : EINVAL;
        return NULL;
    }
    char *bytes = region->bytes + off;
    size_t here = PAGE_LEAST - ((uintptr_t)bytes & (PAGE_LEAST - 1));
    bool cut = !region->mapped && here < len && rte_eal_iova_mode() == RTE_IOVA_PA;
    struct rte_mbuf *m = piece_refer(&e->w->ctx, region, bytes, (uint16_t)(cut ? here : len)), *rest = NULL;
    if (m != NULL && cut) {
        rest = piece_refer(&e->w->ctx, region, bytes + here, (uint16_t)(len - here));
        if (rest == NULL || rte_pktmbuf_chain(m, rest) != 0) {
            rte_pktmbuf_free(rest);
            rte_pktmbuf_free(m);
            m = NULL;
        }
    }
    if (m == NULL)
        errno = ENOBUFS;
    return m;
}
