/* SPDX-License-Identifier: BSD-3-Clause */
/* Reno's window (RFC 5681 section 3.1), counted in segments. */
#include "tcp/congestion.h"

static void newreno_init(struct tcp *t, struct tcb *tcb)
{
    tcb->cwnd_cnt = 0;
}

/* RFC 5681 equation (4), by what was in use. */
static uint32_t newreno_ssthresh(struct tcp *t, struct tcb *tcb)
{
    uint32_t half = tcb->cwnd / 2;
    return half > 2 ? half : 2;
}

static void newreno_on_ack(struct tcp *t, struct tcb *tcb, uint32_t acked)
{
    if (tcb->cwnd < tcb->ssthresh)
        acked = congestion_slow_start(tcb, acked);
    tcb->cwnd_cnt += acked;
    while (tcb->cwnd_cnt >= tcb->cwnd) { /* one segment per window acknowledged */
        tcb->cwnd_cnt -= tcb->cwnd;
        tcb->cwnd++;
    }
}

const struct congestion_ops congestion_newreno = {
    .name = "reno",
    .init = newreno_init,
    .ssthresh = newreno_ssthresh,
    .on_ack = newreno_on_ack,
};
