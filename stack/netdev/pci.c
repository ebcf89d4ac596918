/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PCI_PATH    320

static bool pci_is_network(const char *addr)
{
    char path[PCI_PATH], class[16] = "";
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/class", addr);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    bool network = fgets(class, sizeof(class), f) != NULL && strncmp(class, "0x02", 4) == 0;
    fclose(f);
    return network;
}

/* Its driver's name, "" when it has none. */
static const char *pci_driver(const char *addr, char *buf, size_t size)
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", addr);
    ssize_t n = readlink(path, buf, size - 1);
    buf[n > 0 ? n : 0] = '\0';
    const char *base = strrchr(buf, '/');
    return base != NULL ? base + 1 : buf;
}

/* Network controllers with their drivers, for messages. */
static void pci_list(char *buf, size_t size)
{
    DIR *dir = opendir(PCI_DEVICES);
    struct dirent *e;
    size_t used = 0;
    snprintf(buf, size, "none");
    while (dir != NULL && (e = readdir(dir)) != NULL && used < size) {
        char link[128];
        if (!pci_is_network(e->d_name))
            continue;
        const char *driver = pci_driver(e->d_name, link, sizeof(link));
        used += (size_t)snprintf(buf + used, size - used, "%s%s (%s)", used == 0 ? "" : ", ", e->d_name,
                                 driver[0] != '\0' ? driver : "no driver");
    }
    if (dir != NULL)
        closedir(dir);
}

static struct netdev *pci_refuse_unknown(const char *addr, struct netdev_refusal *r)
{
    char list[256];
    pci_list(list, sizeof(list));
    return netdev_refuse(r, -ENODEV, "pci %s: no such network device; there are: %s", addr, list);
}

int pci_claim(const char *addr, struct netdev_refusal *r)
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", addr);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !pci_is_network(addr)) {
        if (fd >= 0)
            close(fd);
        pci_refuse_unknown(addr, r);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        netdev_refuse(r, -EBUSY,
                      "pci %s: another process uses it already; end that one first (fuser -v %s names it)",
                      addr, path);
        return -1;
    }
    return fd;
}

struct netdev *pci_refuse(const char *addr, bool has_hugepages, struct netdev_refusal *r)
{
    char link[128];
    const char *driver = pci_driver(addr, link, sizeof(link));
    bool vfio = strcmp(driver, "vfio-pci") == 0;
    bool uio = strcmp(driver, "uio_pci_generic") == 0 || strcmp(driver, "igb_uio") == 0;
    if (!vfio && !uio)
        return netdev_refuse(
            r, -ENODEV,
            "pci %s: it is bound to %s, not to a driver for user space; bind it: scripts/nic bind %s, or "
            "dpdk-devbind.py -b vfio-pci %s",
            addr, driver[0] != '\0' ? driver : "no driver", addr, addr);
    if (!has_hugepages)
        return netdev_refuse(r, -ENOMEM,
                             "pci %s: a NIC needs hugepages, and not enough are free; reserve some: "
                             "echo 160 > /proc/sys/vm/nr_hugepages; mount -t hugetlbfs nodev /dev/hugepages",
                             addr);
    if (geteuid() != 0)
        return netdev_refuse(r, -EACCES, "pci %s: bound to %s, but this user may not open it; run as root%s",
                             addr, driver,
                             vfio ? ", or give the user /dev/vfio/GROUP and memory to lock (ulimit -l)" : "");
    return netdev_refuse(r, -ENODEV,
                         "pci %s: bound to %s, but DPDK has no driver for this model, or it failed to start; "
                         "--eal \"--log-level=pmd:debug\" says more",
                         addr, driver);
}
