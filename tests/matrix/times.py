#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long this machine's kernel takes, with CUBIC, to bring a fixed amount over a bad wire to itself: the times that the
simulator's known paths are held against (tests/sim/completion.py). Writes tests/sim/kernel-times.json.

    tests/matrix/times.py --build build [--runs 10]

The wire is plx-wire between two namespaces, a seed a run; nobody's ARP is lost, for that is no part of the transfer. The
time runs from the SYN to the FIN of the other side."""

import argparse
import datetime
import json
import platform
import statistics
import sys
from pathlib import Path
from subprocess import PIPE, run as run_program

from matrix import LEFT, PORT, RIGHT, ROOT, STREAM, Lab, run

# Delays are one way.
PATHS = [("loss=1%,delay=25ms,rate=100M", 16 << 20), ("loss=0.1%,delay=5ms,rate=100M", 64 << 20)]
OUT = ROOT / "tests" / "sim" / "kernel-times.json"


def hardware_address(namespace, device):
    shown = run_program(["ip", "-n", namespace, "-j", "link", "show", device], check=True, stdout=PIPE, timeout=30)
    return json.loads(shown.stdout)[0]["address"]


def introduce(lab):
    left = lab.right_device.replace("pmr", "pml")
    for here, device, peer, there, other in ((lab.left, left, RIGHT, lab.right, lab.right_device),
                                             (lab.right, lab.right_device, LEFT, lab.left, left)):
        run("ip", "-n", here, "neigh", "replace", peer, "lladdr", hardware_address(there, other), "dev", device)


def push(programs, wire, amount, seed):
    lab = Lab(programs)
    try:
        lab.open(f"{wire},seed={seed}")
        lab.right_is_linux()
        introduce(lab)
        receiver = lab.start([*STREAM, "receive", "600", "listen", str(PORT)], "receive", lab.left, stdout=PIPE)
        run_program(["sleep", "0.5"], check=True)
        sender = lab.start([*STREAM, "push", str(amount), LEFT, str(PORT)], "push", lab.right, stdout=PIPE)
        pushed, _ = sender.communicate(timeout=600)
        got = json.loads(receiver.communicate(timeout=10)[0])
    finally:
        lab.close()
    if got["bytes"] != amount or got["wrong"]:
        raise SystemExit(f"{wire}, seed {seed}: {got}")
    return round(json.loads(pushed)["seconds"], 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where plx-wire is")
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    programs = args.build.resolve() / "apps"
    result = {"kernel": platform.release(), "date": datetime.date.today().isoformat(),
              "command": f"tests/matrix/times.py --runs {args.runs}", "paths": []}
    for wire, amount in PATHS:
        seconds = []
        for seed in range(1, args.runs + 1):
            seconds.append(push(programs, wire, amount, seed))
            print(f"{wire}, seed {seed}: {seconds[-1]:.3f} s", flush=True)
        result["paths"].append({"wire": wire, "bytes": amount, "seconds": seconds,
                                "median": round(statistics.median(seconds), 3)})
    OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
