#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records kernels talking to each other over a veth pair between two namespaces, one small pcap a case.

    sudo tests/replay/record.py [CASE...]

The capture is taken at A's end, after what B's side lost on purpose (nftables, on B's interface): it holds
what A saw and what A sent, and is replayed with Pollux in A's place. A's congestion control is set to what
Pollux has by default in that case (`NEWRENO` where its sender must be comparable). Needs root, iproute2,
ethtool, tcpdump and nftables."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NS = {"a": "rigs-a", "b": "rigs-b"}
ADDR = {"a": "10.1.0.1", "b": "10.1.0.2"}
MAC = {"a": "02:00:00:00:01:01", "b": "02:00:00:00:01:02"}
PORT = 7
NEWRENO = ("net.ipv4.tcp_congestion_control=reno", "net.ipv4.tcp_sack=0", "net.ipv4.tcp_recovery=0",
           "net.ipv4.tcp_early_retrans=0", "net.ipv4.tcp_frto=0")
DATA = bytes(i * 7 % 251 for i in range(1 << 20))


def sh(cmd, check=True):
    subprocess.run(cmd, shell=True, check=check, stdout=subprocess.DEVNULL,
                   stderr=None if check else subprocess.DEVNULL)


def in_ns(side, cmd, check=True):
    sh(f"ip netns exec {NS[side]} {cmd}", check)


def teardown():
    for side in NS:
        sh(f"ip netns del {NS[side]}", check=False)


def setup(sysctls, drop):
    teardown()
    for side in NS:
        sh(f"ip netns add {NS[side]}")
    sh(f"ip link add rigs-va netns {NS['a']} type veth peer name rigs-vb netns {NS['b']}")
    for side in NS:
        dev = f"rigs-v{side}"
        in_ns(side, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        in_ns(side, f"ip link set {dev} address {MAC[side]}")
        in_ns(side, f"ethtool -K {dev} tx off rx off tso off gso off gro off")
        in_ns(side, f"ip addr add {ADDR[side]}/24 dev {dev}")
        in_ns(side, f"ip link set {dev} up")
        in_ns(side, "ip link set lo up")
    in_ns("a", "sysctl -qw net.ipv4.tcp_no_metrics_save=1")
    for s in sysctls:
        in_ns("a", f"sysctl -qw {s}")
    for hook, rule in drop:
        in_ns("b", f"nft 'add table netdev t; add chain netdev t {hook} {{ type filter hook {hook} device rigs-vb "
                   f"priority 0; }}; add rule netdev t {hook} {rule} drop'")


# ---- the two programs of each case: part(side) runs inside that side's namespace ----

def listen(side):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((ADDR[side], PORT))
    s.listen(5)
    return s


def accept(side):
    return listen(side).accept()[0]


def connect(side):
    time.sleep(0.6)
    s = socket.socket()
    s.connect((ADDR["b" if side == "a" else "a"], PORT))
    return s


def read_all(s, limit=None):
    got = 0
    while limit is None or got < limit:
        b = s.recv(65536)
        if not b:
            break
        got += len(b)
    return got


def open_close_server(side):
    s = accept(side)
    read_all(s)
    s.close()


def open_close_client(side):
    s = connect(side)
    time.sleep(0.1)
    s.close()
    time.sleep(0.3)


def echo_server(side):
    s = accept(side)
    while b := s.recv(65536):
        s.sendall(b)
    s.close()


def echo_client(side):
    s = connect(side)
    for i in range(10):
        s.sendall(DATA[:100 + i])
        read_all(s, 100 + i)
        time.sleep(0.02)
    s.close()
    time.sleep(0.3)


def sender(n):
    def part(side):
        s = connect(side)
        s.sendall(DATA[:n])
        s.shutdown(socket.SHUT_WR)
        read_all(s)
        s.close()
        time.sleep(0.5)
    return part


def receiver(side):
    s = accept(side)
    read_all(s)
    s.close()
    time.sleep(0.5)


def source_server(n):
    def part(side):
        s = accept(side)
        s.sendall(DATA[:n])
        s.close()
        time.sleep(1)
    return part


def drain_client(side):
    s = connect(side)
    read_all(s)
    s.close()
    time.sleep(0.5)


def closes_after(delay):
    def server(side):
        s = accept(side)
        time.sleep(delay)
        s.close()
        time.sleep(1)

    def client(side):
        s = connect(side)
        time.sleep(delay)
        s.close()
        time.sleep(1)
    return {"server": server, "client": client}


def unread_server(side):
    s = accept(side)
    time.sleep(0.3)
    s.close()
    time.sleep(0.2)


def unread_client(side):
    s = connect(side)
    s.sendall(DATA[:500])
    time.sleep(0.6)


def linger_server(side):
    s = accept(side)
    time.sleep(0.2)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def idle_client(side):
    s = connect(side)
    time.sleep(0.5)
    s.close()


def refused_client(side):
    try:
        connect(side)
    except OSError:
        pass


def nothing(side):
    time.sleep(1.2)


def half_close_server(side):
    s = accept(side)
    read_all(s)
    s.sendall(DATA[:3000])
    time.sleep(0.1)
    s.close()


def half_close_client(side):
    s = connect(side)
    s.sendall(DATA[:2000])
    s.shutdown(socket.SHUT_WR)
    read_all(s)
    s.close()
    time.sleep(0.3)


def slow_small_client(side):
    s = connect(side)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(20):
        s.sendall(DATA[:10])
        time.sleep(0.1)
    s.close()
    time.sleep(0.3)


def small_writes_server(side):
    s = accept(side)
    for _ in range(30):
        s.sendall(DATA[:20])
    time.sleep(0.2)
    s.close()
    time.sleep(0.3)


def stall_client(side):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 5000)
    time.sleep(0.6)
    s.connect((ADDR["a"], PORT))
    time.sleep(2.5)
    read_all(s)
    s.close()
    time.sleep(0.3)


def udp_server(side):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((ADDR[side], PORT))
    s.settimeout(1.5)
    try:
        while True:
            b, who = s.recvfrom(65536)
            s.sendto(b, who)
    except TimeoutError:
        pass


def udp_client(sizes):
    def part(side):
        time.sleep(0.6)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((ADDR[side], 5000))
        s.connect((ADDR["a" if side == "b" else "b"], PORT))
        s.settimeout(0.3)
        for n in sizes:
            s.send(DATA[:n])
            try:
                s.recv(65536)
            except OSError:
                pass
            time.sleep(0.02)
    return part


def pinger(*args):
    def part(side):
        time.sleep(0.3)
        subprocess.run(["ping", "-q", "-c", "3", "-i", "0.2", *args, ADDR["a"]], stdout=subprocess.DEVNULL)
    return part


def first(n, match):
    return f"{match} numgen inc mod 1000000 lt {n}"


TO_B = "ip protocol tcp"
HAS_DATA = f"ip saddr {ADDR['a']} ip length gt 60 ip protocol tcp"

# name: part of A, part of B, sysctls of A, what is lost on B's interface
CASES = {
    "open-close-passive": (open_close_server, open_close_client, (), ()),
    "open-close-active": (open_close_client, open_close_server, (), ()),
    "echo": (echo_server, echo_client, (), ()),
    "echo-active": (echo_client, echo_server, (), ()),
    "upload": (receiver, sender(60000), (), ()),
    "upload-loss": (receiver, sender(120000), (), [("egress", f"ip saddr {ADDR['b']} ip length gt 500 numgen inc mod 23 == 11")]),
    "download": (source_server(60000), drain_client, NEWRENO, ()),
    "download-loss": (source_server(100000), drain_client, NEWRENO, [("ingress", f"{HAS_DATA} numgen inc mod 37 == 20")]),
    "retransmit-data": (source_server(500), drain_client, NEWRENO, [("ingress", first(3, f"ip saddr {ADDR['a']} ip length gt 200"))]),
    "retransmit-syn": (echo_client, echo_server, ("net.ipv4.tcp_syn_linear_timeouts=0",), [("ingress", first(2, "tcp flags == syn"))]),
    "retransmit-syn-ack": (echo_server, echo_client, (), [("ingress", first(1, "tcp flags == syn|ack"))]),
    "simultaneous-close": (closes_after(0.2)["server"], closes_after(0.24)["client"], (),
                           [("ingress", first(1, "tcp flags & fin == fin"))]),
    "half-close": (half_close_server, half_close_client, (), ()),
    "half-close-active": (half_close_client, half_close_server, (), ()),
    "reset-unread": (unread_server, unread_client, (), ()),
    "reset-linger": (linger_server, idle_client, (), ()),
    "reset-by-peer": (idle_client, linger_server, (), ()),
    "refused": (nothing, refused_client, (), ()),
    "refused-active": (refused_client, nothing, (), ()),
    "delayed-ack": (receiver, slow_small_client, (), ()),
    "nagle": (small_writes_server, drain_client, (), ()),
    "zero-window": (source_server(30000), stall_client, NEWRENO, ()),
    "udp": (udp_server, udp_client((0, 1, 100, 1472)), (), ()),
    "udp-fragments": (udp_server, udp_client((1473, 4000, 8000, 20000)), (), ()),
    "udp-closed-port": (nothing, udp_client((10, 10, 1000)), (), ()),
    "ping": (nothing, pinger(), (), ()),
    "ping-fragments": (nothing, pinger("-s", "3000"), (), ()),
    "arp": (nothing, pinger("-c", "1"), (), ()),
}


def record(name):
    _, _, sysctls, drop = CASES[name]
    setup(sysctls, drop)
    path = f"{HERE}/captures/{name}.pcap"
    dump = subprocess.Popen(["ip", "netns", "exec", NS["a"], "tcpdump", "-q", "-U", "--immediate-mode", "-i", "rigs-va", "-s", "0", "-w", path,
                             "arp or ip"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    me = ["/usr/bin/python3", os.path.abspath(__file__), "--part", name]
    parts = [subprocess.Popen(["ip", "netns", "exec", NS[side], *me, side]) for side in NS]
    for p in parts:
        p.wait()
    time.sleep(0.3)
    dump.send_signal(signal.SIGINT)
    dump.wait()
    teardown()
    print(f"{name}: {os.path.getsize(path)} bytes")


def main():
    if sys.argv[1:2] == ["--part"]:
        name, side = sys.argv[2:4]
        socket.setdefaulttimeout(8)
        CASES[name][0 if side == "a" else 1](side)
        return
    os.makedirs(f"{HERE}/captures", exist_ok=True)
    for name in sys.argv[1:] or CASES:
        record(name)


if __name__ == "__main__":
    main()
