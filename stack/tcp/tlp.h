/* SPDX-License-Identifier: BSD-3-Clause */
/* Tail loss probes (RFC8985-7): when the end of a flight is not acknowledged in two round trips
 * one segment is sent, so that its SACK shows the loss long before the retransmission timer would. */
#ifndef PLX_TCP_TLP_H
#define PLX_TCP_TLP_H

#include "tcp/recovery.h"

/* May the probe's timer run instead of the retransmission timer (section 7.2)? */
bool tlp_may_probe(const struct tcp *t, const struct tcb *tcb);
/* Section 7.2: until the probe is due, without regard to the retransmission timer; microseconds. */
uint32_t tlp_timeout(const struct tcp *t, const struct tcb *tcb);
/* The same where a single segment is outstanding and there is an RTT sample. */
uint32_t tlp_timeout_single(const struct tcp *t, const struct tcb *tcb);
/* The probe's timer has fired. */
void tlp_send(struct tcp *t, struct tcb *tcb);
/* Section 7.4: was it a loss that the probe repaired? Then the window is reduced once. */
void tlp_on_ack(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e);

#endif
