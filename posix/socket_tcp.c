/* SPDX-License-Identifier: BSD-3-Clause */
/* What only TCP sockets do: listen, accept, connect, and closing with data on the way. */
#include <netinet/tcp.h>

#include "posix/sockaddr.h"
#include "posix/socket.h"

bool sock_tcp_is_connected(const struct sock *s)
{
    int state = tcp_state_linux(s->tcb);
    return state != TCP_CLOSE && state != TCP_LISTEN && state != TCP_SYN_SENT;
}

int sock_listen(struct engine *e, int fd, int backlog)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if (!sock_is_tcp(s))
        return -EOPNOTSUPP;
    err = tcp_listen(engine_tcp(e), s->tcb, backlog);
    return err == -ENOMEM ? -ENOBUFS : err;
}

/* A socket around a connection that the transport hands over. */
static int accept_install(struct engine *e, const struct sock *listener, struct tcb *tcb, int flags)
{
    struct sock *s = sock_alloc(e, FILE_TCP);
    int fd = -ENOBUFS;
    if (s != NULL) {
        s->tcb = tcb;
        s->file.flags = listener->file.flags & SOCK_F_INHERITED;
        s->linger_s = listener->linger_s;
        s->rcvtimeo_ms = listener->rcvtimeo_ms;
        s->sndtimeo_ms = listener->sndtimeo_ms;
        fd = sock_install(e, s, flags);
        if (fd < 0)
            sock_free(e, s);
    }
    if (fd < 0)
        tcp_abort(engine_tcp(e), tcb);
    return fd;
}

/* The next finished connection; waits for it unless the listener is non-blocking. */
static struct tcb *accept_next(struct engine *e, struct sock *listener, int *err)
{
    nsec_t deadline = 0;
    for (;;) {
        struct tcb *tcb = tcp_accept(engine_tcp(e), listener->tcb, err);
        if (tcb != NULL || *err != EAGAIN || listener->file.nonblock)
            return tcb;
        if (deadline == 0)
            deadline = sock_deadline(e, listener->rcvtimeo_ms);
        int waited = sock_wait(e, listener, EPOLLIN, deadline);
        if (waited != 0) {
            *err = waited == -ETIMEDOUT ? EAGAIN : -waited;
            return NULL;
        }
    }
}

int sock_accept(struct engine *e, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0)
        return -EINVAL;
    if (!sock_is_tcp(s))
        return -EOPNOTSUPP;
    if (addr != NULL && (len == NULL || (int)*len < 0))
        return len == NULL ? -EFAULT : -EINVAL;
    /* Before anything is taken from the queue: what finds no number stays there. */
    if (fdtable_is_full(&e->fds))
        return -EMFILE;

    struct tcb *tcb = accept_next(e, s, &err);
    if (tcb == NULL)
        return -err;
    int conn = accept_install(e, s, tcb, flags);
    if (conn < 0)
        return conn;
    if (addr != NULL && sock_getpeername(e, conn, addr, len) != 0) {
        sock_close(e, conn); /* reset before it was accepted: as on Linux its name is gone */
        return -ECONNABORTED;
    }
    return conn;
}

/* The result of a connect that has begun: 0, or its error, which is taken. */
static int connect_result(struct engine *e, struct sock *s)
{
    s->file.flags &= ~SOCK_F_CONNECTING;
    int err = tcp_take_error(s->tcb);
    if (err == 0 && !sock_tcp_is_connected(s))
        err = ECONNABORTED;
    if (err == 0)
        count(engine_counters(e), CNT_SOCK_CONNECTED);
    return -err;
}

static int connect_wait(struct engine *e, struct sock *s)
{
    int err = sock_wait(e, s, EPOLLOUT, sock_deadline(e, s->sndtimeo_ms));
    if (err != 0) /* the handshake goes on */
        return err == -ETIMEDOUT ? -EINPROGRESS : err;
    return connect_result(e, s);
}

/* As on Linux a first call after a non-blocking handshake has ended reports its result, 0 included, and
 * only the next one says EISCONN. */
int sock_tcp_connect(struct engine *e, struct sock *s, const struct sockaddr *sa, socklen_t len)
{
    struct ip_addr addr;
    uint16_t port;
    int err = sockaddr_read(sa, len, &addr, &port);
    if (err != 0)
        return err;
    if ((s->file.flags & SOCK_F_CONNECTING) != 0) {
        if (tcp_state_linux(s->tcb) != TCP_SYN_SENT && tcp_state_linux(s->tcb) != TCP_SYN_RECV)
            return connect_result(e, s);
        return s->file.nonblock ? -EALREADY : connect_wait(e, s);
    }
    err = tcp_connect(engine_tcp(e), s->tcb, &addr, port);
    if (err != 0)
        return err;
    s->file.flags |= SOCK_F_CONNECTING;
    return s->file.nonblock ? -EINPROGRESS : connect_wait(e, s);
}

static bool drained(struct engine *e, const struct wait *c)
{
    return !tcp_is_draining(c->s->tcb);
}

/* SO_LINGER with a time (socket(7)): FIN goes out now, and close waits until it and the data before it are
 * acknowledged, whatever O_NONBLOCK says. After the time the connection goes on closing by itself. */
static int linger(struct engine *e, struct sock *s)
{
    const struct wait c = {.met = drained, .s = s};
    if (tcp_inq(s->tcb) > 0 || tcp_is_listener(s->tcb) || tcp_shutdown(engine_tcp(e), s->tcb, SHUT_WR) != 0)
        return 0;
    nsec_t deadline = e->ops->now(e->user) + s->linger_s * NSEC_PER_SEC;
    return e->ops->wait(e, &c, deadline) == -EINTR ? -EINTR : 0;
}

int sock_tcp_release(struct engine *e, struct sock *s)
{
    int err = 0;
    if ((s->file.flags & SOCK_F_LINGER) != 0 && s->linger_s > 0)
        err = linger(e, s);
    tcp_close(engine_tcp(e), s->tcb);
    return err;
}
