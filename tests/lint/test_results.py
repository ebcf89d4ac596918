# SPDX-License-Identifier: BSD-3-Clause
"""That a suite which lost its cases, crashed or hung does not look green. TAP, as the lint around it."""

import sys

from plxdev.results import Result, judge

CMOCKA = """[==========] Running 3 test(s).
[ RUN      ] a
[       OK ] a
[ RUN      ] b
[  ERROR   ] --- 0x1 != 0x2
[  FAILED  ] b
[ RUN      ] c
[  SKIPPED ] c
[==========] 3 test(s) run.
[  PASSED  ] 1 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] c
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] b
"""

CASES = [
    ("cmocka's lines count by function", judge(CMOCKA, 1), Result(1, 1, 1)),
    ("TAP counts by line", judge("1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP no root\n", 1), Result(1, 1, 1)),
    ("a closing line counts", judge("noise\n12 passed, 2 failed, 1 skipped\n", 1), Result(12, 2, 1)),
    ("a crash after the last report is a failure", judge("ok 1 - a\n", -11), Result(1, 1, 0)),
    ("a leak found at exit is a failure", judge("[       OK ] a\n", 23), Result(1, 1, 0)),
    ("taking too long is a failure", judge("ok 1 - a\n", None), Result(1, 1, 0)),
    ("a program without a test is a failure", judge("", 0), Result(0, 1, 0)),
    ("a single case passes by its status", judge("whatever", 0, single=True), Result(1, 0, 0)),
    ("a single case fails by its status", judge("whatever", 1, single=True), Result(0, 1, 0)),
]

bad = 0
for number, (name, got, wanted) in enumerate(CASES, 1001):
    bad += got != wanted
    print(f"{'ok' if got == wanted else 'not ok'} {number} - results: {name}" + ("" if got == wanted else f" ({got})"))
sys.exit(1 if bad else 0)
