/* SPDX-License-Identifier: BSD-3-Clause */
/* Reno's window (RFC5681-3.1), counted in segments. */
#include "tcp/congestion.h"

/* RFC 5681 equation (4), by what was in use. */
static uint32_t newreno_ssthresh(struct tcp *t, struct tcb *tcb, struct cong *c)
{
    uint32_t half = tcb->cwnd / 2;
    return half > 2 ? half : 2;
}

static void newreno_on_ack(struct tcp *t, struct tcb *tcb, struct cong *c, const struct cong_ack *a)
{
    uint32_t acked = a->acked;
    if (tcb->cwnd < tcb->ssthresh)
        acked = congestion_slow_start(tcb, acked);
    c->credit += acked;              /* segments */
    while (c->credit >= tcb->cwnd) { /* one segment per window acknowledged */
        c->credit -= tcb->cwnd;
        tcb->cwnd++;
    }
}

const struct congestion_ops congestion_newreno = {
    .name = "reno",
    .ssthresh = newreno_ssthresh,
    .on_ack = newreno_on_ack,
};
