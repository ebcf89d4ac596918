/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/pmtu.h"

#include <stddef.h>
#include <string.h>

void pmtu_init(struct pmtu_cache *c, const struct siphash_key *key)
{
    memset(c, 0, sizeof(*c));
    c->key = *key;
}

static struct pmtu_entry *pmtu_set(struct pmtu_cache *c, const struct ip_addr *dst)
{
    uint64_t h = hash_mix(dst->q[1] ^ c->key.k[0], dst->q[0] ^ c->key.k[1]);
    return c->set[(h ^ h >> 32) % PMTU_SETS];
}

static struct pmtu_entry *pmtu_lookup(struct pmtu_entry *set, const struct ip_addr *dst)
{
    for (unsigned i = 0; i < PMTU_WAYS; i++)
        if (set[i].expires != 0 && ip_addr_eq(&set[i].dst, dst))
            return &set[i];
    return NULL;
}

const struct pmtu_entry *pmtu_find(const struct pmtu_cache *c, const struct ip_addr *dst, nsec_t now)
{
    if (c->in_use == 0)
        return NULL;
    const struct pmtu_entry *e = pmtu_lookup(pmtu_set((struct pmtu_cache *)c, dst), dst);
    return e != NULL && e->expires > now ? e : NULL;
}

const struct pmtu_entry *pmtu_put(struct pmtu_cache *c, const struct ip_addr *dst, uint16_t mtu, nsec_t now)
{
    struct pmtu_entry *set = pmtu_set(c, dst);
    struct pmtu_entry *e = pmtu_lookup(set, dst);
    if (e == NULL) {
        e = &set[0]; /* a free one, else the one nearest its end */
        for (unsigned i = 1; i < PMTU_WAYS; i++)
            if (set[i].expires < e->expires)
                e = &set[i];
        if (e->expires == 0)
            c->in_use++;
        e->dst = *dst;
    }
    e->locked = mtu < PMTU_MIN;
    e->mtu = e->locked ? PMTU_MIN : mtu;
    e->expires = now + PMTU_EXPIRES_NS;
    return e;
}

uint32_t pmtu_expire(struct pmtu_cache *c, nsec_t now)
{
    uint32_t gone = 0;
    for (unsigned s = 0; s < PMTU_SETS; s++)
        for (unsigned w = 0; w < PMTU_WAYS; w++) {
            struct pmtu_entry *e = &c->set[s][w];
            if (e->expires != 0 && e->expires <= now) {
                e->expires = 0;
                gone++;
            }
        }
    c->in_use -= gone;
    return gone;
}

uint16_t pmtu_plateau_below(uint16_t too_big)
{
    /* RFC1191-7.1, table 7-1 */
    static const uint16_t plateau[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (size_t i = 0; i < sizeof(plateau) / sizeof(plateau[0]); i++)
        if (plateau[i] < too_big)
            return plateau[i];
    return 68;
}
