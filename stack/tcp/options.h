/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two sides of a SYN agree on: MSS (RFC9293-3.7.1, RFC 6691), window scale and
 * timestamps (RFC 7323), SACK-permitted (RFC 2018). */
#ifndef PLX_TCP_OPTIONS_H
#define PLX_TCP_OPTIONS_H

#include <stdint.h>

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

/* The MSS to announce on a path: what an IP packet of the interface holds, or TCP_MAXSEG. */
uint16_t options_announced_mss(const struct tcp *t, const struct net_path *path, uint16_t user_mss);
/* The header of a SYN (state SYN-SENT) or of the SYN,ACK of a simultaneous open. */
void options_fill_syn(struct tcp *t, struct tcb *tcb, struct tcp_view *v, seq_t seq);
/* Takes up the options of the SYN or SYN,ACK that answers ours. */
void options_agree(struct tcp *t, struct tcb *tcb, const struct tcp_options *peer);
/* snd_mss again, after the path or what was agreed has changed. */
void options_update_mss(struct tcp *t, struct tcb *tcb);
/* First estimate of the peer's segments, quick ACKs at the start. */
void options_start_receiving(struct tcp *t, struct tcb *tcb);
/* As many quick ACKs as Linux gives at the start, after idling and when data is out of order. */
void options_quick_acks(struct tcp *t, struct tcb *tcb);

#endif
