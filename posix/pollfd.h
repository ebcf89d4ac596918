/* SPDX-License-Identifier: BSD-3-Clause */
/* poll(2). */
#ifndef PLX_POSIX_POLLFD_H
#define PLX_POSIX_POLLFD_H

#include <poll.h>

#include "posix/engine.h"

/* timeout in milliseconds, below 0: none. */
int poll_wait_events(struct engine *e, struct pollfd *fds, nfds_t n, int timeout);

#endif
