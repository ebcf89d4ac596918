# SPDX-License-Identifier: BSD-3-Clause
"""Frames that once were valid: recorded on the wire, changed by a seeded generator, sent again.

Half of those changed get their checksums mended, or nothing behind the checks would ever see them."""

import random
import socket
import struct
import time

ETH_P_ALL, ETH_P_IP, ETH_P_ARP = 3, 0x0800, 0x0806
PACKET_OUTGOING = 4
INTERESTING = (0, 1, 2, 4, 5, 0x0F, 0x10, 0x20, 0x3F, 0x40, 0x45, 0x46, 0x4F, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mend(frame):
    """Right checksums of IPv4 and of what it carries, as far as the headers make sense."""
    if len(frame) < 34 or struct.unpack_from("!H", frame, 12)[0] != ETH_P_IP:
        return frame
    frame = bytearray(frame)
    header = (frame[14] & 15) * 4
    if header < 20 or 14 + header > len(frame):
        return frame
    struct.pack_into("!H", frame, 24, 0)
    struct.pack_into("!H", frame, 24, checksum(bytes(frame[14:14 + header])))
    end = 14 + struct.unpack_from("!H", frame, 16)[0]
    body, protocol = 14 + header, frame[23]
    at = {1: 2, 6: 16, 17: 6}.get(protocol)
    fragment = struct.unpack_from("!H", frame, 20)[0] & 0x3FFF
    if at is None or fragment or end > len(frame) or body + at + 2 > end:
        return frame
    pseudo = b"" if protocol == 1 else bytes(frame[26:34]) + struct.pack("!BBH", 0, protocol, end - body)
    struct.pack_into("!H", frame, body + at, 0)
    struct.pack_into("!H", frame, body + at, checksum(pseudo + bytes(frame[body:end])))
    return frame


class Mutator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.moves = (self.flip_bit, self.set_byte, self.set_byte, self.set_word, self.truncate, self.extend,
                      self.splice, self.cut_out, self.options)

    def position(self, frame):
        """Mostly within the headers, where a byte means something."""
        top = min(len(frame), 78) if self.random.random() < 0.8 else len(frame)
        return self.random.randrange(12 if top > 12 and self.random.random() < 0.95 else 0, top)

    def flip_bit(self, frame, _):
        frame[self.position(frame)] ^= 1 << self.random.randrange(8)

    def set_byte(self, frame, _):
        frame[self.position(frame)] = self.random.choice(INTERESTING)

    def set_word(self, frame, _):
        at = min(self.position(frame), len(frame) - 2)
        struct.pack_into("!H", frame, at, self.random.choice((0, 1, 19, 20, 1500, 0x2000, 0x3FFF, 0x7FFF, 0xFFFF)))

    def truncate(self, frame, _):
        del frame[self.random.randrange(14, max(15, min(len(frame), 100))):]

    def extend(self, frame, _):
        frame += self.random.randbytes(self.random.choice((1, 3, 40, 400)))

    def splice(self, frame, other):
        end = min(len(frame), len(other))
        if end > 14:
            at = self.random.randrange(14, end)
            frame[at:] = other[at:]

    def cut_out(self, frame, _):
        at = self.position(frame)
        del frame[at:at + self.random.randrange(1, 9)]

    def options(self, frame, _):
        """Another header length, of IP or of TCP, so that payload is read as options."""
        if len(frame) > 47 and self.random.random() < 0.6:
            frame[46] = self.random.randrange(16) << 4 | frame[46] & 15
        elif len(frame) > 14:
            frame[14] = 0x40 | self.random.randrange(16)

    def mutate(self, frames):
        frame = bytearray(self.random.choice(frames))
        for _ in range(self.random.choice((0, 1, 1, 1, 2, 2, 3, 5))):
            self.random.choice(self.moves)(frame, self.random.choice(frames))
            if len(frame) < 14:
                frame += bytes(14 - len(frame))
        if self.random.random() < 0.6:
            frame = mend(frame)
        return bytes(frame[:1514])


def open_wire(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.bind((interface, 0))
    sock.setblocking(False)
    return sock


def recorded(sock, limit=4000):
    """Frames the kernel has sent to the program since the last call."""
    frames = []
    while len(frames) < limit:
        try:
            frame, (_, _, kind, _, _) = sock.recvfrom(2048)
        except BlockingIOError:
            break
        if kind == PACKET_OUTGOING and 14 < len(frame) <= 1514:
            frames.append(bytes(mend(frame)))  # its checksums were left to the device
    return frames


def send(sock, frame):
    while True:
        try:
            sock.send(frame)
            return
        except (BlockingIOError, OSError) as why:
            if isinstance(why, OSError) and why.errno not in (11, 105):  # EAGAIN, ENOBUFS
                raise
            time.sleep(0.0005)
