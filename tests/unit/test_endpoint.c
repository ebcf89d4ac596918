/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/endpoint.h"

static int owner;

static void events_gather_until_drained(void **state)
{
    struct ready_list r;
    struct endpoint a = {.owner = &owner}, b = {.owner = &owner};

    ready_list_init(&r);
    endpoint_notify(&r, &a, EPOLLIN);
    endpoint_notify(&r, &b, EPOLLOUT);
    endpoint_notify(&r, &a, EPOLLRDHUP);
    assert_ptr_equal(ready_list_pop(&r), &a);
    assert_int_equal(a.events, EPOLLIN | EPOLLRDHUP);
    assert_ptr_equal(ready_list_pop(&r), &b);
    assert_null(ready_list_pop(&r));
}

static void an_orphan_is_not_queued(void **state)
{
    struct ready_list r;
    struct endpoint a = {.owner = NULL};

    ready_list_init(&r);
    endpoint_notify(&r, &a, EPOLLIN);
    assert_null(ready_list_pop(&r));
}

static void one_can_be_queued_again_after_its_turn(void **state)
{
    struct ready_list r;
    struct endpoint a = {.owner = &owner};

    ready_list_init(&r);
    for (int i = 0; i < 3; i++) {
        endpoint_notify(&r, &a, EPOLLIN);
        assert_ptr_equal(ready_list_pop(&r), &a);
        assert_null(ready_list_pop(&r));
    }
}

/* Closing takes an endpoint off wherever it stands, and the tail stays right. */
static void removal_keeps_the_rest_in_order(void **state)
{
    for (int gone = 0; gone < 3; gone++) {
        struct ready_list r;
        struct endpoint e[4] = {{.owner = &owner}, {.owner = &owner}, {.owner = &owner}, {.owner = &owner}};

        ready_list_init(&r);
        for (int i = 0; i < 3; i++)
            endpoint_notify(&r, &e[i], EPOLLIN);
        ready_list_remove(&r, &e[gone]);
        ready_list_remove(&r, &e[gone]);
        endpoint_notify(&r, &e[3], EPOLLIN);
        for (int i = 0; i < 4; i++)
            if (i != gone)
                assert_ptr_equal(ready_list_pop(&r), &e[i]);
        assert_null(ready_list_pop(&r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_gather_until_drained),
        cmocka_unit_test(an_orphan_is_not_queued),
        cmocka_unit_test(one_can_be_queued_again_after_its_turn),
        cmocka_unit_test(removal_keeps_the_rest_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
