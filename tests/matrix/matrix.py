#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goodput over bad wires: Pollux to Linux, Linux to Pollux, and Linux to Linux beside them.

    scripts/dev matrix                       every cell, three runs of 20 s each (about 40 minutes)
    scripts/dev matrix --seconds 5 --runs 1 CELL...    the others' figures are kept
    scripts/dev matrix --list
    scripts/dev matrix --write-docs          the table of the last run into docs/performance.md

plx-wire joins two TAPs and is the bad wire; each TAP lies in a namespace of its own. The kernel sits on the left one. On the
right one sits the kernel (the reference), or plx-nc on af_packet. The receiver checks every byte. Writes
build/matrix/matrix.json."""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))

from plxdev.build import build  # noqa: E402

STREAM = [sys.executable, str(Path(__file__).with_name("stream.py"))]
LEFT, RIGHT, PORT = "10.77.0.1", "10.77.0.2", 5077
# A cell's name is its wire; delays are one way. What may wait for the rate is what Linux' routers have by default.
CELLS = [
    "delay=0",
    "delay=10ms",
    "delay=0,rate=100M,limit=1000",
    "delay=10ms,rate=10M,limit=200",
    "delay=50ms,rate=100M,limit=2000",
    "loss=0.1%,delay=0",
    "loss=0.1%,delay=10ms",
    "loss=0.1%,delay=50ms,rate=100M,limit=2000",
    "loss=1%,delay=0",
    "loss=1%,delay=10ms,rate=100M,limit=2000",
    "loss=1%,delay=50ms",
    "loss=3%,delay=10ms",
    "loss=3%,delay=50ms,rate=10M,limit=500",
    "reorder=1%,delay=10ms,rate=100M,limit=2000",
    "reorder=1%,loss=0.1%,delay=50ms,rate=100M,limit=2000",
]
WAYS = ["linux", "upload", "download"]
ENOUGH = 0.8  # of Linux to Linux


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)


class Lab:
    """Two namespaces, and a plx-wire between them."""

    def __init__(self, programs):
        self.programs, self.running, self.wire = programs, [], None
        self.folder = Path(tempfile.mkdtemp(prefix="plx-matrix-"))
        self.left, self.right = (f"plxm-{side}-{os.getpid()}" for side in "lr")
        for name in (self.left, self.right):
            run("ip", "netns", "add", name)

    def open(self, impair):
        words = ["--dev", f"tap:pml{os.getpid()}", "--dev", f"tap:pmr{os.getpid()}", "--impair", impair]
        self.wire = self.start([str(self.programs / "plx-wire"), *words], "wire")
        self.wait_ready()
        for name, device, address in ((self.left, words[1], LEFT), (self.right, words[3], RIGHT)):
            device = device.removeprefix("tap:")
            run("ip", "link", "set", device, "netns", name)
            run("ip", "-n", name, "link", "set", device, "up")
            if name == self.left:
                run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
        self.right_device = words[3].removeprefix("tap:")

    def start(self, words, name, namespace=None, **pipes):
        if namespace:
            words = ["ip", "netns", "exec", namespace, *words]
        with open(self.folder / f"{name}.err", "wb") as err:
            process = subprocess.Popen(words, stderr=err, stdin=pipes.get("stdin", subprocess.DEVNULL),
                                       stdout=pipes.get("stdout", open(self.folder / f"{name}.out", "wb")))
        self.running.append(process)
        return process

    def wait_ready(self):
        end = time.monotonic() + 20
        while "plx: ready" not in (self.folder / "wire.out").read_text():
            if self.wire.poll() is not None or time.monotonic() > end:
                raise SystemExit("plx-wire did not start:\n" + (self.folder / "wire.err").read_text())
            time.sleep(0.05)

    def right_is_linux(self):
        run("ip", "-n", self.right, "addr", "add", f"{RIGHT}/24", "dev", self.right_device)

    def nc(self, **pipes):
        return self.start([str(self.programs / "plx-nc"), "--dev", f"af_packet:{self.right_device}", "--ip", f"{RIGHT}/24",
                           LEFT, str(PORT)], "nc", self.right, **pipes)

    def transfer(self, way, seconds):
        """The receiver, started last or first as its way wants it."""
        times = ["receive", str(seconds)]
        pipe = subprocess.PIPE
        if way == "linux":
            self.right_is_linux()
            receiver = self.start([*STREAM, *times, "listen", str(PORT)], "receive", self.left, stdout=pipe)
            time.sleep(0.5)
            self.start([*STREAM, "send", LEFT, str(PORT)], "send", self.right)
        elif way == "upload":
            receiver = self.start([*STREAM, *times, "listen", str(PORT)], "receive", self.left, stdout=pipe)
            source = self.start([*STREAM, "send"], "send", stdout=pipe)
            time.sleep(0.5)
            self.nc(stdin=source.stdout)
            source.stdout.close()
        else:
            self.start([*STREAM, "send", "listen", str(PORT)], "send", self.left)
            time.sleep(0.5)
            hold_open = subprocess.Popen(["sleep", "infinity"], stdout=pipe)
            self.running.append(hold_open)
            nc = self.nc(stdin=hold_open.stdout, stdout=pipe)
            receiver = self.start([*STREAM, *times], "receive", stdin=nc.stdout, stdout=pipe)
            nc.stdout.close()
        out, _ = receiver.communicate(timeout=seconds + 60)
        if not out:
            said = "".join(f.read_text(errors="replace") for f in sorted(self.folder.glob("*.err")))
            raise SystemExit(f"{way}: nothing was received\n{said}")
        return json.loads(out)

    def close(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM if process is self.wire else signal.SIGKILL)
                process.wait(10)
        for name in (self.left, self.right):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(programs, cell, way, seconds, seed):
    lab = Lab(programs)
    try:
        lab.open(f"{cell},seed={seed}".replace("delay=0,", "").replace("delay=0", "loss=0%"))
        got = lab.transfer(way, seconds)
    finally:
        lab.close()
    if got["wrong"]:
        raise SystemExit(f"{cell}, {way}, seed {seed}: WRONG BYTES in {got['wrong']} chunks")
    return got["bytes"] * 8 / 1e6 / max(got["seconds"], 1e-9)


def cell_run(programs, cell, seconds, runs):
    """Medians of Mbit/s, the ways interleaved."""
    figures = {way: [] for way in WAYS}
    for seed in range(1, runs + 1):
        for way in WAYS:
            figures[way].append(round(measure(programs, cell, way, seconds, seed), 2))
    row = {"cell": cell, "seconds": seconds, "runs": figures}
    for way in WAYS:
        row[way] = statistics.median(figures[way])
    return row


def ratio(row, way):
    return row[way] / row["linux"] if row["linux"] else 0.0


def show(row):
    low = [way for way in ("upload", "download") if ratio(row, way) < ENOUGH]
    print(f"{row['cell']:52} {row['linux']:9.2f} {row['upload']:9.2f} {row['download']:9.2f}"
          f"   {ratio(row, 'upload'):5.2f} {ratio(row, 'download'):5.2f}{'   LOW' if low else ''}", flush=True)
    return low


def table(rows):
    lines = ["| wire (delay one way) | Linux to Linux, Mbit/s | Pollux to Linux | Linux to Pollux | ratios |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| `{row['cell']}` | {row['linux']:.1f} | {row['upload']:.1f} | {row['download']:.1f} | "
                     f"{ratio(row, 'upload'):.2f}, {ratio(row, 'download'):.2f} |")
    return "\n".join(lines)


def kept_rows(out, named):
    """What stands for cells that are not measured now: {cell: row}. Nothing when all are."""
    if not named or not out.exists():
        return {}
    return {row["cell"]: row for row in json.loads(out.read_text())["rows"] if row["cell"] not in named}


def write_docs(result):
    page = ROOT / "docs" / "performance.md"
    text, n = re.subn(r"(<!-- matrix -->\n).*?(<!-- end -->)", lambda m: m[1] + table(result["rows"]) + "\n" + m[2],
                      page.read_text(), flags=re.S)
    if n != 1:
        raise SystemExit(f"{page} has no place for the table")
    page.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", metavar="CELL")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--build", type=Path, help="where the programs are (default: build, made when missing)")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    args = parser.parse_args()
    out = ROOT / "build" / "matrix" / "matrix.json"
    if args.list:
        print("\n".join(CELLS))
        return 0
    if args.write_docs:
        write_docs(json.loads(out.read_text()))
        return 0
    if args.build is None and build("build", None, ["apps/plx-wire", "apps/plx-nc"]) != 0:
        return 1
    programs = (args.build or ROOT / "build").resolve() / "apps"
    cells = args.cells or CELLS
    print(f"{'wire (delay one way)':52} {'linux':>9} {'upload':>9} {'download':>9}   ratios to linux", flush=True)
    rows, low = kept_rows(out, args.cells), 0
    for cell in cells:
        rows[cell] = cell_run(programs, cell, args.seconds, args.runs)
        low += bool(show(rows[cell]))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"rows": [rows[c] for c in dict.fromkeys([*CELLS, *cells]) if c in rows]}, indent=1) + "\n")
    print(f"{len(cells)} cells, {low} below {ENOUGH} of Linux to Linux; no wrong byte; {out}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
