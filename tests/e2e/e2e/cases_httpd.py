# SPDX-License-Identifier: BSD-3-Clause
"""plx-httpd, judged by the kernel's side: curl, ab, wrk, and sockets that misbehave."""

import hashlib
import os
import re
import socket
import time
from email.utils import formatdate

from e2e.case import Skip, case, check
from e2e.world import MIB, PLX, run, wait_until

URL = f"http://{PLX}"
BIG = 100 * MIB


def site(world):
    """A folder with files and with links that lead out of it."""
    root = world.folder / "site"
    (root / "sub").mkdir(parents=True)
    (root / "list").mkdir()
    (root / "index.html").write_text("<h1>front</h1>\n")
    (root / "small.txt").write_bytes(b"0123456789" * 10)
    (root / "medium.bin").write_bytes(os.urandom(70_000))
    (root / "empty").write_bytes(b"")
    (root / "list" / "a <b> & c%.txt").write_text("odd name\n")
    (world.folder / "secret").write_text("not yours\n")
    (root / "out").symlink_to(world.folder / "secret")
    (root / "sub" / "out").symlink_to("../../secret")
    (root / "way").symlink_to("..")
    (root / "sub" / "in").symlink_to("../small.txt")
    os.mkfifo(root / "fifo")
    return root


def httpd(world, *words, wire="tap", mtu=None):
    root = site(world)
    program = world.start("plx-httpd", wire, [*words, root], mtu=mtu)
    program.wait_ready()
    if wire == "tap":
        world.tap_up(mtu)
    return program, root


def curl(*words):
    """Status, headers (lower case) and body."""
    out = run("curl", "-s", "--max-time", 30, "-D", "-", *words)
    head, _, body = out.partition("\n\n")
    lines = head.split("\n")
    fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if ":" in line)}
    return int(lines[0].split()[1]), fields, body


def raw(request, timeout=5.0, port=80):
    """All that comes back for some bytes, until the server closes."""
    with socket.create_connection((PLX, port), timeout=timeout) as sock:
        sock.sendall(request)
        got = bytearray()
        while piece := sock.recv(65536):
            got += piece
        return bytes(got)


def statuses(answers):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]


def need(tool):
    if not any(os.access(os.path.join(d, tool), os.X_OK) for d in os.environ["PATH"].split(":")):
        raise Skip(f"{tool} is not installed")


@case("httpd/files")
def files(world):
    """GET, HEAD, index, media types, redirects, what is not there"""
    program, root = httpd(world)
    status, fields, body = curl(f"{URL}/")
    check((status, body) == (200, "<h1>front</h1>\n") and fields["content-type"].startswith("text/html"), fields)
    status, fields, body = curl("-I", "-o", "/dev/null", f"{URL}/small.txt")
    check((status, body, fields["content-length"]) == (200, "", "100"), f"HEAD: {fields} {body!r}")
    check(curl(f"{URL}/small.txt")[2] == "0123456789" * 10, "other bytes")
    check(curl(f"{URL}/empty")[:1] == (200,), "the empty file")
    status, fields, _ = curl(f"{URL}/sub?x=y")
    check((status, fields["location"]) == (301, "/sub/?x=y"), f"{status} {fields}")
    for path, expected in (("/nope", 404), ("/nope/", 404), ("/small.txt/", 404), ("/sub/", 403), ("/fifo", 403)):
        check(curl(f"{URL}{path}")[0] == expected, f"{path}: {curl(f'{URL}{path}')[0]}, expected {expected}")
    (root / "small.txt").write_text("changed")
    wait_until(lambda: curl(f"{URL}/small.txt")[2] == "changed", "the change to be seen", 3)
    (root / "small.txt").unlink()
    wait_until(lambda: curl(f"{URL}/small.txt")[0] == 404, "the removal to be seen", 3)
    check("answers 2xx" in program.stop(), "no summary")


@case("httpd/ranges_and_conditions")
def ranges_and_conditions(world):
    """206, 304, 416 with their headers, against the file's bytes"""
    _, root = httpd(world)
    data = (root / "medium.bin").read_bytes()
    path = world.folder / "part"
    for first, last in ((0, 0), (100, 199), (1, 69_999), (65_000, 69_000), (69_999, 69_999)):
        run("curl", "-s", "-r", f"{first}-{last}", "-o", path, f"{URL}/medium.bin")
        check(path.read_bytes() == data[first:last + 1], f"bytes {first}-{last} are others")
    run("curl", "-s", "-r", "-500", "-o", path, f"{URL}/medium.bin")
    check(path.read_bytes() == data[-500:], "the last 500 bytes are others")
    status, fields, body = curl("-r", "10-19", f"{URL}/small.txt")
    check((status, fields["content-range"], body) == (206, "bytes 10-19/100", "0123456789"), fields)
    status, fields, _ = curl("-r", "100-", f"{URL}/small.txt")
    check((status, fields["content-range"]) == (416, "bytes */100"), f"{status} {fields}")
    _, fields, _ = curl("-I", f"{URL}/small.txt")
    for field in (f"If-None-Match: {fields['etag']}", f"If-Modified-Since: {fields['last-modified']}",
                  f"If-Modified-Since: {formatdate(time.time() + 5, usegmt=True)}"):
        status, _, body = curl("-H", field, f"{URL}/small.txt")
        check((status, body) == (304, ""), f"{field}: {status}")
    check(curl("-H", "If-None-Match: \"other\"", f"{URL}/small.txt")[0] == 200, "another tag got 304")


@case("httpd/traversal")
def traversal(world):
    """no path and no link leads out of the root"""
    httpd(world, "--list")
    for path in ("/../secret", "/sub/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/sub/..%2f..%2fsecret",
                 "/%2e%2e%2fsecret", "/.%2e/secret", "//../secret", "/./../secret", "/sub/%2e%2e/%2e%2e/secret",
                 "/..", "/../", "/%2e%2e", "/out", "/sub/out", "/way/secret", "/way/", "/way"):
        status, _, body = curl("--path-as-is", f"{URL}{path}")
        check(status == 403 and "not yours" not in body, f"{path}: {status} {body!r}")
    for path in ("/%252e%252e/secret", "/..%5csecret", "/..\\secret", "/%c0%ae%c0%ae/secret", "/....//secret"):
        status, _, body = curl("--path-as-is", f"{URL}{path}")
        check(status in (400, 404) and "not yours" not in body, f"{path}: {status} {body!r}")
    answers = raw(b"GET http://x/../secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    check(statuses(answers) == [403], answers)
    check(statuses(raw(b"GET ../secret HTTP/1.1\r\nHost: x\r\n\r\n")) == [400], "a path without a slash")
    check(statuses(raw(b"GET /a%00/../secret HTTP/1.1\r\nHost: x\r\n\r\n")) == [400], "a NUL")
    check(curl(f"{URL}/sub/in")[:1] == (200,), "a link within the root should do")


@case("httpd/big_file", 120)
@case("httpd/big_file_af_packet", 120, wire="af_packet")
def big_file(world, wire="tap"):
    """100 MB, from memory and then from disk, twice at once: the same hash"""
    program, root = httpd(world, wire=wire)
    digest = hashlib.sha256()
    with open(root / "big", "wb") as out:
        for _ in range(BIG // MIB):
            piece = os.urandom(MIB)
            digest.update(piece)
            out.write(piece)
    fetch = f"curl -s {URL}/big | sha256sum"
    out = run("sh", "-c", f"{fetch}; {fetch} & {fetch}; wait")
    check(out.count(digest.hexdigest()) == 3, f"expected {digest.hexdigest()} three times:\n{out}")
    check("1 read into memory" in (out := program.stop()) and "300" in out, out)


@case("httpd/from_disk", 90)
def from_disk(world):
    """files that do not fit into the cache are read and copied"""
    program, root = httpd(world, "--cache", 1)
    data = os.urandom(5 * MIB)
    (root / "big").write_bytes(data)
    path = world.folder / "got"
    run("curl", "-s", "-o", path, f"{URL}/big")
    check(path.read_bytes() == data, "other bytes")
    for i in range(20):  # more than fit: the oldest make room
        (root / f"n{i}").write_bytes(data[:200_000 + i])
        run("curl", "-s", "-o", path, f"{URL}/n{i}")
        check(path.read_bytes() == data[:200_000 + i], f"n{i}: other bytes")
    check(re.search(r"1[0-9] put out of it", program.stop()), "nothing was put out of the cache")


@case("httpd/pipeline")
def pipeline(world):
    """many requests in one packet are answered in their order; a head may come byte by byte"""
    httpd(world)
    one = b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n"
    wrong = b"GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"HEAD /medium.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = raw((one + wrong) * 50 + last)
    check(statuses(answers) == [200, 404] * 50 + [200], statuses(answers))
    big = b"GET /medium.bin HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = raw(big * 300 + last)
    check(statuses(answers).count(200) >= 301 and len(answers) > 300 * 70_000, f"{len(answers)} bytes")
    with socket.create_connection((PLX, 80), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in one + last:
            sock.sendall(bytes([byte]))
        got = b""
        while piece := sock.recv(65536):
            got += piece
    check(statuses(got) == [200, 200], got)


@case("httpd/wrong_requests")
def wrong_requests(world):
    """nonsense gets its status and the end of the connection; the server goes on"""
    program, _ = httpd(world)
    for request, status in ((b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400), (b"\x16\x03\x01" + b"\0" * 50 + b"\n\n", 400),
                            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, 405),
                            (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
                            (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 20000, 431),
                            (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505), (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501)):
        answers = raw(request)
        check(statuses(answers) == [status], f"{request[:40]}: {statuses(answers)}, expected {status}")
    check(curl(f"{URL}/")[0] == 200, "no more answers")
    program.stop()


@case("httpd/time_outs", 60)
def time_outs(world):
    """silence, a head that comes in drops, and a client that does not read are given up after their time"""
    program, root = httpd(world, "--request", 1, "--idle", 2, "--send", 2)
    (root / "big").write_bytes(os.urandom(30 * MIB))
    silent, slow, idle, deaf = (socket.create_connection((PLX, 80), timeout=8) for _ in range(4))
    idle.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    check(statuses(idle.recv(1000)) == [200], "no answer")
    deaf.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    began, got = time.monotonic(), b""
    slow.settimeout(0.2)
    while time.monotonic() - began < 5:  # one byte after the other does not help
        try:
            slow.sendall(b"G")
            got += slow.recv(1000)
            if statuses(got):
                break
        except TimeoutError:
            pass
        except OSError:
            break
    check(statuses(got) == [408] and 0.8 < time.monotonic() - began < 3, f"{time.monotonic() - began:.1f} s: {got}")
    check(silent.recv(10) == b"" and time.monotonic() - began < 4, "the silent one was not closed")
    check(idle.recv(10) == b"" and time.monotonic() - began < 6, "the idle one was not closed")
    wait_until(lambda: not run("ss", "-Htn", "state", "established", "dst", PLX).strip(), "all connections to end", 8, 0.2)
    out = program.stop()
    check("timed out: 2 requests, 1 idle, 1 slow readers" in out, out)


@case("httpd/ab_and_wrk", 90)
def ab_and_wrk(world):
    """ab with and without keepalive, wrk with 2000 connections: no failure"""
    need("ab")
    need("wrk")
    program, _ = httpd(world)
    for words, kept in ((["-k"], True), ([], False)):
        out = run("ab", "-q", *words, "-c", 50, "-n", 3000, f"{URL}/small.txt")
        check(re.search(r"Complete requests: +3000\nFailed requests: +0\n", out) and "Non-2xx" not in out, out)
        check(("Keep-Alive requests" in out) == kept, out)
    out = run("sh", "-c", f"ulimit -n 8192; wrk -t 1 -c 2000 -d 3 --timeout 5 {URL}/medium.bin")
    check("Socket errors" not in out and "Non-2xx" not in out and "requests in" in out, out)
    check(", 5xx 0;" in program.stop(), "an answer of 5xx")


@case("httpd/several_workers", 60)
def several_workers(world):
    """two workers, each with its own cache"""
    program, root = httpd(world, "--workers", 2, "--list")
    path = world.folder / "got"
    for _ in range(40):
        run("curl", "-s", "-o", path, f"{URL}/medium.bin")
        check(path.read_bytes() == (root / "medium.bin").read_bytes(), "other bytes")
    _, _, body = curl(f"{URL}/list/")
    check('href="./a%20%3Cb%3E%20%26%20c%25.txt"' in body and "a &lt;b&gt; &amp; c%.txt" in body, body)
    check(curl(f"{URL}/list/a%20%3Cb%3E%20%26%20c%25.txt")[2] == "odd name\n", "the link of the list leads nowhere")
    program.stop()


@case("httpd/usage")
def usage(world):
    """a root that is none, and values that cannot be"""
    for words, status, says in (([], 2, "ROOT"), ([world.folder, "more"], 2, "one operand"), (["/nope"], 1, "/nope"),
                                (["/etc/passwd"], 2, "must be a folder"), (["--index", "a/b", "/"], 2, "--index a/b"),
                                (["--port", 0, "/"], 2, "--port 0")):
        program = world.start("plx-httpd", "tap", words)
        check(program.wait(10) == status and says in program.err(), f"{words}: {program.process.returncode} {program.err()}")
