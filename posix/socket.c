/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/socket.h"

#include "posix/epoll.h"
#include "posix/sockaddr.h"

static struct endpoint *sock_endpoint(struct sock *s)
{
    return sock_is_tcp(s) ? tcp_endpoint(s->tcb) : udp_endpoint(s->udp);
}

struct sock *sock_alloc(struct engine *e, enum file_kind kind)
{
    uint32_t idx = SLAB_ALLOC(&e->socks, struct sock);
    if (idx == 0)
        return NULL;
    struct sock *s = SLAB_AT(&e->socks, struct sock, idx);
    s->file.kind = (uint8_t)kind;
    return s;
}

void sock_free(struct engine *e, struct sock *s)
{
    SLAB_FREE(&e->socks, struct sock, SLAB_INDEX(&e->socks, struct sock, s));
}

int sock_install(struct engine *e, struct sock *s, int type)
{
    int fd = fdtable_add(&e->fds, &s->file, 0);
    if (fd < 0)
        return fd;
    s->file.refs = 1;
    s->file.nonblock = (type & SOCK_NONBLOCK) != 0;
    if ((type & SOCK_CLOEXEC) != 0)
        fdtable_set_cloexec(&e->fds, fd, true);
    sock_endpoint(s)->owner = s;
    return fd;
}

/* socket(2): what the arguments ask for, or why not. */
static int kind_of(int domain, int type, int protocol)
{
    int flags = type & ~0xf;
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0)
        return -EINVAL;
    if (domain != AF_INET)
        return -EAFNOSUPPORT;
    switch (type & 0xf) {
    case SOCK_STREAM:
        return protocol == 0 || protocol == IPPROTO_TCP ? FILE_TCP : -EPROTONOSUPPORT;
    case SOCK_DGRAM:
        return protocol == 0 || protocol == IPPROTO_UDP ? FILE_UDP : -EPROTONOSUPPORT;
    case SOCK_RAW:
    case SOCK_RDM:
    case SOCK_SEQPACKET:
        return -ESOCKTNOSUPPORT;
    default:
        return -EINVAL;
    }
}

int sock_open(struct engine *e, int domain, int type, int protocol)
{
    int kind = kind_of(domain, type, protocol);
    if (kind < 0)
        return kind;
    struct sock *s = sock_alloc(e, kind);
    if (s == NULL)
        return fdtable_is_full(&e->fds) ? -EMFILE : -ENOBUFS;
    if (kind == FILE_TCP)
        s->tcb = tcp_open(engine_tcp(e));
    else
        s->udp = udp_open(engine_udp(e));
    if (s->tcb == NULL) {
        sock_free(e, s);
        return -ENOBUFS;
    }
    int fd = sock_install(e, s, type);
    if (fd < 0)
        sock_release(e, s);
    return fd;
}

/* Afterwards the transport has no way back to the socket. */
static void endpoint_detach(struct engine *e, struct endpoint *ep)
{
    ep->owner = NULL;
    ep->events = 0;
    if (ep->queued)
        ready_list_remove(&e->w->ctx.ready, ep);
}

int sock_release(struct engine *e, struct sock *s)
{
    int err = 0;
    endpoint_detach(e, sock_endpoint(s));
    if (sock_is_tcp(s))
        err = sock_tcp_release(e, s);
    else
        udp_close(engine_udp(e), s->udp);
    sock_free(e, s);
    return err;
}

int sock_close(struct engine *e, int fd)
{
    if (fdtable_get(&e->fds, fd) == NULL)
        return -EBADF;
    return file_put(e, fdtable_remove(&e->fds, fd));
}

int sock_dup(struct engine *e, int fd, int min)
{
    struct file *f = fdtable_get(&e->fds, fd);
    if (f == NULL)
        return -EBADF;
    if (min < 0 || (uint32_t)min >= e->fds.limit << e->fds.shift)
        return -EINVAL;
    int copy = fdtable_add(&e->fds, f, min);
    if (copy >= 0)
        f->refs++;
    return copy;
}

/* ip(7): INADDR_ANY, one of ours, or for datagrams a group or broadcast address. */
int sock_bind(struct engine *e, int fd, const struct sockaddr *sa, socklen_t len)
{
    struct ip_addr addr;
    uint16_t port;
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    err = sockaddr_read(sa, len, &addr, &port);
    if (err != 0)
        return err;
    if (sock_is_tcp(s) && port == 0 && (s->file.flags & SOCK_F_BIND_NO_PORT) != 0)
        return tcp_bind_addr(engine_tcp(e), s->tcb, &addr);
    if (sock_is_tcp(s))
        return tcp_bind(engine_tcp(e), s->tcb, &addr, port);
    bool reuseaddr = (s->file.flags & SOCK_F_REUSEADDR) != 0,
         reuseport = (s->file.flags & SOCK_F_REUSEPORT) != 0;
    return udp_bind(engine_udp(e), s->udp, &addr, port,
                    (reuseaddr ? UDP_REUSEADDR : 0) | (reuseport ? UDP_REUSEPORT : 0));
}

static int udp_connect_to(struct engine *e, struct sock *s, const struct sockaddr *sa, socklen_t len)
{
    struct ip_addr addr;
    uint16_t port;
    if (sa != NULL && len >= sizeof(sa->sa_family) && sa->sa_family == AF_UNSPEC)
        return udp_connect(engine_udp(e), s->udp, NULL, 0);
    int err = sockaddr_read(sa, len, &addr, &port);
    return err != 0 ? err : udp_connect(engine_udp(e), s->udp, &addr, port);
}

int sock_connect(struct engine *e, int fd, const struct sockaddr *sa, socklen_t len)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    return sock_is_tcp(s) ? sock_tcp_connect(e, s, sa, len) : udp_connect_to(e, s, sa, len);
}

/* As Linux: the flags take effect in any case, and are an error on a socket without peer. */
static int udp_shutdown(struct engine *e, struct sock *s, int how)
{
    struct flow_key key;
    udp_name(s->udp, &key);
    if (how != SHUT_WR)
        s->file.flags |= SOCK_F_SHUT_RD;
    if (how != SHUT_RD)
        s->file.flags |= SOCK_F_SHUT_WR;
    if (s->file.watches != 0)
        epoll_file_event(e, &s->file, EPOLLIN | EPOLLRDHUP);
    return key.rport == 0 ? -ENOTCONN : 0;
}

int sock_shutdown(struct engine *e, int fd, int how)
{
    int err = 0;
    struct sock *s = sock_get(e, fd, &err);
    if (s == NULL)
        return err;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    return sock_is_tcp(s) ? tcp_shutdown(engine_tcp(e), s->tcb, how) : udp_shutdown(e, s, how);
}

static void sock_name(struct sock *s, struct flow_key *key)
{
    if (sock_is_tcp(s))
        tcp_name(s->tcb, key);
    else
        udp_name(s->udp, key);
}

/* What both naming calls begin with. 0, or why there is no name to tell. */
static int sock_named(struct engine *e, int fd, const struct sockaddr *sa, const socklen_t *len,
                      struct sock **s, struct flow_key *key)
{
    int err = 0;
    *s = sock_get(e, fd, &err);
    if (*s == NULL)
        return err;
    if (sa == NULL || len == NULL)
        return -EFAULT;
    sock_name(*s, key);
    return 0;
}

int sock_getsockname(struct engine *e, int fd, struct sockaddr *sa, socklen_t *len)
{
    struct flow_key key;
    struct sock *s;
    int err = sock_named(e, fd, sa, len, &s, &key);
    return err != 0 ? err : sockaddr_write(sa, len, &key.local, key.lport);
}

int sock_getpeername(struct engine *e, int fd, struct sockaddr *sa, socklen_t *len)
{
    struct flow_key key;
    struct sock *s;
    int err = sock_named(e, fd, sa, len, &s, &key);
    if (err != 0)
        return err;
    if (key.rport == 0 || (sock_is_tcp(s) && !sock_tcp_is_connected(s)))
        return -ENOTCONN;
    return sockaddr_write(sa, len, &key.remote, key.rport);
}
