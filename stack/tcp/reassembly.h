/* SPDX-License-Identifier: BSD-3-Clause */
/* Data that came out of order: disjoint ranges in a tree ordered by sequence number (a treap, so that the
 * worst pattern a peer can think of costs O(log n) a segment), and the SACK blocks to report: the most
 * recent first (RFC2018-4), before them what came twice (RFC 2883). */
#ifndef PLX_TCP_REASSEMBLY_H
#define PLX_TCP_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

#define REASSEMBLY_RECENT     4
#define REASSEMBLY_RANGES_MAX 1024 /* of one connection */

/* One range: contiguous bytes, neither touching nor overlapping another. */
struct range {
    seq_t seq, end;
    uint32_t left, right; /* tree, by index */
    uint32_t priority;
    uint32_t charge;
    struct rte_mbuf *head, *tail; /* one chain of segments */
};

struct assembly {
    uint32_t tcb;
    uint32_t next, prev; /* of those that hold data: struct tcp's ooo_head */
    uint32_t root;
    uint32_t n;
    uint32_t charge;
    uint8_t n_recent;
    bool has_dsack;
    bool has_fin;
    seq_t recent[REASSEMBLY_RECENT]; /* a number inside each range, latest change first */
    struct sack_block dsack;
    seq_t fin; /* number of a FIN that came too early */
};

/* Payload [seq, seq+bytes) beyond rcv_nxt, inside the window. Owns m. What is held already is trimmed
 * off; an all-known segment is dropped and reported as duplicate. False when it was refused for want of
 * memory (counted). */
bool reassembly_insert_take(struct tcp *t, struct tcb *tcb, seq_t seq, struct rte_mbuf *m, uint32_t bytes);
/* Moves what has become in-order at rcv_nxt to the receive queue. */
void reassembly_deliver(struct tcp *t, struct tcb *tcb);
/* A FIN with number `fin` came before all that precedes it. */
void reassembly_fin(struct tcp *t, struct tcb *tcb, seq_t fin);
/* Is rcv_nxt now at such a FIN? */
bool reassembly_fin_due(const struct tcp *t, const struct tcb *tcb);
/* [left, right) came twice: to be reported once, in the next ACK. */
void reassembly_duplicate(struct tcp *t, struct tcb *tcb, seq_t left, seq_t right);
/* Fills at most `max` blocks for an ACK, a pending DSACK first (which is thereby reported). */
unsigned reassembly_sack_blocks(struct tcp *t, struct tcb *tcb, struct sack_block *out, unsigned max);
/* Frees the range farthest from rcv_nxt; false when there is none: memory is short. */
bool reassembly_shed(struct tcp *t, struct tcb *tcb);
/* The same of whichever connection has held such data longest: the worker's memory is short. */
bool reassembly_shed_any(struct tcp *t);
void reassembly_purge(struct tcp *t, struct tcb *tcb);

/* One past the last byte that is held out of order; false: none is. */
bool reassembly_right_edge(const struct tcp *t, const struct tcb *tcb, seq_t *edge);
/* Is there a hole before something that we hold? */
bool reassembly_has_hole(const struct tcp *t, const struct tcb *tcb);

#endif
