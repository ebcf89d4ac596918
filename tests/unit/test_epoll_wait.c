/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll_wait(2) and the rounds of the engine: how long it waits, and what ends it. */
#include <fcntl.h>

#include "posix/engine.h"
#include "sockets.h"

static void waiting_takes_its_time_and_no_more(void **state)
{
    const struct sockets *s = *state;
    int ep = s->epoll_create1(CLIENT, 0);
    struct epoll_event ev;
    uint64_t start = virtual_now();
    assert_int_equal(s->epoll_wait(ep, &ev, 1, 250), 0);
    assert_in_range(virtual_now() - start, 250 * NSEC_PER_MSEC, 251 * NSEC_PER_MSEC);
    s->close(ep);
}

static const struct sockets *waiting_sockets;
static int waiting_fd;

static void send_once(void)
{
    if (waiting_fd >= 0)
        put(waiting_sockets, waiting_fd, "x");
    waiting_fd = -1;
}

static void an_arrival_ends_the_wait(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev;
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    waiting_sockets = s;
    waiting_fd = fd[CLIENT];
    while_waiting = send_once;
    assert_int_equal(s->epoll_wait(ep, &ev, 1, -1), 1);
    assert_int_equal(ev.events, EPOLLIN);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void stop_now(void)
{
    stop_engines(1);
}

static void stopping_ends_every_wait(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev;
    struct pollfd p;
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    while_waiting = stop_now;
    assert_int_equal(s->epoll_wait(ep, &ev, 1, -1), -EINTR);
    put(s, fd[CLIENT], "x");
    s->settle();
    assert_int_equal(s->epoll_wait(ep, &ev, 1, -1), -EINTR); /* though something is ready */
    p = (struct pollfd){.fd = fd[SERVER], .events = POLLIN};
    assert_int_equal(s->poll(&p, 1, -1), -EINTR);
    s->fcntl(fd[SERVER], F_SETFL, 0);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 1); /* need not wait */
    assert_int_equal(get(s, fd[SERVER], buf, 8), -EINTR);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* An application that registers what is ready has its answer out with the next round; one that does it for
 * ever does not keep rounds from coming. */
static void ready_when_registered_is_told_before_a_round_once(void **state)
{
    const struct sockets *s = *state;
    const uint64_t *sent = &engine_counters(engine_of(SERVER))->v[CNT_TCP_OUT];
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN}, out;
    connection_of(s, fd);
    put(s, fd[CLIENT], "x");
    s->settle();
    put(s, fd[SERVER], "y"); /* goes out with the next round */
    uint64_t before = *sent;
    watch(s, ep, fd[SERVER], EPOLLIN);
    assert_int_equal(s->epoll_wait(ep, &out, 1, 0), 1);
    assert_int_equal(*sent, before);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), 0);
    assert_int_equal(s->epoll_wait(ep, &out, 1, 0), 1);
    assert_int_equal(*sent, before + 1);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POLLUX(ready_when_registered_is_told_before_a_round_once),
        ON_POLLUX(waiting_takes_its_time_and_no_more),
        ON_POLLUX(an_arrival_ends_the_wait),
        ON_POLLUX(stopping_ends_every_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
