# SPDX-License-Identifier: BSD-3-Clause
"""The machines: a NIC, how it is bound, and which cases run on it (guest_cases.SETS)."""

PC = ["-machine", "pc"]
Q35_IOMMU = ["-machine", "q35,kernel-irqchip=off", "-device", "intel-iommu,intremap=on,caching-mode=on"]
TWO_NODES = ["-object", "memory-backend-ram,id=m0,size=512M", "-object", "memory-backend-ram,id=m1,size=512M",
             "-numa", "node,nodeid=0,cpus=0,memdev=m0", "-numa", "node,nodeid=1,cpus=1,memdev=m1"]
# Two NICs behind a bridge (bus 3), which the IOMMU cannot tell apart; connected to nothing.
GROUP_MATES = ["-device", "pcie-pci-bridge,id=bridge,bus=pcie.0,addr=0x12", "-device", "e1000,bus=bridge,addr=1",
               "-device", "e1000,bus=bridge,addr=2"]
VIRTIO_IOMMU = ",disable-legacy=on,iommu_platform=on"
VIRTIO_RSS = ",mq=on,vectors=6,rss=on,hash=on"
UIO, VFIO = "uio_pci_generic", "vfio-pci"


class Machine:
    """`tap`: the other side is a multi-queue TAP on the host, in a namespace of its own, instead of the kernel of
    the guest on a second NIC."""

    def __init__(self, name, nic, driver, cases="basic", nic_opts="", mtu=1500, quick=False, tap=False, more=()):
        self.name, self.nic, self.driver, self.cases = name, nic, driver, cases
        self.nic_opts, self.mtu, self.quick, self.tap, self.more = nic_opts, mtu, quick, tap, list(more)
        self.iommu = driver == VFIO
        self.kernel_driver = "virtio-pci" if nic.startswith("virtio") else nic

    def device(self, index, netdev, opts):
        """Behind an IOMMU each NIC has a root port of its own, as cards have: the kernel can reset it by that, and
        QEMU's e1000 and e1000e know no other reset."""
        nic = ["-device", "%s,bus=%s,addr=%s,netdev=%s,mac=52:54:00:00:00:0%d%s" % (
            self.nic, netdev + "port" if self.iommu else "pci.0", "0" if self.iommu else "0x1%d" % index, netdev,
            index + 1, opts)]
        port = ["-device", "pcie-root-port,id=%sport,bus=pcie.0,addr=0x1%d,chassis=%d" % (netdev, index, index + 1)]
        return (port if self.iommu else []) + nic

    def addresses(self):
        """The NIC under test and the other one, as the guest numbers them."""
        return ("0000:01:00.0", "0000:02:00.0") if self.iommu else ("0000:00:10.0", "0000:00:11.0")

    def network(self, tap):
        if self.tap:
            return ["-netdev", "tap,id=na,ifname=%s,script=no,downscript=no,queues=2,vhost=off" % tap,
                    *self.device(0, "na", self.nic_opts)]
        hub = []
        for index, netdev in enumerate(("na", "nb")):
            hub += ["-netdev", "hubport,id=%s,hubid=0" % netdev, *self.device(index, netdev, self.nic_opts)]
        return hub

    def qemu(self, vmlinuz, initrd, monitor, tap):
        append = "console=ttyS0 quiet panic=-1 no_timer_check plx.driver=%s plx.kernel_driver=%s plx.mtu=%d plx.set=%s" % (
            self.driver, self.kernel_driver, self.mtu, self.cases)
        append += " plx.nic=%s plx.other=%s" % self.addresses()
        append += (" intel_iommu=on iommu=pt" if self.iommu else "") + (" plx.host=1" if self.tap else "")
        return ["qemu-system-x86_64", *(Q35_IOMMU if self.iommu else PC), "-accel", "tcg,thread=multi", "-cpu", "max",
                "-smp", "2", "-m", "1024", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
                "-monitor", "unix:%s,server,nowait" % monitor, "-kernel", vmlinuz, "-initrd", initrd,
                *self.network(tap), *self.more, "-append", append]


MACHINES = [
    Machine("e1000e/uio", "e1000e", UIO, "refusals", quick=True),
    Machine("e1000e/vfio", "e1000e", VFIO, "iommu", quick=True, more=GROUP_MATES),
    Machine("virtio/uio", "virtio-net-pci", UIO, "rings", quick=True),
    Machine("virtio/vfio", "virtio-net-pci", VFIO, nic_opts=VIRTIO_IOMMU),
    Machine("virtio/uio/rss", "virtio-net-pci", UIO, "rss", nic_opts=VIRTIO_RSS, tap=True),
    Machine("virtio/vfio/rss", "virtio-net-pci", VFIO, "rss", nic_opts=VIRTIO_RSS + VIRTIO_IOMMU, tap=True),
    Machine("e1000/uio", "e1000", UIO, "rings"),
    Machine("e1000/vfio", "e1000", VFIO, "uio_reset"),
    Machine("vmxnet3/uio", "vmxnet3", UIO, "rings"),
    Machine("vmxnet3/vfio", "vmxnet3", VFIO),
    Machine("e1000e/uio/mtu9000", "e1000e", UIO, "mtu", mtu=9000),
    Machine("virtio/uio/mtu9000", "virtio-net-pci", UIO, "mtu", nic_opts=",host_mtu=9000", mtu=9000),
    Machine("vmxnet3/uio/mtu9000", "vmxnet3", UIO, "mtu_in_one_buffer", mtu=9000),
    Machine("e1000e/uio/numa", "e1000e", UIO, "numa", more=TWO_NODES),
]
