/* SPDX-License-Identifier: BSD-3-Clause */
/* Which --dev kinds would work, here and for this user. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/doctor.h"

#define SECTION "wires (--dev)"

/* A reason against the kind: the first one found is told. */
static struct finding *refuse(struct report *r, const char *kind, const char *why)
{
    struct finding *f = report_add(r, SECTION, kind, VERDICT_NO);

    finding_says(f, "%s", why);
    return f;
}

static void works(struct report *r, const char *kind, const char *why, const char *next)
{
    struct finding *f = report_add(r, SECTION, kind, VERDICT_OK);

    finding_says(f, "%s", why);
    finding_next(f, "%s", next);
}

static bool driver_refused(struct report *r, const char *kind, const char *pmd)
{
    if (pmd_installed(pmd))
        return false;
    struct finding *f = refuse(r, kind, "DPDK's driver is not installed");
    finding_next(f, "sudo apt-get install librte-meta-allpmds");
    return true;
}

static void pci_examine(const struct machine *m, struct report *r)
{
    struct finding *f;

    if (m->nics == 0) {
        refuse(r, "pci:ADDR", "no network device on PCI");
    } else if (m->dpdk_nics == 0) {
        refuse(r, "pci:ADDR", "no device is bound to a driver that hands it over: see nics above");
    } else if (m->free_hugepages == 0) {
        f = refuse(r, "pci:ADDR",
                   "a device reads and writes hugepages only, and none is free: see hugepages above");
        finding_next(f, "echo 512 | %stee /proc/sys/vm/nr_hugepages", m->sudo);
    } else {
        f = report_add(r, SECTION, "pci:ADDR", VERDICT_OK);
        finding_says(f, "%u device%s", m->dpdk_nics, m->dpdk_nics == 1 ? "" : "s");
    }
}

static void tap_examine(const struct machine *m, struct report *r)
{
    struct finding *f;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        f = refuse(r, "tap:NAME", "there is no /dev/net/tun");
        finding_next(f, "%smodprobe tun", m->sudo);
    } else if (fd < 0) {
        f = refuse(r, "tap:NAME", "this user may not open /dev/net/tun");
        finding_next(f, "sudo chmod 666 /dev/net/tun");
    } else if (!m->net_admin) {
        f = report_add(r, SECTION, "tap:NAME", VERDICT_NOTE);
        finding_says(f, "only an interface made for this user beforehand (no CAP_NET_ADMIN)");
        finding_next(
            f, "sudo ip tuntap add plx0 mode tap user $USER && sudo ip addr add 10.9.0.1/24 dev plx0 && "
               "sudo ip link set plx0 up");
    } else {
        works(r, "tap:NAME", "an interface towards this kernel", "plx-echo --dev tap:plx0 --ip 10.9.0.2/24");
    }
    if (fd >= 0)
        close(fd);
}

static void af_packet_examine(const struct machine *m, struct report *r)
{
    char next[128];
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    snprintf(next, sizeof(next), "%splx-echo --dev af_packet:IFACE --ip ADDR/PREFIX",
             m->net_raw ? "" : "sudo ");
    if (fd >= 0) {
        close(fd);
        works(r, "af_packet:IFACE", "any interface of the kernel, a veth best", next);
    } else if (errno == EPERM || errno == EACCES) {
        finding_next(refuse(r, "af_packet:IFACE", "takes CAP_NET_RAW"), "%s", next);
    } else {
        refuse(r, "af_packet:IFACE", "this kernel has no packet sockets");
    }
}

static void af_xdp_examine(const struct machine *m, struct report *r)
{
    char next[128];

    if (driver_refused(r, "af_xdp:IFACE", "af_xdp"))
        return;
    snprintf(next, sizeof(next), "%splx-echo --dev af_xdp:IFACE --ip ADDR/PREFIX",
             m->bpf && m->net_admin ? "" : "sudo ");
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    int err = errno;
    if (fd >= 0)
        close(fd);
    if (fd < 0 && err != EPERM && err != EACCES)
        refuse(r, "af_xdp:IFACE", "this kernel has no AF_XDP sockets");
    else if (fd < 0 || !m->net_admin || !m->net_raw || !m->bpf)
        finding_next(refuse(r, "af_xdp:IFACE", "takes CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF"), "%s", next);
    else
        works(r, "af_xdp:IFACE", "any interface of the kernel, MTU up to 3498", next);
}

static void shared_memory_examine(struct report *r)
{
    if (!driver_refused(r, "memif:PATH", "memif"))
        works(r, "memif:PATH",
              "between two programs, no privileges; a dying client may crash the server in the driver",
              "plx-echo --dev memif:/tmp/wire.sock,server --ip 10.9.0.2/24");
    if (!driver_refused(r, "vhost:PATH", "vhost"))
        works(r, "vhost:PATH", "server between two programs, no privileges; survives the other side's death",
              "plx-echo --dev vhost:/tmp/wire.sock --ip 10.9.0.2/24");
    if (!driver_refused(r, "virtio:PATH", "virtio"))
        works(r, "virtio:PATH", "client of vhost:PATH, or of a virtual machine's switch",
              "plx-nc --dev virtio:/tmp/wire.sock --ip 10.9.0.1/24 10.9.0.2 7");
}

void wires_examine(const struct machine *m, struct report *r)
{
    pci_examine(m, r);
    tap_examine(m, r);
    af_packet_examine(m, r);
    af_xdp_examine(m, r);
    shared_memory_examine(r);
    works(r, "pcap:IN[,OUT]", "captures as a wire", "plx-echo --dev pcap:in.pcap,out.pcap --ip 10.9.0.2/24");
    works(r, "vdev:STRING", "any other driver of DPDK, as its own documentation says",
          "plx-echo --dev vdev:net_null0 --ip 10.9.0.2/24");
}
