# SPDX-License-Identifier: BSD-3-Clause
"""What plx-echo's services do, beyond echoing."""

import re
import socket
import subprocess
import time

from e2e import traffic
from e2e.case import case, check
from e2e.world import MIB, PLX, run


def read_all(sock, limit=MIB):
    got = b""
    while len(got) < limit:
        piece = sock.recv(65536)
        if not piece:
            break
        got += piece
    return got


def time_waits():
    return run("ss", "-Htan", "state", "time-wait").strip()


@case("service/daytime")
def daytime(world):
    """sends its line and closes first: TIME-WAIT is the server's, not the kernel's"""
    world.echo(words=["--daytime", 13])
    for _ in range(20):
        with traffic.connect(13) as sock:
            line = read_all(sock)
        check(re.fullmatch(rb"\w+, \w+ \d\d, 20\d\d \d\d:\d\d:\d\d-UTC\r\n", line), f"daytime said {line!r}")
    check(time_waits() == "", f"the kernel holds TIME-WAITs, so it closed first:\n{time_waits()}")


@case("service/ranges")
def ranges(world):
    """a service on each port of a range, and on none beside it"""
    world.echo(words=["--tcp", "7000-7009", "--udp", "7000-7001", "--daytime", "7010-7011"])
    for port in range(7000, 7010):
        with traffic.connect(port) as sock:
            sock.sendall(b"?")
            check(sock.recv(10) == b"?", f"TCP port {port} does not echo")
    for port in (7010, 7011):
        with traffic.connect(port) as sock:
            check(read_all(sock).endswith(b"-UTC\r\n"), f"no daytime on port {port}")
    for port in (7000, 7001):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(b"?", (PLX, port))
            check(sock.recv(10) == b"?", f"UDP port {port} does not echo")
    for port in (6999, 7012):
        try:
            traffic.connect(port).close()
            check(False, f"TCP port {port} is open")
        except ConnectionRefusedError:
            pass


@case("service/chargen")
def chargen(world):
    """72 characters a line, each line one further, until the peer has had enough"""
    world.echo(words=["--chargen", 19])
    printable = bytes(range(32, 127)) * 2
    with traffic.connect(19) as sock:
        got = traffic.receive_exactly(sock, 4 * MIB)
    lines = got.split(b"\r\n")[:-1]
    for i, line in enumerate(lines):
        check(line == printable[i % 95:i % 95 + 72], f"line {i} is {line!r}")
    with traffic.connect(19) as sock:  # and it still serves after the reset
        check(len(traffic.receive_exactly(sock, 1000)) == 1000, "no second connection")


@case("service/discard")
def discard(world):
    """takes 64 MiB and says nothing"""
    program = world.echo(words=["--discard", 9])
    block = bytes(MIB)
    with traffic.connect(9, 30.0) as sock:
        for _ in range(64):
            sock.sendall(block)
        sock.shutdown(socket.SHUT_WR)
        check(read_all(sock) == b"", "discard answered")
    check("64.0 MiB in" in program.stop(), "the summary does not tell of 64 MiB")


@case("service/all_at_once")
def all_at_once(world):
    """every service beside the others"""
    world.echo(words=["--tcp", 7, "--udp", 7, "--discard", 9, "--daytime", 13, "--chargen", 19])
    with traffic.connect(19) as talker, traffic.connect(9) as listener:
        listener.sendall(b"x" * 1000)
        traffic.receive_exactly(talker, 1000)
        traffic.echo_bulk(MIB)
        traffic.echo_udp((1, 1472))
        with traffic.connect(13) as clock:
            check(read_all(clock).endswith(b"-UTC\r\n"), "no time")


@case("service/slow_reader", 120)
def slow_reader(world):
    """a peer that sends and does not read is slowed down, and costs bounded memory"""
    program = world.echo()
    before = program.resident()
    stream = traffic.Stream(64 * MIB, 4)
    with traffic.connect() as sock:
        sock.settimeout(1.0)
        sent, pending = 0, b""
        try:
            while sent < 64 * MIB:
                pending = pending or stream.take()
                sent += (n := sock.send(pending))
                pending = pending[n:]
        except TimeoutError:
            pass
        check(sent < 48 * MIB, f"{sent // MIB} MiB were taken from a peer that reads nothing")
        grown = program.resident() - before
        check(grown < 64 * MIB, f"the server grew by {grown // MIB} MiB")
        again = traffic.Stream(64 * MIB, 4)
        expected = b""
        while len(expected) < sent:
            expected += again.take()
        sock.settimeout(10.0)
        check(traffic.receive_exactly(sock, sent) == expected[:sent], "other bytes came back")


@case("service/resets")
def resets(world):
    """connections reset at every moment do no harm"""
    program = world.echo()
    for i in range(500):
        sock = traffic.connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if i % 3:
            sock.sendall(b"x" * (i * 100))
        if i % 3 == 2:
            sock.recv(10)
        sock.close()
    traffic.echo_in_sequence(100)
    traffic.echo_bulk(MIB)
    program.stop()


@case("service/closed_ports")
def closed_ports(world):
    """a closed TCP port refuses at once, a closed UDP port too"""
    world.echo()
    started = time.monotonic()
    try:
        traffic.connect(8)
        raise AssertionError("port 8 is open")
    except ConnectionRefusedError:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((PLX, 8))
        sock.settimeout(2.0)
        sock.send(b"anybody?")
        try:
            sock.recv(10)
            raise AssertionError("UDP port 8 answers")
        except ConnectionRefusedError:
            pass
    check(time.monotonic() - started < 1.0, "refusals took long")


@case("service/backlog_full", 90)
def backlog_full(world):
    """more connections at once than the backlog holds: all are served in the end"""
    world.echo(words=["--tcp", 7, "--backlog", 8])
    traffic.echo_many(300, 1000)


@case("service/kernel_tools")
def kernel_tools(world):
    """nc and socat, over TCP and UDP"""
    world.echo()
    text = "the quick brown fox\n"
    for command in (["nc", "-N", "-w", "5", PLX, "7"], ["nc", "-u", "-w", "1", PLX, "7"],
                    ["socat", "-t", "5", "-", f"TCP4:{PLX}:7"], ["socat", "-t", "1", "-", f"UDP4:{PLX}:7"]):
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20)
        check(done.stdout == text, f"{' '.join(command)} got {done.stdout!r} {done.stderr!r}")
