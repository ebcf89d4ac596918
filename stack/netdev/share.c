/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/share.h"

#include <rte_ring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SHARE_BURST 32

/* What worker `id` is to the wire: the owner of a queue, or a guest of the owner of queue id % queues. */
struct share_worker {
    struct rte_ring *ring;                 /* guest: what it sends; NULL for an owner */
    struct rte_mbuf *pending[SHARE_BURST]; /* taken from the ring, refused by the wire: the owner's */
    uint16_t n_pending;
    int wake;          /* eventfd: of an owner, written by its guests; of a guest, never */
    int epoll;         /* owner: `wake` and the wire's descriptor; -1: not yet made */
    int watched;       /* the wire's descriptor in it; -1 */
    atomic_int asleep; /* owner: a guest has to write to `wake` */
} __rte_cache_aligned;

struct share {
    struct netdev dev;
    struct netdev *inner;
    uint16_t queues; /* of the wire */
    uint16_t n;
    struct share_worker worker[];
};

static struct share *share_of(struct netdev *d)
{
    return (struct share *)d;
}

/* ---- packets ---- */

/* Sends for the guests of `queue`. */
static void share_flush(struct share *s, uint16_t queue, nsec_t now)
{
    for (uint16_t id = (uint16_t)(queue + s->queues); id < s->n; id = (uint16_t)(id + s->queues)) {
        struct share_worker *w = &s->worker[id];
        if (w->n_pending == 0)
            w->n_pending =
                (uint16_t)rte_ring_sc_dequeue_burst(w->ring, (void **)w->pending, SHARE_BURST, NULL);
        if (w->n_pending == 0)
            continue;
        uint16_t sent = netdev_tx_burst(s->inner, queue, now, w->pending, w->n_pending);
        w->n_pending = (uint16_t)(w->n_pending - sent);
        memmove(w->pending, w->pending + sent, w->n_pending * sizeof(w->pending[0]));
    }
}

static uint16_t share_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct share *s = share_of(d);
    if (queue >= s->queues)
        return 0;
    share_flush(s, queue, now);
    return netdev_rx_burst(s->inner, queue, now, pkts, n);
}

static uint16_t share_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct share *s = share_of(d);
    if (queue < s->queues)
        return netdev_tx_burst(s->inner, queue, now, pkts, n);
    struct share_worker *owner = &s->worker[queue % s->queues];
    n = (uint16_t)rte_ring_sp_enqueue_burst(s->worker[queue].ring, (void **)pkts, n, NULL);
    atomic_thread_fence(memory_order_seq_cst); /* the owner looks at the ring after it has set the flag */
    if (n > 0 && atomic_exchange(&owner->asleep, 0) != 0)
        (void)!write(owner->wake, &(uint64_t){1}, sizeof(uint64_t));
    return n;
}

/* Is there something of its guests that the owner of `queue` has to send? */
static bool share_has_work(const struct share *s, uint16_t queue)
{
    for (uint16_t id = (uint16_t)(queue + s->queues); id < s->n; id = (uint16_t)(id + s->queues))
        if (s->worker[id].n_pending > 0 || !rte_ring_empty(s->worker[id].ring))
            return true;
    return false;
}

/* ---- sleeping ---- */

/* An owner sleeps on the wire and on its guests; a guest on nothing of this wire. */
static int share_fd(struct netdev *d, uint16_t queue)
{
    struct share *s = share_of(d);
    struct share_worker *w = &s->worker[queue];
    struct epoll_event ev = {.events = EPOLLIN};

    if (queue >= s->queues)
        return w->wake;
    int fd = s->inner->ops->fd(s->inner, queue);
    if (fd < 0)
        return -1;
    if (fd != w->watched) {
        if (w->watched >= 0)
            (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->watched, NULL);
        w->watched = epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? fd : -1;
    }
    return w->watched >= 0 ? w->epoll : -1;
}

static bool share_arm(struct netdev *d, uint16_t queue)
{
    struct share *s = share_of(d);
    if (queue >= s->queues)
        return true;
    atomic_store(&s->worker[queue].asleep, 1);
    atomic_thread_fence(memory_order_seq_cst);
    if (share_has_work(s, queue))
        return false;
    return s->inner->ops->arm == NULL || s->inner->ops->arm(s->inner, queue);
}

static void share_disarm(struct netdev *d, uint16_t queue)
{
    struct share *s = share_of(d);
    uint64_t count;
    if (queue >= s->queues)
        return;
    if (atomic_exchange(&s->worker[queue].asleep, 0) == 0)
        (void)!read(s->worker[queue].wake, &count, sizeof(count));
    if (s->inner->ops->disarm != NULL)
        s->inner->ops->disarm(s->inner, queue);
}

static nsec_t share_next_event(struct netdev *d, uint16_t queue)
{
    struct share *s = share_of(d);
    if (queue >= s->queues)
        return NSEC_NEVER;
    if (share_has_work(s, queue))
        return 0;
    return s->inner->ops->next_event != NULL ? s->inner->ops->next_event(s->inner, queue) : NSEC_NEVER;
}

/* ---- the rest is the wire's ---- */

static bool share_link_poll(struct netdev *d, nsec_t now)
{
    struct netdev *inner = share_of(d)->inner;
    return inner->ops->link_poll == NULL || inner->ops->link_poll(inner, now);
}

static bool share_finished(struct netdev *d)
{
    struct netdev *inner = share_of(d)->inner;
    return inner->ops->finished != NULL && inner->ops->finished(inner);
}

static uint32_t share_speed(struct netdev *d)
{
    return netdev_speed(share_of(d)->inner);
}

static void share_stats(struct netdev *d, struct netdev_stats *out)
{
    struct netdev *inner = share_of(d)->inner;
    if (inner->ops->stats != NULL)
        inner->ops->stats(inner, out);
}

static void share_worker_close(struct share_worker *w)
{
    struct rte_mbuf *m;
    while (w->ring != NULL && rte_ring_sc_dequeue(w->ring, (void **)&m) == 0)
        rte_pktmbuf_free(m);
    while (w->n_pending > 0)
        rte_pktmbuf_free(w->pending[--w->n_pending]);
    netdev_free(w->ring);
    if (w->wake >= 0)
        close(w->wake);
    if (w->epoll >= 0)
        close(w->epoll);
}

static void share_free(struct share *s)
{
    for (uint16_t id = 0; id < s->n; id++)
        share_worker_close(&s->worker[id]);
    netdev_free(s);
}

static void share_close(struct netdev *d)
{
    struct netdev *inner = share_of(d)->inner;
    share_free(share_of(d));
    netdev_close(inner);
}

static const struct netdev_ops share_ops = {
    .kind = "share",
    .rx_burst = share_rx_burst,
    .tx_burst = share_tx_burst,
    .fd = share_fd,
    .arm = share_arm,
    .disarm = share_disarm,
    .next_event = share_next_event,
    .link_poll = share_link_poll,
    .finished = share_finished,
    .speed = share_speed,
    .stats = share_stats,
    .close = share_close,
};

static bool share_worker_open(struct share_worker *w, bool owner)
{
    struct epoll_event ev = {.events = EPOLLIN};
    ssize_t bytes = rte_ring_get_memsize(NETDEV_SHARE_RING);

    w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->wake < 0 || bytes < 0)
        return false;
    if (owner) {
        w->epoll = epoll_create1(EPOLL_CLOEXEC);
        return w->epoll >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &ev) == 0;
    }
    w->ring = netdev_alloc((size_t)bytes);
    return w->ring != NULL &&
           rte_ring_init(w->ring, "share", NETDEV_SHARE_RING, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0;
}

struct netdev *netdev_share_create(struct netdev *inner, uint16_t workers)
{
    struct share *s = netdev_alloc(sizeof(*s) + workers * sizeof(s->worker[0]));
    if (s == NULL)
        return NULL;
    s->inner = inner;
    s->queues = inner->caps.queues;
    s->n = workers;
    s->dev = *inner;
    s->dev.ops = &share_ops;
    s->dev.caps.queues = workers;
    for (uint16_t id = 0; id < workers; id++)
        s->worker[id].wake = s->worker[id].epoll = s->worker[id].watched = -1;
    for (uint16_t id = 0; id < workers; id++) {
        if (!share_worker_open(&s->worker[id], id < s->queues)) {
            share_free(s);
            return NULL;
        }
    }
    netdev_note(&s->dev, "%u queue%s for %u workers: the other workers' packets go by rings", s->queues,
                s->queues == 1 ? "" : "s", workers);
    return &s->dev;
}
