/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing JSON: commas, indentation and escapes are its business, the nesting is the caller's. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Set `out` (borrowed), and `one_line` for a value without line breaks in it; the rest is zero. */
struct json {
    FILE *out;
    bool one_line;
    bool started; /* something stands in the current object or array */
    unsigned depth;
};

/* key: NULL for a value of an array, and for the outermost. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Ends the innermost object or array; the outermost with a line break. */
void json_end_object(struct json *j);
void json_end_array(struct json *j);

void json_text(struct json *j, const char *key, const char *text); /* NULL: null */
void json_u64(struct json *j, const char *key, uint64_t value);
/* With so many decimals; what is not finite is null. */
void json_double(struct json *j, const char *key, double value, int decimals);
void json_bool(struct json *j, const char *key, bool value);

#endif
