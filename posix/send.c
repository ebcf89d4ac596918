/* SPDX-License-Identifier: BSD-3-Clause */
/* send(2) and its family. */
#include "base/mbuf.h"
#include "posix/iov.h"
#include "posix/sockaddr.h"
#include "posix/socket.h"

#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB | MSG_EOR | MSG_CONFIRM | MSG_DONTROUTE)
#define TCP_FLAGS  (MSG_MORE | MSG_OOB | MSG_EOR) /* what the transport understands */

static bool may_wait(const struct sock *s, int flags)
{
    return !s->file.nonblock && (flags & MSG_DONTWAIT) == 0;
}

static inline ssize_t datagram_sent(struct engine *e, ssize_t n)
{
    if (n > 0)
        count_add(engine_counters(e), CNT_UDP_BYTES_SENT, (uint64_t)n);
    return n;
}

/* A connection that failed while part of the data was taken: the count now, the error at the next call. */
static bool is_broken(struct engine *e, struct sock *s)
{
    return file_level(e, &s->file, EPOLLERR | EPOLLHUP) != 0;
}

/* Blocking: waits until all is taken. `done` bytes already are. */
static __attribute__((noinline)) ssize_t
stream_send_rest(struct engine *e, struct sock *s, const struct iovec *iov, int n, size_t done, int flags)
{
    struct iov_cursor at = {.iov = iov, .n = n};
    struct iovec piece;
    size_t taken = done;
    nsec_t deadline = sock_deadline(e, s->sndtimeo_ms);

    for (iov_advance(&at, done); iov_current(&at, &piece);) {
        int more = at.n > 1 ? MSG_MORE : 0;
        ssize_t r = taken > 0 && is_broken(e, s)
                        ? -EPIPE
                        : tcp_send(engine_tcp(e), s->tcb, &piece, 1, (flags & TCP_FLAGS) | more);
        if (r == -EAGAIN) {
            int waited = sock_wait(e, s, EPOLLOUT, deadline);
            r = waited == -ETIMEDOUT ? -EAGAIN : waited;
        }
        if (r < 0)
            return taken > 0 ? (ssize_t)taken : r;
        taken += (size_t)r;
        iov_advance(&at, (size_t)r);
    }
    return (ssize_t)taken;
}

static inline ssize_t stream_send(struct engine *e, struct sock *s, const struct iovec *iov, int n,
                                  size_t len, int flags)
{
    ssize_t r = tcp_send(engine_tcp(e), s->tcb, iov, n, flags & TCP_FLAGS);
    if (__builtin_expect(r != (ssize_t)len && (r >= 0 || r == -EAGAIN) && may_wait(s, flags), 0))
        r = stream_send_rest(e, s, iov, n, r > 0 ? (size_t)r : 0, flags);
    return r;
}

static __attribute__((noinline)) ssize_t datagram_send(struct engine *e, struct sock *s,
                                                       const struct iovec *iov, int n, int flags,
                                                       const struct sockaddr *sa, socklen_t alen)
{
    struct ip_addr addr;
    uint16_t port = 0;
    if ((flags & MSG_OOB) != 0)
        return -EOPNOTSUPP;
    if ((s->file.flags & SOCK_F_SHUT_WR) != 0)
        return -EPIPE;
    if (sa != NULL) {
        int err = sockaddr_read(sa, alen, &addr, &port);
        if (err != 0)
            return err;
        if (port == 0)
            return -EINVAL;
    }
    nsec_t deadline = 0;
    for (;;) {
        ssize_t r = udp_send(engine_udp(e), s->udp, iov, n, sa != NULL ? &addr : NULL, port);
        if (r != -EAGAIN || !may_wait(s, flags))
            return datagram_sent(e, r);
        if (deadline == 0)
            deadline = sock_deadline(e, s->sndtimeo_ms);
        int waited = sock_wait(e, s, EPOLLOUT, deadline);
        if (waited != 0)
            return waited == -ETIMEDOUT ? -EAGAIN : waited;
    }
}

ssize_t sock_send(struct engine *e, int fd, const void *buf, size_t len, int flags)
{
    return sock_sendto(e, fd, buf, len, flags, NULL, 0);
}

ssize_t sock_sendto(struct engine *e, int fd, const void *buf, size_t len, int flags,
                    const struct sockaddr *sa, socklen_t alen)
{
    const struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (__builtin_expect(s == NULL, 0))
        return err;
    if (__builtin_expect((flags & ~SEND_FLAGS) != 0, 0))
        return -EOPNOTSUPP;
    if (__builtin_expect((buf == NULL && len > 0) || len > (size_t)SSIZE_MAX, 0))
        return -EFAULT;
    /* Linux takes no notice of an address given for a stream. */
    return sock_is_tcp(s) ? stream_send(e, s, &iov, 1, len, flags)
                          : datagram_send(e, s, &iov, 1, flags, sa, alen);
}

static ssize_t sock_sendv(struct engine *e, int fd, const struct iovec *iov, int n, int flags,
                          const struct sockaddr *sa, socklen_t alen)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if ((flags & ~SEND_FLAGS) != 0)
        return -EOPNOTSUPP;
    ssize_t total = iov_total(iov, n);
    if (total < 0)
        return total;
    if (sock_is_tcp(s))
        return stream_send(e, s, iov, n, (size_t)total, flags);
    return datagram_send(e, s, iov, n, flags, sa, alen);
}

ssize_t sock_sendmsg(struct engine *e, int fd, const struct msghdr *msg, int flags)
{
    if (msg == NULL)
        return -EFAULT;
    if (msg->msg_iovlen > IOV_LIMIT)
        return -EMSGSIZE;
    return sock_sendv(e, fd, msg->msg_iov, (int)msg->msg_iovlen, flags, msg->msg_name, msg->msg_namelen);
}

ssize_t sock_writev(struct engine *e, int fd, const struct iovec *iov, int n)
{
    return sock_sendv(e, fd, iov, n, 0, NULL, 0);
}

/* A chain that rte_mbuf calls sane, of a length that fits. */
static int chain_check(const struct sock *s, const struct rte_mbuf *m)
{
    uint64_t bytes = 0;
    unsigned segs = 0;
    for (const struct rte_mbuf *at = m; at != NULL; at = at->next, segs++)
        bytes += at->data_len;
    if (bytes != m->pkt_len || segs != m->nb_segs)
        return -EINVAL;
    return bytes == 0 && sock_is_tcp(s) ? -EINVAL : 0;
}

static ssize_t chain_send(struct engine *e, struct sock *s, struct rte_mbuf *m, int flags)
{
    uint32_t len = m->pkt_len;
    /* The transport takes the chain even when it has no room, so the room is waited for here. */
    if (may_wait(s, flags) && file_level(e, &s->file, EPOLLOUT | EPOLLERR | EPOLLHUP) == 0) {
        int waited = sock_wait(e, s, EPOLLOUT, sock_deadline(e, s->sndtimeo_ms));
        if (waited != 0) {
            rte_pktmbuf_free(m);
            return waited == -ETIMEDOUT ? -EAGAIN : waited;
        }
    }
    ssize_t r = tcp_send_take(engine_tcp(e), s->tcb, m);
    return r < 0 ? r : (ssize_t)len;
}

static ssize_t packet_send(struct engine *e, struct sock *s, struct rte_mbuf *m, const struct sockaddr *sa,
                           socklen_t alen)
{
    struct ip_addr addr;
    uint16_t port = 0;
    int err = (s->file.flags & SOCK_F_SHUT_WR) != 0 ? -EPIPE : 0;
    if (err == 0 && sa != NULL)
        err = sockaddr_read(sa, alen, &addr, &port);
    if (err == 0 && sa != NULL && port == 0)
        err = -EINVAL;
    if (err != 0) {
        rte_pktmbuf_free(m);
        return err;
    }
    return datagram_sent(e, udp_send_take(engine_udp(e), s->udp, m, sa != NULL ? &addr : NULL, port));
}

ssize_t sock_send_mbuf_take(struct engine *e, int fd, struct rte_mbuf *m, int flags,
                            const struct sockaddr *sa, socklen_t alen)
{
    int err = 0;
    if (m == NULL)
        return -EFAULT;
    struct sock *s = sock_get(e, fd, &err);
    if (s != NULL && (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0)
        err = -EOPNOTSUPP;
    if (err == 0)
        err = chain_check(s, m);
    if (err != 0) {
        rte_pktmbuf_free(m);
        return err;
    }
    return sock_is_tcp(s) ? chain_send(e, s, m, flags) : packet_send(e, s, m, sa, alen);
}
