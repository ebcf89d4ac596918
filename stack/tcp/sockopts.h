/* SPDX-License-Identifier: BSD-3-Clause */
/* Socket options that are rarely other than the default: one set is shared by all control blocks that
 * have the same (a listener and its children, everybody with the defaults) and copied on change. */
#ifndef PLX_TCP_SOCKOPTS_H
#define PLX_TCP_SOCKOPTS_H

#include <stdint.h>

#include "tcp/tcb.h"

struct tcp;

struct tcp_opts {
    uint32_t holders;
    uint32_t keepidle, keepintvl; /* s */
    uint32_t user_timeout_ms;     /* 0: none */
    int32_t linger_s;
    int32_t linger2_s; /* FIN-WAIT-2 of an orphan; 0: the tunable's; below 0: none */
    uint32_t rcvlowat;
    uint32_t notsent_lowat; /* bytes; 0: the tunable's */
    uint32_t window_clamp;  /* 0: none */
    uint16_t maxseg;        /* 0: not set */
    uint8_t keepcnt;
    uint8_t syn_retries;  /* 0: the tunable's */
    bool recverr;         /* IP_RECVERR: soft errors are told at once */
    uint8_t defer_accept; /* SYN-ACK time-outs that data is waited for */
};

/* The set that everybody starts with, from the tunables. 0 or -ENOMEM. */
int opts_init(struct tcp *t);
uint32_t opts_hold(struct tcp *t, uint32_t index);
void opts_drop(struct tcp *t, uint32_t index);

const struct tcp_opts *opts_of(const struct tcp *t, const struct tcb *tcb);
uint32_t opts_syn_retries(const struct tcp *t, const struct tcb *tcb);
uint32_t opts_fin_timeout_s(const struct tcp *t, const struct tcb *tcb);

#endif
