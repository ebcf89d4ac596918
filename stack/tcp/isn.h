/* SPDX-License-Identifier: BSD-3-Clause */
/* Initial sequence numbers (RFC 6528) and timestamp offsets (RFC7323-7.1). */
#ifndef PLX_TCP_ISN_H
#define PLX_TCP_ISN_H

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/seq.h"

#define ISN_TICK_SHIFT 6 /* 64 ns; RFC9293-3.4.1 wants a tick of 4 us or less */

/* The timestamp offset of a pair of hosts, as it was found: a handshake asks twice, and who comes once comes
 * again. Both addresses 0: nothing. */
struct isn_hosts {
    uint32_t local, remote; /* IPv4 */
    uint32_t ts_offset;
};

#define ISN_HOSTS_BITS 8

struct isn {
    struct siphash_key secret;                   /* RFC 6528's secretkey */
    struct siphash_key ts_secret;                /* another one */
    struct isn_hosts hosts[1 << ISN_HOSTS_BITS]; /* by a hash of `remote`; the last one stays */
};

void isn_init(struct isn *i, struct rng *r);
/* ISN = M + F(localip, localport, remoteip, remoteport, secretkey), RFC6528-3; M ticks every
 * 64 ns, as on Linux. */
seq_t isn_make(const struct isn *i, const struct flow_key *f, nsec_t now);
/* Keyed by the addresses alone, so that timestamps of successive connections between two hosts stay
 * monotonic and TIME-WAIT can be recycled by them (RFC 6191). */
uint32_t isn_ts_offset(struct isn *i, const struct flow_key *f);

/* The 1 ms clock of TSval and of the control block's coarse times. */
static inline uint32_t tcp_msec(nsec_t now)
{
    return (uint32_t)(now / NSEC_PER_MSEC);
}

/* A moment to be remembered where 0 means never: not 0, and never later than now. */
static inline uint32_t tcp_msec_mark(nsec_t now)
{
    uint32_t ms = tcp_msec(now);
    return ms != 0 ? ms : UINT32_MAX;
}

#endif
