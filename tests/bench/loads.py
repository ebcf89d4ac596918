# SPDX-License-Identifier: BSD-3-Clause
"""plx-bench against plx-bench: the same loads over Pollux on memif and over the kernel on lo and on a veth.

Two processes, a core each, both spinning; the kernel's sockets with NODELAY and an epoll server of one thread. Each figure
is the median of interleaved rounds, each with servers of its own."""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from server import Server

# key, words for plx-bench, port, what is compared
LOADS = [
    *((f"rr_{size}b_{conns}", ["rr", "-n", size, "-c", conns], 7, "requests_per_second")
      for size in (1, 64, 1024) for conns in (1, 64, 10_000)),
    ("stream_up", ["stream", "--direction", "up"], 9, "gbit_per_second"),
    ("stream_down", ["stream", "--direction", "down"], 8, "gbit_per_second"),
    ("cps", ["cps", "-c", 32, "--close", "reset"], 7, "requests_per_second"),
    ("udp_64b_32", ["udp", "-n", 64, "-c", 32], 7, "requests_per_second"),
]
SERVE = ["serve", "--rr", 7, "--stream", 8, "--sink", 9, "--udp", 7, "--backlog", 16384]
STACKS = ("memif", "lo", "veth")


class Namespaces:
    """Two, with a veth between them and lo up: the kernel's wires, and nobody else's."""

    def __enter__(self):
        self.names = [f"plxb-{side}-{os.getpid()}" for side in "sc"]
        for name in self.names:
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        server, client = self.names
        self.ip("-n", server, "link", "add", "plxb0", "type", "veth", "peer", "name", "plxb1", "netns", client)
        for name, device, address in ((server, "plxb0", "10.0.0.1/16"), (client, "plxb1", "10.0.1.1/16")):
            self.ip("-n", name, "addr", "add", address, "dev", device)
            self.ip("-n", name, "link", "set", device, "up")
            subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535"],
                           check=False, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True)


class Loads:
    def __init__(self, program, folder, spaces, seconds):
        self.program, self.folder, self.spaces, self.seconds = str(program), folder, spaces, seconds
        self.number = 0

    def on(self, stack, core, side, words):
        """The whole command: pinned, in its namespace, on its wire."""
        pinned = ["taskset", "-c", str(min(core, (os.cpu_count() or 1) - 1))]
        if stack == "memif":
            wire = f"memif:{self.folder}/{self.number}" + (",server" if side == 0 else "")
            address = "10.0.0.1/16" if side == 0 else "10.0.1.1/16"
            return [*pinned, self.program, words[0], "--dev", wire, "--ip", address, "--set", "idle=spin", *words[1:]]
        name = self.spaces.names[0 if stack == "lo" else side]
        return ["ip", "netns", "exec", name, *pinned, self.program, words[0], "--backend", "kernel", "--spin", *words[1:]]

    def run(self, stack, words, port):
        """plx-bench's own result."""
        self.number += 1
        out = Path(self.folder) / f"{self.number}.json"
        host = "127.0.0.1" if stack == "lo" else "10.0.0.1"
        words = [*words, "-t", self.seconds, "--warmup", 1, "-q", "--json", out, host, port]
        with Server(self.on(stack, 0, 0, [str(w) for w in SERVE]), "plx: ready"):
            done = subprocess.run(self.on(stack, 1, 1, [str(w) for w in words]), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=120)
        if not out.exists():
            raise SystemExit(f"plx-bench {' '.join(map(str, words))} on {stack} ended with {done.returncode}:\n{done.stdout}")
        return json.loads(out.read_text())


def figure_of(result, what):
    if what == "gbit_per_second":
        return max(result["gbit_per_second_in"], result["gbit_per_second_out"])
    return result[what]


def measure(program, out, rounds, seconds, say):
    """Rows of medians: {key, what, stack: figure, stack_p50, stack_p99}; every result in full in loads.json."""
    results, rows = [], []
    with tempfile.TemporaryDirectory(prefix="plx-bench-") as folder, Namespaces() as spaces:
        loads = Loads(program, folder, spaces, seconds)
        for key, words, port, what in LOADS:
            seen = {stack: [] for stack in STACKS}
            for _ in range(rounds):
                for stack in STACKS:
                    seen[stack].append(loads.run(stack, words, port))
            row = {"key": key, "what": what}
            for stack, runs in seen.items():
                row[stack] = statistics.median(figure_of(r, what) for r in runs)
                for p in ("p50", "p99"):
                    row[f"{stack}_{p}"] = statistics.median(r.get("latency_us", {}).get(p) or 0 for r in runs)
                results += [{"key": key, "stack": stack, **r} for r in runs]
            rows.append(row)
            say(row)
    (out / "loads.json").write_text(json.dumps(results, indent=1) + "\n")
    return rows


def line(row):
    unit = "Gbit/s" if row["what"] == "gbit_per_second" else "/s"
    number = (lambda x: f"{x:.2f}") if unit == "Gbit/s" else (lambda x: f"{x:,.0f}")
    best = max(row["lo"], row["veth"])
    return (f"| `{row['key']}` | {number(row['memif'])} {unit} | {number(row['lo'])} | {number(row['veth'])} | "
            f"{row['memif'] / best if best else 0:.1f}x | {row['memif_p50']:.1f} / {row['memif_p99']:.1f} | "
            f"{row['lo_p50']:.1f} / {row['lo_p99']:.1f} |")


HEAD = ("| load | Pollux, memif | kernel, lo | kernel, veth | to the better | p50 / p99 us, memif | p50 / p99 us, lo |\n"
        "|---|---|---|---|---|---|---|")


def table(rows):
    return "\n".join([HEAD, *map(line, rows)])
