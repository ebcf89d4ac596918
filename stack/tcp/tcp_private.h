/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of tcp/ share: the transport of one engine. Others include it only to embed struct tcp. */
#ifndef PLX_TCP_TCP_PRIVATE_H
#define PLX_TCP_TCP_PRIVATE_H

#include "base/context.h"
#include "base/slab.h"
#include "tcp/isn.h"
#include "tcp/listener.h"
#include "tcp/ports.h"
#include "tcp/rcv_wait.h"
#include "tcp/syn_cookie.h"
#include "tcp/syn_queue.h"
#include "tcp/table.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"
#include "tcp/time_wait.h"

struct tcp {
    struct context *ctx;
    struct net *net;
    struct table table;
    struct slab tcbs;
    struct slab records; /* send queues: snd_queue.h */
    struct slab ranges;  /* out-of-order data: reassembly.h */
    struct slab assemblies;
    struct slab boards; /* recovery.h */
    struct slab congs;  /* congestion.h */
    struct slab tallies;
    struct slab opts; /* sockopts.h */
    struct slab listeners;
    struct ports ports;
    struct isn isn;
    struct syn_queue syn_queue;
    struct syn_cookies syn_cookies;
    struct time_wait_list time_wait;
    struct rcv_wait rcv_wait;
    uint32_t ooo_head, ooo_tail; /* assemblies that hold data, longest first; 0: none */
    struct tcb
        *last; /* whose segment came last, while it is in the table: perhaps the next one is its own, too */
    uint32_t touched_head, touched_tail; /* tcb indices, 0: none */
    uint32_t default_opts;
    uint64_t pinned;      /* bytes of packet buffers held by receive queues and reassembly */
    uint64_t pinned_max;  /* tcp_set_memory */
    uint64_t pinned_soft; /* from here on only for connections that hold next to nothing */
    uint32_t orphans;
    uint32_t n_listening, n_syn_sent;
    uint32_t challenge_left; /* RFC5961-7: challenge ACKs left in this second */
    uint32_t challenge_second;
    bool fastpath; /* header prediction; off in the test that compares */
};

static inline struct tcb *tcb_at(const struct tcp *t, uint32_t index)
{
    return SLAB_AT(&t->tcbs, struct tcb, index);
}

/* It is no longer what its flow finds. */
static inline void tcb_forget_last(struct tcp *t, const struct tcb *tcb)
{
    if (t->last == tcb)
        t->last = NULL;
}

static inline uint32_t tcb_index(const struct tcp *t, const struct tcb *tcb)
{
    return SLAB_INDEX(&t->tcbs, struct tcb, tcb);
}

#endif
