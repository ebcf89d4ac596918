# SPDX-License-Identifier: BSD-3-Clause
"""plx-wire between the kernel and the kernel: what passes, what is lost on purpose, and when it comes."""

import re
import subprocess
from pathlib import Path

from e2e import traffic
from e2e.case import case, check
from e2e.world import MIB, PLX, Program, can_connect, run, wait_until


def cable(world, *words):
    """plx-wire with the kernel at both ends: near0 here, far0 in the far namespace."""
    far = world.far_prefix()
    program = Program(world, "plx-wire", ["--dev", "tap:near0", "--dev", "tap:far0", *words])
    program.wait_ready()
    wait_until(Path("/sys/class/net/far0").exists, "interface far0")
    world.kernel_address("near0")
    run("ip", "link", "set", "far0", "netns", world.far.pid)
    run(*far, "ip", "addr", "add", f"{PLX}/24", "dev", "far0")
    run(*far, "ip", "link", "set", "far0", "up")
    run(*far, "ip", "link", "set", "lo", "up")
    return program


@case("cable/delay")
def delay(world):
    """a round trip takes at least twice the delay, and the kernels' TCP gets every byte across"""
    program = cable(world, "--impair", "delay=10ms,reorder=1%,dup=1%,seed=3")
    out = run("ping", "-c", 20, "-i", 0.02, PLX)
    least = float(re.search(r"min/avg/max/mdev = ([\d.]+)/", out)[1])
    check(least >= 20, f"a round trip took {least} ms over two times 10 ms")
    server = subprocess.Popen([*world.far_prefix(), "socat", "TCP-LISTEN:7,reuseaddr,fork", "EXEC:cat"])
    try:
        wait_until(lambda: can_connect(7), "socat to listen", 10, 0.1)
        traffic.echo_bulk(MIB)
    finally:
        server.kill()
    summary = program.stop()
    check(re.search(r"tap:near0 -> tap:far0: [1-9]\d* packets, \d+ bytes, 0 refused", summary), summary)


@case("cable/clean")
def clean(world):
    """a cable without --impair loses nothing"""
    program = cable(world)
    traffic.ping("-f", "-c", 2000)
    summary = program.stop()
    check(summary.count(" 0 refused") == 2 and "impaired" not in summary, summary)


@case("cable/loss")
def loss(world):
    """one packet in five is lost each way, and the summary says how many"""
    program = cable(world, "--impair", "loss=20%,seed=5")
    out = run("ping", "-f", "-c", 1000, "-W", 1, PLX, ok=(0, 1), timeout=60)
    lost = float(re.search(r"([\d.]+)% packet loss", out)[1])
    check(25 < lost < 48, f"{lost} % of the pings were lost; 36 % would be right")
    counted = [int(n) for n in re.findall(r"(\d+) lost", program.stop())]
    check(len(counted) == 2 and all(n > 100 for n in counted), f"the summary counts {counted}")
