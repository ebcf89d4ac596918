# SPDX-License-Identifier: BSD-3-Clause
"""Runs cases, each in a process with a network, mount and process namespace of its own: when it ends, or is
ended, everything it started goes with it. One line per case, and a closing line."""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2e import world
from e2e.case import CASES, Failure, Skip

MODULES = ("cases_wires", "cases_services", "cases_nc", "cases_process", "cases_input", "cases_bench", "cases_httpd", "cases_cable")
MODULES += ("cases_pktgen",)
SKIPPED = 77  # exit status
TAIL = 40     # lines shown of a failed case
ROOT = Path(__file__).resolve().parents[3]
LOGS = ROOT / "build" / "test-logs" / "e2e-cases"
NAMESPACES = ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]


def load_cases():
    for module in MODULES:
        importlib.import_module(f"e2e.{module}")


def select(words):
    unknown = [w for w in words if not any(name.startswith(w) for name in CASES)]
    if unknown:
        raise SystemExit(f"no such case: {', '.join(unknown)}; --list names them")
    return [c for name, c in CASES.items() if not words or any(name.startswith(w) for w in words)]


# ---- inside the namespaces ----

def run_here(name):
    """The case itself, in this process. The exit status."""
    with world.World(name) as w:
        try:
            CASES[name].run(w)
        except Skip as why:
            print(f"skipped: {why}", flush=True)
            return SKIPPED
        except Failure as why:
            w.show_programs()
            at = [f for f in traceback.extract_tb(why.__traceback__) if "cases_" in f.filename][-1]
            print(f"{Path(at.filename).name}:{at.lineno}: {at.line}\n{why}", flush=True)
            return 1
        except BaseException:  # noqa: B902 - whatever it is, the programs' output belongs over it
            w.show_programs()
            traceback.print_exc(file=sys.stdout)
            return 1
    return 0


# ---- outside ----

class Runner:
    def __init__(self, arguments):
        self.environment = dict(os.environ, E2E_FULL="1" if arguments.full else "")
        self.counts = {"ok": 0, "FAILED": 0, "skip": 0}
        self.lock = threading.Lock()
        self.children = set()

    def run(self, case):
        started = time.monotonic()
        log = LOGS / (case.name.replace("/", "_") + ".log")
        with open(log, "wb") as out:
            child = subprocess.Popen([*NAMESPACES, sys.executable, sys.argv[0], "--one", case.name],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment)
            with self.lock:
                self.children.add(child)
            try:
                status = child.wait(timeout=case.timeout)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)  # takes the namespace's processes along
                child.wait()
                status = None
            with self.lock:
                self.children.discard(child)
        self.report(case, status, log, time.monotonic() - started)

    def report(self, case, status, log, seconds):
        verdict = {0: "ok", SKIPPED: "skip"}.get(status, "FAILED")
        lines = log.read_text(errors="replace").rstrip().split("\n")
        if status is None:
            lines.append(f"stopped: took longer than {case.timeout:.0f} s")
        note = f"  ({lines[-1]})" if verdict == "skip" else ""
        with self.lock:
            self.counts[verdict] += 1
            print(f"{verdict:<7} {case.name:<44} {seconds:6.1f} s{note}", flush=True)
            if verdict == "FAILED":
                print("\n".join("        " + line for line in lines[-TAIL:]), flush=True)

    def stop(self):
        with self.lock:
            for child in self.children:
                child.kill()


def main(argv):
    parser = argparse.ArgumentParser(description="end-to-end tests")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--full", action="store_true", help="a GiB where the regular run moves 64 MiB")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-j", type=int, default=2, help="cases at once (default 2)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)

    load_cases()
    if arguments.one:
        return run_here(arguments.one)
    chosen = select(arguments.cases)
    if arguments.list:
        for case in chosen:
            print(f"{case.name:<44} {case.about}")
        return 0
    if os.geteuid() != 0:
        print("e2e: namespaces and TAP devices take root", file=sys.stderr)
        return 1
    return run_all(arguments, chosen)


def run_all(arguments, chosen):
    LOGS.mkdir(parents=True, exist_ok=True)
    runner = Runner(arguments)
    signal.signal(signal.SIGTERM, lambda *_: (runner.stop(), os._exit(1)))
    try:
        with ThreadPoolExecutor(arguments.j) as pool:
            list(pool.map(runner.run, [c for c in chosen if not c.alone]))
        for case in chosen:
            if case.alone:
                runner.run(case)
    except KeyboardInterrupt:
        runner.stop()
        os._exit(1)
    skipped = f", {runner.counts['skip']} skipped" if runner.counts["skip"] else ""
    print(f"{runner.counts['ok']} passed, {runner.counts['FAILED']} failed{skipped}")
    return 1 if runner.counts["FAILED"] else 0
