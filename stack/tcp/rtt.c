/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rtt.h"

#include "tcp/tcp_private.h"

void rtt_sample(struct tcb *tcb, uint32_t us)
{
    if (us == 0)
        us = 1;
    if (us > RTT_RTO_MAX_US)
        us = RTT_RTO_MAX_US;
    if (tcb->srtt == 0) {
        tcb->srtt = us << 3;
        tcb->rttvar = us << 1;
        return;
    }
    int32_t err = (int32_t)us - (int32_t)(tcb->srtt >> 3);
    int32_t dev = err < 0 ? -err : err;
    tcb->srtt = (uint32_t)((int32_t)tcb->srtt + err);
    tcb->rttvar = (uint32_t)((int32_t)tcb->rttvar + dev - (int32_t)(tcb->rttvar >> 2));
    if (tcb->srtt == 0)
        tcb->srtt = 1; /* 0 says that there is no sample */
}

#define MIN_RTT_UNIT_SHIFT 15 /* of milliseconds: 33 s */
#define MIN_RTT_UNITS      9

void rtt_sample_min(const struct tcp *t, struct tcb *tcb, uint32_t us)
{
    uint8_t now = (uint8_t)(tcp_msec(t->ctx->now) >> MIN_RTT_UNIT_SHIFT);
    if (us == 0)
        us = 1;
    if (tcb->min_rtt != 0 && us > tcb->min_rtt && (uint8_t)(now - tcb->min_rtt_at) <= MIN_RTT_UNITS)
        return;
    tcb->min_rtt = us;
    tcb->min_rtt_at = now;
}

uint32_t rtt_rto(const struct tcp *t, const struct tcb *tcb)
{
    if (tcb->srtt == 0)
        return RTT_RTO_INITIAL_US;
    uint32_t floor = t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC;
    uint32_t rto = (tcb->srtt >> 3) + (tcb->rttvar > floor ? tcb->rttvar : floor);
    return rto < RTT_RTO_MAX_US ? rto : RTT_RTO_MAX_US;
}

/* RFC9293-MUST-19 */
uint32_t rtt_rto_backed_off(const struct tcp *t, const struct tcb *tcb)
{
    uint64_t rto = (uint64_t)rtt_rto(t, tcb) << (tcb->backoff < 20 ? tcb->backoff : 20);
    return rto < RTT_RTO_MAX_US ? (uint32_t)rto : RTT_RTO_MAX_US;
}
