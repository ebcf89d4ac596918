/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "pktgen/guard.h"

static volatile char *gone(void)
{
    volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);
    munmap((void *)p, 4096);
    return p;
}

static int __attribute__((noinline)) guarded_read(const volatile char *p)
{
    if (guard_enter() != 0)
        return -1;
    int v = *p;
    guard_leave();
    return v;
}

static void a_fault_inside_ends_there(void **state)
{
    static const char here = 5;

    guard_install();
    for (int i = 0; i < 3; i++) { /* again and again */
        assert_int_equal(guarded_read(gone()), -1);
        assert_false(guard_armed);
        assert_int_equal(guarded_read(&here), 5);
        assert_false(guard_armed);
    }
}

static volatile sig_atomic_t others;
static sigjmp_buf out;

static void on_other(int number)
{
    others++;
    siglongjmp(out, 1);
}

/* In a child, whose handler from before is the program's own. */
static void a_fault_outside_is_whose_it_was(void **state)
{
    pid_t child = fork();

    if (child == 0) {
        struct sigaction sa = {.sa_handler = on_other, .sa_flags = SA_NODEFER};
        sigaction(SIGSEGV, &sa, NULL);
        guard_install();
        if (sigsetjmp(out, 1) == 0)
            (void)*gone();
        _exit(others == 1 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_outside_is_whose_it_was), /* first: guard_install is once a process */
        cmocka_unit_test(a_fault_inside_ends_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
