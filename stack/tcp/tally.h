/* SPDX-License-Identifier: BSD-3-Clause */
/* What a connection has done, for TCP_INFO: bytes and segments, and what its sender spent its time on
 * (Linux's chronographs). Made when the first of it is known, so that who has only been opened has none;
 * without memory nothing is counted. */
#ifndef PLX_TCP_TALLY_H
#define PLX_TCP_TALLY_H

#include "tcp/snd_queue.h"
#include "tcp/tcp_private.h"

/* What the sender is at; the later one goes before the earlier. */
enum tally_chrono {
    TALLY_IDLE,   /* nothing is queued, or one segment whose own time of sending tells since when */
    TALLY_BUSY,   /* something is queued */
    TALLY_RWND,   /* the peer's window keeps it back */
    TALLY_SNDBUF, /* all is sent, and the application waits for room to write more */
    TALLY_N
};

struct tally {
    uint64_t acked, received;         /* bytes; received: up to the reader's last round trip (tuning_seq) */
    uint64_t spent[TALLY_N];          /* us, up to `since` */
    uint32_t since;                   /* us */
    uint32_t delivered, delivered_ce; /* segments that arrived; those for which congestion was echoed */
    uint32_t chrono;                  /* enum tally_chrono */
};

/* Is there anybody who could ask? */
static inline bool tally_wanted(const struct tcb *tcb)
{
    return tcb->state >= TCP_S_ESTABLISHED && !tcb_is(tcb, TCB_ORPHAN);
}

/* NULL: none. */
static inline struct tally *tally_of(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->tally != 0 ? SLAB_AT(&t->tallies, struct tally, tcb->tally) : NULL;
}

/* Makes one. NULL without memory. */
struct tally *tally_make(struct tcp *t, struct tcb *tcb);
void tally_free(struct tcp *t, struct tcb *tcb);
/* The connection is over: nothing is queued any more. */
void tally_stop(struct tcp *t, struct tcb *tcb);

static inline struct tally *tally_get(struct tcp *t, struct tcb *tcb)
{
    return likely(tcb->tally != 0) ? SLAB_AT(&t->tallies, struct tally, tcb->tally) : tally_make(t, tcb);
}

/* The sender is at something else from now on. TALLY_IDLE: the queue is empty. */
void tally_chrono(struct tcp *t, struct tcb *tcb, enum tally_chrono to);

/* Something is queued: if nothing says since when, the oldest segment does. */
static inline void tally_chrono_running(struct tcp *t, struct tcb *tcb)
{
    const struct tally *l = tally_of(t, tcb);
    if (unlikely(l == NULL || l->chrono == TALLY_IDLE))
        tally_chrono(t, tcb, TALLY_BUSY);
}

/* What kept the sender back is over: the application may write again, or the window has changed (output will
 * say if it is still too small). */
static inline void tally_go_on(struct tcp *t, struct tcb *tcb, enum tally_chrono from)
{
    const struct tally *l = tally_of(t, tcb);
    if (l != NULL && l->chrono == from)
        tally_chrono(t, tcb, TALLY_BUSY);
}

/* Output has come to its end; rwnd: because of the peer's window. */
static inline void tally_output(struct tcp *t, struct tcb *tcb, bool rwnd)
{
    bool sndbuf = tcb->sndq_unsent == 0 && tcb_is(tcb, TCB_NO_SPACE) &&
                  tcb->packets_out - tcb->sacked_out - tcb->lost_out + tcb->retrans_out < tcb->cwnd;
    enum tally_chrono to = rwnd ? TALLY_RWND : sndbuf ? TALLY_SNDBUF : TALLY_BUSY;
    const struct tally *l = tally_of(t, tcb);
    if (l == NULL || l->chrono != to)
        tally_chrono(t, tcb, to);
}

/* An ACK has ended all that was outstanding: so many bytes and segments, the oldest sent `age` us ago. */
static inline void tally_all_acked(struct tcp *t, struct tcb *tcb, uint32_t bytes, uint32_t segments,
                                   uint32_t age)
{
    struct tally *l = tally_get(t, tcb);
    if (unlikely(l == NULL))
        return;
    l->acked += bytes;
    l->delivered += segments;
    if (likely(l->chrono == TALLY_IDLE))
        l->spent[TALLY_BUSY] += age;
    else
        tally_chrono(t, tcb, TALLY_IDLE);
}

/* Any other ACK. */
void tally_acked(struct tcp *t, struct tcb *tcb, uint32_t bytes, uint32_t segments, bool ece);
/* The reader's round trip is over. */
void tally_read(struct tcp *t, struct tcb *tcb, uint32_t bytes);

struct tcp_info;
void tally_fill(const struct tcp *t, const struct tcb *tcb, struct tcp_info *out);

#endif
