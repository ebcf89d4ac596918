/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/epoll.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Bits of epoll_event.events that tell how to report, not what. */
#define HOW_BITS ((uint32_t)EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define ALWAYS   ((uint32_t)EPOLLERR | EPOLLHUP)
#define EXCLUSIVE_OK                                                                                         \
    ((uint32_t)EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
/* On Linux these come with a change of state, which wakes every watch, whatever its interest. */
#define STATE_CHANGE ((uint32_t)EPOLLRDHUP | EPOLLHUP | EPOLLERR)
/* Epolls in a chain of nesting, innermost and outermost included: what Linux takes. */
#define NESTING_MAX 7
#define MAX_EVENTS  (INT_MAX / (int)sizeof(struct epoll_event))

static struct watch *watch_at(const struct engine *e, uint32_t idx)
{
    return SLAB_AT(&e->watches, struct watch, idx);
}

static void link_init(struct ready_link *head)
{
    head->next = head->prev = head;
}

static void link_append(struct ready_link *head, struct ready_link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static void link_remove(struct ready_link *l)
{
    if (l->next == NULL)
        return;
    l->next->prev = l->prev;
    l->prev->next = l->next;
    l->next = l->prev = NULL;
}

/* ---- what happened ---- */

static void watch_ready(struct engine *e, struct watch *w)
{
    struct epoll *ep = w->epoll;
    if (w->link.next == NULL)
        link_append(&ep->ready, &w->link);
    if (ep->file.watches != 0)
        epoll_file_event(e, &ep->file, EPOLLIN);
}

void epoll_file_event(struct engine *e, struct file *f, uint32_t events)
{
    events |= (events & (EPOLLIN | EPOLLOUT)) << 6;
    if ((events & STATE_CHANGE) != 0)
        events = ~HOW_BITS;
    for (uint32_t idx = f->watches; idx != 0;) {
        struct watch *w = watch_at(e, idx);
        if ((w->events & events) != 0)
            watch_ready(e, w);
        idx = w->file_next;
    }
}

/* ---- registrations ---- */

static struct watch *watch_find(const struct engine *e, const struct file *f, const struct epoll *ep, int fd)
{
    for (uint32_t idx = f->watches; idx != 0;) {
        struct watch *w = watch_at(e, idx);
        if (w->epoll == ep && w->fd == fd)
            return w;
        idx = w->file_next;
    }
    return NULL;
}

/* At its registration: does it have to wait for anything? */
static void watch_look(struct engine *e, struct watch *w)
{
    if (file_level(e, w->file, w->events) == 0)
        return;
    watch_ready(e, w);
    w->epoll->news = true;
}

static int watch_add(struct engine *e, struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
    uint32_t idx = SLAB_ALLOC(&e->watches, struct watch);
    if (idx == 0)
        return -ENOMEM;
    struct watch *w = watch_at(e, idx);
    w->epoll = ep;
    w->file = f;
    w->fd = fd;
    w->data = ev->data.u64;
    w->events = ev->events | ALWAYS;
    w->file_next = f->watches;
    f->watches = idx;
    w->all_next = ep->all;
    if (ep->all != 0)
        watch_at(e, ep->all)->all_prev = idx;
    ep->all = idx;
    watch_look(e, w);
    return 0;
}

/* Frees w, which its file's list no longer holds. */
static void watch_drop(struct engine *e, struct watch *w)
{
    link_remove(&w->link);
    if (w->all_prev != 0)
        watch_at(e, w->all_prev)->all_next = w->all_next;
    else
        w->epoll->all = w->all_next;
    if (w->all_next != 0)
        watch_at(e, w->all_next)->all_prev = w->all_prev;
    SLAB_FREE(&e->watches, struct watch, SLAB_INDEX(&e->watches, struct watch, w));
}

static void watch_remove(struct engine *e, struct watch *w)
{
    uint32_t idx = SLAB_INDEX(&e->watches, struct watch, w);
    uint32_t *at = &w->file->watches;
    while (*at != idx)
        at = &watch_at(e, *at)->file_next;
    *at = w->file_next;
    watch_drop(e, w);
}

static int watch_modify(struct engine *e, struct watch *w, const struct epoll_event *ev)
{
    if (((w->events | ev->events) & EPOLLEXCLUSIVE) != 0)
        return -EINVAL;
    w->events = ev->events | ALWAYS;
    w->data = ev->data.u64;
    watch_look(e, w);
    return 0;
}

/* Epolls in the longest chain from ep down to what it watches. */
static unsigned levels_below(const struct engine *e, const struct epoll *ep, unsigned budget)
{
    unsigned most = 0;
    for (uint32_t idx = ep->all; idx != 0 && budget > 0 && most < budget;) {
        const struct watch *w = watch_at(e, idx);
        if (w->file->kind == FILE_EPOLL) {
            unsigned n = levels_below(e, (const struct epoll *)w->file, budget - 1);
            most = n > most ? n : most;
        }
        idx = w->all_next;
    }
    return most + 1;
}

static unsigned levels_above(const struct engine *e, const struct epoll *ep, unsigned budget)
{
    unsigned most = 0;
    for (uint32_t idx = ep->file.watches; idx != 0 && budget > 0 && most < budget;) {
        const struct watch *w = watch_at(e, idx);
        unsigned n = levels_above(e, w->epoll, budget - 1);
        most = n > most ? n : most;
        idx = w->file_next;
    }
    return most + 1;
}

static bool watches_somehow(const struct engine *e, const struct epoll *from, const struct epoll *target)
{
    if (from == target)
        return true;
    for (uint32_t idx = from->all; idx != 0;) {
        const struct watch *w = watch_at(e, idx);
        if (w->file->kind == FILE_EPOLL && watches_somehow(e, (const struct epoll *)w->file, target))
            return true;
        idx = w->all_next;
    }
    return false;
}

static int nesting_check(const struct engine *e, const struct epoll *outer, const struct epoll *inner)
{
    if (watches_somehow(e, inner, outer))
        return -ELOOP;
    unsigned levels = levels_above(e, outer, NESTING_MAX) + levels_below(e, inner, NESTING_MAX);
    return levels > NESTING_MAX ? -ELOOP : 0;
}

static int exclusive_check(int op, const struct file *f, uint32_t events)
{
    if ((events & EPOLLEXCLUSIVE) == 0)
        return 0;
    if (op == EPOLL_CTL_MOD || f->kind == FILE_EPOLL || (events & ~EXCLUSIVE_OK) != 0)
        return -EINVAL;
    return 0;
}

int epoll_control(struct engine *e, int epfd, int op, int fd, const struct epoll_event *ev)
{
    if (op != EPOLL_CTL_DEL && ev == NULL)
        return -EFAULT;
    struct file *epf = fdtable_get(&e->fds, epfd);
    struct file *f = fdtable_get(&e->fds, fd);
    if (epf == NULL || f == NULL)
        return -EBADF;
    if (epf == f || epf->kind != FILE_EPOLL)
        return -EINVAL;
    struct epoll *ep = (struct epoll *)epf;
    int err = op == EPOLL_CTL_DEL ? 0 : exclusive_check(op, f, ev->events);
    if (err == 0 && op == EPOLL_CTL_ADD && f->kind == FILE_EPOLL)
        err = nesting_check(e, ep, (struct epoll *)f);
    if (err != 0)
        return err;

    struct watch *w = watch_find(e, f, ep, fd);
    switch (op) {
    case EPOLL_CTL_ADD:
        return w != NULL ? -EEXIST : watch_add(e, ep, f, fd, ev);
    case EPOLL_CTL_MOD:
        return w == NULL ? -ENOENT : watch_modify(e, w, ev);
    case EPOLL_CTL_DEL:
        if (w == NULL)
            return -ENOENT;
        watch_remove(e, w);
        return 0;
    default:
        return -EINVAL;
    }
}

void epoll_forget_file(struct engine *e, struct file *f)
{
    while (f->watches != 0) {
        struct watch *w = watch_at(e, f->watches);
        f->watches = w->file_next;
        watch_drop(e, w);
    }
}

/* ---- the epoll itself ---- */

int epoll_create_fd(struct engine *e, int flags)
{
    if ((flags & ~EPOLL_CLOEXEC) != 0)
        return -EINVAL;
    uint32_t idx = slab_alloc(&e->epolls);
    if (idx == 0)
        return -ENOMEM;
    struct epoll *ep = slab_at(&e->epolls, idx);
    ep->file.kind = FILE_EPOLL;
    ep->file.refs = 1;
    link_init(&ep->ready);
    int fd = fdtable_add(&e->fds, &ep->file, 0);
    if (fd < 0)
        slab_free(&e->epolls, idx);
    else
        fdtable_set_cloexec(&e->fds, fd, (flags & EPOLL_CLOEXEC) != 0);
    return fd;
}

void epoll_close(struct engine *e, struct epoll *ep)
{
    while (ep->all != 0)
        watch_remove(e, watch_at(e, ep->all));
    slab_free(&e->epolls, slab_index(&e->epolls, ep));
}

/* Watches whose event has passed by are taken off on the way, as in epoll_collect. */
uint32_t epoll_level(struct engine *e, struct epoll *ep)
{
    while (ep->ready.next != &ep->ready) {
        struct watch *w = (struct watch *)ep->ready.next;
        if (file_level(e, w->file, w->events) != 0)
            return EPOLLIN;
        link_remove(&w->link);
    }
    return 0;
}

/* Up to `max` events. One walk over what was on the ready list at the start: level-triggered ones go back
 * to its end, so that with many ready and few asked for each has its turn. */
static inline int epoll_collect(struct engine *e, struct epoll *ep, struct epoll_event *out, int max)
{
    struct ready_link *last = ep->ready.prev;
    int n = 0;
    if (last == &ep->ready)
        return 0;
    for (bool more = true; more && n < max;) {
        struct watch *w = (struct watch *)ep->ready.next;
        more = &w->link != last;
        link_remove(&w->link);
        uint32_t level = file_level(e, w->file, w->events);
        if (level == 0)
            continue;
        out[n].events = level;
        out[n].data.u64 = w->data;
        n++;
        if ((w->events & EPOLLONESHOT) != 0)
            w->events &= HOW_BITS;
        else if ((w->events & EPOLLET) == 0)
            link_append(&ep->ready, &w->link);
    }
    return n;
}

struct epoll_round {
    struct epoll *ep;
    struct epoll_event *out;
    int max;
};

static int epoll_look(struct engine *e, void *arg)
{
    struct epoll_round *r = arg;
    return epoll_collect(e, r->ep, r->out, r->max);
}

/* What was ready when it was registered (a connection whose request had come before accept) is told before
 * the next round, not after it: so the answer goes out in that round, and the ACK rides on it. Not twice in
 * a row, whatever the application registers: rounds must come. */
static __attribute__((noinline)) int epoll_collect_news(struct engine *e, struct epoll *ep,
                                                        struct epoll_event *out, int max)
{
    bool now = ep->news && !ep->hasty && !engine_stopping(e);
    ep->news = false;
    int n = now ? epoll_collect(e, ep, out, max) : 0;
    ep->hasty = n > 0;
    return n;
}

int epoll_wait_events(struct engine *e, int epfd, struct epoll_event *out, int max, int timeout)
{
    struct file *f = fdtable_get(&e->fds, epfd);
    if (max <= 0 || max > MAX_EVENTS)
        return -EINVAL;
    if (out == NULL)
        return -EFAULT;
    if (f == NULL)
        return -EBADF;
    if (f->kind != FILE_EPOLL)
        return -EINVAL;

    struct epoll *ep = (struct epoll *)f;
    if (__builtin_expect(ep->news | ep->hasty, 0)) {
        int n = epoll_collect_news(e, ep, out, max);
        if (n > 0)
            return n;
    }
    struct epoll_round r = {.ep = ep, .out = out, .max = max};
    return engine_wait_events(e, timeout, epoll_look, &r);
}
