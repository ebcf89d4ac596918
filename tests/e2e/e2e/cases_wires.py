# SPDX-License-Identifier: BSD-3-Clause
"""plx-echo on each wire that reaches the kernel: ping, TCP and UDP of many sizes."""

from pathlib import Path

from e2e import traffic
from e2e.case import Failure, case, check
from e2e.world import BULK, MIB, PLX, Program, run

UDP_SIZES = (0, 1, 1472, 1473, 8192, 65507)
JUMBO = 9000


@case("tap/ping_flood", wire="tap")
@case("af_packet/ping_flood", wire="af_packet")
@case("af_xdp/ping_flood", wire="af_xdp")
def ping_flood(world, wire):
    """ping -f -c 10000 loses nothing"""
    world.echo(wire)
    traffic.ping("-f", "-c", 10000)


@case("tap/ping_65507", wire="tap")
@case("af_packet/ping_65507", wire="af_packet")
@case("af_xdp/ping_65507", wire="af_xdp")
def ping_large(world, wire):
    """the largest ping there is, 45 fragments each way"""
    world.echo(wire)
    traffic.ping("-s", 65507, "-c", 20, "-i", 0.05)
    for size in (0, 1, 1472, 1473, 8192):
        traffic.ping("-s", size, "-c", 3, "-i", 0.01)


@case("tap/echo_bulk", 300, wire="tap")
@case("af_packet/echo_bulk", 300, wire="af_packet")
@case("af_xdp/echo_bulk", 300, wire="af_xdp")
def echo_bulk(world, wire):
    """random bytes echoed over one connection, equal sha256"""
    world.echo(wire)
    seconds = traffic.echo_bulk(BULK)
    print(f"{BULK // MIB} MiB each way in {seconds:.2f} s")


@case("tap/connections_10000", 120, wire="tap")
@case("af_packet/connections_10000", 120, wire="af_packet")
@case("af_xdp/connections_10000", 120, wire="af_xdp")
def connections_in_sequence(world, wire):
    """10,000 connections one after another"""
    program = world.echo(wire)
    before = program.resident()
    traffic.echo_in_sequence(10000)
    grown = program.resident() - before
    check(grown < 64 * MIB, f"the server grew by {grown // MIB} MiB")


@case("tap/connections_1000_at_once", 120, wire="tap")
@case("af_packet/connections_1000_at_once", 120, wire="af_packet")
@case("af_xdp/connections_1000_at_once", 120, wire="af_xdp")
def connections_at_once(world, wire):
    """1,000 connections at once, each echoing 64 KiB"""
    world.echo(wire)
    traffic.echo_many(1000, 65536)


@case("tap/udp_sizes", wire="tap")
@case("af_packet/udp_sizes", wire="af_packet")
@case("af_xdp/udp_sizes", wire="af_xdp")
def udp_sizes(world, wire):
    """UDP echo of 0 to 65,507 bytes"""
    world.echo(wire)
    for _ in range(5):
        traffic.echo_udp(UDP_SIZES)


@case("tap/mtu_9000", 120, wire="tap")
@case("af_packet/mtu_9000", 120, wire="af_packet")
def jumbo(world, wire):
    """MTU 9000: whole frames of that size, and all of the above"""
    world.echo(wire, mtu=JUMBO)
    traffic.ping("-M", "do", "-s", JUMBO - 28, "-c", 5, "-i", 0.01)
    traffic.ping("-s", 65507, "-c", 5, "-i", 0.05)
    traffic.ping("-f", "-c", 1000)
    traffic.echo_udp((*UDP_SIZES, JUMBO - 28, JUMBO - 27))
    traffic.echo_bulk(BULK // 4)
    traffic.echo_many(100, 65536)


@case("tap/offload_off", 120, wire="tap")
@case("af_packet/offload_off", 120, wire="af_packet")
def offload_off(world, wire):
    """--set offload=off: checksums and segmentation in software"""
    world.echo(wire, ["--tcp", 7, "--udp", 7, "--set", "offload=off"])
    traffic.ping("-s", 65507, "-c", 3, "-i", 0.05)
    traffic.echo_udp(UDP_SIZES)
    traffic.echo_bulk(BULK // 4)


@case("tap/workers_2", 120)
def two_workers(world):
    """two workers on one TAP with two queues"""
    program = world.echo("tap", ["--tcp", 7, "--udp", 7, "--workers", 2])
    check("2 workers" in program.out(), f"does not run two workers: {program.out()}")
    traffic.ping("-s", 65507, "-c", 5, "-i", 0.05)
    traffic.echo_udp(UDP_SIZES)
    traffic.echo_many(200, 65536)
    traffic.echo_in_sequence(500)
    traffic.echo_bulk(BULK // 4)


def hugepages(count):
    Path("/proc/sys/vm/nr_hugepages").write_text(str(count))


@case("tap/hugepages", 120, alone=True)
def on_hugepages(world):
    """the same on hugepages"""
    before = int(Path("/proc/sys/vm/nr_hugepages").read_text())
    hugepages(before + 512)
    try:
        Path("/dev/hugepages").mkdir(exist_ok=True)
        run("mount", "-t", "hugetlbfs", "nodev", "/dev/hugepages")
        free = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
        at_start = int(Path(free).read_text())
        program = world.echo("tap")
        check(int(Path(free).read_text()) < at_start, "no hugepage is in use")
        traffic.ping("-f", "-c", 1000)
        traffic.ping("-s", 65507, "-c", 3, "-i", 0.05)
        traffic.echo_udp(UDP_SIZES)
        traffic.echo_bulk(BULK)
        traffic.echo_many(1000, 65536)
        program.stop()
        check(int(Path(free).read_text()) == at_start, "hugepages stay behind")
        check(not any(Path("/dev/hugepages").iterdir()), "files stay behind in /dev/hugepages")
    finally:
        hugepages(before)


@case("tap/impaired_bulk", 300, wire="tap")
@case("af_packet/impaired_bulk", 300, wire="af_packet")
def impaired_bulk(world, wire):
    """equal sha256 over a wire that loses 1%, reorders 1%, duplicates 0.5%"""
    world.echo(wire, ["--tcp", 7, "--udp", 7, "--impair", "loss=1%,reorder=1%,dup=0.5%,seed=7"])
    seconds = traffic.echo_bulk(BULK)
    print(f"{BULK // MIB} MiB each way in {seconds:.2f} s")
    traffic.echo_many(100, 65536)
    traffic.echo_udp((0, 1, 1472), tries=20)


@case("tap/impaired_corrupt", 120)
def impaired_corrupt(world):
    """corrupted frames are dropped and counted, the bytes arrive right"""
    program = world.echo("tap", ["--tcp", 7, "--udp", 7, "--impair", "corrupt=1%,delay=1ms,jitter=500us,seed=7"])
    traffic.echo_bulk(4 * MIB)
    out = program.stop()
    check("checksum" in out, f"no drop for a wrong checksum was reported:\n{out}")


@case("pcap/replayed", 60)
def from_pcap(world):
    """a capture as the wire: what was asked there is answered in another capture"""
    from scapy.all import ARP, ICMP, IP, UDP, Ether, rdpcap, wrpcap
    ours, theirs = "02:00:00:00:00:02", "02:00:00:00:00:01"
    eth = Ether(dst=ours, src=theirs)
    frames = [Ether(dst="ff:ff:ff:ff:ff:ff", src=theirs) / ARP(op=1, hwsrc=theirs, psrc="10.9.0.1", pdst=PLX),
              eth / IP(src="10.9.0.1", dst=PLX) / ICMP(id=7, seq=1) / b"hello",
              eth / IP(src="10.9.0.1", dst=PLX) / UDP(sport=999, dport=7) / b"echo me"]
    for i, frame in enumerate(frames):
        frame.time = 1000 + i * 0.1
    given, answered = world.folder / "in.pcap", world.folder / "out.pcap"
    wrpcap(str(given), frames)
    program = Program(world, "plx-echo", ["--dev", f"pcap:{given},{answered}", "--ip", f"{PLX}/24", "--mac", ours,
                                          "--udp", 7])
    program.wait_ready()
    try:
        program.process.wait(1.5)  # it may end with the capture, or stay
    except Exception:  # noqa: B902
        program.stop()
    out = rdpcap(str(answered))
    if not any(ARP in p and p[ARP].op == 2 and p[ARP].psrc == PLX for p in out):
        raise Failure(f"no ARP answer in {out.summary()}")
    check(any(ICMP in p and p[ICMP].type == 0 and p[ICMP].seq == 1 for p in out), "no echo reply")
    check(any(UDP in p and p[UDP].dport == 999 and bytes(p[UDP].payload)[:7] == b"echo me" for p in out),
          "no UDP echo")
