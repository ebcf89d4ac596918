/* SPDX-License-Identifier: BSD-3-Clause */
/* A place in an array of buffers, for calls that go on where they had to wait. */
#ifndef PLX_POSIX_IOV_H
#define PLX_POSIX_IOV_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define IOV_LIMIT 1024 /* IOV_MAX */

struct iov_cursor {
    const struct iovec *iov;
    int n;      /* buffers from iov on */
    size_t off; /* into the first of them */
};

/* Total length, -EINVAL when there are too many or it is too large, -EFAULT. */
static inline ssize_t iov_total(const struct iovec *iov, int n)
{
    size_t total = 0;
    if (n < 0 || n > IOV_LIMIT)
        return -EINVAL;
    if (iov == NULL && n > 0)
        return -EFAULT;
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len > (size_t)SSIZE_MAX - total)
            return -EINVAL;
        if (iov[i].iov_base == NULL && iov[i].iov_len > 0)
            return -EFAULT;
        total += iov[i].iov_len;
    }
    return (ssize_t)total;
}

static inline void iov_advance(struct iov_cursor *c, size_t bytes)
{
    c->off += bytes;
    while (c->n > 0 && c->off >= c->iov->iov_len) {
        c->off -= c->iov->iov_len;
        c->iov++;
        c->n--;
    }
}

/* What is left of the buffer the cursor is in; false at the end. Call iov_advance(c, 0) first where
 * empty buffers may stand. */
static inline bool iov_current(const struct iov_cursor *c, struct iovec *out)
{
    if (c->n == 0)
        return false;
    out->iov_base = (uint8_t *)c->iov->iov_base + c->off;
    out->iov_len = c->iov->iov_len - c->off;
    return true;
}

#endif
