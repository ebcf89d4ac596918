/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/pmtu.h"
#include "support/net_bench.h"

static uint16_t path_mtu(struct net_bench *b, const char *to)
{
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr(to);
    struct net_path path;
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    return path.mtu;
}

static uint16_t update(struct net_bench *b, const char *to, uint16_t mtu, uint16_t too_big)
{
    struct ip_addr dst = bench_addr(to);
    return net_pmtu_update(&b->net, &dst, mtu, too_big);
}

/* RFC1191-3: the estimate of the path is lowered, for that destination alone. */
static void what_a_router_says_is_used(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(path_mtu(b, "8.8.8.8"), 1500);
    assert_int_equal(update(b, "8.8.8.8", 1400, 1500), 1400);
    assert_int_equal(path_mtu(b, "8.8.8.8"), 1400);
    assert_int_equal(path_mtu(b, "8.8.4.4"), 1500);
}

/* RFC1191-3: "MUST NOT increase its estimate in response to a Datagram Too Big message". */
static void it_never_grows_by_a_message(void **state)
{
    struct net_bench *b = *state;
    update(b, "8.8.8.8", 1400, 1500);
    assert_int_equal(update(b, "8.8.8.8", 1450, 1500), 1400);
    assert_int_equal(update(b, "8.8.8.8", 9000, 9000), 1400);
    assert_int_equal(update(b, "8.8.4.4", 1500, 1500), 1500);
}

/* RFC1191-6.3: forgotten after ten minutes, so that a wider path is found. */
static void it_is_forgotten_after_ten_minutes(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr("8.8.8.8");
    struct net_path path;
    update(b, "8.8.8.8", 1400, 1500);
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    bench_advance(b, 599 * NSEC_PER_SEC);
    assert_true(net_path_ok(&b->net, &path));
    assert_int_equal(path_mtu(b, "8.8.8.8"), 1400);
    bench_advance(b, 2 * NSEC_PER_SEC);
    assert_false(net_path_ok(&b->net, &path)); /* whoever holds the path hears of it */
    assert_int_equal(path_mtu(b, "8.8.8.8"), 1500);
}

/* RFC1191-5: an old router says 0; the next plateau below the packet's length (section 7.1). */
static void zero_means_the_next_plateau(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(update(b, "8.8.8.8", 0, 1500), 1492);
    assert_int_equal(update(b, "8.8.8.8", 0, 1492), 1006);
    assert_int_equal(pmtu_plateau_below(65535), 32000);
    assert_int_equal(pmtu_plateau_below(296), 68);
    assert_int_equal(pmtu_plateau_below(0), 68);
}

/* A lie of 68 bytes must not cut everything into crumbs: 552 is the floor (Linux's min_pmtu), and DF is
 * cleared so that it gets through if it was true. */
static void a_tiny_one_is_raised_and_df_cleared(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr("8.8.8.8");
    struct net_path path;
    assert_int_equal(update(b, "8.8.8.8", 100, 1500), PMTU_MIN);
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    assert_int_equal(path.mtu, PMTU_MIN);
    assert_true(path.mtu_locked);
    assert_int_equal(update(b, "9.9.9.9", 67, 1500), 1500); /* below RFC 791's minimum: no router says that */
}

/* A generation bump tells every path; a path that is still right stays cheap to check. */
static void paths_hear_of_a_new_mtu(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr("8.8.8.8");
    struct net_path path;
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    update(b, "8.8.8.8", 1400, 1500);
    assert_false(net_path_ok(&b->net, &path));
}

static void the_cache_is_bounded(void **state)
{
    struct net_bench *b = *state;
    for (uint32_t i = 0; i < 4 * PMTU_SETS * PMTU_WAYS; i++) {
        struct ip_addr dst = ip_addr_v4(htonl(0x08000000 + i));
        assert_int_equal(net_pmtu_update(&b->net, &dst, 1400, 1500), 1400);
    }
    assert_true(b->net.pmtu.in_use <= PMTU_SETS * PMTU_WAYS);
    assert_true(b->net.pmtu.in_use > PMTU_SETS * PMTU_WAYS * 3 / 4);
    bench_advance(b, 620 * NSEC_PER_SEC);
    assert_int_equal(b->net.pmtu.in_use, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_a_router_says_is_used),
        BENCH_TEST(it_never_grows_by_a_message),
        BENCH_TEST(it_is_forgotten_after_ten_minutes),
        BENCH_TEST(zero_means_the_next_plateau),
        BENCH_TEST(a_tiny_one_is_raised_and_df_cleared),
        BENCH_TEST(paths_hear_of_a_new_mtu),
        BENCH_TEST(the_cache_is_bounded),
    };
    return cmocka_run_group_tests_name("pmtu", tests, NULL, NULL);
}
