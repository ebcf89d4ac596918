/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/file.h"

#include "posix/epoll.h"
#include "posix/socket.h"

static uint32_t udp_level(const struct sock *s)
{
    const uint16_t both = SOCK_F_SHUT_RD | SOCK_F_SHUT_WR;
    uint32_t level = udp_poll(s->udp);
    if ((s->file.flags & SOCK_F_SHUT_RD) != 0)
        level |= EPOLLIN | EPOLLRDHUP;
    if ((s->file.flags & both) == both)
        level |= EPOLLHUP;
    return level;
}

uint32_t file_level(struct engine *e, struct file *f, uint32_t wanted)
{
    uint32_t level;
    if (__builtin_expect(f->kind == FILE_TCP, 1))
        return tcp_poll(engine_tcp(e), sock_of(f)->tcb, wanted) & wanted;
    if (f->kind == FILE_UDP)
        level = udp_level(sock_of(f));
    else
        level = epoll_level(e, (struct epoll *)f);
    /* Linux sets EPOLLRDNORM and EPOLLWRNORM, six bits above EPOLLIN and EPOLLOUT, together with them. */
    return (level | (level & (EPOLLIN | EPOLLOUT)) << 6) & wanted;
}

int file_put(struct engine *e, struct file *f)
{
    if (--f->refs > 0)
        return 0;
    if (f->watches != 0)
        epoll_forget_file(e, f);
    if (f->kind == FILE_EPOLL) {
        epoll_close(e, (struct epoll *)f);
        return 0;
    }
    return sock_release(e, sock_of(f));
}
