# SPDX-License-Identifier: BSD-3-Clause
"""Programs as processes: starting, ending, dying, idling; two of them without privileges."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

from e2e import traffic
from e2e.case import check, case
from e2e.stream_tool import digest
from e2e.world import BULK, MIB, NOBODY, PLX, Program, wait_until
from e2e.world import ROOT

TOOL = [sys.executable, "-B", str(ROOT / "tests/e2e/e2e/stream_tool.py")]


@case("process/sigterm_1000_connections", alone=True)
def sigterm(world):
    """SIGTERM with 1,000 open connections: exit 0 within a second, each peer sees FIN or RST"""
    program = world.echo()
    socks = [traffic.connect() for _ in range(1000)]
    for sock in socks:
        sock.sendall(b"hello")
    for sock in socks:
        check(traffic.receive_exactly(sock, 5) == b"hello", "no echo")
    started = time.monotonic()
    out = program.stop()
    took = time.monotonic() - started
    check(took < 1.0, f"it took {took:.2f} s to end")
    unseen = 0
    for sock in socks:
        sock.settimeout(0.2)
        try:
            check(sock.recv(1) == b"", "bytes after the end")
        except ConnectionResetError:
            pass
        except TimeoutError:
            unseen += 1
    check(unseen == 0, f"{unseen} of 1000 peers saw neither FIN nor RST")
    check(re.search(r"10\d\d connections", out), f"the summary does not tell of the connections:\n{out}")


@case("process/sigint")
def sigint(world):
    """SIGINT ends it with a summary: connections, bytes, drops by reason"""
    program = world.echo()
    traffic.echo_in_sequence(3)
    try:
        traffic.connect(8)
    except ConnectionRefusedError:
        pass
    out = program.stop(sig=signal.SIGINT)
    for word in ("connections", "in", "out"):
        check(word in out, f"the summary lacks {word}:\n{out}")


@case("process/sigkill_and_restart", 120, wire="tap")
@case("process/sigkill_and_restart_af_packet", 120, wire="af_packet")
@case("process/sigkill_and_restart_af_xdp", 120, wire="af_xdp")
def sigkill(world, wire):
    """killed under load and started again at once: works, five times"""
    for _ in range(5):
        program = world.echo(wire)
        sock = traffic.connect()
        sock.sendall(b"x" * 100000)
        program.kill()
        sock.close()
    world.echo(wire)
    traffic.echo_bulk(MIB)


@case("process/signals_together")
def signals_together(world):
    """timeout(1) signals a process and its group: two SIGTERM at once end it as one does, with the summary"""
    program = world.echo()
    for _ in range(3):
        program.process.send_signal(signal.SIGTERM)
    check(program.wait(10) == 0, f"exit {program.process.returncode}")
    check("connections" in program.out(), program.out())


@case("process/idle_cpu", alone=True, wire="tap")
@case("process/idle_cpu_af_packet", alone=True, wire="af_packet")
@case("process/idle_cpu_af_xdp", alone=True, wire="af_xdp")
def idle_cpu(world, wire):
    """idle, it takes under 5 % of a core"""
    program = world.echo(wire)
    idle = [traffic.connect() for _ in range(10)]
    time.sleep(1.0)
    before = program.cpu_seconds()
    time.sleep(4.0)
    share = (program.cpu_seconds() - before) / 4.0
    print(f"{share:.1%} of a core")
    check(share < 0.05, f"idle takes {share:.1%} of a core")
    traffic.ping("-c", 3, "-i", 0.2)
    for sock in idle:
        sock.close()


# ---- two programs, ordinary user, ordinary pages ----

def pair(world, kind):
    """The --dev words of server and client, and the extra time they need to find each other."""
    path = world.folder / "wire.sock"
    if kind == "memif":
        return [f"memif:{path},server"], [f"memif:{path}"]
    return [f"vhost:{path}"], [f"virtio:{path}"]


def start_server(world, dev, words=("--tcp", 7, "--udp", 7)):
    server = Program(world, "plx-echo", ["--dev", *dev, "--ip", f"{PLX}/24", *words], user=NOBODY)
    server.wait_ready()
    return server


def start_client(world, dev, words, **options):
    return Program(world, "plx-nc", ["--dev", *dev, "--ip", "10.9.0.1/24", "-v", *words], user=NOBODY, **options)


def client_bulk(world, dev, size, seed):
    """size bytes through plx-nc to the echo server and back."""
    source = subprocess.Popen([*TOOL, "make", str(size), str(seed)], stdout=subprocess.PIPE)
    sink = subprocess.Popen([*TOOL, "hash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    client = start_client(world, dev, ["-w", 15, PLX, 7], stdin=source.stdout, stdout=sink.stdin)
    source.stdout.close()
    sink.stdin.close()
    status = client.wait(240)
    check(status == 0, f"plx-nc ended with {status}")
    got = sink.stdout.read().split()
    sink.wait()
    source.wait()
    check(got == [str(size), digest(size, seed)], f"other bytes came back: {got}")


@case("memif/echo_as_nobody", 300, kind="memif")
@case("vhost/echo_as_nobody", 300, kind="vhost")
def echo_as_nobody(world, kind):
    """plx-nc to plx-echo as user nobody, without hugepages: equal sha256"""
    server, client = pair(world, kind)
    program = start_server(world, server)
    client_bulk(world, client, BULK, 5)
    program.stop()


@case("memif/udp_as_nobody", kind="memif")
@case("vhost/udp_as_nobody", kind="vhost")
def udp_as_nobody(world, kind):
    """a datagram there and back"""
    server, client = pair(world, kind)
    start_server(world, server)
    nc = start_client(world, client, ["-u", "-q", 1, PLX, 7], stdin=subprocess.PIPE)
    nc.process.stdin.write(b"hello datagram")
    nc.process.stdin.close()
    check(nc.wait() == 0, "plx-nc failed")
    check(nc.out() == "hello datagram", f"plx-nc got {nc.out()!r}")


@case("vhost/client_killed_ten_times", 180)
def client_killed(world):
    """the client is killed under load and started again, ten times, and served each time"""
    server, client = pair(world, "vhost")
    program = start_server(world, server, ["--tcp", 7, "--chargen", 19])
    for i in range(10):
        nc = start_client(world, client, [PLX, 19], stdin=subprocess.PIPE)
        wait_until(lambda nc=nc: nc.out_path.stat().st_size > 100000, f"chargen, round {i}", 20)
        nc.kill()
        check(program.process.poll() is None, f"the server died with the client, round {i}")
        client_bulk(world, client, MIB, i)
    program.stop()


@case("vhost/server_killed", 120)
def server_killed(world):
    """a new server on the same path is found by a new client"""
    server, client = pair(world, "vhost")
    for i in range(3):
        program = start_server(world, server)
        client_bulk(world, client, MIB, i)
        program.kill()


@case("memif/restart", 120)
def memif_restart(world):
    """a client that ends well is followed by another; a killed server by a new one on the same path"""
    server, client = pair(world, "memif")
    for i in range(2):
        program = start_server(world, server)
        for j in range(2):
            client_bulk(world, client, MIB, 10 * i + j)
        program.kill()


@case("memif/client_first", 60)
def memif_client_first(world):
    """without a server a client says once that it waits for it, and is connected when there is one"""
    server, client = pair(world, "memif")
    program = start_server(world, client)
    wait_until(lambda: "link down, waiting for its server" in program.err(), "word of the missing server", 10)
    time.sleep(2)  # some attempts
    check(program.err().count("link down") == 1, f"it said:\n{program.err()}")
    client_bulk(world, server, MIB, 1)
    said = program.err()
    check("link up" in said, f"it was not connected:\n{said}")
    check("ailed" not in said and "not ready" not in said, f"it said:\n{said}")
    program.stop()


@case("memif/client_leaves", 120)
def memif_client_leaves(world):
    """sixty clients leave with full rings, killed or with a word: bursts are cut off, and the next client is served"""
    server, client = pair(world, "memif")
    with traffic.one_cpu():
        program = start_server(world, server)
    for i in range(60):
        traffic.leave_full(server[0], PLX, signal.SIGKILL if i % 2 else signal.SIGTERM)
        check(program.process.poll() is None, f"the server ended with {program.process.poll()}, round {i}")
    client_bulk(world, client, MIB, 1)
    out = program.stop()
    cut_off = re.search(r"wire.cut_off (\d+)", out)
    check(cut_off, f"no burst was cut off, so this has shown nothing:\n{out}")
    print(f"{cut_off[1]} bursts cut off")
    check(re.search(r"served 1 connections \(0 broken off, .* [1-9]\d{4,} datagrams", out), f"what it has served:\n{out}")


@case("memif/server_leaves", 120)
def memif_server_leaves(world):
    """the one who serves the wire leaves in the middle of a flood, killed or not, ten times: its client goes on with the next"""
    server, client = pair(world, "memif")
    with traffic.one_cpu():
        echo = Program(world, "plx-echo", ["--dev", *client, "--ip", f"{PLX}/24", "--udp", 7, "--set", "rx_ring=16384"])
    for i in range(10):
        flood = Program(world, "plx-pktgen", ["--dev", *server, "--ip", "10.9.0.1/24", "--dst", PLX, "--dport", 7, "--rate", "max",
                                              "--arp-wait", 20, "--size", 1400, "--duration", 60, "--json", world.folder / "tx.json"])
        flood.wait_says("link up")
        time.sleep(0.5)
        flood.process.send_signal(signal.SIGKILL if i % 2 else signal.SIGTERM)
        flood.wait()
        time.sleep(0.05)
        check(echo.process.poll() is None, f"the client ended with {echo.process.poll()}, round {i}")
    sent = json.loads((world.folder / "tx.json").read_text())["sent"]["frames"]
    out = echo.stop()
    check(sent > 0 and re.search(r"[1-9]\d{3,} datagrams", out), f"{sent} sent at last, and of all:\n{out}")


@case("memif/idle_cpu", alone=True, kind="memif")
@case("vhost/idle_cpu", alone=True, kind="vhost")
def idle_pair(world, kind):
    """idle with a client connected, the server takes under 5 % of a core"""
    server, client = pair(world, kind)
    program = start_server(world, server)
    nc = start_client(world, client, [PLX, 7], stdin=subprocess.PIPE)
    nc.process.stdin.write(b"hello")
    nc.process.stdin.flush()
    wait_until(lambda: nc.out() == "hello", "the echo", 15)
    time.sleep(1.0)
    before = program.cpu_seconds()
    time.sleep(4.0)
    share = (program.cpu_seconds() - before) / 4.0
    print(f"{share:.1%} of a core")
    check(share < 0.05, f"idle takes {share:.1%} of a core")


@case("process/many_restarts")
def restarts(world):
    """started and stopped ten times: nothing stays behind"""
    for _ in range(10):
        program = world.echo()
        with socket.create_connection((PLX, 7), timeout=5) as sock:
            sock.sendall(b"hi")
            check(sock.recv(2) == b"hi", "no echo")
        program.stop()
