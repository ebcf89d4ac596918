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

/* Takes the device, if it is one that only one process can have, before EAL starts and would reset it under
 * another's hands; and looks whether we may have it at all. A descriptor to be closed after the wire; -1
 * with *err 0 when there is nothing to take, with a negative errno and `why` when it is refused.
 * `hugepages`: as many are free as need_mb takes. */
int netdev_dev_claim(const char *dev, bool hugepages, uint32_t need_mb, char *why, size_t size, int *err);

#endif
