/* SPDX-License-Identifier: BSD-3-Clause */
/* How netdev_open reaches the kinds of wires. Each returns NULL with *err and `why` as netdev_open
 * does; `arg` is what follows the colon. */
#ifndef PLX_NETDEV_KINDS_H
#define PLX_NETDEV_KINDS_H

#include "netdev/netdev.h"

/* Where a refusal goes. */
struct netdev_refusal {
    char *why;
    size_t size;
    int err;
};

/* Fills it and returns NULL, for `return netdev_refuse(...)`. `err` is a negative errno. */
struct netdev *netdev_refuse(struct netdev_refusal *r, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct netdev *netdev_tap_open(const char *name, const struct netdev_config *cfg, struct netdev_refusal *r);
struct netdev *netdev_packet_open(const char *iface, const struct netdev_config *cfg,
                                  struct netdev_refusal *r);
struct netdev *netdev_pcap_open(const char *files, const struct netdev_config *cfg, struct netdev_refusal *r);

enum ethdev_kind { ETHDEV_PCI, ETHDEV_XDP, ETHDEV_MEMIF, ETHDEV_VHOST, ETHDEV_VIRTIO, ETHDEV_VDEV };
struct netdev *netdev_ethdev_open(enum ethdev_kind kind, const char *arg, const struct netdev_config *cfg,
                                  struct netdev_refusal *r);

/* "lo, eth0, plx1" of this network namespace, for messages. */
void netdev_list_interfaces(char *buf, size_t size);
/* May `name` be the name of an interface (1 to 15 bytes, no slash, no space, no %)? */
bool netdev_iface_name_ok(const char *name);

#endif
