# SPDX-License-Identifier: BSD-3-Clause
"""The cases: our programs on the bound NIC against the kernel on the other one."""

import hashlib
import os
import re
import signal
import subprocess
import threading
import time

import guest
from guest import NIC, PEER, STACK, US, Program, check, say, sh
from guest_refusals import BEFORE, NUMA, REFUSALS, REFUSALS_IOMMU, case_uio_reset

KERNEL_ADDRESS = "10.9.0.3/24"


# ---- scripts/nic ----

def case_nic_bind(bench):
    """An address and a route are on the interface; bind takes it, the driver link says so."""
    if "host" not in bench.opts:
        dev = guest.netdev_of(NIC)
        sh("ip", "link", "set", dev, "up")
        sh("ip", "addr", "add", KERNEL_ADDRESS, "dev", dev)
        sh("ip", "route", "add", "10.8.0.0/16", "via", PEER, "metric", "77")
        sh("ip", "addr", "add", "fd00:9::3/64", "dev", dev, "nodad")
        sh("ip", "-6", "route", "add", "fd00:8::/64", "via", "fd00:9::1")
    check("driver" in guest.nic_ok("status").lower(), "status has no heading")
    args = ["bind", NIC, "--hugepages", str(guest.HUGEPAGES)]
    if bench.driver != "vfio-pci":
        guest.nic_refuses(["IOMMU", "uio_pci_generic"], *args)  # it does not choose what is unsafe by itself
        args += ["--driver", bench.driver]
    text = guest.nic_ok(*args)
    check(guest.driver_of(NIC) == bench.driver, "driver is %s: %s" % (guest.driver_of(NIC), text))
    check(os.path.ismount("/dev/hugepages"), "no hugetlbfs: " + text)
    reset = "/sys/bus/pci/devices/%s/reset_method" % NIC
    if bench.driver == "vfio-pci" and "bus" in guest.read(reset).split():
        guest.write(reset, "bus")  # which the kernel would try last, but power management resets nothing in QEMU
    check("--dev pci:" + NIC in guest.nic_ok("status"), "status does not say how to use it")


def case_nic_unbind(bench):
    """The kernel has it back as it was, and it works."""
    bench.stop()
    kernel_driver = bench.opts["kernel_driver"]
    text = guest.nic_ok("unbind", NIC)
    check(guest.driver_of(NIC) == kernel_driver, "driver is %s: %s" % (guest.driver_of(NIC), text))
    dev = guest.netdev_of(NIC)
    check(dev is not None, "no interface after " + text)
    module = bench.driver.replace("-", "_")
    check(not os.path.exists("/sys/module/" + module), "its module stays loaded: " + text)
    check(not os.path.ismount("/dev/hugepages"), "what it mounted stays: " + text)
    if "host" in bench.opts:
        return
    addresses = sh("ip", "-o", "addr", "show", "dev", dev).stdout
    check(KERNEL_ADDRESS in addresses, "the address is gone: " + addresses)
    routes = sh("ip", "route").stdout + sh("ip", "-6", "route").stdout
    check(re.search(r"10\.8\.0\.0/16 .*metric 77", routes) and "fd00:8::/64 via fd00:9::1" in routes,
          "routes are gone: " + routes)
    end = time.monotonic() + 30
    while sh("ping", "-c", "1", "-W", "1", PEER).returncode != 0:
        check(time.monotonic() < end, "the kernel's interface is up, but reaches nobody")
    guest.nic_ok("unbind", NIC)  # again: says that there is nothing to do


# ---- traffic ----

def case_start(bench):
    bench.start()
    say("note " + bench.echo.output().strip().split("\n")[0])


def case_ping(bench):
    bench.peer.ping(10)  # interrupts that never come are found out meanwhile
    got, times = bench.peer.ping(50, 1000)
    check(got >= 50, "%d of 50 answers" % got)
    say("note round trips of %.1f to %.1f ms, median %.1f" % (times[0], times[-1], times[len(times) // 2]))
    check(times[len(times) // 2] < 40, "most round trips take longer than 40 ms: it sleeps through packets: %s" % times)
    got, _ = bench.peer.ping(3, 8000)
    check(got >= 3, "%d of 3 answers to what comes in fragments" % got)


def case_udp(bench):
    bench.peer.udp([0, 1, 512, 1472, 1473, 8192, 30000, 65507])


def case_tcp_16_MiB(bench):
    bench.peer.tcp_echo(16 << 20)


def case_tcp_200_in_a_row(bench):
    bench.peer.tcp_in_a_row(200)


def case_tcp_50_at_once(bench):
    bench.peer.tcp_at_once(50)


def case_checksums(bench):
    """What the kernel on the other side found wrong in all of the above."""
    bad = {k: n for k, n in bench.peer.bad_sums().items() if n}
    check(not bad, "the kernel found wrong checksums: %s" % bad)


def mac_of(bench):
    return re.search(r"mac ([0-9a-f:]{17})", bench.echo.output()).group(1)


def case_wrong_checksums(bench):
    """Whatever the device says of them: no answer, and counted; the counts show in the summary, see sigterm."""
    bench.peer.wrong_checksums(mac_of(bench))
    bench.wrong_sent = True
    check(bench.peer.ping(1)[0] == 1, "no answer afterwards")


def case_vlan(bench):
    """Tagged frames: no answer, and counted; the count shows in the summary, see sigterm. A virtio device
    filters them out itself (VIRTIO_NET_F_CTRL_VLAN)."""
    bench.peer.vlan(mac_of(bench), 5)
    bench.vlan_sent = 0 if bench.opts["kernel_driver"] == "virtio-pci" else 5
    check(bench.peer.ping(1)[0] == 1, "no answer afterwards")


def case_idle_sleeps(bench):
    """An idle worker sleeps: until an interrupt where the device has them, else in naps of up to 1 ms."""
    time.sleep(1)
    sleeps = bench.echo.sleeps(3)
    check(sleeps > 10, "slept %d times in 3 s: it spins" % sleeps)
    check(sleeps < 6000, "slept %d times in 3 s" % sleeps)
    if bench.driver == "vfio-pci" and bench.opts["kernel_driver"] == "virtio-pci":
        check(sleeps < 300, "slept %d times in 3 s: its interrupts are not used" % sleeps)
    say("note idle: slept %d times in 3 s, %s" % (sleeps, "woken by interrupts" if sleeps < 300 else "in naps"))


def case_link_down_and_up(bench):
    bench.peer.watch_announcement()
    bench.peer.hold(1)
    guest.host("set_link na off")
    bench.echo.wait_for("link down", 20)
    bench.peer.held_say("into the dark")
    guest.host("set_link na on")
    bench.echo.wait_for("link up", 20)
    bench.peer.announcement_seen()
    bench.peer.held_hear("into the dark")
    bench.peer.held_close()
    bench.reach()
    bench.peer.tcp_echo(1 << 20)


def case_sigterm(bench):
    bench.peer.hold(20)
    started = time.monotonic()
    echo = bench.echo
    check(bench.stop(signal.SIGTERM) == 0, "exit status %s: %s" % (echo.p.returncode, echo.output()[-600:]))
    check(time.monotonic() - started < 20, "took %.1f s to end" % (time.monotonic() - started))
    bench.peer.held_end()
    out = echo.output()
    drops = re.search(r"plx: drops: .*", out).group(0)
    if getattr(bench, "vlan_sent", 0):
        check("vlan %d" % bench.vlan_sent in drops, "tagged frames are not counted: " + drops)
    wrong = re.findall(r"(\w+)\.checksum (\d+)", drops)
    expected = [("ip", "1"), ("tcp", "1"), ("udp", "1")] if getattr(bench, "wrong_sent", False) else []
    check(sorted(wrong) == expected, "wrong checksums are counted as %s: %s" % (wrong, drops))


def case_sigkill_and_again(bench):
    bench.start()
    bench.stop(signal.SIGKILL)
    bench.start()
    bench.peer.tcp_echo(1 << 20)
    bench.stop()


FLOOD = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(bytes(300), (%r, 9))
    time.sleep(0.001)
"""


def case_killed_under_traffic(bench):
    """A killed program leaves the NIC receiving. vfio resets it before the next one has it, or frames that come
    meanwhile go where the old rings were: the IOMMU sees that, and the kernel reports it."""
    bench.start()
    mac = mac_of(bench)
    inside = ("ip", "-n", "peer")
    neighbour = (US, "lladdr", mac, "dev", bench.peer.interface())
    sh(*inside, "neigh", "replace", *neighbour, "nud", "permanent")
    flood = subprocess.Popen(["ip", "netns", "exec", "peer", "python3", "-c", FLOOD % US])
    try:
        for _ in range(3):
            bench.stop(signal.SIGKILL)
            bench.start()
    finally:
        flood.kill()
        flood.wait()
        sh(*inside, "neigh", "replace", *neighbour, "nud", "stale")
    bench.peer.tcp_echo(1 << 20)
    bench.stop()
    faults = re.findall(r"DMAR: \[DMA.*", sh("/bin/busybox", "dmesg").stdout)
    check(not faults, "the NIC reached for memory that it may not have: %s" % faults[:3])


def case_plx_nc_outwards(bench):
    """plx-nc opens to a kernel listener, 4 MiB, half-close both ways."""
    data = os.urandom(4 << 20)
    bench.peer.listen(9000, 1, "all there")
    nc = Program("/opt/plx-nc", *STACK, *bench.extra, PEER, "9000", stdin=subprocess.PIPE)
    threading.Thread(target=lambda: (nc.p.stdin.write(data), nc.p.stdin.close()), daemon=True).start()
    check(nc.wait(90) == 0, "plx-nc ended with %s: %s" % (nc.p.returncode, nc.output()[-600:]))
    got = bench.peer.listened()
    check(got == [len(data), hashlib.sha256(data).hexdigest()], "%d bytes, or the hash differs" % got[0])
    check("all there" in nc.output(), "the answer after half-close is missing")


def case_offload_off(bench):
    bench.start("--set", "offload=off")
    bench.peer.udp([1, 1472, 8192])
    bench.peer.tcp_echo(1 << 20)
    bench.stop()
    case_checksums(bench)


def case_link_down_at_start(bench):
    guest.host("set_link na off")
    bench.echo = Program(*bench.command())
    time.sleep(3)
    check(bench.echo.p.poll() is None, "ended: " + bench.echo.output()[-600:])
    guest.host("set_link na on")
    bench.echo.wait_for("plx: ready")
    bench.reach()
    bench.stop()


def case_long_frames_take_long_buffers(bench):
    """A device that puts a frame into one buffer: refused with what to do, and done from then on."""
    longer = ["--set", "rx_buf=%d" % (bench.mtu + 18)]
    guest.refused([NIC, "--mtu is %d" % bench.mtu, " ".join(longer)], *bench.command())
    bench.extra += longer


# ---- several workers ----

def workers_of(out):
    """[(accepted, opened, received, handed over, sent)] from a summary."""
    found = re.findall(r"plx: worker \d+: connections: (\d+) accepted, (\d+) opened; packets: (\d+) received, "
                       r"(\d+) handed over, (\d+) sent", out)
    check(found, "no line for each worker: " + out[-600:])
    return [tuple(map(int, row)) for row in found]


def serve_with_two(bench):
    """Rows of the two workers after traffic of every kind."""
    bench.start("--workers", "2")
    echo = bench.echo
    try:
        check(bench.peer.ping(20, 1000)[0] >= 20, "pings are lost")
        bench.peer.udp([1, 1472, 8192, 65507])
        bench.peer.tcp_at_once(64)
        bench.peer.tcp_echo(4 << 20)
    except guest.Failure:
        bench.stop()
        say("note " + echo.output())  # which worker's packets are missing?
        raise
    check(bench.stop() == 0, "exit status %s: %s" % (echo.p.returncode, echo.output()[-600:]))
    rows = workers_of(echo.output())
    say("note workers (accepted, opened, received, handed over, sent): %s" % rows)
    check(len(rows) == 2 and all(accepted >= 16 for accepted, *_ in rows), "connections are not spread: %s" % rows)
    return echo.output(), rows


def open_with_two(bench):
    bench.peer.listen(9001, 80, "yes")
    opener = Program("/opt/opener", *STACK, *bench.extra, "--workers", "2", PEER, "9001", "40")
    check(opener.wait(90) == 0, "opener ended with %s: %s" % (opener.p.returncode, opener.output()[-600:]))
    bench.peer.listened()
    rows = workers_of(opener.output())
    say("note opening (accepted, opened, received, handed over, sent): %s" % rows)
    check([opened for _, opened, *_ in rows] == [40, 40], "not opened by both: %s" % rows)
    return rows


def case_two_workers_by_rings(bench):
    """The device brings everything to one worker, which hands over; said at the start. (vmxnet3, as QEMU has it,
    promises RSS and takes key and table, but does not do it.)"""
    out, rows = serve_with_two(bench)
    if bench.opts["kernel_driver"] != "vmxnet3":
        check("rings" in out, "not said at the start: " + out[:600])
    check(rows[1][2] == 0, "worker 1 received packets from the device: %s" % rows)
    check(rows[0][3] > 100, "nothing was handed over: %s" % rows)
    open_with_two(bench)


def case_two_workers_by_RSS(bench):
    """The device brings packets to their owners: hardly anything is handed over but what all have to see."""
    out, rows = serve_with_two(bench)
    check("rings" not in out, "the device is not trusted to spread: " + out[:600])
    for accepted, _, received, handed, _ in rows:
        check(received > 50 * (accepted > 0), "a worker received nothing: %s" % rows)
        check(handed < received // 10 + 10, "handed over, though the device spreads: %s" % rows)
    rows = open_with_two(bench)
    for _, _, received, handed, _ in rows:
        check(handed < received // 10 + 10, "answers come to the wrong worker: %s" % rows)


# ---- which ----

BASIC = [case_nic_bind, case_start, case_ping, case_udp, case_tcp_16_MiB, case_tcp_200_in_a_row,
         case_tcp_50_at_once, case_checksums, case_wrong_checksums, case_vlan, case_idle_sleeps, case_link_down_and_up, case_sigterm,
         case_sigkill_and_again, case_plx_nc_outwards, case_link_down_at_start]
SHORT = [case_nic_bind, case_start, case_ping, case_udp, case_tcp_16_MiB, case_checksums, case_sigterm,
         case_plx_nc_outwards]

SETS = {
    "basic": [*BASIC, case_nic_unbind],
    "rings": [*BASIC, case_two_workers_by_rings, case_offload_off, case_nic_unbind],
    "refusals": [*BEFORE, *BASIC, case_offload_off, *REFUSALS, case_nic_unbind],
    "iommu": [*BASIC, case_killed_under_traffic, *REFUSALS_IOMMU, case_nic_unbind],
    "uio_reset": [*BASIC, case_uio_reset, case_nic_unbind],
    "mtu": [*SHORT, case_nic_unbind],
    "mtu_in_one_buffer": [*SHORT[:1], case_long_frames_take_long_buffers, *SHORT[1:], case_nic_unbind],
    "numa": [case_nic_bind, *NUMA, case_nic_unbind],
    "rss": [*BASIC, case_offload_off, case_two_workers_by_RSS, case_nic_unbind],
}


def tidy(bench):
    try:
        bench.stop()
    except guest.Failure as e:
        say("note %s" % e)


def run(bench):
    cases = SETS[bench.opts["set"]]
    for i, case in enumerate(cases):
        needs_echo = case_start in cases[:i] and case_sigterm not in cases[:i]
        if needs_echo and bench.echo is None:
            guest.run_case(case_start, bench)
        if not guest.run_case(case, bench) and case is case_nic_bind:
            return
        if not needs_echo and case is not case_start:
            tidy(bench)
