/* SPDX-License-Identifier: BSD-3-Clause */
/* Congestion control: how cwnd grows and what it becomes on loss. What is lost, and when recovery begins
 * and ends, is decided in recovery.h; an algorithm only answers. What an algorithm remembers of a
 * connection lies in a struct cong, which is made when the connection first uses half of its window or has
 * to reduce it: who only exchanges short messages never has one. */
#ifndef PLX_TCP_CONGESTION_H
#define PLX_TCP_CONGESTION_H

#include <stdint.h>

#include "base/tunables.h"
#include "tcp/tcp_private.h"

struct tcp;

#define CONG_PRIVATE_WORDS 16

struct cong {
    seq_t used_until;     /* when this is acknowledged, the window is judged anew */
    uint32_t most_out;    /* most outstanding in this window, while it was not full */
    uint32_t used;        /* most outstanding since used_since */
    uint32_t used_since;  /* ms; when the window was last full, or last adapted to what is used */
    uint32_t unused_from; /* ms; time before it without use has been told to the algorithm */
    uint32_t credit; /* what acknowledged segments have earned and cwnd has not got; unit: the algorithm's */
    bool limited;    /* the window was full */
    bool started;    /* the algorithm's init has been called */
    uint64_t priv[CONG_PRIVATE_WORDS]; /* the algorithm's own, zeroed before init */
};

/* What an ACK brought that has moved snd_una. */
struct cong_ack {
    uint32_t acked;  /* segments that left the network */
    uint32_t rtt_us; /* round trip that it measured; 0: none */
};

enum cong_event {
    CONG_UNUSED,       /* the window was not in use, for lack of data; value: for so many ms */
    CONG_IDLE_RESTART, /* cwnd was reduced after an idle time; value: ms */
    CONG_CWR_DONE,     /* a reduction (fast recovery, ECN) has ended: cwnd is ssthresh */
    CONG_TIMEOUT,      /* retransmission time-out: cwnd is 1 */
};

/* Hooks that may be NULL say so. `c` may be NULL only where it says so: no memory, or nothing to remember
 * yet. */
struct congestion_ops {
    const char *name; /* as TCP_CONGESTION takes it */
    /* The algorithm's state begins, or ends. May be NULL. */
    void (*init)(struct tcp *t, struct tcb *tcb, struct cong *c);
    void (*release)(struct tcp *t, struct tcb *tcb, struct cong *c);
    /* The slow start threshold after loss (RFC 5681 equation 4 and its successors), segments. c may be
     * NULL. */
    uint32_t (*ssthresh)(struct tcp *t, struct tcb *tcb, struct cong *c);
    /* Outside of a reduction, and the window was in full use: cwnd may grow. */
    void (*on_ack)(struct tcp *t, struct tcb *tcb, struct cong *c, const struct cong_ack *a);
    /* May be NULL. */
    void (*on_event)(struct tcp *t, struct tcb *tcb, struct cong *c, enum cong_event e, uint32_t value);
    /* The last reduction was a mistake: forget it. cwnd and ssthresh are restored by the caller. May be
     * NULL. */
    void (*undo)(struct tcp *t, struct tcb *tcb, struct cong *c);
    /* Instead of on_ack, whether or not the window was in use: sets cwnd by itself, as model-based
     * algorithms do; neither idle times nor unused windows reduce it then. May be NULL. */
    void (*control)(struct tcp *t, struct tcb *tcb, struct cong *c, const struct cong_ack *a);
    /* Bytes a second that it wants to send at most. NULL: as fast as cwnd allows. */
    uint64_t (*pacing_rate)(const struct tcp *t, const struct tcb *tcb, const struct cong *c);
};

#define CONGESTION_SSTHRESH_INFINITE 0x7fffffffu

extern const struct congestion_ops congestion_newreno, congestion_cubic;

uint8_t congestion_default(const struct tunables *tun);
const struct congestion_ops *congestion_of(const struct tcb *tcb);
/* Index by name, or -ENOENT. */
int congestion_find(const char *name, size_t len);
/* Another algorithm from now on: index from congestion_find. cwnd and ssthresh stay. */
void congestion_choose(struct tcp *t, struct tcb *tcb, uint8_t index);

/* Initial window and threshold; nothing remembered. */
void congestion_start(struct tcp *t, struct tcb *tcb);
/* Frees what is remembered. */
void congestion_release(struct tcp *t, struct tcb *tcb);
/* What is remembered; NULL: nothing. */
struct cong *congestion_state(const struct tcp *t, const struct tcb *tcb);

/* ---- what the sender tells ---- */

void congestion_tx_start_known(struct tcp *t, struct tcb *tcb);
/* Data is about to go and nothing is outstanding: restart after idle (RFC5681-4.1). */
static inline void congestion_tx_start(struct tcp *t, struct tcb *tcb)
{
    if (unlikely(tcb->cong_state != 0 || tcb->cwnd > t->ctx->tun->tcp_initial_cwnd))
        congestion_tx_start_known(t, tcb);
}
/* The slow part of congestion_sent. */
void congestion_window_used(struct tcp *t, struct tcb *tcb, bool limited);

/* ---- what recovery tells ---- */

/* Does an ACK make a difference that ends what was outstanding, nothing dubious about it? */
static inline bool congestion_wants_acks(const struct tcb *tcb)
{
    return tcb->cong_state != 0 || congestion_of(tcb)->control != NULL;
}

/* An ACK outside of a reduction: lets cwnd grow when the window was in use. */
void congestion_on_ack(struct tcp *t, struct tcb *tcb, const struct cong_ack *a);
/* A reduction begins: sets ssthresh. cwnd follows by PRR (recovery.h). */
void congestion_reduce(struct tcp *t, struct tcb *tcb);
/* It has ended: cwnd is ssthresh. */
void congestion_reduced(struct tcp *t, struct tcb *tcb);
/* Retransmission time-out: cwnd is 1; with `first` (not a repeated one) ssthresh is set too. */
void congestion_on_timeout(struct tcp *t, struct tcb *tcb, bool first);
/* The reduction that began at these values was spurious (RFC 3522, RFC9438-4.9): back to them,
 * but not below what is there now. */
void congestion_undo(struct tcp *t, struct tcb *tcb, uint32_t prior_cwnd, uint32_t prior_ssthresh);

/* ---- for algorithms ---- */

/* Slow start: adds up to ssthresh, returns what is left for congestion avoidance. */
uint32_t congestion_slow_start(struct tcb *tcb, uint32_t acked);

/* Segments in the network, by what we know. */
static inline uint32_t congestion_in_flight(const struct tcb *tcb)
{
    return tcb->packets_out - tcb->sacked_out - tcb->lost_out + tcb->retrans_out;
}

/* Output has come to its end: was the window the reason? (RFC 7661's concern, Linux's rules: an
 * application that does not use its window must not make it grow.) `sent`: new data went out. */
static inline void congestion_sent(struct tcp *t, struct tcb *tcb, bool sent)
{
    bool limited = congestion_in_flight(tcb) >= tcb->cwnd;
    if (!limited && (!sent || (tcb->cong_state == 0 && 2 * tcb->packets_out <= tcb->cwnd)))
        return;
    congestion_window_used(t, tcb, limited);
}

#endif
