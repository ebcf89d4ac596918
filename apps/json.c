/* SPDX-License-Identifier: BSD-3-Clause */
#include "json.h"

#include <inttypes.h>
#include <math.h>

#define INDENT 2

static void line_break(struct json *j)
{
    if (!j->one_line)
        fprintf(j->out, "\n%*s", (int)j->depth * INDENT, "");
}

static void quoted(struct json *j, const char *text)
{
    putc('"', j->out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(j->out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(j->out, "\\u%04x", *c);
        else
            putc(*c, j->out);
    }
    putc('"', j->out);
}

/* What comes before each value. */
static void lead(struct json *j, const char *key)
{
    if (j->depth > 0) {
        if (j->started)
            fputs(j->one_line ? ", " : ",", j->out);
        line_break(j);
    }
    j->started = true;
    if (key != NULL) {
        quoted(j, key);
        fputs(": ", j->out);
    }
}

static void begin(struct json *j, const char *key, char bracket)
{
    lead(j, key);
    putc(bracket, j->out);
    j->depth++;
    j->started = false;
}

static void end(struct json *j, char bracket)
{
    bool empty = !j->started;

    j->depth--;
    if (!empty)
        line_break(j);
    putc(bracket, j->out);
    if (j->depth == 0)
        putc('\n', j->out);
    j->started = true;
}

void json_object(struct json *j, const char *key)
{
    begin(j, key, '{');
}

void json_array(struct json *j, const char *key)
{
    begin(j, key, '[');
}

void json_end_object(struct json *j)
{
    end(j, '}');
}

void json_end_array(struct json *j)
{
    end(j, ']');
}

void json_text(struct json *j, const char *key, const char *text)
{
    lead(j, key);
    if (text != NULL)
        quoted(j, text);
    else
        fputs("null", j->out);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
    lead(j, key);
    fprintf(j->out, "%" PRIu64, value);
}

void json_double(struct json *j, const char *key, double value, int decimals)
{
    lead(j, key);
    if (isfinite(value))
        fprintf(j->out, "%.*f", decimals, value);
    else
        fputs("null", j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
    lead(j, key);
    fputs(value ? "true" : "false", j->out);
}
