# SPDX-License-Identifier: BSD-3-Clause
"""Citations of RFCs in code and tests: RFC9293-3.10.7.4, RFC9293-MUST-12, RFC9293-MUST-24..29, RFC9293-figure-7."""

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lint"))

from tree import Source  # noqa: E402

CITATION = re.compile(r"\bRFC(\d{3,4})-(?:(MUST|SHLD|MAY|REC)-(\d+)(?:\.\.(\d+))?|figure-(\d+)"
                      r"|([0-9A-D]+(?:\.\d+)*)|(\w*))")
CODE, TESTS = ("stack", "posix", "include", "apps"), ("tests",)
KINDS = {".c", ".h", ".py", ".pkt", ".txt"}

# Number, title, top-level sections. A citation of another RFC, or of a section beyond, names nothing.
RFCS = {
    768: ("User Datagram Protocol", 1), 791: ("Internet Protocol", 4), 792: ("ICMP", 1),
    815: ("IP datagram reassembly", 8), 826: ("ARP", 1), 862: ("Echo", 1), 863: ("Discard", 1),
    864: ("Character generator", 1), 894: ("IP over Ethernet", 1), 1071: ("Internet checksum", 4),
    1112: ("Host extensions for IP multicasting", 7), 1122: ("Requirements for hosts", 5),
    1191: ("Path MTU discovery", 8), 1337: ("TIME-WAIT assassination", 4), 1624: ("Incremental checksum update", 6),
    1812: ("Requirements for routers", 12), 2018: ("TCP selective acknowledgment", 10), 2202: ("HMAC", 6),
    2525: ("Known TCP implementation problems", 4), 2544: ("Benchmarking of interconnects", 28),
    2861: ("Congestion window validation", 8), 2883: ("DSACK", 9), 3042: ("Limited transmit", 6),
    3168: ("Explicit congestion notification", 24), 3390: ("Larger initial window", 9),
    3465: ("Appropriate byte counting", 6), 3522: ("Eifel detection", 7),
    3708: ("Spurious retransmissions by DSACK", 7), 3986: ("URI", 9), 4015: ("Eifel response", 9),
    4291: ("IPv6 addresses", 5), 4727: ("Experimental values", 9), 4861: ("Neighbour discovery", 14),
    4953: ("Defending against spoofing", 8), 4987: ("SYN flooding", 8), 5227: ("IPv4 address conflict detection", 6),
    5461: ("Reaction to soft errors", 8), 5482: ("TCP user timeout", 9), 5681: ("TCP congestion control", 7),
    5682: ("F-RTO", 12), 5722: ("Overlapping fragments", 6), 5827: ("Early retransmit", 8), 5905: ("NTP", 17),
    5925: ("TCP authentication option", 15), 5927: ("ICMP attacks against TCP", 11),
    5961: ("Robustness to blind in-window attacks", 13), 6056: ("Port randomization", 7),
    6093: ("TCP urgent mechanism", 10), 6191: ("TIME-WAIT by timestamps", 7), 6274: ("Security of IPv4", 7),
    6298: ("Retransmission timer", 9), 6528: ("Sequence number attacks", 6), 6582: ("NewReno", 11),
    6633: ("Source quench deprecated", 9), 6675: ("SACK-based loss recovery", 11), 6691: ("TCP options and MSS", 5),
    6864: ("IPv4 identification", 11), 6918: ("Deprecated ICMP", 6), 6928: ("Initial window of ten", 16),
    6937: ("Proportional rate reduction", 9), 7126: ("Filtering of IPv4 options", 8),
    7323: ("Timestamps and window scale", 10), 7414: ("TCP roadmap", 9), 7661: ("Application-limited TCP", 9),
    7739: ("Predictable fragment identification", 8), 8200: ("IPv6", 11), 8312: ("CUBIC of 2018", 9),
    8961: ("Time-outs as loss detection", 7), 8985: ("RACK-TLP", 12), 9110: ("HTTP", 19), 9112: ("HTTP/1.1", 13),
    9293: ("TCP", 8), 9406: ("HyStart++", 8), 9438: ("CUBIC", 9),
}


@dataclass(frozen=True)
class Citation:
    rfc: int
    what: str  # "3.10.7.4", "MUST-12", "figure-7"; "" when it is malformed
    path: str
    line: int
    place: str  # file, and the function in it


@lru_cache(maxsize=None)
def functions_of(path):
    if path.endswith(".c"):
        return [(f.line, f.line + f.length, f.name) for f in Source(ROOT, path).functions]
    found = []
    if path.endswith(".py"):
        for number, line in enumerate((ROOT / path).read_text().split("\n"), 1):
            if match := re.match(r"def (\w+)", line):
                found.append((number, number, match[1]))
    return found


def place_of(path, line, text):
    """The function around the line, or the one that the comment stands above; the file where there is none."""
    name = None
    if path.endswith(".c"):
        name = next((f for start, end, f in functions_of(path) if end >= line), None)
    elif path.endswith(".py"):
        inside = text.startswith((" ", "\t"))
        before = [f for start, _, f in functions_of(path) if start < line]
        after = [f for start, _, f in functions_of(path) if start >= line]
        name = before[-1] if inside and before else after[0] if after and not inside else None
    return f"{path}:{name}" if name else path


def citations_of_line(text):
    """(rfc, what) of each citation in it."""
    for match in CITATION.finditer(text):
        rfc, kind, first, last, figure, section, rest = match.groups()
        if kind:
            for n in range(int(first), int(last or first) + 1):
                yield int(rfc), f"{kind}-{n}"
        elif figure:
            yield int(rfc), f"figure-{figure}"
        else:
            yield int(rfc), section or f"?{rest}"


def collect(folders):
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix not in KINDS or name.startswith(("tests/rfc/", "tests/lint/")) or not path.is_file():
                continue
            for number, text in enumerate(path.read_text(errors="replace").split("\n"), 1):
                for rfc, what in citations_of_line(text) if "RFC" in text else ():
                    found.append(Citation(rfc, what, name, number, place_of(name, number, text)))
    return found


def requirements():
    """What RFC 9293 asks for: id -> (section, text, why it is not held or None)."""
    wanted = {}
    for line in (ROOT / "tests/rfc/rfc9293.txt").read_text().split("\n"):
        if line.startswith("!"):
            name = list(wanted)[-1]
            wanted[name] = (*wanted[name][:2], line[1:].strip())
        elif line and not line.startswith("#"):
            name, section, text = line.split(None, 2)
            wanted[name] = (section, text.strip(), None)
    return wanted


def names_nothing(rfc, what, wanted):
    """Why a citation is wrong; None when it is right."""
    if rfc not in RFCS:
        return f"RFC {rfc} is not among those that are known (RFCS in tests/rfc/citations.py)"
    if what.startswith("?"):
        return "neither a section nor a requirement"
    if what.startswith(("MUST", "SHLD", "MAY", "REC")):
        return None if rfc == 9293 and what in wanted else f"RFC {rfc} has no {what}"
    if what.startswith("figure-"):
        return None
    top = what.split(".")[0]
    if top.isdigit() and not 1 <= int(top) <= RFCS[rfc][1]:
        return f"RFC {rfc} has {RFCS[rfc][1]} sections"
    return None


def by_what(citations):
    """(rfc, what) -> places, each once."""
    places = defaultdict(list)
    for c in citations:
        if c.place not in places[c.rfc, c.what]:
            places[c.rfc, c.what].append(c.place)
    return places
