/* SPDX-License-Identifier: BSD-3-Clause */
/* Data that has arrived (RFC9293-3.10.7.4, seventh step): queued, its ACK scheduled, the reader told. */
#ifndef PLX_TCP_TEXT_H
#define PLX_TCP_TEXT_H

#include "base/mbuf.h"
#include "tcp/rcv_queue.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

/* Linux's tcp_measure_rcv_mss: segments as large as the peer makes them, not merged ones. */
void text_measure_mss(struct tcb *tcb, uint32_t len);

static inline void text_measure(struct tcp *t, struct tcb *tcb, uint32_t len)
{
    if (unlikely(len > tcb->rcv_mss))
        text_measure_mss(tcb, len);
    tcb->last_data_rcv = t->ctx->now_ms;
}

/* The payload alone, which begins at `off`. */
static inline struct rte_mbuf *text_payload_take(struct rte_mbuf *m, uint32_t off)
{
    if (unlikely(off >= m->data_len))
        return mbuf_trim_front_take(m, off);
    m->data_off = (uint16_t)(m->data_off + off);
    m->data_len = (uint16_t)(m->data_len - off);
    m->pkt_len -= off;
    return m;
}

/* m is payload that begins at rcv_nxt, `len` bytes. Owns it. */
static inline void text_queue_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m, uint32_t len)
{
    text_measure(t, tcb, len);
    rcv_window_grow(t, tcb, len, rcv_queue_append_take(t, tcb, m));
}

/* RFC9293-3.8.6.3 with Linux's quick start: every second full segment at once, others may wait
 * for a reply to ride on.
 * RFC9293-MUST-40, RFC9293-MUST-58, RFC9293-SHLD-18, RFC9293-SHLD-19 */
static inline void text_schedule_ack(struct tcp *t, struct tcb *tcb)
{
    tcb_touch(t, tcb);
    if (tcb->rcv_nxt - tcb->rcv_wup > tcb->rcv_mss || (tcb->quick_acks > 0 && !tcb_is(tcb, TCB_PINGPONG)))
        tcb->flags |= TCB_ACK_NOW;
    else
        tcb->timers |= TIMER_DELACK_OWED;
}

static inline void text_tell(struct tcp *t, struct tcb *tcb)
{
    text_schedule_ack(t, tcb);
    tcb_notify(t, tcb, EPOLLIN);
}

#endif
