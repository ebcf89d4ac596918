/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of sockets, and calls that wait: each body runs over Pollux and over Linux, but for those at the
 * end. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "sockets.h"

#define PORT_RANGE 51 /* IP_LOCAL_PORT_RANGE of Linux 6.3 */

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

/* On Linux an accepted socket does not inherit O_NONBLOCK (accept(2)), but most options (tcp(7)). */
static void accepted_sockets_inherit_options(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in addr;
    const struct timeval tv = {.tv_sec = 3};
    struct timeval got;
    socklen_t len = sizeof(got);
    int l = listener_of(s, 4, SOCK_NONBLOCK, &addr), fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0),
        on = 1;
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

static void options_read_as_they_were_set(void **state)
{
    const struct sockets *s = *state;
    static const struct {
        int level, name, set, get;
    } cases[] = {
        {SOL_SOCKET, SO_REUSEADDR, 5, 1},      {SOL_SOCKET, SO_REUSEPORT, 1, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1, 1},      {SOL_SOCKET, SO_KEEPALIVE, 0, 0},
        {SOL_SOCKET, SO_BROADCAST, 1, 1},      {SOL_SOCKET, SO_OOBINLINE, 1, 1},
        {SOL_SOCKET, SO_RCVBUF, 10000, 20000}, {SOL_SOCKET, SO_SNDBUF, 10000, 20000},
        {SOL_SOCKET, SO_RCVBUF, 0, 2304},      {SOL_SOCKET, SO_SNDBUF, 0, 4608},
        {SOL_SOCKET, SO_RCVLOWAT, 7, 7},       {IPPROTO_TCP, TCP_NODELAY, 1, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 11, 11},   {IPPROTO_TCP, TCP_KEEPINTVL, 12, 12},
        {IPPROTO_TCP, TCP_KEEPCNT, 13, 13},    {IPPROTO_IP, IP_TTL, 17, 17},
        {IPPROTO_IP, IP_TOS, 0x10, 0x10},
    };
    int fd = s->socket(CLIENT, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = s->setsockopt(fd, cases[i].level, cases[i].name, &cases[i].set, sizeof(int));
        int v = get_int(s, fd, cases[i].level, cases[i].name);
        if (r != 0 || v != cases[i].get)
            fail_msg("level %d option %d: set %d gives %d, get %d instead of %d", cases[i].level,
                     cases[i].name, cases[i].set, r, v, cases[i].get);
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
    /* Loopback on a busy machine moves on only after the time is over, and there is room again. */
    for (int i = 0; i < 50 && n > 0; i++)
        n = s->sendto(fd[CLIENT], block, sizeof(block), 0, NULL, 0);
    assert_int_equal(n, -EAGAIN);
    reset_on_close(s, fd[CLIENT]);
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

/* tcp(7) TCP_INQ: recvmsg tells what is left; the end of the stream counts as one more. */
static void inq_comes_with_the_data(void **state)
{
    const struct sockets *s = *state;
    char buf[100], control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {.iov_base = buf, .iov_len = 60};
    int fd[2], on = 1, left;
    socklen_t len = sizeof(on);
    connection_of(s, fd);
    assert_int_equal(s->setsockopt(fd[SERVER], IPPROTO_TCP, TCP_INQ, &on, sizeof(on)), 0);
    on = 2;
    assert_int_equal(s->setsockopt(fd[SERVER], IPPROTO_TCP, TCP_INQ, &on, sizeof(on)), -EINVAL);
    assert_int_equal(s->getsockopt(fd[SERVER], IPPROTO_TCP, TCP_INQ, &on, &len), 0);
    assert_int_equal(on, 1);
    assert_int_equal(s->sendto(fd[CLIENT], buf, 100, 0, NULL, 0), 100);
    assert_int_equal(s->close(fd[CLIENT]), 0);
    s->settle();
    static const int want[] = {41, 1};
    for (unsigned i = 0; i < 2; i++) {
        struct msghdr m = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        assert_int_equal(s->recvmsg(fd[SERVER], &m, 0), i == 0 ? 60 : 40);
        assert_true(m.msg_controllen >= CMSG_LEN(sizeof(int)));
        const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        assert_int_equal(c->cmsg_level, IPPROTO_TCP);
        assert_int_equal(c->cmsg_type, TCP_CM_INQ);
        memcpy(&left, CMSG_DATA(c), sizeof(left));
        assert_int_equal(left, want[i]);
    }
    s->close(fd[SERVER]);
}

/* SIOCOUTQNSD: what was never sent; nothing once all is on its way. TCP_INFO: cut to what the caller has room
 * for. */
static void unsent_bytes_and_info(void **state)
{
    const struct sockets *s = *state;
    char buf[1000] = {0};
    uint8_t info[512];
    int fd[2], n = -1;
    connection_of(s, fd);
    assert_int_equal(s->sendto(fd[CLIENT], buf, sizeof(buf), 0, NULL, 0), sizeof(buf));
    s->settle();
    assert_int_equal(s->ioctl(fd[CLIENT], SIOCOUTQNSD, &n), 0);
    assert_int_equal(n, 0);
    socklen_t len = 8;
    info[8] = 0x5a;
    assert_int_equal(s->getsockopt(fd[CLIENT], IPPROTO_TCP, TCP_INFO, info, &len), 0);
    assert_int_equal(len, 8);
    assert_int_equal(info[0], TCP_ESTABLISHED);
    assert_int_equal(info[8], 0x5a);
    len = sizeof(info);
    assert_int_equal(s->getsockopt(fd[CLIENT], IPPROTO_TCP, TCP_INFO, info, &len), 0);
    assert_true(len >= 232 && len < sizeof(info));
    close_both(s, fd);
}

/* ip(7) IP_BIND_ADDRESS_NO_PORT: bind chooses the address, connect the port. */
static void an_address_can_be_bound_without_a_port(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in to, own = address_of(s, CLIENT, 0), got;
    socklen_t len = sizeof(got);
    int on = 1, l = listener_of(s, 4, SOCK_NONBLOCK, &to),
        fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)), 0);
    assert_int_equal(get_int(s, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(port_of(s, fd), 0);
    assert_int_equal(s->connect(fd, (struct sockaddr *)&to, sizeof(to)), -EINPROGRESS);
    assert_int_not_equal(port_of(s, fd), 0);
    assert_int_equal(s->getsockname(fd, (struct sockaddr *)&got, &len), 0);
    assert_int_equal(got.sin_addr.s_addr, own.sin_addr.s_addr);
    s->settle();
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), 0);
    s->close(fd);
    s->close(l);
}

/* ip(7) IP_LOCAL_PORT_RANGE: connect, and bind to port 0, choose from it; what lies outside the system's
 * range does not count. */
static void ports_come_from_the_sockets_range(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in to, own = address_of(s, CLIENT, 0);
    int range = (int)(50003u << 16 | 50002u), upside_down = (int)(50002u << 16 | 50003u), off = 1 << 16 | 1;
    int l = listener_of(s, 4, SOCK_NONBLOCK, &to), fd[3];

    for (unsigned i = 0; i < 3; i++) {
        fd[i] = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_int_equal(s->setsockopt(fd[i], IPPROTO_IP, PORT_RANGE, &upside_down, sizeof(int)), -EINVAL);
        assert_int_equal(s->setsockopt(fd[i], IPPROTO_IP, PORT_RANGE, &range, sizeof(int)), 0);
        assert_int_equal(get_int(s, fd[i], IPPROTO_IP, PORT_RANGE), range);
        assert_int_equal(s->bind(fd[i], (struct sockaddr *)&own, sizeof(own)), i < 2 ? 0 : -EADDRINUSE);
        if (i < 2)
            assert_int_equal(port_of(s, fd[i]) & ~1, 50002);
    }
    assert_int_equal(s->setsockopt(fd[2], IPPROTO_IP, PORT_RANGE, &off, sizeof(int)), 0);
    assert_int_equal(s->bind(fd[2], (struct sockaddr *)&own, sizeof(own)), 0);
    assert_true(port_of(s, fd[2]) > 1);
    for (unsigned i = 0; i < 3; i++)
        s->close(fd[i]);
    s->close(l);
}

/* ip(7) IP_FREEBIND: bind takes an address that is not (yet) ours. */
static void a_foreign_address_can_be_bound_freely(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc6336405)}; /* 198.51.100.5 */
    const int on = 1, type[2] = {SOCK_STREAM, SOCK_DGRAM};

    for (unsigned i = 0; i < 2; i++) {
        int fd = s->socket(CLIENT, type[i] | SOCK_NONBLOCK, 0);
        assert_int_equal(get_int(s, fd, IPPROTO_IP, IP_FREEBIND), 0);
        assert_int_equal(s->bind(fd, (struct sockaddr *)&a, sizeof(a)), -EADDRNOTAVAIL);
        assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
        assert_int_equal(get_int(s, fd, IPPROTO_IP, IP_FREEBIND), 1);
        assert_int_equal(s->bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_not_equal(port_of(s, fd), 0);
        if (i == 0)
            assert_int_equal(s->listen(fd, 1), 0);
        s->close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(fcntl_and_ioctl_change_blocking),
        ON_BOTH(accepted_sockets_inherit_options),
        ON_BOTH(options_read_as_they_were_set),
        ON_BOTH(options_of_the_socket_itself_are_read_only),
        ON_BOTH(wrong_options_are_refused),
        ON_BOTH(linger_and_timeouts_read_as_set),
        ON_BOTH(inq_comes_with_the_data),
        ON_BOTH(unsent_bytes_and_info),
        ON_BOTH(an_address_can_be_bound_without_a_port),
        ON_BOTH(ports_come_from_the_sockets_range),
        ON_BOTH(a_foreign_address_can_be_bound_freely),
        ON_BOTH(receive_timeout_is_EAGAIN),
        ON_BOTH(send_timeout_returns_what_went),
        ON_POLLUX(waitall_waits_for_all),
        ON_POLLUX(blocking_send_waits_for_room),
        ON_POLLUX(lingering_close_waits_for_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
