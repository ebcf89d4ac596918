/* SPDX-License-Identifier: BSD-3-Clause */
/* Segment arrival in SYN-SENT: RFC9293-3.10.7.3. */
#include <errno.h>

#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/recovery.h"
#include "tcp/snd_queue.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"

/* First: is the ACK one of our SYN? */
static enum step syn_sent_ack(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_ACK) == 0 ||
        (seq_gt(p->tcp.ack, tcb->snd_una) && seq_leq(p->tcp.ack, tcb->snd_nxt)))
        return STEP_NEXT;
    transmit_reset_for(t, p); /* <SEQ=SEG.ACK><CTL=RST>, unless it is a RST */
    return step_drop(p, CNT_DROP_TCP_ACK);
}

/* Second. */
static enum step syn_sent_rst(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if ((p->tcp.flags & TCP_RST) == 0)
        return STEP_NEXT;
    if ((p->tcp.flags & TCP_ACK) == 0)
        return step_drop(p, CNT_DROP_TCP_RST);
    count(&t->ctx->counters, CNT_TCP_RST_IN);
    tcb_end(t, tcb, ECONNREFUSED);
    return STEP_END;
}

static void take_syn(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    tcb->rcv_nxt = tcb->rcv_wup = tcb->copied_seq = p->tcp.seq + 1;
    tcb->snd_wnd = tcb->max_wnd = p->tcp.window; /* never scaled in a SYN */
    tcb->snd_wl1 = p->tcp.seq;
    tcb->snd_wl2 = p->tcp.ack;
    options_agree(t, tcb, &p->tcp.opt);
    ecn_syn_received(tcb, p->tcp.flags);
}

/* SYN and ACK: the active open is done. What else the segment carries is taken like any other's. */
static void syn_sent_established(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    ack_process(t, tcb, p);
    tcb_set_state(t, tcb, TCP_S_ESTABLISHED);
    input_established(t, tcb);
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
    tcb_notify(t, tcb, EPOLLOUT);
    if (p->data_len == 0 && (p->tcp.flags & TCP_FIN) == 0)
        return;
    p->tcp.flags &= (uint8_t)~TCP_SYN;
    p->tcp.seq++;
    p->tcp.window = (uint16_t)(p->tcp.window >> tcb->snd_wscale);
    input_steps_from_ack(t, tcb, p);
}

/* SYN alone: both have opened at once (figure 8). Our SYN goes out again, with an ACK. (RFC9293-MUST-10) */
static void syn_sent_simultaneous(struct tcp *t, struct tcb *tcb)
{
    struct snd_rec *syn = snd_rec_at(t, tcb->sndq_head);
    tcb_set_state(t, tcb, TCP_S_SYN_RECEIVED);
    if ((syn->flags & SND_LOST) == 0)
        tcb->lost_out++;
    if ((syn->flags & SND_RETRANS) != 0)
        tcb->retrans_out--;
    syn->flags = (uint8_t)((syn->flags | SND_LOST) & ~SND_RETRANS);
    tcb_touch(t, tcb);
}

void input_syn_sent(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (syn_sent_ack(t, tcb, p) == STEP_END || syn_sent_rst(t, tcb, p) == STEP_END)
        return;
    if ((p->tcp.flags & TCP_SYN) == 0) { /* fifth */
        p->drop = CNT_DROP_TCP_NO_ACK;
        return;
    }
    take_syn(t, tcb, p); /* fourth */
    if ((p->tcp.flags & TCP_ACK) != 0)
        syn_sent_established(t, tcb, p);
    else
        syn_sent_simultaneous(t, tcb);
}
