# SPDX-License-Identifier: BSD-3-Clause
"""Counting what a test program said.

A program may report its cases in any of three ways, the first that it uses counts:
  cmocka's lines      [       OK ] name      [  FAILED  ] name      [  SKIPPED ] name
  TAP                 ok 1 - name            not ok 2 - name        ok 3 - name # SKIP why
  a closing line      3 passed, 0 failed, 1 skipped
One that reports nothing and ends with 0 ran no test, which is a failure: a suite that lost its cases must
not look green. Programs declared as one case (`single`) count as one by their exit status.
"""

import re
from dataclasses import dataclass

CMOCKA = re.compile(r"^\[\s*(OK|FAILED|ERROR|SKIPPED)\s*\] (?!---|\d+ test)(\S.*)$", re.M)
TAP = re.compile(r"^(not )?ok\b[ \t]*(\d*)[ \t]*(.*)$", re.M)
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", re.M)


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Result(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def cases(self):
        return self.passed + self.failed + self.skipped

    def line(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def count(text):
    """What the output reports, without regard to how the program ended."""
    closing = CLOSING.findall(text)
    cmocka = set(CMOCKA.findall(text))  # failures are repeated in cmocka's summary: count each once
    if cmocka:
        failed = {name for kind, name in cmocka if kind in ("FAILED", "ERROR")}
        skipped = {name for kind, name in cmocka if kind == "SKIPPED"}
        passed = {name for kind, name in cmocka if kind == "OK"}
        return Result(len(passed - failed), len(failed), len(skipped - failed))
    if closing:
        passed, failed, skipped = closing[-1]
        return Result(int(passed), int(failed), int(skipped or 0))
    total = Result()
    for bad, _, rest in TAP.findall(text):
        if re.search(r"#\s*(SKIP|TODO)", rest, re.I):
            total.skipped += 1
        elif bad:
            total.failed += 1
        else:
            total.passed += 1
    return total


def judge(text, status, single=False):
    """The result of a program that ended with `status` (None: it was stopped for taking too long)."""
    result = count(text)
    if result.cases() == 0:
        return Result(passed=1) if single and status == 0 else Result(failed=1)
    if status != 0 and result.failed == 0:
        result.failed += 1  # it crashed, leaked or hung after its last report
    return result
