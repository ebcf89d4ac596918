/* SPDX-License-Identifier: BSD-3-Clause */
/* The public calls of plx_socket.h: wrappers over the engine of the calling thread. */
#include <fcntl.h>
#include <plx_socket.h>
#include <stdarg.h>

#include "posix/calls.h"
#include "posix/socket.h"

int plx_socket(int domain, int type, int protocol)
{
    CALL(sock_open(e, domain, type, protocol));
}

int plx_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    CALL(sock_bind(e, fd, addr, len));
}

int plx_listen(int fd, int backlog)
{
    CALL(sock_listen(e, fd, backlog));
}

int plx_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    CALL(sock_accept(e, fd, addr, len, flags));
}

int plx_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    CALL(sock_accept(e, fd, addr, len, 0));
}

int plx_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    CALL(sock_connect(e, fd, addr, len));
}

ssize_t plx_send(int fd, const void *buf, size_t len, int flags)
{
    CALL(sock_send(e, fd, buf, len, flags));
}

ssize_t plx_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                   socklen_t alen)
{
    CALL(sock_sendto(e, fd, buf, len, flags, addr, alen));
}

ssize_t plx_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    CALL(sock_sendmsg(e, fd, msg, flags));
}

ssize_t plx_write(int fd, const void *buf, size_t len)
{
    CALL(sock_send(e, fd, buf, len, 0));
}

ssize_t plx_writev(int fd, const struct iovec *iov, int n)
{
    CALL(sock_writev(e, fd, iov, n));
}

ssize_t plx_recv(int fd, void *buf, size_t len, int flags)
{
    CALL(sock_recv(e, fd, buf, len, flags));
}

ssize_t plx_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *alen)
{
    CALL(sock_recvfrom(e, fd, buf, len, flags, addr, alen));
}

ssize_t plx_recvmsg(int fd, struct msghdr *msg, int flags)
{
    CALL(sock_recvmsg(e, fd, msg, flags));
}

ssize_t plx_read(int fd, void *buf, size_t len)
{
    const struct iovec none = {0};
    if (len == 0) /* read(2): no wait, but errors of the descriptor are found */
        CALL(sock_readv(e, fd, &none, 1));
    CALL(sock_recv(e, fd, buf, len, 0));
}

ssize_t plx_readv(int fd, const struct iovec *iov, int n)
{
    CALL(sock_readv(e, fd, iov, n));
}

int plx_close(int fd)
{
    CALL(sock_close(e, fd));
}

int plx_dup(int fd)
{
    CALL(sock_dup(e, fd, 0));
}

int plx_shutdown(int fd, int how)
{
    CALL(sock_shutdown(e, fd, how));
}

int plx_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    CALL(sock_getsockname(e, fd, addr, len));
}

int plx_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    CALL(sock_getpeername(e, fd, addr, len));
}

int plx_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
    CALL(sock_getopt(e, fd, level, name, val, len));
}

int plx_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
    CALL(sock_setopt(e, fd, level, name, val, len));
}

/* Only commands with an argument have one to read. */
static bool takes_arg(int cmd)
{
    return cmd == F_SETFL || cmd == F_SETFD || cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC;
}

int plx_fcntl(int fd, int cmd, ...)
{
    long arg = 0;
    if (takes_arg(cmd)) {
        va_list ap;
        va_start(ap, cmd);
        arg = va_arg(ap, int);
        va_end(ap);
    }
    CALL(sock_fcntl(e, fd, cmd, arg));
}

int plx_ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    CALL(sock_ioctl(e, fd, request, arg));
}
