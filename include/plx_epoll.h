/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for many sockets: epoll(7) and poll(2), with Linux's semantics and structures. Every call
 * belongs to the thread of the worker that made the descriptors; errors are -1 with errno. */
#ifndef PLX_EPOLL_H
#define PLX_EPOLL_H

#include <poll.h>
#include <sys/epoll.h>

#include <plx_api.h>

PLX_BEGIN_DECLS

/* As epoll_create1(2). flags: 0 or EPOLL_CLOEXEC (accepted, means nothing here). A new descriptor.
 * EINVAL (other flags), EMFILE (no number is free), ENOMEM, EPERM (not a worker's thread). */
PLX_API int plx_epoll_create1(int flags);

/* As epoll_ctl(2). op: EPOLL_CTL_ADD, _MOD, _DEL (ev may be NULL). events: EPOLLIN, EPOLLOUT,
 * EPOLLRDHUP, EPOLLPRI, EPOLLERR and EPOLLHUP (the last two are always reported), with EPOLLET and
 * EPOLLONESHOT; EPOLLWAKEUP is ignored; EPOLLEXCLUSIVE is checked as on Linux and then ignored (a
 * descriptor has one worker, so there is no herd to thunder).
 * A registration belongs to the open file description: dup'ed numbers may be registered beside each
 * other, and it ends when the last of them is closed. An epoll descriptor may be watched by another.
 * EBADF, EEXIST, ENOENT, EINVAL (epfd is no epoll, fd is epfd, a wrong op or EPOLLEXCLUSIVE where it
 * may not be), ELOOP (a circle, or a chain of more than 7 epolls), EFAULT (no ev), ENOMEM, EPERM. */
PLX_API int plx_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);

/* As epoll_wait(2); timeout in milliseconds, 0: do not wait, -1: for ever. Each call is one round of
 * the worker: what the program has sent since the last one leaves, what has come in is processed,
 * timers fire, then up to maxevents ready ones are returned, in turns when there are more.
 * With nothing ready it polls, or sleeps as the tunable `idle` says, until something is.
 * The number of events, 0 after the time. EBADF, EINVAL (not an epoll, maxevents <= 0), EFAULT,
 * EINTR (plx_stop), EPERM. */
PLX_API int plx_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout);

/* As poll(2); timeout in milliseconds as above. A round of the worker like plx_epoll_wait, but its
 * cost grows with nfds. EINVAL (nfds too large), EFAULT, EINTR (plx_stop), EPERM. */
PLX_API int plx_poll(struct pollfd *fds, nfds_t nfds, int timeout);

PLX_END_DECLS

#endif
