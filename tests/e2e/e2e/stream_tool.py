# SPDX-License-Identifier: BSD-3-Clause
"""Both ends of a pipeline: `make SIZE SEED` writes random bytes, `hash` prints how many came and their sha256."""

import hashlib
import os
import random
import sys

CHUNK = 1 << 18


def pieces(size, seed):
    rng = random.Random(seed)
    while size > 0:
        yield rng.randbytes(min(CHUNK, size))
        size -= CHUNK


def digest(size, seed):
    whole = hashlib.sha256()
    for piece in pieces(size, seed):
        whole.update(piece)
    return whole.hexdigest()


def main(argv):
    if argv[0] == "make":
        try:
            for piece in pieces(int(argv[1]), int(argv[2])):
                view = memoryview(piece)
                while view:
                    view = view[os.write(1, view):]
        except BrokenPipeError:
            sys.exit(1)
    else:
        whole, size = hashlib.sha256(), 0
        while piece := os.read(0, CHUNK):
            whole.update(piece)
            size += len(piece)
        print(size, whole.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1:])
