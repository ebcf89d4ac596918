# SPDX-License-Identifier: BSD-3-Clause
"""How the source is written."""

import re
import subprocess

from exceptions import EXCEPTIONS
from rule import rule
from tree import Finding

MAX_FUNCTION = 70
MAX_FILE = 600

OBJECT = r"[A-Za-z_]\w*(?:\[[^\]\n]*\])?(?:(?:->|\.)[A-Za-z_]\w*(?:\[[^\]\n]*\])?)*(?:->|\.)"  # what has members
COMPARE = r"(?:<=|>=|<(?![<=])|>(?![>=]))"
DECLARED = re.compile(r"\bseq_t\s+\**(\w+(?:\s*,\s*\w+)*)\s*([;,)=]|$)", re.M)


def declared(text):
    """Names that it declares as sequence numbers."""
    return {name.strip() for match in DECLARED.finditer(text) for name in match.group(1).split(",")
            if name.strip() not in ("seq_t", "const")}


def raw_comparisons(line, members, variables):
    """Comparisons whose operand is one of them by itself: a difference of two is a length and may be compared."""
    names = [f"{OBJECT}(?:{'|'.join(sorted(members))})"] if members else []
    names += [f"(?:{'|'.join(sorted(variables))})"] if variables else []
    if not names:
        return
    operand = f"(?:{'|'.join(names)})"
    for match in re.finditer(rf"(?P<before>[-+]\s*)?(?<![\w.>]){operand}\b\s*{COMPARE}", line):
        if not match.group("before"):
            yield match.group(0)
    for match in re.finditer(rf"(?<![-<>]){COMPARE}\s*{operand}\b(?!\s*(?:[-+\[(]|->|\.))", line):
        yield match.group(0)


SEQ_HEADER = {"stack/tcp/tcb.h": "struct tcb {\n    seq_t snd_una, snd_nxt;\n    seq_t ack;\n};\n"}


@rule("seq", "sequence numbers are compared only by base/seq.h",
      plant={**SEQ_HEADER, "stack/tcp/a.c": "bool f(struct tcb *t)\n{\n    return t->snd_una < t->snd_nxt;\n}\n"},
      more=({"stack/tcp/a.c": "bool f(seq_t seq)\n{\n    return seq >= x;\n}\n"},
            {**SEQ_HEADER, "stack/tcp/a.c": "bool f(struct pkt *p)\n{\n    return x <= p->tcp.ack;\n}\n"}),
      clean={**SEQ_HEADER,
             "stack/tcp/a.c": "bool f(struct tcb *t)\n{\n    return t->snd_nxt - t->snd_una < t->snd_wnd && "
                              "p->ack == q->ack && seq_lt(a, t->snd_una) && len > t->snd_nxt - t->snd_una;\n}\n"})
def seq(tree):
    sources = [s for s in tree.under("stack", "posix") if s.path != "stack/base/seq.h"]
    # Fields are declared in structures, variables and parameters in or above the function that uses them.
    members = set().union(*(declared(s.code) for s in sources if s.path.endswith(".h")), set())
    for source in sources:
        if source.room not in ("tcp", "wire", "worker", "posix"):
            continue
        for function in source.functions:
            head = "\n".join(source.lines[max(0, function.line - 5):function.line])
            variables = declared(head[head.rfind("}") + 1:]) | declared(function.body)
            for number, line in enumerate(function.body.split("\n"), function.line + 1):
                for what in raw_comparisons(line, members, variables):
                    yield Finding(source.path, number, f"raw comparison of a sequence number: {what.strip()}")


def exempt(kind, name):
    return (kind, name) in EXCEPTIONS


@rule("length", f"a function has at most {MAX_FUNCTION} lines, a file {MAX_FILE}",
      plant={"stack/a.c": "void f(void)\n{\n" + "    g();\n" * (MAX_FUNCTION + 1) + "}\n"},
      more=({"stack/a.c": "int x;\n" * (MAX_FILE + 1)},),
      clean={"stack/a.c": "void f(void)\n{\n" + "    g();\n" * MAX_FUNCTION + "}\n"})
def length(tree):
    for source in tree.under("stack", "posix", "apps", "include", "tests"):
        lines = source.text.count("\n")
        if lines > MAX_FILE and not exempt("file", source.path):
            yield Finding(source.path, lines, f"{lines} lines, more than {MAX_FILE}")
        for function in source.functions:
            if function.length > MAX_FUNCTION and not exempt("function", f"{source.path}:{function.name}"):
                yield Finding(source.path, function.line,
                              f"{function.name} has {function.length} lines, more than {MAX_FUNCTION}")


@rule("exceptions", "every exception is still needed and says why",
      plant={"stack/never.c": ""}, clean={"tests/lint/exceptions.py": ""})
def exceptions(tree):
    # The planted trees do not hold the file that lists them; there a list with a stale line stands in.
    listed = EXCEPTIONS if (tree.root / "tests/lint/exceptions.py").exists() else {("file", "stack/never.c"): "why"}
    if not (tree.root / "stack").exists():
        return
    lengths = {("file", s.path): s.text.count("\n") > MAX_FILE for s in tree.sources}
    lengths.update({("function", f"{s.path}:{f.name}"): f.length > MAX_FUNCTION for s in tree.sources
                    for f in s.functions})
    for key, reason in listed.items():
        if not lengths.get(key) or not reason.strip():
            yield Finding("tests/lint/exceptions.py", 1, f"not needed or without a reason: {' '.join(key)}")


SPDX = "SPDX-License-Identifier: BSD-3-Clause"
CODE = re.compile(r"\.(c|h|py|sh|ld)$|(^|/)meson\.build$")


@rule("spdx", "every source file says its licence",
      plant={"stack/a.c": "int f(void);\n"}, clean={"stack/a.c": f"/* {SPDX} */\nint f(void);\n"})
def spdx(tree):
    for path in tree.files:
        if not CODE.search(path) and not (path.startswith(("scripts/", ".ci/", "tests/")) and "." not in
                                          path.rsplit("/", 1)[-1]):
            continue
        head = (tree.root / path).read_bytes()[:400]
        if CODE.search(path) or head.startswith(b"#!"):
            if SPDX.encode() not in head and head.strip():
                yield Finding(path, 1, f"no {SPDX}")


@rule("format", "clang-format would change nothing (scripts/dev fmt)",
      plant={"stack/a.c": "int f( void ){return 1 ;}\n"}, clean={"stack/a.c": "int f(void);\n"})
def format_check(tree):
    files = [s.path for s in tree.sources]
    if not files:
        return
    style = [] if (tree.root / ".clang-format").exists() else ["--style=LLVM"]
    out = subprocess.run(["clang-format", "--dry-run", *style, *files], cwd=tree.root, stderr=subprocess.PIPE,
                         text=True).stderr
    seen = set()
    for match in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error): code should be clang-formatted", out, re.M):
        if match.group(1) not in seen:  # one line a file is enough to send somebody to scripts/dev fmt
            seen.add(match.group(1))
            yield Finding(match.group(1), int(match.group(2)), "not as clang-format writes it")


FORBIDDEN = re.compile(r"ALLOW_EXPERIMENTAL_API|ALLOW_INTERNAL_API")


@rule("stable", "only DPDK's stable API",
      plant={"stack/meson.build": "add_project_arguments('-DALLOW_EXPERIMENTAL_API', language: 'c')\n"},
      clean={"stack/meson.build": "stack_src += files('a.c')\n"})
def stable(tree):
    for path in tree.files:
        if path.startswith("tests/lint/") or not path.endswith((".c", ".h", "meson.build")):
            continue
        for number, line in enumerate((tree.root / path).read_text(errors="replace").split("\n"), 1):
            if FORBIDDEN.search(line):
                yield Finding(path, number, "asks for experimental or internal functions of DPDK")
