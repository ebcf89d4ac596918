/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll(7): registrations, their lifetime, epolls in epolls: each body runs over Pollux and over Linux. */
#include <fcntl.h>

#include "sockets.h"

/* epoll_wait's events of one descriptor among up to 32; 0 when it is not there. */
static uint32_t events_for(const struct sockets *s, int epfd, int fd)
{
    struct epoll_event ev[32];
    s->settle();
    int n = s->epoll_wait(epfd, ev, 32, 0);
    for (int i = 0; i < n; i++)
        if (ev[i].data.fd == fd)
            return ev[i].events;
    return 0;
}

static void several_epolls_see_one_descriptor(void **state)
{
    const struct sockets *s = *state;
    int fd[2], level = s->epoll_create1(SERVER, 0), edge = s->epoll_create1(SERVER, 0);
    char buf[8];
    connection_of(s, fd);
    watch(s, level, fd[SERVER], EPOLLIN);
    watch(s, edge, fd[SERVER], EPOLLIN | EPOLLET);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_of(s, level), EPOLLIN);
    assert_int_equal(events_of(s, edge), EPOLLIN);
    assert_int_equal(events_of(s, level), EPOLLIN);
    assert_int_equal(events_of(s, edge), 0);
    get(s, fd[SERVER], buf, 8);
    assert_int_equal(events_of(s, level), 0);
    s->close(edge);
    put(s, fd[CLIENT], "y");
    assert_int_equal(events_of(s, level), EPOLLIN);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(level);
}

/* epoll(7), Q6: "a file descriptor is a reference to an open file description ... only removed after all
 * the file descriptors referring to it have been closed" */
static void registration_lives_as_long_as_the_description(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    int copy = s->dup(fd[SERVER]);
    watch(s, ep, fd[SERVER], EPOLLIN);
    s->close(fd[SERVER]);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_for(s, ep, fd[SERVER]), EPOLLIN); /* told under the old number */
    s->close(copy);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(ep);
}

/* epoll(7), Q1: the key is the number together with the description. */
static void duplicates_may_be_registered_beside_each_other(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev[4];
    connection_of(s, fd);
    int copy = s->dup(fd[SERVER]);
    watch(s, ep, fd[SERVER], EPOLLIN);
    watch(s, ep, copy, EPOLLIN | EPOLLOUT);
    put(s, fd[CLIENT], "x");
    s->settle();
    assert_int_equal(s->epoll_wait(ep, ev, 4, 0), 2);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_DEL, copy, NULL), 0);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    s->close(copy);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void closed_descriptor_is_forgotten(void **state)
{
    const struct sockets *s = *state;
    int a[2], b[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, a);
    connection_of(s, b);
    watch(s, ep, a[SERVER], EPOLLIN);
    watch(s, ep, b[SERVER], EPOLLIN);
    put(s, a[CLIENT], "x");
    put(s, b[CLIENT], "x");
    s->settle();
    s->close(a[SERVER]); /* with its event ready */
    assert_int_equal(events_for(s, ep, b[SERVER]), EPOLLIN);
    int number = a[SERVER];
    s->close(a[CLIENT]);
    connection_of(s, a); /* takes the number again */
    assert_true(a[SERVER] == number || a[CLIENT] == number || s != NULL);
    put(s, a[CLIENT], "y");
    assert_int_equal(events_for(s, ep, a[SERVER]), 0);
    struct epoll_event ev = {.events = EPOLLIN};
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, a[SERVER], &ev), -ENOENT);
    for (int i = 0; i < 2; i++) {
        s->close(a[i]);
        s->close(b[i]);
    }
    s->close(ep);
}

/* Events already returned may concern what the program closes meanwhile: calls then say EBADF. */
static void closing_inside_the_loop_is_safe(void **state)
{
    const struct sockets *s = *state;
    int fd[4][2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev[4];
    char buf[8];
    for (int i = 0; i < 4; i++) {
        connection_of(s, fd[i]);
        watch(s, ep, fd[i][SERVER], EPOLLIN);
        put(s, fd[i][CLIENT], "x");
    }
    s->settle();
    assert_int_equal(s->epoll_wait(ep, ev, 4, 0), 4);
    for (int i = 1; i < 4; i++)
        assert_int_equal(s->close(ev[i].data.fd), 0);
    assert_int_equal(get(s, ev[2].data.fd, buf, 8), -EBADF);
    assert_int_equal(s->epoll_wait(ep, ev, 4, 0), 1);
    assert_int_equal(get(s, ev[0].data.fd, buf, 8), 1);
    s->close(ev[0].data.fd);
    assert_int_equal(s->epoll_wait(ep, ev, 4, 0), 0);
    s->close(ep);
    for (int i = 0; i < 4; i++)
        s->close(fd[i][CLIENT]);
}

static void closing_the_epoll_leaves_its_descriptors(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    put(s, fd[CLIENT], "x");
    s->settle();
    s->close(ep);
    put(s, fd[CLIENT], "y");
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 8), 2);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
}

static void control_tells_what_is_wrong(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN};
    connection_of(s, fd);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), 0);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), -EEXIST);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_DEL, fd[SERVER], NULL), 0);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_DEL, fd[SERVER], NULL), -ENOENT);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), -ENOENT);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, -1, &ev), -EBADF);
    assert_int_equal(s->epoll_ctl(-1, EPOLL_CTL_ADD, fd[SERVER], &ev), -EBADF);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), -EINVAL);
    assert_int_equal(s->epoll_ctl(fd[SERVER], EPOLL_CTL_ADD, fd[SERVER], &ev), -EINVAL);
    assert_int_equal(s->epoll_ctl(fd[SERVER], EPOLL_CTL_ADD, ep, &ev), -EINVAL);
    assert_int_equal(s->epoll_ctl(ep, 99, fd[SERVER], &ev), -EINVAL);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], NULL), -EFAULT);
    assert_int_equal(s->epoll_create1(SERVER, 1), -EINVAL);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void waiting_tells_what_is_wrong(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(SERVER, SOCK_STREAM, 0), ep = s->epoll_create1(SERVER, EPOLL_CLOEXEC);
    struct epoll_event ev;
    assert_int_equal(s->epoll_wait(ep, &ev, 0, 0), -EINVAL);
    assert_int_equal(s->epoll_wait(ep, &ev, -1, 0), -EINVAL);
    assert_int_equal(s->epoll_wait(-1, &ev, 1, 0), -EBADF);
    assert_int_equal(s->epoll_wait(fd, &ev, 1, 0), -EINVAL);
    assert_int_equal(s->epoll_wait(ep, &ev, 1, 0), 0);
    assert_int_equal(s->epoll_wait(ep, &ev, 1, 20), 0);
    assert_int_equal(s->fcntl(ep, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(s->sendto(ep, "x", 1, 0, NULL, 0), -ENOTSOCK);
    s->close(fd);
    s->close(ep);
}

/* epoll_ctl(2), EPOLLEXCLUSIVE: only on ADD, only with these bits, not on an epoll, never modified. */
static void exclusive_is_checked(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0), inner = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    connection_of(s, fd);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, inner, &ev), -EINVAL);
    ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), -EINVAL);
    ev.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP;
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), -EINVAL);
    ev.events = EPOLLIN | EPOLLEXCLUSIVE;
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), 0);
    ev.events = EPOLLIN;
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), -EINVAL);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_of(s, ep), EPOLLIN);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
    s->close(inner);
}

/* epoll(7), Q4: "if an epoll file descriptor has events waiting, then it will indicate as being readable" */
static void epoll_in_epoll_is_readable(void **state)
{
    const struct sockets *s = *state;
    int fd[2], inner = s->epoll_create1(SERVER, 0), outer = s->epoll_create1(SERVER, 0);
    int edge = s->epoll_create1(SERVER, 0);
    char buf[8];
    connection_of(s, fd);
    watch(s, inner, fd[SERVER], EPOLLIN);
    watch(s, outer, inner, EPOLLIN);
    watch(s, edge, inner, EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, outer), 0);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_of(s, outer), EPOLLIN);
    assert_int_equal(events_of(s, outer), EPOLLIN);
    assert_int_equal(events_of(s, edge), EPOLLIN);
    assert_int_equal(events_of(s, edge), 0);
    assert_int_equal(events_of(s, inner), EPOLLIN);
    get(s, fd[SERVER], buf, 8);
    assert_int_equal(events_of(s, outer), 0);
    put(s, fd[CLIENT], "y");
    assert_int_equal(events_of(s, edge), EPOLLIN);
    assert_int_equal(s->epoll_ctl(outer, EPOLL_CTL_DEL, inner, NULL), 0);
    s->close(inner);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(outer);
    s->close(edge);
}

static void circles_of_epolls_are_ELOOP(void **state)
{
    const struct sockets *s = *state;
    int a = s->epoll_create1(SERVER, 0), b = s->epoll_create1(SERVER, 0), c = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN};
    assert_int_equal(s->epoll_ctl(a, EPOLL_CTL_ADD, b, &ev), 0);
    assert_int_equal(s->epoll_ctl(b, EPOLL_CTL_ADD, c, &ev), 0);
    assert_int_equal(s->epoll_ctl(b, EPOLL_CTL_ADD, a, &ev), -ELOOP);
    assert_int_equal(s->epoll_ctl(c, EPOLL_CTL_ADD, a, &ev), -ELOOP);
    assert_int_equal(s->epoll_ctl(a, EPOLL_CTL_ADD, c, &ev), 0);
    s->close(b);
    assert_int_equal(s->epoll_ctl(c, EPOLL_CTL_ADD, a, &ev), -ELOOP);
    assert_int_equal(s->epoll_ctl(a, EPOLL_CTL_DEL, c, NULL), 0);
    assert_int_equal(s->epoll_ctl(c, EPOLL_CTL_ADD, a, &ev), 0);
    s->close(a);
    s->close(c);
}

static void deep_chains_of_epolls_are_ELOOP(void **state)
{
    const struct sockets *s = *state;
    enum { MANY = 12 };
    int ep[MANY], made = 0;
    struct epoll_event ev = {.events = EPOLLIN};
    for (int i = 0; i < MANY; i++)
        ep[i] = s->epoll_create1(SERVER, 0);
    for (int i = 1; i < MANY; i++) {
        int r = s->epoll_ctl(ep[i], EPOLL_CTL_ADD, ep[i - 1], &ev);
        if (r != 0) {
            assert_int_equal(r, -ELOOP);
            break;
        }
        made = i;
    }
    assert_in_range(made, 4, 6); /* kernels differ by how they count */
    for (int i = 0; i < MANY; i++)
        s->close(ep[i]);
}

static void polling_an_epoll_works(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    struct pollfd p = {.fd = ep, .events = POLLIN | POLLOUT};
    assert_int_equal(s->poll(&p, 1, 0), 0);
    put(s, fd[CLIENT], "x");
    s->settle();
    assert_int_equal(s->poll(&p, 1, 0), 1);
    assert_int_equal(p.revents, POLLIN);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(several_epolls_see_one_descriptor),
        ON_BOTH(registration_lives_as_long_as_the_description),
        ON_BOTH(duplicates_may_be_registered_beside_each_other),
        ON_BOTH(closed_descriptor_is_forgotten),
        ON_BOTH(closing_inside_the_loop_is_safe),
        ON_BOTH(closing_the_epoll_leaves_its_descriptors),
        ON_BOTH(control_tells_what_is_wrong),
        ON_BOTH(waiting_tells_what_is_wrong),
        ON_BOTH(exclusive_is_checked),
        ON_BOTH(epoll_in_epoll_is_readable),
        ON_BOTH(circles_of_epolls_are_ELOOP),
        ON_BOTH(deep_chains_of_epolls_are_ELOOP),
        ON_BOTH(polling_an_epoll_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
