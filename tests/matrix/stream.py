#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Both ends of a transfer whose every byte is known by its place in the stream.

    stream.py send [HOST PORT | listen PORT]              without a place: stdin, stdout
    stream.py receive SECONDS [HOST PORT | listen PORT]   prints bytes, seconds and how many chunks were wrong
    stream.py push BYTES HOST PORT                        so many and the end; prints the seconds

The receiver's clock starts with the first byte; it ends after SECONDS, or when the stream does. That of push runs from
before its SYN until the other side has closed, too."""

import json
import os
import random
import socket
import sys
import time

PERIOD = (1 << 20) + 7  # prime to every chunk, so that a chunk in a wrong place is seen
PATTERN = random.Random(9293).randbytes(PERIOD)
TWICE = memoryview(PATTERN + PATTERN)
CHUNK = 1 << 18


def connected(place):
    """The descriptor of a stream's end; None: stdin or stdout."""
    if not place:
        return None
    if place[0] != "listen":
        return socket.create_connection((place[0], int(place[1])), timeout=10)
    server = socket.create_server(("", int(place[1])))
    server.settimeout(20)
    return server.accept()[0]


def send(place):
    end = connected(place)
    if end is not None:
        end.settimeout(None)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    at = 0
    try:
        while True:
            piece = TWICE[at % PERIOD:at % PERIOD + CHUNK]
            at += os.write(1, piece) if end is None else end.send(piece)
    except OSError:
        pass  # the receiver has seen enough


def push(amount, place):
    start = time.monotonic()
    end = socket.socket()
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    end.connect((place[0], int(place[1])))
    at = 0
    while at < amount:
        at += end.send(TWICE[at % PERIOD:at % PERIOD + min(CHUNK, amount - at)])
    end.shutdown(socket.SHUT_WR)
    end.recv(1)
    print(json.dumps({"seconds": time.monotonic() - start}), flush=True)


def receive(seconds, place):
    end = connected(place)
    buffer = bytearray(CHUNK)
    view, got, wrong, start = memoryview(buffer), 0, 0, None
    while start is None or time.monotonic() < start + seconds:
        if end is None:
            n = os.readv(0, [buffer])
        else:
            end.settimeout(seconds + 10 if start is None else max(0.01, start + seconds - time.monotonic()))
            try:
                n = end.recv_into(buffer)
            except TimeoutError:
                break
        if n == 0:
            break
        if start is None:
            start = time.monotonic()
        at = got % PERIOD
        wrong += view[:n] != TWICE[at:at + n]
        got += n
    took = time.monotonic() - start if start is not None else 0.0
    print(json.dumps({"bytes": got, "seconds": took, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2:])
    elif sys.argv[1] == "push":
        push(int(sys.argv[2]), sys.argv[3:])
    else:
        receive(float(sys.argv[2]), sys.argv[3:])
