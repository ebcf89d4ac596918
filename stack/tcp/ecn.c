/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/ecn.h"

#include "tcp/tcp_private.h"

#define ECN_QUICK_ACKS 2 /* segments acknowledged at once after news of congestion, as on Linux */

enum { TUN_NEVER, TUN_ASK, TUN_ANSWER }; /* tcp_ecn */

/* ---- agreement ---- */

/* A SYN whose packet is ECN-capable itself is no SYN of RFC 3168. */
bool ecn_syn_asks(const struct tcp *t, const struct pkt *p)
{
    return t->ctx->tun->tcp_ecn != TUN_NEVER && (p->tcp.flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) &&
           (p->tos & IP_ECN_MASK) == IP_ECN_NOT_ECT;
}

uint8_t ecn_syn_flags(const struct tcp *t, struct tcb *tcb, bool again)
{
    if (tcb->state != TCP_S_SYN_SENT)
        return (tcb->ecn & ECN_OK) != 0 ? TCP_ECE : 0;
    if (again) /* RFC3168-6.1.1.1: perhaps the flags are why it was lost */
        return t->ctx->tun->tcp_ecn_fallback || (tcb->ecn & ECN_OK) == 0 ? 0 : TCP_ECE | TCP_CWR;
    tcb->ecn = t->ctx->tun->tcp_ecn == TUN_ASK ? ECN_OK : 0;
    return tcb->ecn != 0 ? TCP_ECE | TCP_CWR : 0;
}

void ecn_syn_received(struct tcb *tcb, uint8_t flags)
{
    uint8_t agreed = (flags & TCP_ACK) != 0 ? TCP_ECE : TCP_ECE | TCP_CWR;
    if ((flags & (TCP_ECE | TCP_CWR)) != agreed)
        tcb->ecn = 0;
}

/* ---- sending ---- */

uint8_t ecn_mark(struct tcb *tcb, uint8_t *flags, bool fresh)
{
    if ((tcb->ecn & ECN_DEMAND_CWR) != 0)
        *flags |= TCP_ECE;
    if (!fresh) /* RFC3168-6.1.4, RFC3168-6.1.5: neither ACKs nor retransmissions nor probes */
        return IP_ECN_NOT_ECT;
    if ((tcb->ecn & ECN_QUEUE_CWR) != 0) {
        tcb->ecn &= (uint8_t)~ECN_QUEUE_CWR;
        *flags |= TCP_CWR;
    }
    return IP_ECN_ECT_0;
}

/* ---- receiving ---- */

static void ack_soon(struct tcb *tcb)
{
    tcb->flags &= ~TCB_PINGPONG;
    tcb->quick_acks = RTE_MAX(tcb->quick_acks, (uint8_t)ECN_QUICK_ACKS);
}

void ecn_data_arrived(struct tcp *t, struct tcb *tcb, const struct pkt *p)
{
    if ((p->tcp.flags & TCP_CWR) != 0) {
        tcb->ecn &= (uint8_t)~ECN_DEMAND_CWR;
        tcb->flags |= TCB_ACK_NOW;
    }
    switch (p->tos & IP_ECN_MASK) {
    case IP_ECN_NOT_ECT: /* after others that were capable it is a retransmission */
        if ((tcb->ecn & ECN_SEEN) != 0)
            ack_soon(tcb);
        break;
    case IP_ECN_CE: /* RFC3168-6.1.3 */
        count(&t->ctx->counters, CNT_TCP_ECN_CE);
        if ((tcb->ecn & ECN_DEMAND_CWR) == 0)
            ack_soon(tcb);
        tcb->ecn |= ECN_DEMAND_CWR | ECN_SEEN;
        break;
    default:
        tcb->ecn |= ECN_SEEN;
        break;
    }
}
