/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission time-out (RFC 6298), with Linux's floor: RTO = SRTT + max(200 ms,
 * 4 RTTVAR). */
#ifndef PLX_TCP_RTT_H
#define PLX_TCP_RTT_H

#include <stdint.h>

#include "tcp/tcp_private.h"

#define RTT_RTO_INITIAL_US   1000000u /* RFC6298-2.1 */
#define RTT_RTO_MAX_US       120000000u
#define RTT_RTO_MAX_LEAST_US 1000000u /* TCP_RTO_MAX_MS and its tunable set no less */

void rtt_sample_first(struct tcb *tcb, uint32_t us);

/* RFC6298-2.2, (2.3). */
static inline void rtt_sample(struct tcb *tcb, uint32_t us)
{
    if (unlikely(us - 1 >= RTT_RTO_MAX_US))
        us = us == 0 ? 1 : RTT_RTO_MAX_US;
    if (unlikely(tcb->srtt == 0)) {
        rtt_sample_first(tcb, us);
        return;
    }
    int32_t err = (int32_t)us - (int32_t)(tcb->srtt >> 3);
    int32_t dev = err < 0 ? -err : err;
    uint32_t srtt = (uint32_t)((int32_t)tcb->srtt + err);
    tcb->srtt = srtt != 0 ? srtt : 1; /* 0 says that there is no sample */
    tcb->rttvar = (uint32_t)((int32_t)tcb->rttvar + dev - (int32_t)(tcb->rttvar >> 2));
}

#define RTT_MIN_UNIT_SHIFT 15 /* of milliseconds: 33 s */
#define RTT_MIN_UNITS      9

/* Keeps min_rtt, the least of about five minutes (RFC8985-6.2 step 1). */
static inline void rtt_sample_min(const struct tcp *t, struct tcb *tcb, uint32_t us)
{
    uint8_t now = (uint8_t)(t->ctx->now_ms >> RTT_MIN_UNIT_SHIFT);
    if (us == 0)
        us = 1;
    if (tcb->min_rtt != 0 && us > tcb->min_rtt && (uint8_t)(now - tcb->min_rtt_at) <= RTT_MIN_UNITS)
        return;
    tcb->min_rtt = us;
    tcb->min_rtt_at = now;
}

/* Without back-off, microseconds. */
uint32_t rtt_rto(const struct tcp *t, const struct tcb *tcb);
/* Doubled `backoff` times, at most what TCP_RTO_MAX_MS allows. */
uint32_t rtt_rto_backed_off(const struct tcp *t, const struct tcb *tcb);

#endif
