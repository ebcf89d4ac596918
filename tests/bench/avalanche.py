# SPDX-License-Identifier: BSD-3-Clause
"""A server whose client, with a million connections, is killed, or closes them all at once; what a bystander notices.

plx-bench serve on two memifs, a core of its own. `hold` keeps the connections on one; on the other a plx-bench asks four
connections 2,000 times a second and counts latency from when each request was due. Killed, the client answers no more:
keepalive finds that out after KEEPALIVE + PROBES seconds, for all connections within a few."""

import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from server import Server

KEEPALIVE, PROBES = 10, 3  # seconds, and how many, a second apart
BYSTANDERS, RATE = 4, 2000
BEFORE, AFTER = 3, 6  # seconds of the bystander's without the avalanche
OPENING = 120  # seconds at most
FIRST_PORT, PER_PORT = 7000, 25_000


class Census(threading.Thread):
    """How many connections the server says it has: (moment of CLOCK_MONOTONIC, number)."""

    def __init__(self, lines):
        super().__init__(daemon=True)
        self.lines, self.said = lines, []

    def run(self):
        for line in self.lines:
            match = re.match(r"plx-bench: ([\d.]+) s: (\d+) connections", line)
            if match:
                self.said.append((float(match[1]), int(match[2])))

    def wait(self, what, seconds):
        """The moment of the first report for which what(number) holds, of those yet to come and the last one."""
        begin, end = max(0, len(self.said) - 1), time.monotonic() + seconds
        while time.monotonic() < end:
            for at, number in self.said[begin:]:
                if what(number):
                    return at
            time.sleep(0.05)
        raise SystemExit(f"avalanche: after {seconds} s the server has said {self.said[-3:]}")


class Avalanche:
    def __init__(self, program, folder, wanted):
        self.program, self.folder, self.wanted = str(program), folder, wanted
        self.ports = f"{FIRST_PORT}-{FIRST_PORT - 1 + max(1, wanted // PER_PORT)}"

    def pinned(self, core, words):
        return ["taskset", "-c", str(min(core, (os.cpu_count() or 1) - 1)), self.program, *map(str, words)]

    def serve(self):
        return self.pinned(0, ["serve", "--dev", f"memif:{self.folder}/hold,server", "--ip", "10.0.0.1/16", "--dev",
                               f"memif:{self.folder}/by,server", "--ip", "10.2.0.1/24", "--rr", self.ports, "--backlog", 16384,
                               "--keepalive", "-v", "--set", "idle=spin", "--set", f"tcp_keepalive_time={KEEPALIVE}", "--set",
                               "tcp_keepalive_intvl=1", "--set", f"tcp_keepalive_probes={PROBES}"])

    def hold(self):
        return self.pinned(1, ["hold", "--dev", f"memif:{self.folder}/hold", "--ip", "10.0.1.1/16", "-c", self.wanted, "-t",
                               600, "--warmup", 0, "-q", "10.0.0.1", self.ports])

    def bystander(self):
        return self.pinned(1, ["rr", "--dev", f"memif:{self.folder}/by", "--ip", "10.2.0.2/24", "-c", BYSTANDERS, "-t", 100,
                               "--warmup", 1, "--interval", 1, "--rate", RATE, "--set", "idle=spin", "-q", "--json",
                               f"{self.folder}/by.json", "10.2.0.1", FIRST_PORT])

    def run(self, how):
        """(seconds from the first connection's end to the last one's, the bystander's seconds meanwhile, and after)."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with Server(self.serve(), "plx: ready") as server, subprocess.Popen(self.hold(), **quiet) as holder:
            census = Census(server.child.stdout)
            census.start()
            census.wait(lambda n: n >= self.wanted, OPENING)
            with subprocess.Popen(self.bystander(), **quiet) as bystander:
                census.wait(lambda n: n >= self.wanted + BYSTANDERS, 20)
                begun = time.monotonic() + 1  # that is its warm-up
                time.sleep(BEFORE)
                pushed = time.monotonic()
                holder.send_signal(how)
                first = census.wait(lambda n: n < self.wanted, KEEPALIVE + 2 * PROBES + 30)
                last = census.wait(lambda n: n <= BYSTANDERS, 60)
                time.sleep(AFTER)
                bystander.send_signal(signal.SIGINT)
                bystander.wait(30)
            holder.wait(60)
        series = json.loads(Path(f"{self.folder}/by.json").read_text())["series"]
        at = [(begun + second["from_s"], second["latency_us"]) for second in series]
        during = [latency for moment, latency in at if pushed - 1 <= moment <= last]
        after = [latency for moment, latency in at if moment > last + 1]
        return max(last - first, 0) + 1, during, after  # the server speaks once a second


def worst(seconds, what):
    return round(max(second[what] for second in seconds), 1)


def measure(program, wanted):
    """Figures by their keys."""
    figures = {"avalanche_connections": wanted}
    for name, how in (("killed", signal.SIGKILL), ("closed", signal.SIGTERM)):
        with tempfile.TemporaryDirectory(prefix="plx-bench-") as folder:
            took, during, after = Avalanche(program, folder, wanted).run(how)
        figures[f"avalanche_{name}_gone_within_s"] = round(took, 1)
        for when, seconds in (("", during), ("_after", after)):
            figures[f"avalanche_{name}_bystander_us_p50{when}"] = round(statistics.median(s["p50"] for s in seconds), 1)
            figures[f"avalanche_{name}_bystander_us_p99{when}"] = round(statistics.median(s["p99"] for s in seconds), 1)
            figures[f"avalanche_{name}_bystander_us_worst{when}"] = worst(seconds, "max")
    return figures
