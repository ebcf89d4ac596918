/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP_INFO, in Linux's units. */
#ifndef PLX_TCP_INFO_H
#define PLX_TCP_INFO_H

#include <sys/socket.h>

#include "tcp/tcb.h"

struct tcp;

/* struct tcp_info of linux/tcp.h into val, cut to *len, which becomes what was written. What newer kernels
 * have behind its end reads as 0. */
void info_get(const struct tcp *t, const struct tcb *tcb, void *val, socklen_t *len);

#endif
