/* SPDX-License-Identifier: BSD-3-Clause */
/* recv(2) and its family. */
#include <time.h> /* the next one needs it */

#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <string.h>

#include "posix/iov.h"
#include "posix/sockaddr.h"
#include "posix/socket.h"

#define RECV_FLAGS                                                                                           \
    (MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_TRUNC | MSG_OOB | MSG_CMSG_CLOEXEC | MSG_NOSIGNAL |         \
     MSG_ERRQUEUE)
#define TCP_FLAGS (MSG_PEEK | MSG_OOB | MSG_TRUNC) /* what the transport understands */

static bool may_wait(const struct sock *s, int flags)
{
    return !s->file.nonblock && (flags & MSG_DONTWAIT) == 0;
}

/* ---- streams ---- */

/* How many bytes a blocking call waits for: socket(7) SO_RCVLOWAT, recv(2) MSG_WAITALL. */
static size_t recv_target(struct engine *e, struct sock *s, size_t len, int flags)
{
    int lowat = 1;
    socklen_t size = sizeof(lowat);
    if ((flags & MSG_WAITALL) != 0)
        return len > 0 ? len : 1;
    if ((s->file.flags & SOCK_F_RCVLOWAT) != 0)
        tcp_getopt(engine_tcp(e), s->tcb, SOL_SOCKET, SO_RCVLOWAT, &lowat, &size);
    size_t target = (size_t)(lowat > 1 ? lowat : 1);
    return target < len || len == 0 ? target : len;
}

/* The bytes stay in the queue: each try starts from its beginning. */
static ssize_t stream_peek_wait(struct engine *e, struct sock *s, const struct iovec *iov, int n, int flags,
                                size_t target)
{
    nsec_t deadline = sock_deadline(e, s->rcvtimeo_ms);
    ssize_t before = -1;
    for (;;) {
        ssize_t r = tcp_recv(engine_tcp(e), s->tcb, iov, n, flags & TCP_FLAGS);
        if (r == 0 || r >= (ssize_t)target || (r < 0 && r != -EAGAIN) || r == before)
            return r;
        int waited = sock_wait_more(e, s, r > 0 ? (uint32_t)r : 0, deadline);
        if (waited != 0)
            return r > 0 ? r : waited == -ETIMEDOUT ? -EAGAIN : waited;
        before = r > 0 ? r : -1;
    }
}

/* Blocking: waits until `target` bytes are there. `done` bytes already are. */
static ssize_t stream_recv_rest(struct engine *e, struct sock *s, const struct iovec *iov, int n, size_t done,
                                size_t target, int flags)
{
    struct iov_cursor at = {.iov = iov, .n = n};
    struct iovec piece;
    size_t got = done;
    nsec_t deadline = sock_deadline(e, s->rcvtimeo_ms);

    iov_advance(&at, done);
    while (got < target) {
        ssize_t r = -EPIPE; /* not returned: there is a count then */
        if (!iov_current(&at, &piece))
            piece = (struct iovec){0};
        if (got == 0 || file_level(e, &s->file, EPOLLERR | EPOLLHUP) == 0)
            r = tcp_recv(engine_tcp(e), s->tcb, &piece, 1, flags & TCP_FLAGS);
        if (r == -EAGAIN) {
            int waited = sock_wait(e, s, EPOLLIN | EPOLLRDHUP, deadline);
            if (waited == 0)
                continue;
            r = waited == -ETIMEDOUT ? -EAGAIN : waited;
        }
        if (r <= 0)
            return got > 0 ? (ssize_t)got : r;
        got += (size_t)r;
        iov_advance(&at, (size_t)r);
    }
    return (ssize_t)got;
}

static __attribute__((noinline)) ssize_t stream_recv_wait(struct engine *e, struct sock *s,
                                                          const struct iovec *iov, int n, size_t len,
                                                          int flags, ssize_t first)
{
    size_t target = recv_target(e, s, len, flags);
    if (first >= (ssize_t)target)
        return first;
    if ((flags & MSG_PEEK) != 0)
        return stream_peek_wait(e, s, iov, n, flags, target);
    return stream_recv_rest(e, s, iov, n, first > 0 ? (size_t)first : 0, target, flags);
}

static inline ssize_t stream_recv(struct engine *e, struct sock *s, const struct iovec *iov, int n,
                                  size_t len, int flags)
{
    ssize_t r = tcp_recv(engine_tcp(e), s->tcb, iov, n, flags & TCP_FLAGS);
    bool all = r > 0 && (flags & MSG_WAITALL) == 0 && (s->file.flags & SOCK_F_RCVLOWAT) == 0;
    /* Out-of-band data is never waited for. */
    if (__builtin_expect(!all && (r > 0 || r == -EAGAIN) && may_wait(s, flags) && (flags & MSG_OOB) == 0, 0))
        r = stream_recv_wait(e, s, iov, n, len, flags, r);
    return r;
}

/* ---- datagrams ---- */

/* Returns the datagram's whole length, which may be more than the buffers had room for. */
static ssize_t datagram_recv(struct engine *e, struct sock *s, const struct iovec *iov, int n, int flags,
                             struct ip_addr *src, uint16_t *port)
{
    nsec_t deadline = 0;
    for (;;) {
        ssize_t r = udp_recv(engine_udp(e), s->udp, iov, n, flags & MSG_PEEK, src, port);
        if (r != -EAGAIN || !may_wait(s, flags))
            return r;
        if ((s->file.flags & SOCK_F_SHUT_RD) != 0)
            return 0;
        if (deadline == 0)
            deadline = sock_deadline(e, s->rcvtimeo_ms);
        int waited = sock_wait(e, s, EPOLLIN, deadline);
        if (waited != 0)
            return waited == -ETIMEDOUT ? -EAGAIN : waited;
    }
}

static __attribute__((noinline)) ssize_t datagram_recvfrom(struct engine *e, struct sock *s,
                                                           const struct iovec *iov, int n, size_t len,
                                                           int flags, struct sockaddr *sa, socklen_t *alen,
                                                           int *out_flags)
{
    struct ip_addr src = ip_addr_v4(0);
    uint16_t port = 0;
    ssize_t r = datagram_recv(e, s, iov, n, flags, &src, &port);
    if (r < 0)
        return r;
    int err = sockaddr_write(sa, alen, &src, port);
    if (err != 0)
        return err;
    size_t copied = (size_t)r < len ? (size_t)r : len;
    count_add(engine_counters(e), CNT_UDP_BYTES_RECEIVED, copied);
    if ((size_t)r > len)
        *out_flags |= MSG_TRUNC;
    return (flags & MSG_TRUNC) != 0 ? r : (ssize_t)copied;
}

/* ---- control messages ---- */

/* The only one of a call; MSG_CTRUNC where there is no room for it (recvmsg(2)). */
static void put_control(struct msghdr *msg, size_t room, int level, int type, const void *data, size_t size)
{
    if (msg->msg_control == NULL || room < CMSG_SPACE(size)) {
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    struct cmsghdr *c = msg->msg_control;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), data, size);
    msg->msg_controllen = CMSG_SPACE(size);
}

/* ---- the error queue (ip(7), IP_RECVERR) ---- */

/* struct sock_extended_err and the address of who sent the message, as recvmsg(2) hands them over. */
static void put_recverr(struct msghdr *msg, size_t room, const struct udp_error_info *info)
{
    struct {
        struct sock_extended_err ee;
        struct sockaddr_in offender;
    } data = {.ee = {.ee_errno = info->err,
                     .ee_origin = info->origin,
                     .ee_type = info->type,
                     .ee_code = info->code,
                     .ee_info = info->info}};
    socklen_t len = sizeof(data.offender);
    if (info->origin == SO_EE_ORIGIN_ICMP) /* else AF_UNSPEC: we said so ourselves */
        sockaddr_write((struct sockaddr *)&data.offender, &len, &info->offender, 0);
    put_control(msg, room, IPPROTO_IP, IP_RECVERR, &data, sizeof(data));
}

/* Never waits. A stream has no such queue: its errors come from the calls themselves. */
static ssize_t error_recv(struct engine *e, struct sock *s, struct msghdr *msg, int n, size_t len,
                          size_t control)
{
    struct udp_error_info info;
    if (sock_is_tcp(s))
        return -EAGAIN;
    ssize_t r = udp_recv_error(engine_udp(e), s->udp, msg->msg_iov, n, &info);
    if (r < 0)
        return r;
    int err = sockaddr_write(msg->msg_name, &msg->msg_namelen, &info.dst, info.dport);
    if (err != 0)
        return err;
    put_recverr(msg, control, &info);
    msg->msg_flags |= MSG_ERRQUEUE | (info.len > len ? MSG_TRUNC : 0);
    return r;
}

/* ---- the calls ---- */

ssize_t sock_recv(struct engine *e, int fd, void *buf, size_t len, int flags)
{
    return sock_recvfrom(e, fd, buf, len, flags, NULL, NULL);
}

ssize_t sock_recvfrom(struct engine *e, int fd, void *buf, size_t len, int flags, struct sockaddr *sa,
                      socklen_t *alen)
{
    const struct iovec iov = {.iov_base = buf, .iov_len = len};
    int err = 0, out_flags = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (__builtin_expect(s == NULL, 0))
        return err;
    if (__builtin_expect((flags & ~RECV_FLAGS) != 0, 0))
        return -EOPNOTSUPP;
    if (__builtin_expect((buf == NULL && len > 0 && (flags & MSG_TRUNC) == 0) || len > (size_t)SSIZE_MAX, 0))
        return -EFAULT;
    if (__builtin_expect((flags & MSG_ERRQUEUE) != 0, 0)) {
        struct msghdr msg = {.msg_iov = (struct iovec *)&iov,
                             .msg_iovlen = 1,
                             .msg_name = sa,
                             .msg_namelen = alen != NULL ? *alen : 0};
        ssize_t r = error_recv(e, s, &msg, 1, len, 0);
        if (r >= 0 && alen != NULL)
            *alen = msg.msg_namelen;
        return r;
    }
    if (!sock_is_tcp(s))
        return datagram_recvfrom(e, s, &iov, 1, len, flags, sa, alen, &out_flags);
    ssize_t r = stream_recv(e, s, &iov, 1, len, flags);
    if (sa != NULL && alen != NULL && r >= 0)
        *alen = 0; /* a stream's bytes carry no address */
    return r;
}

/* TCP_CM_INQ: what is left to read; its end counts as one more, as on Linux. */
static void put_inq(struct engine *e, const struct sock *s, struct msghdr *msg, size_t room)
{
    int left = (int)tcp_inq(s->tcb);
    if ((tcp_poll(engine_tcp(e), s->tcb, EPOLLRDHUP) & EPOLLRDHUP) != 0)
        left++;
    put_control(msg, room, IPPROTO_TCP, TCP_CM_INQ, &left, sizeof(left));
}

static ssize_t sock_recvv(struct engine *e, int fd, struct msghdr *msg, int n, int flags)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if ((flags & ~RECV_FLAGS) != 0)
        return -EOPNOTSUPP;
    ssize_t len = iov_total(msg->msg_iov, n);
    if (len < 0)
        return len;
    size_t control = msg->msg_controllen;
    msg->msg_flags = 0;
    msg->msg_controllen = 0;
    if ((flags & MSG_ERRQUEUE) != 0)
        return error_recv(e, s, msg, n, (size_t)len, control);
    if (!sock_is_tcp(s))
        return datagram_recvfrom(e, s, msg->msg_iov, n, (size_t)len, flags, msg->msg_name, &msg->msg_namelen,
                                 &msg->msg_flags);
    ssize_t r = stream_recv(e, s, msg->msg_iov, n, (size_t)len, flags);
    if (r >= 0)
        msg->msg_namelen = 0;
    if (r > 0 && (s->file.flags & SOCK_F_INQ) != 0)
        put_inq(e, s, msg, control);
    if (r > 0 && (flags & MSG_OOB) != 0)
        msg->msg_flags |= MSG_OOB;
    return r;
}

ssize_t sock_recvmsg(struct engine *e, int fd, struct msghdr *msg, int flags)
{
    if (msg == NULL)
        return -EFAULT;
    if (msg->msg_iovlen > IOV_LIMIT)
        return -EMSGSIZE;
    return sock_recvv(e, fd, msg, (int)msg->msg_iovlen, flags);
}

ssize_t sock_readv(struct engine *e, int fd, const struct iovec *iov, int n)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov};
    ssize_t total = iov_total(iov, n);
    if (total <= 0) {
        int err = 0;
        return sock_get(e, fd, &err) == NULL ? err : total;
    }
    return sock_recvv(e, fd, &msg, n, 0);
}

/* ---- packets ---- */

/* One try: the chain, or NULL with *err positive, 0 at the end of a stream. */
static struct rte_mbuf *mbuf_try(struct engine *e, struct sock *s, size_t max, struct ip_addr *src,
                                 uint16_t *port, int *err)
{
    if (sock_is_tcp(s))
        return tcp_recv_mbuf(engine_tcp(e), s->tcb, max > UINT32_MAX ? UINT32_MAX : (uint32_t)max, err);
    struct rte_mbuf *m = udp_recv_mbuf(engine_udp(e), s->udp, src, port);
    if (m != NULL)
        return m;
    *err = udp_take_error(s->udp);
    if (*err == 0)
        *err = EAGAIN;
    return NULL;
}

struct rte_mbuf *sock_recv_mbuf(struct engine *e, int fd, size_t max, int flags, struct sockaddr *sa,
                                socklen_t *alen, int *err)
{
    struct ip_addr src = ip_addr_v4(0);
    uint16_t port = 0;
    nsec_t deadline = 0;
    int fault = 0;
    struct sock *s = sock_get(e, fd, &fault);
    if (s != NULL && (flags & ~MSG_DONTWAIT) != 0)
        fault = -EOPNOTSUPP;
    if (fault == 0 && sa != NULL && (alen == NULL || sock_is_tcp(s)))
        fault = alen == NULL ? -EFAULT : -EOPNOTSUPP;
    if (fault == 0 && sock_is_tcp(s) && max == 0)
        fault = -EINVAL;
    *err = -fault;
    if (fault != 0)
        return NULL;
    for (;;) {
        struct rte_mbuf *m = mbuf_try(e, s, max, &src, &port, err);
        if (m != NULL) {
            if (!sock_is_tcp(s))
                count_add(engine_counters(e), CNT_UDP_BYTES_RECEIVED, m->pkt_len);
            sockaddr_write(sa, alen, &src, port);
            return m;
        }
        if (*err != EAGAIN || !may_wait(s, flags))
            return NULL;
        if (deadline == 0)
            deadline = sock_deadline(e, s->rcvtimeo_ms);
        int waited = sock_wait(e, s, EPOLLIN | EPOLLRDHUP, deadline);
        if (waited != 0) {
            *err = waited == -ETIMEDOUT ? EAGAIN : -waited;
            return NULL;
        }
    }
}
