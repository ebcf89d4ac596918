# SPDX-License-Identifier: BSD-3-Clause
"""The tree as the rules see it: files, C text without comments and strings, and functions."""

import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOMS = ("base", "wire", "netdev", "net", "udp", "tcp")


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Function:
    name: str
    line: int    # of the opening brace
    length: int  # lines between the braces
    body: str


def blank(match):
    """Spaces in place of a comment or string, newlines kept, so that positions stay true."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text):
    text = re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*',
                  lambda m: m.group(0) if m.group(0)[0] in "\"'" else blank(m), text, flags=re.S)
    return text


def code_only(text):
    """Neither comments nor what stands in strings; the quotes of a string stay, and so do include lines."""
    def strip(match):
        s = match.group(0)
        if s[0] in "\"'":
            return s[0] + re.sub(r"[^\n]", " ", s[1:-1]) + s[-1]
        return blank(match)

    out = []
    pattern = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*|^[ \t]*#[ \t]*include[^\n]*'
    position = 0
    for match in re.finditer(pattern, text, flags=re.S | re.M):
        out.append(text[position:match.start()])
        s = match.group(0)
        out.append(without_comments(s) if s.lstrip().startswith("#") else strip(match))
        position = match.end()
    out.append(text[position:])
    return "".join(out)


class Source:
    def __init__(self, root, path):
        self.path = path
        self.text = (Path(root) / path).read_text(errors="replace")

    @cached_property
    def code(self):
        return code_only(self.text)

    @cached_property
    def lines(self):
        return self.code.split("\n")

    @cached_property
    def room(self):
        """Which room of the house the file stands in."""
        parts = self.path.split("/")
        if parts[0] == "stack":
            return parts[1] if len(parts) > 2 else "worker"
        return parts[0]

    @cached_property
    def includes(self):
        """(line, quoted?, what is included)"""
        found = []
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if match:
                found.append((number, match.group(1) == '"', match.group(2)))
        return found

    @cached_property
    def functions(self):
        """By the layout that clang-format keeps: the braces of a function stand alone in column 0."""
        found, opened = [], None
        for number, line in enumerate(self.lines, 1):
            if line.rstrip() == "{" and opened is None:
                opened = number
            elif line.startswith("}") and opened is not None:
                found.append(Function(self.name_before(opened), opened, number - opened - 1,
                                      "\n".join(self.lines[opened:number - 1])))
                opened = None
        return found

    def name_before(self, opened):
        """The name of the function whose opening brace is on that line."""
        head = []
        for line in reversed(self.lines[:opened - 1]):
            if not line.strip() or line.startswith(("}", "#")) or line.rstrip().endswith(";"):
                break
            head.insert(0, line)
        match = re.search(r"(\w+)\s*\(", " ".join(head))
        return match.group(1) if match else "?"

    def search(self, pattern):
        """(line, match) of every place in the code, outside comments and strings."""
        for match in re.finditer(pattern, self.code):
            yield self.code.count("\n", 0, match.start()) + 1, match


class Tree:
    """A checkout. `objects` is a build directory without link-time optimisation, `binaries` what shipped."""

    def __init__(self, root, objects=None, binaries=None):
        self.root = Path(root)
        self.objects = Path(objects) if objects else None
        self.binaries = Path(binaries) if binaries else None

    @cached_property
    def files(self):
        """What git would take: tracked, and new but not ignored. Without git, everything."""
        if (self.root / ".git").exists():
            out = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=self.root, text=True)
            names = out.split("\n")
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*")]
        return sorted({n for n in names if n and (self.root / n).is_file()})

    @cached_property
    def sources(self):
        return [Source(self.root, f) for f in self.files if f.endswith((".c", ".h"))]

    def under(self, *folders):
        return [s for s in self.sources if s.path.split("/")[0] in folders]
