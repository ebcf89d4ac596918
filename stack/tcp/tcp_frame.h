/* SPDX-License-Identifier: BSD-3-Clause */
/* A segment with a plain header, in one go from control block and record to the frame on the interface's
 * queue: what transmit.c does for any segment, where no question is open. */
#ifndef PLX_TCP_TCP_FRAME_H
#define PLX_TCP_TCP_FRAME_H

#include "base/mbuf.h"
#include "net/net_frame.h"
#include "tcp/rcv_queue.h"
#include "tcp/snd_queue.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "wire/tcp.h"

/* What sending any segment with an ACK settles. */
static inline void tcp_frame_ack_went(struct tcb *tcb)
{
    tcb->flags &= ~TCB_ACK_NOW;
    tcb->ack_owed = 0;
    if (tcb->quick_acks > 0)
        tcb->quick_acks--;
    timers_stop(tcb, TIMER_DELACK_ANY);
}

/* The header beside the fixed one, where nothing but timestamps is in it; 0: there is, or may be, more. */
static inline uint32_t tcp_frame_header(const struct tcp *t, const struct tcb *tcb)
{
    if (unlikely((tcb->ooo | tcb->ecn) != 0 || tcb_is(tcb, TCB_URG_OUT) || !t->fastpath))
        return 0;
    return TCP_HDR_MIN + (tcb_is(tcb, TCB_TS) ? TCP_TS_SPACE : 0);
}

/* May headers be written in front of the record's bytes, in the buffer where they lie? That takes one direct
 * segment with all of it, which neither a driver nor another record holds. */
static inline bool record_has_front(const struct snd_rec *r, uint32_t header)
{
    const struct rte_mbuf *m = r->m;
    return m != NULL && m->next == NULL && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
           r->off >= NET_FRAME_FRONT + header && (r->off & 1) == 0;
}

/* m with `len` bytes of payload before `end`, as a segment with a plain header. */
static __rte_always_inline void tcp_frame_send_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m,
                                                    uint32_t end, uint32_t len, uint32_t header, seq_t seq,
                                                    uint8_t flags)
{
    const struct tcp_view v = {
        .sport = tcb->flow.lport,
        .dport = tcb->flow.rport,
        .seq = seq,
        .ack = tcb->rcv_nxt,
        .flags = flags,
        .window = rcv_window_select(t, tcb),
    };
    uint8_t *tcp = net_frame_open(t->net, &tcb->path, m, end, header + len);
    tcp_emit_fixed(tcp, &v, header);
    if (likely(header > TCP_HDR_MIN))
        tcp_emit_ts(tcp + TCP_HDR_MIN, t->ctx->now_ms + tcb->ts_offset, tcb->ts_recent);
    net_frame_close(t->net, &tcb->path, m, tcp, header + len, header, &tcb->flow, tcb->ttl, tcb->tos);
    tcp_frame_ack_went(tcb);
    count(&t->ctx->counters, CNT_TCP_OUT);
    net_frame_send_take(t->net, &tcb->path, m);
}

/* May the record go out in the buffer where it lies? The length of its header; 0: no. The path has been
 * resolved. */
static inline uint32_t tcp_frame_fits(const struct tcp *t, const struct tcb *tcb, const struct snd_rec *r)
{
    uint32_t header = tcp_frame_header(t, tcb);
    return likely(header != 0 && record_has_front(r, header) &&
                  net_frame_ok(t->net, &tcb->path, header + r->len))
               ? header
               : 0;
}

/* It goes; the driver gets a reference of its own. `flags` besides ACK. */
static inline void tcp_frame_send_record(struct tcp *t, struct tcb *tcb, const struct snd_rec *r,
                                         uint32_t header, uint8_t flags)
{
    rte_mbuf_refcnt_set(r->m, 2);
    tcp_frame_send_take(t, tcb, r->m, (uint32_t)r->off + r->len, r->len, header, r->seq, flags | TCP_ACK);
}

#endif
