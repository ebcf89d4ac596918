# SPDX-License-Identifier: BSD-3-Clause
"""Who may include, call and write what."""

import re

from rule import rule
from tree import ROOMS, Finding

# A room may include its own headers and those of the rooms named here. udp and tcp do not know each other.
BELOW = {
    "base": (),
    "wire": ("base",),
    "netdev": ("wire", "base"),
    "net": ("netdev", "wire", "base"),
    "udp": ("net", "netdev", "wire", "base"),
    "tcp": ("net", "netdev", "wire", "base"),
    "worker": ROOMS,
    "posix": ("worker", *ROOMS, "include"),
    "include": (),
    "apps": ("include",),
}
# Programs about wires, not sockets: they stand on the rooms below the API.
ON_WIRES = ("apps/wire/",)
# Programs that build and read headers: they may use the formats, which are bytes only.
OF_FRAMES = ("apps/pktgen/",)
# And one about devices, which asks what the wires ask.
OF_DEVICES = ("apps/doctor/",)


def room_of_include(tree, source, name, quoted):
    """The room an include leads to; None when it is none of ours."""
    if not quoted:
        return "include" if (tree.root / "include" / name).exists() else None
    if name.split("/")[0] in (*ROOMS, "posix", "apps") and "/" in name:
        return name.split("/")[0]
    folder = source.path.rsplit("/", 1)[0]
    for prefix, room in ((f"{folder}/", source.room), ("include/", "include"), ("stack/", "worker"),
                         ("posix/", "posix"), ("apps/", "apps")):
        if (tree.root / (prefix + name)).exists():
            return room
    return None


@rule("layers", "includes point downward",
      plant={"stack/base/a.c": '#include "tcp/tcp.h"\n', "stack/tcp/tcp.h": ""},
      more=({"apps/a.c": '#include "worker.h"\n', "stack/worker.h": ""},
            {"apps/echo/a.c": '#include "wire/ip4.h"\n', "stack/wire/ip4.h": ""},
            {"apps/pktgen/a.c": '#include "tcp/tcp.h"\n', "stack/tcp/tcp.h": ""},
            {"apps/doctor/a.c": '#include "base/seq.h"\n', "stack/base/seq.h": ""},
            {"stack/net/a.c": "#include <plx.h>\n", "include/plx.h": ""}),
      clean={"stack/tcp/a.c": '#include "base/seq.h"\n#include <rte_mbuf.h>\n#include <net/if.h>\n', "stack/base/seq.h": ""})
def layers(tree):
    for source in tree.under("stack", "posix", "apps", "include"):
        allowed = (source.room, *BELOW.get(source.room, ()))
        if source.path.startswith(ON_WIRES):
            allowed += ("posix", *BELOW["posix"])
        if source.path.startswith(OF_FRAMES):
            allowed += ("wire", "base")
        if source.path.startswith(OF_DEVICES):
            allowed += ("netdev",)
        for line, quoted, name in source.includes:
            room = room_of_include(tree, source, name, quoted)
            if room is not None and room not in allowed:
                yield Finding(source.path, line, f"{source.room} may not include {name} of {room}")


# Names that bring in time, chance, the heap, a device or the process; and the files that exist for them.
HEAP = {"stack/base/heap_pool.c", "stack/base/memory.c", "stack/netdev/netdev.c", "stack/worker_eal.c", "stack/worker_eal_run.c"}
DEVICE = {f"stack/netdev/{name}.c" for name in ("ethdev", "ethdev_guard", "ethdev_open", "ethdev_rss", "tap", "packet", "pcap")}
KERNEL = {f"stack/netdev/{name}.c" for name in ("tap", "packet", "pcap", "vnet", "ethdev", "ethdev_open", "netdev", "pci", "pci_use", "share")}
EAL_HEAP = r"rte_(?:[cz]?malloc|calloc|realloc|free|memzone|hash|lpm|fib|rib|ip_frag|timer|alarm|reorder|acl)\w*"
IMPURE = [
    ("reads a clock", r"clock_gettime|gettimeofday|clock_nanosleep|nanosleep|usleep|sleep|time|ftime|"
     r"rte_r?d?tsc\w*|rte_get_\w*(?:cycles|hz)\w*|rte_delay\w+|__rdtscp?|_rdtsc",
     {"stack/worker_eal.c", "stack/worker_eal_run.c", "stack/netdev/pcap.c"}),
    ("is random by itself", r"s?rand(?:om)?(?:_r)?|[dlmn]rand48|getrandom|getentropy|arc4random\w*|rte_s?rand\w*",
     {"stack/worker_eal.c", "stack/worker_eal_run.c"}),
    ("prints", r"v?f?printf|puts|fputs|putchar|fputc|perror|v?syslog|rte_log|RTE_LOG", {"stack/base/log.c"}),
    ("takes from the heap", r"malloc|calloc|realloc|reallocarray|free|strn?dup|v?asprintf|aligned_alloc|posix_memalign|"
     r"mmap|munmap|mprotect|madvise|alloca", HEAP),
    ("takes from the EAL's heap", EAL_HEAP + r"|rte_ring_(?:create|free|lookup)|rte_mempool_(?:create|free)\w*|"
     r"rte_pktmbuf_pool_create\w*", {"stack/worker_eal.c", "stack/worker_eal_run.c"}),
    ("calls a device", r"rte_eth_\w+|rte_dev_\w+|rte_vdev_\w+|rte_bus_\w+", DEVICE),
    ("calls the EAL", r"rte_eal_\w+|rte_lcore_\w+|rte_socket_id\w*|rte_thread_\w+|rte_epoll_\w+|rte_intr_\w+",
     {"stack/worker_eal.c", "stack/worker_eal_run.c", *DEVICE}),
    ("calls the kernel", r"socket|ioctl|open|openat|close|read|write|readv|writev|recvmsg|sendmsg|poll|ppoll|"
     r"eventfd|pthread_\w+|fopen|getenv", {"stack/worker_eal.c", "stack/worker_eal_run.c", "stack/base/memory.c", *KERNEL}),
]


@rule("pure", "no clock, chance, printing, heap, device, EAL or kernel in stack/ but where a file exists for it",
      plant={"stack/tcp/a.c": "void f(void)\n{\n    long t = time(NULL);\n}\n"},
      more=({"stack/net/a.c": "void f(void)\n{\n    char *p = malloc(3);\n}\n"},
            {"stack/net/a.c": "void f(void)\n{\n    printf(\"x\");\n}\n"},
            {"stack/net/a.c": "unsigned f(void)\n{\n    return rte_lcore_id();\n}\n"},
            {"stack/udp/a.c": "int f(void)\n{\n    return rte_eth_rx_burst(0, 0, 0, 0);\n}\n"},
            {"stack/udp/a.c": "int f(void)\n{\n    return rte_rand();\n}\n"}),
      clean={"stack/tcp/a.c": "/* time(NULL) */\nvoid f(struct d *d)\n{\n    d->ops->close(d);\n    slab_free(s);\n}\n"})
def pure(tree):
    for source in tree.under("stack"):
        for why, names, allowed in IMPURE:
            if source.path in allowed:
                continue
            # A member called through a pointer (ops->close) and a declaration of one ((*close)) are not the libc's.
            for line, match in source.search(rf"(?<![\w.>*])(?:{names})\s*\("):
                yield Finding(source.path, line, f"{match.group(0).rstrip('( ')} {why}")


# The library's own front does without the EAL's headers for sockets.
@rule("public", "public headers for sockets know nothing of DPDK or of the inside",
      plant={"include/plx.h": "#include <rte_mbuf.h>\n"}, clean={"include/plx_mbuf.h": "#include <rte_mbuf.h>\n"})
def public(tree):
    for source in tree.under("include"):
        for line, _, name in source.includes:
            if name.startswith("rte_") and not source.path.endswith("plx_mbuf.h"):
                yield Finding(source.path, line, f"includes {name}: only plx_mbuf.h may know DPDK")


@rule("state", "one function writes a connection's state",
      plant={"stack/tcp/a.c": "void f(struct tcb *t)\n{\n    t->state = 1;\n}\n"
                              "void g(struct tcb *t)\n{\n    t->state = 2;\n}\n"},
      clean={"stack/tcp/a.c": "void f(struct tcb *t)\n{\n    t->state = 1;\n    if (t->state == 2)\n        g();\n}\n"})
def state(tree):
    writers = []
    for source in tree.sources:
        if source.room != "tcp" or not source.path.startswith("stack/"):
            continue
        for function in source.functions:
            for match in re.finditer(r"(?:->|\.)state\s*(?:[-+|&^]|<<|>>)?=(?!=)", function.body):
                line = function.line + 1 + function.body.count("\n", 0, match.start())
                writers.append((source.path, function.name, line))
    first = writers[0][:2] if writers else None
    for path, name, line in writers:
        if (path, name) != first:
            yield Finding(path, line, f"{name} writes state, and so does {first[1]} in {first[0]}")
