/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"

#include <errno.h>
#include <sys/mman.h>

static void *os_reserve(void *user, size_t bytes)
{
    /* NORESERVE: only what is committed and touched counts as memory. */
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int os_commit(void *user, void *p, size_t bytes)
{
    return mprotect(p, bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

static void os_release(void *user, void *p, size_t bytes)
{
    munmap(p, bytes);
}

const struct memory memory_os = {
    .reserve = os_reserve,
    .commit = os_commit,
    .release = os_release,
};
