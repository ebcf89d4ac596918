/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/isn.h"

#include <rte_branch_prediction.h>

void isn_init(struct isn *i, struct rng *r)
{
    *i = (struct isn){.secret = rng_key(r)};
    i->ts_secret = rng_key(r);
}

static bool both_v4(const struct flow_key *f)
{
    return ip_addr_is_v4(&f->local) && ip_addr_is_v4(&f->remote);
}

/* IPv4 addresses as the 32 bits they are: half of the rounds. Other inputs have another length, which
 * SipHash takes in, too.
 * RFC9293-MUST-8, RFC9293-MUST-9, RFC9293-SHLD-1 */
seq_t isn_make(const struct isn *i, const struct flow_key *f, nsec_t now)
{
    seq_t clock = (seq_t)(now >> ISN_TICK_SHIFT);
    if (likely(both_v4(f))) {
        const uint32_t ends[3] = {f->local.w[3], f->remote.w[3], (uint32_t)f->lport << 16 | f->rport};
        return (seq_t)siphash(&i->secret, ends, sizeof ends) + clock;
    }
    return (seq_t)siphash(&i->secret, f, FLOW_KEY_BYTES) + clock;
}

static uint32_t ts_offset_v4(struct isn *i, uint32_t local, uint32_t remote)
{
    struct isn_hosts *h = &i->hosts[remote * 0x9e3779b1u >> (32 - ISN_HOSTS_BITS)];
    if (unlikely(h->remote != remote || h->local != local)) {
        const uint32_t hosts[2] = {local, remote};
        *h = (struct isn_hosts){local, remote, (uint32_t)siphash(&i->ts_secret, hosts, sizeof hosts)};
    }
    return h->ts_offset;
}

/* RFC9293-SHLD-4 */
uint32_t isn_ts_offset(struct isn *i, const struct flow_key *f)
{
    if (likely(both_v4(f)))
        return ts_offset_v4(i, f->local.w[3], f->remote.w[3]);
    const struct ip_addr ends[2] = {f->local, f->remote};
    return (uint32_t)siphash(&i->ts_secret, ends, sizeof ends);
}
