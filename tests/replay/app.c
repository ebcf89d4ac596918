/* SPDX-License-Identifier: BSD-3-Clause */
#include "app.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix/socket.h"

static bool ours(const struct app *a, const struct capture_frame *f)
{
    return f->len >= 34 && f->bytes[12] == 8 && f->bytes[13] == 0 && memcmp(f->bytes + 26, &a->addr, 4) == 0;
}

static struct app_conn *app_conn(struct app *a, uint16_t our_port, uint16_t peer_port)
{
    for (unsigned i = 0; i < CAPTURE_FLOWS; i++) {
        struct app_conn *c = &a->conn[i];
        if (c->ours == 0)
            *c = (struct app_conn){.ours = our_port, .peer = peer_port, .fd = -1};
        if (c->ours == our_port && c->peer == peer_port)
            return c;
    }
    return NULL;
}

static int app_socket(struct app *a, int type, uint16_t port)
{
    struct engine *e = &a->h->engine;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, fd = sock_open(e, AF_INET, type | SOCK_NONBLOCK, 0);
    sock_setopt(e, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return sock_bind(e, fd, (struct sockaddr *)&in, sizeof(in)) == 0 ? fd : -1;
}

static bool app_has_port(const uint16_t *ports, unsigned n, uint16_t port)
{
    for (unsigned i = 0; i < n; i++)
        if (ports[i] == port)
            return true;
    return false;
}

/* Keeps what our side sent in the order of the stream, whatever was lost and sent again. */
static void conn_keep(struct app_conn *c, const struct segment *s)
{
    uint32_t at = s->seq - c->isn - 1;
    if (s->len == 0 || !c->isn_known || at > 1u << 26)
        return;
    if (at + s->len > c->n_data) {
        c->data = realloc(c->data, at + s->len);
        c->n_data = at + s->len;
    }
    memcpy(c->data + at, s->data, s->len);
}

static bool prepare_tcp(struct app *a, const struct segment *s)
{
    struct app_conn *c = app_conn(a, s->sport, s->dport);
    if (c == NULL)
        return false;
    if (s->flags & SEG_SYN) {
        c->isn = s->seq;
        c->isn_known = true;
        c->active = !(s->flags & SEG_ACK);
        if (!c->active && !app_has_port(a->listener_port, a->n_listeners, s->sport)) {
            int fd = app_socket(a, SOCK_STREAM, s->sport);
            if (sock_listen(&a->h->engine, fd, 100) != 0)
                return false;
            a->listener[a->n_listeners] = fd;
            a->listener_port[a->n_listeners++] = s->sport;
        }
    }
    conn_keep(c, s);
    return true;
}

bool app_prepare(struct app *a, struct host *h, const struct capture *c, uint32_t addr, char *why,
                 size_t size)
{
    struct segment s;
    a->h = h;
    a->addr = addr;
    for (unsigned i = 0; i < c->n; i++) {
        const struct capture_frame *f = &c->frame[i];
        if (!ours(a, f))
            continue;
        memcpy(&a->peer, f->bytes + 30, 4);
        if (segment_parse(f->bytes + 14, f->len - 14, &s) == NULL && !prepare_tcp(a, &s)) {
            snprintf(why, size, "the application cannot be set up");
            return false;
        }
        if (f->len < 36)
            continue; /* a fragment may be as short as that */
        uint16_t port = (uint16_t)(f->bytes[34] << 8 | f->bytes[35]);
        bool first = ((f->bytes[20] & 0x1f) | f->bytes[21]) == 0;
        if (f->bytes[23] == 17 && first && !app_has_port(a->udp_port, a->n_udp, port)) {
            a->udp[a->n_udp] = app_socket(a, SOCK_DGRAM, port);
            a->udp_port[a->n_udp++] = port;
        }
    }
    return true;
}

/* ---- what the capture shows ---- */

static void conn_connect(struct app *a, struct app_conn *c)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(c->peer), .sin_addr.s_addr = a->peer};
    c->fd = app_socket(a, SOCK_STREAM, c->ours);
    sock_connect(&a->h->engine, c->fd, (struct sockaddr *)&in, sizeof(in));
}

static void conn_infer(struct app *a, struct app_conn *c, const struct segment *s)
{
    struct engine *e = &a->h->engine;
    struct linger l = {.l_onoff = 1};
    if ((s->flags & SEG_SYN) && !(s->flags & SEG_ACK) && c->fd < 0 && !c->closed)
        conn_connect(a, c);
    uint32_t end = s->seq - c->isn - 1 + s->len;
    if (s->len != 0 && c->isn_known && end > c->allowed)
        c->allowed = a->bulk ? c->n_data : end;
    if (s->flags & SEG_FIN)
        c->fin = true;
    if ((s->flags & SEG_RST) && c->fd >= 0) {
        sock_setopt(e, c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        sock_close(e, c->fd);
        c->fd = -1;
        c->closed = true;
    }
}

/* A datagram begins with this frame: its payload, gathered from all its fragments. */
static void datagram_infer(struct app *a, const struct capture *c, unsigned i)
{
    static uint8_t buf[65536];
    const uint8_t *ip = c->frame[i].bytes + 14;
    uint32_t ihl = (ip[0] & 15u) * 4, n = ((uint32_t)ip[ihl + 4] << 8 | ip[ihl + 5]) - 8;
    for (unsigned k = i; k < c->n; k++) {
        const struct capture_frame *f = &c->frame[k];
        if (!ours(a, f) || f->bytes[23] != 17 || memcmp(f->bytes + 18, ip + 4, 2) != 0)
            continue;
        uint32_t off = (((uint32_t)f->bytes[20] & 0x1f) << 8 | f->bytes[21]) * 8;
        uint32_t len = ((uint32_t)f->bytes[16] << 8 | f->bytes[17]) - ihl;
        if (off + len <= sizeof(buf))
            memcpy(buf + off, f->bytes + 14 + ihl, len);
    }
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(ip[ihl + 2] << 8 | ip[ihl + 3])),
                             .sin_addr.s_addr = a->peer};
    uint16_t port = (uint16_t)(ip[ihl] << 8 | ip[ihl + 1]);
    for (unsigned k = 0; k < a->n_udp; k++)
        if (a->udp_port[k] == port)
            sock_sendto(&a->h->engine, a->udp[k], buf + 8, n, MSG_DONTWAIT, (struct sockaddr *)&in,
                        sizeof(in));
}

void app_infer(struct app *a, const struct capture *c, unsigned i)
{
    const struct capture_frame *f = &c->frame[i];
    struct segment s;
    if (!ours(a, f))
        return;
    if (segment_parse(f->bytes + 14, f->len - 14, &s) == NULL)
        conn_infer(a, app_conn(a, s.sport, s.dport), &s);
    else if (f->bytes[23] == 17 && ((f->bytes[20] & 0x1f) | f->bytes[21]) == 0)
        datagram_infer(a, c, i);
}

/* ---- its turn ---- */

static unsigned conn_turn(struct app *a, struct app_conn *c)
{
    static uint8_t buf[65536];
    struct engine *e = &a->h->engine;
    unsigned done = 0;
    if (c->fd < 0)
        return 0;
    while (sock_recv(e, c->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        done++;
    while (c->written < c->allowed && file_level(e, fdtable_get(&e->fds, c->fd), EPOLLOUT) != 0) {
        ssize_t n = sock_send(e, c->fd, c->data + c->written, c->allowed - c->written, MSG_DONTWAIT);
        if (n <= 0)
            break;
        c->written += (uint32_t)n;
        done++;
    }
    if (c->fin && !c->closed && c->written == (a->bulk ? c->n_data : c->allowed)) {
        sock_shutdown(e, c->fd, SHUT_WR);
        c->closed = true;
        done++;
    }
    return done;
}

unsigned app_turn(struct host *h, void *arg)
{
    static uint8_t buf[65536];
    struct app *a = arg;
    struct sockaddr_in in;
    unsigned done = 0;
    for (unsigned i = 0; i < a->n_listeners; i++) {
        socklen_t len = sizeof(in);
        int fd = sock_accept(&h->engine, a->listener[i], (struct sockaddr *)&in, &len, SOCK_NONBLOCK);
        struct app_conn *c = fd >= 0 ? app_conn(a, a->listener_port[i], ntohs(in.sin_port)) : NULL;
        if (c != NULL)
            c->fd = fd;
        done += fd >= 0;
    }
    for (unsigned i = 0; i < CAPTURE_FLOWS && a->conn[i].ours != 0; i++)
        done += conn_turn(a, &a->conn[i]);
    for (unsigned i = 0; i < a->n_udp; i++)
        done += sock_recv(&h->engine, a->udp[i], buf, sizeof(buf), MSG_DONTWAIT) >= 0;
    return done;
}

void app_free(struct app *a)
{
    for (unsigned i = 0; i < CAPTURE_FLOWS; i++)
        free(a->conn[i].data);
}
