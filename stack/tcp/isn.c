/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/isn.h"

void isn_init(struct isn *i, struct rng *r)
{
    i->secret = rng_key(r);
    i->ts_secret = rng_key(r);
}

/* RFC9293-MUST-8, RFC9293-MUST-9, RFC9293-SHLD-1 */
seq_t isn_make(const struct isn *i, const struct flow_key *f, nsec_t now)
{
    return (seq_t)siphash(&i->secret, f, FLOW_KEY_BYTES) + (seq_t)(now >> ISN_TICK_SHIFT);
}

/* RFC9293-SHLD-4 */
uint32_t isn_ts_offset(const struct isn *i, const struct flow_key *f)
{
    struct ip_addr ends[2] = {f->local, f->remote};
    return (uint32_t)siphash(&i->ts_secret, ends, sizeof ends);
}
