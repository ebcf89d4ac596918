/* SPDX-License-Identifier: BSD-3-Clause */
/* One TCP connection of each service: echo (RFC 862), discard (863), daytime (867), chargen (864). */
#include "echo/server.h"

#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <plx.h>

/* What was received and could not be sent on at once. Never more than one scratch buffer full, for
 * nothing more is read until it is gone: that is how a slow reader slows its own writer down. */
struct unsent {
    uint32_t off, len;
    char bytes[];
};

void stream_free(struct sock *sock)
{
    free(sock->unsent);
    sock->unsent = NULL;
}

static void stream_abort(struct server *s, int fd)
{
    s->totals.aborted++;
    server_close(s, fd);
}

/* ---- echo ---- */

static void echo_keep(struct server *s, int fd, const char *bytes, size_t len)
{
    struct unsent *u = malloc(sizeof(*u) + len);

    if (u == NULL) {
        stream_abort(s, fd);
        return;
    }
    u->off = 0;
    u->len = (uint32_t)len;
    memcpy(u->bytes, bytes, len);
    s->socks[fd].unsent = u;
    server_rewatch(s, fd, EPOLLOUT);
}

/* Sends; returns how much was taken, 0 when nothing fits now, -1 after closing a broken connection. */
static ssize_t stream_send(struct server *s, int fd, const char *bytes, size_t len)
{
    ssize_t n = plx_send(fd, bytes, len, MSG_NOSIGNAL);

    if (n >= 0) {
        s->totals.bytes_out += (uint64_t)n;
        return n;
    }
    if (errno == EAGAIN || errno == ENOBUFS)
        return 0;
    stream_abort(s, fd);
    return -1;
}

static void echo_readable(struct server *s, int fd)
{
    ssize_t n = plx_recv(fd, s->scratch, SCRATCH_SIZE, 0);

    if (n > 0) {
        s->totals.bytes_in += (uint64_t)n;
        ssize_t sent = stream_send(s, fd, s->scratch, (size_t)n);
        if (sent >= 0 && sent < n)
            echo_keep(s, fd, s->scratch + sent, (size_t)(n - sent));
    } else if (n == 0) {
        server_close(s, fd); /* FIN follows what is still in the send buffer */
    } else if (errno != EAGAIN) {
        stream_abort(s, fd);
    }
}

static void echo_writable(struct server *s, int fd)
{
    struct sock *sock = &s->socks[fd];
    struct unsent *u = sock->unsent;
    ssize_t n = stream_send(s, fd, u->bytes + u->off, u->len - u->off);

    if (n < 0)
        return;
    u->off += (uint32_t)n;
    if (u->off < u->len)
        return;
    stream_free(sock);
    server_rewatch(s, fd, EPOLLIN);
}

static void echo_event(struct server *s, int fd)
{
    if (s->socks[fd].unsent != NULL)
        echo_writable(s, fd);
    else
        echo_readable(s, fd);
}

/* ---- discard, and the input of those that only send ---- */

/* Throws away what came; false when the connection is gone. */
static bool discard_readable(struct server *s, int fd)
{
    ssize_t n = plx_recv(fd, s->scratch, SCRATCH_SIZE, MSG_TRUNC);

    if (n > 0) {
        s->totals.bytes_in += (uint64_t)n;
        return true;
    }
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n == 0)
        server_close(s, fd);
    else
        stream_abort(s, fd);
    return false;
}

/* ---- chargen ---- */

/* 95 lines of 72 printable characters, each beginning one further, then from the start again. */
#define CHARGEN_CHARS  95
#define CHARGEN_WIDTH  72
#define CHARGEN_LINE   (CHARGEN_WIDTH + 2)
#define CHARGEN_PERIOD (CHARGEN_CHARS * CHARGEN_LINE)
#define CHARGEN_CHUNK  16384

static void chargen_fill(char *out, size_t len, unsigned at)
{
    for (size_t i = 0; i < len; i++) {
        unsigned line = at / CHARGEN_LINE, column = at % CHARGEN_LINE;
        if (column < CHARGEN_WIDTH)
            out[i] = (char)(' ' + (line + column) % CHARGEN_CHARS);
        else
            out[i] = column == CHARGEN_WIDTH ? '\r' : '\n';
        at = (at + 1) % CHARGEN_PERIOD;
    }
}

static void chargen_event(struct server *s, int fd, uint32_t events)
{
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !discard_readable(s, fd))
        return;
    if ((events & EPOLLOUT) == 0)
        return;
    chargen_fill(s->scratch, CHARGEN_CHUNK, s->socks[fd].line);
    ssize_t n = stream_send(s, fd, s->scratch, CHARGEN_CHUNK);
    if (n > 0)
        s->socks[fd].line = (uint16_t)((s->socks[fd].line + (size_t)n) % CHARGEN_PERIOD);
}

/* ---- daytime ---- */

/* Sends its line and closes first: TIME-WAIT is the server's. */
static void daytime_serve(struct server *s, int fd)
{
    char line[64];
    time_t t = time(NULL);
    struct tm tm;

    size_t n = strftime(line, sizeof(line), "%A, %B %d, %Y %H:%M:%S-UTC\r\n", gmtime_r(&t, &tm));
    if (stream_send(s, fd, line, n) >= 0)
        server_close(s, fd);
}

/* ---- all ---- */

void stream_accepted(struct server *s, int fd, enum service service)
{
    uint32_t events = service == SERVICE_CHARGEN ? EPOLLIN | EPOLLOUT : EPOLLIN;

    if (server_watch(s, fd, SOCK_STREAM_CONN, service, events) < 0) {
        s->totals.refused++;
        s->open--;
        plx_close(fd);
        return;
    }
    if (service == SERVICE_DAYTIME)
        daytime_serve(s, fd);
}

void stream_event(struct server *s, int fd, uint32_t events)
{
    switch (s->socks[fd].service) {
    case SERVICE_ECHO:
        echo_event(s, fd);
        break;
    case SERVICE_DISCARD:
        discard_readable(s, fd);
        break;
    case SERVICE_CHARGEN:
        chargen_event(s, fd, events);
        break;
    }
}
