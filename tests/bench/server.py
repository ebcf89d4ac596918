# SPDX-License-Identifier: BSD-3-Clause
"""A program that runs until the block ends."""

import signal
import subprocess


class Server:
    """It has begun when it has printed `ready`."""

    def __init__(self, command, ready):
        self.command, self.ready = command, ready

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        for line in self.child.stdout:
            said += line
            if line.startswith(self.ready):
                return self
        raise SystemExit(f"{' '.join(self.command)}:\n{said}")

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
