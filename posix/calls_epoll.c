/* SPDX-License-Identifier: BSD-3-Clause */
/* The public calls of plx_epoll.h. */
#include <plx_epoll.h>

#include "posix/calls.h"
#include "posix/epoll.h"
#include "posix/pollfd.h"

int plx_epoll_create1(int flags)
{
    CALL(epoll_create_fd(e, flags));
}

int plx_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    CALL(epoll_control(e, epfd, op, fd, ev));
}

int plx_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    CALL(epoll_wait_events(e, epfd, events, maxevents, timeout));
}

int plx_poll(struct pollfd *fds, nfds_t nfds, int timeout)
{
    CALL(poll_wait_events(e, fds, nfds, timeout));
}
