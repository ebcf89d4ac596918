/* SPDX-License-Identifier: BSD-3-Clause */
/* What to send, and when: called once per touched connection after the application's turn, so that an
 * ACK rides on the reply. transmit.h makes the segments. */
#ifndef PLX_TCP_OUTPUT_H
#define PLX_TCP_OUTPUT_H

#include "tcp/tcb.h"

struct tcp;

/* Everything that may go out now: owed ACKs, retransmissions, new data, FIN. */
void output_run(struct tcp *t, struct tcb *tcb);
/* The same outcome for the reply that comes most. True: done. */
bool output_fast(struct tcp *t, struct tcb *tcb);
/* The persist timer, or a keepalive: data that was held back if the window lets some through, else a
 * segment without data, SEQ one before snd_una, that makes the peer answer. */
void output_probe(struct tcp *t, struct tcb *tcb);
/* RFC8985-7.3: one new segment, whatever cwnd says, or the last one `again`. False: neither. */
bool output_tail_probe(struct tcp *t, struct tcb *tcb, bool *again);
/* RST for a connection that is given up: SEQ = snd_nxt. */
void output_reset(struct tcp *t, struct tcb *tcb);

#endif
