/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "support/net_bench.h"

static struct route_table table;

static int fresh_table(void **state)
{
    table.n = 0;
    return 0;
}

static uint32_t via_of(const char *dst)
{
    const struct route *r = route_lookup(&table, bench_be(dst));
    return r != NULL ? r->via : 1;
}

/* RFC1812-5.2.4.3 (2): the longest prefix that matches decides, in whatever order they came. */
static void longest_prefix_wins(void **state)
{
    assert_int_equal(route_add(&table, 0, 0, bench_be("10.0.0.254"), 0), 0);
    assert_int_equal(route_add(&table, bench_be("192.168.1.128"), 25, bench_be("10.0.0.3"), 0), 0);
    assert_int_equal(route_add(&table, bench_be("192.168.0.0"), 16, bench_be("10.0.0.1"), 0), 0);
    assert_int_equal(route_add(&table, bench_be("192.168.1.0"), 24, bench_be("10.0.0.2"), 0), 0);
    assert_int_equal(route_add(&table, bench_be("192.168.1.129"), 32, bench_be("10.0.0.4"), 0), 0);
    assert_int_equal(via_of("8.8.8.8"), bench_be("10.0.0.254"));
    assert_int_equal(via_of("192.168.7.1"), bench_be("10.0.0.1"));
    assert_int_equal(via_of("192.168.1.1"), bench_be("10.0.0.2"));
    assert_int_equal(via_of("192.168.1.200"), bench_be("10.0.0.3"));
    assert_int_equal(via_of("192.168.1.129"), bench_be("10.0.0.4"));
}

static void no_route_is_none(void **state)
{
    assert_null(route_lookup(&table, bench_be("8.8.8.8")));
    assert_int_equal(route_add(&table, bench_be("10.1.0.0"), 16, 0, 0), 0);
    assert_null(route_lookup(&table, bench_be("10.2.0.1")));
}

static void host_bits_of_a_prefix_are_ignored(void **state)
{
    assert_int_equal(route_add(&table, bench_be("10.1.2.3"), 16, 0, 0), 0);
    assert_non_null(route_lookup(&table, bench_be("10.1.200.200")));
    assert_int_equal(route_add(&table, bench_be("10.1.9.9"), 16, 0, 0), -EEXIST);
}

static void table_is_bounded(void **state)
{
    for (uint32_t i = 0; i < ROUTE_MAX; i++)
        assert_int_equal(route_add(&table, htonl(0x0a000000 + (i << 8)), 24, 0, 0), 0);
    assert_int_equal(route_add(&table, bench_be("172.16.0.0"), 24, 0, 0), -ENOSPC);
    assert_int_equal(route_add(&table, 0, 33, 0, 0), -EINVAL);
}

/* A gateway must be a neighbour (RFC1122-3.3.1.1). */
static void gateway_must_be_on_the_link(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr p = bench_addr("172.16.0.0"), far = bench_addr("192.0.2.1"), own = bench_addr(BENCH_IP),
                   bcast = bench_addr("10.0.0.255"), near = bench_addr("10.0.0.9");
    assert_int_equal(net_add_route(&b->net, &p, 12, &far), -ENETUNREACH);
    assert_int_equal(net_add_route(&b->net, &p, 12, &own), -ENETUNREACH);
    assert_int_equal(net_add_route(&b->net, &p, 12, &bcast), -ENETUNREACH);
    assert_int_equal(net_add_route(&b->net, &p, 12, &near), 0);
    assert_int_equal(net_add_route(&b->net, &p, 12, &near), -EEXIST);
}

/* RFC1122-3.2.1.3: addresses that no host may have. */
static void addresses_of_groups_and_networks_are_refused(void **state)
{
    struct net_bench *b = *state;
    static const struct {
        const char *addr;
        uint8_t len;
    } bad[] = {{"0.0.0.0", 24},  {"224.0.0.5", 24}, {"255.255.255.255", 32},
               {"127.0.0.1", 8}, {"10.1.0.0", 24},  {"10.1.0.255", 24},
               {"10.1.0.1", 0},  {"10.1.0.1", 33},  {"240.0.0.1", 8}};
    for (size_t i = 0; i < RTE_DIM(bad); i++) {
        struct ip_addr a = bench_addr(bad[i].addr);
        assert_int_equal(net_add_address(&b->net, 0, &a, bad[i].len), -EINVAL);
    }
    struct ip_addr own = bench_addr(BENCH_IP), ptp = bench_addr("10.9.0.0");
    assert_int_equal(net_add_address(&b->net, 0, &own, 24), -EEXIST);
    assert_int_equal(net_add_address(&b->net, 0, &ptp, 31), 0); /* RFC 3021 */
}

/* RFC1122-3.3.4.3: the source address is the one in the network of the next hop. (RFC9293-MUST-44)
 */
static void source_is_chosen_by_the_way(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr second = bench_addr("10.5.0.1"), any = ip_addr_v4(0), src, dst, want;
    struct net_path path;
    assert_int_equal(net_add_address(&b->net, 0, &second, 16), 0);
    static const char *const cases[][2] = {{"10.0.0.7", BENCH_IP},
                                           {"10.5.3.3", "10.5.0.1"},
                                           {"8.8.8.8", BENCH_IP},
                                           {"10.5.0.1", "10.5.0.1"},
                                           {"127.0.0.1", "127.0.0.1"}};
    for (size_t i = 0; i < RTE_DIM(cases); i++) {
        src = any;
        dst = bench_addr(cases[i][0]);
        want = bench_addr(cases[i][1]);
        assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
        assert_true(ip_addr_eq(&src, &want));
    }
    src = bench_addr("10.0.0.77");
    dst = bench_addr("8.8.8.8");
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), -EADDRNOTAVAIL);
}

/* Broadcast needs permission (SO_BROADCAST: socket(7)); so does the network's own broadcast address. */
static void broadcast_needs_permission(void **state)
{
    struct net_bench *b = *state;
    static const char *const all[] = {"255.255.255.255", "10.0.0.255"};
    struct net_path path;
    for (size_t i = 0; i < 2; i++) {
        struct ip_addr src = ip_addr_v4(0), dst = bench_addr(all[i]);
        assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), -EACCES);
        assert_false(path.valid);
        assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, true), 0);
        assert_int_equal(path.neigh, NET_NEIGH_BROADCAST);
    }
}

static void a_new_route_invalidates_paths(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr("172.16.0.1"), p = bench_addr("172.16.0.0"),
                   via = bench_addr("10.0.0.9");
    struct net_path path;
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    assert_true(net_path_ok(&b->net, &path));
    uint32_t neigh = path.neigh;
    assert_int_equal(net_add_route(&b->net, &p, 12, &via), 0);
    assert_false(net_path_ok(&b->net, &path));
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    assert_int_not_equal(path.neigh, neigh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(longest_prefix_wins, fresh_table),
        cmocka_unit_test_setup(no_route_is_none, fresh_table),
        cmocka_unit_test_setup(host_bits_of_a_prefix_are_ignored, fresh_table),
        cmocka_unit_test_setup(table_is_bounded, fresh_table),
        BENCH_TEST(gateway_must_be_on_the_link),
        BENCH_TEST(addresses_of_groups_and_networks_are_refused),
        BENCH_TEST(source_is_chosen_by_the_way),
        BENCH_TEST(broadcast_needs_permission),
        BENCH_TEST(a_new_route_invalidates_paths),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
