/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

struct sink {
    unsigned lines;
    size_t longest;
    char last[600];
};

static void take(void *user, enum log_level level, const char *line)
{
    struct sink *s = user;
    s->lines++;
    if (strlen(line) > s->longest)
        s->longest = strlen(line);
    snprintf(s->last, sizeof s->last, "%s", line);
}

static struct log log_to(struct sink *s)
{
    memset(s, 0, sizeof *s);
    return (struct log){.sink = take, .user = s, .max_level = LOG_LEVEL_INFO};
}

static void a_line_is_formatted(void **state)
{
    struct sink s;
    struct log l = log_to(&s);

    log_line(&l, 0, LOG_LEVEL_NOTICE, "%s is %d", "answer", 42);
    assert_string_equal(s.last, "answer is 42");
}

static void what_is_finer_than_asked_for_is_silent(void **state)
{
    struct sink s;
    struct log l = log_to(&s), silent = {.sink = NULL};

    log_line(&l, 0, LOG_LEVEL_DEBUG, "x");
    log_line(&silent, 0, LOG_LEVEL_ERROR, "x");
    assert_int_equal(s.lines, 0);
}

static void a_flood_is_cut_and_its_size_told_later(void **state)
{
    struct sink s;
    struct log l = log_to(&s);

    for (int i = 0; i < 1000; i++)
        log_line(&l, 5 * NSEC_PER_SEC + (nsec_t)i, LOG_LEVEL_WARNING, "flood");
    assert_int_equal(s.lines, LOG_BURST_PER_SEC);
    log_line(&l, 6 * NSEC_PER_SEC, LOG_LEVEL_WARNING, "calm");
    assert_int_equal(s.lines, LOG_BURST_PER_SEC + 2);
    assert_string_equal(s.last, "calm");
    assert_int_equal(l.suppressed, 0);
}

static void errors_pass_the_limit(void **state)
{
    struct sink s;
    struct log l = log_to(&s);

    for (int i = 0; i < 100; i++)
        log_line(&l, 0, LOG_LEVEL_WARNING, "flood");
    log_line(&l, 0, LOG_LEVEL_ERROR, "important");
    assert_string_equal(s.last, "important");
}

static void a_long_line_is_cut_to_511(void **state)
{
    struct sink s;
    struct log l = log_to(&s);
    char text[2000];

    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    log_line(&l, 0, LOG_LEVEL_INFO, "%s", text);
    assert_int_equal(s.longest, 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_formatted),
        cmocka_unit_test(what_is_finer_than_asked_for_is_silent),
        cmocka_unit_test(a_flood_is_cut_and_its_size_told_later),
        cmocka_unit_test(errors_pass_the_limit),
        cmocka_unit_test(a_long_line_is_cut_to_511),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
