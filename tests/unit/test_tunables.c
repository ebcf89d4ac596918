/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/tunables.h"

#include <errno.h>
#include <string.h>

static struct tunables t;
static char why[128], text[128];

static int set(const char *key, const char *value)
{
    strcpy(why, "untouched");
    return tunables_set(&t, key, value, why, sizeof why);
}

static int reset(void **state)
{
    tunables_init(&t);
    return 0;
}

/* tcp(7), Documentation/networking/ip-sysctl.rst. */
static void defaults_are_those_of_linux(void **state)
{
    static const struct {
        const char *key, *value;
    } want[] = {
        {"tcp_rmem", "4096:131072:6291456"},
        {"tcp_wmem", "4096:16384:4194304"},
        {"tcp_syn_retries", "6"},
        {"tcp_synack_retries", "5"},
        {"tcp_retries2", "15"},
        {"tcp_orphan_retries", "0"},
        {"tcp_fin_timeout", "60"},
        {"tcp_keepalive_time", "7200"},
        {"tcp_keepalive_intvl", "75"},
        {"tcp_keepalive_probes", "9"},
        {"tcp_max_syn_backlog", "4096"},
        {"somaxconn", "4096"},
        {"ip_local_port_range", "32768:60999"},
        {"ipfrag_time", "30"},
        {"ipfrag_high_thresh", "4194304"},
        {"tcp_rto_min_ms", "200"},
        {"tcp_delack_ms", "40"},
        {"tcp_initial_cwnd", "10"},
        {"ip_default_ttl", "64"},
        {"rmem_default", "212992"},
        {"tcp_timestamps", "on"},
        {"tcp_abort_on_overflow", "off"},
        {"idle", "adaptive"},
        {"offload", "on"},
    };

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_int_equal(tunables_get(&t, want[i].key, text, sizeof text), 0);
        assert_string_equal(text, want[i].value);
    }
}

static void every_entry_takes_back_its_own_value(void **state)
{
    for (const struct tunable_desc *d = tunable_table; d->name != NULL; d++) {
        assert_true(strlen(d->help) > 0);
        assert_int_equal(tunables_get(&t, d->name, text, sizeof text), 0);
        assert_string_equal(text, d->def);
        assert_int_equal(set(d->name, text), 0);
    }
}

/* No entry writes beside its field, and no two share one. */
static void each_entry_has_a_field_of_its_own(void **state)
{
    for (const struct tunable_desc *d = tunable_table; d->name != NULL; d++) {
        size_t words = d->type == TUNABLE_TRIPLE ? 3 : d->type == TUNABLE_RANGE ? 2 : 1;
        assert_true(d->offset + words * sizeof(uint32_t) <= sizeof t);
        for (const struct tunable_desc *e = tunable_table; e != d; e++) {
            assert_string_not_equal(d->name, e->name);
            assert_true(d->offset != e->offset);
        }
    }
}

static void values_reach_their_fields(void **state)
{
    assert_int_equal(set("tcp_rmem", "4096:87380:1000000"), 0);
    assert_int_equal(t.tcp_rmem.min, 4096);
    assert_int_equal(t.tcp_rmem.def, 87380);
    assert_int_equal(t.tcp_rmem.max, 1000000);
    assert_int_equal(set("ip_local_port_range", "10000:20000"), 0);
    assert_int_equal(t.ip_local_port_min, 10000);
    assert_int_equal(t.ip_local_port_max, 20000);
    assert_int_equal(set("idle", "spin"), 0);
    assert_int_equal(t.idle, IDLE_SPIN);
    assert_int_equal(set("idle", "sleep"), 0);
    assert_int_equal(t.idle, IDLE_SLEEP);
    assert_int_equal(set("offload", "off"), 0);
    assert_int_equal(t.offload, 0);
    assert_int_equal(set("tcp_sack", "0"), 0);
    assert_int_equal(t.tcp_sack, 0);
    assert_int_equal(set("tcp_sack", "on"), 0);
    assert_int_equal(t.tcp_sack, 1);
}

static void the_full_names_of_linux_and_its_separators_are_accepted(void **state)
{
    assert_int_equal(set("net.ipv4.tcp_wmem", "4096\t16384\t4194304"), 0);
    assert_int_equal(set("net.ipv4.tcp_wmem", "4096 20000  4194304"), 0);
    assert_int_equal(t.tcp_wmem.def, 20000);
    assert_int_equal(set("tcp_wmem", "4096,16384,4194304"), 0);
    assert_int_equal(set("net.core.somaxconn", "128"), 0);
    assert_int_equal(t.somaxconn, 128);
    assert_int_equal(set("net.ipv4.neigh.default.retrans_time_ms", "500"), 0);
    assert_int_equal(t.arp_retrans_ms, 500);
}

static void bad_values_are_errors_and_change_nothing(void **state)
{
    static const struct {
        const char *key, *value;
        int err;
        const char *why;
    } bad[] = {
        {"tcp_syn_retries", "", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "x", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "6x", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", " 6", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "+6", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "-1", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "0x6", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "6.0", -EINVAL, "must be 1 to 127"},
        {"tcp_syn_retries", "0", -ERANGE, "must be 1 to 127"},
        {"tcp_syn_retries", "128", -ERANGE, "must be 1 to 127"},
        {"tcp_syn_retries", "4294967302", -ERANGE, "must be 1 to 127"},
        {"tcp_syn_retries", "18446744073709551622", -ERANGE, "must be 1 to 127"},
        {"tcp_sack", "yes", -EINVAL, "must be off or on"},
        {"tcp_sack", "2", -EINVAL, "must be off or on"},
        {"idle", "spinning", -EINVAL, "must be one of adaptive|spin|sleep"},
        {"idle", "spin|sleep", -EINVAL, "must be one of adaptive|spin|sleep"},
        {"idle", "", -EINVAL, "must be one of adaptive|spin|sleep"},
        {"ip_local_port_range", "1024", -EINVAL, "must be FIRST:LAST, ascending, each 1 to 65535"},
        {"ip_local_port_range", "1024:", -EINVAL, "must be FIRST:LAST, ascending, each 1 to 65535"},
        {"ip_local_port_range", "2000:1000", -ERANGE, "must be FIRST:LAST, ascending, each 1 to 65535"},
        {"ip_local_port_range", "1:65536", -ERANGE, "must be FIRST:LAST, ascending, each 1 to 65535"},
        {"tcp_rmem", "1:2", -EINVAL, NULL},
        {"tcp_rmem", "4096:8192:16384:5", -EINVAL, NULL},
        {"tcp_rmem", "4096::16384", -EINVAL, NULL},
        {"tcp_rmem", "8192:4096:16384", -ERANGE, NULL},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tunables before = t;
        assert_int_equal(set(bad[i].key, bad[i].value), bad[i].err);
        if (bad[i].why != NULL)
            assert_string_equal(why, bad[i].why);
        assert_memory_equal(&before, &t, sizeof t);
    }
}

static void an_unknown_key_names_the_nearest(void **state)
{
    static const struct {
        const char *key, *why;
    } slips[] = {
        {"tcp_syn_retrys", "no such key; did you mean tcp_syn_retries?"},
        {"tcp_smem", "no such key; did you mean tcp_rmem?"},
        {"net.ipv4.tcp_fin_timout", "no such key; did you mean tcp_fin_timeout?"},
        {"ide", "no such key; did you mean idle?"},
        {"colour", "no such key"},
        {"", "no such key"},
    };

    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        assert_int_equal(set(slips[i].key, "1"), -ENOENT);
        assert_string_equal(why, slips[i].why);
    }
    assert_int_equal(tunables_get(&t, "tcp_smem", text, sizeof text), -ENOENT);
}

static void a_very_long_key_is_just_unknown(void **state)
{
    char key[5000];

    memset(key, 'a', sizeof key);
    key[sizeof key - 1] = '\0';
    assert_int_equal(set(key, "1"), -ENOENT);
    assert_string_equal(why, "no such key");
    assert_int_equal(tunables_set(&t, "tcp_sack", "maybe", why, 5), -EINVAL);
    assert_string_equal(why, "must"); /* and a small buffer is not overrun */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_those_of_linux, reset),
        cmocka_unit_test_setup(every_entry_takes_back_its_own_value, reset),
        cmocka_unit_test(each_entry_has_a_field_of_its_own),
        cmocka_unit_test_setup(values_reach_their_fields, reset),
        cmocka_unit_test_setup(the_full_names_of_linux_and_its_separators_are_accepted, reset),
        cmocka_unit_test_setup(bad_values_are_errors_and_change_nothing, reset),
        cmocka_unit_test_setup(an_unknown_key_names_the_nearest, reset),
        cmocka_unit_test_setup(a_very_long_key_is_just_unknown, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
