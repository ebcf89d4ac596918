/* SPDX-License-Identifier: BSD-3-Clause */
/* What /sys says of a NIC on the PCI bus: whose it is, and why it cannot be had. */
#ifndef PLX_NETDEV_PCI_H
#define PLX_NETDEV_PCI_H

#include <stdbool.h>

#include "netdev/kinds.h"

#define PCI_ADDRESS 16 /* "0000:03:00.0" */

/* [DOMAIN:]BUS:DEVICE.FUNCTION in hexadecimal, as lspci writes it, to the form that /sys and EAL have.
 * *rest is what follows behind a comma, for the driver; "" when there is none. False: no such text. */
bool pci_address(const char *text, char out[PCI_ADDRESS], const char **rest);

/* What the machine has for a NIC that reaches memory by itself. */
struct pci_memory {
    bool hugepages; /* enough are free, or the user chooses the memory */
    unsigned need_mb;
};

/* Looks whether a program may have the device, and keeps other processes of ours off it while the
 * descriptor is open: uio_pci_generic lets any number drive it at once. Before EAL starts, for EAL resets
 * the device that it finds. The descriptor; -1 after filling r with the cause and the next step. */
int pci_claim(const char *addr, const struct pci_memory *mem, struct netdev_refusal *r);
/* The device is ours, but DPDK did not find it, or its driver refused: fills r. NULL. */
struct netdev *pci_refuse(const char *addr, struct netdev_refusal *r);
/* Can its queues have interrupts? Under uio there is one for the whole device, which is EAL's. */
bool pci_interrupts(const char *addr);
/* Notes on `d` when this process runs on processors far from the device's memory. */
void pci_note_numa(struct netdev *d, const char *addr);

#endif
