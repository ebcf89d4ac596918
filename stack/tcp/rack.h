/* SPDX-License-Identifier: BSD-3-Clause */
/* RACK (RFC 8985): a segment is lost when one sent later has arrived and more time than a round trip and
 * the reordering window has passed since. tcp_recovery has Linux's bits. */
#ifndef PLX_TCP_RACK_H
#define PLX_TCP_RACK_H

#include "tcp/recovery.h"

struct snd_rec;

enum {
    RACK_ON = 1,           /* else RFC 6675's counting */
    RACK_STATIC_REO = 2,   /* DSACKs do not widen the reordering window */
    RACK_NO_DUPTHRESH = 4, /* three SACKed segments are not enough to skip it */
};

/* SACK was agreed and tcp_recovery has it on. */
bool rack_is_on(const struct tcp *t, const struct tcb *tcb);
/* Section 6.2 steps 1 and 2: a record was delivered, acknowledged or SACKed for the first time. */
void rack_delivered(struct tcp *t, struct tcb *tcb, struct board *b, const struct snd_rec *r,
                    const struct ack_event *e);
/* Step 4: the reordering window follows DSACKs. Before the ACK is judged. */
void rack_adapt(struct tcp *t, struct tcb *tcb, struct board *b, const struct ack_event *e);
/* Step 5: marks what is lost. How many microseconds until more may be; 0: nothing to wait for. */
uint32_t rack_detect(struct tcp *t, struct tcb *tcb, struct board *b);
/* Section 6.3: thought lost when the retransmission timer fires, because it is old enough? */
bool rack_expired(const struct tcp *t, const struct tcb *tcb, const struct board *b, const struct snd_rec *r);

#endif
