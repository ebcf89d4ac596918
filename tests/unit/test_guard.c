/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka has its own handlers of these signals during each test. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "posix/guard.h"

/* A page that nobody may read (SIGSEGV), or whose file is too short for it (SIGBUS). It stays mapped: where
 * one was unmapped another thread may map its own. */
static volatile char *gone(bool cut_short)
{
    int fd = memfd_create("gone", 0);
    volatile char *p = mmap(NULL, 4096, cut_short ? PROT_READ : PROT_NONE, MAP_SHARED, fd, 0);

    if (fd < 0 || p == MAP_FAILED)
        abort();
    close(fd);
    return p;
}

static void read_one(void *arg)
{
    (void)*(volatile char *)arg;
}

static char here;

static void again_and_again(void)
{
    for (int i = 0; i < 1000; i++) {
        if (guard.run(read_one, (void *)gone(i % 2 == 1)))
            abort();
        if (!guard.run(read_one, &here))
            abort();
    }
}

static void a_fault_ends_the_work_and_not_the_process(void **state)
{
    guard.install();
    guard.install();
    again_and_again();
}

static void *thread_main(void *arg)
{
    again_and_again();
    return NULL;
}

static void each_thread_has_its_own(void **state)
{
    pthread_t t[4];
    guard.install();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, thread_main, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
}

/* Also on a stack of the program's for signals, as for one that looks into stacks that have run over. */
static void signal_stacks_are_left_alone(void **state)
{
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536}, none = {.ss_flags = SS_DISABLE}, now;
    assert_int_equal(sigaltstack(&ss, NULL), 0);
    guard.install();
    again_and_again();
    assert_int_equal(sigaltstack(&none, &now), 0);
    assert_ptr_equal(now.ss_sp, ss.ss_sp);
    assert_int_equal(now.ss_flags, 0);
    free(ss.ss_sp);
}

/* ---- faults of others ---- */

/* How a child ends that does so. */
static int status_of(void (*fn)(void))
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL); /* whatever the test's frame has there */
        signal(SIGBUS, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void fault_by_default(void)
{
    guard.install();
    again_and_again();
    (void)*gone(false);
}

static void short_file_by_default(void)
{
    guard.install();
    again_and_again();
    (void)*gone(true);
}

static void sent_by_default(void)
{
    guard.install();
    again_and_again();
    kill(getpid(), SIGSEGV);
}

static void by_default_the_process_ends(void **state)
{
    int status = status_of(fault_by_default);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = status_of(short_file_by_default);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = status_of(sent_by_default);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static volatile sig_atomic_t calls;
static void *volatile where;
static sigjmp_buf out;

static void on_jumping(int number)
{
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    if (sigismember(&now, number) == 1 && sigismember(&now, SIGUSR1) == 1)
        calls++;
    siglongjmp(out, 1);
}

/* Called as ever, its mask in force; and the guard stays. */
static void handler_that_jumps(void)
{
    struct sigaction sa = {.sa_handler = on_jumping};
    sigaddset(&sa.sa_mask, SIGUSR1);
    sigaction(SIGSEGV, &sa, NULL);
    guard.install();
    for (int i = 0; i < 3; i++) {
        if (sigsetjmp(out, 1) == 0)
            (void)*gone(false);
        again_and_again();
    }
    _exit(calls == 3 ? 0 : 1);
}

static void on_mending(int number, siginfo_t *info, void *context)
{
    calls++;
    where = info->si_addr;
    if (mmap(info->si_addr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        _exit(2);
}

/* It returns, and the instruction goes on. */
static void handler_that_mends(void)
{
    struct sigaction sa = {.sa_sigaction = on_mending, .sa_flags = SA_SIGINFO};
    sigset_t none;
    sigaction(SIGSEGV, &sa, NULL);
    guard.install();
    volatile char *p = gone(false);
    bool read = *p == 0;
    pthread_sigmask(SIG_BLOCK, NULL, &none);
    again_and_again();
    _exit(read && calls == 1 && where == p && sigismember(&none, SIGSEGV) == 0 ? 0 : 1);
}

static void ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    guard.install();
    kill(getpid(), SIGSEGV);
    again_and_again();
}

static void a_handler_from_before_has_its_faults(void **state)
{
    assert_int_equal(status_of(handler_that_jumps), 0);
    assert_int_equal(status_of(handler_that_mends), 0);
    assert_int_equal(status_of(ignored), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_ends_the_work_and_not_the_process),
        cmocka_unit_test(each_thread_has_its_own),
        cmocka_unit_test(signal_stacks_are_left_alone),
        cmocka_unit_test(by_default_the_process_ends),
        cmocka_unit_test(a_handler_from_before_has_its_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
