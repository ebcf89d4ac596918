# SPDX-License-Identifier: BSD-3-Clause
"""clang-format over every C file of the tree; `--check` changes nothing and fails when one would change."""

import subprocess
import sys

from plxdev.build import ROOT


def sources():
    out = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h"], cwd=ROOT, text=True)
    return [f for f in out.split("\n") if f and (ROOT / f).exists()]


def main(argv):
    mode = ["--dry-run", "-Werror"] if "--check" in argv else ["-i"]
    files = [a for a in argv if a != "--check"] or sources()
    return subprocess.call(["clang-format", *mode, *files], cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
