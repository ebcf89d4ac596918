/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/pollfd.h"

#include <errno.h>

/* The constants of poll(2) and epoll(7) are the same numbers, RDHUP included. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI && POLLERR == EPOLLERR &&
                   POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP && POLLRDNORM == EPOLLRDNORM &&
                   POLLWRNORM == EPOLLWRNORM,
               "levels are passed on as they are");

static int poll_collect(struct engine *e, struct pollfd *fds, nfds_t n)
{
    int ready = 0;
    for (nfds_t i = 0; i < n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        struct file *f = fdtable_get(&e->fds, fds[i].fd);
        if (f == NULL)
            fds[i].revents = POLLNVAL;
        else
            fds[i].revents = (short)(file_level(e, f) & ((uint16_t)fds[i].events | POLLERR | POLLHUP));
        ready += fds[i].revents != 0;
    }
    return ready;
}

int poll_wait_events(struct engine *e, struct pollfd *fds, nfds_t n, int timeout)
{
    if (n > e->fds.limit)
        return -EINVAL;
    if (fds == NULL && n > 0)
        return -EFAULT;

    nsec_t deadline = 0;
    for (bool first = true;; first = false) {
        unsigned done = engine_round(e);
        if (engine_stopping(e))
            return -EINTR;
        int ready = first || done > 0 ? poll_collect(e, fds, n) : 0;
        if (ready > 0 || timeout == 0)
            return ready;
        nsec_t now = engine_now(e);
        if (first)
            deadline = timeout < 0 ? NSEC_NEVER : now + (nsec_t)timeout * NSEC_PER_MSEC;
        if (now >= deadline)
            return 0;
        if (done == 0)
            engine_idle(e, deadline);
    }
}
