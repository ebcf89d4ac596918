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
    uint32_t notsent_lowat;      /* bytes; 0: the tunable's */
    uint32_t window_clamp;       /* 0: none */
    uint32_t rto_max_ms;         /* 0: the tunable's */
    uint16_t port_min, port_max; /* IP_LOCAL_PORT_RANGE; 0: the tunable's */
    uint16_t maxseg;             /* 0: not set */
    uint8_t keepcnt;
    uint8_t syn_retries;  /* 0: the tunable's */
    uint8_t mtu_discover; /* IP_PMTUDISC_* */
    bool freebind;        /* IP_FREEBIND */
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
uint32_t opts_rto_max_us(const struct tcp *t, const struct tcb *tcb);
/* Ports that connect, or bind to port 0, may choose from: the tunable's range, narrowed by the socket's. */
void opts_port_range(const struct tcp *t, const struct tcb *tcb, uint16_t *min, uint16_t *max);

#endif
