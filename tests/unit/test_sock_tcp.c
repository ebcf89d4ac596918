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

/* RFC9293-MUST-45 */
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

/* RFC9293-MUST-46: there is no connection with a group or with everybody. */
static void groups_cannot_be_connected_to(void **state)
{
    const struct sockets *s = *state;
    static const uint32_t groups[] = {0xe0000001, 0xefffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        int fd = s->socket(CLIENT, SOCK_STREAM, 0);
        struct sockaddr_in a = address_of(s, SERVER, 80);
        a.sin_addr.s_addr = htonl(groups[i]);
        assert_int_equal(s->connect(fd, (struct sockaddr *)&a, sizeof(a)), -ENETUNREACH);
        s->close(fd);
    }
}

/* RFC9293-MUST-41: a socket that listens on the port of a connection leaves that alone, also when it is
 * closed. */
static void listening_leaves_connections_alone(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    const int yes = 1;
    char buf[8];
    int fd[2], first = listener_of(s, 1, SOCK_STREAM, &addr);
    assert_int_equal(s->setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    fd[CLIENT] = s->socket(CLIENT, SOCK_STREAM, 0);
    assert_int_equal(s->connect(fd[CLIENT], (struct sockaddr *)&addr, sizeof(addr)), 0);
    fd[SERVER] = s->accept4(first, NULL, NULL, 0);
    s->close(first);
    int second = s->socket(SERVER, SOCK_STREAM, 0);
    assert_int_equal(s->setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    assert_int_equal(s->bind(second, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(s->listen(second, 1), 0);
    assert_int_equal(put(s, fd[CLIENT], "one"), 3);
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, sizeof(buf)), 3);
    s->close(second);
    assert_int_equal(put(s, fd[SERVER], "four"), 4);
    s->settle();
    assert_int_equal(get(s, fd[CLIENT], buf, sizeof(buf)), 4);
    close_both(s, fd);
}

/* RFC9293-MUST-43, RFC9293-MUST-45: bind before connect chooses our address and port, and they stay. */
static void connect_from_a_chosen_address(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr, own = address_of(s, CLIENT, 0), seen;
    socklen_t len = sizeof(seen);
    int fd[2], l = listener_of(s, 1, SOCK_STREAM, &addr);
    fd[CLIENT] = s->socket(CLIENT, SOCK_STREAM, 0);
    assert_int_equal(s->bind(fd[CLIENT], (struct sockaddr *)&own, sizeof(own)), 0);
    uint16_t port = port_of(s, fd[CLIENT]);
    assert_int_equal(s->connect(fd[CLIENT], (struct sockaddr *)&addr, sizeof(addr)), 0);
    fd[SERVER] = s->accept4(l, (struct sockaddr *)&seen, &len, 0);
    assert_int_equal(seen.sin_addr.s_addr, own.sin_addr.s_addr);
    assert_int_equal(ntohs(seen.sin_port), port);
    s->close(l);
    close_both(s, fd);
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

/* RFC1122-4.2.2.13: closing with unread data is a reset. */
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

/* RFC9293-MUST-32, RFC9293-MUST-33 */
static void urgent_byte_is_read_apart(void **state)
{
    const struct sockets *s = *state;
    int fd[2], mark = -1;
    char buf[8] = "";
    connection_of(s, fd);
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 1, MSG_OOB, NULL, NULL), -EINVAL); /* none */
    put(s, fd[CLIENT], "ab");
    assert_int_equal(s->sendto(fd[CLIENT], "c!", 2, MSG_OOB, NULL, 0), 2);
    put(s, fd[CLIENT], "de");
    s->settle();
    assert_int_equal(s->recvfrom(fd[SERVER], buf, 8, MSG_OOB, NULL, NULL), 1);
    assert_int_equal(buf[0], '!');
    assert_int_equal(s->ioctl(fd[SERVER], SIOCATMARK, &mark), 0);
    assert_int_equal(mark, 0);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 3); /* up to the mark */
    assert_memory_equal(buf, "abc", 3);
    assert_int_equal(s->ioctl(fd[SERVER], SIOCATMARK, &mark), 0);
    assert_int_equal(mark, 1);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 2);
    assert_memory_equal(buf, "de", 2);
    assert_int_equal(s->ioctl(fd[SERVER], SIOCATMARK, &mark), 0);
    assert_int_equal(mark, 0);
    close_both(s, fd);
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
        ON_BOTH(bind_checks_its_arguments),
        ON_BOTH(reuseaddr_binds_beside_but_not_a_listener),
        ON_BOTH(names_of_both_ends_agree),
        ON_BOTH(accept_gives_the_peer_and_its_flags),
        ON_BOTH(groups_cannot_be_connected_to),
        ON_BOTH(listening_leaves_connections_alone),
        ON_BOTH(connect_from_a_chosen_address),
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
        ON_BOTH(listen_takes_turns_and_backlog),
        ON_BOTH(closed_listener_resets_what_waits),
        ON_BOTH(urgent_byte_is_read_apart),
        ON_POLLUX(numbers_run_out_with_EMFILE),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
