# SPDX-License-Identifier: BSD-3-Clause
"""The build directories and how each is configured. `python3 -m plxdev.build [NAME]` builds one."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

# Directory -> (compiler, options of meson setup). `build` is what ships; the others see what it hides:
# `build-quick` skips link-time optimisation, which makes thirty test programs slow to link; `build-asan`
# runs under the sanitizers; `build-clang` is a second compiler's opinion.
BUILDS = {
    "build": ("gcc", []),
    "build-quick": ("gcc", ["-Db_lto=false", "-Dbuildtype=debugoptimized"]),
    "build-asan": ("gcc", ["-Db_lto=false", "-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined",
                           "-Dc_args=-fno-omit-frame-pointer -fno-sanitize-recover=all"]),
    "build-clang": ("clang", ["-Db_lto=false", "-Dbuildtype=release"]),
}


def setup_args(name):
    _, options = BUILDS[name]
    werror = "true" if os.environ.get("CI") else "false"
    return [*options, f"-Dwerror={werror}"]


def configure(name, log):
    """Runs meson when the directory is new, or was configured with other options (CI turns -Werror on)."""
    compiler, _ = BUILDS[name]
    directory, args = ROOT / name, setup_args(name)
    stamp = directory / ".plxdev-options"
    wanted = " ".join([compiler, *args])
    configured = (directory / "build.ninja").exists()
    if configured and stamp.exists() and stamp.read_text() == wanted:
        return 0
    # A directory whose first configuration failed holds a half-made state that --reconfigure refuses.
    again = ["--reconfigure"] if configured else ["--wipe"] if (directory / "meson-private").exists() else []
    env = dict(os.environ, CC=compiler)
    code = subprocess.call(["meson", "setup", *again, name, *args], cwd=ROOT, env=env, stdout=log, stderr=log)
    if code == 0:
        stamp.write_text(wanted)
    return code


def default_targets(name):
    """What is built by default. Ninja's own default is more: meson adds every program that is a test."""
    told = subprocess.run(["meson", "introspect", "--targets", name], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return [os.path.relpath(file, ROOT / name) for target in json.loads(told.stdout)
            if target["build_by_default"] for file in target["filename"]]


def build(name, log, targets=()):
    """0, or the exit status of what failed; the output goes to log (a file)."""
    code = configure(name, log)
    if code == 0:  # its own file first: what to build may have changed with the sources
        code = subprocess.call(["ninja", "-C", name, "build.ninja"], cwd=ROOT, stdout=log, stderr=log)
    if code != 0:
        return code
    return subprocess.call(["ninja", "-C", name, *(targets or default_targets(name))], cwd=ROOT, stdout=log, stderr=log)


def main(argv):
    name = argv[0] if argv else "build"
    if name not in BUILDS:
        print(f"no such build: {name}; there are {', '.join(BUILDS)}", file=sys.stderr)
        return 2
    return build(name, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
