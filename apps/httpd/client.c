/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection: requests in, one answer after the other out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#include "httpd/server.h"

#define READ_SIZE 16384 /* at once; a pipeline of requests may fill it */

void client_free(struct client *c)
{
    free(c->in);
    free(c->out);
    files_put(c->file);
    free(c);
}

/* What was answered last is on its way. Closing at once could turn it into a reset, for the client may have
 * sent more than we wanted to read: so our half ends, and the rest of its half is thrown away (RFC9112-9.6).
 */
static void client_finish(struct server *s, struct client *c)
{
    if (c->waiting == WAIT_GONE)
        return;
    plx_shutdown(c->fd, SHUT_WR);
    free(c->in);
    c->in = NULL;
    c->in_len = 0;
    server_watch(s, c, EPOLLIN);
    server_wait(s, c, WAIT_GONE);
}

/* One complete head. False: c is gone. */
static bool request_take(struct server *s, struct client *c, const char *head, size_t len)
{
    struct request r;
    int status = request_read(&r, head, len);

    s->totals.requests++;
    c->requests++;
    if (status != 0)
        return answer_error(s, c, status);
    c->last =
        !r.keepalive || (s->cfg->max_requests != 0 && c->requests >= s->cfg->max_requests) || plx_stopping();
    return answer_request(s, c, &r);
}

/* Answers as many of the requests in `bytes` as can be sent at once. *used: how many bytes they had. False: c
 * is gone. */
static bool requests_take(struct server *s, struct client *c, const char *bytes, size_t n, size_t *used)
{
    *used = 0;
    while (*used < n && answer_done(c) && !c->last) {
        size_t len = request_head(bytes + *used, n - *used);
        if (len > REQUEST_HEAD_MOST || (len == 0 && n - *used >= REQUEST_HEAD_MOST)) {
            *used = n;
            return answer_error(s, c, 431);
        }
        if (len == 0)
            return true;
        const char *head = bytes + *used;
        *used += len;
        if (!request_take(s, c, head, len))
            return false;
    }
    return true;
}

/* Keeps what could not be dealt with yet. */
static bool input_keep(struct server *s, struct client *c, const char *bytes, size_t n)
{
    char *kept = n > 0 ? malloc(n) : NULL;

    if (n > 0 && kept == NULL) {
        server_drop(s, c, true);
        return false;
    }
    if (n > 0)
        memcpy(kept, bytes, n);
    free(c->in);
    c->in = kept;
    c->in_len = (uint32_t)n;
    return true;
}

/* What the client waits for, or is waited for, from here on. */
static void client_settle(struct server *s, struct client *c)
{
    if (!answer_done(c)) {
        server_watch(s, c, EPOLLOUT);
        if (c->waiting != WAIT_SEND)
            server_wait(s, c, WAIT_SEND);
    } else if (c->last) {
        client_finish(s, c);
    } else {
        server_watch(s, c, EPOLLIN);
        /* A head that comes in drops has no more time than one that comes at once. */
        if (c->in_len > 0 && c->waiting != WAIT_REQUEST)
            server_wait(s, c, WAIT_REQUEST);
        else if (c->in_len == 0 && c->requests > 0)
            server_wait(s, c, WAIT_IDLE);
    }
}

/* Requests in what was kept and in what is new. */
static void client_input(struct server *s, struct client *c, char *bytes, size_t n)
{
    size_t used;

    if (!requests_take(s, c, bytes, n, &used) || !input_keep(s, c, bytes + used, n - used))
        return;
    client_settle(s, c);
}

static void client_readable(struct server *s, struct client *c)
{
    /* Answers are made in the scratch buffer, too: what is read lies in one of its own. */
    char buffer[REQUEST_HEAD_MOST + READ_SIZE];
    size_t kept = c->in_len;

    ssize_t n = plx_recv(c->fd, buffer + kept, READ_SIZE, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || c->waiting == WAIT_GONE) {
        if (n < 0)
            s->totals.aborted++;
        if (n <= 0)
            server_drop(s, c, false);
        return;
    }
    if (kept > 0)
        memcpy(buffer, c->in, kept);
    client_input(s, c, buffer, kept + (size_t)n);
}

static void client_writable(struct server *s, struct client *c)
{
    if (!answer_continue(s, c) || !answer_done(c))
        return;
    if (c->in_len > 0 && !c->last) {
        char *bytes = c->in;
        size_t n = c->in_len;
        c->in = NULL;
        c->in_len = 0;
        size_t used;
        if (requests_take(s, c, bytes, n, &used) && input_keep(s, c, bytes + used, n - used))
            client_settle(s, c);
        free(bytes);
        return;
    }
    client_settle(s, c);
}

void client_event(struct server *s, struct client *c, uint32_t events)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        s->totals.aborted++;
        server_drop(s, c, false);
    } else if (c->sending) {
        client_writable(s, c);
    } else {
        client_readable(s, c);
    }
}

void client_timed_out(struct server *s, struct client *c)
{
    enum waiting waiting = c->waiting;

    s->totals.timed_out[waiting]++;
    if (waiting == WAIT_REQUEST && c->in_len > 0) {
        if (answer_error(s, c, 408))
            client_settle(s, c);
        return;
    }
    server_drop(s, c, waiting == WAIT_SEND);
}
