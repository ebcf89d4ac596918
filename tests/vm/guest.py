# SPDX-License-Identifier: BSD-3-Clause
"""Inside the guest: what the cases share. Talks to the host over the serial line, one line each:

    vm: pass NAME / vm: fail NAME: why / vm: note text
    vm: host COMMAND        asks the host for something; it answers on stdin with one line of JSON

The NIC under test and our programs are in the first network namespace; the kernel they talk to is in another,
`peer`, with the other NIC, or on the host.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback

from traffic import Failure, check

PEER = "10.9.0.1"
US = "10.9.0.2"
HUGEPAGES = 160
SLOW = 10  # seconds


def say(line):
    sys.stdout.write("vm: " + line.strip().replace("\n", " | ") + "\n")
    sys.stdout.flush()


def options():
    with open("/proc/cmdline") as f:
        return dict(w[4:].split("=", 1) for w in f.read().split() if w.startswith("plx.") and "=" in w)


NIC, OTHER = options()["nic"], options()["other"]
STACK = ["--dev", "pci:" + NIC, "--ip", US + "/24"]


def sh(*args, timeout=90, **kw):
    started = time.monotonic()
    try:
        return subprocess.run(args, capture_output=True, text=True, timeout=timeout, **kw)
    finally:
        note_slow(started, args)


def note_slow(started, args):
    """What took long without failing, for whoever wonders where a machine's time went."""
    took = time.monotonic() - started
    if took > SLOW:
        say("note %.1f s for %s" % (took, " ".join(args)))


def host(command):
    """Has the host do something; what it answers."""
    say("host " + command)
    answer = json.loads(sys.stdin.readline())
    check("ok" in answer, answer.get("fail"))
    return answer["ok"]


# ---- the machine ----

def driver_of(pci):
    link = "/sys/bus/pci/devices/%s/driver" % pci
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else None


def netdev_of(pci):
    base = "/sys/bus/pci/devices/" + pci
    found = glob.glob(base + "/net/*") + glob.glob(base + "/virtio*/net/*")
    return os.path.basename(found[0]) if found else None


def nic(*args):
    """scripts/nic: (exit status, all that it says)."""
    r = sh("python3", "/opt/nic", *args)
    return r.returncode, r.stdout + r.stderr


def nic_ok(*args):
    status, text = nic(*args)
    check(status == 0, "nic %s ended with %d: %s" % (" ".join(args), status, text))
    return text


def nic_refuses(words, *args):
    status, text = nic(*args)
    check(status == 1, "nic %s ended with %d: %s" % (" ".join(args), status, text))
    check("Traceback" not in text, text)
    for word in words:
        check(word in text, "nic %s does not say %r: %s" % (" ".join(args), word, text))


def write(path, text):
    with open(path, "w") as f:
        f.write(str(text))


def read(path):
    with open(path) as f:
        return f.read().strip()


def set_hugepages(n):
    write("/proc/sys/vm/nr_hugepages", n)


class LocalPeer:
    """Calls to traffic.py in the other namespace of this guest."""

    def __init__(self):
        self.p = subprocess.Popen(["ip", "netns", "exec", "peer", "python3", "/opt/traffic.py", US, PEER],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, name):
        def call(*args):
            self.p.stdin.write(json.dumps([name, args]) + "\n")
            self.p.stdin.flush()
            answer = json.loads(self.p.stdout.readline())
            check("ok" in answer, answer.get("fail"))
            return answer["ok"]
        return call


class HostPeer:
    """The same, of traffic.py on the host."""

    def __getattr__(self, name):
        return lambda *args: host("peer " + json.dumps([name, args]))


class Program:
    """One of our programs; its output is kept."""

    def __init__(self, *args, stdin=subprocess.DEVNULL, user=None):
        self.args, self.started = args, time.monotonic()
        self.log = open("/tmp/%s.%d.log" % (os.path.basename(args[0]), time.monotonic_ns()), "w+b")
        self.p = subprocess.Popen(args, stdin=stdin, stdout=self.log, stderr=subprocess.STDOUT, user=user)

    def output(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def wait_for(self, text, timeout=60):
        asked = time.monotonic()
        while time.monotonic() < asked + timeout:
            if text in self.output():
                note_slow(asked, (repr(text), "of", *self.args))
                return
            if self.p.poll() is not None:
                raise Failure("ended with %s before %r: %s" % (self.p.returncode, text, self.output()[-600:]))
            time.sleep(0.1)
        raise Failure("no %r within %d s: %s" % (text, timeout, self.output()[-600:]))

    def wait(self, timeout=60):
        try:
            status = self.p.wait(timeout)
            note_slow(self.started, self.args)
            return status
        except subprocess.TimeoutExpired:
            where = self.threads()
            self.p.kill()
            self.p.wait()
            raise Failure("still runs after %d s: %s; %s" % (timeout, where, self.output()[-600:])) from None

    def threads(self):
        """Where its threads are, for a failure's text."""
        found = []
        for task in glob.glob("/proc/%d/task/*" % self.p.pid):
            with open(task + "/stack") as f:
                calls = re.findall(r"\] (\w+)", f.read())
            with open(task + "/stat") as f:
                stat = f.read()
            found.append("%s: %s" % (stat[stat.index("(") + 1:stat.rindex(")") + 3], " < ".join(calls[:6])))
        return "; ".join(found)

    def end(self, sig=signal.SIGTERM, timeout=60):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        asked = time.monotonic()
        try:
            status = self.p.wait(timeout)
            note_slow(asked, ("the end of", *self.args))
            return status
        except subprocess.TimeoutExpired:
            where = self.threads()
            self.p.kill()
            self.p.wait()
            raise Failure("did not end within %d s of signal %d: %s; %s" %
                          (timeout, sig, where, self.output()[-300:])) from None

    def sleeps(self, seconds):
        """How often in that time its main thread went to sleep."""
        def count():
            with open("/proc/%d/status" % self.p.pid) as f:
                return int(f.read().split("\nvoluntary_ctxt_switches:")[1].split()[0])
        before = count()
        time.sleep(seconds)
        return count() - before


def refused(words, *args, user=None):
    """The program ends with 1 and one message, which has all the words."""
    p = Program(*args, user=user)
    status = p.wait()
    out = p.output()
    check(status == 1, "ended with %s: %s" % (status, out[-600:]))
    for word in words:
        check(word in out, "does not say %r: %s" % (word, out[-600:]))


class Bench:
    """What the cases work with: the echo server on the NIC under test, and the kernel that talks to it."""

    def __init__(self, opts):
        self.opts = opts
        self.driver = opts["driver"]
        self.mtu = int(opts.get("mtu", "1500"))
        self.extra = ["--mtu", str(self.mtu)] if self.mtu != 1500 else []
        self.peer = HostPeer() if "host" in opts else LocalPeer()
        self.echo = None

    def command(self, *more):
        return ["/opt/plx-echo", *STACK, *self.extra, "--tcp", "7", "--udp", "7", *more]

    def start(self, *more):
        self.echo = Program(*self.command(*more))
        self.echo.wait_for("plx: ready")
        self.reach()
        return self.echo

    def reach(self, timeout=40):
        """Emulated links take a moment to come up."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.peer.ping(1)[0] == 1:
                return
            check(self.echo.p.poll() is None, "ended: " + self.echo.output()[-600:])
        raise Failure("no answer to ping within %d s: %s" % (timeout, self.echo.output()[-600:]))

    def stop(self, sig=signal.SIGTERM):
        """Its exit status; none runs afterwards."""
        echo, self.echo = self.echo, None
        return echo.end(sig) if echo is not None else None


def run_case(fn, bench):
    name = fn.__name__[5:].replace("_", " ")
    started = time.monotonic()
    try:
        fn(bench)
        say("pass %s (%.1f s)" % (name, time.monotonic() - started))
        return True
    except Failure as e:
        say("fail %s: %s" % (name, e))
    except Exception:
        say("fail %s: %s" % (name, traceback.format_exc()))
    if bench.echo is not None and bench.echo.p.poll() is not None:
        say("note the echo server is gone: " + bench.echo.output()[-600:])
        bench.echo = None
    return False


def prepare(opts):
    set_hugepages(HUGEPAGES)
    if "host" in opts:
        return
    sh("ip", "netns", "add", "peer")
    dev = netdev_of(OTHER)
    sh("ip", "link", "set", dev, "netns", "peer")
    inside = ("ip", "-n", "peer")
    sh(*inside, "link", "set", "lo", "up")
    sh(*inside, "link", "set", dev, "mtu", opts.get("mtu", "1500"))
    sh(*inside, "addr", "add", PEER + "/24", "dev", dev)
    sh(*inside, "link", "set", dev, "up")
    sh("ip", "netns", "exec", "peer", "ethtool", "-K", dev, "rx", "off")


def main():
    import guest_cases

    opts = options()
    prepare(opts)
    guest_cases.run(Bench(opts))


if __name__ == "__main__":
    sys.modules["guest"] = sys.modules["__main__"]
    main()
