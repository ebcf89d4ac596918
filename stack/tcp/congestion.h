/* SPDX-License-Identifier: BSD-3-Clause */
/* Congestion control: how cwnd grows and what it becomes on loss. What is lost, and when recovery begins
 * and ends, is decided in recovery.h; an algorithm only answers. */
#ifndef PLX_TCP_CONGESTION_H
#define PLX_TCP_CONGESTION_H

#include <stdint.h>

#include "base/tunables.h"
#include "tcp/tcb.h"

struct tcp;

struct congestion_ops {
    const char *name; /* as TCP_CONGESTION takes it */
    void (*init)(struct tcp *t, struct tcb *tcb);
    /* The slow start threshold after loss (RFC 5681 equation 4 and its successors), segments. */
    uint32_t (*ssthresh)(struct tcp *t, struct tcb *tcb);
    /* `acked` segments were newly acknowledged outside of recovery, and cwnd was in full use. */
    void (*on_ack)(struct tcp *t, struct tcb *tcb, uint32_t acked);
};

#define CONGESTION_SSTHRESH_INFINITE 0x7fffffffu

extern const struct congestion_ops congestion_newreno;

uint8_t congestion_default(const struct tunables *tun);
const struct congestion_ops *congestion_of(const struct tcb *tcb);
/* Index by name, or -ENOENT. */
int congestion_find(const char *name, size_t len);
/* Initial window and threshold. */
void congestion_start(struct tcp *t, struct tcb *tcb);
/* Slow start: adds up to ssthresh, returns what is left for congestion avoidance. */
uint32_t congestion_slow_start(struct tcb *tcb, uint32_t acked);

/* Segments in the network, by what we know. */
static inline uint32_t congestion_in_flight(const struct tcb *tcb)
{
    return tcb->packets_out - tcb->sacked_out - tcb->lost_out + tcb->retrans_out;
}

#endif
