/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "posix/socket.h"

static int dup_from(struct engine *e, int fd, long min, bool cloexec)
{
    int copy = min < 0 || min > INT32_MAX ? -EINVAL : sock_dup(e, fd, (int)min);
    if (copy >= 0)
        fdtable_set_cloexec(&e->fds, copy, cloexec);
    return copy;
}

int sock_fcntl(struct engine *e, int fd, int cmd, long arg)
{
    struct file *f = fdtable_get(&e->fds, fd);
    if (f == NULL)
        return -EBADF;
    switch (cmd) {
    case F_GETFL:
        return O_RDWR | (f->nonblock ? O_NONBLOCK : 0);
    case F_SETFL:
        f->nonblock = (arg & O_NONBLOCK) != 0;
        return 0;
    case F_GETFD:
        return fdtable_cloexec(&e->fds, fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        fdtable_set_cloexec(&e->fds, fd, (arg & FD_CLOEXEC) != 0);
        return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return dup_from(e, fd, arg, cmd == F_DUPFD_CLOEXEC);
    default:
        return -EINVAL;
    }
}

/* FIONREAD is SIOCINQ, TIOCOUTQ is SIOCOUTQ. */
static int queue_length(const struct sock *s, unsigned long request, int *out)
{
    if (!sock_is_tcp(s)) {
        if (request == SIOCATMARK)
            return -ENOTTY;
        *out = request == SIOCINQ ? (int)udp_next_len(s->udp) : 0;
        return 0;
    }
    if (request == SIOCATMARK) {
        *out = tcp_at_mark(s->tcb);
        return 0;
    }
    if (tcp_is_listener(s->tcb))
        return -EINVAL;
    *out = (int)(request == SIOCINQ    ? tcp_inq(s->tcb)
                 : request == SIOCOUTQ ? tcp_outq(s->tcb)
                                       : tcp_outq_unsent(s->tcb));
    return 0;
}

int sock_ioctl(struct engine *e, int fd, unsigned long request, void *arg)
{
    struct file *f = fdtable_get(&e->fds, fd);
    if (f == NULL)
        return -EBADF;
    if (request != FIONBIO && request != SIOCINQ && request != SIOCOUTQ && request != SIOCOUTQNSD &&
        request != SIOCATMARK)
        return -ENOTTY;
    if (arg == NULL)
        return -EFAULT;
    if (request == FIONBIO) {
        f->nonblock = *(const int *)arg != 0;
        return 0;
    }
    return f->kind == FILE_EPOLL ? -ENOTTY : queue_length(sock_of(f), request, arg);
}
