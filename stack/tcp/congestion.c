/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/congestion.h"

#include <errno.h>
#include <string.h>

#include "tcp/tcp_private.h"

static const struct congestion_ops *const congestion_table[] = {&congestion_newreno};

#define CONGESTION_N (sizeof congestion_table / sizeof congestion_table[0])

uint8_t congestion_default(const struct tunables *tun)
{
    return tun->tcp_congestion_control < CONGESTION_N ? (uint8_t)tun->tcp_congestion_control
                                                      : CONGESTION_N - 1;
}

const struct congestion_ops *congestion_of(const struct tcb *tcb)
{
    return congestion_table[tcb->cong];
}

int congestion_find(const char *name, size_t len)
{
    for (size_t i = 0; i < CONGESTION_N; i++)
        if (strlen(congestion_table[i]->name) == len && memcmp(congestion_table[i]->name, name, len) == 0)
            return (int)i;
    return -ENOENT;
}

void congestion_start(struct tcp *t, struct tcb *tcb)
{
    tcb->cwnd = t->ctx->tun->tcp_initial_cwnd;
    tcb->ssthresh = CONGESTION_SSTHRESH_INFINITE;
    tcb->cwnd_cnt = 0;
    congestion_of(tcb)->init(t, tcb);
}

uint32_t congestion_slow_start(struct tcb *tcb, uint32_t acked)
{
    uint32_t room = tcb->ssthresh > tcb->cwnd ? tcb->ssthresh - tcb->cwnd : 0;
    uint32_t grow = acked < room ? acked : room;
    tcb->cwnd += grow;
    return acked - grow;
}
