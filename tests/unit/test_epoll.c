/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll(7): each body runs over Pollux and over Linux. */
#include "sockets.h"

static void fill(const struct sockets *s, int fd)
{
    static char block[16384];
    while (s->sendto(fd, block, sizeof(block), 0, NULL, 0) > 0)
        s->settle();
}

static void drain(const struct sockets *s, int fd)
{
    static char block[65536];
    for (int i = 0; i < 3; i++, s->settle())
        while (s->recvfrom(fd, block, sizeof(block), 0, NULL, NULL) > 0)
            s->settle();
}

/* "level-triggered: ... epoll_wait will return as long as there is data" */
static void level_is_reported_until_read(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char buf[16];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(put(s, fd[CLIENT], "hello"), 5);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(get(s, fd[SERVER], buf, 3), 3);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 2);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* "edge-triggered: ... delivers events only when changes occur"; and at every arrival, read or not. */
static void edge_fires_once_per_arrival(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char buf[16];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, ep), 0);
    put(s, fd[CLIENT], "one");
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    put(s, fd[CLIENT], "two");
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(get(s, fd[SERVER], buf, 4), 4);
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(get(s, fd[SERVER], buf, 16), 2);
    assert_int_equal(get(s, fd[SERVER], buf, 16), -EAGAIN);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void edge_that_was_read_away_is_not_reported(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char buf[16];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLET);
    put(s, fd[CLIENT], "one");
    s->settle();
    assert_int_equal(get(s, fd[SERVER], buf, 16), 3);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* An arrival reports all that is ready then, the room to send included. */
static void edge_reports_every_ready_event(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLOUT | EPOLLET);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    assert_int_equal(events_of(s, ep), 0);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void room_to_send_is_an_edge_after_a_full_buffer(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(CLIENT, 0);
    connection_of(s, fd);
    watch(s, ep, fd[CLIENT], EPOLLOUT | EPOLLET);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    fill(s, fd[CLIENT]);
    events_of(s, ep);
    assert_int_equal(events_of(s, ep), 0);
    drain(s, fd[SERVER]);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void room_to_send_is_a_level(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(CLIENT, 0);
    connection_of(s, fd);
    watch(s, ep, fd[CLIENT], EPOLLOUT);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    fill(s, fd[CLIENT]);
    assert_int_equal(events_of(s, ep), 0);
    drain(s, fd[SERVER]);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* "EPOLLONESHOT: ... the file descriptor is disabled ... EPOLL_CTL_MOD to rearm" */
static void oneshot_is_silent_until_rearmed(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT};
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLONESHOT);
    put(s, fd[CLIENT], "one");
    assert_int_equal(events_of(s, ep), EPOLLIN);
    put(s, fd[CLIENT], "two");
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[SERVER], &ev), -EEXIST);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), 0);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    assert_int_equal(events_of(s, ep), 0); /* not even a hang-up */
    s->close(fd[SERVER]);
    s->close(ep);
}

static void modifying_an_edge_reports_it_again(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 77};
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLET);
    put(s, fd[CLIENT], "one");
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), 0);
    memset(&ev, 0, sizeof(ev));
    assert_int_equal(s->epoll_wait(ep, &ev, 1, 0), 1);
    assert_int_equal(ev.data.u64, 77);
    ev.events = EPOLLOUT;
    assert_int_equal(s->epoll_ctl(ep, EPOLL_CTL_MOD, fd[SERVER], &ev), 0);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void registering_what_is_ready_reports_it(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    put(s, fd[CLIENT], "one");
    s->settle();
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, ep), EPOLLIN);
    assert_int_equal(events_of(s, ep), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* "EPOLLRDHUP: Stream socket peer closed connection, or shut down writing half" */
static void half_close_is_rdhup_and_readable(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0), other = s->epoll_create1(SERVER, 0);
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    watch(s, other, fd[SERVER], EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    assert_int_equal(s->shutdown(fd[CLIENT], SHUT_WR), 0);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert_int_equal(events_of(s, other), EPOLLIN); /* not asked for: not told */
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    assert_int_equal(events_of(s, other), 0);
    assert_int_equal(put(s, fd[SERVER], "still"), 5);
    s->settle();
    assert_int_equal(get(s, fd[CLIENT], buf, 8), 5);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
    s->close(other);
}

/* "EPOLLHUP: Hang up happened": both directions are over; nobody has to ask for it. */
static void both_halves_closed_is_hup(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0), none = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    watch(s, none, fd[SERVER], 0);
    s->shutdown(fd[CLIENT], SHUT_WR);
    s->settle();
    assert_int_equal(events_of(s, none), 0);
    s->shutdown(fd[SERVER], SHUT_WR);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    assert_int_equal(events_of(s, none), EPOLLHUP);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
    s->close(none);
}

static void own_shutdown_for_reading_is_readable(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLRDHUP);
    s->shutdown(fd[SERVER], SHUT_RD);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLRDHUP);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void reset_is_an_error_and_a_hangup(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0), edge = s->epoll_create1(SERVER, 0);
    const struct linger now = {.l_onoff = 1};
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    watch(s, edge, fd[SERVER], EPOLLET);
    s->setsockopt(fd[CLIENT], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    s->close(fd[CLIENT]);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    assert_int_equal(events_of(s, edge), EPOLLHUP | EPOLLERR);
    assert_int_equal(events_of(s, edge), 0);
    assert_int_equal(get(s, fd[SERVER], buf, 8), -ECONNRESET);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    assert_int_equal(put(s, fd[SERVER], "x"), -EPIPE);
    s->close(fd[SERVER]);
    s->close(ep);
    s->close(edge);
}

static void reading_the_error_takes_it_away(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    const struct linger now = {.l_onoff = 1};
    char buf[8];
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN);
    s->setsockopt(fd[CLIENT], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    s->close(fd[CLIENT]);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLHUP | EPOLLERR);
    assert_int_equal(get_int(s, fd[SERVER], SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(get_int(s, fd[SERVER], SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLHUP);
    assert_int_equal(get(s, fd[SERVER], buf, 8), 0);
    s->close(fd[SERVER]);
    s->close(ep);
}

/* "if more than maxevents file descriptors are ready ... successive calls will round robin" */
static void more_ready_than_asked_for_take_turns(void **state)
{
    const struct sockets *s = *state;
    enum { N = 9 };
    int fd[N][2], ep = s->epoll_create1(SERVER, 0), seen[N] = {0};
    for (int i = 0; i < N; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        connection_of(s, fd[i]);
        s->epoll_ctl(ep, EPOLL_CTL_ADD, fd[i][SERVER], &ev);
        put(s, fd[i][CLIENT], "x");
    }
    s->settle();
    for (int round = 0; round < 6; round++) {
        struct epoll_event ev[3];
        assert_int_equal(s->epoll_wait(ep, ev, 3, 0), 3);
        for (int i = 0; i < 3; i++)
            seen[ev[i].data.u32]++;
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 2);
    for (int i = 0; i < N; i++) {
        s->close(fd[i][CLIENT]);
        s->close(fd[i][SERVER]);
    }
    s->close(ep);
}

static void listener_is_readable_while_connections_wait(void **state)
{
    const struct sockets *s = *state;
    int level = s->epoll_create1(SERVER, 0), edge = s->epoll_create1(SERVER, 0), fd[3], conn[3];
    struct sockaddr_in addr;
    int l = listener_of(s, 8, SOCK_NONBLOCK, &addr);
    watch(s, level, l, EPOLLIN | EPOLLOUT);
    watch(s, edge, l, EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, level), 0);
    for (int i = 0; i < 3; i++) {
        fd[i] = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
        s->connect(fd[i], (struct sockaddr *)&addr, sizeof(addr));
        assert_int_equal(events_of(s, edge), EPOLLIN);
        assert_int_equal(events_of(s, edge), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(events_of(s, level), EPOLLIN);
        conn[i] = s->accept4(l, NULL, NULL, 0);
        assert_true(conn[i] >= 0);
    }
    assert_int_equal(events_of(s, level), 0);
    assert_int_equal(s->accept4(l, NULL, NULL, 0), -EAGAIN);
    for (int i = 0; i < 3; i++) {
        s->close(fd[i]);
        s->close(conn[i]);
    }
    s->close(l);
    s->close(level);
    s->close(edge);
}

static void fresh_socket_is_writable_and_hung_up(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = s->epoll_create1(CLIENT, 0);
    watch(s, ep, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert_int_equal(events_of(s, ep), EPOLLOUT | EPOLLHUP);
    s->close(fd);
    s->close(ep);
}

static void connecting_ends_with_writable(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = s->epoll_create1(CLIENT, 0);
    struct sockaddr_in addr;
    int l = listener_of(s, 8, SOCK_NONBLOCK, &addr);
    int r = s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    assert_true(r == 0 || r == -EINPROGRESS);
    watch(s, ep, fd, EPOLLIN | EPOLLOUT | EPOLLET);
    assert_int_equal(events_of(s, ep), EPOLLOUT);
    assert_int_equal(events_of(s, ep), 0);
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), 0);
    s->close(fd);
    s->close(ep);
    s->close(l);
}

static void refused_connection_is_an_error_event(void **state)
{
    const struct sockets *s = *state;
    int fd = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = s->epoll_create1(CLIENT, 0);
    struct sockaddr_in addr;
    s->close(listener_of(s, 8, 0, &addr));
    int r = s->connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    assert_int_equal(r, -EINPROGRESS);
    watch(s, ep, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    assert_int_equal(get_int(s, fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(events_of(s, ep), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    s->close(fd);
    s->close(ep);
}

static void normal_bits_come_with_the_plain_ones(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLRDNORM | EPOLLWRNORM);
    assert_int_equal(events_of(s, ep), EPOLLWRNORM);
    put(s, fd[CLIENT], "x");
    assert_int_equal(events_of(s, ep), EPOLLRDNORM | EPOLLWRNORM);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void urgent_data_is_priority(void **state)
{
    const struct sockets *s = *state;
    int fd[2], ep = s->epoll_create1(SERVER, 0);
    char c = 0;
    connection_of(s, fd);
    watch(s, ep, fd[SERVER], EPOLLIN | EPOLLPRI);
    assert_int_equal(s->sendto(fd[CLIENT], "!", 1, MSG_OOB, NULL, 0), 1);
    assert_int_equal(events_of(s, ep) & EPOLLPRI, EPOLLPRI);
    assert_int_equal(s->recvfrom(fd[SERVER], &c, 1, MSG_OOB, NULL, NULL), 1);
    assert_int_equal(c, '!');
    assert_int_equal(events_of(s, ep) & EPOLLPRI, 0);
    s->close(fd[CLIENT]);
    s->close(fd[SERVER]);
    s->close(ep);
}

static void each_datagram_is_an_edge(void **state)
{
    const struct sockets *s = *state;
    int a = s->socket(CLIENT, SOCK_DGRAM | SOCK_NONBLOCK, 0),
        b = s->socket(SERVER, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int level = s->epoll_create1(SERVER, 0), edge = s->epoll_create1(SERVER, 0);
    struct sockaddr_in addr = address_of(s, SERVER, 0);
    char buf[8];
    s->bind(b, (struct sockaddr *)&addr, sizeof(addr));
    addr.sin_port = htons(port_of(s, b));
    watch(s, level, b, EPOLLIN | EPOLLOUT);
    watch(s, edge, b, EPOLLIN | EPOLLET);
    assert_int_equal(events_of(s, level), EPOLLOUT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->sendto(a, "x", 1, 0, (struct sockaddr *)&addr, sizeof(addr)), 1);
        assert_int_equal(events_of(s, edge), EPOLLIN);
        assert_int_equal(events_of(s, edge), 0);
    }
    assert_int_equal(get(s, b, buf, 8), 1);
    assert_int_equal(events_of(s, level), EPOLLIN | EPOLLOUT);
    assert_int_equal(get(s, b, buf, 8), 1);
    assert_int_equal(events_of(s, level), EPOLLOUT);
    assert_int_equal(s->sendto(a, NULL, 0, 0, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(events_of(s, level), EPOLLIN | EPOLLOUT);
    assert_int_equal(get(s, b, buf, 8), 0);
    s->close(a);
    s->close(b);
    s->close(level);
    s->close(edge);
}

static void poll_shows_the_same_levels(void **state)
{
    const struct sockets *s = *state;
    int fd[2];
    char buf[8];
    connection_of(s, fd);
    struct pollfd p[3] = {{.fd = fd[SERVER], .events = POLLIN | POLLOUT | POLLRDHUP},
                          {.fd = -1, .events = POLLIN}};
    assert_int_equal(s->poll(p, 2, 0), 1);
    assert_int_equal(p[0].revents, POLLOUT);
    assert_int_equal(p[1].revents, 0);
    put(s, fd[CLIENT], "x");
    s->settle();
    assert_int_equal(s->poll(p, 2, -1), 1);
    assert_int_equal(p[0].revents, POLLIN | POLLOUT);
    get(s, fd[SERVER], buf, 8);
    s->shutdown(fd[CLIENT], SHUT_WR);
    s->settle();
    assert_int_equal(s->poll(p, 2, -1), 1);
    assert_int_equal(p[0].revents, POLLIN | POLLOUT | POLLRDHUP);
    s->close(fd[SERVER]);
    p[1].fd = fd[SERVER];
    assert_int_equal(s->poll(p, 2, -1), 2);
    assert_int_equal(p[0].revents, POLLNVAL);
    p[0].fd = fd[CLIENT];
    p[0].events = POLLIN;
    p[1].fd = -1;
    assert_int_equal(s->poll(p + 1, 1, 10), 0);
    s->close(fd[CLIENT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(level_is_reported_until_read),
        ON_BOTH(edge_fires_once_per_arrival),
        ON_BOTH(edge_that_was_read_away_is_not_reported),
        ON_BOTH(edge_reports_every_ready_event),
        ON_BOTH(room_to_send_is_an_edge_after_a_full_buffer),
        ON_BOTH(room_to_send_is_a_level),
        ON_BOTH(oneshot_is_silent_until_rearmed),
        ON_BOTH(modifying_an_edge_reports_it_again),
        ON_BOTH(registering_what_is_ready_reports_it),
        ON_BOTH(half_close_is_rdhup_and_readable),
        ON_BOTH(both_halves_closed_is_hup),
        ON_BOTH(own_shutdown_for_reading_is_readable),
        ON_BOTH(reset_is_an_error_and_a_hangup),
        ON_BOTH(reading_the_error_takes_it_away),
        ON_BOTH(more_ready_than_asked_for_take_turns),
        ON_BOTH(listener_is_readable_while_connections_wait),
        ON_BOTH(fresh_socket_is_writable_and_hung_up),
        ON_BOTH(connecting_ends_with_writable),
        ON_BOTH(refused_connection_is_an_error_event),
        ON_BOTH(normal_bits_come_with_the_plain_ones),
        ON_BOTH(urgent_data_is_priority),
        ON_BOTH(each_datagram_is_an_edge),
        ON_BOTH(poll_shows_the_same_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
