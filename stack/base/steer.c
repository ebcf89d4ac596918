/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/steer.h"

#include <rte_byteorder.h>
#include <rte_thash.h>
#include <string.h>

#define STEER_OWN 128 /* entries where no device has another number */

static void steer_key(struct steer *s, const uint8_t key[STEER_KEY_BYTES])
{
    uint32_t words[STEER_KEY_BYTES / 4];
    memcpy(s->key, key, STEER_KEY_BYTES);
    memcpy(words, key, sizeof(words));
    rte_convert_rss_key(words, s->key_be, STEER_KEY_BYTES);
}

void steer_init(struct steer *s, const uint8_t key[STEER_KEY_BYTES], uint16_t n_workers)
{
    steer_key(s, key);
    s->mask = STEER_OWN - 1;
    for (unsigned i = 0; i < STEER_OWN; i++)
        s->worker[i] = (uint8_t)(i % n_workers);
}

void steer_follow(struct steer *s, const uint8_t key[STEER_KEY_BYTES], const uint8_t *table, uint16_t n)
{
    steer_key(s, key);
    s->mask = n - 1u;
    memcpy(s->worker, table, n);
}

/* The input of RSS for TCP and UDP over IPv4: source, destination, source port, destination port of the
 * arriving packet, so the remote end comes first. */
uint16_t steer_owner(const struct steer *s, const struct flow_key *flow)
{
    uint32_t tuple[3] = {
        rte_be_to_cpu_32(ip_addr_get_v4(&flow->remote)),
        rte_be_to_cpu_32(ip_addr_get_v4(&flow->local)),
        (uint32_t)flow->rport << 16 | flow->lport,
    };
    uint32_t hash = rte_softrss_be(tuple, 3, (const uint8_t *)s->key_be);
    return s->worker[hash & s->mask];
}
