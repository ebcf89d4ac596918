# SPDX-License-Identifier: BSD-3-Clause
"""What the documents say has to be so."""

import re

from rule import rule
from tree import Finding


def markdown(tree):
    return [f for f in tree.files if f.endswith(".md")]


@rule("links", "what a document links to exists",
      plant={"docs/a.md": "see [that](nowhere.md)\n"},
      clean={"docs/a.md": "see [that](b.md#x), [it](https://example.org/) and [us](#here)\n", "docs/b.md": ""})
def links(tree):
    for path in markdown(tree):
        text = re.sub(r"```.*?```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), (tree.root / path).read_text(),
                      flags=re.S)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            target = match.group(1).split("#")[0]
            if target and "://" not in target and not ((tree.root / path).parent / target).exists():
                yield Finding(path, text.count("\n", 0, match.start()) + 1, f"links to {target}, which is not there")


NAMED_FILE = re.compile(r"`((?:stack|posix|apps|include|tests|scripts|docs)/[\w./-]+\.\w+)(?::(\w+))?`")


@rule("named", "files and functions that a document names exist",
      plant={"docs/a.md": "as in `stack/tcp/nowhere.c`\n"},
      more=({"docs/a.md": "as in `stack/a.c:gone`\n", "stack/a.c": "void here(void)\n{\n}\n"},),
      clean={"docs/a.md": "as in `stack/a.c:here`\n", "stack/a.c": "void here(void)\n{\n}\n"})
def named(tree):
    for path in markdown(tree):
        for number, line in enumerate((tree.root / path).read_text().split("\n"), 1):
            for match in NAMED_FILE.finditer(line):
                file, function = match.groups()
                if not (tree.root / file).exists():
                    yield Finding(path, number, f"names {file}, which is not there")
                elif function and not re.search(rf"\b{function}\b", (tree.root / file).read_text()):
                    yield Finding(path, number, f"names {function}, which is not in {file}")


# `--set` keys and their help: {"name", "help", TYPE, OFFSET, min, max, choices, "default"} in tunables.c,
# and COUNTER(ID, "name", "help") in counters.h. Each document holds one table row a name.
COUNTER = re.compile(r'COUNTER\(\s*\w+,\s*"([^"]+)",\s*"([^"]+)"\s*\)')


def table_rows(text):
    """name -> (line, the other cells) of rows like | `name` | ... |"""
    rows = {}
    for number, line in enumerate(text.split("\n"), 1):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        match = re.fullmatch(r"`([^`]+)`", cells[0])
        if line.startswith("|") and match:
            rows[match.group(1)] = (number, cells[1:])
    return rows


def compare(doc, rows, wanted):
    for name, cells in wanted.items():
        if name not in rows:
            yield Finding(doc, 1, f"{name} is missing; `tests/lint/lint.py --write-docs` adds it")
        elif rows[name][1] != list(cells):
            yield Finding(doc, rows[name][0], f"{name} is described otherwise than in the source")
    for name in rows.keys() - wanted.keys():
        yield Finding(doc, rows[name][0], f"{name} does not exist")


def counters_wanted(tree):
    text = (tree.root / "stack/base/counters.h").read_text()
    text = re.sub(r"\\\n\s*", " ", text)
    return {name: (help_text,) for name, help_text in COUNTER.findall(text)}


@rule("counters", "docs/counters.md lists every counter as the source describes it",
      plant={"stack/base/counters.h": 'COUNTER(A, "a.b", "what")\n', "docs/counters.md": ""},
      more=({"stack/base/counters.h": "", "docs/counters.md": "| `a.b` | what |\n"},),
      clean={"stack/base/counters.h": 'COUNTER(A, "a.b", "what")\n', "docs/counters.md": "| `a.b` | what |\n"})
def counters(tree):
    if not (tree.root / "docs/counters.md").exists():
        return
    yield from compare("docs/counters.md", table_rows((tree.root / "docs/counters.md").read_text()),
                       counters_wanted(tree))


# Nothing here may lead a reader to a place that only its authors could see.
OUTSIDE = re.compile(r"\.\./shared\b|/work/")


@rule("alone", "the tree speaks of itself alone",
      plant={"docs/a.md": "as in ../shared" + "/DESIGN.md\n"}, clean={"docs/a.md": "shared libraries\n"})
def alone(tree):
    for path in tree.files:
        data = (tree.root / path).read_bytes()
        if path.startswith("tests/lint/rules_docs") or b"\0" in data:
            continue
        for number, line in enumerate(data.decode(errors="replace").split("\n"), 1):
            if OUTSIDE.search(line):
                yield Finding(path, number, "points out of the tree")
