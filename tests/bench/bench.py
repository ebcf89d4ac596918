#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The figures of docs/performance.md: tables, JSON and plots under build/bench/.

    scripts/bench               everything, about ten minutes
    scripts/bench --quick       shorter, one round each: about four minutes
    scripts/bench --only instructions|bytes|rtt|pktgen|loads|hold|avalanche
    scripts/bench --only instructions --functions     and where they go
    scripts/bench --write-docs  the tables of the last whole run into docs/performance.md
    scripts/bench gate          the suite: fails when a count has grown by more than 3 % over tests/bench/counts.json
    scripts/bench accept        writes that file
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "lib"), str(ROOT / "tests" / "bench")]

import avalanche  # noqa: E402
import loads  # noqa: E402
from callgrind import Profile  # noqa: E402
from plxdev.build import build  # noqa: E402
from server import Server  # noqa: E402

# What is not the server's: the wire with the clients behind it, the clock, and the packet pool.
EXCLUDED = r"bench_(?!counted)|peer_|world_push|fixed_(en|de)queue|heap_(en|de)queue"
COPY = r"|(__)?mem(cpy|move)"  # the bytes that recv hands over, where they are not to be counted

BESIDE_OTHERS = 1.3  # times what a request takes alone
# key, operation of bench_count, times, copy left out?, idle connections beside, budget, budget with checksums
COUNTS = [
    ("per_request", "request", 2000, False, 0, 600, 800),
    ("request_separate_ack", "request_separate_ack", 2000, False, 0, None, None),
    ("32_connections", "32_connections", 6400, False, 0, None, None),
    ("segment_received", "segment_received", 6400, True, 0, 250, 500),
    ("connect_request_close", "connect_request_close", 2000, False, 0, 3000, None),
    ("1000_active", "1000_active", 8000, False, 0, BESIDE_OTHERS, BESIDE_OTHERS),
]
SEGMENT_FRAME, SEGMENT = 1514, 1448
SHORTEST_FRAME = 64
FOOTPRINTS = [("established", 512), ("half_open", 96), ("time_wait", 96)]


class Awake:
    """Keeps cores from falling idle, by work that gives way to any other: a host that finds a core idle may go on with
    it in another place, and the next program finds its cores nearer to each other or further apart."""

    def __init__(self, cores):
        self.cores = [core for core in cores if core < (os.cpu_count() or 1)]

    def __enter__(self):
        def settle(core):
            os.sched_setaffinity(0, {core})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        self.children = [subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda c=core: settle(c))
                         for core in self.cores]

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()


class Bench:
    def __init__(self, directory, out, full, functions):
        self.bin = directory / "tests" / "bench"
        self.apps = directory / "apps"
        self.out, self.full, self.functions = out, full, functions
        self.figures, self.budgets = {}, {}
        self.rows = []  # of the loads

    def put(self, key, value, budget=None):
        self.figures[key] = value
        self.budgets[key] = budget

    # ---- instructions ----

    def count(self, key, operation, times, without_copy, idle, mode):
        profile = self.out / f"callgrind.{key}.{mode}"
        done = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}",
                               str(self.bin / "bench_count"), operation, mode, str(times), str(idle)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench_count {operation} {mode}:\n{done.stderr}")
        read = Profile(profile)
        excluded = EXCLUDED + (COPY if without_copy else "")
        return round((read.total() - read.inclusive(excluded)) / int(done.stdout), 1)

    def profile(self, key, mode, times):
        """Where an operation's instructions go, function by function, as callgrind found them."""
        read = Profile(self.out / f"callgrind.{key}.{mode}")
        print(f"\n{key}, {mode}: instructions of each function itself, per operation")
        for function, cost in read.own.most_common():
            if cost >= 5 * times and not re.match(EXCLUDED, function):
                print(f"{cost / times:10.1f}  {function}")

    def instructions(self):
        idle = 1_000_000 if self.full else 100_000
        beside = (f"beside_{idle}_idle", "request", 2000, False, idle, BESIDE_OTHERS, BESIDE_OTHERS)
        runs = [(spec, mode) for mode in ("offload", "checksum") for spec in [*COUNTS, beside]]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            values = list(pool.map(lambda r: self.count(*r[0][:5], r[1]), runs))
        alone = {mode: value for ((key, *_), mode), value in zip(runs, values) if key == "per_request"}
        for ((key, *_, budget, budget_checksum), mode), value in zip(runs, values):
            limit = budget if mode == "offload" else budget_checksum
            if limit == BESIDE_OTHERS:
                limit = round(BESIDE_OTHERS * alone[mode], 1)
            self.put(f"instructions_{key}" + ("" if mode == "offload" else "_checksum"), value, limit)
        for (key, _, times, *_), mode in runs if self.functions else ():
            self.profile(key, mode, times)

    # ---- memory ----

    def footprint(self, kind, number):
        return float(subprocess.check_output([str(self.bin / "bench_footprint"), kind, str(number)], text=True))

    def bytes(self):
        """Of one among 100,000, which is what the gate and the budgets are about; and among fewer and more."""
        for kind, budget in FOOTPRINTS:
            self.put(f"bytes_{kind}", self.footprint(kind, 100_000), budget)
        for kind, _ in FOOTPRINTS if self.full else ():
            for number in (1, 1000, 1_000_000):
                self.put(f"bytes_{kind}_of_{number}", self.footprint(kind, number))

    # ---- round trips ----

    def eal(self, core, name):
        memory = ["-m", "256"] if hugepages() else ["--no-huge", "-m", "256"]
        return [*memory, "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=3", f"--file-prefix=plxbench{name}",
                "-l", str(core)]

    def client(self, *args):
        """What the client printed: its first number."""
        cores = os.cpu_count() or 1
        out = subprocess.run([str(self.bin / "bench_memif"), *self.eal(min(1, cores - 1), "c"), "--", *map(str, args)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        match = re.search(r"^(?:rtt|rate|frames \d+ rate) ([\d.]+)", out.stdout, re.M)
        if out.returncode != 0 or not match:
            raise SystemExit(f"bench_memif {' '.join(map(str, args))}:\n{out.stdout}{out.stderr}")
        return float(match.group(1))

    def server(self, what, socket):
        return Server([str(self.bin / "bench_memif"), *self.eal(0, "s"), "--", what, socket], "ready")

    def bare(self, socket, times, *conns):
        with self.server("server", socket):
            return self.client("bare", socket, times, *conns)

    def bulk_bare(self, socket, times):
        with self.server("reader", socket):
            return self.client("flood", socket, times, SEGMENT_FRAME)

    def bulk(self, socket, times):
        with Server(["taskset", "-c", "0", str(self.apps / "plx-bench"), "serve", "--dev", f"memif:{socket},server", "--ip",
                     "10.0.0.1/16", "--sink", "7", "--set", "idle=spin"], "plx: ready"):
            return self.client("bulk", socket, times)

    def echo(self, socket):
        return Server(["taskset", "-c", "0", str(self.apps / "plx-echo"), "--dev", f"memif:{socket},server", "--ip",
                       "10.0.0.1/16", "--tcp", "7", "--set", "idle=spin"], "plx: ready")

    def pollux(self, socket, times, *conns):
        with self.echo(socket):
            return self.client("tcp", socket, times, *conns)

    def pollux_both(self, socket, times):
        with self.echo(socket):
            out = subprocess.run(["taskset", "-c", "1", str(self.bin / "plx_rtt"), "--dev", f"memif:{socket}", "--ip",
                                  "10.0.1.1/16", "--set", "idle=spin", "10.0.0.1", "7", str(times)],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        match = re.search(r"^rtt ([\d.]+)", out.stdout, re.M)
        if not match:
            raise SystemExit(f"plx_rtt:\n{out.stdout}{out.stderr}")
        return float(match.group(1))

    def kernel(self, times):
        out = subprocess.check_output([str(self.bin / "kernel_rtt"), str(times)], text=True)
        return float(out.split()[1])

    def rtt(self):
        rounds = 15 if self.full else 5
        seen = {key: [] for key in ("memif", "bare", "memif_both", "kernel")}
        rate = {key: [] for key in ("memif", "bare", "bulk", "bulk_bare")}
        with tempfile.TemporaryDirectory(prefix="plx-bench-") as folder:
            for number in range(rounds):  # interleaved: what disturbs the machine disturbs them all
                socket = f"{folder}/{number}"
                seen["bare"].append(self.bare(socket + "b", 50_000))
                seen["memif"].append(self.pollux(socket + "p", 50_000))
                seen["memif_both"].append(self.pollux_both(socket + "d", 50_000))
                seen["kernel"].append(self.kernel(20_000))
                rate["bare"].append(self.bare(socket + "c", 1_000_000, 32))
                rate["memif"].append(self.pollux(socket + "q", 300_000, 32))
                rate["bulk_bare"].append(self.bulk_bare(socket + "e", 2_000_000))
                rate["bulk"].append(self.bulk(socket + "f", 2_000_000))
        medians = {key: statistics.median(values) for key, values in seen.items()}
        self.put("rtt_us_memif", round(medians["memif"], 3))
        self.put("rtt_us_bare", round(medians["bare"], 3))
        self.put("rtt_us_kernel", round(medians["kernel"], 3))
        self.put("rtt_us_memif_both_ends", round(medians["memif_both"], 3))
        self.put("rtt_ratio_memif_to_bare", round(medians["memif"] / medians["bare"], 3), 1.4)
        rates = {key: statistics.median(values) for key, values in rate.items()}
        self.put("requests_per_second_32", round(rates["memif"]))
        self.put("frames_per_second_32_bare", round(rates["bare"]))
        self.put("rate_ratio_32_to_bare", round(rates["memif"] / rates["bare"], 3), 0.45)
        self.put("bulk_gbit_per_second", round(rates["bulk"] * SEGMENT * 8 / 1e9, 2))
        self.put("bulk_gbit_per_second_bare", round(rates["bulk_bare"] * SEGMENT * 8 / 1e9, 2))
        self.put("rate_ratio_bulk_to_bare", round(rates["bulk"] / rates["bulk_bare"], 3), 0.9)

    # ---- packets, one way ----

    def flood_bare(self, socket, times):
        with self.server("sink", socket):
            return self.client("flood", socket, times, SHORTEST_FRAME)

    def generated(self, socket, seconds):
        """The result of a `plx-pktgen --rx` that another one sends the shortest frames to."""
        program, out = str(self.apps / "plx-pktgen"), Path(socket + ".json")
        with Server(["taskset", "-c", "0", program, "--dev", f"memif:{socket},server", "--ip", "10.0.0.1/16", "--rx", "--json",
                     str(out)], "plx: ready"):
            sent = subprocess.run(["taskset", "-c", "1", program, "--dev", f"memif:{socket}", "--ip", "10.0.1.1/16", "--dst",
                                   "10.0.0.1", "--size", str(SHORTEST_FRAME), "--rate", "max", "--duration", str(seconds)],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if sent.returncode != 0:
            raise SystemExit(f"plx-pktgen ended with {sent.returncode}:\n{sent.stdout}")
        if not out.exists():
            raise SystemExit("plx-pktgen --rx left no result: it did not survive the sender's leaving")
        result = json.loads(out.read_text())
        if result["one_way_ns"]["count"] != result["received"]["probes"] or result["received"]["damaged"] != 0:
            raise SystemExit(f"plx-pktgen --rx: {result['received']}")
        return result

    def core_distance(self):
        """ns that a cache line takes from the one core to the other and back."""
        out = subprocess.check_output([str(self.bin / "bench_cores"), "0", "1"], text=True, timeout=60)
        return float(out.split()[1]) * 1000

    def pktgen_round(self, name, bare_first):
        """(distance, frames a second on the bare wire, plx-pktgen's result), or the reason why it does not count."""
        before = self.core_distance()
        bare = self.flood_bare(f"{name}b", 8_000_000) if bare_first else None
        ours = self.generated(f"{name}p", 0.5)
        bare = bare or self.flood_bare(f"{name}b", 8_000_000)
        after = self.core_distance()
        if max(before, after) > 1.5 * min(before, after):
            return f"the cores were moved, {before:.0f} to {after:.0f} ns apart"
        return (before + after) / 2, bare, ours

    def pktgen(self):
        rounds = []
        with tempfile.TemporaryDirectory(prefix="plx-bench-") as folder, Awake((0, 1)):
            for number in range(30 if self.full else 8):
                done = self.pktgen_round(f"{folder}/{number}", number % 2 == 0)
                if isinstance(done, str):
                    print(f"pktgen round {number}: left out, {done}", flush=True)
                    continue
                rounds.append(done)
                distance, bare, ours = done
                rate = ours["received"]["frames_per_second"]
                print(f"pktgen round {number}: cores {distance:.0f} ns apart, bare {bare / 1e6:.2f} Mpps, "
                      f"plx-pktgen {rate / 1e6:.2f}, ratio {rate / bare:.3f}", flush=True)
        if not rounds:
            raise SystemExit("pktgen: no round was whole")
        distances, bare, ours = zip(*rounds)
        rates = [result["received"]["frames_per_second"] for result in ours]
        self.put("pktgen_rounds", len(rounds))
        self.put("pktgen_core_distance_ns", round(statistics.median(distances)))
        self.put("pktgen_frames_per_second", round(statistics.median(rates)))
        self.put("pktgen_frames_per_second_bare", round(statistics.median(bare)))
        self.put("rate_ratio_pktgen_to_bare", round(statistics.median(r / b for r, b in zip(rates, bare)), 3), 0.9)
        self.put("pktgen_missing", sum(result["received"]["missing"] for result in ours))
        for name in ("p50", "p99"):
            self.put(f"pktgen_one_way_us_{name}", round(statistics.median(r["one_way_ns"][name] for r in ours) / 1e3, 1))

    # ---- loads ----

    def loads(self):
        print(loads.HEAD)
        self.rows = loads.measure(self.apps / "plx-bench", self.out, 3 if self.full else 1, 3 if self.full else 1,
                                  lambda row: print(loads.line(row), flush=True))
        try:
            import plots
        except ImportError:
            print("no plots: python3-matplotlib is missing (scripts/setup)")
            return
        print("plots:", ", ".join(plots.draw(self.rows, self.out)))

    # ---- many ----

    def hold(self):
        """Opens connections between two processes over memif and keeps them."""
        wanted = 1_000_000 if self.full else 50_000
        ports = f"7000-{6999 + max(1, wanted // 25_000)}"
        with tempfile.TemporaryDirectory(prefix="plx-bench-") as folder:
            out = Path(folder) / "hold.json"
            spin = ["--set", "idle=spin"]
            serve = ["taskset", "-c", "0", str(self.apps / "plx-bench"), "serve", "--dev", f"memif:{folder}/m,server", "--ip",
                     "10.0.0.1/16", "--rr", ports, "--backlog", "16384", *spin]
            load = ["taskset", "-c", "1", str(self.apps / "plx-bench"), "hold", "--dev", f"memif:{folder}/m", "--ip",
                    "10.0.1.1/16", "-c", str(wanted), "-t", "5", "-q", "--json", str(out), *spin, "10.0.0.1", ports]
            with Server(serve, "plx: ready") as server:
                before = resident(server.child.pid)
                done = subprocess.run(load, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
                after = peak(server.child.pid)
            if not out.exists():
                raise SystemExit(f"plx-bench hold ended with {done.returncode}:\n{done.stdout}")
            result = json.loads(out.read_text())
        opened = result["connections"]["opened"]
        self.put("hold_connections", opened)
        self.put("hold_opened_per_second", round(result["connections"]["opened_per_second"]))
        self.put("hold_server_bytes_per_connection", round((after - before) / max(opened, 1)))

    def avalanche(self):
        for key, value in avalanche.measure(self.apps / "plx-bench", 1_000_000 if self.full else 50_000).items():
            self.put(key, value)


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def hugepages():
    match = re.search(r"^HugePages_Free:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return bool(match) and int(match.group(1)) >= 256 and os.access("/dev/hugepages", os.W_OK)


def machine():
    model = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return {"cpu": model.group(1) if model else "?", "cores": os.cpu_count(), "hugepages": hugepages()}


def show(bench):
    width = max(map(len, bench.figures))
    print(f"{'':<{width}} {'measured':>12} {'budget':>10}")
    for key, value in bench.figures.items():
        budget = bench.budgets[key]
        at_least = key.startswith("rate_ratio")
        missed = budget is not None and (value < budget if at_least else value > budget)
        limit = "" if budget is None else f"{'>=' if at_least else '<='} {budget:g}"
        print(f"{key:<{width}} {value:>12,g} {limit:>10}{'  missed' if missed else ''}".rstrip())


# ---- the gate ----

ACCEPTED = ROOT / "tests" / "bench" / "counts.json"
GATE_MARGIN = 1.03


def gated(bench):
    """What does not depend on the machine's speed."""
    bench.instructions()
    bench.bytes()
    return {key: value for key, value in bench.figures.items() if key.startswith(("instructions_", "bytes_"))}


def gate(bench):
    """The suite: each count against the accepted one."""
    accepted, failed = json.loads(ACCEPTED.read_text()), 0
    now = gated(bench)
    for key in sorted(now.keys() | accepted.keys()):
        was, value = accepted.get(key), now.get(key)
        ok = was is not None and value is not None and value <= was * GATE_MARGIN
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {key} {value} (accepted: {was})")
    print(f"{len(now.keys() | accepted.keys()) - failed} passed, {failed} failed")
    if failed:
        print("A count that grew on purpose is accepted by `scripts/bench accept`, with the reason in the commit.")
    return 1 if failed else 0


def accept(bench):
    ACCEPTED.write_text(json.dumps(gated(bench), indent=1) + "\n")
    show(bench)
    return 0


# ---- the page ----

def figures_table(saved):
    lines = ["| key | measured | budget |", "|---|---|---|"]
    for key, value in saved["figures"].items():
        budget = saved["budgets"].get(key)
        sign = ">=" if key.startswith("rate_ratio") else "<="
        lines.append(f"| `{key}` | {value:,} | {'' if budget is None else f'{sign} {budget:,}'} |")
    return "\n".join(lines)


def write_docs(saved):
    page = ROOT / "docs" / "performance.md"
    text = page.read_text()
    for name, body in (("figures", figures_table(saved)), ("loads", loads.table(saved["rows"]))):
        text, n = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, b=body: m[1] + b + "\n" + m[2], text, flags=re.S)
        if n != 1:
            raise SystemExit(f"{page} has no place for the table {name}")
    page.write_text(text)


PARTS = ("instructions", "bytes", "rtt", "pktgen", "loads", "hold", "avalanche")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=("gate", "accept"), help="see above")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--functions", action="store_true", help="show where the instructions go")
    parser.add_argument("--write-docs", action="store_true", help="measure nothing; write the last whole run's tables")
    parser.add_argument("--build", default="build", help="the build directory (default: build, which it builds first)")
    return parser.parse_args()


def main():
    args = arguments()
    out = ROOT / "build" / "bench"
    if args.write_docs:
        write_docs(json.loads((out / "full.json").read_text()))
        return 0
    if args.build == "build" and build("build", None) != 0:
        return 1
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench((ROOT / args.build).resolve(), out, not (args.quick or args.task), args.functions)
    if args.task:
        return {"gate": gate, "accept": accept}[args.task](bench)
    started = time.monotonic()
    for part in args.only or PARTS:
        getattr(bench, part)()
    if bench.figures:
        show(bench)
    name = "partial.json" if args.only else "quick.json" if args.quick else "full.json"
    saved = {"figures": bench.figures, "budgets": bench.budgets, "rows": bench.rows, "machine": machine()}
    (out / name).write_text(json.dumps(saved, indent=2) + "\n")
    print(f"took {time.monotonic() - started:.0f} s; written to {(out / name).relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
