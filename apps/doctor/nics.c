/* SPDX-License-Identifier: BSD-3-Clause */
/* Network devices on PCI: who drives them, and whether DPDK could. */
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"
#include "netdev/pci_use.h"

#define SECTION       "nics"
#define PCI_DIR       "/sys/bus/pci/devices"
#define CLASS_NETWORK 0x02

struct nic {
    char addr[64];   /* "0000:00:03.0" */
    char driver[64]; /* of the kernel; "" */
    char iface[64];  /* "" when the kernel has none for it */
    char pmd[64];    /* of DPDK; "" */
    uint16_t vendor, device;
};

/* A virtio device's interface hangs one level deeper, below virtioN. */
static void iface_find(struct nic *n)
{
    char pattern[320];
    glob_t g;

    n->iface[0] = '\0';
    snprintf(pattern, sizeof(pattern), PCI_DIR "/%s/{net,virtio*/net}/*", n->addr);
    if (glob(pattern, GLOB_BRACE, NULL, &g) == 0) {
        snprintf(n->iface, sizeof(n->iface), "%s", strrchr(g.gl_pathv[0], '/') + 1);
        globfree(&g);
    }
}

static bool nic_read(struct nic *n, const char *addr)
{
    if (file_number(0, PCI_DIR "/%s/class", addr) >> 16 != CLASS_NETWORK)
        return false;
    snprintf(n->addr, sizeof(n->addr), "%.63s", addr);
    n->vendor = (uint16_t)file_number(0, PCI_DIR "/%s/vendor", addr);
    n->device = (uint16_t)file_number(0, PCI_DIR "/%s/device", addr);
    if (!link_name(n->driver, sizeof(n->driver), PCI_DIR "/%s/driver", addr))
        n->driver[0] = '\0';
    if (!pmd_for_pci(n->vendor, n->device, n->pmd, sizeof(n->pmd)))
        n->pmd[0] = '\0';
    iface_find(n);
    return true;
}

/* Does a route leave by it? Taking it away may cut the user off. */
static bool carries_routes(const char *iface)
{
    char line[256], name[64];
    FILE *f = fopen("/proc/net/route", "re");
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
        found = sscanf(line, "%63s", name) == 1 && strcmp(name, iface) == 0;
    if (f != NULL)
        fclose(f);
    return found;
}

/* The command that hands it over: vfio-pci where it can work, else the other one has to be asked for. */
static void next_is_bind(struct finding *f, const struct machine *m, const struct nic *n)
{
    bool vfio = m->vfio && (m->iommu || m->noiommu);
    finding_next(f, "%sscripts/nic bind %s%s", m->sudo, n->addr, vfio ? "" : " --driver uio_pci_generic");
}

static void ready_report(struct machine *m, struct finding *f, const struct nic *n, const char *what)
{
    struct pci_user user;

    m->dpdk_nics++;
    if (pci_use_find("", n->addr, &user)) {
        finding_says(f, "%s: in use by process %d (%s)", what, user.pid, user.name);
        finding_next(f, "%skill %d", m->sudo, user.pid);
        return;
    }
    f->verdict = VERDICT_OK;
    finding_says(f, "%s: ready%s", what, m->root ? "" : ", unless a program has it that only root may see");
    finding_next(f, "plx-echo --dev pci:%s --ip ADDR/PREFIX", n->addr);
}

static void nic_report(struct machine *m, struct report *r, const struct nic *n)
{
    char what[160];
    struct finding *f = report_add(r, SECTION, n->addr, VERDICT_NOTE);

    snprintf(what, sizeof(what), "%04x:%04x, driver %s%s%s, %s%s", n->vendor, n->device,
             n->driver[0] != '\0' ? n->driver : "none", n->iface[0] != '\0' ? ", interface " : "", n->iface,
             n->pmd[0] != '\0' ? "DPDK has " : "DPDK has no driver for it", n->pmd);
    if (n->pmd[0] == '\0') {
        f->verdict = VERDICT_NO;
        finding_says(f, "%s", what);
        if (n->iface[0] != '\0')
            finding_next(f, "plx-echo --dev af_packet:%s --ip ADDR/PREFIX", n->iface);
    } else if (pci_way(n->driver) != PCI_WAY_NONE) {
        ready_report(m, f, n, what);
    } else if (n->iface[0] != '\0' && carries_routes(n->iface)) {
        finding_says(f, "%s: the kernel routes over it, leave it alone unless it is a spare one", what);
    } else if (!m->vfio && !m->uio) {
        finding_says(f, "%s: the kernel has no driver that hands it over (vfio-pci, uio_pci_generic)", what);
    } else {
        finding_says(f, "%s: not handed over yet", what);
        next_is_bind(f, m, n);
    }
}

static int by_address(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

void nics_examine(struct machine *m, struct report *r)
{
    struct dirent **entries;
    int count = scandir(PCI_DIR, &entries, NULL, by_address);

    for (int i = 0; i < count; i++) {
        struct nic n;
        if (entries[i]->d_name[0] != '.' && nic_read(&n, entries[i]->d_name)) {
            m->nics++;
            nic_report(m, r, &n);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (m->nics == 0) {
        struct finding *f = report_add(r, SECTION, "none", VERDICT_NOTE);
        finding_says(f, "no network device on PCI: use a wire that needs none");
    }
}
