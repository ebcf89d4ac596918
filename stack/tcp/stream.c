/* SPDX-License-Identifier: BSD-3-Clause */
/* The byte stream as the socket sees it: send, receive, readiness. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp/listener.h"
#include "tcp/rcv_queue.h"
#include "tcp/rcv_tuning.h"
#include "tcp/snd_queue.h"
#include "tcp/snd_room.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

int tcp_take_error(struct tcb *tcb)
{
    int err = tcb->error;
    tcb->error = 0;
    return err;
}

/* ---- sending ---- */

/* 0 when data can be queued, else the error that send() gives, in Linux's order. */
static int send_refused(struct tcb *tcb)
{
    if (tcb_can_send(tcb))
        return tcb->error != 0 ? -tcp_take_error(tcb) : 0;
    if (tcb->error != 0)
        return -tcp_take_error(tcb);
    if ((tcb->state == TCP_S_SYN_SENT || tcb->state == TCP_S_SYN_RECEIVED) && !tcb_is(tcb, TCB_FIN_QUEUED))
        return -EAGAIN;
    return -EPIPE;
}

ssize_t tcp_send(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, int flags)
{
    int err = send_refused(tcb);
    if (err != 0)
        return err;
    size_t total = 0;
    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return 0;
    size_t done = snd_queue_write(t, tcb, iov, n, total, &err);
    if (done < total) {
        tcb->flags |= TCB_NO_SPACE;
        tcb_touch(t, tcb); /* what is queued may go out */
        if (tcb->sndq_head == 0)
            timers_starved(t, tcb);
        if (done == 0)
            return -EAGAIN;
    }
    bool more = (flags & MSG_MORE) != 0 && done == total;
    tcb->flags = more ? tcb->flags | TCB_MORE : tcb->flags & ~TCB_MORE;
    if (!more)
        snd_queue_mark_end(t, tcb, (uint8_t)(SND_PUSH | ((flags & MSG_EOR) != 0 ? SND_EOR : 0)));
    if ((flags & MSG_OOB) != 0 && done == total) {
        tcb->snd_up = tcb->write_seq; /* RFC6093-3.1: one past the last byte */
        tcb->flags |= TCB_URG_OUT;
    }
    count_add(&t->ctx->counters, CNT_TCP_BYTES_SENT, done);
    tcb_touch(t, tcb);
    return (ssize_t)done;
}

ssize_t tcp_send_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m)
{
    int err = send_refused(tcb);
    if (err == 0 && !snd_room_any(t, tcb)) {
        tcb->flags |= TCB_NO_SPACE;
        err = -EAGAIN;
    }
    if (err != 0) {
        rte_pktmbuf_free(m);
        return err;
    }
    uint32_t bytes = m->pkt_len;
    err = snd_queue_take(t, tcb, m);
    if (err != 0)
        return err;
    count_add(&t->ctx->counters, CNT_TCP_BYTES_SENT, bytes);
    tcb->flags &= ~TCB_MORE;
    snd_queue_mark_end(t, tcb, SND_PUSH);
    tcb_touch(t, tcb);
    return 0;
}

/* ---- receiving ---- */

/* What recv() returns when there is nothing to read. */
static int nothing_to_read(struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_FIN_RCVD))
        return 0; /* the stream ended well, whatever came after; Linux's SOCK_DONE */
    if (tcb->error != 0)
        return -tcp_take_error(tcb);
    if (tcb_is(tcb, TCB_SHUT_RD | TCB_ENDED))
        return 0;
    if (tcb->state == TCP_S_CLOSED || tcb->state == TCP_S_LISTEN)
        return -ENOTCONN;
    return -EAGAIN;
}

static ssize_t recv_urgent(struct tcb *tcb, const struct iovec *iov, int n, int flags)
{
    if (tcb_is(tcb, TCB_OOBINLINE) || !tcb_is(tcb, TCB_URG_RCVD) || tcb_is(tcb, TCB_URG_READ))
        return -EINVAL;
    if (!tcb_is(tcb, TCB_URG_VALID))
        return tcb_is(tcb, TCB_ENDED | TCB_FIN_RCVD) ? 0 : -EAGAIN;
    if ((flags & MSG_PEEK) == 0)
        tcb->flags = (tcb->flags | TCB_URG_READ) & ~TCB_URG_VALID;
    for (int i = 0; i < n; i++) {
        if (iov[i].iov_len == 0)
            continue;
        memcpy(iov[i].iov_base, &tcb->urg_byte, 1);
        return 1;
    }
    return 0;
}

/* A read neither passes the urgent mark nor, unless it is inline, contains the urgent byte. */
static uint32_t readable_before_mark(const struct tcb *tcb, uint32_t off)
{
    uint32_t bytes = rcv_queue_bytes(tcb) - off;
    if (!tcb_is(tcb, TCB_URG_RCVD))
        return bytes;
    uint32_t to_mark = tcb->urg_seq - (tcb->copied_seq + off);
    return to_mark != 0 && to_mark < bytes ? to_mark : bytes;
}

/* RFC9293-MUST-33 */
bool tcp_at_mark(const struct tcb *tcb)
{
    return tcb_is(tcb, TCB_URG_RCVD) && tcb->urg_seq == tcb->copied_seq;
}

/* Passes the urgent byte by when it was taken out of the stream. */
static uint32_t skip_urgent(const struct tcb *tcb)
{
    return tcp_at_mark(tcb) && !tcb_is(tcb, TCB_OOBINLINE) && rcv_queue_bytes(tcb) > 0 ? 1 : 0;
}

static void after_read(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    rcv_queue_consume(t, tcb, n);
    count_add(&t->ctx->counters, CNT_TCP_BYTES_RECEIVED, n);
    if (tcb_is(tcb, TCB_URG_RCVD) && seq_gt(tcb->copied_seq, tcb->urg_seq))
        tcb->flags &= ~(TCB_URG_RCVD | TCB_URG_VALID | TCB_URG_READ);
}

static inline void read_done(struct tcp *t, struct tcb *tcb)
{
    if (!tcb_synchronized(tcb))
        return;
    rcv_tuning_read(t, tcb);
    rcv_window_opened(t, tcb);
}

static __attribute__((noinline)) ssize_t recv_any(struct tcp *t, struct tcb *tcb, const struct iovec *iov,
                                                  int n, int flags)
{
    if ((flags & MSG_OOB) != 0)
        return recv_urgent(tcb, iov, n, flags);
    size_t want = 0;
    for (int i = 0; i < n; i++)
        want += iov[i].iov_len;
    uint32_t skip = skip_urgent(tcb);
    uint32_t there = readable_before_mark(tcb, skip);
    if (there == 0) {
        if (skip > 0 && (flags & MSG_PEEK) == 0)
            after_read(t, tcb, skip);
        return nothing_to_read(tcb);
    }
    uint32_t len = want < there ? (uint32_t)want : there;
    if ((flags & MSG_TRUNC) == 0)
        rcv_queue_copy(tcb, skip, len, iov, 0);
    if ((flags & MSG_PEEK) == 0) {
        after_read(t, tcb, skip + len);
        read_done(t, tcb);
    }
    return len;
}

ssize_t tcp_recv(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, int flags)
{
    if (unlikely(flags != 0 || n != 1 || tcb->rcvq_head == NULL || tcb_is(tcb, TCB_URG_RCVD)))
        return recv_any(t, tcb, iov, n, flags);
    /* What comes most: whatever there is, into one piece. */
    uint32_t got = rcv_queue_read(t, tcb, iov->iov_base, iov->iov_len);
    count_add(&t->ctx->counters, CNT_TCP_BYTES_RECEIVED, got);
    read_done(t, tcb);
    return got;
}

struct rte_mbuf *tcp_recv_mbuf(struct tcp *t, struct tcb *tcb, uint32_t max, int *err)
{
    uint32_t skip = skip_urgent(tcb);
    if (skip > 0)
        after_read(t, tcb, skip);
    uint32_t there = readable_before_mark(tcb, 0);
    if (there == 0 || max == 0) {
        *err = -nothing_to_read(tcb);
        return NULL;
    }
    struct rte_mbuf *m = rcv_queue_detach(t, tcb, max < there ? max : there);
    if (m == NULL) {
        *err = ENOBUFS;
        return NULL;
    }
    after_read(t, tcb, 0);
    read_done(t, tcb);
    *err = 0;
    return m;
}

/* ---- readiness ---- */

int tcp_state_linux(const struct tcb *tcb)
{
    static const uint8_t map[TCP_N_STATES] = {
        [TCP_S_CLOSED] = TCP_CLOSE,
        [TCP_S_LISTEN] = TCP_LISTEN,
        [TCP_S_SYN_SENT] = TCP_SYN_SENT,
        [TCP_S_SYN_RECEIVED] = TCP_SYN_RECV,
        [TCP_S_ESTABLISHED] = TCP_ESTABLISHED,
        [TCP_S_FIN_WAIT_1] = TCP_FIN_WAIT1,
        [TCP_S_FIN_WAIT_2] = TCP_FIN_WAIT2,
        [TCP_S_CLOSE_WAIT] = TCP_CLOSE_WAIT,
        [TCP_S_CLOSING] = TCP_CLOSING,
        [TCP_S_LAST_ACK] = TCP_LAST_ACK,
        [TCP_S_TIME_WAIT] = TCP_TIME_WAIT,
    };
    return map[tcb->state];
}

#define POLL_SPECIAL                                                                                         \
    (TCB_ENDED | TCB_FIN_RCVD | TCB_SHUT_RD | TCB_FIN_QUEUED | TCB_NO_SPACE | TCB_URG_RCVD | TCB_URG_VALID)

static bool stream_readable(const struct tcb *tcb)
{
    uint32_t held_apart = tcp_at_mark(tcb) && !tcb_is(tcb, TCB_OOBINLINE) ? 1 : 0;
    return rcv_queue_bytes(tcb) > held_apart;
}

/* Established both ways, and nothing special about it. */
static inline uint32_t poll_open(const struct tcp *t, const struct tcb *tcb, uint32_t wanted)
{
    uint32_t mask = tcb->rcv_nxt != tcb->copied_seq ? EPOLLIN | EPOLLRDNORM : 0;
    if ((wanted & (EPOLLOUT | EPOLLWRNORM)) != 0 && snd_room_writeable(t, tcb))
        mask |= EPOLLOUT | EPOLLWRNORM;
    return mask;
}

static __attribute__((noinline)) uint32_t poll_any(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t mask = 0;
    bool ended = tcb_is(tcb, TCB_ENDED);
    bool rcv_shut = ended || tcb_is(tcb, TCB_FIN_RCVD | TCB_SHUT_RD);
    bool snd_shut = ended || tcb_is(tcb, TCB_FIN_QUEUED);
    if (tcb->state == TCP_S_LISTEN)
        return tcb_is(tcb, TCB_ACCEPTABLE) ? EPOLLIN | EPOLLRDNORM : 0;
    if (tcb->state == TCP_S_CLOSED || (rcv_shut && snd_shut))
        mask |= EPOLLHUP;
    if (rcv_shut)
        mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
    if (tcb->state != TCP_S_SYN_SENT && tcb->state != TCP_S_SYN_RECEIVED) {
        if (tcb->state != TCP_S_CLOSED && stream_readable(tcb))
            mask |= EPOLLIN | EPOLLRDNORM;
        if (snd_shut || (snd_room_writeable(t, tcb) && !tcb_is(tcb, TCB_NO_SPACE)))
            mask |= EPOLLOUT | EPOLLWRNORM;
        if (tcb_is(tcb, TCB_URG_VALID))
            mask |= EPOLLPRI;
    }
    if (tcb->error != 0)
        mask |= EPOLLERR;
    return mask;
}

uint32_t tcp_poll(const struct tcp *t, const struct tcb *tcb, uint32_t wanted)
{
    if (likely(tcb->state == TCP_S_ESTABLISHED && tcb->error == 0 && !tcb_is(tcb, POLL_SPECIAL)))
        return poll_open(t, tcb, wanted);
    return poll_any(t, tcb);
}

uint32_t tcp_inq(const struct tcb *tcb)
{
    if (tcb->state == TCP_S_CLOSED && !tcb_is(tcb, TCB_ENDED))
        return 0;
    if (tcb->state == TCP_S_SYN_SENT || tcb->state == TCP_S_LISTEN)
        return 0;
    uint32_t bytes = rcv_queue_bytes(tcb);
    if (tcb_is(tcb, TCB_URG_RCVD) && !tcb_is(tcb, TCB_OOBINLINE))
        return bytes - (tcb->urg_seq - tcb->copied_seq < bytes);
    return bytes;
}

uint32_t tcp_outq(const struct tcb *tcb)
{
    return tcb->state == TCP_S_CLOSED ? 0 : tcb->write_seq - tcb->snd_una;
}

uint32_t tcp_outq_unsent(const struct tcb *tcb)
{
    return tcb->state == TCP_S_CLOSED || seq_lt(tcb->write_seq, tcb->snd_nxt) ? 0
                                                                              : tcb->write_seq - tcb->snd_nxt;
}
