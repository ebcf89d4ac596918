/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may have a NIC on the PCI bus, and who has it now: for the programs that want it and for plx-doctor. */
#ifndef PLX_NETDEV_PCI_USE_H
#define PLX_NETDEV_PCI_USE_H

#include <stdbool.h>

/* How a program reaches the device, by the kernel's driver for it. */
enum pci_way {
    PCI_WAY_NONE,   /* not at all: it is the kernel's, or nobody's */
    PCI_WAY_VFIO,   /* one process a group of devices */
    PCI_WAY_UIO,    /* any number of processes: none may be let in besides the first */
    PCI_WAY_BESIDE, /* bifurcated: DPDK's driver works beside the kernel's */
};

/* `driver` as the device's link in /sys names it, "" when it has none. */
enum pci_way pci_way(const char *driver);

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PCI_LINE    256

/* The first line of a small file, without its end; "" when it cannot be read. */
const char *pci_use_line(const char *path, char line[PCI_LINE]);

#define PCI_FILE 64 /* "/dev/vfio/noiommu-12" */

/* The file that a process has open while the device is its own, as the bindings are now: /dev/uioN, or vfio's
 * of the group. `addr` has the form of /sys, "0000:03:00.0"; `root` is "", or in tests a directory with a
 * /sys and a /proc of its own. False: there is no such file. */
bool pci_use_file(const char *root, const char *addr, char file[PCI_FILE]);

struct pci_user {
    int pid;
    char name[16]; /* of the program, as /proc/PID/comm has it; "" when it is gone already */
};

/* A process but this one that has the device: one of ours, by its lock, which every user may see, or any
 * that has its file open, or vfio's newer one for it alone (/dev/vfio/devices/vfioN), of those that this user
 * may look at. False: none. */
bool pci_use_find(const char *root, const char *addr, struct pci_user *user);

#endif
