/* SPDX-License-Identifier: BSD-3-Clause */
/* Both directions of one connection or UDP association. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#include "nc/nc.h"

#define BUFFER        65536
#define STDIO_NAP_MS  2 /* how long the stack may sleep while a kernel descriptor is watched as well */
#define BRISK_NS      5000000ull /* after bytes have moved it is polled instead, for as long, */
#define BRISK_NAP_NS  50000      /* between sleeps on the kernel's descriptors of this length */
#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull

/* One direction: read at one end, kept until the other end has taken it. */
struct flow {
    char buf[BUFFER];
    size_t off, len;
    bool ended;  /* nothing more will be read */
    bool closed; /* and the other end has been told */
    uint64_t total;
};

struct transfer {
    const struct nc_config *cfg;
    struct link *link;
    int epoll;
    uint32_t watched; /* events; 0: not registered */
    uint64_t began, moved_at, stdin_ended_at;
    const char *broken;  /* what failed, for the message; errno says why */
    struct flow out, in; /* stdin to the link; the link to stdout */
};

static bool flow_empty(const struct flow *f)
{
    return f->off == f->len;
}

static void flow_took(struct flow *f, size_t n)
{
    f->off += n;
    f->total += n;
}

/* ---- stdin to the link ---- */

static bool stdin_read(struct transfer *t)
{
    size_t max = t->link->udp ? 65507 : BUFFER;
    ssize_t n = stdio_read(t->out.buf, max);

    if (n == STDIO_LATER)
        return false;
    if (n == STDIO_BROKEN) {
        t->broken = "reading stdin";
        return false;
    }
    if (n == STDIO_END) {
        t->out.ended = true;
        t->stdin_ended_at = app_now();
        return true;
    }
    t->out.off = 0;
    t->out.len = (size_t)n;
    return true;
}

static ssize_t link_send(struct link *l, const char *bytes, size_t len)
{
    if (l->any_peer)
        return plx_sendto(l->fd, bytes, len, 0, (struct sockaddr *)&l->peer, sizeof(l->peer));
    return plx_send(l->fd, bytes, len, 0);
}

static bool link_write(struct transfer *t)
{
    struct flow *f = &t->out;
    ssize_t n = link_send(t->link, f->buf + f->off, f->len - f->off);

    if (n < 0) {
        if (errno != EAGAIN && errno != ENOBUFS)
            t->broken = "sending";
        return false;
    }
    flow_took(f, (size_t)n);
    return n > 0;
}

/* True when something moved. */
static bool outward(struct transfer *t)
{
    struct flow *f = &t->out;
    bool moved = false;

    /* Who has not said anything yet cannot be answered. */
    if (t->link->any_peer && t->link->peer.sin_port == 0)
        return false;
    if (flow_empty(f) && !f->ended)
        moved = stdin_read(t);
    if (!flow_empty(f) && t->broken == NULL)
        moved |= link_write(t);
    if (f->ended && !f->closed && flow_empty(f)) {
        if (!t->link->udp)
            plx_shutdown(t->link->fd, SHUT_WR);
        f->closed = true;
    }
    return moved;
}

/* ---- the link to stdout ---- */

static bool link_read(struct transfer *t)
{
    struct link *l = t->link;
    socklen_t len = sizeof(l->peer);
    ssize_t n = l->any_peer ? plx_recvfrom(l->fd, t->in.buf, BUFFER, 0, (struct sockaddr *)&l->peer, &len)
                            : plx_recv(l->fd, t->in.buf, BUFFER, 0);

    if (n < 0) {
        if (errno != EAGAIN)
            t->broken = "receiving";
        return false;
    }
    if (n == 0 && !l->udp)
        t->in.ended = true;
    t->in.off = 0;
    t->in.len = (size_t)n;
    return true;
}

static bool stdout_write(struct transfer *t)
{
    struct flow *f = &t->in;
    ssize_t n = stdio_write(f->buf + f->off, f->len - f->off);

    if (n == STDIO_BROKEN)
        t->broken = "writing stdout";
    if (n < 0)
        return false;
    flow_took(f, (size_t)n);
    return true;
}

static bool inward(struct transfer *t)
{
    struct flow *f = &t->in;
    bool moved = false;

    if (flow_empty(f) && !f->ended)
        moved = link_read(t);
    if (!flow_empty(f) && t->broken == NULL)
        moved |= stdout_write(t);
    if (f->ended && !f->closed && flow_empty(f)) {
        if (!t->cfg->keep)
            stdio_end_output();
        f->closed = true;
    }
    return moved;
}

/* ---- waiting ---- */

static void watch(struct transfer *t)
{
    uint32_t want = (flow_empty(&t->in) && !t->in.ended ? EPOLLIN : 0) | (flow_empty(&t->out) ? 0 : EPOLLOUT);
    struct epoll_event ev = {.events = want};

    if (want == t->watched)
        return;
    /* Unregistered when nothing is wanted: errors and hang-ups are reported regardless, again and again. */
    int op = want == 0 ? EPOLL_CTL_DEL : t->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    plx_epoll_ctl(t->epoll, op, t->link->fd, &ev);
    t->watched = want;
}

/* When to give up, or UINT64_MAX. */
static uint64_t deadline(const struct transfer *t)
{
    uint64_t at = UINT64_MAX;

    if (t->cfg->wait_s != 0)
        at = t->moved_at + t->cfg->wait_s * NSEC_PER_SEC;
    if (t->out.ended && t->cfg->quit_s != UINT32_MAX) {
        uint64_t quit = t->stdin_ended_at + t->cfg->quit_s * NSEC_PER_SEC;
        at = quit < at ? quit : at;
    }
    return at;
}

/* How long to wait for the link, in ms as plx_epoll_wait takes them. */
static int nap(const struct transfer *t, bool moved, uint64_t now)
{
    bool stdin_watched = !t->out.ended && flow_empty(&t->out);
    bool stdout_watched = !flow_empty(&t->in);
    uint64_t at = deadline(t);

    if (moved)
        return 0;
    if ((stdin_watched || stdout_watched) && now - t->moved_at < BRISK_NS) {
        stdio_wait(stdin_watched, stdout_watched, BRISK_NAP_NS);
        return 0;
    }
    if (stdin_watched || stdout_watched)
        return STDIO_NAP_MS;
    if (at == UINT64_MAX)
        return -1;
    uint64_t ms = at > now ? (at - now) / NSEC_PER_MSEC + 1 : 0;
    return ms > 60000 ? 60000 : (int)ms;
}

static bool finished(const struct transfer *t)
{
    if (t->out.closed && t->in.closed)
        return true;
    return app_now() >= deadline(t);
}

static void report(const struct transfer *t)
{
    double s = (double)(app_now() - t->began) / NSEC_PER_SEC;
    char out[32], in[32];

    nc_say(t->cfg, "%s sent, %s received in %.3f s", app_bytes(t->out.total, out), app_bytes(t->in.total, in),
           s);
}

static int transfer_loop(struct transfer *t)
{
    struct epoll_event ev[2];

    for (;;) {
        bool moved = outward(t);
        if (t->broken == NULL)
            moved |= inward(t);
        if (t->broken != NULL)
            return app_failed(t->cfg->app, "%s: %s", t->broken, strerror(errno));
        uint64_t now = app_now();
        if (moved)
            t->moved_at = now;
        if (finished(t))
            return APP_OK;
        watch(t);
        if (plx_epoll_wait(t->epoll, ev, 2, nap(t, moved, now)) < 0)
            return t->cfg->keep ? APP_OK : app_failed(t->cfg->app, "interrupted");
    }
}

int transfer_run(const struct nc_config *cfg, struct link *link)
{
    struct transfer *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return app_failed(cfg->app, "out of memory");
    t->cfg = cfg;
    t->link = link;
    t->began = t->moved_at = app_now();
    t->epoll = plx_epoll_create1(0);
    int rc = t->epoll < 0 ? app_failed(cfg->app, "epoll: %s", strerror(errno)) : transfer_loop(t);
    report(t);
    if (t->epoll >= 0)
        plx_close(t->epoll);
    free(t);
    return rc;
}
