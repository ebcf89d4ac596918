# SPDX-License-Identifier: BSD-3-Clause
"""The cases: our programs on the bound NIC against the kernel on the other one."""

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time

import guest
from guest import NIC, PEER, US, Failure, Program, check, sh

STACK = ["--dev", "pci:" + NIC, "--ip", US + "/24"]
ECHO = ["/opt/plx-echo"] + STACK + ["--tcp", "7", "--udp", "7", "--mode", "epoll"]


class Bench:
    """The echo server that most cases talk to."""

    def __init__(self, extra):
        self.extra = extra
        self.echo = None

    def start(self, ready=True):
        self.echo = Program(*ECHO, *self.extra)
        if ready:
            self.echo.wait_for("plx: ready")
            self.reach()
        return self.echo

    def reach(self, timeout=20):
        """Emulated links take a moment to come up."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if sh("ping", "-c", "1", "-W", "1", US).returncode == 0:
                return
        raise Failure("no answer to ping within %d s: %s" % (timeout, self.echo.output()[-600:]))


def tcp_echo(total, timeout=120):
    """Sends and receives at once; the hashes have to agree."""
    data = os.urandom(1 << 20)
    sent, got = hashlib.sha256(), hashlib.sha256()
    s = socket.create_connection((US, 7), timeout=timeout)

    def push():
        for _ in range(total >> 20):
            s.sendall(data)
            sent.update(data)
        s.shutdown(socket.SHUT_WR)

    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    n = 0
    while True:
        chunk = s.recv(1 << 18)
        if not chunk:
            break
        got.update(chunk)
        n += len(chunk)
    pusher.join(timeout)
    s.close()
    check(n == total, "%d of %d bytes came back" % (n, total))
    check(sent.digest() == got.digest(), "hashes differ")


def case_ping(bench):
    r = sh("ping", "-c", "50", "-i", "0.02", "-s", "1000", US)
    check(" 0% packet loss" in r.stdout, r.stdout)
    r = sh("ping", "-c", "3", "-s", "8000", US)
    check(" 0% packet loss" in r.stdout, "fragmented: " + r.stdout)


def case_udp(bench):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    for size in (0, 1, 512, 1472, 1473, 8192, 30000, 65507):
        data = os.urandom(size)
        s.sendto(data, (US, 7))
        back, _ = s.recvfrom(65536)
        check(back == data, "%d bytes came back wrong" % size)


def case_tcp_bulk(bench):
    tcp_echo(16 << 20)


def case_tcp_in_a_row(bench):
    for i in range(200):
        s = socket.create_connection((US, 7), timeout=10)
        s.sendall(b"%d" % i)
        check(s.recv(16) == b"%d" % i, "connection %d" % i)
        s.close()


def case_tcp_at_once(bench):
    conns = [socket.create_connection((US, 7), timeout=20) for _ in range(50)]
    for i, s in enumerate(conns):
        s.sendall(bytes([i]) * 4096)
    for i, s in enumerate(conns):
        got = b""
        while len(got) < 4096:
            got += s.recv(4096)
        check(got == bytes([i]) * 4096, "connection %d" % i)
        s.close()


def case_link_flap(bench):
    guest.host("set_link na off")
    bench.echo.wait_for("link down", 20)
    guest.host("set_link na on")
    bench.echo.wait_for("link up", 20)
    bench.reach()
    tcp_echo(1 << 20)


def case_sigterm(bench):
    idle = [socket.create_connection((US, 7), timeout=10) for _ in range(20)]
    t = time.monotonic()
    check(bench.echo.end(signal.SIGTERM) == 0, "exit status %s: %s" % (bench.echo.p.returncode, bench.echo.output()[-400:]))
    check(time.monotonic() - t < 5, "took %.1f s to end" % (time.monotonic() - t))
    for s in idle:
        s.settimeout(5)
        try:
            check(s.recv(1) == b"", "data instead of FIN")
        except ConnectionResetError:
            pass
        s.close()


def case_sigkill_and_again(bench):
    bench.start()
    bench.echo.end(signal.SIGKILL)
    bench.start()
    tcp_echo(1 << 20)
    bench.echo.end()


def case_outwards(bench):
    """plx-nc opens to a kernel listener, 4 MiB, half-close both ways."""
    listener = socket.create_server((PEER, 9000))
    listener.settimeout(40)
    data = os.urandom(4 << 20)
    nc = Program("/opt/plx-nc", *STACK, *bench.extra, PEER, "9000", stdin=subprocess.PIPE)
    threading.Thread(target=lambda: (nc.p.stdin.write(data), nc.p.stdin.close()), daemon=True).start()
    s, _ = listener.accept()
    s.settimeout(60)
    got = hashlib.sha256()
    n = 0
    while True:
        chunk = s.recv(1 << 18)
        if not chunk:
            break
        got.update(chunk)
        n += len(chunk)
    s.sendall(b"all there")
    s.close()
    listener.close()
    check(n == len(data) and got.digest() == hashlib.sha256(data).digest(), "%d bytes, hash differs" % n)
    check(nc.p.wait(20) == 0, "plx-nc ended with %s: %s" % (nc.p.returncode, nc.output()[-400:]))
    check("all there" in nc.output(), "the answer after half-close is missing")


def case_link_down_at_start(bench):
    guest.host("set_link na off")
    bench.start(ready=False)
    time.sleep(3)
    check(bench.echo.p.poll() is None, "ended: " + bench.echo.output()[-400:])
    guest.host("set_link na on")
    bench.echo.wait_for("plx: ready")
    bench.reach()
    bench.echo.end()


def case_no_hugepages(bench):
    """A NIC needs memory it can reach: the program says so, or copes, but does not crash."""
    guest.set_hugepages(0)
    p = Program(*ECHO, *bench.extra)
    time.sleep(6)
    status = p.p.poll()
    out = p.output()
    if status is None:
        p.end()
        check("huge" in out, "nothing said about memory: " + out[-300:])
    else:
        check(status == 1 and "huge" in out, "exit %s: %s" % (status, out[-400:]))
    guest.set_hugepages(int(guest.options().get("hugepages", "160")))


def case_second_process(bench):
    bench.start()
    p = Program(*ECHO, *bench.extra)
    check(p.p.wait(30) == 1, "exit %s: %s" % (p.p.returncode, p.output()[-400:]))
    check(NIC in p.output(), "names no device: " + p.output()[-400:])
    tcp_echo(1 << 20)
    bench.echo.end()


def case_bound_to_kernel(bench):
    p = Program("/opt/plx-echo", "--dev", "pci:0000:00:11.0", "--ip", "10.9.0.3/24", "--tcp", "7")
    check(p.p.wait(30) == 1, "exit %s: %s" % (p.p.returncode, p.output()[-400:]))
    out = p.output()
    check("0000:00:11.0" in out and "bind" in out, "names no cause or no next step: " + out[-500:])


def case_no_such_device(bench):
    p = Program("/opt/plx-echo", "--dev", "pci:0000:00:1f.7", "--ip", "10.9.0.3/24", "--tcp", "7")
    check(p.p.wait(30) == 1, "exit %s: %s" % (p.p.returncode, p.output()[-400:]))
    check("0000:00:1f.7" in p.output(), p.output()[-400:])


def case_doctor(bench):
    r = sh("/opt/plx-doctor")
    check(r.returncode == 0, "exit %d: %s" % (r.returncode, r.stderr))
    check(NIC in r.stdout and "0000:00:11.0" in r.stdout, "a NIC is missing: " + r.stdout)


def case_back_to_the_kernel(bench):
    kernel_driver = guest.options()["kernel_driver"]
    guest.bind(NIC, kernel_driver)
    end = time.monotonic() + 10
    while guest.netdev_of(NIC) is None and time.monotonic() < end:
        time.sleep(0.2)
    dev = guest.netdev_of(NIC)
    check(dev is not None, "no netdev after binding to " + kernel_driver)
    check(sh("ip", "link", "set", dev, "up").returncode == 0, "cannot set %s up" % dev)


def run(opts):
    peer = guest.netdev_of("0000:00:11.0")
    mtu = opts.get("mtu", "1500")
    sh("ip", "link", "set", peer, "mtu", mtu)
    sh("ip", "addr", "add", PEER + "/24", "dev", peer)
    sh("ip", "link", "set", peer, "up")
    guest.set_hugepages(int(opts.get("hugepages", "160")))
    sh("mount", "-t", "hugetlbfs", "nodev", "/dev/hugepages")
    bench = Bench(["--mtu", mtu] if mtu != "1500" else [])
    if not guest.run_case("bind to " + opts["driver"], guest.bind, NIC, opts["driver"]):
        return
    if not guest.run_case("start", bench.start):
        return
    for case in (case_ping, case_udp, case_tcp_bulk, case_tcp_in_a_row, case_tcp_at_once, case_link_flap,
                 case_sigterm, case_sigkill_and_again, case_outwards, case_link_down_at_start, case_second_process,
                 case_bound_to_kernel, case_no_such_device, case_doctor, case_no_hugepages, case_back_to_the_kernel):
        guest.run_case(case.__name__[5:].replace("_", " "), case, bench)
        if bench.echo is not None and bench.echo.p.poll() is not None and case in (
                case_ping, case_udp, case_tcp_bulk, case_tcp_in_a_row, case_tcp_at_once, case_link_flap):
            guest.say("note echo server is gone: " + bench.echo.output()[-500:])
            bench.start()
