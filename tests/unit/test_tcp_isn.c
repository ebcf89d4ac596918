/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/rng.h"
#include "tcp/isn.h"

static struct isn isn;

static int setup(void **state)
{
    struct siphash_key seed = {{7, 11}};
    struct rng rng;
    rng_init(&rng, &seed);
    isn_init(&isn, &rng);
    return 0;
}

/* A flow in memory that held something else before. */
static struct flow_key flow(uint8_t dirt, uint16_t rport)
{
    struct flow_key f;
    memset(&f, dirt, sizeof(f));
    f.local = ip_addr_v4(htonl(0x0a000001));
    f.remote = ip_addr_v4(htonl(0x0a000002));
    f.lport = 80;
    f.rport = rport;
    return f;
}

/* RFC6528-3: F is a function of the connection's ends and the key, and of nothing else.
 * (RFC9293-MUST-9, RFC9293-SHLD-1) */
static void the_isn_depends_on_the_flow_and_not_on_memory_behind_it(void **state)
{
    struct flow_key clean = flow(0, 1234), dirty = flow(0xa5, 1234);
    assert_int_equal(isn_make(&isn, &clean, NSEC_PER_SEC), isn_make(&isn, &dirty, NSEC_PER_SEC));
    assert_int_equal(isn_ts_offset(&isn, &clean), isn_ts_offset(&isn, &dirty));
}

/* RFC6528-3: another connection has another sequence space. (RFC9293-MUST-9) */
static void another_flow_has_another_isn(void **state)
{
    struct flow_key a = flow(0, 1234), b = flow(0, 1235);
    assert_int_not_equal(isn_make(&isn, &a, NSEC_PER_SEC), isn_make(&isn, &b, NSEC_PER_SEC));
}

/* RFC9293-3.4.1 (MUST-8): within one flow the clock drives the ISN on. (RFC9293-MUST-8) */
static void the_isn_of_a_flow_grows_with_the_clock(void **state)
{
    struct flow_key f = flow(0, 1234);
    assert_int_equal(isn_make(&isn, &f, NSEC_PER_SEC + 6400) - isn_make(&isn, &f, NSEC_PER_SEC), 100);
}

/* What is remembered of some hosts never stands for others, however many come. (RFC9293-SHLD-4) */
static void the_timestamp_offset_of_two_hosts_stays(void **state)
{
    static uint32_t first[2000];
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < 2000; i++) {
            struct flow_key f = flow(0, 1234);
            f.local = ip_addr_v4(htonl(0x0a000001 + i % 3));
            f.remote = ip_addr_v4(htonl(0x0b000000 + i / 3));
            if (turn == 0)
                first[i] = isn_ts_offset(&isn, &f);
            assert_int_equal(isn_ts_offset(&isn, &f), first[i]);
            assert_true(i == 0 || first[i] != first[i - 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_isn_depends_on_the_flow_and_not_on_memory_behind_it, setup),
        cmocka_unit_test_setup(another_flow_has_another_isn, setup),
        cmocka_unit_test_setup(the_isn_of_a_flow_grows_with_the_clock, setup),
        cmocka_unit_test_setup(the_timestamp_offset_of_two_hosts_stays, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
