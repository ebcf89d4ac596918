# SPDX-License-Identifier: BSD-3-Clause
"""A memif client without DPDK or a stack, as greedy as there can be: datagrams for port 7 of the server fill the
ring whenever there is room, and all that comes back is thrown away. It is there within milliseconds, and leaves
with its rings full: killed, or (SIGTERM) with a word.

    memif_client.py SOCKET ADDRESS        ADDRESS: the server's
"""

import array
import mmap
import os
import signal
import socket
import struct
import sys

COOKIE, VERSION = 0x3E31F20, 0x200
ACK, HELLO, INIT, ADD_REGION, ADD_RING, CONNECT, CONNECTED, DISCONNECT = range(1, 9)
LOG2 = 14  # of the slots of a ring: full, it is work for longer than a process takes to end
SLOTS = 1 << LOG2
HEAD, TAIL, SLOT = 6, 64, 128  # in a ring: offsets
RING = SLOT + 16 * SLOTS
BUFFER, DATAGRAM = 2048, 1400
MAC, NOBODY = bytes.fromhex("020000000901"), bytes(6)
OURS = bytes([10, 9, 0, 99])


def ip_sum(header):
    total = sum(struct.unpack("!10H", header))
    return 0xFFFF - (total % 0xFFFF or 0xFFFF)


def datagram(mac, address, size):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + size, 0, 0, 64, 17, 0, OURS, address)
    head = head[:10] + struct.pack("!H", ip_sum(head)) + head[12:]
    return mac + MAC + b"\x08\x00" + head + struct.pack("!HHHH", 4000, 7, 8 + size, 0) + bytes(size)


def question(address):
    """Who has it, asked so that the one who answers knows us."""
    return (b"\xff" * 6 + MAC + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1) + MAC + OURS + NOBODY + address).ljust(60, b"\0")


class Client:
    def __init__(self, path):
        self.memory = os.memfd_create("rings", os.MFD_ALLOW_SEALING)
        os.ftruncate(self.memory, 2 * RING + 3 * BUFFER)
        self.bytes = mmap.mmap(self.memory, 2 * RING + 3 * BUFFER)
        for ring in (0, RING):
            struct.pack_into("=I", self.bytes, ring, COOKIE)
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.connect(path)
        self.expect(HELLO)
        self.say(INIT, struct.pack("=HIB24s32s", VERSION, 0, 0, b"", b"test"))
        self.expect(ACK)
        self.say(ADD_REGION, struct.pack("=HQ", 0, 2 * RING + 3 * BUFFER), self.memory)
        self.expect(ACK)
        for to_server in (1, 0):
            self.say(ADD_RING, struct.pack("=HHHIBH", to_server, 0, 0, 0 if to_server else RING, LOG2, 0), os.eventfd(0))
            self.expect(ACK)
        self.say(CONNECT, b"test".ljust(32, b"\0"))
        self.expect(CONNECTED)

    def say(self, kind, body=b"", descriptor=None):
        rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        self.control.sendmsg([(struct.pack("=H", kind) + body).ljust(128, b"\0")], rights)

    def expect(self, kind):
        got = self.control.recv(128)
        if len(got) < 2 or struct.unpack_from("=H", got)[0] != kind:
            raise SystemExit(f"message {kind} was due, and {got[:40]!r} came")

    def point(self, ring, slots, length, buffer):
        """All slots of a ring at one buffer."""
        self.bytes[ring + SLOT:ring + SLOT + 16 * slots] = struct.pack("=HHIII", 0, 0, length, 2 * RING + buffer * BUFFER, 0) * slots

    def put(self, buffer, frame):
        at = 2 * RING + buffer * BUFFER
        self.bytes[at:at + len(frame)] = frame

    def mac(self, address):
        """Asks for the server's."""
        frame = question(address)
        self.put(0, frame)
        self.point(0, SLOTS, len(frame), 0)
        self.point(RING, SLOTS, BUFFER, 1)
        word = memoryview(self.bytes).cast("H")
        word[(RING + HEAD) // 2] = SLOTS
        word[HEAD // 2] = 1
        at = 2 * RING + BUFFER
        while word[TAIL // 2] != 1 or self.bytes[at + 12:at + 14] != b"\x08\x06":
            pass
        return self.bytes[at + 6:at + 12]

    def flood(self, frame):
        self.put(2, frame)
        self.point(0, SLOTS, len(frame), 2)
        word = memoryview(self.bytes).cast("H")
        while True:
            word[HEAD // 2] = word[TAIL // 2] + SLOTS & 0xFFFF
            word[(RING + HEAD) // 2] = word[(RING + TAIL) // 2] + SLOTS & 0xFFFF


def main(path, address):
    client = Client(path)
    address = socket.inet_aton(address)

    def leave(*_):
        client.say(DISCONNECT, struct.pack("=I96s", 0, b"enough"))
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    frame = datagram(client.mac(address), address, DATAGRAM)
    print("connected", flush=True)
    client.flood(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
