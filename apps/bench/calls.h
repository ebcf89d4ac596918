/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls a load is made with: Pollux's or the kernel's. Everything above this table is the same code for
 * both, so a difference in a result is a difference of the stacks. Semantics and errors as in the man pages.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct calls {
    const char *name;
    int (*socket)(int domain, int type, int protocol);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept)(int fd); /* non-blocking descriptor; the peer's address is not asked for */
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                      socklen_t alen);
    ssize_t (*recvfrom)(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *alen);
    int (*close)(int fd);
    int (*getsockopt)(int fd, int level, int name, void *val, socklen_t *len);
    int (*setsockopt)(int fd, int level, int name, const void *val, socklen_t len);
    int (*unacknowledged)(int fd); /* SIOCOUTQ: bytes sent and not yet acknowledged; -1 with errno */
    int (*epoll_create)(int flags);
    int (*epoll_ctl)(int epoll, int op, int fd, struct epoll_event *ev);
    int (*epoll_wait)(int epoll, struct epoll_event *events, int max, int timeout_ms);
    /* fn(arg) on so many workers at once; the first result that is not 0, or -1 with errno. */
    int (*run)(int (*fn)(void *arg), void *arg);
    int (*workers)(void);
    int (*worker_id)(void);
};

extern const struct calls calls_pollux, calls_kernel;

/* Before run: how many threads the kernel's side shall have. */
void calls_kernel_workers(uint32_t n);
/* Room for so many descriptors of the kernel. 0, or -1 with errno and *limit set to what there is. */
int calls_kernel_descriptors(uint64_t n, uint64_t *limit);

#endif
