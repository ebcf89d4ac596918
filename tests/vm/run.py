# SPDX-License-Identifier: BSD-3-Clause
"""Boots a small VM for each NIC and driver and reports its cases as test lines.

    tests/vm/run.py [--build DIR] [--all] [--list] [NAME ...]
"""

import argparse
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time

import image

BOOT_LIMIT = 420  # seconds for one machine, all cases

PC = ["-machine", "pc"]
Q35_IOMMU = ["-machine", "q35,kernel-irqchip=off", "-device", "intel-iommu,intremap=on,caching-mode=on"]


class Machine:
    def __init__(self, name, nic, driver, kernel_driver, iommu=False, nic_opts="", mtu=1500, quick=False):
        self.name, self.nic, self.driver, self.kernel_driver = name, nic, driver, kernel_driver
        self.iommu, self.nic_opts, self.mtu, self.quick = iommu, nic_opts, mtu, quick

    def qemu(self, vmlinuz, initrd, monitor):
        bus = "pcie.0" if self.iommu else "pci.0"
        args = ["qemu-system-x86_64"] + (Q35_IOMMU if self.iommu else PC)
        args += ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024", "-nodefaults",
                 "-display", "none", "-serial", "stdio", "-no-reboot",
                 "-monitor", "unix:%s,server,nowait" % monitor, "-kernel", vmlinuz, "-initrd", initrd]
        for k, net in enumerate(("na", "nb")):
            args += ["-netdev", "hubport,id=%s,hubid=0" % net, "-device",
                     "%s,bus=%s,addr=0x1%d,netdev=%s,mac=52:54:00:00:00:0%d%s" %
                     (self.nic, bus, k, net, k + 1, self.nic_opts)]
        append = "console=ttyS0 quiet panic=-1 plx.driver=%s plx.kernel_driver=%s plx.mtu=%d" % (
            self.driver, self.kernel_driver, self.mtu)
        if self.iommu:
            append += " intel_iommu=on"
        return args + ["-append", append]


VIRTIO_IOMMU = ",disable-legacy=on,iommu_platform=on"
MACHINES = [
    Machine("e1000e/uio", "e1000e", "uio_pci_generic", "e1000e", quick=True),
    Machine("e1000e/vfio", "e1000e", "vfio-pci", "e1000e", iommu=True, quick=True),
    Machine("virtio/uio", "virtio-net-pci", "uio_pci_generic", "virtio-pci", quick=True),
    Machine("virtio/vfio", "virtio-net-pci", "vfio-pci", "virtio-pci", iommu=True, nic_opts=VIRTIO_IOMMU),
    Machine("e1000/uio", "e1000", "uio_pci_generic", "e1000"),
    Machine("e1000/vfio", "e1000", "vfio-pci", "e1000", iommu=True),
    Machine("vmxnet3/uio", "vmxnet3", "uio_pci_generic", "vmxnet3"),
    Machine("vmxnet3/vfio", "vmxnet3", "vfio-pci", "vmxnet3", iommu=True),
    Machine("e1000e/uio/mtu9000", "e1000e", "uio_pci_generic", "e1000e", mtu=9000),
    Machine("vmxnet3/uio/mtu9000", "vmxnet3", "uio_pci_generic", "vmxnet3", mtu=9000),
]


def monitor_command(path, command):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.recv(4096)
        s.sendall(command.encode() + b"\n")
        time.sleep(0.3)
        s.recv(4096)


class Boot:
    """One run of one machine: reads its serial line, does what it asks, counts its cases."""

    def __init__(self, machine, verbose):
        self.machine, self.verbose = machine, verbose
        self.passed = self.failed = 0
        self.ended = False

    def line(self, text, qemu, monitor):
        if self.verbose:
            print("    " + text)
        if text.startswith("vm: pass "):
            self.passed += 1
            print("ok   vm %s: %s" % (self.machine.name, text[9:]), flush=True)
        elif text.startswith("vm: fail "):
            self.failed += 1
            print("FAIL vm %s: %s" % (self.machine.name, text[9:]), flush=True)
        elif text.startswith("vm: note "):
            print("     vm %s: %s" % (self.machine.name, text[9:]), flush=True)
        elif text.startswith("vm: host "):
            monitor_command(monitor, text[9:])
            qemu.stdin.write(b"ok\n")
            qemu.stdin.flush()
        elif text.startswith("vm: guest ends"):
            self.ended = True

    def run(self, vmlinuz, initrd, log_dir):
        log = open(os.path.join(log_dir, "vm-%s.log" % self.machine.name.replace("/", "-")), "wb")
        with tempfile.TemporaryDirectory() as tmp:
            monitor = os.path.join(tmp, "monitor")
            qemu = subprocess.Popen(self.machine.qemu(vmlinuz, initrd, monitor), stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                self.read(qemu, monitor, log)
            finally:
                qemu.kill()
                qemu.wait()
                log.close()
        if not self.ended:
            self.failed += 1
            print("FAIL vm %s: the guest did not reach its end; see %s" % (self.machine.name, log.name))

    def read(self, qemu, monitor, log):
        end = time.monotonic() + BOOT_LIMIT
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


def main():
    top = os.path.dirname(os.path.dirname(image.HERE))
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--build", default=os.path.join(top, "build"), help="build folder with apps/ (default build)")
    ap.add_argument("--all", action="store_true", help="every machine, not only those of the test command")
    ap.add_argument("--list", action="store_true", help="names of the machines")
    ap.add_argument("-v", "--verbose", action="store_true", help="show the guest's serial line")
    ap.add_argument("names", nargs="*", metavar="NAME")
    args = ap.parse_args()
    if args.list:
        for m in MACHINES:
            print(m.name + ("" if m.quick else "  (--all)"))
        return 0
    unknown = set(args.names) - {m.name for m in MACHINES}
    if unknown:
        print("vm: no machine %s; --list names them" % ", ".join(sorted(unknown)), file=sys.stderr)
        return 2
    cache = os.path.join(args.build, "vm")
    os.makedirs(cache, exist_ok=True)
    try:
        vmlinuz, initrd = image.build(args.build, cache)
    except image.ImageError as e:
        print("vm: %s" % e, file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    for m in MACHINES:
        if m.name in args.names or (not args.names and (args.all or m.quick)):
            boot = Boot(m, args.verbose)
            boot.run(vmlinuz, initrd, cache)
            passed += boot.passed
            failed += boot.failed
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
