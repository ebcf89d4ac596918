/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading JSON (RFC 8259): the leaves of values that stand one after another in a text, each with the path to
 * it. */
#ifndef BENCH_JSON_READ_H
#define BENCH_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_PATH 256

enum json_kind { JSON_NUMBER, JSON_TEXT, JSON_TRUE, JSON_FALSE, JSON_NULL };

struct json_leaf {
    const char *path; /* "latency_us.p99"; elements of arrays count from 0: "series.0.requests" */
    enum json_kind kind;
    double number;    /* JSON_NUMBER */
    const char *text; /* JSON_TEXT, until the call returns; escapes other than the short ones become '?' */
};

/* Reads the next value at *at (NUL-terminated text), which is moved behind it; leaf() is called for each
 * number, text, true, false and null in it. 1; 0 when nothing but blanks is left; -1 when this is not JSON,
 * and then *at is where. */
int json_read(const char **at, void (*leaf)(void *user, const struct json_leaf *leaf), void *user);

#endif
