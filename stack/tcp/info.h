/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP_INFO, in Linux's units. */
#ifndef PLX_TCP_INFO_H
#define PLX_TCP_INFO_H

#include <linux/types.h>

#include "tcp/tcb.h"

struct tcp;
struct tcp_info;

void info_fill(const struct tcp *t, const struct tcb *tcb, struct tcp_info *out);

#endif
