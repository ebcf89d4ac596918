/* SPDX-License-Identifier: BSD-3-Clause */
/* Explicit congestion notification (RFC 3168) of one connection: what is agreed, what marks say, and which
 * of the two header flags and of the two IP bits a segment carries. The IP bits are apart from IP_TOS. */
#ifndef PLX_TCP_ECN_H
#define PLX_TCP_ECN_H

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

/* tcb.ecn */
enum {
    ECN_OK = 1 << 0,         /* agreed; in SYN-SENT: asked for */
    ECN_QUEUE_CWR = 1 << 1,  /* the window has been reduced: the next new data says so */
    ECN_DEMAND_CWR = 1 << 2, /* congestion was experienced: every ACK says so, until the peer reduces */
    ECN_SEEN = 1 << 3,       /* the peer's data is marked as ECN-capable */
};

/* The two low bits of the IP header's second byte. */
enum { IP_ECN_NOT_ECT = 0, IP_ECN_ECT_1 = 1, IP_ECN_ECT_0 = 2, IP_ECN_CE = 3, IP_ECN_MASK = 3 };

/* Does this SYN ask for it, and do we agree? */
bool ecn_syn_asks(const struct tcp *t, const struct pkt *p);
/* Header flags for our SYN, or the SYN,ACK of a simultaneous open. `again`: it was sent before. */
uint8_t ecn_syn_flags(const struct tcp *t, struct tcb *tcb, bool again);
/* The peer's SYN, or SYN,ACK, in SYN-SENT: what becomes of what we asked for. */
void ecn_syn_received(struct tcb *tcb, uint8_t flags);

/* Adds the header flags to a segment; returns the IP bits for it. `fresh`: it carries data that was never
 * sent before. Only to be called where tcb->ecn is not 0. */
uint8_t ecn_mark(struct tcb *tcb, uint8_t *flags, bool fresh);
/* Data has come: its mark, and whether the peer has reduced its window. */
void ecn_data_arrived(struct tcp *t, struct tcb *tcb, const struct pkt *p);
/* Does this ACK say that the network is congested? */
static inline bool ecn_echoed(const struct tcb *tcb, uint8_t flags)
{
    return (flags & (TCP_ECE | TCP_SYN)) == TCP_ECE && (tcb->ecn & ECN_OK) != 0;
}

/* Our window has been reduced, for whatever reason (RFC3168-6.1.2); it was a mistake. */
static inline void ecn_reduced(struct tcb *tcb)
{
    if ((tcb->ecn & ECN_OK) != 0)
        tcb->ecn |= ECN_QUEUE_CWR;
}

static inline void ecn_unreduced(struct tcb *tcb)
{
    tcb->ecn &= (uint8_t)~ECN_QUEUE_CWR;
}

#endif
