/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Collects a line, without its CR LF. True when it is complete. */
static bool line_read(struct http_reader *r, const char *bytes, uint32_t n, uint32_t *used)
{
    while (*used < n) {
        char c = bytes[(*used)++];
        r->head_len++;
        if (c == '\n') {
            if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
                r->line_len--;
            r->line[r->line_len] = '\0';
            return true;
        }
        if (r->line_len < HTTP_LINE - 1)
            r->line[r->line_len++] = c;
    }
    return false;
}

/* "HTTP/1.1 200 OK" (RFC9112-4). */
static bool status_line(struct http_reader *r)
{
    const char *s = r->line;

    if (strncmp(s, "HTTP/1.", 7) != 0 || (s[7] != '0' && s[7] != '1') || s[8] != ' ')
        return false;
    for (int i = 9; i < 12; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    if (s[12] != ' ' && s[12] != '\0')
        return false;
    r->status = (uint16_t)((s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0'));
    r->close = s[7] == '0';
    r->chunked = r->has_length = r->until_end = false;
    r->left = 0;
    return r->status >= 100;
}

static bool digits(const char *s, int base, uint64_t *out)
{
    uint64_t n = 0;
    int seen = 0;

    for (;; s++, seen++) {
        int d;
        if (*s >= '0' && *s <= '9')
            d = *s - '0';
        else if (base == 16 && (*s | 32) >= 'a' && (*s | 32) <= 'f')
            d = (*s | 32) - 'a' + 10;
        else
            break;
        if (n > (UINT64_MAX >> 5))
            return false;
        n = n * (uint64_t)base + (uint64_t)d;
    }
    while (*s == ' ' || *s == '\t')
        s++;
    *out = n;
    return seen > 0 && (*s == '\0' || (base == 16 && *s == ';'));
}

static bool header_line(struct http_reader *r)
{
    char *colon = strchr(r->line, ':');

    if (colon == NULL || colon == r->line)
        return false;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(r->line, "content-length") == 0) {
        uint64_t length;
        if (!digits(value, 10, &length) || (r->has_length && length != r->left))
            return false;
        r->left = length;
        r->has_length = true;
    } else if (strcasecmp(r->line, "transfer-encoding") == 0) {
        r->chunked = strcasestr(value, "chunked") != NULL;
    } else if (strcasecmp(r->line, "connection") == 0) {
        if (strcasestr(value, "close") != NULL)
            r->close = true;
        else if (strcasestr(value, "keep-alive") != NULL)
            r->close = false;
    }
    return true;
}

/* The empty line: what follows (RFC9112-6.3). True when that is nothing. */
static bool head_end(struct http_reader *r)
{
    r->head_len = 0;
    if (r->status < 200) {
        r->state = HTTP_STATUS;
        return false;
    }
    if (r->status == 204 || r->status == 304)
        r->left = 0;
    else if (r->chunked) {
        r->state = HTTP_CHUNK_SIZE;
        return false;
    } else if (!r->has_length) {
        r->until_end = r->close = true;
        r->state = HTTP_BODY;
        return false;
    }
    r->state = r->left > 0 ? HTTP_BODY : HTTP_STATUS;
    return r->left == 0;
}

static enum http_result line_taken(struct http_reader *r)
{
    bool empty = r->line_len == 0;

    r->line_len = 0;
    switch (r->state) {
    case HTTP_STATUS:
        r->state = HTTP_HEADER;
        return status_line(r) ? HTTP_MORE : HTTP_BAD;
    case HTTP_HEADER:
        if (empty)
            return head_end(r) ? HTTP_DONE : HTTP_MORE;
        return header_line(r) ? HTTP_MORE : HTTP_BAD;
    case HTTP_CHUNK_SIZE:
        if (!digits(r->line, 16, &r->left))
            return HTTP_BAD;
        r->state = r->left > 0 ? HTTP_CHUNK : HTTP_TRAILER;
        r->head_len = 0;
        return HTTP_MORE;
    case HTTP_CHUNK_END:
        r->state = HTTP_CHUNK_SIZE;
        return empty ? HTTP_MORE : HTTP_BAD;
    default: /* HTTP_TRAILER */
        if (!empty)
            return HTTP_MORE;
        r->state = HTTP_STATUS;
        r->head_len = 0;
        return HTTP_DONE;
    }
}

/* True when the body, or the chunk, is complete. */
static bool body_read(struct http_reader *r, uint32_t n, uint32_t *used)
{
    uint64_t take = n - *used;

    if (r->until_end) {
        *used = n;
        return false;
    }
    if (take > r->left)
        take = r->left;
    r->left -= take;
    *used += (uint32_t)take;
    return r->left == 0;
}

enum http_result http_read(struct http_reader *r, const char *bytes, uint32_t n, uint32_t *used)
{
    *used = 0;
    while (*used < n) {
        if (r->state == HTTP_BODY || r->state == HTTP_CHUNK) {
            if (!body_read(r, n, used))
                continue;
            if (r->state == HTTP_CHUNK) {
                r->state = HTTP_CHUNK_END;
                continue;
            }
            r->state = HTTP_STATUS;
            return HTTP_DONE;
        }
        bool complete = line_read(r, bytes, n, used);
        if (r->head_len > HTTP_HEAD_MOST) /* what is not HTTP need not contain a line break ever */
            return HTTP_BAD;
        if (!complete)
            continue;
        enum http_result result = line_taken(r);
        if (result != HTTP_MORE)
            return result;
    }
    return HTTP_MORE;
}

bool http_end(const struct http_reader *r)
{
    return r->state == HTTP_BODY && r->until_end;
}
