/* SPDX-License-Identifier: BSD-3-Clause */
/* The head of an HTTP/1.x request (RFC 9112) and what a server of files needs of it. Nothing is copied: texts
 * point into the bytes that were given. */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_HEAD_MOST   8192 /* bytes from the first to the empty line */
#define REQUEST_TARGET_MOST 4096
#define REQUEST_FIELDS_MOST 100

struct text {
    const char *at; /* NULL: there is none */
    size_t len;
};

enum method { METHOD_GET, METHOD_HEAD };

struct request {
    enum method method;
    struct text path;  /* percent-encoded, begins with '/' or is "*"; the query is cut off */
    struct text query; /* behind the '?' */
    unsigned minor;    /* HTTP/1.minor */
    bool keepalive;    /* may the connection stay? */
    bool has_body;     /* something follows that is not taken: the connection cannot stay */
    struct text range, if_range, if_none_match, if_modified_since;
};

/* How many of the bytes are the head of a request, empty line included: 0 when its end has not come yet.
 * Empty lines before it (RFC9112-2.2) count to it. */
size_t request_head(const char *bytes, size_t n);
/* Reads a whole head of n bytes. 0, or the status to answer with: 400, 405, 414, 431, 501, 505. */
int request_read(struct request *r, const char *bytes, size_t n);

bool text_is(struct text t, const char *word); /* letters of either case */

#endif
