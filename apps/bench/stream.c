/* SPDX-License-Identifier: BSD-3-Clause */
/* As many bytes as go through. */
#include "bench/load.h"

#include <errno.h>
#include <stddef.h>

#define SENDS_PER_EVENT 4 /* then the others have their turn */

void stream_start(struct load *l, struct conn *c)
{
    uint32_t events = EPOLLIN;

    if (config.direction != STREAM_DOWN)
        events |= EPOLLOUT;
    conn_watch(l, c, EPOLL_CTL_MOD, events);
}

static bool stream_send(struct load *l, struct conn *c, uint64_t now)
{
    for (int i = 0; i < SENDS_PER_EVENT; i++) {
        ssize_t n = l->calls->send(c->fd, l->text[0].bytes, l->text[0].len, 0);
        struct interval *in = n > 0 ? load_interval(l, now, false) : NULL;

        if (in != NULL) {
            in->bytes_out += (uint64_t)n;
            l->bytes_out += (uint64_t)n;
        }
        if (n < 0 && errno != EAGAIN && errno != ENOBUFS) {
            conn_close(l, c, failure_of(errno, false), now);
            return false;
        }
        if (n < (ssize_t)l->text[0].len)
            break;
    }
    return true;
}

static void stream_recv(struct load *l, struct conn *c, uint64_t now)
{
    ssize_t n = l->calls->recv(c->fd, l->buffer, LOAD_BUFFER, 0);
    struct interval *in = n > 0 ? load_interval(l, now, false) : NULL;

    if (n > 0)
        l->last_answer = now;
    if (in != NULL) {
        in->bytes_in += (uint64_t)n;
        l->bytes_in += (uint64_t)n;
    }
    if (n == 0)
        conn_close(l, c, FAIL_CLOSED, now);
    else if (n < 0 && errno != EAGAIN)
        conn_close(l, c, failure_of(errno, false), now);
}

void stream_event(struct load *l, struct conn *c, uint32_t events, uint64_t now)
{
    if (load_stops(now))
        return;
    if ((events & EPOLLOUT) != 0 && !stream_send(l, c, now))
        return;
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        stream_recv(l, c, now);
}

uint64_t stream_unacknowledged(struct load *l)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < l->n; i++)
        if (l->conn[i].state == CONN_OPEN) {
            int n = l->calls->unacknowledged(l->conn[i].fd);
            sum += n > 0 ? (uint64_t)n : 0;
        }
    return sum;
}
