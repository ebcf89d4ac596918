# SPDX-License-Identifier: BSD-3-Clause
"""Kernel and initramfs for the VM suite, from Debian's packages, cached until an input changes.

Nothing is installed: the kernel's package is downloaded and unpacked beside the build; the initramfs
holds busybox, ip, python3 with the modules that the guest's script and dpdk-devbind.py import, lspci,
our programs with the libraries they load, and the poll-mode drivers that the NICs need.
"""

import glob
import gzip
import hashlib
import importlib.util
import modulefinder
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = "/usr/lib/x86_64-linux-gnu"

# NIC drivers of the kernel are loaded at boot, those for user space by scripts/nic. What a kernel has built in is
# left out.
MODULES = """e1000 e1000e virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover
net_failover virtio_net vmxnet3 macvlan irqbypass iommufd vfio vfio_iommu_type1 vfio_virqfd vfio-pci-core vfio-pci uio
uio_pci_generic""".split()

PMDS = ["bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio", "net_vmxnet3"]
PROGRAMS = ["apps/plx-echo", "apps/plx-nc", "apps/plx-doctor", "tests/vm/opener"]
TOOLS = ["/usr/bin/ip", "/usr/bin/ss", "/usr/sbin/ethtool", "/usr/bin/lspci", "/usr/bin/dpdk-devbind.py", "/usr/bin/kmod"]
SCRIPTS = [os.path.join(HERE, f) for f in ("guest.py", "guest_cases.py", "guest_refusals.py", "traffic.py")]
SCRIPTS.append(os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "nic"))


class ImageError(Exception):
    """The image cannot be built: says what is missing and what to do."""


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, **kw).stdout


def kernel_package():
    """Name of the newest linux-image of the distribution; None when apt knows of none."""
    out = subprocess.run(["apt-cache", "show", "--no-all-versions", "linux-image-amd64"], capture_output=True,
                         text=True).stdout
    m = re.search(r"^Depends:.*?(linux-image-[0-9][^ ,]*)", out, re.M)
    return m.group(1) if m else None


def download(cache):
    """The path of the kernel's package in the cache folder. The lists of apt may be absent or older than what
    the archive holds: then one update mends it."""
    why = "apt knows of no linux-image-amd64"
    for attempt in (1, 2):
        package = kernel_package()
        if package:
            r = subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=cache,
                               capture_output=True, text=True)
            found = glob.glob(os.path.join(cache, package + "_*.deb"))
            if r.returncode == 0 and found:
                return found[0]
            why = "cannot download %s: %s" % (package, r.stderr.strip())
        if attempt == 1:
            subprocess.run(["apt-get", "-qq", "update"], capture_output=True)
    raise ImageError(why + "; look at /etc/apt/sources.list and the network")


def fetch_kernel(cache):
    """Downloads and unpacks the kernel package once; returns the folder."""
    have = sorted(glob.glob(os.path.join(cache, "linux-image-*", "boot", "vmlinuz-*")))
    if have:
        return os.path.dirname(os.path.dirname(have[-1]))
    os.makedirs(cache, exist_ok=True)
    deb = download(cache)
    target = os.path.join(cache, os.path.basename(deb).split("_")[0])
    shutil.rmtree(target + ".part", ignore_errors=True)
    run("dpkg-deb", "-x", deb, target + ".part")
    os.rename(target + ".part", target)
    os.unlink(deb)
    return target


def elf_closure(path):
    """The shared libraries that a program loads, as (name as looked up, real file)."""
    out = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    found = set(re.findall(r"(/\S+) \(0x", out))
    return sorted(found)


class Root:
    """The folder that becomes the initramfs; merged /usr, as Debian has it."""

    def __init__(self, path):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        for d in "dev proc sys tmp run root etc usr/bin usr/sbin usr/lib usr/lib64 var opt".split():
            os.makedirs(os.path.join(path, d))
        for link in ("bin", "sbin", "lib", "lib64"):
            os.symlink("usr/" + link, os.path.join(path, link))

    def add(self, src, dst=None):
        """A file under its own name; where that is a link, the link and what it points at."""
        src = re.sub(r"^/(s?bin|lib|lib64)/", r"/usr/\1/", src)
        dst = self.path + (dst or src)
        if os.path.lexists(dst):
            return
        os.makedirs(os.path.dirname(dst), exist_ok=True)
        if os.path.islink(src):
            target = os.readlink(src)
            os.symlink(target, dst)
            self.add(os.path.normpath(os.path.join(os.path.dirname(src), target)))
        else:
            shutil.copy2(src, dst)

    def add_elf(self, src, dst=None):
        """A program or a library with the libraries that it loads."""
        self.add(src, dst)
        for lib in elf_closure(src):
            self.add(lib)


def add_python(root, scripts):
    """python3 and the modules that the scripts import, found by following their imports."""
    python = os.path.realpath("/usr/bin/python3")
    root.add_elf(python, "/usr/bin/python3")
    version = os.path.basename(python)
    finder = modulefinder.ModuleFinder([HERE, "/usr/lib/" + version, "/usr/lib/%s/lib-dynload" % version])
    for script in scripts:
        finder.run_script(script)
    for name in ("site", "codecs", "io", "os", "encodings.utf_8", "encodings.ascii", "encodings.latin_1",
                 "encodings.idna", "encodings.aliases"):
        finder.import_hook(name, fromlist=["*"])
    for mod in finder.modules.values():
        if not mod.__file__ or not mod.__file__.startswith("/usr/lib/python3"):
            continue
        if mod.__file__.endswith(".so"):
            root.add_elf(mod.__file__)
            continue
        root.add(mod.__file__)
        compiled = importlib.util.cache_from_source(mod.__file__)
        if os.path.exists(compiled):  # emulated, compiling takes seconds
            root.add(compiled)


def add_dpdk(root, programs):
    """Our programs, what they load, and the drivers: each library under one name only, or EAL panics."""
    for program in programs:
        root.add_elf(program, "/opt/" + os.path.basename(program))
    plugin_dir = glob.glob(LIB + "/dpdk/pmds-*")
    if not plugin_dir:
        raise ImageError("no DPDK drivers under %s/dpdk: run scripts/setup" % LIB)
    for pmd in PMDS:
        found = glob.glob("%s/librte_%s.so.*" % (plugin_dir[0], pmd))
        if not found:
            raise ImageError("DPDK has no driver %s: run scripts/setup" % pmd)
        for lib in sorted(found):
            root.add_elf(lib)
        root.add(plugin_dir[0] + "/librte_%s.so" % pmd)
        for link in glob.glob("%s/librte_%s.so.*" % (LIB, pmd)):
            root.add(link)
    root.add(LIB + "/libgcc_s.so.1")


def add_modules(root, kernel):
    """The kernel modules, where modprobe finds them."""
    base = glob.glob(os.path.join(kernel, "lib/modules/*"))[0]
    version = os.path.basename(base)
    target = root.path + "/usr/lib/modules/" + version
    os.makedirs(target)
    for name in MODULES:
        for path in glob.glob(os.path.join(base, "kernel/**", name + ".ko*"), recursive=True):
            shutil.copy(path, target)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(os.path.join(base, name), target)
    run("depmod", "-b", root.path, version)
    for name in ("modprobe", "lsmod", "rmmod"):
        os.symlink("/usr/bin/kmod", root.path + "/usr/sbin/" + name)


def digest(paths):
    h = hashlib.sha256()
    for p in sorted(paths):
        h.update(p.encode())
        with open(p, "rb") as f:
            h.update(f.read())
    return h.hexdigest()


def build(build_dir, cache):
    """Returns (vmlinuz, initrd); rebuilt only when kernel, programs, scripts or DPDK changed."""
    programs = [os.path.join(build_dir, p) for p in PROGRAMS]
    for p in programs:
        if not os.path.exists(p):
            raise ImageError("no %s: build first, scripts/dev build" % p)
    kernel = fetch_kernel(cache)
    vmlinuz = glob.glob(os.path.join(kernel, "boot/vmlinuz-*"))[0]
    initrd = os.path.join(cache, "initrd")
    stamp = digest(programs + SCRIPTS + [os.path.join(HERE, "image.py"), os.path.join(HERE, "init")] +
                   glob.glob(LIB + "/librte_eal.so.*")) + " " + os.path.basename(kernel)
    try:
        with open(initrd + ".stamp") as f:
            if f.read() == stamp and os.path.exists(initrd):
                return vmlinuz, initrd
    except FileNotFoundError:
        pass
    root = Root(os.path.join(cache, "root"))
    root.add("/bin/busybox")
    shutil.copy(os.path.join(HERE, "init"), root.path + "/init")
    os.chmod(root.path + "/init", 0o755)
    for tool in TOOLS:
        if not os.path.exists(tool):
            raise ImageError("no %s: run scripts/setup" % tool)
        with open(tool, "rb") as f:
            elf = f.read(4) == b"\x7fELF"
        add = root.add_elf if elf else root.add
        add(os.path.realpath(tool), "/usr/bin/" + os.path.basename(tool))
    root.add("/usr/share/misc/pci.ids")
    add_python(root, SCRIPTS + ["/usr/bin/dpdk-devbind.py"])
    for s in SCRIPTS:
        root.add(s, "/opt/" + os.path.basename(s))
    add_dpdk(root, programs)
    add_modules(root, kernel)
    cpio = subprocess.run("find . -print0 | cpio --null -o -H newc --quiet", shell=True, cwd=root.path, check=True,
                          capture_output=True).stdout
    with gzip.open(initrd, "wb", compresslevel=1) as f:
        f.write(cpio)
    with open(initrd + ".stamp", "w") as f:
        f.write(stamp)
    return vmlinuz, initrd


if __name__ == "__main__":
    try:
        print("\n".join(build(sys.argv[1], sys.argv[2])))
    except ImageError as e:
        sys.exit("vm: %s" % e)
