# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's side of the cases, in a network namespace of its own: in the guest, or on the host where the
NIC's other side is a TAP there.

    traffic.py US PEER     serves calls: a JSON line in, [name, arguments]; a JSON line out, {"ok": result} or
                           {"fail": what was seen}
"""

import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

CHUNK = 1 << 18
ETH_P_ALL, ETH_P_ARP, ETH_P_IP, ETH_P_VLAN = 3, 0x0806, 0x0800, 0x8100


class Failure(Exception):
    """The case does not hold; the text says what was seen."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def mac_bytes(text):
    return bytes(int(b, 16) for b in text.split(":"))


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Traffic:
    """US is Pollux, PEER the kernel's address on the wire. Each public method is a call."""

    def __init__(self, us, peer):
        self.us, self.peer = us, peer
        self.announced = self.sink = None

    # ---- asking ----

    def ping(self, count=1, size=56, interval=0.02):
        """[answers received, of `count`; round trips in ms, shortest first]. The options are such as busybox and
        iputils both have."""
        r = subprocess.run(["ping", "-c", str(count), "-i", str(interval), "-W", "2", "-s", str(size), self.us],
                           capture_output=True, text=True, timeout=60 + 3 * count)
        found = re.search(r"(\d+) (?:packets )?received", r.stdout)
        return [int(found.group(1)) if found else 0, sorted(map(float, re.findall(r"time=([\d.]+)", r.stdout)))]

    def udp(self, sizes):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(10)
            for size in sizes:
                data = os.urandom(size)
                s.sendto(data, (self.us, 7))
                check(s.recvfrom(65536)[0] == data, "%d bytes came back wrong" % size)

    def connect(self, timeout):
        return socket.create_connection((self.us, 7), timeout=timeout)

    def tcp_echo(self, total, timeout=150):
        """Sends and receives at once; the hashes have to agree."""
        data = os.urandom(1 << 20)
        sent, got = hashlib.sha256(), hashlib.sha256()
        s = self.connect(timeout)

        def push():
            for _ in range(total >> 20):
                s.sendall(data)
                sent.update(data)
            s.shutdown(socket.SHUT_WR)

        pusher = threading.Thread(target=push, daemon=True)
        pusher.start()
        n = 0
        while True:
            chunk = s.recv(CHUNK)
            if not chunk:
                break
            got.update(chunk)
            n += len(chunk)
        pusher.join(timeout)
        s.close()
        check(n == total, "%d of %d bytes came back" % (n, total))
        check(sent.digest() == got.digest(), "hashes differ")

    def tcp_in_a_row(self, count):
        for i in range(count):
            with self.connect(20) as s:
                s.sendall(b"%d" % i)
                check(s.recv(16) == b"%d" % i, "connection %d" % i)

    def tcp_at_once(self, count):
        conns = [self.connect(30) for _ in range(count)]
        for i, s in enumerate(conns):
            s.sendall(bytes([i]) * 4096)
        for i, s in enumerate(conns):
            got = b""
            while len(got) < 4096:
                part = s.recv(4096)
                check(part, "connection %d ended" % i)
                got += part
            check(got == bytes([i]) * 4096, "connection %d" % i)
            s.close()

    # ---- connections that stay open over several calls ----

    def hold(self, count):
        self.held = [self.connect(20) for _ in range(count)]

    def held_end(self):
        """All have been closed or reset by the other side."""
        for s in self.held:
            s.settimeout(10)
            try:
                check(s.recv(1) == b"", "data instead of FIN")
            except ConnectionResetError:
                pass
            s.close()

    def held_say(self, text):
        """On the first of them; what comes back is for held_hear."""
        self.held[0].sendall(text.encode())

    def held_hear(self, text):
        self.held[0].settimeout(60)
        got = b""
        while len(got) < len(text):
            part = self.held[0].recv(4096)
            check(part, "the connection ended")
            got += part
        check(got == text.encode(), "came back as %r" % got)

    def hold_to(self, address, port):
        self.held = [socket.create_connection((address, port), timeout=20)]

    def held_close(self):
        for s in self.held:
            s.close()

    # ---- being asked ----

    def listen(self, port, count, answer):
        """Takes `count` connections in the background; each is read to its end and then answered."""
        listener = socket.create_server((self.peer, port), backlog=256)
        listener.settimeout(60)
        self.sink = {"bytes": 0, "hash": hashlib.sha256(), "error": None}

        def one(s):
            s.settimeout(60)
            while True:
                chunk = s.recv(CHUNK)
                if not chunk:
                    break
                self.sink["hash"].update(chunk)
                self.sink["bytes"] += len(chunk)
            s.sendall(answer.encode())
            s.close()

        def serve():
            try:
                for _ in range(count):
                    one(listener.accept()[0])
            except OSError as e:
                self.sink["error"] = str(e)
            listener.close()

        self.server = threading.Thread(target=serve, daemon=True)
        self.server.start()

    def listened(self, timeout=90):
        self.server.join(timeout)
        check(not self.server.is_alive(), "the peer of the connections does not end")
        check(self.sink["error"] is None, "the listener: %s" % self.sink["error"])
        return [self.sink["bytes"], self.sink["hash"].hexdigest()]

    # ---- frames by hand ----

    def interface(self):
        out = subprocess.run(["ip", "-o", "addr", "show", "to", self.peer], capture_output=True, text=True).stdout
        return out.split()[1]

    def watch_announcement(self):
        """Notes from now on whether an ARP announcement of US arrives (RFC5227-2.3)."""
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
        s.bind((self.interface(), ETH_P_ARP))
        s.settimeout(30)
        self.announced = {"seen": False}
        address = socket.inet_aton(self.us)

        def watch():
            try:
                while True:
                    frame = s.recv(2048)
                    if frame[28:32] == address and frame[38:42] == address:
                        self.announced["seen"] = True
                        return
            except OSError:
                pass
            finally:
                s.close()

        self.watcher = threading.Thread(target=watch, daemon=True)
        self.watcher.start()

    def announcement_seen(self):
        self.watcher.join(20)
        check(self.announced["seen"], "no ARP announcement of %s within 20 s" % self.us)

    def own_mac(self):
        with open("/sys/class/net/%s/address" % self.interface()) as f:
            return mac_bytes(f.read().strip())

    def packet(self, proto, payload, wrong=0):
        """From us to it; `wrong` is added to the header's checksum."""
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0,
                         socket.inet_aton(self.peer), socket.inet_aton(self.us))
        return ip[:10] + struct.pack("!H", checksum(ip) ^ wrong) + ip[12:] + payload

    def transport(self, proto, head, at, wrong):
        """A segment without data whose checksum, at that place, has `wrong` added."""
        pseudo = socket.inet_aton(self.peer) + socket.inet_aton(self.us) + struct.pack("!BBH", 0, proto, len(head))
        return head[:at] + struct.pack("!H", checksum(pseudo + head) ^ wrong) + head[at + 2:]

    def unanswered(self, frames, is_answer):
        """Sends them, and watches for a second."""
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.bind((self.interface(), ETH_P_ALL))
        for frame in frames:
            s.send(frame)
        end = time.monotonic() + 1
        s.settimeout(0.2)
        while time.monotonic() < end:
            try:
                got = s.recv(2048)
            except OSError:
                continue
            ours = got[:6] == self.own_mac() and got[12:14] == b"\x08\x00"
            check(not (ours and is_answer(got)), "answered: %s" % got.hex())
        s.close()

    @staticmethod
    def ping_request():
        icmp = struct.pack("!BBHHH", 8, 0, 0, 0x4242, 1) + bytes(32)
        return icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]

    def vlan(self, mac, count):
        """Pings in frames with a VLAN tag, which nobody may answer."""
        frame = mac_bytes(mac) + self.own_mac() + struct.pack("!HHH", ETH_P_VLAN, 5, ETH_P_IP)
        frame += self.packet(1, self.ping_request())
        self.unanswered([frame] * count, lambda got: got[23] == 1 and got[38:40] == b"\x42\x42")

    def wrong_checksums(self, mac):
        """One packet each with the checksum of IP, UDP and TCP damaged: nobody may answer."""
        ether = mac_bytes(mac) + self.own_mac() + struct.pack("!H", ETH_P_IP)
        udp = struct.pack("!HHHH", 7777, 7, 8, 0)
        syn = struct.pack("!HHLLBBHHH", 7777, 7, 1, 0, 0x50, 2, 8192, 0, 0)
        bad = [self.packet(1, self.ping_request(), 0x0100), self.packet(17, self.transport(17, udp, 6, 0x0100)),
               self.packet(6, self.transport(6, syn, 16, 0x0100))]
        self.unanswered([ether + p + bytes(60) for p in bad],
                        lambda got: got[38:40] == b"\x42\x42" or got[36:38] == struct.pack("!H", 7777))

    def bad_sums(self):
        """Packets of which this kernel has found the checksum wrong, by protocol. It looks itself, for receive
        offloads of its NIC are off."""
        found = {}
        with open("/proc/net/snmp") as f:
            rows = [line.split() for line in f]
        for names, values in zip(rows[::2], rows[1::2]):
            for name, value in zip(names[1:], values[1:]):
                if name in ("InCsumErrors", "InHdrErrors"):
                    found[names[0] + name] = int(value)
        return found


def serve(traffic):
    for line in sys.stdin:
        name, args = json.loads(line)
        try:
            answer = {"ok": getattr(traffic, name)(*args)}
        except Failure as e:
            answer = {"fail": str(e)}
        except Exception:
            answer = {"fail": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(Traffic(sys.argv[1], sys.argv[2]))
