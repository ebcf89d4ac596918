#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the house, as a test.

    tests/lint/lint.py [RULE...]       check the tree; findings as file:line: what
    tests/lint/lint.py --list
    tests/lint/lint.py --tap           one TAP line a rule, and one for the self-test of each
    tests/lint/lint.py --write-docs    bring the generated tables in docs/ up to date

`--objects DIR` names a build directory without link-time optimisation (for the rules that read objects),
`--binaries DIR` the one whose library and programs are looked at. Without them those rules look in
build-clang or build-quick, and in build; where nothing was built they are skipped and say so.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lint"))

import rules_built  # noqa: E402,F401
import rules_docs  # noqa: E402,F401
import rules_layers  # noqa: E402,F401
import rules_source  # noqa: E402,F401
from rule import RULES  # noqa: E402
from tree import Tree  # noqa: E402


def planted(rule, files):
    """What the rule finds in a tree of these files."""
    with tempfile.TemporaryDirectory(prefix="plx-lint-") as name:
        root = Path(name)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        if rule.prepare:
            rule.prepare(root, files)
        return rule.check(Tree(root, root / "objects", root / "binaries"))


def self_test(rule):
    """Sentences about what is wrong with the rule itself: it must see each violation and no other."""
    wrong = []
    for number, files in enumerate(rule.plants, 1):
        if not planted(rule, files):
            wrong.append(f"does not see planted violation {number}")
    wrong += [f"finds something where nothing is: {f}" for f in planted(rule, rule.clean)]
    return wrong


def first_existing(names, inside):
    for name in names:
        if any((ROOT / name).glob(inside)):
            return ROOT / name
    return None


def missing(rule, tree):
    if rule.needs == "objects" and tree.objects is None:
        return "no build directory with objects"
    if rule.needs == "binaries" and tree.binaries is None:
        return "no release build"
    return None


def tap(rules, tree):
    failed = 0
    for number, rule in enumerate(rules, 1):
        reason = missing(rule, tree)
        findings = [] if reason else rule.check(tree)
        for finding in findings:
            print(f"# {finding}")
        print(f"{'not ' if findings else ''}ok {2 * number - 1} - {rule.name}: {rule.about}"
              + (f" # SKIP {reason}" if reason else ""), flush=True)
        wrong = self_test(rule)
        for sentence in wrong:
            print(f"# {rule.name}: {sentence}")
        print(f"{'not ' if wrong else ''}ok {2 * number} - {rule.name}: sees a planted violation and nothing else",
              flush=True)
        failed += bool(findings) + bool(wrong)
    return 1 if failed else 0


def plain(rules, tree):
    count = 0
    for rule in rules:
        reason = missing(rule, tree)
        if reason:
            print(f"{rule.name}: skipped, {reason}")
            continue
        for finding in rule.check(tree):
            print(f"{finding} [{rule.name}]")
            count += 1
    print(f"{count} findings" if count else "nothing found")
    return 1 if count else 0


def main():
    parser = argparse.ArgumentParser(description="checks the tree against the rules of the house")
    parser.add_argument("rules", nargs="*", metavar="RULE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--objects")
    parser.add_argument("--binaries")
    args = parser.parse_args()
    if args.list:
        for rule in RULES:
            print(f"{rule.name:<12} {rule.about}")
        return 0
    if args.write_docs:
        return rules_docs.write(Tree(ROOT))
    unknown = set(args.rules) - {r.name for r in RULES}
    if unknown:
        parser.error(f"no such rule: {', '.join(sorted(unknown))}; --list names them")
    objects = Path(args.objects) if args.objects else first_existing(
        ("build-clang", "build-quick"), "libpollux_core.a.p/stack_*.o")
    binaries = Path(args.binaries) if args.binaries else first_existing(("build", "build-quick"),
                                                                                   "posix/library/libpollux.so*")
    rules = [r for r in RULES if not args.rules or r.name in args.rules]
    return (tap if args.tap else plain)(rules, Tree(ROOT, objects, binaries))


if __name__ == "__main__":
    sys.exit(main())
