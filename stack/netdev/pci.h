/* SPDX-License-Identifier: BSD-3-Clause */
/* What /sys says of a NIC on the PCI bus: whose it is, and why it cannot be had. */
#ifndef PLX_NETDEV_PCI_H
#define PLX_NETDEV_PCI_H

#include <stdbool.h>

#include "netdev/kinds.h"

/* Keeps other processes of ours off the device while the descriptor is open: uio_pci_generic lets any
 * number drive it at once. The descriptor, or -1 after filling r (in use, or no such device). */
int pci_claim(const char *addr, struct netdev_refusal *r);
/* DPDK did not find the device, or its driver refused: fills r with the cause and the next step. NULL. */
struct netdev *pci_refuse(const char *addr, bool has_hugepages, struct netdev_refusal *r);

#endif
