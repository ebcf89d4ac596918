/* SPDX-License-Identifier: BSD-3-Clause */
/* The receive queue: in-order payload as one chain of mbuf segments, charged by what it pins (whole
 * buffers) against SO_RCVBUF and the worker's cap; and the window that follows from what is free, never
 * shrunk, in steps worth announcing. */
#ifndef PLX_TCP_RCV_QUEUE_H
#define PLX_TCP_RCV_QUEUE_H

#include <stdint.h>
#include <sys/uio.h>

#include "tcp/tcp_private.h"

#define RCV_COPY_MAX 256u /* up to here copying is cheaper than holding a buffer */

/* What a segment pins. */
static inline uint32_t rcv_seg_charge(const struct rte_mbuf *seg)
{
    return (uint32_t)sizeof *seg + seg->buf_len;
}

/* The same for a chain of segments that is charged to this connection already (from reassembly). */
void rcv_queue_append_charged_take(struct tcb *tcb, struct rte_mbuf *head, struct rte_mbuf *tail,
                                   uint32_t bytes);
/* Adds m to the chain of segments head .. tail, by copying where that spares a buffer. Owns m. What the
 * chain pins now in addition. */
uint32_t rcv_chain_append_take(struct rte_mbuf **head, struct rte_mbuf **tail, struct rte_mbuf *m,
                               bool squeeze);
/* Frees a chain of segments. */
void rcv_chain_free(struct rte_mbuf *m);
void rcv_queue_purge(struct tcp *t, struct tcb *tcb);
/* Would `charge` more bytes be within SO_RCVBUF and the worker's cap? */
static inline bool rcv_queue_has_room(const struct tcp *t, const struct tcb *tcb, uint32_t charge)
{
    return tcb->rcvq_charge <= tcb->rcvbuf && t->pinned + charge <= t->pinned_soft;
}
/* Would the worker's cap refuse it, even for data in order? */
bool rcv_queue_is_capped(const struct tcp *t, const struct tcb *tcb, uint32_t charge);
/* The same for data in order: inside a window that was announced before SO_RCVBUF became smaller it is
 * accepted nevertheless, for the peer can do nothing but send it again. */
bool rcv_queue_owes_room(const struct tcp *t, const struct tcb *tcb, uint32_t charge);
static inline void rcv_queue_charge(struct tcp *t, struct tcb *tcb, uint32_t bytes)
{
    tcb->rcvq_charge += bytes;
    t->pinned += bytes;
}

static inline void rcv_queue_uncharge(struct tcp *t, struct tcb *tcb, uint32_t bytes)
{
    tcb->rcvq_charge -= bytes;
    t->pinned -= bytes;
}

uint32_t rcv_queue_append_behind_take(struct tcb *tcb, struct rte_mbuf *m);

/* Appends a chain of payload that begins at rcv_nxt and advances rcv_nxt. Owns m. Small ones are copied
 * into the tail room of what is there. What it pins in addition. */
static inline uint32_t rcv_queue_append_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m)
{
    uint32_t charge = rcv_seg_charge(m);
    tcb->rcv_nxt += m->pkt_len;
    if (likely(tcb->rcvq_head == NULL && m->next == NULL))
        tcb->rcvq_head = tcb->rcvq_tail = m;
    else if (likely(m->next == NULL && m->pkt_len > RCV_COPY_MAX && tcb->rcvq_charge <= tcb->rcvbuf / 2))
        tcb->rcvq_tail = tcb->rcvq_tail->next = m;
    else
        charge = rcv_queue_append_behind_take(tcb, m);
    rcv_queue_charge(t, tcb, charge);
    return charge;
}

/* Unread in-order bytes (an urgent byte held apart included). */
static inline uint32_t rcv_queue_bytes(const struct tcb *tcb)
{
    return tcb->rcv_nxt - tcb->copied_seq - (tcb_is(tcb, TCB_FIN_RCVD) ? 1 : 0);
}

/* Copies [off, off+len) of the queue to iov from byte iov_off on; the caller knows it is there. */
void rcv_queue_copy(const struct tcb *tcb, uint32_t off, uint32_t len, const struct iovec *iov,
                    size_t iov_off);
/* Reads up to `len` bytes: copied, and gone. How many. */
uint32_t rcv_queue_read(struct tcp *t, struct tcb *tcb, void *to, size_t len);
/* The first n bytes have been read. */
void rcv_queue_consume(struct tcp *t, struct tcb *tcb, uint32_t n);
/* The first n bytes as a chain that the caller owns. NULL without memory (a shared boundary buffer). */
struct rte_mbuf *rcv_queue_detach(struct tcp *t, struct tcb *tcb, uint32_t n);

/* What of the announced window is left, from rcv_nxt. */
static inline uint32_t rcv_window_left(const struct tcb *tcb)
{
    int32_t left = (int32_t)(tcb->rcv_wup + tcb->rcv_wnd - tcb->rcv_nxt);
    return left > 0 ? (uint32_t)left : 0;
}

/* The share of a buffer that may be announced: half, the rest is for what packets pin beyond their bytes. */
static inline uint32_t rcv_window_of_space(uint32_t bytes)
{
    return bytes / 2;
}

static inline uint32_t rcv_window_round(uint32_t bytes, unsigned scale)
{
    uint32_t unit = 1u << scale;
    return (bytes + unit - 1) & ~(unit - 1);
}

/* Is rcv_ssthresh all that limits the window: memory is plentiful, half of the buffer is free, and more than
 * it allows? */
static inline bool rcv_window_is_ample(const struct tcp *t, const struct tcb *tcb)
{
    uint64_t unread = tcb->rcvq_charge, buffer = tcb->rcvbuf;
    return 2 * unread <= buffer && 2ull * tcb->rcv_ssthresh + unread <= buffer &&
           t->pinned + 2 * buffer <= t->pinned_soft && tcb->rcv_wscale != 0;
}

/* First window and scale for a SYN (as Linux's tcp_select_initial_window). clamp: TCP_WINDOW_CLAMP, 0: none.
 */
uint32_t rcv_window_initial(uint32_t rcvbuf, uint32_t mss, uint32_t clamp);
/* fixed: SO_RCVBUF was set, the buffer will not grow to tcp_rmem's limit. */
uint8_t rcv_window_scale(const struct tcp *t, uint32_t rcvbuf, bool fixed);
/* What one window may be of the worker's free memory: half is for the others, and half of the rest for what
 * packets pin. */
uint64_t rcv_window_of_memory(const struct tcp *t);
/* The window that could be announced now, from rcv_nxt, before the rule that it never shrinks. *capped: the
 * worker's memory decides, not SO_RCVBUF. */
uint32_t rcv_window_look(const struct tcp *t, const struct tcb *tcb, bool *capped);
/* Records it as announced, as far as the scale reaches; the header's 16-bit field. */
static inline uint16_t rcv_window_announce(struct tcb *tcb, uint32_t window)
{
    uint32_t max = (uint32_t)UINT16_MAX << tcb->rcv_wscale;
    if (window > max)
        window = max;
    tcb->rcv_wnd = window;
    tcb->rcv_wup = tcb->rcv_nxt;
    return (uint16_t)(window >> tcb->rcv_wscale);
}

uint16_t rcv_window_select_any(struct tcp *t, struct tcb *tcb);

/* Decides it and records it; the header's 16-bit field.
 * RFC9293-MUST-39, RFC9293-SHLD-14, RFC9293-MAY-8, RFC9293-REC-1 */
static inline uint16_t rcv_window_select(struct tcp *t, struct tcb *tcb)
{
    uint32_t window = rcv_window_round(tcb->rcv_ssthresh, tcb->rcv_wscale);
    if (unlikely(!rcv_window_is_ample(t, tcb) || window < rcv_window_left(tcb)))
        return rcv_window_select_any(t, tcb);
    return rcv_window_announce(tcb, window);
}

void rcv_window_grow_more(struct tcp *t, struct tcb *tcb);

/* A segment of `bytes` came in at a price of `charge`: may the window grow? */
static inline void rcv_window_grow(struct tcp *t, struct tcb *tcb, uint32_t bytes, uint32_t charge)
{
    if (tcb->rcv_ssthresh < rcv_window_of_space(tcb->rcvbuf) && rcv_window_of_space(charge) <= bytes)
        rcv_window_grow_more(t, tcb);
}
/* The application has read: is it worth telling the peer? */
void rcv_window_opened(struct tcp *t, struct tcb *tcb);

#endif
