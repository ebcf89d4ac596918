/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections whose window the worker's cap on receive memory (tcp_mem) has made small or closed, in the
 * order in which they came: they are told when others have freed memory, and need not wait for the peer's
 * probe. */
#ifndef PLX_TCP_RCV_WAIT_H
#define PLX_TCP_RCV_WAIT_H

#include <stdint.h>

#include "base/slab.h"

struct tcp;
struct tcb;

/* One place in the line. A control block that has one keeps its memory until its turn, dead or alive. */
struct waiter {
    uint32_t tcb;
    uint32_t next;
};

struct rcv_wait {
    struct slab slab;
    uint32_t head, tail; /* 0: nobody waits */
};

int rcv_wait_init(struct tcp *t);
void rcv_wait_fini(struct tcp *t);
/* The cap has decided tcb's window. Without memory for the line the peer's probe has to do. */
void rcv_wait_join(struct tcp *t, struct tcb *tcb);
/* Once a round: those whose turn it is announce their window, for as much memory as there is. */
void rcv_wait_serve(struct tcp *t);

#endif
