/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/pollfd.h"

#include <errno.h>

/* The constants of poll(2) and epoll(7) are the same numbers, RDHUP included. */
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI && POLLERR == EPOLLERR &&
                   POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP && POLLRDNORM == EPOLLRDNORM &&
                   POLLWRNORM == EPOLLWRNORM,
               "levels are passed on as they are");

struct poll_round {
    struct pollfd *fds;
    nfds_t n;
};

static int poll_look(struct engine *e, void *arg)
{
    const struct poll_round *r = arg;
    struct pollfd *fds = r->fds;
    int ready = 0;
    for (nfds_t i = 0; i < r->n; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0)
            continue;
        struct file *f = fdtable_get(&e->fds, fds[i].fd);
        if (f == NULL)
            fds[i].revents = POLLNVAL;
        else
            fds[i].revents = (short)file_level(e, f, (uint16_t)fds[i].events | POLLERR | POLLHUP);
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

    struct poll_round r = {fds, n};
    return engine_wait_events(e, timeout, poll_look, &r);
}
