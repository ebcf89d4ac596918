/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/addr.h"

#include <string.h>

/* RFC4291-2.5.5.2: ::ffff:a.b.c.d */
static void an_ipv4_address_has_its_mapped_form(void **state)
{
    struct ip_addr a = ip_addr_v4(inet_addr("192.0.2.1"));
    static const uint8_t want[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};

    assert_memory_equal(a.b, want, 16);
    assert_true(ip_addr_is_v4(&a));
    assert_int_equal(ip_addr_get_v4(&a), inet_addr("192.0.2.1"));
}

static void any_is_any_in_both_families(void **state)
{
    struct ip_addr v4 = ip_addr_v4(0), v6 = {.q = {0, 0}}, loopback6 = {.b = {[15] = 1}};
    struct ip_addr one = ip_addr_v4(inet_addr("10.0.0.1"));

    assert_true(ip_addr_is_any(&v4));
    assert_true(ip_addr_is_any(&v6));
    assert_false(ip_addr_is_any(&loopback6));
    assert_false(ip_addr_is_any(&one));
    assert_false(ip_addr_is_v4(&v6));
    assert_false(ip_addr_eq(&v4, &v6)); /* 0.0.0.0 is not :: */
}

static void flows_differ_in_any_of_their_parts(void **state)
{
    struct flow_key a = {ip_addr_v4(1), ip_addr_v4(2), 3, 4}, b;

    /* Whatever lies in the padding. */
    memset(&b, 0xff, sizeof b);
    b.local = a.local;
    b.remote = a.remote;
    b.lport = a.lport;
    b.rport = a.rport;
    assert_true(flow_key_eq(&a, &b));
    b.lport++;
    assert_false(flow_key_eq(&a, &b));
    b = a;
    b.rport++;
    assert_false(flow_key_eq(&a, &b));
    for (int i = 0; i < 16; i++) {
        b = a;
        b.local.b[i] ^= 1;
        assert_false(flow_key_eq(&a, &b));
        b = a;
        b.remote.b[i] ^= 1;
        assert_false(flow_key_eq(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_has_its_mapped_form),
        cmocka_unit_test(any_is_any_in_both_families),
        cmocka_unit_test(flows_differ_in_any_of_their_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
