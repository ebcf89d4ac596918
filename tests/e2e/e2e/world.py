# SPDX-License-Identifier: BSD-3-Clause
"""Where a case plays: its namespaces, its wires, and the programs it runs.

The case's own process is the kernel's side, 10.9.0.1; the program is 10.9.0.2. On TAP the program runs in
the same network namespace, on a veth in a second one at the far end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from e2e.case import Failure, Skip, check

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("PLX_BUILD", ROOT / "build")) / "apps"
BUILD_ASAN = Path(os.environ.get("PLX_BUILD_ASAN", ROOT / "build-asan")) / "apps"
KERNEL, PLX = "10.9.0.1", "10.9.0.2"
MIB = 1 << 20
BULK = (1024 if os.environ.get("E2E_FULL") else int(os.environ.get("E2E_SCALE", 64))) * MIB
NOBODY = 65534


def run(*words, ok=(0,), timeout=60):
    """A command's output; fails unless it ends with a status of ok."""
    done = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout)
    check(done.returncode in ok, f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def wait_until(condition, what, timeout=5.0, every=0.01):
    end = time.monotonic() + timeout
    while not condition():
        check(time.monotonic() < end, f"waited {timeout:g} s for {what}")
        time.sleep(every)


class Program:
    """A running program of the build; its output goes to files."""

    def __init__(self, world, name, words, build=BUILD, far=False, user=None, stdin=None, stdout=None, env=None):
        path = build / name
        if not path.exists():
            raise Failure(f"{path} is not built")
        if user is not None:  # may not reach into the build's folder
            path = world.copy_for_all(path)
        self.name = name
        self.number = len(world.programs)
        self.out_path = world.folder / f"{self.number}-{name}.out"
        self.err_path = world.folder / f"{self.number}-{name}.err"
        prefix = world.far_prefix() if far else []
        if user is not None:
            prefix += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
        self.words = [*prefix, str(path), *map(str, words)]
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL if stdin is None else stdin,
                                            stdout=out if stdout is None else stdout, stderr=err,
                                            env={**os.environ, **(env or {})})
        world.programs.append(self)

    @property
    def pid(self):
        return self.process.pid

    def out(self):
        return self.out_path.read_text(errors="replace")

    def err(self):
        return self.err_path.read_text(errors="replace")

    def wait_ready(self, timeout=20.0):
        def ready():
            check(self.process.poll() is None, f"{self.name} ended with {self.process.poll()} before it was ready")
            return any(line.startswith("plx: ready") for line in self.out().split("\n"))

        wait_until(ready, f"{self.name} to say plx: ready", timeout)

    def wait_says(self, text, timeout=20.0):
        def said():
            found = text in self.err()
            check(found or self.process.poll() is None, f"{self.name} ended with {self.process.poll()}")
            return found

        wait_until(said, f"{self.name} to say {text!r}", timeout)

    def wait(self, timeout=30.0):
        """The exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout:g} s") from None

    def stop(self, timeout=5.0, sig=signal.SIGTERM):
        """Ends it as a user would; it must end well. Its output."""
        self.process.send_signal(sig)
        status = self.wait(timeout)
        check(status == 0, f"{self.name} ended with {status} after {signal.Signals(sig).name}")
        return self.out()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Bytes of memory in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class World:
    def __init__(self, name):
        self.name = name
        self.programs = []
        self.far = None
        self.folder = Path(tempfile.mkdtemp(prefix="plx-e2e-"))
        os.chmod(self.folder, 0o777)

    def __enter__(self):
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "sysfs", "sysfs", "/sys")  # of this network namespace
        run("mount", "-t", "tmpfs", "tmpfs", "/run")  # whatever programs leave behind there
        self.quiet_ipv6([])
        run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
        if self.far is not None:
            self.far.kill()
            self.far.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def show_programs(self):
        for p in self.programs:
            print(f"---- {' '.join(p.words)}: ended with {p.process.poll()}")
            for text in (p.out(), p.err()):
                print("\n".join("  | " + line for line in text.rstrip().split("\n")[-60:]))

    @staticmethod
    def quiet_ipv6(prefix):
        for which in ("all", "default"):
            run(*prefix, "sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{which}/disable_ipv6 2>/dev/null || true")

    def copy_for_all(self, path):
        copy = self.folder / path.name
        if not copy.exists():
            shutil.copyfile(path, copy)
            copy.chmod(0o755)
        return copy

    # ---- namespaces and wires ----

    def far_prefix(self):
        """Words before a command that shall run in the far namespace."""
        if self.far is None:
            self.far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            own = os.readlink("/proc/self/ns/net")
            wait_until(lambda: os.readlink(f"/proc/{self.far.pid}/ns/net") != own, "the far namespace")
            self.quiet_ipv6(self.far_prefix())
        return ["nsenter", f"--net=/proc/{self.far.pid}/ns/net", "--"]

    def veth(self, mtu=1500):
        """near0 here with the kernel's address, plx0 in the far namespace. Offloads as they are."""
        far = self.far_prefix()
        run("ip", "link", "add", "near0", "mtu", mtu, "type", "veth", "peer", "name", "plx0", "mtu", mtu)
        run("ip", "link", "set", "plx0", "netns", self.far.pid)
        run(*far, "ip", "link", "set", "plx0", "up")
        self.kernel_address("near0")

    @staticmethod
    def kernel_address(interface):
        run("ip", "addr", "replace", f"{KERNEL}/24", "dev", interface)
        run("ip", "link", "set", interface, "up")

    def wire_words(self, wire, mtu):
        words = {"tap": "tap:plx0", "af_packet": "af_packet:plx0", "af_xdp": "af_xdp:plx0"}
        mtu_words = ["--mtu", mtu] if mtu else []
        return ["--dev", words[wire], "--ip", f"{PLX}/24", *mtu_words]

    def start(self, name, wire, words=(), mtu=None, **options):
        """A program on a wire to the kernel. The wire is up at the kernel's end when this returns, or, on
        TAP, as soon as the program has made it: see tap_up."""
        if wire != "tap":
            if not Path("/sys/class/net/near0").exists():
                self.veth(mtu or 1500)
            if wire == "af_xdp":  # its frames do not say that a checksum is still to be filled in
                run("ethtool", "-K", "near0", "tx", "off")
            options["far"] = True
        return Program(self, name, [*self.wire_words(wire, mtu), *words], **options)

    def tap_up(self, mtu=None):
        """The kernel's end of the TAP that a program has just made."""
        wait_until(Path("/sys/class/net/plx0").exists, "interface plx0")
        if mtu:
            run("ip", "link", "set", "plx0", "mtu", mtu)
        self.kernel_address("plx0")

    def echo(self, wire="tap", words=("--tcp", 7, "--udp", 7), mtu=None, **options):
        """plx-echo, ready, with the kernel's side of its wire up."""
        program = self.start("plx-echo", wire, [*words, "--mode", "epoll"], mtu, **options)
        try:
            program.wait_ready()
        except Failure:
            if wire == "af_xdp" and program.process.poll() == 1:
                raise Skip("the kernel does not allow AF_XDP here: " + program.err().strip().split("\n")[-1])
            raise
        if wire == "tap":
            self.tap_up(mtu)
        wait_until(lambda: can_connect(7) if 7 in words else True, "TCP port 7 to be served", 10, 0.1)
        return program


def can_connect(port):
    try:
        socket.create_connection((PLX, port), timeout=2).close()
        return True
    except OSError:
        return False
