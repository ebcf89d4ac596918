/* SPDX-License-Identifier: BSD-3-Clause */
/* What a wire is: bursts in, bursts out, what it can do, something to sleep on, and when it next has
 * something by itself. One netdev serves all workers, each on its own queue. */
#ifndef PLX_NETDEV_NETDEV_H
#define PLX_NETDEV_NETDEV_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/tunables.h"

enum netdev_link { NETDEV_LINK_ETHER, NETDEV_LINK_NONE /* raw IP: no link header, no ARP */ };

struct netdev_caps {
    enum netdev_link link;
    uint8_t mac[6];
    uint16_t mtu;    /* in force, IP bytes */
    uint16_t queues; /* usable by workers */
    bool rx_csum;    /* may set RTE_MBUF_F_RX_*_CKSUM_GOOD/BAD; NONE and UNKNOWN occur anyway */
    bool tx_csum;    /* fills IPv4, TCP and UDP checksums (RTE_MBUF_F_TX_*) */
    bool tso;        /* takes TCP segments of up to tso_max bytes of payload with tso_segsz */
    uint32_t tso_max;
    bool multi_seg; /* sends chained mbufs */
    bool can_sleep; /* fd() is real for every queue */
};

#define NETDEV_RSS_KEY   40
#define NETDEV_RSS_TABLE 512

/* How a device spreads arriving flows over its queues, as it says itself: the Toeplitz hash under this
 * key, the table's entry at (hash mod n). */
struct netdev_rss {
    uint8_t key[NETDEV_RSS_KEY];
    uint16_t n; /* a power of two */
    uint8_t queue[NETDEV_RSS_TABLE];
};

struct netdev;

#define NETDEV_NOTES 512

/* What the wire did not deliver, since it was opened. */
struct netdev_stats {
    uint64_t rx_missed;  /* lost before us: the queue of the kernel, the device or the wire was full */
    uint64_t rx_no_mbuf; /* received, but the packet pool was empty */
    uint64_t rx_errors;  /* larger than what can be received, cut, or damaged */
    uint64_t tx_errors;  /* taken, but refused by what is below */
    uint64_t cut_off;    /* bursts in whose middle the other side left: their packets are lost */
};

struct netdev_ops {
    const char *kind; /* "tap", "af_packet", "memif", ... */
    /* Up to n mbufs, owned by the caller; data starts at the link header. `now` matters only to wires
     * with a time of their own (impair, pcap). */
    uint16_t (*rx_burst)(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n);
    /* Takes the first returned many; the rest stay the caller's. */
    uint16_t (*tx_burst)(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n);
    /* A descriptor that polls readable when rx_burst has something, or -1. */
    int (*fd)(struct netdev *d, uint16_t queue);
    /* Called before sleeping / after waking on fd (interrupt arming). Either may be NULL. arm returns
     * false when a packet has come in meanwhile. */
    bool (*arm)(struct netdev *d, uint16_t queue);
    void (*disarm)(struct netdev *d, uint16_t queue);
    /* When the wire has something to deliver by itself; NSEC_NEVER. May be NULL. */
    nsec_t (*next_event)(struct netdev *d, uint16_t queue);
    /* Worker 0 calls it now and then (a few times a second): notices a peer that died or came back.
     * Returns whether the link is up. May be NULL: always up. */
    bool (*link_poll)(struct netdev *d, nsec_t now);
    /* Has the wire ended for good (end of a pcap file)? May be NULL. */
    bool (*finished)(struct netdev *d);
    /* How it spreads packets; false when it does not, or does not tell. May be NULL. */
    bool (*rss)(struct netdev *d, struct netdev_rss *out);
    /* The link's speed, Mbit/s; 0 while it is not known. Any thread. May be NULL: it has none of its own. */
    uint32_t (*speed)(struct netdev *d);
    /* Adds to *s. Any thread. May be NULL. */
    void (*stats)(struct netdev *d, struct netdev_stats *s);
    void (*close)(struct netdev *d);
};

struct netdev {
    const struct netdev_ops *ops;
    struct netdev_caps caps;
    char name[64];            /* as given to --dev */
    const char *awaits;       /* whom, while its link is down; NULL: nobody in particular */
    char notes[NETDEV_NOTES]; /* what the user should know at the start: lines without a newline at the end */
};

struct impair_config;

/* Who can do work on memory that another thread may unmap meanwhile. */
struct netdev_guard {
    void (*install)(void); /* before the first run, any number of times */
    /* Runs fn(arg). False: a fault has ended it, somewhere. */
    bool (*run)(void (*fn)(void *arg), void *arg);
};

/* What opening a wire takes. */
struct netdev_config {
    uint16_t mtu;    /* 0: the wire's own default */
    uint16_t queues; /* workers */
    bool has_mac;
    uint8_t mac[6];
    const struct tunables *tun;
    const struct impair_config *impair; /* NULL: as it is. A wire made worse is opened without offloads */
    struct rte_mempool *rx_pool[64];    /* per queue */
    const uint8_t *rss_key;             /* 40 bytes, for several queues; NULL: the device's own */
    bool virtual_time;                  /* pcap: paced by now, not by a real clock */
    const struct netdev_guard *guard;   /* for drivers that need one; NULL: there is none */
};

/* The payload that fits an IP packet with all options that IP and TCP may have. */
#define NETDEV_TSO_MAX (65535 - 60 - 60)

#define NETDEV_WHY 512 /* bytes for the message when opening fails */

static inline uint16_t netdev_rx_burst(struct netdev *d, uint16_t q, nsec_t now, struct rte_mbuf **p,
                                       uint16_t n)
{
    return d->ops->rx_burst(d, q, now, p, n);
}

static inline uint16_t netdev_tx_burst(struct netdev *d, uint16_t q, nsec_t now, struct rte_mbuf **p,
                                       uint16_t n)
{
    return d->ops->tx_burst(d, q, now, p, n);
}

void netdev_close(struct netdev *d); /* NULL is fine */
void netdev_stats(struct netdev *d, struct netdev_stats *s);
/* False, with *out untouched, when the wire does not spread packets over its queues or does not tell. */
bool netdev_rss(struct netdev *d, struct netdev_rss *out);
/* Mbit/s; 0 when the wire has no speed, or it is not known. */
uint32_t netdev_speed(struct netdev *d);
/* Adds a line to d->notes; what no longer fits is cut. */
void netdev_note(struct netdev *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The only allocator of wires, used when one is opened, never on the data path. Zeroed and aligned to a
 * cache line; NULL when out of memory. */
void *netdev_alloc(size_t size);
void netdev_free(void *p);

#endif
