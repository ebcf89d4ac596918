/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "netdev/pci_use.h"

#define PCI_PATH 320
#define HUGE_MB  2 /* the page size that messages speak of */

bool pci_address(const char *text, char out[PCI_ADDRESS], const char **rest)
{
    unsigned domain = 0, bus, device, function;
    int n = 0;

    if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &n) != 4) {
        domain = 0;
        if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &n) != 3)
            return false;
    }
    if (device >= 32 || function >= 8 || (text[n] != '\0' && text[n] != ','))
        return false;
    snprintf(out, PCI_ADDRESS, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, device, function);
    *rest = text[n] == ',' ? text + n + 1 : "";
    return true;
}

/* ---- small files ---- */

/* The first line of the device's file `name`; "" when it cannot be read. */
static const char *pci_line(const char *addr, const char *name, char buf[PCI_LINE])
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", addr, name);
    return pci_use_line(path, buf);
}

/* The last part of what the device's link `name` points at, "" when there is none. */
static const char *pci_link(const char *addr, const char *name, char buf[PCI_LINE])
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", addr, name);
    ssize_t n = readlink(path, buf, PCI_LINE - 1);
    buf[n > 0 ? n : 0] = '\0';
    const char *base = strrchr(buf, '/');
    return base != NULL ? base + 1 : buf;
}

static bool pci_is_network(const char *addr)
{
    char class[PCI_LINE];
    return strncmp(pci_line(addr, "class", class), "0x02", 4) == 0;
}

/* Network controllers with their drivers, for messages. */
static void pci_list(char *buf, size_t size)
{
    DIR *dir = opendir(PCI_DEVICES);
    struct dirent *e;
    size_t used = 0;
    snprintf(buf, size, "none");
    while (dir != NULL && (e = readdir(dir)) != NULL && used < size) {
        char link[PCI_LINE];
        if (!pci_is_network(e->d_name))
            continue;
        const char *driver = pci_link(e->d_name, "driver", link);
        used += (size_t)snprintf(buf + used, size - used, "%s%s (%s)", used == 0 ? "" : ", ", e->d_name,
                                 driver[0] != '\0' ? driver : "no driver");
    }
    if (dir != NULL)
        closedir(dir);
}

/* ---- may we have it? ---- */

static void refuse_unknown(const char *addr, struct netdev_refusal *r)
{
    char list[256], class[PCI_LINE];
    pci_list(list, sizeof(list));
    if (pci_line(addr, "class", class)[0] == '\0')
        netdev_refuse(r, -ENODEV, "pci %s: no such device; network devices here: %s", addr, list);
    else
        netdev_refuse(r, -ENODEV, "pci %s: is no network device (class %s); network devices here: %s", addr,
                      class, list);
}

/* vfio gives away whole groups only, bridges excepted. The device of the same group that the kernel still
 * drives, or "". */
static const char *group_other(const char *addr, char other[PCI_LINE])
{
    static const char *const harmless[] = {"", "vfio-pci", "pci-stub"};
    char path[PCI_PATH], link[PCI_LINE], class[PCI_LINE];
    struct dirent *e;

    other[0] = '\0';
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group/devices", addr);
    DIR *dir = opendir(path);
    while (dir != NULL && other[0] == '\0' && (e = readdir(dir)) != NULL) {
        const char *driver = pci_link(e->d_name, "driver", link);
        bool safe = e->d_name[0] == '.' || strncmp(pci_line(e->d_name, "class", class), "0x0604", 6) == 0;
        for (unsigned i = 0; i < RTE_DIM(harmless); i++)
            safe |= strcmp(driver, harmless[i]) == 0;
        if (!safe)
            snprintf(other, PCI_LINE, "%.32s (%.64s)", e->d_name, driver);
    }
    if (dir != NULL)
        closedir(dir);
    return other;
}

static void refuse_user(const char *addr, const struct pci_user *user, struct netdev_refusal *r)
{
    netdev_refuse(r, -EBUSY, "pci %s: another process, %d (%s), uses it already; end that one first: kill %d",
                  addr, user->pid, user->name, user->pid);
}

/* `file` is what it has open, for a user who may not see whose files are open. */
static void refuse_used(const char *addr, const char *file, struct netdev_refusal *r)
{
    struct pci_user user;
    if (pci_use_find("", addr, &user))
        refuse_user(addr, &user, r);
    else
        netdev_refuse(r, -EBUSY,
                      "pci %s: another process uses it already; end that one first (as root, fuser -v %s "
                      "names it)",
                      addr, file);
}

static bool vfio_ok(const char *addr, struct netdev_refusal *r)
{
    char link[PCI_LINE], other[PCI_LINE], path[PCI_FILE];
    const char *group = pci_link(addr, "iommu_group", link);

    if (group_other(addr, other)[0] != '\0') {
        netdev_refuse(r, -EBUSY,
                      "pci %s: shares IOMMU group %s with %s, which the kernel still drives, and vfio gives "
                      "away whole groups only; bind that one to vfio-pci, too, or put the card into another "
                      "slot",
                      addr, group, other);
        return false;
    }
    if (!pci_use_file("", addr, path))
        return true; /* EAL will say what is missing */
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    } else if (errno == EBUSY) { /* one process a group: a hypervisor, say */
        refuse_used(addr, path, r);
        return false;
    } else {
        netdev_refuse(r, -EACCES,
                      "pci %s: this user may not open %s; run as root, or: sudo chown $USER %s, and let the "
                      "user lock memory (ulimit -l)",
                      addr, path, path);
        return false;
    }
    return true;
}

/* Without an IOMMU the device is told physical addresses, which only root may know. */
static bool uio_ok(const char *addr, const char *driver, struct netdev_refusal *r)
{
    struct pci_user user;
    if (geteuid() != 0) {
        netdev_refuse(
            r, -EACCES,
            "pci %s: bound to %s, which takes root; run as root, or bind it to vfio-pci where there "
            "is an IOMMU",
            addr, driver);
        return false;
    }
    if (pci_use_find("", addr, &user)) { /* uio itself lets any number in */
        refuse_user(addr, &user, r);
        return false;
    }
    return true;
}

/* A killed program leaves its NIC receiving into memory that is no longer its own. The kernel takes the right
 * to reach memory away, as it closes what was open, but the next program gives it back before the NIC's
 * driver stops the NIC. vfio resets the device first; so does this, where the device can. */
static void uio_reset(const char *addr)
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", addr);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "1", 1);
    close(fd);
}

bool pci_interrupts(const char *addr)
{
    char link[PCI_LINE];
    return pci_way(pci_link(addr, "driver", link)) != PCI_WAY_UIO;
}

/* A device reaches pages only that stay where they are. (An IOMMU with enough address bits could map ordinary
 * ones, but with 39 bits, as many have, the NIC would be silent without an error.) */
static bool memory_ok(const char *addr, const struct pci_memory *mem, struct netdev_refusal *r)
{
    unsigned pages = (mem->need_mb + HUGE_MB - 1) / HUGE_MB;

    if (mem->hugepages)
        return true;
    netdev_refuse(r, -ENOMEM,
                  "pci %s: a NIC needs hugepages: %u of %u MB, and not so many are free; reserve them: "
                  "echo %u > /proc/sys/vm/nr_hugepages; mkdir -p /dev/hugepages; mount -t hugetlbfs nodev "
                  "/dev/hugepages (or ask for less: --set tcp_mem_mb=32)",
                  addr, pages, HUGE_MB, pages);
    return false;
}

static bool pci_usable(const char *addr, const struct pci_memory *mem, struct netdev_refusal *r)
{
    char link[PCI_LINE];
    const char *driver = pci_link(addr, "driver", link);

    switch (pci_way(driver)) {
    case PCI_WAY_VFIO:
        return vfio_ok(addr, r) && memory_ok(addr, mem, r);
    case PCI_WAY_UIO:
        if (!uio_ok(addr, driver, r) || !memory_ok(addr, mem, r))
            return false;
        uio_reset(addr);
        return true;
    case PCI_WAY_BESIDE:
        return true;
    case PCI_WAY_NONE:
        break;
    }
    netdev_refuse(
        r, -ENODEV,
        "pci %s: it is bound to %s, not to a driver for user space; bind it: scripts/nic bind %s, or "
        "dpdk-devbind.py -b vfio-pci %s",
        addr, driver[0] != '\0' ? driver : "no driver", addr, addr);
    return false;
}

int pci_claim(const char *addr, const struct pci_memory *mem, struct netdev_refusal *r)
{
    char path[PCI_PATH];
    snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", addr);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !pci_is_network(addr)) {
        refuse_unknown(addr, r);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        refuse_used(addr, path, r);
    } else if (pci_usable(addr, mem, r)) {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

struct netdev *pci_refuse(const char *addr, struct netdev_refusal *r)
{
    char link[PCI_LINE];
    return netdev_refuse(r, -ENODEV,
                         "pci %s: bound to %s, but DPDK has no driver for this model, or it failed to start; "
                         "--eal \"--log-level=pmd:debug\" says more",
                         addr, pci_link(addr, "driver", link));
}

/* ---- where its memory is ---- */

/* Is every processor that we may run on in a list such as "0-3,8"? */
static bool list_covers(const char *list, const cpu_set_t *ours)
{
    cpu_set_t rest = *ours;
    while (*list != '\0') {
        char *end;
        unsigned long first = strtoul(list, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
            CPU_CLR(cpu, &rest);
        list = *end == ',' ? end + 1 : "";
    }
    return CPU_COUNT(&rest) == 0;
}

void pci_note_numa(struct netdev *d, const char *addr)
{
    char node[PCI_LINE], list[PCI_LINE];
    cpu_set_t ours;

    if (atoi(pci_line(addr, "numa_node", node)) < 0 || node[0] == '\0' ||
        pci_line(addr, "local_cpulist", list)[0] == '\0' || sched_getaffinity(0, sizeof(ours), &ours) != 0 ||
        list_covers(list, &ours))
        return;
    netdev_note(
        d,
        "warning: it is on NUMA node %s, whose processors are %s, but this process may run on others, "
        "which reach it more slowly; start it with: taskset -c %s",
        node, list, list);
}
