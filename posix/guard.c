/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>

/* Where this thread goes on after a fault; NULL: it is in no guard. Initial-exec, for the handler must not be
 * the first to ask for it of a thread, which would allocate. */
static __thread sigjmp_buf *volatile guard_jump __attribute__((tls_model("initial-exec")));

static struct sigaction before_segv, before_bus;

/* As if there were no guard. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *before = number == SIGBUS ? &before_bus : &before_segv;
    sigset_t mask = before->sa_mask;
    bool sent = info->si_code <= 0; /* by a process: it does not come again by itself */

    if (before->sa_handler == SIG_IGN && sent)
        return;
    if (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN) {
        (void)sigaction(number, before, NULL); /* the instruction is tried again, and ends the process */
        if (sent)
            (void)raise(number);
        return;
    }
    if (!(before->sa_flags & SA_NODEFER))
        sigaddset(&mask, number);
    pthread_sigmask(SIG_BLOCK, &mask, NULL); /* returning undoes it */
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, context);
    else
        before->sa_handler(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    sigjmp_buf *jump = guard_jump;

    if (jump == NULL || info->si_code <= 0) {
        pass_on(number, info, context);
        return;
    }
    guard_jump = NULL;
    siglongjmp(*jump, 1);
}

/* SA_NODEFER: nothing is blocked that a jump would have to let go of. */
static void take_over(int number, struct sigaction *before)
{
    const struct sigaction sa = {.sa_sigaction = on_fault,
                                 .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTART};
    struct sigaction now;

    if (sigaction(number, NULL, &now) == 0 && now.sa_sigaction == on_fault)
        return;
    *before = now;
    (void)sigaction(number, &sa, NULL);
}

static void guard_install(void)
{
    take_over(SIGSEGV, &before_segv);
    take_over(SIGBUS, &before_bus);
}

static bool guard_run(void (*fn)(void *arg), void *arg)
{
    sigjmp_buf here;

    if (sigsetjmp(here, 0) != 0)
        return false;
    guard_jump = &here;
    atomic_signal_fence(memory_order_seq_cst);
    fn(arg);
    atomic_signal_fence(memory_order_seq_cst);
    guard_jump = NULL;
    return true;
}

const struct netdev_guard guard = {.install = guard_install, .run = guard_run};
