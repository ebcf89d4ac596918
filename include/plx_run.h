/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting and ending: options, workers, signals, counters.
 *
 *     int main(int argc, char **argv)
 *     {
 *         if (plx_init(&argc, argv) < 0)
 *             return plx_exit_code(errno);
 *         plx_handle_signals();
 *         int rc = plx_run(serve, NULL);
 *         plx_summary(stdout);
 *         plx_fini();
 *         return rc;
 *     }
 *
 * A worker is one thread with its own engine: its own queue of the device, tables, timers and
 * packets. Sockets belong to the worker that made them, and only its thread may use them. */
#ifndef PLX_RUN_H
#define PLX_RUN_H

#include <stdint.h>
#include <stdio.h>

#include <plx_api.h>

PLX_BEGIN_DECLS

/* Reads the common options out of argv, opens the wires and makes the workers. Once per process,
 * from the main thread, before any other call.
 *
 * Options stand anywhere before a "--", as `--opt value` or `--opt=value`; those known here are
 * removed from argv, and *argc is lowered (argv[*argc] is NULL again); everything else stays for the
 * program, in order. plx_usage() lists them. An option given twice replaces the first, but for --dev,
 * --ip, --route and --set, which add up; --ip, --mac, --mtu and --impair concern the --dev before
 * them, or the first when there is none yet.
 *
 * Returns 0, or -1 with errno: after a wrong option or value EINVAL; when the environment refuses
 * (device missing, no permission, no memory) ENODEV, ENOENT, EACCES, EPERM, EBUSY, ENOMEM or what
 * the system said, never EINVAL. Then one message has been printed to stderr that names option and
 * value, says what is allowed or what was looked for, and nothing is left to clean up.
 *
 * With a memif among the wires it takes over SIGSEGV and SIGBUS: a fault of the driver's ends the burst that
 * was in the rings of a peer that has left. All others go to the handlers that were there before; a program
 * that has some installs them before this call. */
PLX_API int plx_init(int *argc, char **argv);

/* The exit status for an errno of plx_init: 2 (usage) for EINVAL, else 1. */
PLX_API int plx_exit_code(int err);

/* Prints the common options, one a line, for a program's --help. Any thread, also before plx_init. */
PLX_API void plx_usage(FILE *out);

/* Runs fn(arg) on every worker and waits until all have returned. A worker's sockets that are still
 * open when its fn returns are closed, and what closing sends is given a moment (300 ms) to leave.
 * When one fn returns non-zero the others are stopped as by plx_stop.
 *
 * Returns the first non-zero result in the order of the workers, 0 if there is none; -1 with errno:
 * EINVAL (fn is NULL, no plx_init), EBUSY (already running), EAGAIN (no thread could be made). May be called
 * again. The main thread only. */
PLX_API int plx_run(int (*fn)(void *arg), void *arg);

/* This thread's worker, 0 to plx_workers() - 1; -1 on a thread that is none. Any thread. */
PLX_API int plx_worker_id(void);
/* How many workers there are; 0 before plx_init. Any thread. */
PLX_API int plx_workers(void);

/* Asks all workers to end; any thread, and any signal handler (async-signal-safe; errno is kept).
 * From then on plx_epoll_wait and plx_poll return -1 with EINTR at once, whether or not something is
 * ready, and so does each other call where it would have to wait. Calls that need not wait go on
 * working, so a program can say good-bye. Nothing ends by force: fn has to return. */
PLX_API void plx_stop(void);
/* Has plx_stop been called? The end of plx_run forgets it. Any thread, any signal handler. */
PLX_API int plx_stopping(void);
/* SIGINT and SIGTERM call plx_stop from now on, another one half a second later or more kills as
 * usual; SIGPIPE is left alone, for Pollux never raises it. 0, or -1 with errno of sigaction(2). Any thread.
 */
PLX_API int plx_handle_signals(void);

/* Closes the wires and frees everything: no socket, lock file or hugepage stays. Does nothing
 * without plx_init. The main thread, outside plx_run. */
PLX_API void plx_fini(void);

/* A counter of the stack, summed over all workers. Nothing is dropped or refused without one; the
 * names of those begin with "drop.". */
struct plx_counter {
    const char *name; /* "rx.packets"; static */
    const char *help; /* what it counts, in a clause; static */
    uint64_t value;
};

/* The index-th counter, from 0. Returns 0, or -1 with EINVAL past the last one. Never disturbs the
 * workers. Any thread, between plx_init and plx_fini. */
PLX_API int plx_counter(unsigned index, struct plx_counter *out);
/* The value of one by name; 0 for an unknown name. As plx_counter. */
PLX_API uint64_t plx_counter_value(const char *name);
/* Connections, bytes, packets, and drops by reason, some lines for people. As plx_counter. */
PLX_API void plx_summary(FILE *out);

PLX_END_DECLS

#endif
