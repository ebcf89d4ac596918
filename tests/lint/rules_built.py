# SPDX-License-Identifier: BSD-3-Clause
"""What can only be seen in what the compiler made, and the same seen in the source."""

import re
import shlex
import subprocess
from functools import cache

from rule import rule
from tree import Finding


def compile_objects(root, files):
    """As meson lays them out: stack/tcp/a.c becomes objects/libx.a.p/stack_tcp_a.c.o."""
    out = root / "objects" / "libx.a.p"
    out.mkdir(parents=True)
    for path in files:
        if path.endswith(".c"):
            subprocess.check_call(["gcc", "-O1", "-fPIC", "-c", str(root / path), "-o",
                                   str(out / (path.replace("/", "_") + ".o"))])


MUTABLE_SECTION = re.compile(r"^\S+ \S?.{0,6}\s+(\.data(?!\.rel\.ro)\S*|\.bss\S*|\.tdata\S*|\.tbss\S*|\*COM\*)\s+"
                             r"([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", re.M)


@rule("data", "no mutable data outlives a function in stack/ (seen in the objects)", needs="objects",
      prepare=compile_objects,
      plant={"stack/a.c": "int f(void)\n{\n    static int calls;\n    return ++calls;\n}\n"},
      more=({"stack/a.c": "int total = 4;\n"}, {"stack/a.c": "__thread int *here;\n"}),
      clean={"stack/a.c": "static const char *const names[] = {\"a\", \"b\"};\n"
                          "const char *f(int i)\n{\n    return names[i];\n}\n"})
def data(tree):
    objects = sorted(tree.objects.glob("*.a.p/stack_*.o"))
    if not objects:
        yield Finding(str(tree.objects), 1, "holds no objects of stack/")
    for path in objects:
        out = subprocess.check_output(["objdump", "-t", str(path)], text=True)
        for section, size, name in MUTABLE_SECTION.findall(out):
            if name != section and int(size, 16) > 0:
                yield Finding(path.name[:-2], 1, f"{name} is in {section}: mutable data at file scope")


def outside_braces(source):
    """(line, statement) of what stands at file scope, bodies and initialisers taken out."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), source.code, flags=re.M)
    statement, start, line, depth = "", 0, 1, 0
    for char in text:
        if char == "\n":
            line += 1
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0 and re.search(r"\)\s*$", statement):  # a function's body has ended
                statement = ""
        elif depth == 0 and char == ";":
            yield start, " ".join(statement.split())
            statement = ""
        elif depth == 0:
            if not statement.strip():
                start = line
            statement += char


def is_mutable_object(statement):
    head = statement.split("=")[0].strip()
    if not head or re.match(r"(typedef|extern|_Static_assert|static_assert|RTE_BUILD_BUG_ON)\b", head):
        return False
    if re.fullmatch(r"(?:struct|union|enum)(?:\s+\w+)?(?:\s+__\w+(?:\(.*\))?)*", head):
        return False  # a type, its body taken out
    if re.search(r"\w\s*\(", head.replace("__attribute__", "").split("(*")[0]):
        return False  # a function's declaration
    if "*" in head:
        return not re.search(r"\*\s*const\b[^*]*$", head)
    return not re.search(r"\bconst\b", head)


@rule("mutable", "no mutable data outlives a function in stack/ (seen in the source)",
      plant={"stack/base/a.c": "static int calls;\n"},
      more=({"stack/base/a.c": "static const char *names[] = {0};\n"},
            {"stack/base/a.c": "int f(void)\n{\n    static int calls;\n    return ++calls;\n}\n"}),
      clean={"stack/base/a.c": "struct a {\n    int b;\n};\nstatic const struct a x = {1};\nextern int y;\n"
                               "static int f(int a, int b);\nstatic const char *const n[] = {0};\n"
                               "int g(void)\n{\n    static const int t[] = {1};\n    int u;\n    return t[0];\n}\n"})
def mutable(tree):
    for source in tree.under("stack"):
        for line, statement in outside_braces(source):
            if is_mutable_object(statement):
                yield Finding(source.path, line, f"mutable at file scope: {statement[:60]}")
        for function in source.functions:
            for number, text in enumerate(function.body.split("\n"), function.line + 1):
                if re.search(r"\bstatic\b", text) and not re.search(r"\bconst\b", text):
                    yield Finding(source.path, number, f"mutable and static in {function.name}")


def link_against_versions(root, files):
    """A library whose symbol carries the version named in its file, and a program that uses it."""
    out = root / "binaries"
    out.mkdir()
    version = (root / "version.map").read_text()
    (out / "v.map").write_text(version)
    subprocess.check_call(["gcc", "-shared", "-fPIC", str(root / "lib.c"), f"-Wl,--version-script={out}/v.map", "-o",
                           str(out / "libdep.so")])
    subprocess.check_call(["gcc", "-shared", "-fPIC", str(root / "user.c"), "-L", str(out), "-ldep", "-o",
                           str(out / "libpollux.so")])
    (out / "libdep.so").rename(root / "libdep.so")


USES = {"lib.c": "int fn(void)\n{\n    return 1;\n}\n", "user.c": "int fn(void);\nint g(void)\n{\n    return fn();\n}\n"}


@rule("versions", "the binaries ask for no experimental or internal symbol of DPDK", needs="binaries",
      prepare=link_against_versions,
      plant={**USES, "version.map": "EXPERIMENTAL { global: fn; };\n"},
      more=({**USES, "version.map": "INTERNAL { global: fn; };\n"},),
      clean={**USES, "version.map": "DPDK_23 { global: fn; };\n"})
def versions(tree):
    names = [*tree.binaries.glob("**/libpollux.so*"), *(tree.binaries / "apps").glob("plx-*")]
    files = [f for f in names if f.is_file() and f.read_bytes()[:4] == b"\x7fELF"]
    if not files:
        yield Finding(str(tree.binaries), 1, "holds no libpollux.so and no programs")
    for path in files:
        out = subprocess.check_output(["objdump", "-T", str(path)], text=True)
        for match in re.finditer(r"\*UND\*.*\s\(?(EXPERIMENTAL|INTERNAL)\)?\s+(\S+)$", out, re.M):
            yield Finding(path.name, 1, f"{match.group(2)} is {match.group(1).lower()}")


@cache
def dpdk_flags():
    return tuple(shlex.split(subprocess.check_output(["pkg-config", "--cflags", "libdpdk"], text=True)))


@rule("headers", "each public header compiles alone, as C11 and as C++17, without a warning",
      plant={"include/plx_x.h": "size_t f(void);\n"},
      more=({"include/plx_x.h": "static inline int *f(void *p)\n{\n    return p;\n}\n"},),
      clean={"include/plx_x.h": "#include <stddef.h>\nsize_t f(void);\n"})
def headers(tree):
    for source in tree.under("include"):
        if not source.path.endswith(".h"):
            continue
        name = source.path.split("/", 1)[1]
        dpdk = dpdk_flags() if name == "plx_mbuf.h" else ()
        for compiler, language, standard in (("gcc", "c", "c11"), ("g++", "c++", "c++17")):
            # DPDK's own headers are GNU C and not pedantic.
            pedantic = () if dpdk else ("-pedantic",)
            standard = standard.replace("c", "gnu", 1) if dpdk else standard
            done = subprocess.run([compiler, "-x", language, f"-std={standard}", *pedantic, "-Wall", "-Wextra", "-Werror",
                                   "-fsyntax-only", *dpdk, "-I", "include", "-"], cwd=tree.root, text=True,
                                  input=f"#include <{name}>\nextern int something;\n", stderr=subprocess.PIPE)
            if done.returncode:
                errors = [line for line in done.stderr.split("\n") if "error" in line] or [done.stderr]
                yield Finding(source.path, 1, f"does not compile alone as {standard}: {errors[0]}")
