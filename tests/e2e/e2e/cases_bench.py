# SPDX-License-Identifier: BSD-3-Clause
"""plx-bench: both stacks, what it measures, and what it says when the other side is not as it should be."""

import json
import signal
import socket
import subprocess
import threading
import time

from e2e.case import case, check
from e2e.world import BUILD, KERNEL, PLX, Program, run, wait_until

PORT = 5007
PROGRAM = str(BUILD / "plx-bench")


class Server(threading.Thread):
    """A kernel server: handle(socket) in a thread for each connection."""

    def __init__(self, handle):
        super().__init__(daemon=True)
        self.handle = handle
        self.listener = socket.create_server(("", PORT), backlog=1024)
        self.start()

    def run(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return  # closed
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            self.handle(sock)
        except OSError:
            pass
        sock.close()


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)


def bench(world, words, ok=(0,), timeout=40, **options):
    """plx-bench to its end: its JSON (None when it wrote none) and the program."""
    path = world.folder / "result.json"
    path.unlink(missing_ok=True)
    program = Program(world, "plx-bench", [*words, "--json", path], **options)
    check(program.wait(timeout) in ok, f"plx-bench ended with {program.process.returncode}")
    return (json.loads(path.read_text()) if path.exists() else None), program


def kernel_words(mode, *words):
    return [mode, "--backend", "kernel", "-t", 1, "--warmup", 0, *words]


def serve(world, *words):
    server = Program(world, "plx-bench", ["serve", "--backend", "kernel", *words])
    server.wait_ready()
    return server


def no_errors(result):
    check(result["errors"] == {}, f"errors: {result['errors']}")
    check(not result["partial"], f"partial: {result['why_partial']}")


@case("bench/kernel_modes")
def kernel_modes(world):
    """every mode on the kernel's stack, both ends plx-bench: figures that agree with each other"""
    serve(world, "--rr", PORT, "--udp", PORT, "--stream", 5008, "--sink", 5009, "--http", 5010)
    for mode, words in (("rr", ["-c", 4, "127.0.0.1", PORT]), ("rr", ["-P", 8, "-n", 1000, "127.0.0.1", PORT]),
                        ("cps", ["-c", 2, "--close", "reset", "127.0.0.1", PORT]),
                        ("udp", ["-c", 2, "-P", 2, "127.0.0.1", PORT]),
                        ("http", ["127.0.0.1", 5010, "/a", "/b"]),
                        ("http", ["--no-keepalive", "--rate", 200, "127.0.0.1", 5010]),
                        ("hold", ["-c", 500, "--heartbeat", 1, "127.0.0.1", PORT])):
        result, _ = bench(world, kernel_words(mode, *words))
        no_errors(result)
        latency = result["latency_us"]
        check(result["requests"] > 50, f"{mode}: only {result['requests']} requests")
        check(latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"], f"{mode}: {latency}")
        check(sum(p["requests"] for p in result["series"]) == result["requests"], f"{mode}: the series is not the sum")
    for port, direction in ((5009, "up"), (5008, "down"), (5008, "both")):
        result, _ = bench(world, kernel_words("stream", "--direction", direction, "127.0.0.1", port))
        no_errors(result)
        check((result["bytes_out"] > 10**7) == (direction != "down"), f"{direction}: {result['bytes_out']} out")
        check((result["bytes_in"] > 10**7) == (direction != "up"), f"{direction}: {result['bytes_in']} in")


@case("bench/pollux_client", 90)
def pollux_client(world):
    """loads from Pollux to a kernel server over TAP"""
    serve(world, "--rr", PORT, "--udp", PORT, "--sink", 5009, "--http", 5010)
    run("ip", "tuntap", "add", "plx0", "mode", "tap")
    world.tap_up()
    # The kernel brings a TAP's carrier up a moment after it is opened: a first SYN may be lost, and comes again after 1 s.
    wire = ["--dev", "tap:plx0", "--ip", f"{PLX}/24", "-t", 3, "--warmup", 0]
    for words in (["rr", "-c", 8, *wire, KERNEL, PORT], ["cps", "-c", 2, *wire, KERNEL, PORT],
                  ["udp", *wire, KERNEL, PORT], ["http", *wire, KERNEL, 5010],
                  ["rr", "-c", 8, "--rate", 500, *wire, KERNEL, PORT]):
        result, _ = bench(world, words)
        no_errors(result)
        check(result["requests"] > 50, f"{words[0]}: only {result['requests']} requests")
        check(result["counters"]["tx.packets"] > 50, "the stack's counters are not in the result")
    result, _ = bench(world, ["stream", *wire, KERNEL, 5009])
    check(result["bytes_out"] > 10**6, f"stream: {result['bytes_out']} bytes")


@case("bench/pollux_server", 90)
def pollux_server(world):
    """plx-bench serve on Pollux, asked by plx-bench on the kernel's stack"""
    server = Program(world, "plx-bench", ["serve", "--dev", "tap:plx0", "--ip", f"{PLX}/24", "--rr", PORT, "--udp",
                                          PORT, "--stream", 5008, "--http", 5010])
    server.wait_ready()
    world.tap_up()
    for mode, words in (("rr", ["-c", 20, PLX, PORT]), ("rr", ["-n", 20000, PLX, PORT]), ("udp", [PLX, PORT]),
                        ("cps", [PLX, PORT]), ("http", ["-c", 4, PLX, 5010])):
        result, _ = bench(world, kernel_words(mode, *words))
        no_errors(result)
        check(result["requests"] > 50, f"{mode}: only {result['requests']} requests")
    result, _ = bench(world, kernel_words("stream", "--direction", "both", PLX, 5008))
    check(result["bytes_in"] > 10**6 and result["bytes_out"] > 10**6, "no stream in both directions")
    check("requests" in server.stop(), "no summary")


@case("bench/coordinated_omission", 60, alone=True)
def coordinated_omission(world):
    """a server that stalls for 100 ms of each second: in an open loop its percentiles say so"""
    serve(world, "--rr", PORT, "--stall", "100/1000")
    words = ["-c", 4, "-t", 4, "--warmup", 0, "127.0.0.1", PORT]
    result, _ = bench(world, ["rr", "--backend", "kernel", "--rate", 1000, *words])
    # A tenth of the requests is due within a stall, and waits for what is left of it: 0 to 100 ms, evenly.
    p95, p99 = result["latency_us"]["p95"], result["latency_us"]["p99"]
    check(30_000 < p95 < 130_000, f"p95 is {p95} us, expected about 50 ms")
    check(70_000 < p99 < 200_000, f"p99 is {p99} us, expected about 90 ms")
    check(result["latency_us"]["p50"] < 20_000, f"p50 is {result['latency_us']['p50']} us")
    closed, _ = bench(world, ["rr", "--backend", "kernel", *words])
    check(closed["latency_us"]["p99"] < 20_000, "the closed loop should not see it: that is why there is an open one")


@case("bench/rate", 60, alone=True)
def rate(world):
    """an open loop makes the requests that it was asked for; one that cannot be met is said to be behind"""
    serve(world, "--rr", PORT)
    result, _ = bench(world, kernel_words("rr", "-t", 3, "-c", 8, "--rate", 2000, "127.0.0.1", PORT))
    check(5900 <= result["latency_us"]["count"] <= 6001, f"{result['latency_us']['count']} requests instead of 6000")
    result, program = bench(world, kernel_words("rr", "--rate", 5_000_000, "127.0.0.1", PORT))
    check(result["unsent"] > 3_000_000 and "behind" in program.out(), f"unsent: {result['unsent']}")
    check(result["latency_us"]["p99"] > 500_000, "requests that were never sent are not in the latencies")


@case("bench/refused")
def refused(world):
    """nobody listens: exit 1, and why"""
    result, program = bench(world, kernel_words("rr", "-c", 4, "127.0.0.1", PORT), ok=(1,))
    check("refused" in program.out() and "refused" in result["errors"], f"it said {program.out()}")
    check(result["partial"], "not marked as partial")
    result, program = bench(world, ["rr", "--dev", "tap:plx0", "--ip", f"{PLX}/24", "-t", 1, "127.0.0.1", PORT], ok=(1,))
    check(result["partial"], "not marked as partial")


@case("bench/vanishing_server")
def vanishing_server(world):
    """a server that dies while it is measured: the run ends early, what there is is kept"""
    server = serve(world, "--rr", PORT)
    threading.Timer(2, server.kill).start()
    result, program = bench(world, ["rr", "--backend", "kernel", "-c", 3, "-t", 30, "127.0.0.1", PORT], ok=(1,))
    check(result["partial"] and result["requests"] > 0, f"{result['requests']} requests")
    check(set(result["errors"]) & {"reset", "closed"} and "refused" in result["errors"], f"errors {result['errors']}")
    check("ended early" in program.err(), f"it said {program.err()}")


@case("bench/silent_server")
def silent_server(world):
    """a server that takes requests and never answers: timeouts are counted, and it is said"""
    Server(lambda sock: [None for _ in iter(lambda: sock.recv(1000), b"")])
    result, program = bench(world, kernel_words("rr", "-c", 2, "-t", 3, "--timeout", 1, "127.0.0.1", PORT), ok=(1,))
    check(result["errors"].get("timeout", 0) >= 2, f"errors {result['errors']}")
    check("not one request" in program.err(), f"it said {program.err()}")


@case("bench/nonsense", 90)
def nonsense(world):
    """answers that are wrong, too long, cut off, or no HTTP: each is counted by its kind"""

    def answer(make):
        def handle(sock):
            while data := sock.recv(65536):
                sock.sendall(make(data))
                if len(make(data)) < len(data):
                    return
        return handle

    for make, kind in ((lambda d: b"?" * len(d), "wrong_answer"), (lambda d: d + b"more", "unexpected"),
                       (lambda d: d[:10], "closed")):
        # In a closed loop what is too much would be taken for the next answer.
        words = ["--rate", 10] if kind == "unexpected" else []
        server = Server(answer(make))
        result, _ = bench(world, kernel_words("rr", *words, "127.0.0.1", PORT), ok=(0, 1))
        check(result["errors"].get(kind, 0) > 0, f"expected {kind}, got {result['errors']}")
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
    Server(echo)
    result, _ = bench(world, kernel_words("http", "127.0.0.1", PORT), ok=(1,))
    check(result["errors"].get("http_syntax", 0) > 0, f"an echo of a request was taken for an answer: {result['errors']}")


@case("bench/interrupted")
def interrupted(world):
    """SIGINT: a summary and a result, marked as partial; exit 0"""
    serve(world, "--rr", PORT)
    path = world.folder / "partial.json"
    for extra in ([], ["--rate", 1000]):
        program = Program(world, "plx-bench", ["rr", "--backend", "kernel", *extra, "--json", path, "127.0.0.1", PORT])
        time.sleep(2.5)
        out = program.stop(sig=signal.SIGINT)
        result = json.loads(path.read_text())
        check("PARTIAL" in out and "interrupted" in out, f"it said {out}")
        check(result["partial"] and result["requests"] > 100, f"{result['requests']} requests")
        check(0.5 < result["seconds"] < 4, f"{result['seconds']} s")


@case("bench/hold", 90)
def hold(world):
    """connections to several ports from several sources stay; the server sees them"""
    server = Program(world, "plx-bench", ["serve", "--dev", "tap:plx0", "--ip", f"{PLX}/24", "--rr", "5000-5009"])
    server.wait_ready()
    world.tap_up()
    run("ip", "addr", "add", "10.9.0.3/24", "dev", "plx0")
    program = Program(world, "plx-bench", ["hold", "--backend", "kernel", "-c", 3000, "-t", 30, "--warmup", 0,
                                           "--source", f"{KERNEL},10.9.0.3", PLX, "5000-5009"])
    for source in (KERNEL, "10.9.0.3"):
        def held(source=source):
            return len(run("ss", "-Htn", "state", "established", "src", source).splitlines()) == 1500
        wait_until(held, f"1500 connections from {source}", 30, 0.2)
    out = program.stop(sig=signal.SIGINT)
    check("3000 opened" in out and ", 0 not opened, 0 lost" in out, f"it said {out}")
    server.stop()


@case("bench/sources_on_pollux")
def sources_on_pollux(world):
    """Pollux connects from several of its own addresses"""
    peers = set()

    def handle(sock):
        peers.add(sock.getpeername()[0])
        echo(sock)

    Server(handle)
    run("ip", "tuntap", "add", "plx0", "mode", "tap")
    world.tap_up()
    result, _ = bench(world, ["rr", "--dev", "tap:plx0", "--ip", f"{PLX}/24", "--ip", "10.9.0.9/24", "-c", 4, "-t", 1,
                              "--source", f"{PLX},10.9.0.9", KERNEL, PORT])
    no_errors(result)
    check(peers == {PLX, "10.9.0.9"}, f"connections came from {peers}")


@case("bench/compare")
def compare(world):
    """two files of repeated runs: ratios with confidence; what is no result is refused"""
    serve(world, "--rr", PORT)
    a, b = world.folder / "a.json", world.folder / "b.json"
    for _ in range(3):
        for path in (a, b):
            run(PROGRAM, *kernel_words("rr", "-q", "--json", path, "--append", "127.0.0.1", PORT))
    out = run(PROGRAM, "compare", a, b)
    check("3 runs of rr" in out and "requests/s" in out and "95 % confidence" in out, f"it said {out}")
    check("no difference shown" in out or "better" in out or "worse" in out, f"it said {out}")
    (world.folder / "bad.json").write_text('{"mode": ')
    out = run(PROGRAM, "compare", a, world.folder / "bad.json", ok=(1,))
    check("not JSON" in out, f"it said {out}")


@case("bench/usage")
def usage(world):
    """what cannot be is an error that names it"""
    for words, says in (([], "says not what to do"), (["rrr", "1.2.3.4", 5], "rrr"),
                        (["rr", "--backend", "kernel", "1.2.3", 5], "HOST 1.2.3"),
                        (["rr", "--backend", "kernel", "1.2.3.4", "9-5"], "PORT 9-5"),
                        (["rr", "--backend", "kernel", "--dev", "tap:x", "1.2.3.4", 5], "--dev"),
                        (["rr", "--backend", "lwip", "1.2.3.4", 5], "pollux|kernel"),
                        (["stream", "--backend", "kernel", "--rate", 5, "1.2.3.4", 5], "--rate"),
                        (["rr", "--backend", "kernel", "-c", 0, "1.2.3.4", 5], "-c 0"),
                        (["http", "--backend", "kernel", "1.2.3.4", 5, "no-slash"], "no-slash"),
                        (["serve", "--backend", "kernel", "--stall", "5/5"], "--stall 5/5"),
                        (["udp", "--backend", "kernel", "-n", 4, "1.2.3.4", 5], "--size 4"),
                        (["compare", "x"], "two files")):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=10)
        check(done.returncode == 2 and says in done.stderr, f"{words}: {done.returncode} {done.stderr!r}")
