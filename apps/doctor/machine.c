/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK, processors, hugepages, IOMMU, VFIO, and what this user may do. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/capability.h>
#include <rte_build_config.h>
#include <rte_version.h>

#include "doctor/doctor.h"

#define SECTION   "machine"
#define HUGE_DIR  "/sys/kernel/mm/hugepages"
#define MIB       (1024u * 1024)
#define WANT_HUGE 512 /* pages of 2 MiB that a program is comfortable with */

static void user_examine(struct machine *m, struct report *r)
{
    uint64_t caps = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "CapEff:", 7) == 0)
            caps = strtoull(line + 7, NULL, 16);
    if (f != NULL)
        fclose(f);
    m->root = geteuid() == 0;
    m->sudo = m->root ? "" : "sudo ";
    m->net_admin = (caps >> CAP_NET_ADMIN & 1) != 0;
    m->net_raw = (caps >> CAP_NET_RAW & 1) != 0;
    m->bpf = (caps >> CAP_BPF & 1) != 0 || (caps >> CAP_SYS_ADMIN & 1) != 0;

    bool all = m->net_admin && m->net_raw && m->bpf;
    struct finding *fd = report_add(r, SECTION, "user", all ? VERDICT_OK : VERDICT_NOTE);
    finding_says(fd, "uid %u, %s", geteuid(),
                 all ? "with the capabilities that any wire needs"
                     : "without all of CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF: not every wire can be opened");
    if (!all)
        finding_next(fd, "sudo plx-doctor");
}

static void dpdk_examine(struct report *r)
{
    const char *version = rte_version() + strlen("DPDK "); /* "DPDK 22.11.11" */
    unsigned drivers = dir_count(RTE_EAL_PMD_PATH);
    struct finding *f = report_add(r, SECTION, "DPDK", drivers > 0 ? VERDICT_OK : VERDICT_NO);

    if (drivers > 0) {
        finding_says(f, "%s, drivers in %s", version, RTE_EAL_PMD_PATH);
        return;
    }
    finding_says(f, "%s, but its drivers are missing from %s", version, RTE_EAL_PMD_PATH);
    finding_next(f, "sudo apt-get install dpdk");
}

static void cpu_examine(struct report *r)
{
    struct finding *f = report_add(r, SECTION, "processors", VERDICT_OK);
    char isolated[64];

    if (!file_line(isolated, sizeof(isolated), "/sys/devices/system/cpu/isolated") || isolated[0] == '\0')
        snprintf(isolated, sizeof(isolated), "none");
    finding_says(f, "%ld online, isolated for us: %s (a worker wants one of its own under load)",
                 sysconf(_SC_NPROCESSORS_ONLN), isolated);
}

/* The mount point of a hugetlbfs that this user may write to. */
static bool hugetlbfs_writable(char *where, size_t size, bool *mounted)
{
    char dev[256], dir[256], type[64];
    FILE *f = fopen("/proc/mounts", "re");
    bool writable = false;

    *mounted = false;
    while (f != NULL && !writable && fscanf(f, "%255s %255s %63s%*[^\n]", dev, dir, type) == 3) {
        if (strcmp(type, "hugetlbfs") != 0)
            continue;
        *mounted = true;
        snprintf(where, size, "%s", dir);
        writable = access(dir, W_OK) == 0;
    }
    if (f != NULL)
        fclose(f);
    return writable;
}

/* "512 of 2 MiB (500 free)" for every size that has pages; how many are free in all. */
static unsigned hugepages_list(char *text, size_t size)
{
    DIR *d = opendir(HUGE_DIR);
    unsigned all_free = 0;
    size_t n = 0;

    text[0] = '\0';
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        unsigned kb;
        if (sscanf(e->d_name, "hugepages-%ukB", &kb) != 1)
            continue;
        uint64_t total = file_number(0, HUGE_DIR "/%s/nr_hugepages", e->d_name);
        uint64_t free = file_number(0, HUGE_DIR "/%s/free_hugepages", e->d_name);
        if (total != 0 && n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%" PRIu64 " of %u MiB (%" PRIu64 " free)",
                                  n > 0 ? ", " : "", total, kb / 1024, free);
        all_free += (unsigned)free;
    }
    if (d != NULL)
        closedir(d);
    return all_free;
}

static void hugepages_examine(struct machine *m, struct report *r)
{
    char pages[128], where[256] = "/dev/hugepages";
    bool mounted;
    bool writable = hugetlbfs_writable(where, sizeof(where), &mounted);
    unsigned free = hugepages_list(pages, sizeof(pages));

    m->free_hugepages = writable ? free : 0;
    struct finding *f =
        report_add(r, SECTION, "hugepages", m->free_hugepages > 0 ? VERDICT_OK : VERDICT_NOTE);
    if (m->free_hugepages > 0) {
        finding_says(f, "%s at %s: programs use them", pages, where);
    } else if (free == 0) {
        finding_says(f, "none free: programs run on ordinary pages, a NIC (--dev pci:) needs them");
        finding_next(f, "%ssh -c 'echo %d >/proc/sys/vm/nr_hugepages%s'", m->sudo, WANT_HUGE,
                     mounted ? "" : "; mkdir -p /dev/hugepages; mount -t hugetlbfs nodev /dev/hugepages");
    } else if (!mounted) {
        finding_says(f, "%s, but no hugetlbfs is mounted: programs run on ordinary pages", pages);
        finding_next(f, "%smkdir -p /dev/hugepages && %smount -t hugetlbfs nodev /dev/hugepages", m->sudo,
                     m->sudo);
    } else {
        finding_says(f, "%s at %s, which this user may not write to: programs run on ordinary pages", pages,
                     where);
        finding_next(f, "sudo chmod 1777 %s", where);
    }
}

static void iommu_examine(struct machine *m, struct report *r)
{
    unsigned groups = dir_count("/sys/kernel/iommu_groups");
    struct finding *f = report_add(r, SECTION, "IOMMU", groups > 0 ? VERDICT_OK : VERDICT_NOTE);

    m->iommu = groups > 0;
    if (m->iommu) {
        finding_says(f, "on, %u groups", groups);
        return;
    }
    finding_says(f,
                 "off or absent: a NIC can be driven only by VFIO without protection, or by uio_pci_generic");
    finding_next(
        f, "add intel_iommu=on iommu=pt (AMD: iommu=pt) to the kernel's command line and switch VT-d or "
           "AMD-Vi on in the firmware");
}

/* Does the line name the module? Its file may be written with dashes or with underscores. */
static bool line_names(const char *line, const char *name)
{
    const char *slash = strrchr(line, '/');
    size_t n = strlen(name);

    line = slash != NULL ? slash + 1 : line;
    for (size_t i = 0; i < n; i++)
        if (line[i] != name[i] && !(line[i] == '-' && name[i] == '_'))
            return false;
    return strncmp(line + n, ".ko", 3) == 0;
}

static bool module_at_hand(const char *name)
{
    struct utsname u;
    char line[512];
    bool found = false;

    if (path_exists("/sys/module/%s", name) || uname(&u) < 0)
        return path_exists("/sys/module/%s", name);
    static const char *const lists[] = {"modules.dep", "modules.builtin"};
    for (unsigned i = 0; i < 2 && !found; i++) {
        char path[512];
        snprintf(path, sizeof(path), "/lib/modules/%s/%s", u.release, lists[i]);
        FILE *f = fopen(path, "re");
        while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
            line[strcspn(line, ":")] = '\0'; /* what follows are the modules it needs */
            found = line_names(line, name);
        }
        if (f != NULL)
            fclose(f);
    }
    return found;
}

static void vfio_examine(struct machine *m, struct report *r)
{
    bool loaded = path_exists("/sys/bus/pci/drivers/vfio-pci");
    char noiommu[8];

    m->noiommu =
        file_line(noiommu, sizeof(noiommu), "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") &&
        noiommu[0] == 'Y';
    m->vfio = loaded || module_at_hand("vfio_pci");
    m->uio = path_exists("/sys/bus/pci/drivers/uio_pci_generic") || module_at_hand("uio_pci_generic");
    struct finding *f = report_add(r, SECTION, "vfio-pci", loaded ? VERDICT_OK : VERDICT_NOTE);
    if (loaded && (m->iommu || m->noiommu)) {
        finding_says(f, "loaded%s", m->iommu ? "" : ", without IOMMU (unsafe mode is on)");
    } else if (m->uio && !m->iommu && !m->noiommu) {
        f->verdict = VERDICT_NOTE;
        finding_says(f,
                     "of no use without an IOMMU; uio_pci_generic serves instead, and lets the NIC reach any "
                     "memory");
    } else if (loaded) {
        f->verdict = VERDICT_NOTE;
        finding_says(f, "loaded, but there is no IOMMU and the mode without is off");
        finding_next(f, "echo 1 | %stee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode", m->sudo);
    } else if (m->vfio) {
        finding_says(f, "not loaded");
        finding_next(f, "%smodprobe vfio-pci%s", m->sudo,
                     m->iommu ? ""
                              : " && the same for vfio with "
                                "enable_unsafe_noiommu_mode=1");
    } else {
        finding_says(f, "this kernel does not have it: no PCI device can be handed to a program");
    }
}

void machine_examine(struct machine *m, struct report *r)
{
    user_examine(m, r);
    dpdk_examine(r);
    cpu_examine(r);
    hugepages_examine(m, r);
    iommu_examine(m, r);
    vfio_examine(m, r);
}
