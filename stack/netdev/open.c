/* SPDX-License-Identifier: BSD-3-Clause */
#include "netdev/open.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netdev/impair.h"
#include "netdev/kinds.h"
#include "netdev/pci.h"
#include "netdev/share.h"

#define DEV_KINDS                                                                                            \
    "pci:ADDR, tap:NAME, af_packet:IFACE, af_xdp:IFACE, memif:PATH[,server], vhost:PATH, virtio:PATH, "      \
    "pcap:IN.pcap[,OUT.pcap] or vdev:DPDK-STRING"

/* In the order of enum ethdev_kind first. */
static const char *const kind_names[] = {"pci",  "af_xdp", "memif",     "vhost", "virtio",
                                         "vdev", "tap",    "af_packet", "pcap"};
enum { KIND_TAP = ETHDEV_VDEV + 1, KIND_PACKET, KIND_PCAP, KINDS };
_Static_assert(RTE_DIM(kind_names) == KINDS, "a name per kind");

struct netdev *netdev_refuse(struct netdev_refusal *r, int err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, r->size, fmt, ap);
    va_end(ap);
    r->err = err;
    return NULL;
}

void netdev_list_interfaces(char *buf, size_t size)
{
    struct if_nameindex *list = if_nameindex();
    size_t used = 0;

    snprintf(buf, size, "none");
    for (struct if_nameindex *i = list; i != NULL && i->if_index != 0 && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", used == 0 ? "" : ", ", i->if_name);
    if (list != NULL)
        if_freenameindex(list);
}

bool netdev_iface_name_ok(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len < IFNAMSIZ && strpbrk(name, "/ \t\n:%") == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* The kind and what follows its colon; KINDS when there is no such kind. */
static unsigned dev_split(const char *dev, const char **arg)
{
    const char *colon = strchr(dev, ':');
    if (colon == NULL)
        return KINDS;
    *arg = colon + 1;
    for (unsigned k = 0; k < KINDS; k++)
        if (strlen(kind_names[k]) == (size_t)(colon - dev) &&
            memcmp(kind_names[k], dev, (size_t)(colon - dev)) == 0)
            return k;
    return KINDS;
}

int netdev_dev_check(const char *dev, char *why, size_t size)
{
    const char *arg = NULL, *rest;
    char address[PCI_ADDRESS];
    unsigned kind = dev_split(dev, &arg);

    if (kind == KINDS) {
        snprintf(why, size, "'%s' is no kind of wire; must be " DEV_KINDS, dev);
        return -EINVAL;
    }
    if (*arg == '\0') {
        snprintf(why, size, "'%s' lacks what follows the colon; must be " DEV_KINDS, dev);
        return -EINVAL;
    }
    if ((kind == KIND_TAP || kind == KIND_PACKET || kind == ETHDEV_XDP) && !netdev_iface_name_ok(arg)) {
        snprintf(
            why, size,
            "'%s': the name of an interface has 1 to 15 characters, without slash, colon, percent or space",
            dev);
        return -EINVAL;
    }
    if (kind == ETHDEV_PCI && !pci_address(arg, address, &rest)) {
        snprintf(why, size, "'%s': the address of a PCI device is written as 0000:03:00.0", dev);
        return -EINVAL;
    }
    if (strlen(dev) >= sizeof(((struct netdev *)NULL)->name) * 4) {
        snprintf(why, size, "'%.40s...' is longer than %zu characters", dev,
                 sizeof(((struct netdev *)NULL)->name) * 4 - 1);
        return -EINVAL;
    }
    return 0;
}

const char *netdev_dev_pci(const char *dev)
{
    const char *arg;
    return dev_split(dev, &arg) == ETHDEV_PCI ? arg : NULL;
}

int netdev_dev_claim(const char *dev, bool hugepages, uint32_t need_mb, char *why, size_t size, int *err)
{
    struct netdev_refusal r = {.why = why, .size = size, .err = 0};
    const struct pci_memory mem = {.hugepages = hugepages, .need_mb = need_mb};
    const char *arg, *rest;
    char address[PCI_ADDRESS];
    int fd = -1;

    if (dev_split(dev, &arg) == ETHDEV_PCI && pci_address(arg, address, &rest))
        fd = pci_claim(address, &mem, &r);
    *err = r.err;
    return fd;
}

static struct netdev *dev_open_kind(unsigned kind, const char *arg, const struct netdev_config *cfg,
                                    struct netdev_refusal *r)
{
    switch (kind) {
    case KIND_TAP:
        return netdev_tap_open(arg, cfg, r);
    case KIND_PACKET:
        return netdev_packet_open(arg, cfg, r);
    case KIND_PCAP:
        return netdev_pcap_open(arg, cfg, r);
    default:
        return netdev_ethdev_open((enum ethdev_kind)kind, arg, cfg, r);
    }
}

/* A wire that is to be made worse carries bytes, so its device is opened without offloads. */
static struct netdev *dev_open_impaired(unsigned kind, const char *arg, const struct netdev_config *cfg,
                                        struct netdev_refusal *r)
{
    struct tunables plain = *cfg->tun;
    struct netdev_config inner_cfg = *cfg;

    plain.offload = 0;
    inner_cfg.tun = &plain;
    struct netdev *inner = dev_open_kind(kind, arg, &inner_cfg, r);
    if (inner == NULL)
        return NULL;
    struct netdev *d = netdev_impair_create(inner, cfg->impair);
    if (d == NULL) {
        netdev_close(inner);
        return netdev_refuse(r, -ENOMEM, "impair: out of memory");
    }
    return d;
}

static struct netdev *dev_share(struct netdev *inner, uint16_t workers, struct netdev_refusal *r)
{
    struct netdev *d = netdev_share_create(inner, workers);
    if (d != NULL)
        return d;
    netdev_close(inner);
    return netdev_refuse(r, -ENOMEM, "no memory or descriptors for %u workers", workers);
}

struct netdev *netdev_open(const char *dev, const struct netdev_config *cfg, char *why, size_t size, int *err)
{
    struct netdev_refusal r = {.why = why, .size = size, .err = -EINVAL};
    const char *arg = NULL;

    *err = netdev_dev_check(dev, why, size);
    if (*err != 0)
        return NULL;
    unsigned kind = dev_split(dev, &arg);
    struct netdev *d =
        cfg->impair != NULL ? dev_open_impaired(kind, arg, cfg, &r) : dev_open_kind(kind, arg, cfg, &r);
    if (d != NULL && d->caps.queues < cfg->queues)
        d = dev_share(d, cfg->queues, &r);
    *err = d == NULL ? r.err : 0;
    if (d != NULL)
        snprintf(d->name, sizeof(d->name), "%s", dev);
    return d;
}
