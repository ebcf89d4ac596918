/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack as packetdrill sees it: one engine on a raw IP wire in virtual time. Calls come from two
 * threads, the script's own and one for its blocking calls; a mutex makes them one. Time moves only in
 * rig_advance and rig_receive, on the script's thread, and waits until whoever woke has read the clock. */
#ifndef PLX_PACKETDRILL_RIG_H
#define PLX_PACKETDRILL_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tunables.h"
#include "posix/engine.h"
#include "wire_tap.h"

#define RIG_FDS 4096

/* A thread inside a blocking call. */
struct sleeper {
    struct sleeper *next;
    nsec_t deadline;
};

struct rig {
    pthread_mutex_t lock;
    pthread_cond_t progress; /* something happened in the stack, or the clock moved: sleepers look again */
    pthread_cond_t settled;  /* no woken thread is still running */
    struct sleeper *sleepers;
    uint64_t round;   /* grows with each kick of the sleepers */
    unsigned running; /* woken threads that have neither slept again nor read the clock */
    pthread_t script_thread;

    nsec_t now;
    struct tunables tun;
    struct rte_mempool *pool;
    struct wire_tap tap;
    struct worker worker;
    struct engine engine;
    int plx_fd[RIG_FDS]; /* by the kernel's number (an eventfd): ours + 1; 0: none */

    char *flags; /* --so_flags, kept: read again at each socket */
};

/* NULL when out of memory. */
struct rig *rig_create(const char *flags);
void rig_destroy(struct rig *r);

void rig_lock(struct rig *r);
void rig_unlock(struct rig *r);
/* Lets the stack do what there is to do now, and wakes sleepers. Lock held. */
void rig_run(struct rig *r);
/* Lets `us` pass, timers in order. Lock held. */
void rig_advance(struct rig *r, uint64_t us);
/* The next packet that the stack sends; time jumps from timer to timer until there is one. False: there
 * will be none. Lock held. */
bool rig_receive(struct rig *r, void *buf, size_t *n, long long *us);
/* The clock in us, which goes on by one at each reading. Lock held. */
long long rig_clock(struct rig *r);
/* Accepts `be` (network order) as an address of ours: the script decides what that is. Lock held. */
void rig_own_address(struct rig *r, uint32_t be);

/* settings.c: tunables from flags and from the kernel's own sysctls, which scripts change while they
 * run. Called at the start and whenever a socket is made. */
void rig_settings_init(struct rig *r);
void rig_settings_refresh(struct rig *r);
/* The value of a key in flags that is not a tunable ("mtu", "local_ip"); NULL when it is not given. buf holds
 * the result. */
const char *rig_flag(const struct rig *r, const char *key, char *buf, size_t size);

#endif
