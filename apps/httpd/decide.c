/* SPDX-License-Identifier: BSD-3-Clause */
#include "httpd/decide.h"

#include <string.h>

void date_text(time_t t, char out[DATE_LEN])
{
    struct tm tm;

    strftime(out, DATE_LEN, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
}

bool date_read(struct text t, time_t *out)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    char copy[48];

    if (t.at == NULL || t.len >= sizeof(copy))
        return false;
    memcpy(copy, t.at, t.len);
    copy[t.len] = '\0';
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            *out = timegm(&tm);
            return true;
        }
    }
    return false;
}

/* Is etag in the list? Weak marks make no difference here (RFC9110-13.1.2). */
static bool etag_listed(struct text list, const char *etag)
{
    size_t len = strlen(etag);

    if (list.len == 1 && list.at[0] == '*')
        return true;
    while (list.len > 0) {
        const char *comma = memchr(list.at, ',', list.len);
        size_t n = comma != NULL ? (size_t)(comma - list.at) : list.len;
        const char *at = list.at;
        list.at += n + (comma != NULL);
        list.len -= n + (comma != NULL);
        for (; n > 0 && (*at == ' ' || *at == '\t'); n--)
            at++;
        for (; n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'); n--)
            ;
        if (n > 2 && at[0] == 'W' && at[1] == '/') {
            at += 2;
            n -= 2;
        }
        if (n == len && memcmp(at, etag, n) == 0)
            return true;
    }
    return false;
}

static bool not_modified(const struct request *r, time_t modified, const char *etag)
{
    time_t since;

    if (r->if_none_match.at != NULL) /* then the date is not looked at (RFC9110-13.1.3) */
        return etag_listed(r->if_none_match, etag);
    return date_read(r->if_modified_since, &since) && modified <= since;
}

/* RFC9110-13.1.5: the range only if the file is still the one of which the client has a part. */
static bool range_holds(const struct request *r, time_t modified, const char *etag)
{
    time_t date;

    if (r->if_range.at == NULL)
        return true;
    if (r->if_range.len > 0 && r->if_range.at[0] == '"')
        return r->if_range.len == strlen(etag) && memcmp(r->if_range.at, etag, r->if_range.len) == 0;
    return date_read(r->if_range, &date) && date == modified;
}

/* Digits at the start of t. False: none, or too many. */
static bool digits(struct text *t, uint64_t *out)
{
    size_t n = 0;

    *out = 0;
    for (; n < t->len && t->at[n] >= '0' && t->at[n] <= '9'; n++) {
        if (n >= 18)
            return false;
        *out = *out * 10 + (uint64_t)(t->at[n] - '0');
    }
    t->at += n;
    t->len -= n;
    return n > 0;
}

/* "bytes=first-last", "bytes=first-", "bytes=-length" (RFC9110-14.1.2). False: not understood, or several,
 * and then the whole file is a right answer. */
static bool range_read(struct text t, uint64_t size, struct decision *out)
{
    uint64_t first, last;
    bool has_first, has_last;

    if (t.len < 6 || strncasecmp(t.at, "bytes=", 6) != 0)
        return false;
    t.at += 6;
    t.len -= 6;
    has_first = digits(&t, &first);
    if (t.len == 0 || t.at[0] != '-')
        return false;
    t.at++;
    t.len--;
    has_last = digits(&t, &last);
    if (t.len != 0 || (!has_first && !has_last) || (has_first && has_last && last < first))
        return false;
    if (!has_first) {
        first = last < size ? size - last : 0;
        if (last == 0)
            first = size;
        last = size - 1;
    } else if (!has_last || last >= size) {
        last = size - 1;
    }
    if (first >= size) {
        *out = (struct decision){.status = 416};
        return true;
    }
    *out = (struct decision){.status = 206, .from = first, .bytes = last - first + 1};
    return true;
}

void decide(const struct request *r, uint64_t size, time_t modified, const char *etag, struct decision *out)
{
    *out = (struct decision){.status = 200, .bytes = size};
    if (not_modified(r, modified, etag))
        *out = (struct decision){.status = 304};
    else if (r->range.at != NULL && r->method == METHOD_GET && range_holds(r, modified, etag))
        range_read(r->range, size, out);
}
