/* SPDX-License-Identifier: BSD-3-Clause */
#include "httpd/request.h"

#include <string.h>
#include <strings.h>

bool text_is(struct text t, const char *word)
{
    return t.at != NULL && strlen(word) == t.len && strncasecmp(t.at, word, t.len) == 0;
}

size_t request_head(const char *bytes, size_t n)
{
    size_t i = 0;

    while (i < n && (bytes[i] == '\r' || bytes[i] == '\n'))
        i++;
    /* A line break right after a line break; a CR before it is part of it. */
    for (const char *at = bytes + i; (at = memchr(at, '\n', n - (size_t)(at - bytes))) != NULL;) {
        size_t next = (size_t)(++at - bytes);
        if (next < n && bytes[next] == '\r')
            next++;
        if (next < n && bytes[next] == '\n')
            return next + 1;
        if (next >= n)
            return 0;
    }
    return 0;
}

/* ---- lines ---- */

struct lines {
    const char *at, *end;
};

/* The next line without its line break; a bare LF is one, too (RFC9112-2.2). */
static struct text line_next(struct lines *l)
{
    const char *nl = memchr(l->at, '\n', (size_t)(l->end - l->at));
    struct text line = {.at = l->at, .len = (size_t)((nl != NULL ? nl : l->end) - l->at)};

    l->at = nl != NULL ? nl + 1 : l->end;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* RFC9110-5.6.2: what names of methods and fields are made of. */
static bool is_token(struct text t)
{
    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return true;
}

/* ---- the request line ---- */

static struct text word_next(struct text *line)
{
    const char *space = memchr(line->at, ' ', line->len);
    struct text word = {.at = line->at, .len = space != NULL ? (size_t)(space - line->at) : line->len};

    line->at += word.len + (space != NULL);
    line->len -= word.len + (space != NULL);
    return word;
}

static int method_read(struct request *r, struct text word)
{
    static const char *const refused[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"};

    if (!is_token(word))
        return 400;
    if (word.len == 3 && memcmp(word.at, "GET", 3) == 0) {
        r->method = METHOD_GET;
        return 0;
    }
    if (word.len == 4 && memcmp(word.at, "HEAD", 4) == 0) {
        r->method = METHOD_HEAD;
        return 0;
    }
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (word.len == strlen(refused[i]) && memcmp(word.at, refused[i], word.len) == 0)
            return 405;
    return 501;
}

/* "/path?query", or "http://host/path" as for a proxy (RFC9112-3.2.2). */
static int target_read(struct request *r, struct text t)
{
    if (t.len > REQUEST_TARGET_MOST)
        return 414;
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.at[i] <= ' ' || (unsigned char)t.at[i] >= 0x7f)
            return 400;
    if (t.len >= 7 && strncasecmp(t.at, "http://", 7) == 0) {
        const char *slash = memchr(t.at + 7, '/', t.len - 7);
        if (slash == NULL)
            t = (struct text){.at = "/", .len = 1};
        else
            t = (struct text){.at = slash, .len = t.len - (size_t)(slash - t.at)};
    }
    if (t.len == 0 || t.at[0] != '/')
        return 400;
    const char *mark = memchr(t.at, '?', t.len);
    r->path = (struct text){.at = t.at, .len = mark != NULL ? (size_t)(mark - t.at) : t.len};
    if (mark != NULL)
        r->query = (struct text){.at = mark + 1, .len = t.len - r->path.len - 1};
    return 0;
}

static int version_read(struct request *r, struct text t)
{
    if (t.len != 8 || memcmp(t.at, "HTTP/", 5) != 0 || t.at[6] != '.' || t.at[5] < '0' || t.at[5] > '9' ||
        t.at[7] < '0' || t.at[7] > '9')
        return 400;
    r->minor = (unsigned)(t.at[7] - '0');
    return t.at[5] == '1' ? 0 : 505;
}

static int first_line(struct request *r, struct text line)
{
    struct text method = word_next(&line), target = word_next(&line);
    int status = version_read(r, line);

    /* What the method is matters less than whether this is HTTP at all. */
    if (status == 0)
        status = target_read(r, target);
    if (status == 0)
        status = method_read(r, method);
    return status;
}

/* ---- fields ---- */

struct fields {
    unsigned n, hosts;
    bool close, keepalive;
};

/* Is `word` an element of a list such as "close, TE"? */
static bool list_has(struct text list, const char *word)
{
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        struct text one = {.at = list.at, .len = comma != NULL ? (size_t)(comma - list.at) : list.len};
        list.at += one.len + (comma != NULL);
        list.len -= one.len + (comma != NULL);
        while (one.len > 0 && (one.at[0] == ' ' || one.at[0] == '\t')) {
            one.at++;
            one.len--;
        }
        while (one.len > 0 && (one.at[one.len - 1] == ' ' || one.at[one.len - 1] == '\t'))
            one.len--;
        if (text_is(one, word))
            return true;
    }
    return false;
}

/* A body of no bytes is none; more are not taken. A length that is no number is an attack (RFC9112-6.3). */
static int length_read(struct request *r, struct text value)
{
    if (value.len == 0)
        return 400;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return 400;
        r->has_body |= value.at[i] != '0';
    }
    return 0;
}

static int field_use(struct request *r, struct fields *f, struct text name, struct text value)
{
    static const struct {
        const char *name;
        size_t offset;
    } kept[] = {{"range", offsetof(struct request, range)},
                {"if-range", offsetof(struct request, if_range)},
                {"if-none-match", offsetof(struct request, if_none_match)},
                {"if-modified-since", offsetof(struct request, if_modified_since)}};

    if (text_is(name, "host")) {
        f->hosts++;
    } else if (text_is(name, "connection")) {
        f->close |= list_has(value, "close");
        f->keepalive |= list_has(value, "keep-alive");
    } else if (text_is(name, "content-length")) {
        return length_read(r, value);
    } else if (text_is(name, "transfer-encoding")) {
        r->has_body = true;
    } else {
        for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
            if (text_is(name, kept[i].name))
                *(struct text *)((char *)r + kept[i].offset) = value;
    }
    return 0;
}

/* "Name: value"; blanks before the colon, and lines that go on, are refused (RFC9112-5.1, RFC9112-5.2). */
static int field_read(struct request *r, struct fields *f, struct text line)
{
    const char *colon = memchr(line.at, ':', line.len);

    if (++f->n > REQUEST_FIELDS_MOST)
        return 431;
    if (colon == NULL)
        return 400;
    struct text name = {.at = line.at, .len = (size_t)(colon - line.at)};
    struct text value = {.at = colon + 1, .len = line.len - name.len - 1};
    if (!is_token(name))
        return 400;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '\0' || value.at[i] == '\r')
            return 400;
    while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t')) {
        value.at++;
        value.len--;
    }
    while (value.len > 0 && (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
        value.len--;
    return field_use(r, f, name, value);
}

int request_read(struct request *r, const char *bytes, size_t n)
{
    struct lines l = {.at = bytes, .end = bytes + n};
    struct fields f = {0};
    struct text line;

    *r = (struct request){0};
    do
        line = line_next(&l);
    while (line.len == 0 && l.at < l.end);
    int status = first_line(r, line);
    while (status == 0 && l.at < l.end) {
        line = line_next(&l);
        if (line.len == 0)
            break;
        status = field_read(r, &f, line);
    }
    if (status != 0)
        return status;
    /* RFC9112-3.2: exactly one Host in HTTP/1.1. */
    if (f.hosts > 1 || (f.hosts == 0 && r->minor >= 1))
        return 400;
    r->keepalive = !f.close && !r->has_body && (r->minor >= 1 || f.keepalive);
    return 0;
}
