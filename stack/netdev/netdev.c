/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/netdev.h"

#include <stdlib.h>

void *netdev_alloc(size_t size)
{
    return calloc(1, size);
}

void netdev_free(void *p)
{
    free(p);
}

void netdev_close(struct netdev *d)
{
    if (d != NULL)
        d->ops->close(d);
}
