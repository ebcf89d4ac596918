#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""CUBIC against the kernel's on the same bad wire: the median time of a transfer in the simulator is at most 1.3 times the
kernel's, which tests/matrix/times.py has measured (kernel-times.json).

    completion.py PLX-SIM"""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

BOUND = 1.3


def times(binary, path):
    words = [binary, "--path", path["wire"], "--bytes", str(path["bytes"]), "--seed", "1", "--seeds", str(len(path["seconds"]))]
    out = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, timeout=280).stdout
    return [float(x) for x in re.findall(r"^seed \d+ took ([0-9.]+) s", out, re.M)]


def main():
    kernel = json.loads(Path(__file__).with_name("kernel-times.json").read_text())
    print(f"1..{len(kernel['paths'])}")
    failed = 0
    for i, path in enumerate(kernel["paths"], 1):
        ours = times(sys.argv[1], path)
        median = statistics.median(ours)
        ok = len(ours) == len(path["seconds"]) and median <= BOUND * path["median"]
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {i} - {path['wire']}, {path['bytes'] >> 20} MiB: median of {len(ours)} "
              f"{median:.2f} s ({min(ours):.2f} to {max(ours):.2f}); Linux {kernel['kernel']} {path['median']:.2f} s "
              f"({min(path['seconds']):.2f} to {max(path['seconds']):.2f}); {median / path['median']:.2f} of at most {BOUND}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
