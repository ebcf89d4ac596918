/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/route.h"

#include <errno.h>
#include <string.h>

int route_add(struct route_table *t, uint32_t prefix, uint8_t prefix_len, uint32_t via, uint8_t netif)
{
    if (prefix_len > 32)
        return -EINVAL;
    uint32_t mask = route_mask(prefix_len);
    prefix &= mask;
    unsigned at = t->n;
    for (unsigned i = t->n; i-- > 0;) {
        const struct route *r = &t->r[i];
        if (r->prefix_len == prefix_len && r->prefix == prefix && r->via == via && r->netif == netif)
            return -EEXIST;
        if (r->prefix_len < prefix_len)
            at = i;
    }
    if (t->n == ROUTE_MAX)
        return -ENOSPC;
    memmove(&t->r[at + 1], &t->r[at], (t->n - at) * sizeof(t->r[0]));
    t->r[at] = (struct route){prefix, mask, via, prefix_len, netif};
    t->n++;
    return 0;
}

const struct route *route_lookup(const struct route_table *t, uint32_t dst)
{
    for (unsigned i = 0; i < t->n; i++)
        if ((dst & t->r[i].mask) == t->r[i].prefix)
            return &t->r[i];
    return NULL;
}

const struct route *route_lookup_link(const struct route_table *t, uint32_t dst)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->r[i].via == 0 && (dst & t->r[i].mask) == t->r[i].prefix)
            return &t->r[i];
    return NULL;
}
