/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors: number -> open file description. The lowest free number is given, as POSIX demands,
 * found through a bitmap with two levels of summary. With several workers numbers are interleaved: the
 * low bits say the worker, so that a number names one socket in the whole process. */
#ifndef PLX_POSIX_FDTABLE_H
#define PLX_POSIX_FDTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "posix/file.h"

/* 0, 1 and 2 are never given: programs take them for the standard streams. */
#define FDTABLE_FIRST 3
#define FDTABLE_MAX   (1u << 21)

struct fdtable {
    struct file **files;    /* by slot */
    uint32_t committed;     /* slots of files[] that are usable */
    uint32_t shift, worker; /* fd = slot << shift | worker */
    uint32_t limit;         /* slots, FDTABLE_FIRST included */
    uint32_t in_use;
    uint64_t *used;    /* bit set: slot taken */
    uint64_t *full1;   /* bit set: word of used[] full */
    uint64_t *full2;   /* bit set: word of full1[] full */
    uint64_t *cloexec; /* FD_CLOEXEC, remembered for F_GETFD */
    const struct memory *mem;
    size_t map_bytes, files_bytes;
};

/* Up to `limit` descriptors (at most FDTABLE_MAX - FDTABLE_FIRST). 0, -ENOMEM, -EINVAL. */
int fdtable_init(struct fdtable *t, const struct memory *mem, uint32_t limit, uint16_t worker,
                 uint16_t n_workers);
void fdtable_fini(struct fdtable *t);

/* Gives f the lowest free number that is at least `min`. The number, -EMFILE, -ENOMEM. */
int fdtable_add(struct fdtable *t, struct file *f, int min);
/* Frees the number, which must be in use; returns what it named. */
struct file *fdtable_remove(struct fdtable *t, int fd);
bool fdtable_is_full(const struct fdtable *t);
bool fdtable_cloexec(const struct fdtable *t, int fd);
void fdtable_set_cloexec(struct fdtable *t, int fd, bool on);
/* The lowest number in use that is at least `fd`; -1 when there is none. */
int fdtable_next(const struct fdtable *t, int fd);

/* NULL: not a descriptor of this worker. The worker's bits are turned to the top, where those of another one
 * make a number that is larger than any slot. */
static inline struct file *fdtable_get(const struct fdtable *t, int fd)
{
    uint32_t own = (uint32_t)fd ^ t->worker;
    uint32_t slot = own >> t->shift | own << (-t->shift & 31);
    if (__builtin_expect(slot >= t->committed, 0))
        return NULL;
    return t->files[slot];
}

#endif
