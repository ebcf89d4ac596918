/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers: where one ends, whether it is right, and what comes after it. */
#include "bench/load.h"

#include <string.h>

/* The oldest request of c is answered; then, in a closed loop, comes the next. */
static void answered(struct load *l, struct conn *c, bool server_closes, uint64_t now)
{
    load_answered(l, l->due[(size_t)conn_index(l, c) * config.pipeline + c->head], now);
    c->head = (uint16_t)((c->head + 1) % config.pipeline);
    c->outstanding--;
    l->in_flight--;
    bool open_loop = config.rate != 0 || config.mode == MODE_HOLD;
    if (conn_per_request() || server_closes) {
        conn_close(l, c, FAILURES, now);
        if (conn_per_request() && !open_loop && !load_stops(now))
            conn_request(l, c, now, now);
        return;
    }
    if (load_stops(now))
        return;
    if (open_loop)
        load_offer(l, c);
    else
        conn_request(l, c, now, now);
}

static void pattern_bytes(struct load *l, struct conn *c, const char *bytes, uint32_t n, uint64_t now)
{
    uint32_t generation = c->generation;

    while (n > 0) {
        if (c->outstanding == 0) {
            conn_close(l, c, FAIL_UNEXPECTED, now);
            return;
        }
        uint32_t take = config.response - c->received;
        if (take > n)
            take = n;
        if (config.verify && memcmp(bytes, l->text[0].bytes + c->received, take) != 0) {
            conn_close(l, c, FAIL_WRONG, now);
            return;
        }
        bytes += take;
        n -= take;
        c->received += take;
        if (c->received < config.response)
            return;
        c->received = 0;
        answered(l, c, false, now);
        if (c->state == CONN_CLOSED || c->generation != generation)
            return;
    }
}

static void status_count(struct load *l, uint16_t status, uint64_t now)
{
    if (status >= 500)
        load_fail(l, FAIL_HTTP_5XX, now);
    else if (status >= 400)
        load_fail(l, FAIL_HTTP_4XX, now);
}

static void http_bytes(struct load *l, struct conn *c, const char *bytes, uint32_t n, uint64_t now)
{
    struct http_reader *r = &l->http[conn_index(l, c)];
    uint32_t generation = c->generation, used;

    while (n > 0) {
        if (c->outstanding == 0) {
            conn_close(l, c, FAIL_UNEXPECTED, now);
            return;
        }
        switch (http_read(r, bytes, n, &used)) {
        case HTTP_MORE:
            return;
        case HTTP_BAD:
            conn_close(l, c, FAIL_HTTP_SYNTAX, now);
            return;
        case HTTP_DONE:
            break;
        }
        bytes += used;
        n -= used;
        status_count(l, r->status, now);
        answered(l, c, r->close, now);
        if (c->state == CONN_CLOSED || c->generation != generation)
            return;
    }
}

void answer_bytes(struct load *l, struct conn *c, const char *bytes, uint32_t n, uint64_t now)
{
    if (config.mode == MODE_HTTP)
        http_bytes(l, c, bytes, n, now);
    else
        pattern_bytes(l, c, bytes, n, now);
}

bool answer_end(struct load *l, struct conn *c, uint64_t now)
{
    struct http_reader *r;

    if (config.mode != MODE_HTTP || c->outstanding == 0)
        return false;
    r = &l->http[conn_index(l, c)];
    if (!http_end(r))
        return false;
    status_count(l, r->status, now);
    answered(l, c, true, now);
    return true;
}
