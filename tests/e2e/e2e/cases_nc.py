# SPDX-License-Identifier: BSD-3-Clause
"""plx-nc with the kernel at the other end: both ways, both roles, half-close at both ends."""

import hashlib
import socket
import subprocess
import sys
import threading
import time

from e2e import traffic
from e2e.case import case, check
from e2e.stream_tool import CHUNK, digest, pieces
from e2e.world import BULK, KERNEL, MIB, PLX, ROOT, wait_until

TOOL = [sys.executable, "-B", str(ROOT / "tests/e2e/e2e/stream_tool.py")]
PORT = 5000


class Kernel(threading.Thread):
    """The kernel's end: sends `size` bytes of `seed` and half-closes, and hashes what comes, to its end."""

    def __init__(self, sock, size, seed, after_end=False):
        super().__init__(daemon=True)
        self.sock, self.size, self.seed, self.after_end = sock, size, seed, after_end
        self.got, self.hash, self.error = 0, hashlib.sha256(), None
        self.start()

    def run(self):
        try:
            sender = threading.Thread(target=self.send, daemon=True)
            if not self.after_end:
                sender.start()
            while piece := self.sock.recv(CHUNK):
                self.hash.update(piece)
                self.got += len(piece)
            if self.after_end:
                sender.start()
            sender.join()
        except OSError as why:
            self.error = why

    def send(self):
        try:
            for piece in pieces(self.size, self.seed):
                self.sock.sendall(piece)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as why:
            self.error = why

    def finish(self, size, seed, timeout=240):
        self.join(timeout)
        check(not self.is_alive(), f"the kernel's end is not done: {self.got} bytes came")
        check(self.error is None, f"the kernel's end failed: {self.error}")
        self.sock.close()
        check(self.got == size and self.hash.hexdigest() == digest(size, seed), f"{self.got} bytes, or others, came")


class Pipes:
    """stdin from random bytes and stdout to a hash."""

    def __init__(self, size, seed):
        self.source = subprocess.Popen([*TOOL, "make", str(size), str(seed)], stdout=subprocess.PIPE)
        self.sink = subprocess.Popen([*TOOL, "hash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ends(self):
        return {"stdin": self.source.stdout, "stdout": self.sink.stdin}

    def started(self):
        self.source.stdout.close()
        self.sink.stdin.close()

    def finish(self, size, seed):
        got = self.sink.stdout.read().split()
        self.sink.wait()
        self.source.wait()
        check(got == [str(size), digest(size, seed)], f"stdout got {got}")


def listen():
    sock = socket.create_server(("", PORT), reuse_port=True)
    sock.settimeout(20.0)
    return sock


def start_client(world, wire, words, **options):
    nc = world.start("plx-nc", wire, ["-v", *words], **options)
    if wire == "tap":
        world.tap_up()
    return nc


def start_listener(world, wire, words, **options):
    nc = start_client(world, wire, ["-l", *words], **options)
    nc.wait_says("listening" if "-u" not in words else "waiting")
    return nc


@case("nc/client_both_ways", 300, wire="tap")
@case("nc/client_both_ways_af_packet", 300, wire="af_packet")
def client_both_ways(world, wire):
    """plx-nc to a kernel listener, both directions full at the same time"""
    listener, pipes = listen(), Pipes(BULK, 11)
    nc = start_client(world, wire, [KERNEL, PORT], **pipes.ends())
    pipes.started()
    kernel = Kernel(listener.accept()[0], BULK, 12)
    kernel.sock.settimeout(60)
    kernel.finish(BULK, 11)
    pipes.finish(BULK, 12)
    check(nc.wait() == 0, f"plx-nc ended with {nc.process.returncode}")


@case("nc/server_both_ways", 300, wire="tap")
@case("nc/server_both_ways_af_packet", 300, wire="af_packet")
def server_both_ways(world, wire):
    """a kernel client to plx-nc -l, both directions full at the same time"""
    pipes = Pipes(BULK, 13)
    nc = start_listener(world, wire, [PORT], **pipes.ends())
    pipes.started()
    kernel = Kernel(traffic.connect(PORT, 60), BULK, 14)
    kernel.finish(BULK, 13)
    pipes.finish(BULK, 14)
    check(nc.wait() == 0, f"plx-nc ended with {nc.process.returncode}")


@case("nc/half_close_by_us", 120)
def half_close_by_us(world):
    """stdin ends first; the kernel answers only after it has seen our end"""
    size = 8 * MIB
    listener, pipes = listen(), Pipes(size, 15)
    nc = start_client(world, "tap", [KERNEL, PORT], **pipes.ends())
    pipes.started()
    kernel = Kernel(listener.accept()[0], size, 16, after_end=True)
    kernel.finish(size, 15)
    pipes.finish(size, 16)
    check(nc.wait() == 0, "plx-nc failed")


@case("nc/half_close_by_peer", 120)
def half_close_by_peer(world):
    """the kernel ends first; plx-nc goes on sending what comes on stdin"""
    size = 8 * MIB
    nc = start_listener(world, "tap", [PORT], stdin=subprocess.PIPE)
    sock = traffic.connect(PORT)
    sock.sendall(b"that was all")
    sock.shutdown(socket.SHUT_WR)
    wait_until(lambda: nc.out() == "that was all", "the kernel's bytes on stdout")
    time.sleep(0.3)
    check(nc.process.poll() is None, "plx-nc ended though stdin is open")
    kernel = Kernel(sock, 0, 0)
    for piece in pieces(size, 17):
        nc.process.stdin.write(piece)
    nc.process.stdin.close()
    kernel.finish(size, 17)
    check(nc.wait() == 0, "plx-nc failed")


@case("nc/interactive")
def interactive(world):
    """with stdin open and silent, what arrives is shown at once, and the other way round"""
    listener = listen()
    nc = start_client(world, "tap", [KERNEL, PORT], stdin=subprocess.PIPE)
    sock = listener.accept()[0]
    sock.settimeout(5)
    for i in range(10):
        sock.sendall(b"ping %d\n" % i)
        wait_until(lambda i=i: nc.out().endswith(f"ping {i}\n"), "the line on stdout", 2)
        nc.process.stdin.write(b"pong %d\n" % i)
        nc.process.stdin.flush()
        check(sock.recv(100) == b"pong %d\n" % i, "stdin's line did not arrive")
    nc.process.stdin.close()
    check(sock.recv(100) == b"", "no end after the end of stdin")
    sock.close()
    check(nc.wait() == 0, "plx-nc failed")


@case("nc/refused")
def refused(world):
    """nobody listens: exit 1 and a message"""
    world.start("plx-nc", "tap", ["-w", 5, KERNEL, PORT])
    world.tap_up()
    nc = world.programs[-1]
    check(nc.wait(15) == 1, f"plx-nc ended with {nc.process.returncode}")
    check("refused" in nc.err(), f"it said {nc.err()!r}")


@case("nc/no_such_host")
def no_such_host(world):
    """nobody has the address: exit 1 when ARP has given up"""
    nc = start_client(world, "tap", ["10.9.0.77", PORT])
    check(nc.wait(20) == 1, f"plx-nc ended with {nc.process.returncode}")
    check("No route to host" in nc.err(), f"it said {nc.err()!r}")


@case("nc/wait_timeout")
def wait_timeout(world):
    """-w ends a connection on which nothing moves"""
    listener = listen()
    nc = start_client(world, "tap", ["-w", 3, KERNEL, PORT], stdin=subprocess.PIPE)
    sock = listener.accept()[0]
    started = time.monotonic()
    check(nc.wait(10) == 0, f"plx-nc ended with {nc.process.returncode}")
    check(2 < time.monotonic() - started < 6, "not after three seconds")
    sock.settimeout(2)
    check(sock.recv(1) == b"", "the kernel did not see the end")


@case("nc/keep_listening")
def keep_listening(world):
    """-k serves one after another; SIGTERM ends it with 0"""
    nc = start_listener(world, "tap", ["-k", PORT])
    for i in range(5):
        with traffic.connect(PORT) as sock:
            sock.sendall(b"client %d\n" % i)
            sock.shutdown(socket.SHUT_WR)
            check(sock.recv(1) == b"", "no end")
    wait_until(lambda: nc.out() == "".join(f"client {i}\n" for i in range(5)), "all five on stdout")
    nc.stop()


@case("nc/source_port")
def source_port(world):
    """-p is the port that the peer sees"""
    listener = listen()
    nc = start_client(world, "tap", ["-p", 4321, KERNEL, PORT])
    sock, peer = listener.accept()
    check(peer == (PLX, 4321), f"the connection comes from {peer}")
    sock.close()
    check(nc.wait() == 0, "plx-nc failed")


@case("nc/udp_client")
def udp_client(world):
    """-u: a datagram for each read of stdin, answers on stdout"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", PORT))
        sock.settimeout(10)
        nc = start_client(world, "tap", ["-u", KERNEL, PORT], stdin=subprocess.PIPE)
        for text in (b"one", b"two"):
            nc.process.stdin.write(text)
            nc.process.stdin.flush()
            data, peer = sock.recvfrom(100)
            check(data == text, f"the kernel got {data!r}")
            sock.sendto(data.upper(), peer)
        wait_until(lambda: nc.out() == "ONETWO", "the answers on stdout")
        nc.process.stdin.close()
        check(nc.wait(5) == 0, "plx-nc failed")


@case("nc/udp_server")
def udp_server(world):
    """-l -u: answers go to whom the first datagram came from"""
    nc = start_listener(world, "tap", ["-u", "-w", 2, PORT], stdin=subprocess.PIPE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((PLX, PORT))
        sock.settimeout(5)
        sock.send(b"question")
        wait_until(lambda: nc.out() == "question", "the datagram on stdout")
        nc.process.stdin.write(b"answer")
        nc.process.stdin.flush()
        check(sock.recv(100) == b"answer", "another answer")
    check(nc.wait(10) == 0, "plx-nc failed")


@case("nc/impaired", 240)
def impaired(world):
    """both ways over a wire that loses, reorders and duplicates"""
    size = BULK // 8
    listener, pipes = listen(), Pipes(size, 18)
    nc = start_client(world, "tap", ["--impair", "loss=1%,reorder=1%,dup=0.5%,seed=9", KERNEL, PORT], **pipes.ends())
    pipes.started()
    kernel = Kernel(listener.accept()[0], size, 19)
    kernel.finish(size, 18)
    pipes.finish(size, 19)
    check(nc.wait() == 0, "plx-nc failed")
