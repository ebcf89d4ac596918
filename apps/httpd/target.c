/* SPDX-License-Identifier: BSD-3-Clause */
#include "httpd/target.h"

#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One decoded character from t. -1: no such encoding. */
static int char_next(struct text *t)
{
    char c = t->at[0];
    size_t used = 1;

    if (c == '%') {
        int high = t->len >= 3 ? hex(t->at[1]) : -1, low = t->len >= 3 ? hex(t->at[2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return -1;
        c = (char)(high << 4 | low);
        used = 3;
    }
    t->at += used;
    t->len -= used;
    return (unsigned char)c;
}

/* The segment that ends at name[*n], which began at `from`: kept, dropped or refused. An encoded slash has
 * divided like a plain one, so what is left of a disguise is looked at here. */
static int segment_end(char *name, size_t from, size_t *n)
{
    size_t len = *n - from;

    if (len == 2 && name[from] == '.' && name[from + 1] == '.')
        return 403;
    if (len == 0 || (len == 1 && name[from] == '.')) {
        *n = from;
        return 0;
    }
    name[(*n)++] = '/';
    return 0;
}

int target_name(struct text path, char name[TARGET_NAME_MOST], bool *folder)
{
    size_t n = 0, from = 0;
    int status;

    *folder = true;
    while (path.len > 0) {
        int c = char_next(&path);
        if (c < 0)
            return 400;
        if (n + 2 >= TARGET_NAME_MOST)
            return 414;
        *folder = c == '/';
        if (c != '/') {
            name[n++] = (char)c;
            continue;
        }
        status = segment_end(name, from, &n);
        if (status != 0)
            return status;
        from = n;
    }
    if (n > from) {
        bool dot = n - from == 1 && name[from] == '.';
        status = segment_end(name, from, &n);
        if (status != 0)
            return status;
        *folder |= dot;
    }
    if (n == 0)
        name[n++] = '.';
    else if (name[n - 1] == '/')
        n--;
    name[n] = '\0';
    return 0;
}
