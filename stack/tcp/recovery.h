/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss: what of the data in the network is thought lost, and how much may be sent meanwhile. This file has
 * the states and the window's proportional reduction (RFC 6937); what is lost is found by rack.h (time, with
 * SACK), by scoreboard.h (RFC 6675's counting, where tcp_recovery switches RACK off) or, without SACK, by
 * RFC 6582 (duplicate ACKs stand in for SACKed segments, which gives RFC 3042's limited transmit in every
 * case). tlp.h probes for losses at the end of a flight, undo.h takes back what was a mistake. The state of
 * all of them is the board, which is there while something is dubious, and stays when it has learnt
 * something about the path. */
#ifndef PLX_TCP_RECOVERY_H
#define PLX_TCP_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

#define BOARD_BLOCKS 4 /* SACK blocks remembered, as many as an ACK can carry */

/* What a SACK block has told: all records from `left` on to record `last`, which ends at `right`, are
 * SACKed. Meaningless once snd_una has reached `right`. */
struct board_block {
    seq_t left, right;
    uint32_t last;
};

struct board {
    /* RFC 6937, segments */
    uint32_t prr_delivered, prr_out;
    uint32_t prior_cwnd, prior_ssthresh; /* before the reduction; prior_ssthresh 0: there is no way back */

    /* the scoreboard; records, 0: none */
    uint32_t highest_sacked;
    uint32_t sack_hint;    /* where the last search for a SACK block ended */
    uint32_t retrans_hint; /* no record before it waits to be sent again; 0: start at the head */
    seq_t lost_edge;       /* RFC 6675: records before it have been judged */
    uint32_t lost_total;   /* records ever thought lost */
    struct board_block block[BOARD_BLOCKS];
    uint8_t block_next; /* to be overwritten next */

    /* RACK (RFC8985-5.2) */
    uint8_t rack_advanced; /* news since the last look */
    uint8_t reo_mult;      /* reordering window in quarters of min_rtt */
    uint8_t reo_persist;   /* recoveries for which it stays as it is */
    bool rack_valid;       /* the next three mean something */
    bool dsack_round_set;
    uint32_t rack_at;   /* us; when the latest sent of the delivered records was sent */
    seq_t rack_end;     /* and its end */
    uint32_t rack_rtt;  /* us */
    seq_t dsack_round;  /* no second reaction to DSACKs before this is acknowledged */
    uint32_t rack_hint; /* no record before it that was sent only once is still to be judged; 0: head */
    uint32_t again_head, again_tail; /* records sent again and not yet judged, in the order of sending */

    /* TLP (RFC8985-7.2) */
    seq_t tlp_end; /* snd_nxt when the probe went out */
    bool tlp_out, tlp_is_retrans;

    /* undo */
    bool undo_armed;
    bool retrans_stamped; /* retrans_at means something */
    bool frto;
    bool new_first;      /* RFC 5682 step 2b: new data goes before what is thought lost */
    seq_t undo_from;     /* snd_una when the reduction began */
    int32_t undo_left;   /* retransmissions not yet reported as duplicates; below 0: none was sent */
    uint32_t retrans_at; /* TSval of the first retransmission */

    /* RFC 6675's rescue */
    bool rescued;
    seq_t rescue_end;

    /* what is worth keeping */
    uint16_t reordering; /* segments; 0: no more than tcp_reordering */
    uint32_t reord_seen, dsack_dups, total_retrans;
    uint64_t bytes_retrans;
};

/* What an ACK brought. */
struct ack_event {
    seq_t ack;            /* SEG.ACK */
    uint32_t acked;       /* records now acknowledged cumulatively */
    uint32_t delivered;   /* records that left the network: acked for the first time, SACKed, or duplicates */
    uint32_t rtt_us;      /* round trip that it measured; 0: none */
    uint32_t sack_rtt_us; /* age of the oldest record newly SACKed that was sent only once; 0: none */
    uint32_t sack_last_us; /* and of the latest one */
    seq_t low_sacked;      /* the lowest of them */
    bool advanced;         /* snd_una moved */
    bool pure;             /* nothing but an ACK of what was acknowledged before */
    bool duplicate;        /* RFC5681-2's definition: pure, and something is outstanding */
    bool ece;              /* the network is congested, says the peer (ecn.h) */
    bool sacked;           /* a SACK block told something new */
    bool once;             /* acked or SACKed: a record sent only once, from before the recovery */
    bool dsack;            /* a duplicate was reported */
    bool dsack_tlp;        /* and it was the probe */
    bool older;            /* a SACKed record is older than the head's last transmission */
    bool timer_set;        /* a timer other than the usual one was started */
    bool lost_again;       /* a retransmission was lost */
    bool hole_filled;      /* at `hole`, by what was sent only once, below what is SACKed */
    seq_t hole;
    uint32_t moved; /* by how much snd_una has moved */
    bool has_ecr;   /* ecr is RFC 7323's TSecr */
    uint32_t ecr;
};

/* A record is acknowledged, its ACK's fields in e; before it is freed. */
void recovery_acked(struct tcp *t, struct tcb *tcb, uint32_t index, struct ack_event *e);
/* Takes up the SACK blocks; after the acknowledged records are gone. */
void recovery_sack(struct tcp *t, struct tcb *tcb, const struct tcp_options *opt, struct ack_event *e);
/* Judges, moves between the states, sets cwnd. After both. */
void recovery_on_ack(struct tcp *t, struct tcb *tcb, struct ack_event *e);
/* RFC5681-3.1 equation (4), RFC6298-5.4: the retransmission timer has fired. */
void recovery_on_timeout(struct tcp *t, struct tcb *tcb);
/* One reduction without a recovery: a loss that is repaired already. */
void recovery_reduce_once(struct tcp *t, struct tcb *tcb, struct board *b);
/* RFC8985-6.2 step 5: the reordering timer has fired. */
void recovery_on_reorder_timeout(struct tcp *t, struct tcb *tcb);
/* Records larger than the path allows are lost for sure (RFC 1191); no congestion. */
void recovery_on_too_big(struct tcp *t, struct tcb *tcb);
/* The next record to send again; 0: none. */
uint32_t recovery_next(struct tcp *t, struct tcb *tcb);
/* RFC6675-4, NextSeg() rule 4: a record to send again when nothing else may go; 0: none. */
uint32_t recovery_rescue(struct tcp *t, struct tcb *tcb);
/* RFC 5682 step 2b: shall new data go first now? */
bool recovery_new_first(const struct tcp *t, const struct tcb *tcb);
/* It has had its chance. True: what is lost may follow, for nothing new could be sent. */
bool recovery_new_failed(struct tcp *t, struct tcb *tcb);
/* `n` new segments were sent. */
void recovery_sent(struct tcp *t, struct tcb *tcb, uint32_t n);
/* A record was sent again, as a probe or because it is thought lost. Sets its flags and time. */
void recovery_resent(struct tcp *t, struct tcb *tcb, uint32_t index, bool probe);
void recovery_forget(struct tcp *t, struct tcb *tcb);
/* May be NULL. */
const struct board *recovery_board(const struct tcp *t, const struct tcb *tcb);

#endif
