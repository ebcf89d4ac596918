/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/netdev.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *netdev_alloc(size_t size)
{
    size = RTE_ALIGN_CEIL(size, RTE_CACHE_LINE_SIZE);
    void *p = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
    if (p != NULL)
        memset(p, 0, size);
    return p;
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

void netdev_stats(struct netdev *d, struct netdev_stats *s)
{
    memset(s, 0, sizeof(*s));
    if (d->ops->stats != NULL)
        d->ops->stats(d, s);
}

bool netdev_rss(struct netdev *d, struct netdev_rss *out)
{
    return d->ops->rss != NULL && d->ops->rss(d, out);
}

uint32_t netdev_speed(struct netdev *d)
{
    return d->ops->speed != NULL ? d->ops->speed(d) : 0;
}

void netdev_note(struct netdev *d, const char *fmt, ...)
{
    size_t used = strlen(d->notes);
    va_list ap;

    if (used > 0 && used + 1 < sizeof(d->notes))
        d->notes[used++] = '\n';
    va_start(ap, fmt);
    vsnprintf(d->notes + used, sizeof(d->notes) - used, fmt, ap);
    va_end(ap);
}
