# SPDX-License-Identifier: BSD-3-Clause
"""Runs test suites and closes with one line, `N passed, N failed`, summed over all of them.

    scripts/dev test quick        for every edit
    scripts/dev test [SUITE...]   everything, or these
    scripts/dev test --list
"""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from plxdev import results, suites
from plxdev.build import ROOT, build

LOGS = ROOT / "build" / "test-logs"
TAIL = 60  # lines shown of a program that failed


def say(text):
    print(text, flush=True)


def run_program(suite, program):
    """(program, Result, its output, seconds). The output is kept in build/test-logs."""
    started = time.monotonic()
    path = LOGS / suite.name / (re.sub(r"[^\w.+-]", "_", program.name) + ".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as log:
        try:
            child = subprocess.Popen(program.cmd, cwd=program.cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env={**os.environ, **program.env}, start_new_session=True)
            status = child.wait(timeout=program.timeout)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(child.pid, signal.SIGTERM)  # a script gets the chance to take its namespaces down
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        except OSError as why:
            status = 127
            log.write(f"cannot run {program.cmd[0]}: {why.strerror}\n".encode())
    text = path.read_text(errors="replace")
    result = results.judge(text, status, program.single)
    if status is None:
        text += f"\n(stopped: took longer than {program.timeout:.0f} s)"
    elif status != 0:
        text += f"\n(ended with {status})"
    elif result.failed and not results.count(text).cases():
        text += "\n(reported no test)"
    return program, result, text, time.monotonic() - started


def show_failure(suite, program, text):
    lines = text.rstrip().split("\n")
    say(f"---- {suite.name}: {program.name} failed" + (f", last {TAIL} lines" if len(lines) > TAIL else ""))
    for line in lines[-TAIL:]:
        say("     " + line)


def run_suite(suite):
    started = time.monotonic()
    try:
        programs = suites.programs(suite)
    except (subprocess.CalledProcessError, OSError) as why:
        say(f"---- {suite.name}: {why}")
        programs = []
    total = results.Result()
    with ThreadPoolExecutor(suite.jobs) as pool:
        for program, result, text, _ in pool.map(lambda p: run_program(suite, p), programs):
            total += result
            if result.failed:
                show_failure(suite, program, text)
    if total.cases() == 0:
        say(f"---- {suite.name}: no test ran")
        total = results.Result(failed=1)
    say(f"{suite.name:<12} {total.line():<44} {time.monotonic() - started:7.1f} s   {suite.about}")
    return total


def run_build(name):
    """True when the directory is built; what the compiler said is shown when it is not."""
    started = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{name}.log"
    with open(path, "wb") as log:
        status = build(name, log)
    say(f"{name:<12} {'built' if status == 0 else 'FAILED':<40} {time.monotonic() - started:7.1f} s")
    if status != 0:
        for line in path.read_text(errors="replace").rstrip().split("\n")[-TAIL:]:
            say("     " + line)
    return status == 0


def select(argv):
    quick = argv == ["quick"]
    everything = suites.suites(quick)
    if quick or not argv:
        return everything
    unknown = set(argv) - {s.name for s in everything}
    if unknown:
        raise SystemExit(f"no such suite: {', '.join(sorted(unknown))}; there are quick, "
                         f"{', '.join(s.name for s in everything)}")
    return [s for s in everything if s.name in argv]


def main(argv):
    if "--list" in argv:
        for suite in suites.suites():
            say(f"{suite.name:<12} {suite.about}")
        return 0
    chosen, total, builds = select(argv), results.Result(), {}
    started = time.monotonic()
    for suite in chosen:
        if suite.build and suite.build not in builds:
            builds[suite.build] = run_build(suite.build)
        if suite.build and not builds[suite.build]:
            say(f"{suite.name:<12} not run: {suite.build} does not build")
            total += results.Result(failed=1)
            continue
        total += run_suite(suite)
    say(f"took {time.monotonic() - started:.0f} s; logs are in {LOGS.relative_to(ROOT)}")
    say(total.line())
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
