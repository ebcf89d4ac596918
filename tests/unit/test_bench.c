/* SPDX-License-Identifier: BSD-3-Clause */
/* What plx-bench computes: the open loop's schedule, confidence of ratios, and the readers of HTTP and JSON.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "apps/bench/http.h"
#include "apps/bench/json_read.h"
#include "apps/bench/schedule.h"
#include "apps/bench/statistics.h"

/* ---- schedule ---- */

static void an_even_schedule_does_not_drift(void **state)
{
    struct schedule s;

    schedule_start(&s, 3, 1000, 0); /* gaps of 333,333,333.3 ns */
    for (int i = 0; i < 3000; i++)
        schedule_take(&s);
    assert_true(schedule_take(&s) == 1000 + UINT64_C(1000000000000));
}

static void a_late_request_keeps_its_moment(void **state)
{
    struct schedule s;

    schedule_start(&s, 10, 0, 0); /* each 100 ms */
    assert_true(schedule_take(&s) == 0);
    assert_false(schedule_due(&s, 99999999));
    /* The server stalls for a second: the ten that were due meanwhile are still due when they were. */
    for (uint64_t k = 1; k <= 10; k++) {
        assert_true(schedule_due(&s, 1000000000));
        assert_true(schedule_take(&s) == k * 100000000);
    }
    assert_false(schedule_due(&s, 1000000000));
}

static void a_poisson_schedule_has_the_rate_and_exponential_gaps(void **state)
{
    enum { N = 100000 };
    struct schedule s;
    uint64_t last = 0;
    unsigned above_mean = 0;

    schedule_start(&s, 1000, 0, 42);
    for (int i = 0; i < N; i++) {
        uint64_t at = schedule_take(&s);
        assert_true(at >= last);
        above_mean += at - last > 1000000;
        last = at;
    }
    assert_true(fabs((double)last / 1e9 - N / 1000.0) < 1.0);   /* deviation 0.3 s */
    assert_true(fabs((double)above_mean / N - exp(-1)) < 0.01); /* of an exponential distribution */
}

static void no_rate_means_never(void **state)
{
    struct schedule s;

    schedule_start(&s, 0, 5, 0);
    assert_false(schedule_due(&s, UINT64_MAX - 1));
    assert_true(schedule_take(&s) == SCHEDULE_NEVER);
}

/* ---- statistics ---- */

static void equal_pairs_show_no_difference(void **state)
{
    const double a[] = {10, 20, 30}, b[] = {11, 19, 30.5};
    struct ratio r;

    assert_true(statistics_ratio(a, b, 3, &r));
    assert_false(r.sure);
    assert_true(r.low < 1 && 1 < r.high && r.low < r.ratio && r.ratio < r.high);
}

/* Worked by hand: logs of 1.1, 1.2, 1.15 have mean 0.139135, deviation 0.043515; t(2) = 4.303. */
static void the_interval_is_that_of_student(void **state)
{
    const double a[] = {10, 100, 1000}, b[] = {11, 120, 1150};
    struct ratio r;

    assert_true(statistics_ratio(a, b, 3, &r));
    assert_true(fabs(r.ratio - 1.14928) < 1e-4);
    assert_true(fabs(r.low - exp(0.139135 - 4.303 * 0.043515 / sqrt(3))) < 1e-4);
    assert_true(fabs(r.high - exp(0.139135 + 4.303 * 0.043515 / sqrt(3))) < 1e-4);
    assert_true(r.sure);
}

static void one_pair_gives_no_confidence(void **state)
{
    const double a[] = {1, 0}, b[] = {2, 5};
    struct ratio r;

    assert_true(statistics_ratio(a, b, 2, &r)); /* the second has no ratio */
    assert_int_equal(r.n, 1);
    assert_true(r.ratio > 1.999 && r.ratio < 2.001);
    assert_false(r.sure);
    assert_false(statistics_ratio(a + 1, b + 1, 1, &r));
}

static void quantiles_of_t_go_on_without_a_step(void **state)
{
    for (unsigned n = 1; n < 200; n++)
        assert_true(statistics_t(n + 1) < statistics_t(n));
    assert_true(fabs(statistics_t(30) - 2.042) < 0.001);
    assert_true(fabs(statistics_t(31) - 2.0395) < 0.001);
    assert_true(fabs(statistics_t(120) - 1.9799) < 0.001);
}

/* ---- answers ---- */

/* Reads `text` in pieces of `step` bytes. The statuses of complete answers, and '!' for what is no HTTP. */
static void statuses(const char *text, size_t step, char *out)
{
    struct http_reader r = {0};
    size_t left = strlen(text);

    *out = '\0';
    while (left > 0) {
        uint32_t piece = (uint32_t)(left < step ? left : step), used;
        while (piece > 0) {
            enum http_result result = http_read(&r, text, piece, &used);
            assert_true(used <= piece && (result != HTTP_MORE || used == piece));
            text += used;
            left -= used;
            piece -= used;
            if (result == HTTP_BAD) {
                strcat(out, "!");
                return;
            }
            if (result == HTTP_DONE)
                sprintf(out + strlen(out), "%u%s ", r.status, r.close ? "c" : "");
        }
    }
    if (http_end(&r))
        strcat(out, "end");
}

static void reads(const char *text, const char *expected)
{
    char got[256];

    for (size_t step = 1; step <= strlen(text); step++) {
        statuses(text, step, got);
        assert_string_equal(got, expected);
    }
}

static void an_answer_ends_after_its_content_length(void **state)
{
    reads("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
          "HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nConnection: close\r\n\r\n",
          "200 404c ");
}

/* RFC9112-7.1 */
static void an_answer_ends_after_its_last_chunk(void **state)
{
    reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "4;name=value\r\nWiki\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
          "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
          "200 204 304 ");
}

/* RFC9112-6.3 */
static void without_a_length_the_connection_is_the_end(void **state)
{
    reads("HTTP/1.0 200 OK\r\n\r\nanything at all", "end");
}

static void interim_answers_are_passed_over(void **state)
{
    reads("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "201 ");
}

static void what_is_not_http_is_refused(void **state)
{
    reads("GET / HTTP/1.1\r\n\r\n", "!");
    reads("HTTP/2 200 OK\r\n\r\n", "!");
    reads("HTTP/1.1 2x0 OK\r\n\r\n", "!");
    reads("HTTP/1.1 200OK\r\n\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "!");
    reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", "!");
}

static void a_head_without_an_end_is_refused(void **state)
{
    static char text[HTTP_HEAD_MOST * 2];
    struct http_reader r = {0};
    uint32_t used;

    memset(text, 'x', sizeof(text));
    assert_int_equal(http_read(&r, text, sizeof(text), &used), HTTP_BAD);
    memset(&r, 0, sizeof(r));
    int n = sprintf(text, "HTTP/1.1 200 OK\r\n");
    while ((size_t)n + 8 < sizeof(text))
        n += sprintf(text + n, "A: b\r\n");
    assert_int_equal(http_read(&r, text, (uint32_t)n, &used), HTTP_BAD);
}

/* Whatever comes, every byte is taken and nothing is read beyond: with PLX_TEST_SEED the same again. */
static void random_bytes_do_no_harm(void **state)
{
    static const char *const words[] = {
        "HTTP/1.1 ", "200 OK",   "\r\n", "\n", "Content-Length: ", "5", "chunked", "Transfer-Encoding: ", "0",
        "\r\n\r\n",  "ffffffff", ":",    "x"};
    const char *given = getenv("PLX_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : 20261121;
    char text[512], got[4096];

    print_message("seed %u\n", seed);
    for (int round = 0; round < 20000; round++) {
        *text = '\0';
        for (int i = 0; i < 20; i++)
            strcat(text, words[rand_r(&seed) % (sizeof(words) / sizeof(words[0]))]);
        statuses(text, 1 + (size_t)rand_r(&seed) % 16, got);
    }
}

/* ---- JSON ---- */

static void note(void *user, const struct json_leaf *leaf)
{
    char *out = user;

    sprintf(out + strlen(out), "%s=", leaf->path);
    if (leaf->kind == JSON_NUMBER)
        sprintf(out + strlen(out), "%g;", leaf->number);
    else if (leaf->kind == JSON_TEXT)
        sprintf(out + strlen(out), "\"%s\";", leaf->text);
    else
        sprintf(out + strlen(out), "%d;", leaf->kind);
}

static void json_is(const char *text, int result, const char *leaves)
{
    char got[1024] = "";

    assert_int_equal(json_read(&text, note, got), result);
    assert_string_equal(got, leaves);
}

static void leaves_come_with_their_paths(void **state)
{
    json_is(" {\"a\": {\"b\": 1.5e3, \"c\": [1, {\"d\": \"x\\\"y\\n\\u00e4\"}]}, \"e\": null, \"f\": [], "
            "\"g\": {}}",
            1, "a.b=1500;a.c.0=1;a.c.1.d=\"x\"y\n?\";e=4;");
    json_is("true", 1, "=2;");
    json_is(" \n ", 0, "");
}

static void values_may_follow_each_other(void **state)
{
    const char *at = "{\"a\":1}\n{\"a\":2}\n";
    char got[64] = "";

    while (json_read(&at, note, got) > 0)
        ;
    assert_string_equal(got, "a=1;a=2;");
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {"{",      "{\"a\"}", "{\"a\":}",  "{\"a\":1,}", "[1,]", "[1 2]",
                                      "\"open", "tru",     "1.2.3",     "+1",         "-",    "{\"a\" 1}",
                                      "'a'",    "\"\\q\"", "\"\\u12\"", "]"};
    char got[1024], deep[200];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *at = bad[i];
        *got = '\0';
        assert_int_equal(json_read(&at, note, got), -1);
    }
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    json_is(deep, -1, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_even_schedule_does_not_drift),
        cmocka_unit_test(a_late_request_keeps_its_moment),
        cmocka_unit_test(a_poisson_schedule_has_the_rate_and_exponential_gaps),
        cmocka_unit_test(no_rate_means_never),
        cmocka_unit_test(equal_pairs_show_no_difference),
        cmocka_unit_test(the_interval_is_that_of_student),
        cmocka_unit_test(one_pair_gives_no_confidence),
        cmocka_unit_test(quantiles_of_t_go_on_without_a_step),
        cmocka_unit_test(an_answer_ends_after_its_content_length),
        cmocka_unit_test(an_answer_ends_after_its_last_chunk),
        cmocka_unit_test(without_a_length_the_connection_is_the_end),
        cmocka_unit_test(interim_answers_are_passed_over),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(a_head_without_an_end_is_refused),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(leaves_come_with_their_paths),
        cmocka_unit_test(values_may_follow_each_other),
        cmocka_unit_test(what_is_no_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
