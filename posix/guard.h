/* SPDX-License-Identifier: BSD-3-Clause */
/* Work on memory that may go away meanwhile: a fault in it (SIGSEGV, SIGBUS) ends the work and not the
 * process. What the wires are given as a struct netdev_guard (netdev/netdev.h), which says who needs it. */
#ifndef PLX_POSIX_GUARD_H
#define PLX_POSIX_GUARD_H

#include "netdev/netdev.h"

/* install: takes SIGSEGV and SIGBUS over, and keeps them until the process ends. One thread at a time. Faults
 * outside of run, and signals that somebody sends, go to whom they went before: to the handler that was
 * there, with its mask, or they do what they do by default, at the instruction that faulted. Who installs a
 * handler later gets those inside of run as well.
 *
 * run: one inside another is not possible. What fn had locked stays locked. Any thread, in which the two
 * signals must not be blocked. */
extern const struct netdev_guard guard;

#endif
