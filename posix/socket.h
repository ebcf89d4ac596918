/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket of one engine: the glue between a descriptor and a transport's control block. The calls are
 * those of the man pages with the engine in front; results are negative errno. The transport's endpoint
 * points back to the struct sock, which never moves. */
#ifndef PLX_POSIX_SOCKET_H
#define PLX_POSIX_SOCKET_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "posix/engine.h"

/* file.flags of a socket */
enum {
    SOCK_F_REUSEADDR = 1u << 0,
    SOCK_F_REUSEPORT = 1u << 1,
    SOCK_F_BROADCAST = 1u << 2,
    SOCK_F_KEEPALIVE = 1u << 3,
    SOCK_F_LINGER = 1u << 4,
    SOCK_F_CONNECTING = 1u << 5, /* a connect has begun, and none has yet reported its result */
    SOCK_F_RCVLOWAT = 1u << 6,   /* SO_RCVLOWAT was set */
    SOCK_F_SHUT_RD = 1u << 7,    /* UDP: shutdown(2) was called; TCP keeps that itself */
    SOCK_F_SHUT_WR = 1u << 8,
    SOCK_F_INQ = 1u << 9,           /* TCP_INQ: recvmsg tells how much is left */
    SOCK_F_BIND_NO_PORT = 1u << 10, /* TCP: IP_BIND_ADDRESS_NO_PORT */
};

#define SOCK_F_INHERITED                                                                                     \
    (SOCK_F_REUSEADDR | SOCK_F_REUSEPORT | SOCK_F_BROADCAST | SOCK_F_KEEPALIVE | SOCK_F_LINGER |             \
     SOCK_F_RCVLOWAT)

struct sock {
    struct file file; /* first */
    uint32_t linger_s;
    union {
        struct tcb *tcb;
        struct udp_pcb *udp;
    };
    uint32_t rcvtimeo_ms, sndtimeo_ms; /* 0: for ever */
};

_Static_assert(sizeof(struct sock) == 32, "its share of the budget of an idle connection");

static inline struct sock *sock_of(struct file *f)
{
    return (struct sock *)f;
}

/* The socket behind fd: NULL with *err = -EBADF or -ENOTSOCK. */
static inline struct sock *sock_get(struct engine *e, int fd, int *err)
{
    struct file *f = fdtable_get(&e->fds, fd);
    if (__builtin_expect(f == NULL || f->kind == FILE_EPOLL, 0)) {
        *err = f == NULL ? -EBADF : -ENOTSOCK;
        return NULL;
    }
    return sock_of(f);
}

static inline bool sock_is_tcp(const struct sock *s)
{
    return s->file.kind == FILE_TCP;
}

/* socket.c: what both kinds have */
int sock_open(struct engine *e, int domain, int type, int protocol);
int sock_bind(struct engine *e, int fd, const struct sockaddr *addr, socklen_t len);
int sock_connect(struct engine *e, int fd, const struct sockaddr *addr, socklen_t len);
int sock_close(struct engine *e, int fd);
int sock_dup(struct engine *e, int fd, int min);
int sock_shutdown(struct engine *e, int fd, int how);
int sock_getsockname(struct engine *e, int fd, struct sockaddr *addr, socklen_t *len);
int sock_getpeername(struct engine *e, int fd, struct sockaddr *addr, socklen_t *len);
int sock_release(struct engine *e, struct sock *s); /* the last descriptor is gone */
/* Gives a fresh sock a number, O_NONBLOCK and FD_CLOEXEC by SOCK_NONBLOCK and SOCK_CLOEXEC in `type`. */
int sock_install(struct engine *e, struct sock *s, int type);
struct sock *sock_alloc(struct engine *e, enum file_kind kind);
void sock_free(struct engine *e, struct sock *s);

/* fcntl.c */
int sock_fcntl(struct engine *e, int fd, int cmd, long arg);
int sock_ioctl(struct engine *e, int fd, unsigned long request, void *arg);

/* sockopt.c */
int sock_getopt(struct engine *e, int fd, int level, int name, void *val, socklen_t *len);
int sock_setopt(struct engine *e, int fd, int level, int name, const void *val, socklen_t len);

/* socket_tcp.c */
int sock_listen(struct engine *e, int fd, int backlog);
int sock_accept(struct engine *e, int fd, struct sockaddr *addr, socklen_t *len, int flags);
int sock_tcp_connect(struct engine *e, struct sock *s, const struct sockaddr *addr, socklen_t len);
int sock_tcp_release(struct engine *e, struct sock *s);
bool sock_tcp_is_connected(const struct sock *s);

/* send.c */
ssize_t sock_send(struct engine *e, int fd, const void *buf, size_t len, int flags);
ssize_t sock_sendto(struct engine *e, int fd, const void *buf, size_t len, int flags,
                    const struct sockaddr *addr, socklen_t alen);
ssize_t sock_sendmsg(struct engine *e, int fd, const struct msghdr *msg, int flags);
ssize_t sock_writev(struct engine *e, int fd, const struct iovec *iov, int n);
ssize_t sock_send_mbuf_take(struct engine *e, int fd, struct rte_mbuf *m, int flags,
                            const struct sockaddr *addr, socklen_t alen);

/* recv.c */
ssize_t sock_recv(struct engine *e, int fd, void *buf, size_t len, int flags);
ssize_t sock_recvfrom(struct engine *e, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                      socklen_t *alen);
ssize_t sock_recvmsg(struct engine *e, int fd, struct msghdr *msg, int flags);
ssize_t sock_readv(struct engine *e, int fd, const struct iovec *iov, int n);
struct rte_mbuf *sock_recv_mbuf(struct engine *e, int fd, size_t max, int flags, struct sockaddr *addr,
                                socklen_t *alen, int *err);

/* wait.c: waiting for one socket. 0, -ETIMEDOUT, -EINTR. */
int sock_wait(struct engine *e, struct sock *s, uint32_t events, nsec_t deadline);
int sock_wait_more(struct engine *e, struct sock *s, uint32_t beyond, nsec_t deadline);
/* timeout_ms 0: NSEC_NEVER. Counted from now, not from the last round. */
nsec_t sock_deadline(struct engine *e, uint32_t timeout_ms);

#endif
