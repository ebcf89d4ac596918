/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent: a pattern of bytes, or HTTP requests. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"

/* The text, repeated as often as a send may take at once. Takes `one`. */
static int text_set(struct request_text *t, char *one, uint32_t len, bool repeat)
{
    if (one == NULL)
        return -ENOMEM;
    t->len = len;
    t->times = repeat && len < LOAD_BUFFER ? LOAD_BUFFER / len : 1;
    if (t->times > config.pipeline)
        t->times = config.pipeline;
    t->bytes = malloc((size_t)len * t->times);
    for (uint32_t i = 0; t->bytes != NULL && i < t->times; i++)
        memcpy(t->bytes + (size_t)i * len, one, len);
    free(one);
    return t->bytes != NULL ? 0 : -ENOMEM;
}

static char *pattern(uint32_t len)
{
    char *bytes = malloc(len);

    for (uint32_t i = 0; bytes != NULL && i < len; i++)
        bytes[i] = (char)('a' + (i + i / 26) % 26);
    return bytes;
}

static int http_text(struct request_text *t, const char *path, bool repeat)
{
    char *text = NULL;
    int n = asprintf(&text, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, config.host_header,
                     config.no_keepalive ? "Connection: close\r\n" : "");

    return n < 0 ? -ENOMEM : text_set(t, text, (uint32_t)n, repeat);
}

int request_texts(struct load *l)
{
    uint32_t n = config.mode == MODE_HTTP ? config.n_paths : 1;
    int rc = 0;

    l->text = calloc(n, sizeof(*l->text));
    if (l->text == NULL)
        return -ENOMEM;
    l->n_texts = n;
    if (config.mode != MODE_HTTP)
        return text_set(l->text, pattern(config.size), config.size, true);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = http_text(&l->text[i], config.path[i], n == 1);
    return rc;
}
