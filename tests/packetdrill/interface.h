/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of functions through which packetdrill drives a stack that it loads from a shared object
 * (--so_filename). The order of the fields is the interface. Every function takes `userdata` first; fds
 * are ints and errno is set as in libc. */
#ifndef PLX_PACKETDRILL_INTERFACE_H
#define PLX_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *u);
    int (*socket)(void *u, int domain, int type, int protocol);
    int (*bind)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *u, int fd, int backlog);
    int (*accept)(void *u, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *u, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *u, int fd, void *buf, size_t n);
    ssize_t (*readv)(void *u, int fd, const struct iovec *iov, int n);
    ssize_t (*recv)(void *u, int fd, void *buf, size_t n, int flags);
    ssize_t (*recvfrom)(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
                        socklen_t *len);
    ssize_t (*recvmsg)(void *u, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *u, int fd, const void *buf, size_t n);
    ssize_t (*writev)(void *u, int fd, const struct iovec *iov, int n);
    ssize_t (*send)(void *u, int fd, const void *buf, size_t n, int flags);
    ssize_t (*sendto)(void *u, int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                      socklen_t len);
    ssize_t (*sendmsg)(void *u, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *u, int fd, int cmd, ...);
    int (*ioctl)(void *u, int fd, unsigned long req, ...);
    int (*close)(void *u, int fd);
    int (*shutdown)(void *u, int fd, int how);
    int (*getsockopt)(void *u, int fd, int level, int name, void *val, socklen_t *len);
    int (*setsockopt)(void *u, int fd, int level, int name, const void *val, socklen_t len);
    int (*poll)(void *u, struct pollfd *fds, nfds_t n, int timeout);
    int (*netdev_send)(void *u, const void *buf, size_t n);
    int (*netdev_receive)(void *u, void *buf, size_t *n, long long *us);
    int (*usleep)(void *u, useconds_t us);
    int (*gettimeofday)(void *u, struct timeval *tv, struct timezone *tz);
    int (*epoll_create)(void *u, int size);
    int (*epoll_ctl)(void *u, int epfd, int op, int fd, struct epoll_event *ev);
    int (*epoll_wait)(void *u, int epfd, struct epoll_event *ev, int max, int timeout);
    int (*pipe)(void *u, int fds[2]);
    ssize_t (*splice)(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n, unsigned flags);
};

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *out);

/* What libplx_packetdrill_preload.so offers, so that libc's own calls on our sockets reach the stack:
 * packetdrill's assertions on TCP_INFO call getsockopt(2) directly. Each returns 0 when fd is not ours. */
struct packetdrill_hooks {
    int (*getsockopt)(int fd, int level, int name, void *val, socklen_t *len, int *result);
    int (*sendfile)(int out, int in, off_t *off, size_t n, ssize_t *result);
    int (*close)(int fd, int *result);
};

/* Exported by the preload library; NULL takes the hooks away. */
void plx_packetdrill_hook(const struct packetdrill_hooks *hooks);

#endif
