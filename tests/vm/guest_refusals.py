# SPDX-License-Identifier: BSD-3-Clause
"""What cannot be had: each refusal names the cause and what to do next, and harms nobody."""

import json
import mmap
import os
import signal
import socket
import time

import guest
from guest import HUGEPAGES, NIC, PEER, US, Program, check, nic_refuses, refused, sh

BRIDGE = "0000:00:00.0"  # is there, and is no network device
NOBODY = "0000:00:1e.7"
USER = 1000
GROUP_MATES = ("0000:03:01.0", "0000:03:02.0")  # behind one bridge, one IOMMU group
MATE_DRIVER = "e1000"
RCTL, RCTL_EN = 0x100, 2


def doctor():
    r = sh("/opt/plx-doctor")
    check(r.returncode == 0, "plx-doctor ended with %d: %s" % (r.returncode, r.stderr))
    return r.stdout


def doctor_on(pci):
    """What it says of one NIC, with the command to run next."""
    lines = doctor().split("\n")
    at = [i for i, line in enumerate(lines) if pci in line]
    check(at, "plx-doctor does not know %s" % pci)
    return "\n".join(lines[at[0]:at[0] + 2])


def says(text, *words):
    for word in words:
        check(word in text, "does not say %r: %s" % (word, text))


# ---- before the NIC is taken from the kernel ----

def case_nic_refuses_the_way_out(bench):
    """The interface that the default route or an ssh session uses stays the kernel's."""
    dev = guest.netdev_of(NIC)
    sh("ip", "link", "set", dev, "up")
    sh("ip", "addr", "add", "10.9.0.3/24", "dev", dev)
    sh("ip", "route", "add", "default", "via", PEER)
    bind = ["bind", NIC, "--driver", "uio_pci_generic"]
    nic_refuses(["default route", "--force"], *bind)
    says(guest.nic_ok("status"), "default route")
    sh("ip", "route", "del", "default")
    sh("ip", "link", "add", "above", "link", dev, "type", "macvlan")
    sh("ip", "addr", "add", "10.9.1.3/24", "dev", "above")
    sh("ip", "link", "set", "above", "up")
    sh("ip", "route", "add", "default", "via", "10.9.1.1")
    nic_refuses(["default route", "--force"], *bind)  # by an interface on top of it
    sh("ip", "link", "del", "above")
    server = socket.create_server(("10.9.0.3", 22))
    bench.peer.hold_to("10.9.0.3", 22)
    session, _ = server.accept()
    nic_refuses(["ssh", "--force"], "bind", dev, "--driver", "uio_pci_generic")
    says(guest.nic_ok(*bind, "--force", "--dry-run"), "would bind")
    bench.peer.held_close()
    session.close()
    server.close()
    check(guest.driver_of(NIC) == bench.opts["kernel_driver"], "a refused NIC was taken: %s" % guest.driver_of(NIC))
    sh("ip", "addr", "flush", "dev", dev)
    time.sleep(0.2)


def case_nic_wrong_words(bench):
    nic_refuses(["no such", NIC], "bind", NOBODY)
    nic_refuses(["not a network device"], "bind", BRIDGE)
    nic_refuses(["neither", "interfaces"], "bind", "eth99")
    nic_refuses(["--driver", "vfio-pci"], "bind", NIC, "--driver", "e1000")
    nic_refuses(["IOMMU"], "bind", NIC, "--driver", "vfio-pci")
    check(sh("python3", "/opt/nic", "bind", NIC, user=USER).returncode != 0, "an ordinary user may bind")
    says(guest.nic_ok("unbind", NIC), "already")


def case_bound_to_the_kernel(bench):
    driver = bench.opts["kernel_driver"]
    refused([NIC, driver, "scripts/nic bind " + NIC], *bench.command())
    says(doctor_on(NIC), driver, "scripts/nic bind " + NIC, "uio_pci_generic")


# ---- with the NIC bound ----

def case_wrong_addresses(bench):
    def with_dev(dev):
        return ["/opt/plx-echo", "--dev", dev, "--ip", US + "/24"]
    refused([NOBODY, "no such device", NIC], *with_dev("pci:" + NOBODY))
    refused([BRIDGE, "no network device", NIC], *with_dev("pci:" + BRIDGE))
    p = Program(*with_dev("pci:00:99.9"))
    check(p.wait() == 2 and "0000:03:00.0" in p.output(), "ended with %s: %s" % (p.p.returncode, p.output()))


def case_second_process(bench):
    """It is refused before it has touched the NIC, and the first goes on."""
    bench.start()
    downs = bench.echo.output().count("link down")  # some come up late
    bench.peer.hold(5)
    who = "another process, %d (plx-echo)" % bench.echo.p.pid
    refused([NIC, who], *bench.command())
    refused([NIC, who], "/opt/plx-nc", *guest.STACK, PEER, "9000")
    bench.peer.tcp_echo(1 << 20)
    says(doctor_on(NIC), "in use by process %d (plx-echo)" % bench.echo.p.pid)
    check(bench.echo.output().count("link down") == downs, "its link was taken away: " + bench.echo.output()[-300:])
    bench.stop()
    bench.peer.held_end()


def case_no_permission(bench):
    refused([NIC, "root"], *bench.command(), user=USER)


def case_hugepages_absent_or_too_few(bench):
    try:
        for pages in (0, 20):
            guest.set_hugepages(pages)
            refused([NIC, "hugepages", "nr_hugepages"], *bench.command())
        guest.set_hugepages(0)
        says(doctor(), "hugepages", "nr_hugepages")
    finally:
        guest.set_hugepages(HUGEPAGES)
    bench.start()
    bench.stop()


def case_no_driver_at_all(bench):
    """As after a bind that failed half way: the device has no driver."""
    driver = guest.driver_of(NIC)
    guest.write("/sys/bus/pci/drivers/%s/unbind" % driver, NIC)
    refused([NIC, "no driver", "scripts/nic bind"], *bench.command())
    says(doctor_on(NIC), "driver none")
    guest.nic_ok("bind", NIC, "--driver", driver)
    bench.start()
    bench.stop()


def case_nic_state_older_or_damaged(bench):
    """What an older version remembered is restored; what nobody can read is refused, and nothing is touched. (The next
    case binds it again: each takes long here.)"""
    path = "/run/pollux/nic-%s.json" % NIC
    written = guest.read(path)
    for text in (written[:len(written) // 2], "[]"):
        guest.write(path, text)
        nic_refuses(["damaged", path, "dpdk-devbind.py"], "unbind", NIC)
        says(guest.nic_ok("status"), "damaged")
    check(guest.driver_of(NIC) == bench.driver, "driver is %s" % guest.driver_of(NIC))
    older = json.loads(written)
    for interface in older["interfaces"].values():
        interface["routes"] = [{"dst": r["dst"], "gateway": r["gateway"]} for r in interface["routes"] if ":" not in r["dst"]]
    guest.write(path, json.dumps(older))
    guest.nic_ok("unbind", NIC)
    check(guest.driver_of(NIC) == bench.opts["kernel_driver"], "driver is %s" % guest.driver_of(NIC))
    routes = sh("ip", "route").stdout
    check("10.8.0.0/16 via " + PEER in routes, "its route is gone: " + routes)
    sh("ip", "route", "replace", "10.8.0.0/16", "via", PEER, "metric", "77")  # as the last case wants them
    sh("ip", "-6", "route", "replace", "fd00:8::/64", "via", "fd00:9::1")


def case_nic_failed_bind_is_undone(bench):
    """A driver that will not have the device: the kernel gets it back, with its address."""
    kernel_driver = bench.opts["kernel_driver"]
    guest.nic_ok("unbind", NIC)
    dev = guest.netdev_of(NIC)
    os.makedirs("/tmp/bin", exist_ok=True)
    guest.write("/tmp/bin/dpdk-devbind.py",
                "#!/bin/sh\ncase \"$*\" in *%s*) exec /usr/bin/dpdk-devbind.py \"$@\";; esac\n"
                "echo %s >/sys/bus/pci/devices/%s/driver/unbind\n" % (kernel_driver, NIC, NIC))
    os.chmod("/tmp/bin/dpdk-devbind.py", 0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = "/tmp/bin:" + path
    try:
        nic_refuses(["failed", "undone", kernel_driver], "bind", NIC, "--driver", bench.driver)
    finally:
        os.environ["PATH"] = path
    check(guest.driver_of(NIC) == kernel_driver, "driver is %s" % guest.driver_of(NIC))
    check("10.9.0.3" in sh("ip", "-o", "addr", "show", "dev", guest.netdev_of(NIC) or dev).stdout, "its address is gone")
    guest.nic_ok("bind", NIC, "--driver", bench.driver)


# ---- with an IOMMU ----

def case_iommu_group_shared(bench):
    first, second = GROUP_MATES
    group = [os.path.basename(os.readlink("/sys/bus/pci/devices/%s/iommu_group" % p)) for p in GROUP_MATES]
    check(group[0] == group[1], "the machine has not the shared group that the case is about: %s" % group)
    nic_refuses([first, "IOMMU group", second], "bind", first)
    check(guest.driver_of(first) == MATE_DRIVER, "a refused NIC was taken")
    # Bound all the same, by hand: the program says it.
    sh("dpdk-devbind.py", "-b", "vfio-pci", first)
    check(guest.driver_of(first) == "vfio-pci", "devbind did not bind: the case cannot be made")
    refused([first, "IOMMU group", second], "/opt/plx-echo", "--dev", "pci:" + first, "--ip", "10.9.0.9/24")
    sh("dpdk-devbind.py", "-b", MATE_DRIVER, first)


def held_by_another(bench, path):
    """This process holds the NIC, which is no program of ours: they name it, and take the NIC once it is free."""
    who = "process, %d (%s)" % (os.getpid(), guest.read("/proc/self/comm"))
    says(doctor_on(NIC), "ready")
    fd = os.open(path, os.O_RDWR)
    try:
        refused([NIC, "another " + who, "kill %d" % os.getpid()], *bench.command())
        says(doctor_on(NIC), "in use by " + who.replace(",", ""), "kill %d" % os.getpid())
    finally:
        os.close(fd)
    says(doctor_on(NIC), "ready", "plx-echo --dev pci:" + NIC)


def case_someone_elses(bench):
    """vfio lets one process have the group."""
    held_by_another(bench, "/dev/vfio/" + os.path.basename(os.readlink("/sys/bus/pci/devices/%s/iommu_group" % NIC)))


def case_someone_elses_uio(bench):
    """uio would let both drive the NIC."""
    held_by_another(bench, "/dev/" + os.listdir("/sys/bus/pci/devices/%s/uio" % NIC)[0])


def receives():
    """Is the receiver of an e1000 on? RCTL, from the device itself."""
    with open("/sys/bus/pci/devices/%s/resource0" % NIC, "r+b") as f:
        with mmap.mmap(f.fileno(), 4096) as registers, memoryview(registers).cast("I") as words:
            return bool(words[RCTL // 4] & RCTL_EN)


def case_uio_reset(bench):
    """A killed program leaves its NIC receiving; the next one stops it before DPDK lets it at memory again."""
    guest.nic_ok("unbind", NIC)
    guest.nic_ok("bind", NIC, "--driver", "uio_pci_generic", "--hugepages", str(HUGEPAGES))
    guest.write("/sys/bus/pci/devices/%s/reset_method" % NIC, "bus")
    bench.start()
    bench.stop(signal.SIGKILL)
    check(receives(), "the case cannot be made: the killed program's NIC has stopped by itself")
    p = Program(*bench.command("--eal", "--no-such-option"))
    check(p.wait() != 0, "EAL took an option that it does not have")
    check(not receives(), "it still receives, into memory of a dead program: " + p.output())
    bench.start()
    bench.peer.tcp_echo(1 << 20)
    bench.stop()
    guest.nic_ok("unbind", NIC)
    guest.nic_ok("bind", NIC, "--driver", bench.driver, "--hugepages", str(HUGEPAGES))


def case_no_permission_for_the_group(bench):
    refused([NIC, "/dev/vfio/", "root"], *bench.command(), user=USER)


# ---- with two NUMA nodes ----

def case_numa_warning(bench):
    """The NIC is put on node 1 by hand; a program that may run elsewhere is warned, one that may not is not."""
    guest.write("/sys/bus/pci/devices/%s/numa_node" % NIC, 1)
    local = guest.read("/sys/bus/pci/devices/%s/local_cpulist" % NIC)
    check(local == "1", "processors of node 1: %r" % local)
    for cpus, warned in (("0", True), ("0,1", True), ("1", False)):
        bench.echo = Program("taskset", "-c", cpus, *bench.command())
        bench.reach()
        out = bench.echo.output()
        check(("NUMA node 1" in out) == warned, "on processors %s: %s" % (cpus, out[:800]))
        check(("taskset -c 1" in out) == warned, "names no next step: " + out[:800])
        bench.stop()


def case_numa_hugepages(bench):
    """Asked for hugepages, scripts/nic reserves them where the NIC is."""
    guest.set_hugepages(0)
    guest.nic_ok("unbind", NIC)
    guest.write("/sys/bus/pci/devices/%s/numa_node" % NIC, 1)
    guest.nic_ok("bind", NIC, "--driver", bench.driver, "--hugepages", "40")
    pages = [int(guest.read("/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages" % n))
             for n in (0, 1)]
    check(pages == [0, 40], "hugepages of the nodes: %s" % pages)
    guest.nic_ok("unbind", NIC)
    check(guest.read("/proc/sys/vm/nr_hugepages") == "0", "unbind leaves the hugepages that bind took")
    guest.nic_ok("bind", NIC, "--driver", bench.driver, "--hugepages", "40")


BEFORE = [case_nic_refuses_the_way_out, case_nic_wrong_words, case_bound_to_the_kernel]
REFUSALS = [case_wrong_addresses, case_second_process, case_someone_elses_uio, case_no_permission, case_hugepages_absent_or_too_few,
            case_no_driver_at_all, case_nic_state_older_or_damaged, case_nic_failed_bind_is_undone]
REFUSALS_IOMMU = [case_iommu_group_shared, case_no_permission_for_the_group, case_someone_elses, case_second_process,
                  case_hugepages_absent_or_too_few]
NUMA = [case_numa_warning, case_numa_hugepages]
