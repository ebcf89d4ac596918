/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking back a reduction that was a mistake: the segments were late, not lost. Shown by the timestamp
 * that is echoed (RFC 3522, RFC 4015), by DSACKs for all that was sent again (RFC 3708), or after a time-out
 * by what F-RTO sees (RFC 5682). */
#ifndef PLX_TCP_UNDO_H
#define PLX_TCP_UNDO_H

#include "tcp/recovery.h"

/* A reduction begins: what undoing it would restore. */
void undo_arm(struct tcp *t, struct tcb *tcb, struct board *b);
/* The time of the first retransmission is forgotten. */
void undo_clear_stamp(struct board *b);
/* Back to the window before. With `unmark` nothing is thought lost any more. */
void undo_reduction(struct tcp *t, struct tcb *tcb, struct board *b, bool unmark);
/* All retransmissions were duplicates, or the echo is older than the first of them. */
bool undo_is_due(const struct tcb *tcb, const struct board *b, const struct ack_event *e);
/* The ACK was caused by what was sent first (RFC3522-3.2 step 5). */
bool undo_shown_by_echo(const struct board *b, const struct ack_event *e);

#endif
