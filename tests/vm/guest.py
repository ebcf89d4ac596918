# SPDX-License-Identifier: BSD-3-Clause
"""Inside the guest: what the cases share. Talks to the host over the serial line, one line each:

    vm: pass NAME / vm: fail NAME: why / vm: note text
    vm: host COMMAND        asks the host for a monitor command; it answers with `ok` on stdin
"""

import glob
import os
import re
import select
import signal
import subprocess
import sys
import time
import traceback

NIC = "0000:00:10.0"
PEER = "10.9.0.1"
US = "10.9.0.2"


class Failure(Exception):
    """The case does not hold; the text says what was seen."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def say(line):
    sys.stdout.write("vm: " + line.replace("\n", " | ") + "\n")
    sys.stdout.flush()


def options():
    with open("/proc/cmdline") as f:
        return dict(w[4:].split("=", 1) for w in f.read().split() if w.startswith("plx.") and "=" in w)


def sh(*args, timeout=60, **kw):
    return subprocess.run(args, capture_output=True, text=True, timeout=timeout, **kw)


def host(command):
    """Has the host do something to the machine; returns when it is done."""
    say("host " + command)
    answer = sys.stdin.readline().strip()
    check(answer == "ok", "host answered %r to %r" % (answer, command))


def driver_of(pci):
    link = "/sys/bus/pci/devices/%s/driver" % pci
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else None


def netdev_of(pci):
    found = glob.glob("/sys/bus/pci/devices/%s/net/*" % pci) + glob.glob("/sys/bus/pci/devices/%s/virtio*/net/*" % pci)
    return os.path.basename(found[0]) if found else None


def bind(pci, driver):
    """devbind's exit status is no proof: the driver link is."""
    r = sh("dpdk-devbind.py", "-b", driver, pci)
    check(driver_of(pci) == driver, "devbind to %s: driver is %s: %s%s" % (driver, driver_of(pci), r.stdout, r.stderr))


def set_hugepages(n):
    with open("/proc/sys/vm/nr_hugepages", "w") as f:
        f.write(str(n))


class Program:
    """One of our programs; its output is kept."""

    def __init__(self, *args, stdin=subprocess.DEVNULL):
        self.args = args
        self.log = open("/tmp/%s.%d.log" % (os.path.basename(args[0]), time.monotonic_ns()), "w+b")
        self.p = subprocess.Popen(args, stdin=stdin, stdout=self.log, stderr=subprocess.STDOUT)

    def output(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def wait_for(self, text, timeout=40):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if text in self.output():
                return
            if self.p.poll() is not None:
                raise Failure("ended with %s before %r: %s" % (self.p.returncode, text, self.output()[-600:]))
            time.sleep(0.1)
        raise Failure("no %r within %d s: %s" % (text, timeout, self.output()[-600:]))

    def end(self, sig=signal.SIGTERM, timeout=15):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise Failure("did not end within %d s of signal %d" % (timeout, sig)) from None


def run_case(name, fn, *args):
    t = time.monotonic()
    try:
        fn(*args)
        say("pass %s (%.1f s)" % (name, time.monotonic() - t))
        return True
    except Failure as e:
        say("fail %s: %s" % (name, e))
    except Exception:
        say("fail %s: %s" % (name, traceback.format_exc()))
    return False


def main():
    import guest_cases

    guest_cases.run(options())


if __name__ == "__main__":
    sys.modules["guest"] = sys.modules["__main__"]
    main()
