/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MOST 32
#define TEXT_MOST  1024

struct reader {
    const char *at;
    void (*leaf)(void *user, const struct json_leaf *leaf);
    void *user;
    unsigned depth;
    char path[JSON_PATH];
};

static bool value_read(struct reader *r);

static void blanks(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char c)
{
    blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* One character behind a backslash, and where it ends. */
static char escape_read(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = *r->at != '\0' ? strchr(from, *r->at) : NULL;

    if (known != NULL) {
        r->at++;
        return to[known - from];
    }
    if (*r->at != 'u')
        return '\0';
    r->at++;
    if (strspn(r->at, "0123456789abcdefABCDEF") < 4)
        return '\0';
    r->at += 4;
    return '?';
}

/* What is longer than the room is cut. */
static bool text_read(struct reader *r, char *out, size_t room)
{
    size_t n = 0;

    if (!take(r, '"'))
        return false;
    while (*r->at != '"') {
        char c = *r->at;
        if ((unsigned char)c < 0x20)
            return false;
        r->at++;
        if (c == '\\' && (c = escape_read(r)) == '\0')
            return false;
        if (n + 1 < room)
            out[n++] = c;
    }
    r->at++;
    out[n] = '\0';
    return true;
}

static bool leaf_call(struct reader *r, enum json_kind kind, double number, const char *text)
{
    const struct json_leaf leaf = {.path = r->path, .kind = kind, .number = number, .text = text};

    r->leaf(r->user, &leaf);
    return true;
}

static bool number_read(struct reader *r)
{
    size_t n = strspn(r->at, "+-0123456789.eE");
    char digits[64], *end;

    if (n == 0 || n >= sizeof(digits) || r->at[0] == '+' || r->at[0] == '.')
        return false;
    memcpy(digits, r->at, n);
    digits[n] = '\0';
    double value = strtod(digits, &end);
    if (*end != '\0')
        return false;
    r->at += n;
    return leaf_call(r, JSON_NUMBER, value, NULL);
}

static bool word_read(struct reader *r)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i].word);
        if (strncmp(r->at, words[i].word, n) == 0) {
            r->at += n;
            return leaf_call(r, words[i].kind, 0, NULL);
        }
    }
    return false;
}

/* A member or element: its name is on the path while it is read. */
static bool nested_read(struct reader *r, const char *name)
{
    size_t was = strlen(r->path);
    int n = snprintf(r->path + was, sizeof(r->path) - was, "%s%s", was > 0 ? "." : "", name);
    bool good = n >= 0 && (size_t)n < sizeof(r->path) - was && value_read(r);

    r->path[was] = '\0';
    return good;
}

static bool members_read(struct reader *r)
{
    char name[JSON_PATH];

    if (take(r, '}'))
        return true;
    do {
        if (!text_read(r, name, sizeof(name)) || !take(r, ':') || !nested_read(r, name))
            return false;
    } while (take(r, ','));
    return take(r, '}');
}

static bool elements_read(struct reader *r)
{
    char name[16];

    if (take(r, ']'))
        return true;
    for (unsigned i = 0; i == 0 || take(r, ','); i++) {
        snprintf(name, sizeof(name), "%u", i);
        if (!nested_read(r, name))
            return false;
    }
    return take(r, ']');
}

static bool value_read(struct reader *r)
{
    char text[TEXT_MOST];
    bool good;

    blanks(r);
    switch (*r->at) {
    case '{':
    case '[':
        if (r->depth >= DEPTH_MOST)
            return false;
        r->depth++;
        good = *r->at++ == '{' ? members_read(r) : elements_read(r);
        r->depth--;
        return good;
    case '"':
        return text_read(r, text, sizeof(text)) && leaf_call(r, JSON_TEXT, 0, text);
    case 't':
    case 'f':
    case 'n':
        return word_read(r);
    default:
        return number_read(r);
    }
}

int json_read(const char **at, void (*leaf)(void *user, const struct json_leaf *leaf), void *user)
{
    struct reader r = {.at = *at, .leaf = leaf, .user = user};

    blanks(&r);
    *at = r.at;
    if (*r.at == '\0')
        return 0;
    bool good = value_read(&r);
    *at = r.at;
    return good ? 1 : -1;
}
