# SPDX-License-Identifier: BSD-3-Clause
"""What suites there are, in the order they run, and what each consists of.

A suite is a list of programs. Those written in C are registered in meson by `test(..., suite: NAME)` and
found there, so that adding one takes one line; the others are a script each."""

import json
import os
import subprocess
from dataclasses import dataclass, field

from plxdev.build import ROOT

VIRTUAL = ("unit", "replay", "script", "sim")  # suites in virtual time: no wire, no privileges
COUNTED = {"unit", "packetdrill"}  # their programs hold many cases each; of the others one may be a case by itself


@dataclass
class Program:
    name: str
    cmd: list
    timeout: float
    env: dict = field(default_factory=dict)
    cwd: str = str(ROOT)
    single: bool = False  # its exit status is its only report


@dataclass
class Suite:
    name: str
    about: str
    build: str = None  # the directory it needs
    kinds: tuple = ()  # meson suites it consists of
    script: list = None
    timeout: float = 60
    env: dict = field(default_factory=dict)
    jobs: int = 1
    slower: float = 1.0  # than the plain build: multiplies the timeouts


SANITIZED = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
# Read by tests/support and tests/sim: how many buffers a pool of a test holds. In sim allocations fail then, and the
# streams have to come through all the same; unit tests, which say what happens packet by packet, get hardly more than
# they hold at once, so that one buffer kept too long fails them. Those named here hold many by intention.
EDGE = 128
EDGE_MANY = {"checksum": 4096, "frag": 4096, "ip4_in": 512, "netif_queue": 4096, "tcp_backpressure": 4096, "tcp_reassembly": 2048,
             "tcp_sender": 4096, "udp": 16384, "wire_packet": 256, "worker": 512}


def suites(quick=False):
    cores = os.cpu_count() or 1
    plain = [Suite(kind, f"{kind}, in virtual time", "build-quick", (kind,), jobs=cores) for kind in VIRTUAL]
    lint_build = "build-quick" if quick else "build-clang"
    lint = Suite("lint", "the rules of the house", lint_build, script=["tests/lint/run", "--objects", lint_build],
                 timeout=300)
    rfc_status = Suite("rfc-status", "rules of RFCs, their places and their tests", script=["tests/rfc/run"], timeout=120)
    if quick:
        return [*plain, lint, rfc_status]
    return [
        *plain,
        Suite("plants", "each planted bug is found, each broken rule breaks its test", "build-quick", ("plants",)),
        Suite("packetdrill", "the adapter that packetdrill loads", "build", ("packetdrill",)),
        Suite("fuzz", "libFuzzer targets, a short run each", "build-clang", ("fuzz",), jobs=cores),
        Suite("clang", "everything compiles with clang", "build-clang"),
        lint,
        rfc_status,
        Suite("api", "installed, and the README's server built against it", "build", script=["tests/api/run"],
              timeout=300),
        Suite("asan", "unit, replay, script, sim under ASan and UBSan", "build-asan", VIRTUAL, env=SANITIZED,
              jobs=cores, slower=8),
        Suite("edge", "unit, sim with packet pools at the edge of empty", "build-quick", ("unit", "sim"), jobs=cores,
              slower=2),
        Suite("e2e", "the programs against the kernel, in network namespaces", "build", script=["tests/e2e/run"],
              timeout=1800),
        Suite("gate", "instructions and bytes against the accepted ones", "build", script=["scripts/bench", "gate"],
              timeout=600),
        Suite("vm", "the programs on emulated NICs, in a virtual machine", "build",
              script=["/usr/bin/python3", "-B", "tests/vm/run.py"], timeout=1900),
    ]


def edge(suite, test):
    return {"PLX_TEST_POOLS": str(EDGE_MANY.get(test, EDGE))} if suite.name == "edge" else {}


def meson_programs(suite):
    """The programs that meson knows for this suite, with a prefix where a suite holds several kinds."""
    out = subprocess.check_output(["meson", "introspect", "--tests", suite.build], cwd=ROOT, text=True)
    programs = []
    for test in json.loads(out):
        kinds = {s.split(":")[-1] for s in test["suite"]} & set(suite.kinds)
        if not kinds:
            continue
        prefix = f"{min(kinds)}/" if len(suite.kinds) > 1 else ""
        programs.append(Program(prefix + test["name"], test["cmd"], (test["timeout"] or 30) * suite.slower,
                                {**test["env"], **suite.env, **edge(suite, test["name"])},
                                test["workdir"] or str(ROOT / suite.build),
                                single=not kinds & COUNTED))
    return programs


def programs(suite):
    if suite.script:
        return [Program(suite.name, suite.script, suite.timeout, suite.env)]
    if suite.kinds:
        return meson_programs(suite)
    return [Program(suite.name, ["true"], 10, single=True)]  # that its build succeeded is the case
