/* SPDX-License-Identifier: BSD-3-Clause */
/* The error queue of ip(7), IP_RECVERR: each body runs over Pollux and over Linux. */
#include <time.h> /* the next one needs it */

#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>

#include "sockets.h"

/* A port of the server's where nobody is. */
static struct sockaddr_in nobody(const struct sockets *s)
{
    struct sockaddr_in a = address_of(s, SERVER, 0);
    int fd = s->socket(SERVER, SOCK_DGRAM, 0);
    assert_int_equal(s->bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    a.sin_port = htons(port_of(s, fd));
    s->close(fd);
    return a;
}

static int asking(const struct sockets *s)
{
    const int on = 1;
    int fd = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
    assert_int_equal(get_int(s, fd, IPPROTO_IP, IP_RECVERR), 1);
    return fd;
}

struct report {
    struct sockaddr_in name;
    struct sock_extended_err ee;
    struct sockaddr_in offender;
    char data[64];
    int flags;
};

static ssize_t error_of(const struct sockets *s, int fd, struct report *r)
{
    char control[256];
    struct iovec iov = {r->data, sizeof(r->data)};
    struct msghdr m = {.msg_name = &r->name,
                       .msg_namelen = sizeof(r->name),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = s->recvmsg(fd, &m, MSG_ERRQUEUE);
    if (n < 0)
        return n;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    assert_int_equal(c->cmsg_level, IPPROTO_IP);
    assert_int_equal(c->cmsg_type, IP_RECVERR);
    memcpy(&r->ee, CMSG_DATA(c), sizeof(r->ee));
    memcpy(&r->offender, SO_EE_OFFENDER((struct sock_extended_err *)CMSG_DATA(c)), sizeof(r->offender));
    r->flags = m.msg_flags;
    return n;
}

/* An unconnected socket hears which datagram failed, what was in it, and who said so. */
static void port_unreachable_is_queued(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in a = nobody(s);
    struct report r;
    int fd = asking(s);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(error_of(s, fd, &r), -EAGAIN);
    assert_int_equal(s->sendto(fd, "hello", 5, 0, (struct sockaddr *)&a, sizeof(a)), 5);
    s->settle();
    assert_int_equal(s->poll(&p, 1, 0), 1);
    assert_int_equal(p.revents, POLLERR);
    assert_int_equal(error_of(s, fd, &r), 5);
    assert_memory_equal(r.data, "hello", 5);
    assert_int_equal(r.ee.ee_errno, ECONNREFUSED);
    assert_int_equal(r.ee.ee_origin, SO_EE_ORIGIN_ICMP);
    assert_int_equal(r.ee.ee_type, ICMP_DEST_UNREACH);
    assert_int_equal(r.ee.ee_code, ICMP_PORT_UNREACH);
    assert_int_equal(r.name.sin_addr.s_addr, a.sin_addr.s_addr);
    assert_int_equal(r.name.sin_port, a.sin_port);
    assert_int_equal(r.offender.sin_addr.s_addr, a.sin_addr.s_addr);
    assert_true((r.flags & MSG_ERRQUEUE) != 0);
    assert_int_equal(error_of(s, fd, &r), -EAGAIN);
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), 0); /* went with the entry */
    s->close(fd);
}

/* The pending error comes from ordinary calls as well, and leaves the queue as it is. */
static void pending_error_and_queue_are_two(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in a = nobody(s);
    struct report r;
    char buf[8];
    int fd = asking(s);
    assert_int_equal(s->sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    s->settle();
    assert_int_equal(get(s, fd, buf, sizeof(buf)), -ECONNREFUSED);
    assert_int_equal(get(s, fd, buf, sizeof(buf)), -EAGAIN);
    assert_int_equal(error_of(s, fd, &r), 1);
    s->close(fd);
}

/* A datagram that no packet can hold: the call says so, and the queue with which MTU; nobody sent a message.
 */
static void too_large_is_queued(void **state)
{
    const struct sockets *s = *state;
    static char data[65510];
    struct sockaddr_in a = nobody(s);
    struct report r;
    int fd = asking(s);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(s->sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&a, sizeof(a)), -EMSGSIZE);
    assert_int_equal(s->poll(&p, 1, 0), 1);
    assert_int_equal(p.revents, POLLERR);
    assert_int_equal(error_of(s, fd, &r), 0);
    assert_int_equal(r.ee.ee_errno, EMSGSIZE);
    assert_int_equal(r.ee.ee_origin, SO_EE_ORIGIN_LOCAL);
    assert_int_equal(r.ee.ee_type, 0);
    assert_true(r.ee.ee_info >= 1500);
    assert_int_equal(r.name.sin_addr.s_addr, a.sin_addr.s_addr);
    assert_int_equal(r.name.sin_port, 0); /* of a socket that is not connected */
    assert_int_equal(r.offender.sin_family, AF_UNSPEC);
    assert_int_equal(error_of(s, fd, &r), -EAGAIN);
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), 0);
    s->close(fd);
}

/* IP_PMTUDISC_DO: what does not fit the path is refused, never fragmented. */
static void larger_than_the_path_is_queued(void **state)
{
    const struct sockets *s = *state;
    static char data[1473];
    const int discover = IP_PMTUDISC_DO, wrong = 9;
    struct sockaddr_in a = nobody(s);
    struct report r;
    int fd = asking(s);
    assert_int_equal(get_int(s, fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_WANT);
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &wrong, sizeof(wrong)), -EINVAL);
    assert_int_equal(s->sendto(fd, data, 1473, 0, (struct sockaddr *)&a, sizeof(a)), 1473);
    s->settle();
    assert_true(error_of(s, fd, &r) > 0); /* in fragments it came to a port that nobody has */
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover)), 0);
    assert_int_equal(s->sendto(fd, data, 1473, 0, (struct sockaddr *)&a, sizeof(a)), -EMSGSIZE);
    assert_int_equal(error_of(s, fd, &r), 0);
    assert_int_equal(r.ee.ee_info, 1500);
    assert_int_equal(s->sendto(fd, data, 1472, 0, (struct sockaddr *)&a, sizeof(a)), 1472);
    s->close(fd);
}

/* Turning it off empties the queue. */
static void turned_off_it_is_empty(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in a = nobody(s);
    struct report r;
    const int off = 0;
    int fd = asking(s);
    assert_int_equal(s->sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
    s->settle();
    assert_int_equal(s->setsockopt(fd, IPPROTO_IP, IP_RECVERR, &off, sizeof(off)), 0);
    assert_int_equal(error_of(s, fd, &r), -EAGAIN);
    s->close(fd);
}

/* A queue that nobody reads is bounded, and the newest stay. */
static void queue_is_bounded(void **state)
{
    const struct sockets *s = *state;
    struct sockaddr_in a = nobody(s);
    struct report r;
    int fd = asking(s), n = 0;
    for (int i = 0; i < 2000; i++) {
        s->sendto(fd, &i, sizeof(i), 0, (struct sockaddr *)&a, sizeof(a));
        get_int(s, fd, SOL_SOCKET, SO_ERROR);
    }
    s->settle();
    while (error_of(s, fd, &r) > 0)
        n++;
    assert_in_range(n, 1, 1000);
    s->close(fd);
}

/* A stream has no such queue. */
static void stream_has_none(void **state)
{
    const struct sockets *s = *state;
    struct report r;
    int fd[2];
    connection_of(s, fd);
    assert_int_equal(error_of(s, fd[CLIENT], &r), -EAGAIN);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(port_unreachable_is_queued),
        ON_BOTH(pending_error_and_queue_are_two),
        ON_BOTH(too_large_is_queued),
        ON_POLLUX(larger_than_the_path_is_queued),
        ON_BOTH(turned_off_it_is_empty),
        ON_BOTH(queue_is_bounded),
        ON_BOTH(stream_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
