/* SPDX-License-Identifier: BSD-3-Clause */
/* What every layer of one engine shares: the time of this poll, the timer wheel, the random
 * generator, counters, tunables, packet pools, the list of ready endpoints and the log. One per
 * worker; embedded in struct worker; never global. */
#ifndef PLX_BASE_CONTEXT_H
#define PLX_BASE_CONTEXT_H

#include "base/clock.h"
#include "base/counters.h"
#include "base/endpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/tunables.h"
#include "base/wheel.h"

struct rte_mbuf;
struct rte_mempool;

/* Whom an expired timer belongs to; the worker dispatches on it. */
enum timer_kind {
    TIMER_TCB, /* a connection */
    TIMER_TCP, /* housekeeping of the transport: SYN queue, TIME-WAIT, memory */
    TIMER_NET, /* neighbours, reassembly, announcements */
};

struct steer; /* base/steer.h */

/* Payload buffers that nobody holds, ready for the next writer (base/mbuf.h). What an ACK frees is in the
 * processor's cache, and mostly the reply to what came with the ACK wants one. */
#define MBUF_STASH_MAX 32u
struct mbuf_stash {
    uint32_t n, max; /* max: 0 where each buffer is to go back to its pool at once */
    struct rte_mbuf *m[MBUF_STASH_MAX];
};

/* Segments on their way back to their pool, which takes many at once for little more than one. */
struct mbuf_bin {
    struct rte_mempool *pool;
    unsigned n;
    struct rte_mbuf *seg[32];
};

struct context {
    nsec_t now;              /* written by context_set_now, which worker_poll calls */
    uint32_t now_us, now_ms; /* the same as microseconds and milliseconds, wrapping */
    struct wheel wheel;
    struct rng rng;
    struct ready_list ready;
    struct counters counters;
    const struct tunables *tun;    /* shared by all workers of the process, owned by whoever made them */
    struct rte_mempool *hdr_pool;  /* small buffers: headers, ACKs, ARP, ICMP */
    struct rte_mempool *data_pool; /* payload that applications hand to send */
    uint32_t data_room;            /* bytes of payload that fit a buffer of it */
    struct mbuf_stash stash;       /* of data_pool */
    struct mbuf_bin bin;           /* of other pools; emptied when it is full, and when nothing comes in */
    const struct memory *mem;      /* where slabs and tables come from */
    struct log log;
    const struct steer *steer; /* which worker owns a flow; NULL: this is the only one */
    uint16_t worker_id;        /* 0 .. n_workers-1 */
    uint16_t n_workers;
};

static inline void context_set_now(struct context *c, nsec_t now)
{
    if (now == c->now)
        return;
    c->now = now;
    c->now_us = nsec_to_usec(now);
    c->now_ms = (uint32_t)(now / NSEC_PER_MSEC);
}

#endif
