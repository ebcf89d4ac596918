/* SPDX-License-Identifier: BSD-3-Clause */
/* One body of test, run twice: over Pollux, as two engines in this process joined by a pipe in virtual
 * time, and over Linux's own sockets on loopback. What both agree on is what epoll(7) and the rest mean.
 * Calls return -errno. A descriptor knows its side; an epoll watches descriptors of its own side. */
#ifndef TESTS_UNIT_SOCKETS_H
#define TESTS_UNIT_SOCKETS_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "support/context.h"

enum side { CLIENT, SERVER };

struct sockets {
    const char *name;
    int (*socket)(enum side side, int type, int protocol);
    int (*bind)(int fd, const struct sockaddr *a, socklen_t len);
    int (*listen)(int fd, int backlog);
    int (*accept4)(int fd, struct sockaddr *a, socklen_t *len, int flags);
    int (*connect)(int fd, const struct sockaddr *a, socklen_t len);
    ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags, const struct sockaddr *a,
                      socklen_t alen);
    ssize_t (*recvfrom)(int fd, void *buf, size_t len, int flags, struct sockaddr *a, socklen_t *alen);
    ssize_t (*sendmsg)(int fd, const struct msghdr *m, int flags);
    ssize_t (*recvmsg)(int fd, struct msghdr *m, int flags);
    ssize_t (*writev)(int fd, const struct iovec *iov, int n);
    ssize_t (*readv)(int fd, const struct iovec *iov, int n);
    int (*close)(int fd);
    int (*dup)(int fd);
    int (*shutdown)(int fd, int how);
    int (*getsockname)(int fd, struct sockaddr *a, socklen_t *len);
    int (*getpeername)(int fd, struct sockaddr *a, socklen_t *len);
    int (*getsockopt)(int fd, int level, int name, void *val, socklen_t *len);
    int (*setsockopt)(int fd, int level, int name, const void *val, socklen_t len);
    int (*fcntl)(int fd, int cmd, long arg);
    int (*ioctl)(int fd, unsigned long request, void *arg);
    int (*epoll_create1)(enum side side, int flags);
    int (*epoll_ctl)(int epfd, int op, int fd, struct epoll_event *ev);
    int (*epoll_wait)(int epfd, struct epoll_event *ev, int max, int timeout);
    int (*poll)(struct pollfd *fds, nfds_t n, int timeout);
    /* Lets everything on the way arrive. */
    void (*settle)(void);
    /* The side's own address, network order. */
    in_addr_t (*addr)(enum side side);
};

extern const struct sockets sockets_pollux, sockets_linux;

/* Setup and teardown of a test of either kind; teardown finds leaks. */
int sockets_setup(void **state);
int sockets_teardown(void **state);

/* `body` as two tests. */
#define ON_BOTH(body)                                                                                        \
    {#body " (Pollux)", body, sockets_setup, sockets_teardown, (void *)&sockets_pollux},                     \
    {                                                                                                        \
#body " (Linux)", body, sockets_setup, sockets_teardown, (void *)&sockets_linux                      \
    }
#define ON_POLLUX(body)                                                                                      \
    {                                                                                                        \
#body, body, sockets_setup, sockets_teardown, (void *)&sockets_pollux                                \
    }

/* ---- what most tests begin with ---- */

struct sockaddr_in address_of(const struct sockets *s, enum side side, uint16_t port);
/* The port a socket is bound to, host order. */
uint16_t port_of(const struct sockets *s, int fd);
/* A listener of the server's; *addr is where to connect. `type` adds SOCK_NONBLOCK. */
int listener_of(const struct sockets *s, int backlog, int type, struct sockaddr_in *addr);
/* A connection: fd[CLIENT], fd[SERVER]; non-blocking, the listener closed again. */
void connection_of(const struct sockets *s, int fd[2]);
/* Events of epfd within no time; the only one's events, 0 when there are none; fails when there are more. */
uint32_t events_of(const struct sockets *s, int epfd);
void watch(const struct sockets *s, int epfd, int fd, uint32_t events);
/* send and recv without flags and address. */
ssize_t put(const struct sockets *s, int fd, const char *text);
ssize_t get(const struct sockets *s, int fd, char *buf, size_t size);
int get_int(const struct sockets *s, int fd, int level, int name);

/* Pollux alone: the engine of a side, and the number there. */
struct engine;
struct engine *engine_of(enum side side);
int number_of(int fd);
int tagged(enum side side, int fd);
/* Virtual time, ns. */
uint64_t virtual_now(void);
/* The other side's application, called while a call waits; NULL: none. May set a stop: see stop_engines. */
extern void (*while_waiting)(void);
void stop_engines(int on);

#endif
