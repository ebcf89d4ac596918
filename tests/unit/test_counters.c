/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/counters.h"

#include <string.h>

static void every_counter_has_a_name_of_its_own_and_a_help(void **state)
{
    for (unsigned i = 0; i < CNT_MAX; i++) {
        const char *name = counter_name((enum counter)i);
        assert_non_null(name);
        assert_non_null(strchr(name, '.'));
        assert_true(strlen(counter_help((enum counter)i)) > 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(name, counter_name((enum counter)j));
    }
    assert_null(counter_name(CNT_MAX));
    assert_null(counter_help(CNT_MAX));
}

static void drop_reasons_are_called_drop(void **state)
{
    assert_string_equal(counter_name(CNT_DROP_NO_MBUF), "drop.no_mbuf");
    assert_string_equal(counter_name(CNT_RX_PACKETS), "rx.packets");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_a_name_of_its_own_and_a_help),
        cmocka_unit_test(drop_reasons_are_called_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
