/* SPDX-License-Identifier: BSD-3-Clause */
/* Segment arrival (RFC9293-3.10.7), between the files that do it. A step returns STEP_END when
 * the segment has been dealt with. The mbuf is p->m until somebody queues it and sets p->m to NULL. A
 * reason in p->drop is counted when the segment is let go. */
#ifndef PLX_TCP_INPUT_H
#define PLX_TCP_INPUT_H

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

enum step { STEP_NEXT, STEP_END };

static inline enum step step_drop(struct pkt *p, enum counter reason)
{
    p->drop = (uint16_t)reason;
    return STEP_END;
}

/* Sequence numbers that the segment takes. */
static inline uint32_t segment_space(const struct pkt *p)
{
    return p->data_len + ((p->tcp.flags & TCP_SYN) != 0) + ((p->tcp.flags & TCP_FIN) != 0);
}

/* SYN at a listener (section 3.10.7.2). */
void input_listen(struct tcp *t, struct tcb *listener, struct pkt *p, const struct flow_key *f,
                  seq_t iss_floor);
/* A segment for a half-open connection: SYN-RECEIVED in compact form. */
void input_half_open(struct tcp *t, uint32_t index, struct pkt *p);
/* Section 3.10.7.3. */
void input_syn_sent(struct tcp *t, struct tcb *tcb, struct pkt *p);
/* Section 3.10.7.4: all other states. */
void input_steps(struct tcp *t, struct tcb *tcb, struct pkt *p);
/* The fifth step and those after it: for who has done the first four otherwise. */
void input_steps_from_ack(struct tcp *t, struct tcb *tcb, struct pkt *p);
/* The same outcome for the two segments that come most, in fewer instructions. True: done. */
bool input_fast(struct tcp *t, struct tcb *tcb, struct pkt *p);

/* Parts that the fast paths share. ack_process: an ACK of what was really sent. ack_process_all: the same
 * for the ACK `ack` of a segment that begins at `seq`, where it leaves nothing outstanding and nothing
 * unsent, no window changes, and nothing was dubious. `ecr`: the timestamp it echoes; 0: none. */
void ack_process_all(struct tcp *t, struct tcb *tcb, seq_t seq, seq_t ack, uint32_t ecr);
void ack_process(struct tcp *t, struct tcb *tcb, const struct pkt *p);
/* A segment at rcv_nxt says once more what window there is. */
static inline void window_confirm(struct tcb *tcb, seq_t seq, seq_t ack)
{
    tcb->snd_wl1 = seq_max(tcb->snd_wl1, seq); /* what came out of order may have spoken later */
    tcb->snd_wl2 = ack;
}
enum step ack_step(struct tcp *t, struct tcb *tcb, struct pkt *p);
/* RFC5961-5.2: neither the future nor a past beyond any window is believed. */
bool ack_is_credible(const struct tcb *tcb, const struct pkt *p);
/* RFC7323-4.3: may TS.Recent be taken from this segment? Does it. */
void timestamp_update(struct tcp *t, struct tcb *tcb, const struct pkt *p);
/* SYN-RECEIVED, or FIN-WAIT-1 entered from there: our SYN is still to be acknowledged. */
bool input_syn_is_out(const struct tcp *t, const struct tcb *tcb);
/* The connection has become ESTABLISHED. */
void input_established(struct tcp *t, struct tcb *tcb);
/* RFC5961-7: an ACK that asks the peer what is the matter, rate-limited. */
void challenge_ack(struct tcp *t, struct tcb *tcb);

#endif
