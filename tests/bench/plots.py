# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of what was measured, beside the JSON they are made from."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

STACKS = (("memif", "Pollux, memif", "#0b6e4f"), ("lo", "kernel, lo", "#8d99ae"), ("veth", "kernel, veth", "#d3b88c"))


def bars(rows, out, name, title, unit):
    fig, ax = plt.subplots(figsize=(1.6 + 1.1 * len(rows), 4))
    for i, (stack, label, colour) in enumerate(STACKS):
        places = [x + (i - 1) * 0.27 for x in range(len(rows))]
        ax.bar(places, [row[stack] for row in rows], 0.27, label=label, color=colour)
    ax.set_xticks(range(len(rows)), [row["key"] for row in rows], rotation=30, ha="right")
    ax.set_ylabel(unit)
    ax.set_title(title)
    if unit.startswith("requests"):
        ax.set_yscale("log")
    ax.grid(axis="y", alpha=0.3)
    ax.legend()
    save(fig, out / name)


def latencies(rows, out):
    rows = [row for row in rows if row["key"].startswith("rr_")]
    fig, ax = plt.subplots(figsize=(1.6 + 1.1 * len(rows), 4))
    for stack, label, colour in STACKS:
        places = range(len(rows))
        ax.plot(places, [row[f"{stack}_p50"] for row in rows], "o-", color=colour, label=f"{label}, p50")
        ax.plot(places, [row[f"{stack}_p99"] for row in rows], "^--", color=colour, label=f"{label}, p99")
    ax.set_xticks(range(len(rows)), [row["key"] for row in rows], rotation=30, ha="right")
    ax.set_yscale("log")
    ax.set_ylabel("us")
    ax.set_title("Round trip, closed loop")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    save(fig, out / "latency.png")


def save(fig, path):
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    fig.savefig(path.with_suffix(".svg"))
    plt.close(fig)


def draw(rows, out):
    """The files that were written."""
    requests = [row for row in rows if row["what"] == "requests_per_second"]
    streams = [row for row in rows if row["what"] == "gbit_per_second"]
    if requests:
        bars(requests, out, "requests.png", "Requests a second, one core each side", "requests a second")
        latencies(rows, out)
    if streams:
        bars(streams, out, "stream.png", "Bulk, one connection", "Gbit/s")
    return sorted(p.name for p in out.glob("*.png"))
