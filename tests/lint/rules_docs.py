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


# Two tables are made from the source, by `tests/lint/lint.py --write-docs`. They stand between two marks.
BEGIN, END = "<!-- made from {} -->\n", "<!-- end -->\n"
COUNTER = re.compile(r'COUNTER\(\s*\w+,\s*"([^"]+)",\s*"([^"]+)"\s*\)')
TUNABLE = re.compile(r'^\s+(U32|U32_AS|BOOL|CHOICE|TRIPLE|RANGE)\(((?:[^()"]|"[^"]*")*)\)', re.M)


def counter_rows(text):
    text = re.sub(r"\\\n\s*", " ", text)
    yield ("counter", "counts")
    for name, help_text in COUNTER.findall(text):
        yield (f"`{name}`", help_text)


def number(text):
    """1u << 20, as people write it."""
    value = eval(re.sub(r"(?<=\d)u\b", "", text), {"MIB": 1 << 20})  # noqa: S307 (our own source)
    return f"{value:,}" if value >= 10000 else str(value)


def tunable_rows(text):
    yield ("key", "default", "allowed", "what it is")
    for kind, arguments in TUNABLE.findall(text[text.index("tunable_table[]"):]):
        args = [a.strip() for a in re.findall(r'(?:"[^"]*"\s*|[^",]+)+', arguments)]
        args = [" ".join(re.findall(r'"([^"]*)"', a)) if a.startswith('"') else a for a in args]
        name, allowed, default, help_text = args[0], None, args[-2], args[-1]
        if kind in ("U32", "TRIPLE"):
            allowed = f"{number(args[1])} to {number(args[2])}"
        elif kind in ("U32_AS", "RANGE"):
            allowed = f"{number(args[2])} to {number(args[3])}"
        elif kind == "BOOL":
            allowed, default = "off, on", args[1]
        else:
            allowed, default = args[1].replace("|", ", "), args[2]
        if kind in ("TRIPLE", "RANGE"):
            allowed += " each"
        yield (f"`{name}`", f"`{default}`", allowed, help_text)


TABLES = {  # document -> (source, its rows)
    "docs/counters.md": ("stack/base/counters.h", counter_rows),
    "docs/options.md": ("stack/base/tunables.c", tunable_rows),
}


def table(rows):
    rows = list(rows)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines) + "\n"


def regenerated(tree, doc):
    """The document with its table as the source has it; None when it has no place for one."""
    source, rows = TABLES[doc]
    text, begin = (tree.root / doc).read_text(), BEGIN.format(source)
    if begin not in text or END not in text:
        return None
    head, rest = text.split(begin, 1)
    return head + begin + "\n" + table(rows((tree.root / source).read_text())) + "\n" + END + rest.split(END, 1)[1]


def write(tree):
    for doc in TABLES:
        (tree.root / doc).write_text(regenerated(tree, doc))
    return 0


PLANTED = 'COUNTER(A, "a.b", "what")\n'


@rule("tables", "docs/counters.md and docs/options.md say what the source says",
      plant={"stack/base/counters.h": PLANTED,
             "docs/counters.md": BEGIN.format("stack/base/counters.h") + "| `a.b` | other |\n" + END},
      more=({"stack/base/counters.h": PLANTED, "docs/counters.md": "| `a.b` | what |\n"},
            {"stack/base/tunables.c": 'tunable_table[] = {\n    U32(a, 1, 2, "1", "help"),\n',
             "docs/options.md": BEGIN.format("stack/base/tunables.c") + END}),
      clean={"stack/base/counters.h": PLANTED,
             "docs/counters.md": BEGIN.format("stack/base/counters.h") + "\n" +
             "| counter | counts |\n|---|---|\n| `a.b` | what |\n\n" + END})
def tables(tree):
    for doc, (source, _) in TABLES.items():
        if not (tree.root / doc).exists():
            continue
        wanted = regenerated(tree, doc)
        if wanted is None:
            yield Finding(doc, 1, f"has no place for the table made from {source}")
            continue
        for line, (is_now, should) in enumerate(zip((tree.root / doc).read_text().split("\n"), wanted.split("\n")), 1):
            if is_now != should:
                yield Finding(doc, line, f"not what {source} says; tests/lint/lint.py --write-docs mends it")
                break


OPTION = re.compile(r'^\s*\{"([a-z]+)", "[A-Z][^"]*",', re.M)


@rule("options", "docs/options.md has a line for every option",
      plant={"posix/options.c": 'x[] = {\n    {"dev", "WIRE", "a wire", f},\n', "docs/options.md": "| `--ip ADDR` | x |\n"},
      clean={"posix/options.c": 'x[] = {\n    {"dev", "WIRE", "a wire", f},\n', "docs/options.md": "| `--dev WIRE` | x |\n"})
def options(tree):
    source, doc = tree.root / "posix/options.c", tree.root / "docs/options.md"
    if not source.exists() or not doc.exists():
        return
    documented = set(re.findall(r"^\| `--([a-z]+) ", doc.read_text(), re.M))
    known = set(OPTION.findall(source.read_text()))
    for name in sorted(known - documented):
        yield Finding("docs/options.md", 1, f"--{name} is missing")
    for name in sorted(documented - known):
        yield Finding("docs/options.md", 1, f"--{name} does not exist")


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
