/* SPDX-License-Identifier: BSD-3-Clause */
/* From the text after --dev to an open wire. */
#ifndef PLX_NETDEV_OPEN_H
#define PLX_NETDEV_OPEN_H

#include "netdev/netdev.h"

/* pci:ADDR | tap:NAME | af_packet:IFACE | af_xdp:IFACE | memif:PATH[,server] | vhost:PATH | virtio:PATH |
 * pcap:IN.pcap[,OUT.pcap] | vdev:DPDK-STRING, made worse by cfg->impair. tap, af_packet and pcap work
 * without EAL, the others need it running.
 * NULL on failure: *err is -EINVAL for a text that cannot mean anything (the option is wrong) and
 * another negative errno when the machine does not let us; `why` says what was looked for, what is
 * there, and what to do next. */
struct netdev *netdev_open(const char *dev, const struct netdev_config *cfg, char *why, size_t size,
                           int *err);

/* Only the text: 0 or -EINVAL, `why` as above. Opens nothing. */
int netdev_dev_check(const char *dev, char *why, size_t size);
/* The address of a PCI device, for which EAL has to look at that bus; NULL for other wires. */
const char *netdev_dev_pci(const char *dev);

#endif
