# SPDX-License-Identifier: BSD-3-Clause
"""Boots a small VM for each NIC and driver and reports its cases as test lines.

    tests/vm/run.py [--build DIR] [--all] [--list] [-v] [NAME ...]
"""

import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time

import image
from machines import MACHINES

TOP = os.path.dirname(os.path.dirname(image.HERE))
LIMIT = 600  # seconds for one machine, all cases
TAP = "vmtap"
US, PEER = "10.9.0.2", "10.9.0.1"


def monitor_command(path, command):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(path)
        s.recv(4096)
        s.sendall(command.encode() + b"\n")
        time.sleep(0.3)
        s.recv(4096)


class HostSide:
    """The other side of a NIC whose wire is a TAP: a namespace with that TAP, and traffic.py in it."""

    def __init__(self, mtu):
        self.ns = "plxvm%d" % os.getpid()
        self.traffic = None
        self.run("ip", "netns", "add", self.ns)
        try:
            inside = ("ip", "-n", self.ns)
            self.run(*inside, "tuntap", "add", "dev", TAP, "mode", "tap", "multi_queue", "vnet_hdr")
            self.run(*inside, "link", "set", "lo", "up")
            self.run(*inside, "link", "set", TAP, "mtu", str(mtu), "up")
            self.run(*inside, "addr", "add", PEER + "/24", "dev", TAP)
            self.traffic = subprocess.Popen([*self.enter(), sys.executable, os.path.join(image.HERE, "traffic.py"), US,
                                             PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def run(*args):
        subprocess.run(args, check=True, capture_output=True)

    def enter(self):
        return ["ip", "netns", "exec", self.ns]

    def call(self, line):
        self.traffic.stdin.write(line.encode() + b"\n")
        self.traffic.stdin.flush()
        return self.traffic.stdout.readline().strip()

    def close(self):
        if self.traffic is not None:
            self.traffic.kill()
            self.traffic.wait()
        subprocess.run(["ip", "netns", "del", self.ns], capture_output=True)


class Boot:
    """One run of one machine: reads its serial line, does what it asks, counts its cases."""

    def __init__(self, machine, verbose):
        self.machine, self.verbose = machine, verbose
        self.passed = self.failed = 0
        self.ended = False
        self.host = None

    def say(self, verdict, text):
        print("%-4s vm %s: %s" % (verdict, self.machine.name, text), flush=True)

    def fail(self, text):
        self.failed += 1
        self.say("FAIL", text)

    def asked(self, command, monitor):
        """What the guest asks of the host: one line of JSON."""
        try:
            if command.startswith("peer "):
                return self.host.call(command[5:])
            monitor_command(monitor, command)
            return b'{"ok": null}'
        except OSError as e:
            return json.dumps({"fail": "the host: %s" % e}).encode()

    def line(self, text, qemu, monitor):
        if self.verbose:
            print("    " + text, flush=True)
        if text.startswith("vm: pass "):
            self.passed += 1
            self.say("ok", text[9:])
        elif text.startswith("vm: fail "):
            self.fail(text[9:])
        elif text.startswith("vm: note "):
            self.say("", text[9:])
        elif text.startswith("vm: host "):
            qemu.stdin.write(self.asked(text[9:], monitor) + b"\n")
            qemu.stdin.flush()
        elif text.startswith("vm: guest ends"):
            self.ended = text == "vm: guest ends 0"

    def run(self, vmlinuz, initrd, log_dir):
        path = os.path.join(log_dir, "vm-%s.log" % self.machine.name.replace("/", "-"))
        try:
            with tempfile.TemporaryDirectory() as tmp, open(path, "wb") as log:
                self.host = HostSide(self.machine.mtu) if self.machine.tap else None
                self.boot(vmlinuz, initrd, os.path.join(tmp, "monitor"), log)
        except (OSError, subprocess.SubprocessError) as e:
            self.fail("cannot run the machine: %s" % e)
            return
        finally:
            if self.host is not None:
                self.host.close()
        if not self.ended:
            self.fail("the guest did not reach its end; the last that it said, of %s:" % path)
            with open(path, errors="replace") as log:
                print("".join("         " + line for line in log.readlines()[-15:]), flush=True)

    def boot(self, vmlinuz, initrd, monitor, log):
        args = self.machine.qemu(vmlinuz, initrd, monitor, TAP)
        qemu = subprocess.Popen([*(self.host.enter() if self.host else []), *args], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.read(qemu, monitor, log)
        finally:
            qemu.kill()
            qemu.wait()

    def read(self, qemu, monitor, log):
        end = time.monotonic() + LIMIT
        sel = selectors.DefaultSelector()
        sel.register(qemu.stdout, selectors.EVENT_READ)
        rest = b""
        while time.monotonic() < end:
            if not sel.select(1.0):
                continue
            data = os.read(qemu.stdout.fileno(), 65536)
            if not data:
                return
            log.write(data)
            *lines, rest = (rest + data).split(b"\n")
            for raw in lines:
                self.line(raw.decode(errors="replace").strip("\r"), qemu, monitor)


def options():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--build", default=os.path.join(TOP, "build"), help="build folder with apps/ (default build)")
    ap.add_argument("--all", action="store_true", help="every machine, not only those of the test command")
    ap.add_argument("--list", action="store_true", help="names of the machines")
    ap.add_argument("-v", "--verbose", action="store_true", help="show the guest's serial line")
    ap.add_argument("names", nargs="*", metavar="NAME", help="machines, or a NIC: all of its machines")
    return ap.parse_args()


def picked(machine, name):
    return machine.name == name or (name.count("/") == 0 and machine.name.startswith(name + "/"))


def chosen(args):
    if not args.names:
        return [m for m in MACHINES if args.all or m.quick]
    for name in args.names:
        if not any(picked(m, name) for m in MACHINES):
            print("vm: no machine %s; --list names them" % name, file=sys.stderr)
            sys.exit(2)
    return [m for m in MACHINES if any(picked(m, name) for name in args.names)]


def main():
    args = options()
    if args.list:
        for m in MACHINES:
            print(m.name + ("" if m.quick else "  (--all)"))
        return 0
    machines = chosen(args)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that namespace and QEMU are taken down
    cache = os.path.join(args.build, "vm")
    try:
        if subprocess.run([os.path.join(TOP, "scripts", "setup")]).returncode != 0:
            raise image.ImageError("packages are missing, see above")
        vmlinuz, initrd = image.build(args.build, cache)
    except (image.ImageError, OSError, subprocess.SubprocessError) as e:
        print("FAIL vm: the image cannot be built: %s" % e)
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    for machine in machines:
        boot = Boot(machine, args.verbose)
        boot.run(vmlinuz, initrd, cache)
        passed += boot.passed
        failed += boot.failed
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
