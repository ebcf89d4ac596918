/* SPDX-License-Identifier: BSD-3-Clause */
/* The scoreboard (RFC 2018, RFC 2883, RFC 6675): which records are SACKed, lost, sent again. The marks are
 * flags of the records (snd_queue.h), the counts are in the control block, the rest in the board. Whatever
 * a peer writes into SACK blocks, an ACK costs at most a fixed number of steps beside those that mark
 * something for the first time. */
#ifndef PLX_TCP_SCOREBOARD_H
#define PLX_TCP_SCOREBOARD_H

#include "tcp/recovery.h"
#include "tcp/snd_queue.h"
#include "tcp/tcp_private.h"

/* NULL: there is none. */
static inline struct board *board_at(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->board != 0 ? (struct board *)slab_at(&t->boards, tcb->board) : NULL;
}

/* Makes one where there is none. NULL without memory: then only the retransmission timer recovers. */
struct board *board_get(struct tcp *t, struct tcb *tcb);

static inline bool rec_is_sent(const struct tcb *tcb, const struct snd_rec *r)
{
    return seq_lt(r->seq, tcb->snd_nxt);
}

/* b may be NULL. A record that was sent again is in the network no more. */
void mark_lost(struct tcp *t, struct tcb *tcb, struct board *b, uint32_t index);
void unmark(struct tcb *tcb, struct snd_rec *r, uint8_t flag, uint32_t *counter);

/* The list of what was sent again, in the order of sending. */
void again_add(struct tcp *t, struct board *b, uint32_t index);
void again_remove(struct tcp *t, struct board *b, uint32_t index);

/* The blocks of one ACK. */
void scoreboard_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e);
/* RFC 6675 IsLost(): marks what has enough SACKed segments above it. */
void scoreboard_count_lost(struct tcp *t, struct tcb *tcb, struct board *b);
/* A hole at `low` was filled by what was sent first: the network reorders (RFC 4653's measure, as on
 * Linux). */
void scoreboard_reordered(struct tcp *t, struct tcb *tcb, struct board *b, seq_t low);
/* Segments that may overtake one before it is thought lost. */
uint32_t scoreboard_reordering(const struct tcp *t, const struct board *b);
/* All that SACK blocks have told is forgotten. */
void scoreboard_renege(struct tcp *t, struct tcb *tcb, struct board *b);
/* A record is about to be freed. */
void scoreboard_record_gone(struct tcp *t, struct board *b, uint32_t index);

#endif
