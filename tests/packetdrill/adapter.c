/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of packetdrill's table on the calls of one engine. Each socket is backed by an eventfd,
 * so that its number is one of the kernel's and a plain close of it does no harm. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "interface.h"
#include "posix/epoll.h"
#include "posix/pollfd.h"
#include "posix/socket.h"
#include "rig.h"

static struct rig *the_rig; /* for the hooks of the preload library, which carry no userdata */

/* ---- numbers ---- */

static int rig_fd(const struct rig *r, int fd)
{
    return fd >= 0 && fd < RIG_FDS ? r->plx_fd[fd] - 1 : -1;
}

static void forget(struct rig *r, int fd)
{
    int plx = rig_fd(r, fd);
    if (plx >= 0) {
        r->plx_fd[fd] = 0;
        sock_close(&r->engine, plx);
    }
}

/* A number of the kernel's for one of ours. */
static int adopt(struct rig *r, int plx)
{
    if (plx < 0)
        return plx;
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0 || fd >= RIG_FDS) {
        if (fd >= 0)
            close(fd);
        sock_close(&r->engine, plx);
        return -EMFILE;
    }
    forget(r, fd); /* closed behind our back */
    r->plx_fd[fd] = plx + 1;
    return fd;
}

static ssize_t done(struct rig *r, ssize_t result)
{
    worker_poll_output(&r->worker, r->now);
    rig_unlock(r);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* Locks and translates fd; -1 when it is not one of ours (nothing is locked then). */
static int enter(void *u, int fd)
{
    struct rig *r = u;
    rig_lock(r);
    int plx = rig_fd(r, fd);
    if (plx < 0)
        rig_unlock(r);
    return plx;
}

/* ---- sockets ---- */

static int pd_socket(void *u, int domain, int type, int protocol)
{
    struct rig *r = u;
    rig_lock(r);
    rig_settings_refresh(r);
    return (int)done(r, adopt(r, sock_open(&r->engine, domain, type, protocol)));
}

static int pd_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    if (plx < 0)
        return bind(fd, addr, len);
    if (addr != NULL && len >= sizeof(struct sockaddr_in) && addr->sa_family == AF_INET) {
        uint32_t be = ((const struct sockaddr_in *)addr)->sin_addr.s_addr;
        if (be != 0)
            rig_own_address(r, be);
    }
    return (int)done(r, sock_bind(&r->engine, plx, addr, len));
}

static int pd_listen(void *u, int fd, int backlog)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? listen(fd, backlog) : (int)done(r, sock_listen(&r->engine, plx, backlog));
}

static int pd_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? accept(fd, addr, len)
                   : (int)done(r, adopt(r, sock_accept(&r->engine, plx, addr, len, 0)));
}

static int pd_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? connect(fd, addr, len) : (int)done(r, sock_connect(&r->engine, plx, addr, len));
}

static ssize_t pd_recv(void *u, int fd, void *buf, size_t n, int flags)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? recv(fd, buf, n, flags) : done(r, sock_recv(&r->engine, plx, buf, n, flags));
}

static ssize_t pd_read(void *u, int fd, void *buf, size_t n)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? read(fd, buf, n) : done(r, sock_recv(&r->engine, plx, buf, n, 0));
}

static ssize_t pd_readv(void *u, int fd, const struct iovec *iov, int n)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? readv(fd, iov, n) : done(r, sock_readv(&r->engine, plx, iov, n));
}

static ssize_t pd_recvfrom(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
                           socklen_t *len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? recvfrom(fd, buf, n, flags, addr, len)
                   : done(r, sock_recvfrom(&r->engine, plx, buf, n, flags, addr, len));
}

static ssize_t pd_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? recvmsg(fd, msg, flags) : done(r, sock_recvmsg(&r->engine, plx, msg, flags));
}

static ssize_t pd_send(void *u, int fd, const void *buf, size_t n, int flags)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? send(fd, buf, n, flags) : done(r, sock_send(&r->engine, plx, buf, n, flags));
}

static ssize_t pd_write(void *u, int fd, const void *buf, size_t n)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? write(fd, buf, n) : done(r, sock_send(&r->engine, plx, buf, n, 0));
}

static ssize_t pd_writev(void *u, int fd, const struct iovec *iov, int n)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? writev(fd, iov, n) : done(r, sock_writev(&r->engine, plx, iov, n));
}

static ssize_t pd_sendto(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                         socklen_t len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? sendto(fd, buf, n, flags, addr, len)
                   : done(r, sock_sendto(&r->engine, plx, buf, n, flags, addr, len));
}

static ssize_t pd_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? sendmsg(fd, msg, flags) : done(r, sock_sendmsg(&r->engine, plx, msg, flags));
}

static int pd_fcntl(void *u, int fd, int cmd, ...)
{
    struct rig *r = u;
    va_list ap;
    va_start(ap, cmd);
    long arg = va_arg(ap, long);
    va_end(ap);
    int plx = enter(u, fd);
    return plx < 0 ? fcntl(fd, cmd, arg) : (int)done(r, sock_fcntl(&r->engine, plx, cmd, (int)arg));
}

static int pd_ioctl(void *u, int fd, unsigned long req, ...)
{
    struct rig *r = u;
    va_list ap;
    va_start(ap, req);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    int plx = enter(u, fd);
    return plx < 0 ? ioctl(fd, req, arg) : (int)done(r, sock_ioctl(&r->engine, plx, req, arg));
}

static int pd_close(void *u, int fd)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    if (plx < 0)
        return close(fd);
    r->plx_fd[fd] = 0;
    int result = sock_close(&r->engine, plx);
    close(fd);
    return (int)done(r, result);
}

static int pd_shutdown(void *u, int fd, int how)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? shutdown(fd, how) : (int)done(r, sock_shutdown(&r->engine, plx, how));
}

static int pd_getsockopt(void *u, int fd, int level, int name, void *val, socklen_t *len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? getsockopt(fd, level, name, val, len)
                   : (int)done(r, sock_getopt(&r->engine, plx, level, name, val, len));
}

static int pd_setsockopt(void *u, int fd, int level, int name, const void *val, socklen_t len)
{
    struct rig *r = u;
    int plx = enter(u, fd);
    return plx < 0 ? setsockopt(fd, level, name, val, len)
                   : (int)done(r, sock_setopt(&r->engine, plx, level, name, val, len));
}

/* ---- readiness ---- */

#define POLL_FDS 64

static int pd_poll(void *u, struct pollfd *fds, nfds_t n, int timeout)
{
    struct rig *r = u;
    struct pollfd ours[POLL_FDS];
    if (n > POLL_FDS || (n > 0 && rig_fd(r, fds[0].fd) < 0))
        return poll(fds, n, timeout);
    rig_lock(r);
    for (nfds_t i = 0; i < n; i++) {
        ours[i] = fds[i];
        ours[i].fd = rig_fd(r, fds[i].fd);
    }
    int result = poll_wait_events(&r->engine, ours, n, timeout);
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = ours[i].revents;
    return (int)done(r, result);
}

static int pd_epoll_create(void *u, int size)
{
    struct rig *r = u;
    rig_lock(r);
    return (int)done(r, size <= 0 ? -EINVAL : adopt(r, epoll_create_fd(&r->engine, 0)));
}

static int pd_epoll_ctl(void *u, int epfd, int op, int fd, struct epoll_event *ev)
{
    struct rig *r = u;
    int plx = enter(u, epfd);
    return plx < 0 ? epoll_ctl(epfd, op, fd, ev)
                   : (int)done(r, epoll_control(&r->engine, plx, op, rig_fd(r, fd), ev));
}

static int pd_epoll_wait(void *u, int epfd, struct epoll_event *ev, int max, int timeout)
{
    struct rig *r = u;
    int plx = enter(u, epfd);
    return plx < 0 ? epoll_wait(epfd, ev, max, timeout)
                   : (int)done(r, epoll_wait_events(&r->engine, plx, ev, max, timeout));
}

static int pd_pipe(void *u, int fds[2])
{
    return pipe(fds);
}

static ssize_t pd_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned flags)
{
    errno = ENOSYS;
    return -1;
}

/* ---- the wire and the clock ---- */

static int pd_netdev_send(void *u, const void *buf, size_t n)
{
    struct rig *r = u;
    rig_lock(r);
    const struct iphdr *ip = buf;
    if (n >= sizeof(*ip) && ip->version == 4)
        rig_own_address(r, ip->daddr);
    int result = wire_tap_put(&r->tap, buf, n);
    rig_run(r);
    return (int)done(r, result);
}

static int pd_netdev_receive(void *u, void *buf, size_t *n, long long *us)
{
    struct rig *r = u;
    rig_lock(r);
    if (!rig_receive(r, buf, n, us)) {
        *n = 0;
        *us = rig_clock(r);
    }
    rig_unlock(r);
    return 0;
}

static int pd_usleep(void *u, useconds_t us)
{
    struct rig *r = u;
    rig_lock(r);
    rig_advance(r, us);
    return (int)done(r, 0);
}

static int pd_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
    struct rig *r = u;
    rig_lock(r);
    long long us = rig_clock(r);
    rig_unlock(r);
    tv->tv_sec = us / 1000000;
    tv->tv_usec = us % 1000000;
    return 0;
}

/* ---- libc's own calls on our numbers ---- */

static int hook_getsockopt(int fd, int level, int name, void *val, socklen_t *len, int *result)
{
    if (the_rig == NULL || rig_fd(the_rig, fd) < 0)
        return 0;
    *result = pd_getsockopt(the_rig, fd, level, name, val, len);
    return 1;
}

static int hook_close(int fd, int *result)
{
    if (the_rig == NULL || rig_fd(the_rig, fd) < 0)
        return 0;
    struct rig *r = the_rig;
    rig_lock(r);
    forget(r, fd);
    done(r, 0);
    return 0; /* the eventfd is still to be closed */
}

static int hook_sendfile(int out, int in, off_t *off, size_t n, ssize_t *result)
{
    if (the_rig == NULL || rig_fd(the_rig, out) < 0)
        return 0;
    char *buf = malloc(n);
    ssize_t got = buf == NULL ? -1 : off != NULL ? pread(in, buf, n, *off) : read(in, buf, n);
    *result = got > 0 ? pd_write(the_rig, out, buf, (size_t)got) : got;
    if (off != NULL && *result > 0)
        *off += *result;
    free(buf);
    return 1;
}

static void set_hooks(const struct packetdrill_hooks *hooks)
{
    void (*hook)(const struct packetdrill_hooks *) =
        (void (*)(const struct packetdrill_hooks *))dlsym(RTLD_DEFAULT, "plx_packetdrill_hook");
    if (hook != NULL)
        hook(hooks);
}

static void pd_free(void *u)
{
    set_hooks(NULL);
    the_rig = NULL;
    rig_destroy(u);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_interface *out)
{
    static const struct packetdrill_hooks hooks = {hook_getsockopt, hook_sendfile, hook_close};
    if (the_rig != NULL)
        pd_free(the_rig);
    the_rig = rig_create(flags);
    if (the_rig == NULL)
        _exit(1);
    set_hooks(&hooks);
    *out = (struct packetdrill_interface){
        .userdata = the_rig,
        .free = pd_free,
        .socket = pd_socket,
        .bind = pd_bind,
        .listen = pd_listen,
        .accept = pd_accept,
        .connect = pd_connect,
        .read = pd_read,
        .readv = pd_readv,
        .recv = pd_recv,
        .recvfrom = pd_recvfrom,
        .recvmsg = pd_recvmsg,
        .write = pd_write,
        .writev = pd_writev,
        .send = pd_send,
        .sendto = pd_sendto,
        .sendmsg = pd_sendmsg,
        .fcntl = pd_fcntl,
        .ioctl = pd_ioctl,
        .close = pd_close,
        .shutdown = pd_shutdown,
        .getsockopt = pd_getsockopt,
        .setsockopt = pd_setsockopt,
        .poll = pd_poll,
        .netdev_send = pd_netdev_send,
        .netdev_receive = pd_netdev_receive,
        .usleep = pd_usleep,
        .gettimeofday = pd_gettimeofday,
        .epoll_create = pd_epoll_create,
        .epoll_ctl = pd_epoll_ctl,
        .epoll_wait = pd_epoll_wait,
        .pipe = pd_pipe,
        .splice = pd_splice,
    };
}
