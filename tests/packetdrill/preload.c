/* SPDX-License-Identifier: BSD-3-Clause */
/* LD_PRELOAD companion of the adapter: libc's getsockopt, sendfile and close on the adapter's sockets go
 * to the stack. On other descriptors they are libc's. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "interface.h"

#define EXPORT __attribute__((visibility("default")))

static _Atomic(const struct packetdrill_hooks *) current;

EXPORT void plx_packetdrill_hook(const struct packetdrill_hooks *hooks)
{
    atomic_store(&current, hooks);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict val, socklen_t *restrict len)
{
    static int (*libc)(int, int, int, void *, socklen_t *);
    const struct packetdrill_hooks *h = atomic_load(&current);
    int result;
    if (h != NULL && h->getsockopt(fd, level, name, val, len, &result))
        return result;
    if (libc == NULL)
        libc = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
    return libc(fd, level, name, val, len);
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
    static ssize_t (*libc)(int, int, off_t *, size_t);
    const struct packetdrill_hooks *h = atomic_load(&current);
    ssize_t result;
    if (h != NULL && h->sendfile(out, in, off, n, &result))
        return result;
    if (libc == NULL)
        libc = (ssize_t(*)(int, int, off_t *, size_t))dlsym(RTLD_NEXT, "sendfile");
    return libc(out, in, off, n);
}

EXPORT int close(int fd)
{
    static int (*libc)(int);
    const struct packetdrill_hooks *h = atomic_load(&current);
    int result;
    if (h != NULL && h->close(fd, &result))
        return result;
    if (libc == NULL)
        libc = (int (*)(int))dlsym(RTLD_NEXT, "close");
    return libc(fd);
}
