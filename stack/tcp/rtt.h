/* SPDX-License-Identifier: BSD-3-Clause */
/* Round-trip time and retransmission time-out (RFC 6298), with Linux's floor: RTO = SRTT + max(200 ms,
 * 4 RTTVAR). */
#ifndef PLX_TCP_RTT_H
#define PLX_TCP_RTT_H

#include <stdint.h>

#include "tcp/tcb.h"

#define RTT_RTO_INITIAL_US 1000000u /* RFC6298-2.1 */
#define RTT_RTO_MAX_US     120000000u

struct tcp;

/* RFC6298-2.2, (2.3). */
void rtt_sample(struct tcb *tcb, uint32_t us);
/* Keeps min_rtt, the least of about five minutes (RFC8985-6.2 step 1). */
void rtt_sample_min(const struct tcp *t, struct tcb *tcb, uint32_t us);
/* Without back-off, microseconds. */
uint32_t rtt_rto(const struct tcp *t, const struct tcb *tcb);
/* Doubled `backoff` times, at most RTT_RTO_MAX_US. */
uint32_t rtt_rto_backed_off(const struct tcp *t, const struct tcb *tcb);

#endif
