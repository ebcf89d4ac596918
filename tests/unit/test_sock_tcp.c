/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP sockets by their man pages: each body runs over Pollux and over Linux. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "sockets.h"

static void close_both(const struct sockets *s, int fd[2])
{
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
}

static void reset_on_close(const struct sockets *s, int fd)
{
    const struct linger now = {.l_onoff = 1};
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
}

/* socket(2) ERRORS */
static void socket_checks_its_arguments(void **state)
{
    const struct sockets *s = *state;
    assert_int_equal(s->socket(CLIENT, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
    assert_int_equal(s->socket(CLIENT, SOCK_DGRAM, IPPROTO_TCP), -EPROTONOSUPPORT);
    assert_int_equal(s->socket(CLIENT, SOCK_RDM, 0), -ESOCKTNOSUPPORT);
    assert_int_equal(s->socket(CLIENT, 15, 0), -EINVAL);
    assert_int_equal(s->socket(CLIENT, SOCK_STREAM | 0x100000, 0), -EINVAL);
    int fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    assert_true(fd >= 0);
    assert_int_equal(s->fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(s->fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(s->close(fd), 0);
    assert_int_equal(s->close(fd), -EBADF);
}

static void fcntl_and_ioctl_change_blocking(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM, 0), on = 1, copy;
    assert_int_equal(s->fcntl(fd, F_GETFL, 0), O_RDWR);
    assert_int_equal(s->ioctl(fd, FIONBIO, &on), 0);
    assert_int_equal(s->fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(s->fcntl(fd, F_SETFL, O_RDWR), 0);
    assert_int_equal(s->fcntl(fd, F_GETFL, 0), O_RDWR);
    assert_int_equal(s->fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
    copy = s->fcntl(fd, F_DUPFD, 100);
    assert_int_equal(copy & 0xffff, 100);
    assert_int_equal(s->fcntl(copy, F_GETFD, 0), 0);
    assert_int_equal(s->fcntl(copy, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(s->fcntl(fd, F_GETFL, 0), O_RDWR | O_NONBLOCK); /* one description */
    assert_int_equal(s->close(copy), 0);
    copy = s->fcntl(fd, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(s->fcntl(copy, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(s->close(copy), 0);
    assert_int_equal(s->fcntl(fd, F_DUPFD, -1), -EINVAL);
    assert_int_equal(s->fcntl(fd, 9999, 0), -EINVAL);
    assert_int_equal(s->ioctl(fd, 0x12345678, &on), -ENOTTY);
    assert_int_equal(s->close(fd), 0);
}

static void bind_checks_its_arguments(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(SERVER, SOCK_STREAM, 0), other = s->socket(SERVER, SOCK_STREAM, 0);
    struct sockaddr_in a = address_of(s, SERVER, 0), foreign = a, inet6 = a;
    foreign.sin_addr.s_addr = htonl(0xc6336401); /* 198.51.100.1, nobody's */
    inet6.sin_family = AF_INET6;
    assert_int_equal(s->bind(fd, (struct sockaddr *)&a, 4), -EINVAL);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&inet6, sizeof(a)), -EAFNOSUPPORT);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&foreign, sizeof(a)), -EADDRNOTAVAIL);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&a, sizeof(a)), -EINVAL);
    a.sin_port = htons(port_of(s, fd));
    assert_true(a.sin_port != 0);
    assert_int_equal(s->bind(other, (struct sockaddr *)&a, sizeof(a)), -EADDRINUSE);
    assert_int_equal(s->close(fd), 0);
    assert_int_equal(s->bind(other, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(s->bind(-1, (struct sockaddr *)&a, sizeof(a)), -EBADF);
    s->close(other);
}

/* socket(7) SO_REUSEADDR: "bind ... except when there is an active listening socket" */
static void reuseaddr_binds_beside_but_not_a_listener(void **state)
{
    const struct sockets *s = *state;
    int a = s->socket(SERVER, SOCK_STREAM, 0), b = s->socket(SERVER, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in addr = address_of(s, SERVER, 0);
    s->setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    s->setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(s->bind(a, (struct sockaddr *)&addr, sizeof(addr)), 0);
    addr.sin_port = htons(port_of(s, a));
    assert_int_equal(s->bind(b, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(s->listen(a, 1), 0);
    assert_int_equal(s->listen(b, 1), -EADDRINUSE);
    s->close(b);
    b = s->socket(SERVER, SOCK_STREAM, 0);
    s->setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(s->bind(b, (struct sockaddr *)&addr, sizeof(addr)), -EADDRINUSE);
    s->close(a);
    s->close(b);
}

static void names_of_both_ends_agree(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    struct sockaddr_in local, peer;
    socklen_t len = sizeof(local);
    int fresh = s->socket(CLIENT, SOCK_STREAM, 0);
    assert_int_equal(s->getpeername(fresh, (struct sockaddr *)&peer, &len), -ENOTCONN);
    assert_int_equal(s->getsockname(fresh, (struct sockaddr *)&local, &len), 0);
    assert_int_equal(local.sin_family, AF_INET);
    assert_int_equal(local.sin_port, 0);
    assert_int_equal(local.sin_addr.s_addr, 0);
    s->close(fresh);

    connection_of(s, fd);
    len = 100; /* more room than needed */
    assert_int_equal(s->getsockname(fd[CLIENT], (struct sockaddr *)&local, &len), 0);
    assert_int_equal(len, sizeof(local));
    assert_int_equal(s->getpeername(fd[SERVER], (struct sockaddr *)&peer, &len), 0);
    assert_memory_equal(&local, &peer, sizeof(local));
    assert_int_equal(local.sin_addr.s_addr, s->addr(CLIENT));
    len = 4; /* cut, and the true size told */
    memset(&peer, 0xaa, sizeof(peer));
    assert_int_equal(s->getpeername(fd[SERVER], (struct sockaddr *)&peer, &len), 0);
    assert_int_equal(len, sizeof(peer));
    assert_int_equal(peer.sin_port, local.sin_port);
    assert_int_equal(peer.sin_addr.s_addr, 0xaaaaaaaa);
    len = (socklen_t)-1;
    assert_int_equal(s->getsockname(fd[CLIENT], (struct sockaddr *)&local, &len), -EINVAL);
    close_both(s, fd);
}

static void accept_gives_the_peer_and_its_flags(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr, peer;
    socklen_t len = sizeof(peer);
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(s->accept4(l, NULL, NULL, 0), -EAGAIN);
    assert_int_equal(s->accept4(l, NULL, NULL, 1), -EINVAL);
    assert_int_equal(s->accept4(fd, NULL, NULL, 0), -EINVAL); /* not listening */
    s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    s->settle();
    int conn = s->accept4(l, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(conn >= 0);
    assert_int_equal(len, sizeof(peer));
    assert_int_equal(ntohs(peer.sin_port), port_of(s, fd));
    assert_int_equal(s->fcntl(conn, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(s->fcntl(conn, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(port_of(s, conn), ntohs(addr.sin_port));
    s->close(conn);
    s->close(fd);
    s->close(l);
}

/* On Linux an accepted socket does not inherit O_NONBLOCK (accept(2)), but most options (tcp(7)). */
static void accepted_sockets_inherit_options(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    const struct timeval tv = {.tv_sec = 3};
    struct timeval got;
    socklen_t len = sizeof(got);
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    s->setsockopt(l, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    s->setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    s->setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    s->settle();
    int conn = s->accept4(l, NULL, NULL, 0);
    assert_int_equal(s->fcntl(conn, F_GETFL, 0), O_RDWR);
    assert_int_equal(get_int(s, conn, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(get_int(s, conn, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(s->getsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
    assert_int_equal(got.tv_sec, 3);
    s->close(conn);
    s->close(fd);
    s->close(l);
}

static void connect_tells_how_far_it_is(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr, inet6;
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    inet6 = addr;
    inet6.sin_family = AF_INET6;
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, 4), -EINVAL);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&inet6, sizeof(addr)), -EAFNOSUPPORT);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -EINPROGRESS);
    s->settle();
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0); /* the result, once */
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -EISCONN);
    assert_int_equal(s->connect(l, (struct sockaddr *)&addr, sizeof(addr)), -EISCONN);
    assert_int_equal(s->listen(fd, 1), -EINVAL);
    s->close(fd);
    s->close(l);
}

static void refused_connect_tells_once_and_may_be_repeated(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    int l = listener_of(s, 4, 0, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    uint16_t port = ntohs(addr.sin_port);
    s->close(l);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -EINPROGRESS);
    s->settle();
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -ECONNREFUSED);
    l = s->socket(SERVER, SOCK_STREAM, 0);
    addr = address_of(s, SERVER, port);
    assert_int_equal(s->bind(l, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(s->listen(l, 1), 0);
    int r = s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    assert_int_equal(r, -EINPROGRESS);
    s->settle();
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    s->close(fd);
    s->close(l);
}

static void blocking_connect_returns_the_result(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    int l = listener_of(s, 4, 0, &addr), fd = s->socket(CLIENT, SOCK_STREAM, 0);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -EISCONN);
    s->close(fd);
    s->close(l);
    fd = s->socket(CLIENT, SOCK_STREAM, 0);
    s->settle();
    assert_int_equal(s->connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -ECONNREFUSED);
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), 0);
    s->close(fd);
}

static void unconnected_sockets_say_so(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    char c;
    assert_int_equal(get(s, fd, &c, 1), -ENOTCONN);
    assert_int_equal(put(s, fd, "x"), -EPIPE);
    assert_int_equal(s->shutdown(fd, SHUT_WR), -ENOTCONN);
    assert_int_equal(s->shutdown(fd, 7), -EINVAL);
    s->close(fd);
    assert_int_equal(get(s, -1, &c, 1), -EBADF);
    assert_int_equal(put(s, -1, "x"), -EBADF);
}

static void nonblocking_recv_is_EAGAIN(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char c;
    connection_of(s, fd);
    assert_int_equal(get(s, fd[SERVER], &c, 1), -EAGAIN);
    s->fcntl(fd[SERVER], F_SETFL, 0);
    assert_int_equal(s->recvfrom(fd[SERVER], &c, 1, MSG_DONTWAIT, NULL, NULL), -EAGAIN);
    close_both(s, fd);
}

static void peek_leaves_the_bytes(void **state)
{
    const struct sockets *s = *state;
    int fd[2], n = -1;
    char buf[16] = "";
    connection_of(s, fd);
    put(s, fd[CLIENT], "hello");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 3, MSG_PEEK, NULL, NULL), 3);
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 16, MSG_PEEK, NULL, NULL), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(s->ioctl(fd[SERVER], SIOCINQ, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 5);
    assert_int_equal(s->ioctl(fd[SERVER], FIONREAD, &n), 0);
    assert_int_equal(n, 0);
    close_both(s, fd);
}

/* recv(2) MSG_TRUNC: for TCP the bytes are thrown away (tcp(7)). */
static void trunc_throws_bytes_away(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[16] = "..........";
    connection_of(s, fd);
    put(s, fd[CLIENT], "hello, world");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 7, MSG_TRUNC, NULL, NULL), 7);
    assert_memory_equal(buf, "..........", 10);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 5);
    assert_memory_equal(buf, "world", 5);
    close_both(s, fd);
}

static void an_address_for_a_stream_is_no_matter(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[16];
    connection_of(s, fd);
    struct sockaddr_in a = address_of(s, SERVER, 9);
    socklen_t len = sizeof(a);
    assert_int_equal(s->sendto(fd[CLIENT], "hello", 5, 0, (struct sockaddr *)&a, len), 5);
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 16, 0, (struct sockaddr *)&a, &len), 5);
    assert_int_equal(len, 0);
    close_both(s, fd);
}

static void vectors_are_gathered_and_scattered(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char a[4] = "", b[1] = "", c[16] = "";
    const struct iovec out[4] = {{"hel", 3}, {NULL, 0}, {"lo, ", 4}, {"world", 5}};
    const struct iovec in[4] = {{a, 4}, {NULL, 0}, {b, 1}, {c, 16}};
    connection_of(s, fd);
    assert_int_equal(s->writev(fd[CLIENT], out, 4), 12);
    s->settle();
    assert_int_equal(s->readv(fd[SERVER], in, 4), 12);
    assert_memory_equal(a, "hell", 4);
    assert_memory_equal(b, "o", 1);
    assert_memory_equal(c, ", world", 7);
    assert_int_equal(s->readv(fd[SERVER], in, -1), -EINVAL);
    assert_int_equal(s->readv(fd[SERVER], in, 1025), -EINVAL);
    assert_int_equal(s->readv(fd[SERVER], in, 0), 0);
    struct msghdr m = {.msg_iov = (struct iovec *)out, .msg_iovlen = 4};
    assert_int_equal(s->sendmsg(fd[CLIENT], &m, 0), 12);
    s->settle();
    m = (struct msghdr){.msg_iov = (struct iovec *)in, .msg_iovlen = 4, .msg_flags = 0x55};
    assert_int_equal(s->recvmsg(fd[SERVER], &m, 0), 12);
    assert_int_equal(m.msg_flags, 0);
    m.msg_iovlen = 1025;
    assert_int_equal(s->recvmsg(fd[SERVER], &m, 0), -EMSGSIZE);
    close_both(s, fd);
}

/* What was sent before the end is read before the end. */
static void end_of_stream_comes_after_the_data(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[16];
    connection_of(s, fd);
    put(s, fd[CLIENT], "bye");
    assert_int_equal(s->shutdown(fd[CLIENT], SHUT_WR), 0);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 2), 2);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 1);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 0);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 0);
    assert_int_equal(put(s, fd[CLIENT], "x"), -EPIPE);
    assert_int_equal(put(s, fd[SERVER], "back"), 4);
    s->settle();
    assert_int_equal(get(s, fd[CLIENT], buf, 16), 4);
    assert_int_equal(s->shutdown(fd[CLIENT], SHUT_WR), 0); /* again */
    close_both(s, fd);
}

static void reset_is_reported_once(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[8];
    connection_of(s, fd);
    reset_on_close(s, fd[CLIENT]);
    s->close(fd[CLIENT]);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 8), -ECONNRESET);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    assert_int_equal(put(s, fd[SERVER], "x"), -EPIPE);
    assert_int_equal(s->shutdown(fd[SERVER], SHUT_WR), -ENOTCONN);
    s->close(fd[SERVER]);

    connection_of(s, fd);
    reset_on_close(s, fd[CLIENT]);
    s->close(fd[CLIENT]);
    s->settle();
    assert_int_equal(put(s, fd[SERVER], "x"), -ECONNRESET);
    assert_int_equal(put(s, fd[SERVER], "x"), -EPIPE);
    s->close(fd[SERVER]);
}

/* RFC 1122 section 4.2.2.13: closing with unread data is a reset. */
static void closing_with_unread_data_resets(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[8];
    connection_of(s, fd);
    put(s, fd[CLIENT], "unread");
    s->settle();
    s->close(fd[SERVER]);
    s->settle();
    assert_int_equal(get(s, fd[CLIENT], buf, 8), -ECONNRESET);
    s->close(fd[CLIENT]);
}

static void closing_with_unsent_data_still_sends_it(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char block[3000], buf[4096];
    memset(block, 'x', sizeof(block));
    connection_of(s, fd);
    assert_int_equal(s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0), sizeof(block));
    s->close(fd[CLIENT]);
    s->settle();
    size_t got = 0;
    ssize_t n;
    while ((n = get(s, fd[SERVER], buf, sizeof(buf))) > 0) {
        got += (size_t)n;
        s->settle();
    }
    assert_int_equal(n, 0);
    assert_int_equal(got, sizeof(block));
    s->close(fd[SERVER]);
}

static void duplicate_keeps_the_connection_open(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[8];
    connection_of(s, fd);
    int copy = s->dup(fd[CLIENT]);
    s->close(fd[CLIENT]);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 8), -EAGAIN);
    assert_int_equal(put(s, copy, "x"), 1);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 8), 1);
    s->close(copy);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    s->close(fd[SERVER]);
}

static void full_buffer_takes_part_then_EAGAIN(void **state)
{
    const struct sockets *s = *state;
    static char block[1 << 20], buf[1 << 16];
    int fd[2], queued = 0;
    size_t sent = 0, got = 0;
    ssize_t n;
    connection_of(s, fd);
    while ((n = s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0)) > 0) {
        sent += (size_t)n;
        s->settle();
    }
    assert_int_equal(n, -EAGAIN);
    assert_true(sent > 4096);
    assert_int_equal(s->ioctl(fd[CLIENT], SIOCOUTQ, &queued), 0);
    assert_true(queued > 0 && (size_t)queued <= sent);
    for (int idle = 0; idle < 3; s->settle()) {
        n = get(s, fd[SERVER], buf, sizeof(buf));
        got += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
    }
    assert_int_equal(got, sent);
    close_both(s, fd);
}

static void options_read_as_they_were_set(void **state)
{
    const struct sockets *s = *state;
    static const struct {
        int level, name, set, get;
    } cases[] = {
        {SOL_SOCKET, SO_REUSEADDR, 5, 1},   {SOL_SOCKET, SO_REUSEPORT, 1, 1}, {SOL_SOCKET, SO_KEEPALIVE, 1, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 0, 0},   {SOL_SOCKET, SO_BROADCAST, 1, 1}, {SOL_SOCKET, SO_OOBINLINE, 1, 1},
        {SOL_SOCKET, SO_RCVBUF, 10000, 20000}, {SOL_SOCKET, SO_SNDBUF, 10000, 20000},
        {SOL_SOCKET, SO_RCVBUF, 0, 2304},   {SOL_SOCKET, SO_SNDBUF, 0, 4608}, {SOL_SOCKET, SO_RCVLOWAT, 7, 7},
        {IPPROTO_TCP, TCP_NODELAY, 1, 1},   {IPPROTO_TCP, TCP_KEEPIDLE, 11, 11},
        {IPPROTO_TCP, TCP_KEEPINTVL, 12, 12}, {IPPROTO_TCP, TCP_KEEPCNT, 13, 13}, {IPPROTO_IP, IP_TTL, 17, 17},
        {IPPROTO_IP, IP_TOS, 0x10, 0x10},
    };
    int fd = s->socket(CLIENT, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = s->setsockopt(fd, cases[i].level, cases[i].name, &cases[i].set, sizeof(int));
        int v = get_int(s, fd, cases[i].level, cases[i].name);
        if (r != 0 || v != cases[i].get)
            fail_msg("level %d option %d: set %d gives %d, get %d instead of %d", cases[i].level, cases[i].name,
                     cases[i].set, r, v, cases[i].get);
    }
    s->close(fd);
}

static void options_of_the_socket_itself_are_read_only(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    int l = listener_of(s, 1, 0, &addr), one = 1;
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_ACCEPTCONN), 1);
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_ERROR), 0);
    static const int names[] = {SO_TYPE, SO_PROTOCOL, SO_DOMAIN, SO_ACCEPTCONN, SO_ERROR};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(s->setsockopt(l, SOL_SOCKET, names[i], &one, sizeof(one)), -ENOPROTOOPT);
    s->close(l);
    l = s->socket(SERVER, SOCK_STREAM, 0);
    assert_int_equal(get_int(s, l, SOL_SOCKET, SO_ACCEPTCONN), 0);
    s->close(l);
}

static void wrong_options_are_refused(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM, 0), v = 1;
    socklen_t len = sizeof(v);
    const struct timeval bad = {.tv_usec = 1000000};
    const struct linger l = {.l_onoff = 1};
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, 9999, &v, sizeof(v)), -ENOPROTOOPT);
    assert_int_equal(s->getsockopt(fd, SOL_SOCKET, 9999, &v, &len), -ENOPROTOOPT);
    assert_int_equal(s->setsockopt(fd, IPPROTO_TCP, 9999, &v, sizeof(v)), -ENOPROTOOPT);
    assert_int_equal(s->getsockopt(fd, IPPROTO_TCP, 9999, &v, &len), -ENOPROTOOPT);
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, 9999, &v, sizeof(v)), -ENOPROTOOPT);
    assert_int_equal(s->getsockopt(fd, IPPROTO_IP, 9999, &v, &len), -ENOPROTOOPT);
    assert_int_equal(s->setsockopt(fd, 9999, 1, &v, sizeof(v)), -ENOPROTOOPT);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 1), -EINVAL);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4), -EFAULT);
    assert_int_equal(s->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, 1), -EINVAL);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bad, sizeof(bad)), -EDOM);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bad, 4), -EINVAL);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), -EINVAL);
    v = 0;
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_TTL, &v, sizeof(v)), -EINVAL);
    v = 256;
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_TTL, &v, sizeof(v)), -EINVAL);
    v = 0;
    assert_int_equal(s->setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &v, sizeof(v)), -EINVAL);
    char c = 9;
    len = 1; /* cut to the room there is */
    assert_int_equal(s->getsockopt(fd, SOL_SOCKET, SO_TYPE, &c, &len), 0);
    assert_int_equal(len, 1);
    assert_int_equal(c, SOCK_STREAM);
    s->close(fd);
}

static void linger_and_timeouts_read_as_set(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM, 0);
    const struct linger l = {.l_onoff = 7, .l_linger = 9};
    const struct timeval tv = {.tv_sec = 2, .tv_usec = 500000};
    struct linger gl;
    struct timeval gt;
    socklen_t len = sizeof(gl);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
    assert_int_equal(s->getsockopt(fd, SOL_SOCKET, SO_LINGER, &gl, &len), 0);
    assert_int_equal(gl.l_onoff, 1);
    assert_int_equal(gl.l_linger, 9);
    assert_int_equal(s->setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
    len = sizeof(gt);
    assert_int_equal(s->getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &gt, &len), 0);
    assert_int_equal(gt.tv_sec, 2);
    assert_int_equal(gt.tv_usec, 500000);
    assert_int_equal(s->getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &gt, &len), 0);
    assert_int_equal(gt.tv_sec, 0);
    assert_int_equal(gt.tv_usec, 0);
    s->close(fd);
}

static void receive_timeout_is_EAGAIN(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    struct sockaddr_in addr;
    const struct timeval tv = {.tv_usec = 20000};
    char buf[8];
    connection_of(s, fd);
    s->fcntl(fd[SERVER], F_SETFL, 0);
    s->setsockopt(fd[SERVER], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    assert_int_equal(get(s, fd[SERVER], buf, 8), -EAGAIN);
    put(s, fd[CLIENT], "abc");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 8, MSG_WAITALL, NULL, NULL), 3);
    put(s, fd[CLIENT], "abc");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 8, MSG_WAITALL | MSG_PEEK, NULL, NULL), 3);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 3);
    int l = listener_of(s, 1, 0, &addr);
    s->setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    assert_int_equal(s->accept4(l, NULL, NULL, 0), -EAGAIN);
    s->close(l);
    close_both(s, fd);
}

static void send_timeout_returns_what_went(void **state)
{
    const struct sockets *s = *state;
    static char block[16 << 20];
    int fd[2];
    const struct timeval tv = {.tv_usec = 20000};
    connection_of(s, fd);
    s->fcntl(fd[CLIENT], F_SETFL, 0);
    s->setsockopt(fd[CLIENT], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    ssize_t n = s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0);
    assert_in_range(n, 1, sizeof(block) - 1);
    assert_int_equal(s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0), -EAGAIN);
    reset_on_close(s, fd[CLIENT]);
    close_both(s, fd);
}

static void listen_takes_turns_and_backlog(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(SERVER, SOCK_STREAM | SOCK_NONBLOCK, 0), n = 0;
    assert_int_equal(s->listen(fd, 1), 0); /* binds to a port of its own */
    assert_true(port_of(s, fd) != 0);
    assert_int_equal(s->listen(fd, 5), 0);
    assert_int_equal(s->ioctl(fd, SIOCINQ, &n), -EINVAL);
    char c;
    assert_int_equal(get(s, fd, &c, 1), -ENOTCONN);
    assert_int_equal(put(s, fd, "x"), -EPIPE);
    s->close(fd);
}

static void closed_listener_resets_what_waits(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    char c;
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    s->settle();
    s->close(l);
    s->settle();
    assert_int_equal(get(s, fd, &c, 1), -ECONNRESET);
    s->close(fd);
}

static void urgent_byte_is_read_apart(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[8] = "";
    connection_of(s, fd);
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 1, MSG_OOB, NULL, NULL), -EINVAL); /* none */
    put(s, fd[CLIENT], "ab");
    assert_int_equal(s->sendto(fd[CLIENT], "c!", 2, MSG_OOB, NULL, 0), 2);
    put(s, fd[CLIENT], "de");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 8, MSG_OOB, NULL, NULL), 1);
    assert_int_equal(buf[0], '!');
    assert_int_equal(get(s, fd[SERVER], buf, 8), 3); /* up to the mark */
    assert_memory_equal(buf, "abc", 3);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 2);
    assert_memory_equal(buf, "de", 2);
    close_both(s, fd);
}

/* ---- Pollux alone: blocking calls, with the other side's program run meanwhile ---- */

static const struct sockets *other_sockets;
static int other_fd, other_step;

static void send_in_pieces(void)
{
    static const char *const piece[] = {"ab", "cd", "ef"};
    if (other_step < 3)
        put(other_sockets, other_fd, piece[other_step++]);
}

static void waitall_waits_for_all(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[16] = "";
    connection_of(s, fd);
    s->fcntl(fd[SERVER], F_SETFL, 0);
    other_sockets = s;
    other_fd = fd[CLIENT];
    other_step = 0;
    while_waiting = send_in_pieces;
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 6, MSG_WAITALL | MSG_PEEK, NULL, NULL), 6);
    assert_memory_equal(buf, "abcdef", 6);
    other_step = 0;
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 12, MSG_WAITALL, NULL, NULL), 12);
    assert_memory_equal(buf, "abcdefabcdef", 12);
    other_step = 2;
    assert_int_equal(get(s, fd[SERVER], buf, 16), 2);
    while_waiting = NULL;
    close_both(s, fd);
}

static void read_all(void)
{
    static char block[65536];
    ssize_t n;
    while ((n = get(other_sockets, other_fd, block, sizeof(block))) > 0)
        other_step += (int)n;
}

static void blocking_send_waits_for_room(void **state)
{
    const struct sockets *s = *state;
    static char block[8 << 20];
    int fd[2];
    connection_of(s, fd);
    s->fcntl(fd[CLIENT], F_SETFL, 0);
    other_sockets = s;
    other_fd = fd[SERVER];
    other_step = 0;
    while_waiting = read_all;
    assert_int_equal(s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0), sizeof(block));
    const struct iovec two[2] = {{block, 3 << 20}, {block, 5 << 20}};
    assert_int_equal(s->writev(fd[CLIENT], two, 2), sizeof(block));
    s->shutdown(fd[CLIENT], SHUT_WR);
    for (int i = 0; i < 1000; i++) {
        s->settle();
        read_all();
    }
    assert_int_equal(other_step, 2 * sizeof(block));
    while_waiting = NULL;
    close_both(s, fd);
}

/* socket(7) SO_LINGER: close returns when all is acknowledged, or after the time. */
static void lingering_close_waits_for_the_peer(void **state)
{
    const struct sockets *s = *state;
    static char block[100000];
    const struct linger l = {.l_onoff = 1, .l_linger = 30};
    int fd[2];
    connection_of(s, fd);
    s->setsockopt(fd[CLIENT], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    ssize_t n = s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0);
    other_sockets = s;
    other_fd = fd[SERVER];
    other_step = 0;
    while_waiting = read_all;
    uint64_t start = virtual_now();
    assert_int_equal(s->close(fd[CLIENT]), 0);
    assert_true(virtual_now() - start < 30 * NSEC_PER_SEC);
    read_all();
    assert_int_equal(other_step, n);
    assert_int_equal(s->close(fd[CLIENT]), -EBADF);
    while_waiting = NULL;
    s->close(fd[SERVER]);
}

static void numbers_run_out_with_EMFILE(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd[300], n = 0;
    int c = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    while (n < 300 && (fd[n] = s->socket(SERVER, SOCK_STREAM, 0)) >= 0)
        n++;
    assert_int_equal(fd[n], -EMFILE);
    s->connect(c, (struct sockaddr *)&addr, sizeof(addr));
    s->settle();
    assert_int_equal(s->accept4(l, NULL, NULL, 0), -EMFILE);
    assert_int_equal(s->epoll_create1(SERVER, 0), -EMFILE);
    s->close(fd[--n]);
    int conn = s->accept4(l, NULL, NULL, 0); /* it had stayed in the queue */
    assert_int_equal(conn, fd[n]);
    s->close(conn);
    while (n > 0)
        s->close(fd[--n]);
    s->close(c);
    s->close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(socket_checks_its_arguments),
        ON_BOTH(fcntl_and_ioctl_change_blocking),
        ON_BOTH(bind_checks_its_arguments),
        ON_BOTH(reuseaddr_binds_beside_but_not_a_listener),
        ON_BOTH(names_of_both_ends_agree),
        ON_BOTH(accept_gives_the_peer_and_its_flags),
        ON_BOTH(accepted_sockets_inherit_options),
        ON_BOTH(connect_tells_how_far_it_is),
        ON_BOTH(refused_connect_tells_once_and_may_be_repeated),
        ON_BOTH(blocking_connect_returns_the_result),
        ON_BOTH(unconnected_sockets_say_so),
        ON_BOTH(nonblocking_recv_is_EAGAIN),
        ON_BOTH(peek_leaves_the_bytes),
        ON_BOTH(trunc_throws_bytes_away),
        ON_BOTH(an_address_for_a_stream_is_no_matter),
        ON_BOTH(vectors_are_gathered_and_scattered),
        ON_BOTH(end_of_stream_comes_after_the_data),
        ON_BOTH(reset_is_reported_once),
        ON_BOTH(closing_with_unread_data_resets),
        ON_BOTH(closing_with_unsent_data_still_sends_it),
        ON_BOTH(duplicate_keeps_the_connection_open),
        ON_BOTH(full_buffer_takes_part_then_EAGAIN),
        ON_BOTH(options_read_as_they_were_set),
        ON_BOTH(options_of_the_socket_itself_are_read_only),
        ON_BOTH(wrong_options_are_refused),
        ON_BOTH(linger_and_timeouts_read_as_set),
        ON_BOTH(receive_timeout_is_EAGAIN),
        ON_BOTH(send_timeout_returns_what_went),
        ON_BOTH(listen_takes_turns_and_backlog),
        ON_BOTH(closed_listener_resets_what_waits),
        ON_BOTH(urgent_byte_is_read_apart),
        ON_POLLUX(waitall_waits_for_all),
        ON_POLLUX(blocking_send_waits_for_room),
        ON_POLLUX(lingering_close_waits_for_the_peer),
        ON_POLLUX(numbers_run_out_with_EMFILE),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
