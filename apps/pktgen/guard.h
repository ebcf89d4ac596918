/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared memory that goes away while a driver works on it. DPDK's memif server unmaps the rings on EAL's
 * interrupt thread when its client leaves; a burst that is in the middle of them then faults, and all that
 * has been counted would be lost. Inside a guard such a fault ends the burst and not the process:
 *
 *     if (guard_enter() == 0)
 *         n = burst...;
 *     else
 *         it was cut off, wherever it was: what it had taken is lost
 *     guard_leave();
 *
 * One guard per thread, none within another. */
#ifndef PKTGEN_GUARD_H
#define PKTGEN_GUARD_H

#include <setjmp.h>
#include <signal.h>

extern __thread sigjmp_buf guard_jump;
extern __thread volatile sig_atomic_t guard_armed;

/* Once before the first guard: faults elsewhere go to whom they went before. */
void guard_install(void);

#define guard_enter() (sigsetjmp(guard_jump, 0) != 0 ? 1 : (guard_armed = 1, 0))

static inline void guard_leave(void)
{
    guard_armed = 0;
}

#endif
