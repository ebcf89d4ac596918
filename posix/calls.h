/* SPDX-License-Identifier: BSD-3-Clause */
/* What the public wrappers share: the thread's engine, and from negative errno to errno. */
#ifndef PLX_POSIX_CALLS_H
#define PLX_POSIX_CALLS_H

#include <errno.h>
#include <sys/types.h>

#include "posix/engine.h"

static inline ssize_t result(ssize_t r)
{
    if (__builtin_expect(r < 0, 0)) {
        errno = (int)-r;
        return -1;
    }
    return r;
}

/* CALL(sock_recv(e, fd, ...)) on a worker; elsewhere -1 with EPERM. */
#define CALL(expression)                                                                                     \
    do {                                                                                                     \
        struct engine *e = engine_current;                                                                   \
        return (__typeof__(expression))result(__builtin_expect(e == NULL, 0) ? -EPERM : (expression));       \
    } while (0)

#endif
