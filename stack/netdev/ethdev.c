/* SPDX-License-Identifier: BSD-3-Clause */
/* Any wire that DPDK drives: bursts, checksums that its driver leaves to us, interrupts, the link. */
#include "netdev/ethdev.h"

#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_log.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "netdev/offload.h"

#define UNANNOUNCED_MAX    4 /* then its interrupts are taken for broken */
#define RECONNECT_INTERVAL (500 * NSEC_PER_MSEC)

static inline struct ethdev *ethdev_of(struct netdev *d)
{
    return (struct ethdev *)d;
}

/* ---- packets ---- */

static inline uint16_t driver_rx(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    if (unlikely(e->guard != NULL))
        return ethdev_rx_guarded(e, queue, pkts, n);
    return rte_eth_rx_burst(e->port, queue, pkts, n);
}

static inline uint16_t driver_tx(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    if (unlikely(e->guard != NULL))
        return ethdev_tx_guarded(e, queue, pkts, n);
    return rte_eth_tx_burst(e->port, queue, pkts, n);
}

static uint16_t ethdev_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct ethdev *e = ethdev_of(d);
    struct ethdev_queue *q = &e->queue[queue];
    uint16_t got = 0;

    if (unlikely(q->stash != NULL) && n > 0) {
        pkts[got++] = q->stash;
        q->stash = NULL;
    }
    got = (uint16_t)(got + driver_rx(e, queue, pkts + got, (uint16_t)(n - got)));
    if (e->none_is_good)
        for (uint16_t i = 0; i < got; i++)
            if ((pkts[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
                pkts[i]->ol_flags ^= RTE_MBUF_F_RX_L4_CKSUM_NONE ^ RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return got;
}

static void ip_checksum(struct rte_mbuf *m)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, m->l3_len);
    m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
}

/* Readies the first of the packets for the device; returns how many are, the next of which (if any) the
 * device could never send. */
static uint16_t tx_prepare(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
    uint64_t flags = 0;
    for (uint16_t i = 0; i < n; i++) {
        flags |= pkts[i]->ol_flags;
        if (e->ip_in_software && pkts[i]->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
            ip_checksum(pkts[i]);
    }
    return flags & OFFLOAD_TX_FLAGS ? rte_eth_tx_prepare(e->port, queue, pkts, n) : n;
}

static uint16_t ethdev_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct ethdev *e = ethdev_of(d);
    uint16_t done = 0;

    while (done < n) {
        uint16_t ready = tx_prepare(e, queue, pkts + done, (uint16_t)(n - done));
        uint16_t sent = driver_tx(e, queue, pkts + done, ready);
        done = (uint16_t)(done + sent);
        if (sent < ready)
            break;
        if (done < n) {
            e->queue[queue].tx_refused++;
            rte_pktmbuf_free(pkts[done++]);
        }
    }
    return done;
}

/* ---- sleeping ---- */

/* The drivers' promise of interrupts means little; that there is a descriptor proves something, and that it
 * wakes us proves the rest (ethdev_disarm). It may change when the other side comes back, and (vhost) it is
 * an epoll whose inside cannot be emptied from here; so what is slept on is an epoll of our own that reports
 * each interrupt once. */
static int ethdev_fd(struct netdev *d, uint16_t queue)
{
    struct ethdev *e = ethdev_of(d);
    struct ethdev_queue *q = &e->queue[queue];
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

    if (!e->interrupts || !e->link || q->unannounced >= UNANNOUNCED_MAX)
        return -1;
    int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(e->port, queue);
    if (fd < 0)
        return -1;
    if (q->epoll < 0)
        q->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (q->watched != fd) {
        if (epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &ev) != 0 && errno != EEXIST)
            return -1;
        q->watched = fd;
    }
    return q->epoll;
}

static bool ethdev_arm(struct netdev *d, uint16_t queue)
{
    struct ethdev *e = ethdev_of(d);
    struct ethdev_queue *q = &e->queue[queue];
    if (!e->interrupts)
        return true;
    if (rte_eth_dev_rx_intr_enable(e->port, queue) != 0)
        return false;
    q->armed = true;
    /* What came before the interrupt was armed does not raise one. */
    if (q->stash == NULL && driver_rx(e, queue, &q->stash, 1) == 0)
        q->stash = NULL;
    return q->stash == NULL;
}

/* A device may have a descriptor for interrupts that never come, as the e1000e under vfio: then packets lie
 * there when we wake for another reason. After some of them in a row it is napped on. */
static void ethdev_disarm(struct netdev *d, uint16_t queue)
{
    struct ethdev *e = ethdev_of(d);
    struct ethdev_queue *q = &e->queue[queue];
    struct epoll_event ev;
    if (!q->armed)
        return;
    q->armed = false;
    (void)rte_eth_dev_rx_intr_disable(e->port, queue);
    if (epoll_wait(q->epoll, &ev, 1, 0) > 0)
        q->unannounced = 0;
    else if (q->stash == NULL && driver_rx(e, queue, &q->stash, 1) == 1)
        q->unannounced++;
}

static nsec_t ethdev_next_event(struct netdev *d, uint16_t queue)
{
    return ethdev_of(d)->queue[queue].stash != NULL ? 0 : NSEC_NEVER;
}

/* ---- the link ---- */

int ethdev_start(struct ethdev *e)
{
    int type = e->reconnect ? rte_log_register("pmd.net.memif") : -1;
    bool hush = type >= 0 && rte_log_get_level((uint32_t)type) == RTE_LOG_ERR; /* else it was asked for */
    if (hush)
        (void)rte_log_set_level((uint32_t)type, RTE_LOG_CRIT);
    int rc = rte_eth_dev_start(e->port);
    if (hush)
        (void)rte_log_set_level((uint32_t)type, RTE_LOG_ERR);
    atomic_store_explicit(&e->started, rc == 0, memory_order_release);
    return rc;
}

/* A memif client stays disconnected for ever unless it is started anew. */
static void ethdev_reconnect(struct ethdev *e, nsec_t now)
{
    /* It connects on a thread of EAL's, and does not survive being stopped in the middle of that: an
     * attempt is given its time, the one at opening too. */
    if (e->retry == 0)
        e->retry = now + RECONNECT_INTERVAL;
    if (now < e->retry)
        return;
    e->retry = now + RECONNECT_INTERVAL;
    if (atomic_exchange(&e->started, false))
        (void)rte_eth_dev_stop(e->port);
    (void)ethdev_start(e);
}

static bool ethdev_link_poll(struct netdev *d, nsec_t now)
{
    struct ethdev *e = ethdev_of(d);
    struct rte_eth_link link = {0};
    bool up = rte_eth_link_get_nowait(e->port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    if (up)
        e->retry = 0;
    else if (e->reconnect)
        ethdev_reconnect(e, now);
    if (up != e->link)
        for (uint16_t i = 0; i < e->n_queues; i++)
            e->queue[i].watched = -1; /* may be another descriptor by now, also under the same number */
    e->link = up;
    return up;
}

/* What drivers of software wires say of their speed is made up. */
static uint32_t ethdev_speed(struct netdev *d)
{
    struct ethdev *e = ethdev_of(d);
    struct rte_eth_link link = {0};
    if (e->kind != ETHDEV_PCI || rte_eth_link_get_nowait(e->port, &link) != 0 ||
        link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN)
        return 0;
    return link.link_speed;
}

static void ethdev_stats(struct netdev *d, struct netdev_stats *s)
{
    struct ethdev *e = ethdev_of(d);
    struct rte_eth_stats raw;
    if (rte_eth_stats_get(e->port, &raw) == 0) {
        s->rx_missed += raw.imissed;
        s->rx_errors += raw.ierrors;
        s->rx_no_mbuf += raw.rx_nombuf;
        s->tx_errors += raw.oerrors;
    }
    for (uint16_t i = 0; i < e->n_queues; i++) {
        s->tx_errors += e->queue[i].tx_refused;
        s->cut_off += e->queue[i].rx_cut.bursts + e->queue[i].tx_cut.bursts;
    }
}

void ethdev_close(struct netdev *d)
{
    struct ethdev *e = ethdev_of(d);
    for (uint16_t i = 0; i < e->n_queues; i++)
        rte_pktmbuf_free(e->queue[i].stash);
    for (uint16_t i = 0; i < e->n_queues; i++)
        if (e->queue[i].epoll >= 0)
            close(e->queue[i].epoll);
    if (e->port != RTE_MAX_ETHPORTS) {
        if (e->started)
            (void)rte_eth_dev_stop(e->port);
        (void)rte_eth_dev_close(e->port);
    }
    if (e->bus != NULL)
        (void)rte_eal_hotplug_remove(e->bus, e->name);
    if (e->socket[0] != '\0')
        (void)unlink(e->socket);
    netdev_free(e);
}

#define ETHDEV_OPS(text)                                                                                     \
    {                                                                                                        \
        .kind = text, .rx_burst = ethdev_rx_burst, .tx_burst = ethdev_tx_burst, .fd = ethdev_fd,             \
        .arm = ethdev_arm, .disarm = ethdev_disarm, .next_event = ethdev_next_event,                         \
        .link_poll = ethdev_link_poll, .rss = ethdev_rss_read, .speed = ethdev_speed, .stats = ethdev_stats, \
        .close = ethdev_close,                                                                               \
    }

const struct netdev_ops ethdev_ops_by_kind[] = {
    [ETHDEV_PCI] = ETHDEV_OPS("pci"),       [ETHDEV_XDP] = ETHDEV_OPS("af_xdp"),
    [ETHDEV_MEMIF] = ETHDEV_OPS("memif"),   [ETHDEV_VHOST] = ETHDEV_OPS("vhost"),
    [ETHDEV_VIRTIO] = ETHDEV_OPS("virtio"), [ETHDEV_VDEV] = ETHDEV_OPS("vdev"),
};
