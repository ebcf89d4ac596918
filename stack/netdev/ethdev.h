/* SPDX-License-Identifier: BSD-3-Clause */
/* What ethdev.c (packets) and ethdev_open.c (devices) share. */
#ifndef PLX_NETDEV_ETHDEV_H
#define PLX_NETDEV_ETHDEV_H

#include <rte_ethdev.h>
#include <stdatomic.h>

#include "netdev/kinds.h"

#define ETHDEV_NAME 64

/* Bursts that a peer's leaving has cut off. */
struct ethdev_cut_off {
    uint64_t bursts;
    unsigned row; /* so many in a row, by now */
};

struct ethdev_queue {
    struct rte_mbuf *stash; /* came in while the interrupt was being armed */
    uint64_t tx_refused;
    struct ethdev_cut_off rx_cut, tx_cut;
    int epoll;            /* reports its interrupts; -1: not yet made */
    int watched;          /* the driver's descriptor in it; -1 */
    bool armed;           /* its interrupt is on */
    unsigned unannounced; /* packets found in a row that no interrupt had announced */
} __rte_cache_aligned;

struct ethdev {
    struct netdev dev;
    enum ethdev_kind kind;
    uint16_t port;
    uint16_t n_queues;
    const struct netdev_guard *guard; /* NULL: the driver's memory stays */
    atomic_bool started;              /* by worker 0; else the others' bursts do nothing */
    bool ip_in_software;              /* the device sums TCP and UDP but not the IPv4 header */
    bool none_is_good;                /* the driver's quirk, at hand for each packet */
    bool reconnect;                   /* memif client: has to be started anew when the server is gone */
    bool link;
    bool interrupts;
    bool rss; /* was asked for, and the device did not refuse */
    nsec_t retry;
    char name[ETHDEV_NAME]; /* EAL's */
    const char *bus;        /* NULL: was there before us */
    char socket[108];       /* file of our own to be removed; empty: none */
    struct ethdev_queue queue[];
};

/* The operations of an open device, and its end. */
extern const struct netdev_ops ethdev_ops_by_kind[];
void ethdev_close(struct netdev *d);

/* ethdev_quirk.c: where what a driver says is not what it does. */
struct ethdev_quirk {
    const char *driver; /* as rte_eth_dev_info has it */
    bool one_queue;     /* whatever it announces */
    bool one_buffer;    /* a frame takes no second one, whatever it announces */
    bool none_is_good;  /* L4_CKSUM_NONE: the checksum needs no look */
    bool memory_goes;   /* in the middle of a burst, when the other side leaves */
};
/* Never NULL: a driver that is not known has none. */
const struct ethdev_quirk *ethdev_quirk(const char *driver);

/* ethdev.c: starts the port, or tries to. 0 or what rte_eth_dev_start says; with `reconnect` the other side
 * may not be there, which is no error of the driver's to be printed twice a second. */
int ethdev_start(struct ethdev *e);

/* ethdev_guard.c: rte_eth_rx_burst and rte_eth_tx_burst of a device that has a guard. */
uint16_t ethdev_rx_guarded(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
uint16_t ethdev_tx_guarded(struct ethdev *e, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);

/* ethdev_rss.c: how many queues of the device can be used, at least 1 and at most `wanted`. */
uint16_t ethdev_queues(const struct rte_eth_dev_info *info, uint16_t wanted);
/* Before the device is configured for several queues, what it shall do. */
void ethdev_rss_choose(const struct rte_eth_dev_info *info, const struct netdev_config *cfg,
                       struct rte_eth_conf *conf);
/* After its start: the table, where the device lets us. */
void ethdev_rss_start(struct ethdev *e, const struct netdev_config *cfg, const struct rte_eth_conf *conf);
/* netdev_ops.rss */
bool ethdev_rss_read(struct netdev *d, struct netdev_rss *out);

#endif
