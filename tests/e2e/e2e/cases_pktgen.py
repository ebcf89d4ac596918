# SPDX-License-Identifier: BSD-3-Clause
"""plx-pktgen: counted by the kernel, by itself over memif, and against what it is asked for by mistake."""

import json
import random
import re
import os
import shutil
import signal
import struct
import time

from e2e import traffic
from e2e.case import Skip, case, check
from e2e.world import KERNEL, PLX, Program, run, wait_until


def kernel_counts():
    """The kernel's counters of this namespace, "Udp.NoPorts" and so on."""
    counts = {}
    with open("/proc/net/snmp") as f:
        lines = f.read().strip().split("\n")
    for names, values in zip(lines[::2], lines[1::2]):
        kind = names.split(":")[0]
        for name, value in zip(names.split()[1:], values.split()[1:]):
            counts[f"{kind}.{name}"] = int(value)
    return counts


def result(world, name):
    return json.loads((world.folder / name).read_text())


def generate(world, wire, *words, status=0):
    """Sends to the kernel; what its counters gained meanwhile, and the result."""
    words = ["--dst", KERNEL, "--arp-wait", 20, "--json", world.folder / "tx.json", *words]
    if wire == "tap":
        before = kernel_counts()
        program = Program(world, "plx-pktgen", ["--dev", "tap:plx0", "--ip", f"{PLX}/24", *words])
        world.tap_up()
    else:
        world.veth()
        before = kernel_counts()
        program = Program(world, "plx-pktgen", ["--dev", "af_packet:plx0", "--ip", f"{PLX}/24", *words], far=True)
    check(program.wait(60) == status, f"plx-pktgen ended with {program.process.returncode}")
    after = kernel_counts()
    return {name: after[name] - before.get(name, 0) for name in after}, result(world, "tx.json")


@case("pktgen/udp_tap", wire="tap")
@case("pktgen/udp_af_packet", wire="af_packet")
def udp(world, wire):
    """a rate and a duration make an exact number of datagrams, by the kernel's counters, checksums right"""
    gained, tx = generate(world, wire, "--rate", "10kpps", "--duration", "0.5", "--sport", "random:1024-65535",
                          "--size", "62-1514")
    check(tx["sent"]["frames"] == 5000, f"sent {tx['sent']['frames']}")
    check(gained["Udp.NoPorts"] == 5000, f"the kernel saw {gained['Udp.NoPorts']} datagrams")
    check(gained["Udp.InCsumErrors"] == 0 and gained["Udp.InErrors"] == 0, f"errors: {gained}")


@case("pktgen/bad_checksums")
def bad_checksums(world):
    """wrong on request: the kernel counts each of them"""
    gained, _ = generate(world, "af_packet", "--count", 300, "--rate", "10kpps", "--checksum", "bad")
    check(gained["Udp.InCsumErrors"] == 300 or gained["Udp.NoPorts"] == 0, f"the kernel saw {gained}")


@case("pktgen/icmp_tap", wire="tap")
@case("pktgen/icmp_af_packet", wire="af_packet")
def icmp(world, wire):
    """pings that the kernel answers, each once, and that are known when they come back"""
    gained, tx = generate(world, wire, "--proto", "icmp", "--count", 500, "--rate", "5kpps", "--linger", "2")
    check(gained["Icmp.InEchos"] == 500, f"the kernel saw {gained['Icmp.InEchos']} pings")
    check(tx["sent"]["came_back"] == 500, f"{tx['sent']['came_back']} came back")
    check(tx["round_trip_ns"]["count"] == 500 and tx["round_trip_ns"]["min"] > 0, "no round trip")
    check(tx["received"]["duplicates"] == 0 and tx["received"]["damaged"] == 0, f"{tx['received']}")


# ---- two of them over memif ----

def wire_words(world, server):
    role = ",server" if server else ""
    return ["--dev", f"memif:{world.folder}/wire{role}", "--ip", f"10.9.0.{1 if server else 2}/24"]


def receiver(world, *words, mode="--rx"):
    program = Program(world, "plx-pktgen", [*wire_words(world, True), mode, "--json", world.folder / "rx.json", *words])
    program.wait_ready()
    return program


def sender(world, *words, status=0):
    program = Program(world, "plx-pktgen", [*wire_words(world, False), "--arp-wait", 20, "--json", world.folder / "tx.json",
                                            *words])
    check(program.wait(60) == status, f"the sender ended with {program.process.returncode}")
    return result(world, "tx.json")


def end(world, program):
    time.sleep(0.3)  # what is in the ring is taken out
    program.stop()
    return result(world, "rx.json")


STREAMS = """
[tcp]   # three of five
proto = tcp
flags = syn,ack,syn+ack
size = 78-1514/17
share = 3
vlan = 1-10
[udp]
size = imix
sport = random:61000-61999
src = 10.9.0.0/24
[icmp]
proto = icmp
payload = random
size = random:62-500
"""


def well_formed(capture):
    """tshark has nothing to say against any frame of it."""
    if shutil.which("tshark") is None:
        raise Skip("no tshark to look at the capture; all else was well")
    bad = run("tshark", "-r", capture, "-Y", "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || "
              "tcp.checksum.status == 0 || icmp.checksum.status == 0", "-o", "ip.check_checksum:TRUE", "-o",
              "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
    rows = [line for line in bad.split("\n") if re.match(r"\s*\d+ ", line)]
    check(not rows, f"tshark finds {len(rows)} malformed frames: {rows[:3]}")


@case("pktgen/memif_streams")
def memif_streams(world):
    """several streams of all kinds: everything arrives once, in order, undamaged, and is recorded well-formed"""
    (world.folder / "streams").write_text(STREAMS)
    capture = world.folder / "in.pcapng"
    rx = receiver(world, "--record", capture)
    tx = sender(world, "--stream", world.folder / "streams", "--dst", "10.9.0.1", "--rate", "max", "--count", 10000, "--linger", "1")
    got = end(world, rx)
    check(tx["sent"]["frames"] == 10000 and not tx["partial"], f"sent {tx['sent']}")
    received = got["received"]
    check(received["probes"] == 10000 and received["sources"] == 3, f"received {received}")
    for name in ("missing", "duplicates", "reordered", "damaged"):
        check(received[name] == 0, f"{name}: {received[name]}")
    check(got["one_way_ns"]["count"] == 10000, "no latencies")
    well_formed(capture)
    whole = run("tshark", "-r", capture, "-T", "fields", "-e", "frame.number", "-Y", "tcp")
    check(len(re.findall(r"^\d+$", whole, re.M)) == 6000, "not three fifths are TCP")


@case("pktgen/memif_alike")
def memif_alike(world):
    """frames that differ by their probe alone, made a burst at a time: all arrive as they were sent, numbered and well-formed"""
    rx = receiver(world, "--record", world.folder / "in.pcapng")
    tx = sender(world, "--dst", "10.9.0.1", "--rate", "max", "--count", 20005, "--linger", "1", "--record",
                world.folder / "out.pcapng")
    received = end(world, rx)
    check(tx["sent"]["frames"] == 20005 and tx["sent"]["bytes"] == 20005 * 64, f"sent {tx['sent']}")
    check(received["received"]["probes"] == 20005 and received["one_way_ns"]["count"] == 20005, f"{received['received']}")
    for name in ("missing", "duplicates", "reordered", "damaged"):
        check(received["received"][name] == 0, f"{name}: {received['received'][name]}")
    sent, got = ([f for f in read_pcapng(world.folder / name) if len(f) == 64] for name in ("out.pcapng", "in.pcapng"))
    check(len(sent) == 20005 and sent == got, f"{len(sent)} frames are recorded as sent, {len(got)} as received, or they differ")
    numbers = [int.from_bytes(f[50:54], "big") for f in sent]
    check(numbers == list(range(20005)), "the numbers are not 0, 1, 2, ...")
    well_formed(world.folder / "in.pcapng")


@case("pktgen/memif_impaired")
def memif_impaired(world):
    """loss, duplicates and damage of a bad wire are what the receiver says they are"""
    rx = receiver(world)
    tx = sender(world, "--dst", "10.9.0.1", "--rate", "max", "--count", 10000, "--size", 100, "--linger", "1", "--impair",
                "loss=5%,dup=2%,corrupt=1%,seed=7")
    received = end(world, rx)["received"]
    check(tx["sent"]["frames"] == 10000, f"sent {tx['sent']}")
    unique = received["probes"] - received["duplicates"]
    check(400 <= received["missing"] <= 900, f"missing: {received['missing']}")
    check(120 <= received["duplicates"] <= 300, f"duplicates: {received['duplicates']}")
    check(30 <= received["damaged"] <= 200, f"damaged: {received['damaged']}")
    # The first and the last few may be among the lost, where nobody knows of them.
    check(9990 <= unique + received["missing"] <= 10000, f"{unique} unique and {received['missing']} missing")


@case("pktgen/memif_echo")
def memif_echo(world):
    """everything that is sent to --echo comes back; a search finds a rate"""
    rx = receiver(world, mode="--echo")
    tx = sender(world, "--dst", "10.9.0.1", "--rate", "max", "--count", 5000, "--linger", "1")
    back = tx["sent"]["came_back"]
    search = sender(world, "--dst", "10.9.0.1", "--search", 99, "--duration", "0.3")
    check(search["frames_per_second"] > 0 and search["trials"][0]["passed"], f"{search}")
    received = end(world, rx)["received"]
    check(received["reflected"] >= back, "the reflector has not counted")
    check(5000 - received["reflect_lost"] <= back <= 5000, f"{back} came back; the reflector says {received}")


@case("pktgen/memif_client_leaves", 120)
def memif_client_leaves(world):
    """thirty senders leave with full rings: the receiver counts on, and the next one's frames exactly"""
    with traffic.one_cpu():
        rx = receiver(world)
    for _ in range(30):
        traffic.leave_full(f"memif:{world.folder}/wire", KERNEL, signal.SIGKILL)
    tx = sender(world, "--dst", "10.9.0.1", "--rate", "100kpps", "--count", 10000, "--linger", "1")
    got = end(world, rx)
    received = got["received"]
    check(tx["sent"]["frames"] == received["probes"] == 10000, f"{received}")
    check(received["missing"] == received["duplicates"] == received["damaged"] == 0, f"{received}")
    check(received["other"] > 10000, f"{received}")


def write_capture(path, frames, link=1):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", 1000 + i // 10000, i % 10000 * 100, len(frame), len(frame)) + frame)


def read_pcapng(path):
    """The frames, without a library: blocks of a type and a length."""
    data, at, frames = path.read_bytes(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        check(length % 4 == 0 and struct.unpack_from("<I", data, at + length - 4)[0] == length, f"block at {at} is broken")
        if kind == 6:
            size, = struct.unpack_from("<I", data, at + 20)
            frames.append(data[at + 28:at + 28 + size])
        at += length
    return frames


@case("pktgen/replay", frames=13000, times=2)  # 10 MB
@case("pktgen/replay_100mb", frames=130000, times=1)
def replay(world, frames, times):
    """a capture arrives frame by frame as it was, as often as it is asked for"""
    chance = random.Random(5)
    head = bytes.fromhex("020000000001 020000000002 88b6")
    sent = [head + chance.randbytes(chance.randrange(46, 1500)) for _ in range(frames)]
    write_capture(world.folder / "a.pcap", sent)
    capture = world.folder / "in.pcapng"
    rx = receiver(world, "--record", capture)
    tx = sender(world, "--replay", world.folder / "a.pcap", "--rate", "max", "--loop", times, "--linger", "1")
    end(world, rx)
    check(tx["sent"]["frames"] == times * len(sent), f"sent {tx['sent']['frames']}")
    got = [f for f in read_pcapng(capture) if f[:14] == head]
    check(got == sent * times, f"{len(got)} frames came, or others than were sent")


@case("pktgen/replay_damaged")
def replay_damaged(world):
    """a capture that ends in the middle: what it has is sent, the result is partial and says why"""
    frames = [bytes.fromhex("020000000001 020000000002 88b6") + bytes(50 + i) for i in range(100)]
    write_capture(world.folder / "a.pcap", frames)
    data = (world.folder / "a.pcap").read_bytes()
    (world.folder / "a.pcap").write_bytes(data[:-30])
    rx = receiver(world)
    tx = sender(world, "--replay", world.folder / "a.pcap", "--rate", "10kpps", status=1)
    check(tx["partial"] and "damaged after frame 99" in tx["partial_because"], f"{tx['partial_because']}")
    check(end(world, rx)["received"]["other"] == 99, "not what was whole arrived")
    write_capture(world.folder / "a.pcap", frames, link=101)
    p = Program(world, "plx-pktgen", [*wire_words(world, True), "--replay", world.folder / "a.pcap"])
    check(p.wait() == 1 and "only Ethernet" in p.err(), p.err())
    (world.folder / "a.pcap").write_bytes(b"no capture" * 10)
    p = Program(world, "plx-pktgen", [*wire_words(world, True), "--replay", world.folder / "a.pcap"])
    check(p.wait() == 1 and "unknown file format" in p.err(), p.err())


# ---- ends ----

@case("pktgen/nobody_answers")
def nobody_answers(world):
    """no answer to ARP, no route: one clear line, exit 1"""
    world.veth()
    words = ["--dev", "af_packet:plx0", "--ip", f"{PLX}/24", "--arp-wait", "300ms"]
    for dst, message in (("10.9.0.77", "--dst 10.9.0.77: no answer to ARP within 0.3 s"),
                         ("10.8.0.1", "--dst 10.8.0.1: there is no route to it"), (PLX, "this is our own address")):
        p = Program(world, "plx-pktgen", [*words, "--dst", dst], far=True)
        check(p.wait() == 1, f"{dst}: ended with {p.process.returncode}")
        check(message in p.err(), f"{dst}: {p.err()}")
    p = Program(world, "plx-pktgen", [*words, "--dst", KERNEL, "--size", 1600], far=True)
    check(p.wait() == 1 and "size 1600: --dev af_packet:plx0 takes frames of up to 1514 bytes" in p.err(), p.err())
    p = Program(world, "plx-pktgen", [*words, "--dst", KERNEL, "--rate", "50%"], far=True)
    check(p.wait() == 1 and "--link-speed" in p.err(), p.err())
    p = Program(world, "plx-pktgen", [*words, "--dst", KERNEL, "--rate", "2Mpps", "--link-speed", "1Gbps"], far=True)
    check(p.wait() == 1 and "impossible, the link does 1.42045 Mpps" in p.err(), p.err())


@case("pktgen/interrupted")
def interrupted(world):
    """SIGINT ends with a summary: well when there was no end of its own, else the result is partial"""
    world.veth()
    words = ["--dev", "af_packet:plx0", "--ip", f"{PLX}/24", "--dst", KERNEL]
    for more, status in ((["--rate", "1kpps"], 0), (["--rate", "1kpps", "--count", 1000000], 1)):
        p = Program(world, "plx-pktgen", [*words, *more, "--json", world.folder / "tx.json"], far=True)
        p.wait_ready()
        wait_until(lambda p=p: "pps" in p.out().split("ready")[1], "the first line of rates")
        p.process.send_signal(signal.SIGINT)
        check(p.wait(10) == status, f"ended with {p.process.returncode}")
        check("plx-pktgen: sent " in p.out(), "no summary")
        check(result(world, "tx.json")["partial"] == bool(status), "partial or not")
        check(("PARTIAL: interrupted" in p.out()) == bool(status), p.out())


@case("pktgen/ping")
def ping(world):
    """it answers ARP and ping for its own address, while it receives and while it sends"""
    for more in (["--rx"], ["--dst", KERNEL, "--rate", "2kpps"]):
        if not os.path.exists("/sys/class/net/near0"):
            world.veth()
        p = Program(world, "plx-pktgen", ["--dev", "af_packet:plx0", "--ip", f"{PLX}/24", *more], far=True)
        p.wait_ready()
        out = run("ping", "-c", 5, "-i", 0.05, "-W", 5, PLX)
        check(" 0% packet loss" in out, out)
        p.stop()


WRONG = [
    ([], "nothing to do"),
    (["--dst", "10.9.0.1", "--rate", "0pps"], "--rate 0pps: must be frames (1pps to 1000Mpps"),
    (["--dst", "10.9.0.1", "--rate", "2000Mpps"], "--rate 2000Mpps: must be"),
    (["--dst", "10.9.0.1", "--rate", "fast"], "--rate fast: must be"),
    (["--dst", "10.9.0.1", "--dport", "70000"], "--dport 70000: must be a number from 0 to 65535"),
    (["--dst", "10.9.0.1", "--sport", "9-5"], "--sport 9-5: the range begins above its end"),
    (["--dst", "10.9.0.1", "--proto", "icmp", "--dport", "5"], "--dport: proto icmp has no such field"),
    (["--dst", "10.9.0.1", "--proto", "gre"], "--proto gre: must be one of udp, tcp"),
    (["--dst", "10.9.0.1", "--size", "20"], "--size 20: the headers of proto udp take 42 bytes"),
    (["--dst", "10.9.0.1", "--duration", "soon"], "--duration soon: TIME must be"),
    (["--dst", "10.9.0.1", "--count", "0"], "--count 0: must be a number from 1"),
    (["--dst", "nowhere"], "--dst nowhere: must be an IPv4 address"),
    (["--proto", "tcp"], "--dst: is missing"),
    (["--dst", "10.9.0.1", "--colour", "red"], "--colour: unknown option"),
    (["--rx", "--rate", "1kpps"], "--rate: there is nothing to send"),
    (["--dst", "10.9.0.1", "--speed", "2"], "--speed: only together with --replay"),
    (["--dst", "10.9.0.1", "--echo"], "--echo: reflects only"),
    (["--replay", "x.pcap", "--dst", "10.9.0.1"], "--dst: not together with --replay"),
    (["--dst", "10.9.0.1", "--search", "200"], "--search 200: must be a number from 0 to 99"),
    (["--stream", "/nonexistent"], "--stream /nonexistent: No such file"),
    (["x"], "x: takes no operands"),
]


@case("pktgen/wrong_input", 120)
def wrong_input(world):
    """each mistake is a line that names option and value, exit 2, before any wire is opened"""
    for words, message in WRONG:
        p = Program(world, "plx-pktgen", ["--dev", "tap:never", "--ip", "10.9.0.2/24", *words])
        check(p.wait() == 2, f"{words}: ended with {p.process.returncode}: {p.err()}")
        check(message in p.err() and len(p.err().strip().split("\n")) == 1, f"{words}: {p.err()}")
        check("plx: dev" not in p.err(), f"{words}: a wire was opened")
