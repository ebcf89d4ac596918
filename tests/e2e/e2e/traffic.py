# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's end of the conversation: echo clients over TCP and UDP, ping. And a peer over memif that goes."""

import contextlib
import hashlib
import os
import random
import re
import selectors
import socket
import subprocess
import sys
import time

from e2e.case import check
from e2e.world import PLX, ROOT, run

CHUNK = 1 << 18


class Stream:
    """Random bytes from a seed, piece by piece, with the hash of what was handed out."""

    def __init__(self, size, seed):
        self.left = size
        self.random = random.Random(seed)
        self.hash = hashlib.sha256()

    def take(self):
        """The next piece, b"" at the end."""
        piece = self.random.randbytes(min(CHUNK, self.left))
        self.left -= len(piece)
        self.hash.update(piece)
        return piece


def connect(port=7, timeout=10.0):
    return socket.create_connection((PLX, port), timeout=timeout)


def receive_exactly(sock, size):
    pieces = []
    while size > 0:
        piece = sock.recv(min(size, CHUNK))
        check(piece, f"the connection ended {size} bytes early")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def echo_bulk(size, port=7, seed=1, stall=30.0, read=True):
    """Sends random bytes, half-closes, and expects the same back and then the end. Seconds it took."""
    sock = connect(port)
    sock.setblocking(False)
    stream, got, received = Stream(size, seed), hashlib.sha256(), 0
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
    started = time.monotonic()
    piece = memoryview(stream.take())
    ended = False
    while not ended:
        events = selector.select(stall)
        check(events, f"nothing moved for {stall:g} s: {size - stream.left - len(piece)} sent, {received} echoed")
        if events[0][1] & selectors.EVENT_READ:
            back = sock.recv(1 << 20)
            got.update(back)
            received += len(back)
            ended = not back
        if events[0][1] & selectors.EVENT_WRITE:
            piece = piece[sock.send(piece):] or memoryview(stream.take())
            if not piece:
                sock.shutdown(socket.SHUT_WR)
                selector.modify(sock, selectors.EVENT_READ)
    sock.close()
    check(received == size, f"{received} of {size} bytes came back")
    check(got.digest() == stream.hash.digest(), "what came back is not what was sent: sha256 differs")
    return time.monotonic() - started


def echo_many(connections, size, port=7, seed=2, timeout=60.0):
    """That many connections at once, all open before the first byte, each echoing its own bytes."""
    rng = random.Random(seed)
    selector = selectors.DefaultSelector()
    socks = [connect(port, 20.0) for _ in range(connections)]
    for sock in socks:
        sock.setblocking(False)
        data = rng.randbytes(size)
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, [data, 0, bytearray()])
    left, end = connections, time.monotonic() + timeout
    while left > 0:
        check(time.monotonic() < end, f"{left} of {connections} connections not done after {timeout:g} s")
        for key, events in selector.select(1.0):
            data, sent, back = key.data
            if events & selectors.EVENT_WRITE:
                key.data[1] += key.fileobj.send(data[sent:sent + CHUNK])
                if key.data[1] == size:
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
            if events & selectors.EVENT_READ:
                piece = key.fileobj.recv(CHUNK)
                check(piece, "a connection was closed early")
                back += piece
                if len(back) == size:
                    check(bytes(back) == data, "a connection got other bytes than it sent")
                    selector.unregister(key.fileobj)
                    left -= 1
    for sock in socks:
        sock.close()


def echo_in_sequence(connections, port=7):
    for i in range(connections):
        with connect(port) as sock:
            message = b"number %d" % i
            sock.sendall(message)
            check(receive_exactly(sock, len(message)) == message, f"connection {i} got another answer")


def echo_udp(sizes, port=7, seed=3, tries=1):
    """One datagram of each size there and back. tries: for wires that lose some, or repeat an earlier one."""
    rng, answered = random.Random(seed), set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((PLX, port))
        sock.settimeout(2.0)
        for size in sizes:
            data = rng.randbytes(size)
            for attempt in range(tries):
                sock.send(data)
                try:
                    while (back := sock.recv(65536)) in answered and tries > 1:
                        pass
                    break
                except TimeoutError:
                    check(attempt + 1 < tries, f"no answer to a datagram of {size} bytes")
            check(back == data, f"the answer to a datagram of {size} bytes has {len(back)}, or other, bytes")
            answered.add(back)


def ping(*words, timeout=60, loss=0):
    out = run("ping", "-n", "-q", "-W", 5, *words, PLX, timeout=timeout, ok=(0, 1))
    found = re.search(r"(\d+) packets transmitted, (\d+) received", out)
    check(found is not None, f"ping said:\n{out}")
    sent, received = map(int, found.groups())
    check(sent - received <= loss, f"ping {' '.join(map(str, words))}: {received} of {sent} answered\n{out}")
    return out


@contextlib.contextmanager
def one_cpu():
    """What is started in it runs on one processor. There the thread of a memif server that unmaps its rings
    interrupts the one that works in them: each fourth client that leaves with full rings cuts off a burst."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def leave_full(dev, address, sig):
    """A client of this memif, of the server with this address, works for some milliseconds, and is gone when this returns."""
    path = dev.removeprefix("memif:").removesuffix(",server")
    words = [sys.executable, "-S", "-E", "-B", ROOT / "tests/e2e/e2e/memif_client.py", path, address]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as client:
        said = client.stdout.readline()
        time.sleep(0.001 + 0.01 * random.random())
        client.send_signal(sig)
    check(said == b"connected\n", "the client could not connect")
    time.sleep(0.01)
