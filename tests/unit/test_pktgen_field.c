/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pktgen/field.h"

static const struct field_type port = {FIELD_NUMBER, 0, 65535}, ip = {FIELD_IP, 0, UINT32_MAX},
                               mac = {FIELD_MAC, 0, 0}, flags = {FIELD_FLAGS, 0, 255};

static struct field parsed(const char *text, const struct field_type *type)
{
    char why[FIELD_WHY];
    struct field f;

    if (!field_parse(&f, text, type, why))
        fail_msg("%s: %s", text, why);
    return f;
}

static void one_value_stays(void **state)
{
    struct field f = parsed("0x1f", &port);

    assert_int_equal(field_next(&f), 31);
    assert_int_equal(field_next(&f), 31);
    f = parsed("10.9.0.1", &ip);
    assert_int_equal(field_next(&f), 0x0a090001);
    f = parsed("02:00:00:00:00:fE", &mac);
    assert_int_equal(field_next(&f), 0x0200000000feull);
    f = parsed("syn+ack", &flags);
    assert_int_equal(field_next(&f), 0x12);
    f = parsed("none", &flags);
    assert_int_equal(field_next(&f), 0);
}

static void a_range_is_walked_through_and_begins_anew(void **state)
{
    static const unsigned expected[] = {1, 4, 7, 10, 1, 4};
    struct field f = parsed("1-10/3", &port);

    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(field_next(&f), expected[i]);
    f = parsed("65534-65535", &port);
    assert_int_equal(field_next(&f), 65534);
    assert_int_equal(field_next(&f), 65535);
    assert_int_equal(field_next(&f), 65534);
    f = parsed("7-7", &port);
    assert_int_equal(field_next(&f), 7);
    assert_int_equal(field_next(&f), 7);
}

static void a_prefix_is_the_range_of_its_addresses(void **state)
{
    struct field f = parsed("10.9.0.77/30", &ip);

    assert_int_equal(f.lo, 0x0a09004c);
    assert_int_equal(f.hi, 0x0a09004f);
    f = parsed("0.0.0.0/0", &ip);
    assert_int_equal(f.lo, 0);
    assert_int_equal(f.hi, UINT32_MAX);
    f = parsed("10.9.0.1-10.9.1.0", &ip);
    assert_int_equal(f.count, 256);
}

static void a_list_comes_in_its_order(void **state)
{
    struct field f = parsed("80,443,22", &port);

    assert_int_equal(field_next(&f), 80);
    assert_int_equal(field_next(&f), 443);
    assert_int_equal(field_next(&f), 22);
    assert_int_equal(field_next(&f), 80);
    assert_int_equal(field_least(&f), 22);
    assert_int_equal(field_greatest(&f), 443);
    field_free(&f);
}

/* Each of 16 values within 10 % of its share, of 160,000: six standard deviations are 6 %. */
static void chance_is_even_and_within_the_range(void **state)
{
    struct field f = parsed("random:1000-1015", &port);
    unsigned seen[16] = {0}, same = 0;
    uint64_t last = 0;

    field_split(&f, 0, 1, 42);
    for (unsigned i = 0; i < 160000; i++) {
        uint64_t v = field_next(&f);
        assert_true(v >= 1000 && v <= 1015);
        seen[v - 1000]++;
        same += v == last;
        last = v;
    }
    for (unsigned i = 0; i < 16; i++)
        assert_true(seen[i] > 9000 && seen[i] < 11000);
    assert_true(same > 9000 && same < 11000); /* and no value depends on the one before */
}

static void the_same_seed_gives_the_same_values(void **state)
{
    struct field a = parsed("random", &ip), b = a, c = a;
    unsigned same = 0;

    field_split(&a, 0, 1, 7);
    field_split(&b, 0, 1, 7);
    field_split(&c, 0, 1, 8);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t v = field_next(&a);
        assert_int_equal(v, field_next(&b));
        same += v == field_next(&c);
    }
    assert_true(same < 3);
}

/* What one worker would send, in turn: together they send all of it. */
static void workers_share_a_walk(void **state)
{
    struct field whole = parsed("1-10/3", &port), part[3];

    for (unsigned k = 0; k < 3; k++) {
        part[k] = whole;
        field_split(&part[k], k, 3, 1);
    }
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(field_next(&part[i % 3]), field_next(&whole));
    whole = parsed("5,6", &port);
    for (unsigned k = 0; k < 3; k++) {
        assert_true(field_copy(&part[k], &whole));
        field_split(&part[k], k, 3, 1);
    }
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(field_next(&part[i % 3]), field_next(&whole));
    for (unsigned k = 0; k < 3; k++)
        field_free(&part[k]);
    field_free(&whole);
}

static void what_means_nothing_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
        const struct field_type *type;
    } wrong[] = {
        {"", "a number from 0 to 65535", &port},
        {"65536", "a number from 0 to 65535", &port},
        {"-1", "a number from 0 to 65535", &port},
        {"1 ", "a number from 0 to 65535", &port},
        {"0x", "a number from 0 to 65535", &port},
        {"5-4", "begins above its end", &port},
        {"5-", "LOW-HIGH", &port},
        {"1-10/0", "the step", &port},
        {"1-10/10", "the step", &port},
        {"1,,2", "a list", &port},
        {"1,", "a list", &port},
        {"1,2-3", "a list", &port},
        {"random:", "LOW-HIGH", &port},
        {"random:7", "LOW-HIGH", &port},
        {"Random", "a number", &port},
        {"99999999999999999999999", "a number", &port},
        {"10.9.0.256", "an IPv4 address", &ip},
        {"10.9.0.0/33", "PREFIX/LENGTH", &ip},
        {"02:00:00:00:00", "a link address", &mac},
        {"02:00:00:00:00:0g", "a link address", &mac},
        {"02:00:00:00:00:011", "a link address", &mac},
        {"syn+", "flags of TCP", &flags},
        {"SYN", "flags of TCP", &flags},
    };
    char why[FIELD_WHY];
    struct field f;

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (field_parse(&f, wrong[i].text, wrong[i].type, why))
            fail_msg("'%s' was taken", wrong[i].text);
        if (strstr(why, wrong[i].why) == NULL)
            fail_msg("'%s': the message is: %s", wrong[i].text, why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_stays),
        cmocka_unit_test(a_range_is_walked_through_and_begins_anew),
        cmocka_unit_test(a_prefix_is_the_range_of_its_addresses),
        cmocka_unit_test(a_list_comes_in_its_order),
        cmocka_unit_test(chance_is_even_and_within_the_range),
        cmocka_unit_test(the_same_seed_gives_the_same_values),
        cmocka_unit_test(workers_share_a_walk),
        cmocka_unit_test(what_means_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
