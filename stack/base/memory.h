/* SPDX-License-Identifier: BSD-3-Clause */
/* The injected allocator behind slabs and tables: address space is reserved once and committed as it
 * grows, so objects never move. The same code runs with and without EAL. */
#ifndef PLX_BASE_MEMORY_H
#define PLX_BASE_MEMORY_H

#include <stddef.h>

struct memory {
    void *user;
    /* Reserves `bytes` of address space, not yet usable. NULL when there is none. */
    void *(*reserve)(void *user, size_t bytes);
    /* Makes [p, p+bytes) usable and zero. 0 or -ENOMEM. Page-aligned by the caller. */
    int (*commit)(void *user, void *p, size_t bytes);
    void (*release)(void *user, void *p, size_t bytes);
};

/* Anonymous mmap; the default everywhere. */
extern const struct memory memory_os;

#endif
