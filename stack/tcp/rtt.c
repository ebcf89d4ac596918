/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rtt.h"

#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"

void rtt_sample_first(struct tcb *tcb, uint32_t us)
{
    tcb->srtt = us << 3;
    tcb->rttvar = us << 1;
}

uint32_t rtt_rto(const struct tcp *t, const struct tcb *tcb)
{
    if (tcb->srtt == 0)
        return RTT_RTO_INITIAL_US;
    uint32_t floor = t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC;
    uint32_t rto = (tcb->srtt >> 3) + (tcb->rttvar > floor ? tcb->rttvar : floor);
    return likely(rto <= RTT_RTO_MAX_LEAST_US) ? rto : RTE_MIN(rto, opts_rto_max_us(t, tcb));
}

/* RFC9293-MUST-19 */
uint32_t rtt_rto_backed_off(const struct tcp *t, const struct tcb *tcb)
{
    uint64_t rto = (uint64_t)rtt_rto(t, tcb) << (tcb->backoff < 20 ? tcb->backoff : 20);
    return likely(rto <= RTT_RTO_MAX_LEAST_US) ? (uint32_t)rto
                                               : (uint32_t)RTE_MIN(rto, (uint64_t)opts_rto_max_us(t, tcb));
}
