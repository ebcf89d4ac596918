/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss: what of the data in the network is thought lost, and how much may be sent meanwhile. With SACK by
 * RFC 6675's rule over the scoreboard in the send queue, without it by RFC 6582 (duplicate ACKs stand in
 * for SACKed segments, which gives RFC 3042's limited transmit in both cases); the window is reduced
 * proportionally (RFC 6937). The little state that this takes exists only while something is dubious. */
#ifndef PLX_TCP_RECOVERY_H
#define PLX_TCP_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

struct board {
    uint32_t prr_delivered, prr_out; /* RFC 6937, segments */
    uint32_t prior_cwnd;             /* RecoverFS */
    uint32_t highest_sacked;         /* record, 0: none */
    uint32_t sack_hint;              /* record where the last SACK block ended; 0: none */
    uint32_t retrans_hint;           /* no record before it waits to be sent again; 0: start at the head */
    seq_t lost_edge;                 /* records before it have been judged */
};

/* What an ACK brought. */
struct ack_event {
    uint32_t acked;     /* records now acknowledged cumulatively */
    uint32_t delivered; /* records that left the network: acked for the first time, or SACKed */
    uint32_t rtt_us;    /* round trip that it measured; 0: none */
    bool advanced;      /* snd_una moved */
    bool duplicate;     /* RFC 5681 section 2's definition */
    bool ece;           /* the network is congested, says the peer (ecn.h) */
};

/* Marks what the SACK blocks cover; adds to e->delivered. */
void recovery_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e);
/* Judges, moves between the states, sets cwnd. After the acknowledged records are gone. */
void recovery_on_ack(struct tcp *t, struct tcb *tcb, struct ack_event *e);
/* RFC 5681 section 3.1 equation (4), RFC 6298 (5.4): all that is outstanding is thought lost. */
void recovery_on_timeout(struct tcp *t, struct tcb *tcb);
/* Records larger than the path allows are lost for sure (RFC 1191); no congestion. */
void recovery_on_too_big(struct tcp *t, struct tcb *tcb);
/* The next record to send again; 0: none. */
uint32_t recovery_next(struct tcp *t, struct tcb *tcb);
/* `n` segments were sent, new or again. */
void recovery_sent(struct tcp *t, struct tcb *tcb, uint32_t n);
/* A record is about to be freed. */
void recovery_record_gone(struct tcp *t, struct tcb *tcb, uint32_t index);
void recovery_forget(struct tcp *t, struct tcb *tcb);

#endif
