# SPDX-License-Identifier: BSD-3-Clause
"""What is wrong on purpose: options, values, missing things, and frames."""

import os
import random
import re
import socket
import time

from e2e import mutate, traffic
from e2e.case import case, check
from e2e.world import BUILD, BUILD_ASAN, MIB, PLX, Program, run

IP = ("--ip", "10.9.0.2/24")
TAP = ("--dev", "tap:plx0")
MUTATED = 100_000
SANITIZE = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99"}

# Words of the command line, exit status, and what the message has to name.
WRONG = [
    ([*TAP, "--ip", "10.0.0.256/24"], 2, ["--ip", "10.0.0.256/24"]),
    ([*TAP, "--ip", "10.0.0.1/33"], 2, ["--ip", "10.0.0.1/33", "32"]),
    ([*TAP, "--ip", "10.0.0/24"], 2, ["--ip", "10.0.0/24"]),
    ([*TAP, "--ip", "10.0.0.01/24"], 2, ["--ip", "10.0.0.01/24"]),
    ([*TAP, "--ip", ""], 2, ["--ip"]),
    ([*TAP, "--ip", "224.0.0.1/24"], 2, ["--ip", "224.0.0.1/24"]),
    ([*TAP, "--ip"], 2, ["--ip"]),
    (["--dev", "tapx:a", *IP], 2, ["--dev", "tapx:a", "tap:", "af_packet:", "memif:", "vhost:"]),
    (["--dev", "tap:", *IP], 2, ["--dev", "tap:"]),
    (["--dev", "tap:a-name-that-is-too-long", *IP], 2, ["--dev", "a-name-that-is-too-long"]),
    ([*IP], 2, ["--dev"]),
    ([*TAP, *IP, "--mtu", "50"], 2, ["--mtu", "50", "9000"]),
    ([*TAP, *IP, "--mtu", "9001"], 2, ["--mtu", "9001", "9000"]),
    ([*TAP, *IP, "--mtu", "1500x"], 2, ["--mtu", "1500x"]),
    ([*TAP, *IP, "--gw", "10.9.0"], 2, ["--gw", "10.9.0"]),
    ([*TAP, *IP, "--gw", "10.8.0.1"], 2, ["--gw", "10.8.0.1"]),
    ([*TAP, *IP, "--mac", "02:00:00:00:00"], 2, ["--mac", "02:00:00:00:00"]),
    ([*TAP, *IP, "--mac", "01:00:00:00:00:01"], 2, ["--mac", "01:00:00:00:00:01"]),
    ([*TAP, *IP, "--route", "10.0.0.0/8"], 2, ["--route", "10.0.0.0/8"]),
    ([*TAP, *IP, "--workers", "0"], 2, ["--workers", "0"]),
    ([*TAP, *IP, "--workers", "many"], 2, ["--workers", "many"]),
    ([*TAP, *IP, "--set", "tcp_no_such_key=1"], 2, ["--set", "tcp_no_such_key"]),
    ([*TAP, *IP, "--set", "idle=sometimes"], 2, ["--set", "idle", "sometimes", "spin"]),
    ([*TAP, *IP, "--set", "idle"], 2, ["--set", "idle"]),
    ([*TAP, *IP, "--impair", "loss=200%"], 2, ["--impair", "loss"]),
    ([*TAP, *IP, "--impair", "lost=1%"], 2, ["--impair", "lost"]),
    ([*TAP, *IP, "--config", "/nonexistent/plx.conf"], 1, ["--config", "/nonexistent/plx.conf"]),
    ([*TAP, *IP, "--tcp", "65536"], 2, ["--tcp", "65536", "65535"]),
    ([*TAP, *IP, "--tcp", "0"], 2, ["--tcp", "0", "65535"]),
    ([*TAP, *IP, "--tcp", "seven"], 2, ["--tcp", "seven", "65535"]),
    ([*TAP, *IP, "--tcp", "-7"], 2, ["--tcp", "-7", "65535"]),
    ([*TAP, *IP, "--tcp", "9-7"], 2, ["--tcp", "9-7", "7000-7015"]),
    ([*TAP, *IP, "--tcp", "7-9", "--discard", "9-12"], 2, ["--discard", "9 to 12", "in use", "--tcp"]),
    ([*TAP, *IP, "--tcp", "7", "--discard", "7"], 2, ["--discard", "7", "in use", "--tcp"]),
    ([*TAP, *IP, "--mode", "fibers"], 2, ["--mode", "fibers", "epoll"]),
    ([*TAP, *IP, "--no-such-option"], 2, ["--no-such-option"]),
    ([*TAP, *IP, "7"], 2, ["7"]),
    (["--dev", "af_packet:nosuch0", *IP], 1, ["--dev", "nosuch0"]),
    (["--dev", "af_xdp:nosuch0", *IP], 1, ["--dev", "nosuch0"]),
    (["--dev", "pci:0000:99:00.0", *IP], 1, ["--dev", "0000:99:00.0"]),
    (["--dev", "pci:nonsense", *IP], 2, ["--dev", "pci:nonsense"]),
    (["--dev", "pcap:/nonexistent/in.pcap", *IP], 1, ["--dev", "/nonexistent/in.pcap"]),
    (["--dev", "vdev:net_nosuch0", *IP], 1, ["--dev", "net_nosuch0"]),
    (["--dev", "memif:/nonexistent/folder/sock,server", *IP], 1, ["--dev", "/nonexistent/folder/sock"]),
    (["--dev", "memif:/tmp/x,sever", *IP], 2, ["--dev", "sever"]),
    (["--dev", "vhost:/nonexistent/folder/sock", *IP], 1, ["--dev", "/nonexistent/folder/sock"]),
]

WRONG_NC = [
    ([*TAP, *IP, "10.9.0.1"], 2, ["HOST", "PORT"]),
    ([*TAP, *IP, "10.9.0.1", "0"], 2, ["PORT", "0", "65535"]),
    ([*TAP, *IP, "localhost", "80"], 2, ["HOST", "localhost", "address"]),
    ([*TAP, *IP, "-k", "10.9.0.1", "80"], 2, ["-k", "-l"]),
    ([*TAP, *IP, "-w", "soon", "10.9.0.1", "80"], 2, ["-w", "soon"]),
    ([*TAP, *IP, "-x", "10.9.0.1", "80"], 2, ["-x"]),
    ([*TAP, *IP, "-l"], 2, ["-l", "PORT"]),
    ([*TAP, *IP, "-p"], 2, ["-p"]),
]

WRONG_WIRE = [
    ([], 2, ["--dev", "two"]),
    (TAP, 2, ["--dev", "two", "1"]),
    ([*TAP, "--dev", "tap:plx1", *IP], 2, ["--ip"]),
    ([*TAP, "--dev", "tap:plx1", "--gw", "10.9.0.1"], 2, ["--gw"]),
    ([*TAP, "--dev", "tap:plx1", "--workers", "2"], 2, ["--workers", "2"]),
    ([*TAP, "--dev", "tap:plx1", "--stats", "0"], 2, ["--stats", "0", "86400"]),
    ([*TAP, "--dev", "af_packet:nosuch0"], 1, ["nosuch0"]),
    (["tap:plx0", "tap:plx1"], 2, ["tap:plx0", "--dev"]),
]


def complaint(world, name, words, status, names):
    """None, or what is wrong with how the program took this."""
    program = Program(world, name, words)
    shown = f"{name} {' '.join(words)}"
    try:
        got = program.wait(10)
    except AssertionError:
        program.kill()
        return f"{shown}: did not end"
    text = program.err()
    lines = [line for line in text.rstrip().split("\n") if line]
    if got != status:
        return f"{shown}: exit {got}, expected {status}: {text!r}"
    if len(lines) != 1 or program.out():
        return f"{shown}: expected one line on stderr: {text!r} {program.out()!r}"
    missing = [n for n in names if n not in text]
    return f"{shown}: the message lacks {missing}: {text!r}" if missing else None


@case("input/wrong_options", 180)
def wrong_options(world):
    """each wrong option: exit 2 (1 for the environment), one line that names option, value and what is allowed"""
    table = [("plx-echo", *row) for row in WRONG] + [("plx-nc", *row) for row in WRONG_NC]
    table += [("plx-wire", *row) for row in WRONG_WIRE]
    bad = [c for row in table if (c := complaint(world, *row))]
    check(not bad, f"{len(bad)} of {len(table)}:\n" + "\n".join(bad))


@case("input/port_in_use")
def port_in_use(world):
    """the wire of a running program is refused to another: exit 1, and the first goes on"""
    world.echo()
    second = Program(world, "plx-echo", [*TAP, *IP])
    check(second.wait(10) == 1, f"exit {second.process.returncode}")
    check("plx0" in second.err(), f"it said {second.err()!r}")
    traffic.echo_bulk(MIB)


@case("input/help")
def help_and_version(world):
    """--help and --version of every program: exit 0, on stdout, without root or wire"""
    for name in ("plx-echo", "plx-nc", "plx-doctor", "plx-wire"):
        for word, expected in (("--help", "--version"), ("--version", name)):
            program = Program(world, name, [word], user=65534)
            check(program.wait(10) == 0, f"{name} {word}: exit {program.process.returncode}")
            check(expected in program.out() and program.err() == "", f"{name} {word} said {program.out()!r}")
    check("--impair" in run(BUILD / "plx-echo", "--help"), "--help lacks the common options")


@case("input/doctor")
def doctor(world):
    """plx-doctor as user nobody: text and JSON tell the same"""
    import json
    text = Program(world, "plx-doctor", [], user=65534)
    machine = Program(world, "plx-doctor", ["--json"], user=65534)
    check(text.wait(10) == 0 and machine.wait(10) == 0, "it failed")
    findings = json.loads(machine.out())["findings"]
    for f in findings:
        check(f["verdict"] in ("ok", "note", "no") and f["says"], f"a finding says nothing: {f}")
        check(f["says"] in text.out(), f"the text lacks {f['says']!r}")
    names = {f["name"].split(":")[0] for f in findings}
    kinds = {"pci", "tap", "af_packet", "af_xdp", "memif", "vhost", "virtio", "pcap", "vdev"}
    check(kinds <= names, f"nothing is said of {kinds - names}")


def conversation(seed):
    """Something of everything, for the recorder. The connections are left open: what is mutated concerns them."""
    socks = [traffic.connect() for _ in range(3)]
    for sock in socks:
        sock.sendall(random.Random(seed).randbytes(3000))
        traffic.receive_exactly(sock, 3000)
    traffic.echo_udp((0, 1, 100, 1472, 5000), tries=3)
    traffic.ping("-c", 2, "-i", 0.01, "-s", 100)
    traffic.ping("-c", 1, "-s", 4000)
    run("ip", "neigh", "flush", "dev", "plx0")
    closing = traffic.connect()
    closing.sendall(b"bye")
    closing.close()
    return socks


def hurl(wire, mutator, count, seed):
    socks = conversation(seed)
    frames = mutate.recorded(wire)
    check(len(frames) > 20, f"only {len(frames)} frames were recorded")
    for i in range(count):
        mutate.send(wire, mutator.mutate(frames))
    mutate.recorded(wire, 10 ** 6)  # what we sent was recorded too
    for sock in socks:
        sock.close()


def still_echoes():
    # Mutated ARP may have told the program of another Ethernet address for us, which ARP has to believe: our
    # own request, which this makes the kernel send, puts it right.
    run("ip", "neigh", "flush", "dev", "plx0")
    traffic.echo_bulk(MIB)
    traffic.echo_udp((0, 1, 1472, 8192), tries=3)
    traffic.ping("-c", 3, "-i", 0.05)


def drops_in(text):
    """Reason -> how often, as the summary tells."""
    line = re.search(r"^plx: drops: (.*)$", text, re.M)
    return {} if line is None else {name: int(n) for name, n in re.findall(r"([a-z][\w.]*) (\d+)", line[1])}


@case("input/mutated_frames", 400)
def mutated_frames(world):
    """100,000 mutated frames to the program under ASan and UBSan: echoes still, drops counted, no report"""
    seed = int(os.environ.get("E2E_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"E2E_SEED={seed}", flush=True)
    program = world.echo("tap", ["--tcp", 7, "--udp", 7, "--set", "ipfrag_time=1"], build=BUILD_ASAN, env=SANITIZE)
    run("ip", "link", "set", "plx0", "txqueuelen", 10000)
    wire, mutator = mutate.open_wire("plx0"), mutate.Mutator(seed)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    rounds = 10
    for i in range(rounds):
        hurl(wire, mutator, MUTATED // rounds, seed + i)
        time.sleep(1.2)  # until fragments whose rest will never come have made room
        check(program.process.poll() is None, f"it died in round {i}: {program.process.poll()}")
        still_echoes()
    out = program.stop(20)
    drops = drops_in(out)
    check(len([n for n in drops.values() if n > 0]) >= 8, f"few reasons for drops: {drops}\n{out}")
    check("runtime error" not in program.err() and "Sanitizer" not in program.err(), program.err())


@case("input/sanitized_load", 300)
def sanitized_load(world):
    """the ordinary load under ASan and UBSan: no report"""
    program = world.echo("tap", ["--tcp", 7, "--udp", 7, "--daytime", 13, "--chargen", 19], build=BUILD_ASAN,
                         env=SANITIZE)
    traffic.echo_bulk(16 * MIB)
    traffic.echo_many(200, 65536)
    traffic.echo_in_sequence(500)
    traffic.echo_udp((0, 1, 1472, 1473, 8192, 65507))
    traffic.ping("-f", "-c", 1000)
    with traffic.connect(19) as sock:
        traffic.receive_exactly(sock, MIB)
    with socket.create_connection((PLX, 13)) as sock:
        sock.recv(100)
    program.stop(20)
    check("runtime error" not in program.err() and "Sanitizer" not in program.err(), program.err())
