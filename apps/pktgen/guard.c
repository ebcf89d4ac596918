/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/guard.h"

#include <stdbool.h>
#include <stddef.h>

__thread sigjmp_buf guard_jump;
__thread volatile sig_atomic_t guard_armed;

static struct sigaction before_segv, before_bus;

static void on_fault(int number, siginfo_t *info, void *context)
{
    if (guard_armed && info->si_code > 0) {
        guard_armed = 0;
        siglongjmp(guard_jump, 1);
    }
    /* Not ours: the instruction is tried again, and faults for whom it did before. */
    (void)sigaction(number, number == SIGBUS ? &before_bus : &before_segv, NULL);
    if (info->si_code <= 0)
        (void)raise(number); /* a process has sent it: it does not come again by itself */
}

void guard_install(void)
{
    static bool installed;
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};

    if (installed)
        return;
    installed = true;
    (void)sigaction(SIGSEGV, &sa, &before_segv);
    (void)sigaction(SIGBUS, &sa, &before_bus);
}
