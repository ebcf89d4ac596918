/* SPDX-License-Identifier: BSD-3-Clause */
/* What plx-httpd makes of a request: its head, its path, what of the file it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "apps/httpd/decide.h"
#include "apps/httpd/mime.h"
#include "apps/httpd/request.h"
#include "apps/httpd/target.h"

static struct request r;

static int status_of(const char *head)
{
    return request_read(&r, head, strlen(head));
}

static void text_equals(struct text t, const char *expected)
{
    assert_non_null(t.at);
    assert_int_equal(t.len, strlen(expected));
    assert_memory_equal(t.at, expected, t.len);
}

/* ---- heads ---- */

static void a_head_ends_with_an_empty_line(void **state)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2";

    for (size_t n = 0; n < sizeof(head) - 1; n++)
        assert_int_equal(request_head(head, n), n < 27 ? 0 : 27);
    assert_int_equal(request_head("GET / HTTP/1.0\n\nmore", 20), 16); /* RFC9112-2.2: LF alone */
    assert_int_equal(request_head("\r\n\r\nGET / HTTP/1.0\r\n\r\n", 22), 22);
    assert_int_equal(request_head("\r\n\r\n\r\n", 6), 0);
}

static void a_request_is_read(void **state)
{
    assert_int_equal(
        status_of("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nrange:  bytes=1-2 \r\nIF-NONE-MATCH: \"e\"\r\n\r\n"),
        0);
    assert_int_equal(r.method, METHOD_GET);
    text_equals(r.path, "/a/b");
    text_equals(r.query, "c=d");
    text_equals(r.range, "bytes=1-2");
    text_equals(r.if_none_match, "\"e\"");
    assert_null(r.if_range.at);
    assert_true(r.keepalive);
    assert_int_equal(status_of("HEAD http://host:80/x HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_int_equal(r.method, METHOD_HEAD);
    text_equals(r.path, "/x");
    assert_int_equal(status_of("GET http://host HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    text_equals(r.path, "/");
}

/* RFC9112-9.3 */
static void connections_stay_by_default_from_1_1_on(void **state)
{
    static const struct {
        const char *head;
        bool stays;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: TE , close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", false},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(status_of(cases[i].head), 0);
        assert_int_equal(r.keepalive, cases[i].stays);
    }
}

static void wrong_requests_get_their_status(void **state)
{
    static const struct {
        int status;
        const char *head;
    } cases[] = {
        {400, "\r\n\r\n"},
        {400, "GET\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/11\r\nHost: x\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},                       /* RFC9112-3.2: no Host */
        {400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"}, /* two */
        {400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"},           /* RFC9112-5.1 */
        {400, "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"}, /* RFC9112-5.2 */
        {400, "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"},
        {405, "POST / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {405, "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {501, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"},
        {501, "get / HTTP/1.1\r\nHost: x\r\n\r\n"}, /* RFC9110-9.1: case matters */
        {505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
        {505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (status_of(cases[i].head) != cases[i].status)
            fail_msg("%s: %d instead of %d", cases[i].head, status_of(cases[i].head), cases[i].status);
}

static void long_requests_are_refused(void **state)
{
    static char head[REQUEST_HEAD_MOST + 200];
    int n = sprintf(head, "GET /");

    memset(head + n, 'a', REQUEST_TARGET_MOST);
    strcpy(head + n + REQUEST_TARGET_MOST, " HTTP/1.0\r\n\r\n");
    assert_int_equal(status_of(head), 414);
    n = sprintf(head, "GET / HTTP/1.0\r\n");
    for (int i = 0; i < REQUEST_FIELDS_MOST; i++)
        n += sprintf(head + n, "A: b\r\n");
    strcpy(head + n, "\r\n");
    assert_int_equal(status_of(head), 0);
    strcpy(head + n, "A: b\r\n\r\n");
    assert_int_equal(status_of(head), 431);
}

/* Heads from pieces of heads, cut and changed at random: no text of the result lies outside of what was
 * given. */
static void random_heads_do_no_harm(void **state)
{
    static const char *const words[] = {"GET ",
                                        "HEAD ",
                                        "/",
                                        "%2e%2e",
                                        "..",
                                        " HTTP/1.1\r\n",
                                        "Host: x\r\n",
                                        "\r\n",
                                        "\n",
                                        "\r",
                                        ":",
                                        " ",
                                        "Range: ",
                                        "bytes=",
                                        "0-",
                                        "-5",
                                        ",",
                                        "\t",
                                        "%",
                                        "?",
                                        "http://",
                                        "\x7f",
                                        "Connection: close\r\n",
                                        "If-Range: \"",
                                        "\"",
                                        "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"};
    const char *given = getenv("PLX_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : 20261121, good = 0;

    print_message("seed %u\n", seed);
    for (int round = 0; round < 50000; round++) {
        char text[1024] = "", name[TARGET_NAME_MOST];
        bool folder;
        struct decision d;
        if (round % 2 == 0)
            strcpy(text, "GET /a HTTP/1.1\r\nHost: x\r\n");
        for (int i = rand_r(&seed) % 20; i > 0; i--)
            strcat(text, words[(size_t)rand_r(&seed) % (sizeof(words) / sizeof(words[0]))]);
        strcat(text, "\r\n\r\n");
        size_t n = strlen(text), len;
        if (rand_r(&seed) % 4 == 0)
            text[(size_t)rand_r(&seed) % n] = (char)rand_r(&seed);
        char *copy = malloc(n); /* so that the sanitizer sees a byte read beyond */
        memcpy(copy, text, n);
        len = request_head(copy, n);
        assert_true(len <= n);
        if (len > 0 && request_read(&r, copy, len) == 0) {
            good++;
            assert_true(r.path.at >= copy && r.path.at + r.path.len <= copy + len);
            if (target_name(r.path, name, &folder) == 0)
                assert_true(name[0] != '/' && name[0] != '\0' && strstr(name, "/../") == NULL);
            decide(&r, 1000, 784111777, "\"e\"", &d);
            assert_true(d.bytes <= 1000 && d.from + d.bytes <= 1000);
        }
        free(copy);
    }
    assert_true(good > 1000);
}

/* ---- paths ---- */

static void path_is(const char *path, int status, const char *name, bool folder)
{
    char got[TARGET_NAME_MOST] = "";
    bool got_folder = false;

    assert_int_equal(target_name((struct text){path, strlen(path)}, got, &got_folder), status);
    if (status != 0)
        return;
    assert_string_equal(got, name);
    assert_int_equal(got_folder, folder);
}

static void paths_become_names_below_the_root(void **state)
{
    path_is("/", 0, ".", true);
    path_is("/a", 0, "a", false);
    path_is("/a/b.c/", 0, "a/b.c", true);
    path_is("//a///b", 0, "a/b", false);
    path_is("/./a/./b/.", 0, "a/b", true);
    path_is("/a%20b%2fc%25", 0, "a b/c%", false);
    path_is("/...", 0, "...", false);
    path_is("/..a/b..", 0, "..a/b..", false);
}

static void no_disguise_leads_upwards(void **state)
{
    static const char *const bad[] = {
        "/..",         "/../",      "/../etc/passwd", "/a/../b", "/a/..",
        "/%2e%2e/x",   "/.%2e/x",   "/%2E./x",        "/..%2fx", "/a%2f..%2fx",
        "/%2e%2e%2fx", "/a/%2e%2e", "//../x",         "/./../x", "/a/%2e%2e%2f%2e%2e%2fx"};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        path_is(bad[i], 403, NULL, false);
    path_is("/%252e%252e/x", 0, "%2e%2e/x", false); /* decoded once: a strange name, not a way up */
}

static void broken_encodings_are_refused(void **state)
{
    static const char *const bad[] = {"/%", "/%2", "/%zz", "/a%00", "/%00/../x", "/%-1", "/% 1"};
    static char longest[TARGET_NAME_MOST + 2];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        path_is(bad[i], 400, NULL, false);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    path_is(longest, 414, NULL, false);
}

/* ---- decisions ---- */

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void gets(const char *fields, int status, uint64_t from, uint64_t bytes)
{
    char head[512];
    struct decision d;

    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
    assert_int_equal(status_of(head), 0);
    decide(&r, 1000, MODIFIED, "\"e\"", &d);
    if (d.status != status || d.from != from || d.bytes != bytes)
        fail_msg("%s gets %d, %lu bytes from %lu", fields, d.status, d.bytes, d.from);
}

/* RFC9110-14.1.2, RFC9110-14.2 */
static void ranges_are_cut_to_the_file(void **state)
{
    gets("", 200, 0, 1000);
    gets("Range: bytes=0-0\r\n", 206, 0, 1);
    gets("Range: bytes=100-199\r\n", 206, 100, 100);
    gets("Range: bytes=900-\r\n", 206, 900, 100);
    gets("Range: bytes=900-5000\r\n", 206, 900, 100);
    gets("Range: bytes=-10\r\n", 206, 990, 10);
    gets("Range: bytes=-5000\r\n", 206, 0, 1000);
    gets("Range: BYTES=5-9\r\n", 206, 5, 5);
    gets("Range: bytes=1000-\r\n", 416, 0, 0);
    gets("Range: bytes=-0\r\n", 416, 0, 0);
    /* What is not understood is left out of account. */
    gets("Range: bytes=5-1\r\n", 200, 0, 1000);
    gets("Range: bytes=0-1,5-6\r\n", 200, 0, 1000);
    gets("Range: bytes=\r\n", 200, 0, 1000);
    gets("Range: bytes=-\r\n", 200, 0, 1000);
    gets("Range: lines=1-2\r\n", 200, 0, 1000);
    gets("Range: bytes=1-99999999999999999999999\r\n", 200, 0, 1000);
}

/* RFC9110-13.1.2, RFC9110-13.1.3, RFC9110-13.1.5 */
static void conditions_are_kept(void **state)
{
    gets("If-None-Match: \"e\"\r\n", 304, 0, 0);
    gets("If-None-Match: \"x\", W/\"e\"\r\n", 304, 0, 0);
    gets("If-None-Match: *\r\n", 304, 0, 0);
    gets("If-None-Match: \"x\"\r\n", 200, 0, 1000);
    gets("If-None-Match: e\r\n", 200, 0, 1000);
    gets("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304, 0, 0);
    gets("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304, 0, 0);
    gets("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304, 0, 0);
    gets("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200, 0, 1000);
    gets("If-Modified-Since: yesterday\r\n", 200, 0, 1000);
    gets("If-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 200, 0, 1000);
    gets("Range: bytes=0-1\r\nIf-Range: \"e\"\r\n", 206, 0, 2);
    gets("Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", 200, 0, 1000);
    gets("Range: bytes=0-1\r\nIf-Range: W/\"e\"\r\n", 200, 0, 1000);
    gets("Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 206, 0, 2);
    gets("Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 200, 0, 1000);
}

static void an_empty_file_has_no_range(void **state)
{
    struct decision d;

    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n\r\n"), 0);
    decide(&r, 0, MODIFIED, "\"e\"", &d);
    assert_int_equal(d.status, 416);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=-1\r\n\r\n"), 0);
    decide(&r, 0, MODIFIED, "\"e\"", &d);
    assert_int_equal(d.status, 416);
}

static void dates_are_written_as_they_are_read(void **state)
{
    char text[DATE_LEN];
    time_t t;

    date_text(MODIFIED, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_true(date_read((struct text){text, strlen(text)}, &t) && t == MODIFIED);
}

static void types_go_by_the_end_of_the_name(void **state)
{
    assert_string_equal(mime_type("a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(mime_type("x.tar.gz"), "application/gzip");
    assert_string_equal(mime_type("folder.css/readme"), "application/octet-stream");
    assert_string_equal(mime_type("html"), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_ends_with_an_empty_line),
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(connections_stay_by_default_from_1_1_on),
        cmocka_unit_test(wrong_requests_get_their_status),
        cmocka_unit_test(long_requests_are_refused),
        cmocka_unit_test(random_heads_do_no_harm),
        cmocka_unit_test(paths_become_names_below_the_root),
        cmocka_unit_test(no_disguise_leads_upwards),
        cmocka_unit_test(broken_encodings_are_refused),
        cmocka_unit_test(ranges_are_cut_to_the_file),
        cmocka_unit_test(conditions_are_kept),
        cmocka_unit_test(an_empty_file_has_no_range),
        cmocka_unit_test(dates_are_written_as_they_are_read),
        cmocka_unit_test(types_go_by_the_end_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
