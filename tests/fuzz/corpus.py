#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the first inputs of every target to corpus/. What a fuzzer found worth keeping is added by hand."""

import logging
import os
import struct

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import ARP, ICMP, IP, TCP, UDP, Ether, Raw, fragment  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
PEER, STACK = "10.0.0.1", "10.0.0.2"
MAC = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def write(target, name, data):
    os.makedirs(os.path.join(HERE, target), exist_ok=True)
    with open(os.path.join(HERE, target, name), "wb") as f:
        f.write(data)


def frames(packets, ether=False, wait=1):
    out = bytes([1 if ether else 0])
    for p in packets:
        b = bytes(p)
        out += struct.pack(">HB", len(b), wait) + b
    return out


def ip(**kw):
    return IP(src=PEER, dst=STACK, **kw)


def eth(p):
    return Ether(**MAC) / p


def frame_corpus():
    syn = ip() / TCP(sport=40000, dport=80, flags="S", seq=7, window=65535,
                     options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)])
    data = ip() / TCP(sport=40000, dport=80, flags="PA", seq=8, ack=1) / Raw(b"x" * 50)
    udp = ip() / UDP(sport=5000, dport=80) / Raw(b"hello")
    echo = ip() / ICMP(type=8, id=1, seq=1) / Raw(b"p" * 56)
    inner = IP(src=STACK, dst=PEER) / TCP(sport=80, dport=40000, seq=1)
    unreachable = ip() / ICMP(type=3, code=4, nexthopmtu=600) / inner
    pieces = fragment(ip(id=9) / UDP(sport=5000, dport=80) / Raw(bytes(range(256)) * 12), 1000)
    optioned = IP(src=PEER, dst=STACK, options=b"\x07\x07\x04\x00\x00\x00\x00\x01") / UDP(sport=5, dport=80) / Raw(b"o")
    write("frame", "syn", frames([syn]))
    write("frame", "syn-data", frames([syn, data], wait=3))
    write("frame", "udp", frames([udp, ip() / UDP(sport=5000, dport=99) / Raw(b"closed")]))
    write("frame", "echo", frames([echo]))
    write("frame", "unreachable", frames([unreachable]))
    write("frame", "fragments", frames(pieces))
    write("frame", "fragments-reversed", frames(list(reversed(pieces)), wait=9))
    write("frame", "ip-options", frames([optioned]))
    arp = Ether(src=MAC["src"], dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=MAC["src"], psrc=PEER, pdst=STACK)
    answer = Ether(**MAC) / ARP(op=2, hwsrc=MAC["src"], psrc=PEER, hwdst=MAC["dst"], pdst=STACK)
    write("frame", "ether-arp", frames([arp, answer, eth(udp)], ether=True))
    write("frame", "ether-tcp", frames([arp, eth(syn), eth(data)], ether=True))
    write("frame", "ether-echo", frames([arp, eth(echo)], ether=True))


def connection_corpus():
    start = bytes([0x77]) + struct.pack(">H", 65535)
    seg = lambda what, flags, *more: bytes([what, flags]) + b"".join(more)  # noqa: E731
    h = lambda v: struct.pack(">H", v & 0xffff)  # noqa: E731
    data = seg(16, 0x18, h(65535), h(100), b"\x02")
    write("connection", "data", start + data * 4)
    write("connection", "fin", start + data + seg(0, 0x11, h(65535), b"\x05") + seg(0, 0x10, h(65535), b"\x05"))
    write("connection", "rst-near", start + seg(1, 0x04, h(500), h(1000), b"\x01") + data)
    write("connection", "holes", start + b"".join(seg(17, 0x10, h(1000 * i), h(65535), h(700), b"\x01") for i in (3, 1, 5, 2, 0)))
    write("connection", "acks", start + data * 3 + b"".join(seg(2, 0x10, h(-100 * i), h(65535), b"\x01") for i in range(5)))
    write("connection", "sack", start + data * 3 + seg(4, 0x10, h(65535), h(300), h(100), b"\x01") * 3)
    write("connection", "zero-window", start + data + seg(0, 0x10, h(0), b"\x40") + data + seg(0, 0x10, h(0), b"\xff"))
    write("connection", "syn-again", start + seg(1, 0x02, h(0), h(65535), b"\x01") + seg(1, 0x12, h(65535), h(1), b"\x01"))
    write("connection", "urgent", start + seg(16, 0x38, h(65535), h(3), h(10), b"\x01") + data)
    call = lambda which, value, *more: bytes([0xc0, which]) + h(value) + b"".join(more) + b"\x05"  # noqa: E731
    write("connection", "calls", start + data + call(2, 3000) + call(1, 0) + data * 3 + call(4, 2001) + call(1, 0) + call(5, 0)
          + call(3, 1) + data + seg(0, 0x11, h(65535), b"\x05") + call(6, 0))
    write("connection", "icmp", start + call(2, 4000) + call(0, 0, h(1000), b"\x03\x04", h(600)) + data + call(6, 1))
    write("connection", "raw-options", start + seg(8, 0x10, h(65535), bytes([6, 5, 10, 1, 2, 3, 4]), b"\x01"))


def opening_corpus():
    h = lambda v: struct.pack(">H", v & 0xffff)  # noqa: E731
    answer = bytes([0, 0x12]) + h(65535) + b"\x03"
    data = bytes([16, 0x18]) + h(65535) + h(100) + b"\x02"
    options = bytes([2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7])
    with_options = bytes([8, 0x12]) + h(65535) + bytes([len(options)]) + options + b"\x03"
    ecn = bytes([0, 0x52]) + h(65535) + b"\x03"
    call = lambda which, value: bytes([0xc0, which]) + h(value) + b"\x05"  # noqa: E731
    write("opening", "answered", b"\x00" + answer + data * 3)
    write("opening", "options", b"\x10" + with_options + data * 2 + call(2, 3000))
    write("opening", "ecn", b"\x08" + ecn + call(2, 3000) + data)
    write("opening", "simultaneous", b"\x00" + bytes([0, 0x02]) + h(65535) + b"\x03" + answer + data)
    write("opening", "refused", b"\x00" + bytes([0, 0x14]) + h(0) + b"\x03")
    write("opening", "bad-ack", b"\x00" + bytes([2, 0x10]) + h(500) + h(9) + b"\x03" + bytes([2, 0x12]) + h(1) + h(9) + b"\x03" + answer)
    write("opening", "closed-early", b"\x00" + call(2, 100) + call(3, 1) + answer + data + call(6, 0))
    write("opening", "icmp", b"\x20" + call(0, 1)[:2] + h(1) + b"\x03\x01" + h(0) + b"\x05")
    write("opening", "silence", b"\x00" + call(1, 0)[:-1] + b"\xff" + answer)


def cookies_corpus():
    h = lambda v: struct.pack(">H", v & 0xffff)  # noqa: E731
    syn = lambda flow, kinds, mss=1460: bytes([flow << 2, kinds]) + h(mss) + h(65535)  # noqa: E731
    ack = lambda flow, what=0, *more: bytes([flow << 2 | 1, what]) + b"".join(more) + h(65535)  # noqa: E731
    data = lambda flow: bytes([flow << 2 | 3, 16, 0x18]) + h(65535) + h(100) + b"\x02"  # noqa: E731
    write("cookies", "plain", syn(0, 0) + ack(0) + data(0) * 2)
    write("cookies", "options", syn(1, 0x7f) + ack(1) + data(1) * 2)
    write("cookies", "data", syn(1, 0x77) + ack(1, 64 | 8) + data(1))
    write("cookies", "forged", syn(2, 0x77) + ack(2, 4, h(1)) + ack(2, 4, h(-1)) + ack(2, 2, h(1)) + ack(2))
    write("cookies", "echo", syn(2, 0x77) + bytes([2 << 2 | 1, 128]) + h(65535) + h(63) + data(2))
    write("cookies", "old", syn(0, 0x77) + bytes([2, 60]) + syn(0, 0x77, 536) + bytes([2, 130]) + ack(0))
    write("cookies", "four", b"".join(syn(i, 0x17 * i & 0xff, 300 * i) for i in range(4)) + b"".join(ack(i) + data(i) for i in range(4)))


def text_corpus():
    write("options", "usual", b"--dev tap:plx0 --ip 10.9.0.2/24 --gw 10.9.0.1 --mtu 9000 --set idle=spin --workers 2")
    write("options", "routes", b"--dev memif:/tmp/x,server --ip 10.0.0.1/8 --route 192.168.0.0/16,10.0.0.2 --mac 02:00:00:00:00:01")
    write("options", "quotes", b"--eal \"-l 0\" --dev 'vdev:net_null0,size=64' --ip=10.0.0.1/24")
    write("options", "lines", b"dev pcap:a.pcap,b.pcap\nip 10.0.0.256/24\nmtu 50\nset tcp_rmem=4096:131072:6291456\nimpair loss=1%,delay=5ms\n")
    for i, text in enumerate(("loss=1%,dup=0.1%,reorder=1%,delay=5ms,jitter=1ms,corrupt=0.01%,rate=100M,seed=7",
                              "rate=1.5G,limit=10", "delay=10us", "loss=101%", "seed=0x10,,")):
        write("wires", f"impair-{i}", b"\0" + text.encode() + b"\0")
    for i, text in enumerate(("tcp_rmem=4096:87380:6291456", "idle=adaptive", "tcp_sack=1", "net.ipv4.tcp_timestamps=0", "nonsense=1")):
        write("wires", f"set-{i}", b"\1" + text.encode() + b"\0")
    for i, text in enumerate(("tap:plx0", "af_packet:eth0", "memif:/run/x.sock,server", "pci:0000:00:03.0", "vhost:/tmp/v",
                              "pcap:in.pcap,out.pcap", "vdev:net_null0", "af_xdp:eth1", "tapx:a")):
        write("wires", f"dev-{i}", b"\2" + text.encode() + b"\0")


if __name__ == "__main__":
    frame_corpus()
    connection_corpus()
    opening_corpus()
    cookies_corpus()
    text_corpus()
