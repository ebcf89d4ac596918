#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bugs planted in the stack (tests/support/planting.py), one for each fault, so that the simulator can show that it finds
each of them."""

import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import planting  # noqa: E402

# A fault, the bug that shows with it, where it is planted, and how the simulator is run so that it finds the bug. The
# world in which it was found must be in order without the bug.
class Plant(namedtuple("Plant", "fault bug file old new args")):
    @property
    def edits(self):
        return [(self.old, self.new)]


def worlds(fault, hours=20):
    return ["--faults", fault, "--seed", "3", "--hours", str(hours)]


PLANTS = [
    Plant("loss", "a time-out sends nothing again", "stack/tcp/timers.c",
          "    recovery_on_timeout(t, tcb);\n",
          "    if (!PLANT)\n        recovery_on_timeout(t, tcb);\n", worlds("loss")),
    Plant("burst", "the back-off goes eight times as fast", "stack/tcp/timers.c",
          "    if (tcb->backoff < 20)\n        tcb->backoff++;\n    if (tcb->retrans_since == 0)",
          "    if (tcb->backoff < 20)\n        tcb->backoff = (uint8_t)(PLANT ? 20 : tcb->backoff + 1);\n"
          "    if (tcb->retrans_since == 0)", ["--faults", "burst,delay", "--seed", "6", "--hours", "60"]),
    Plant("tail", "a FIN sent again is none", "stack/tcp/output.c",
          "    return (uint8_t)(((r->flags & SND_FIN) != 0 ? TCP_FIN : 0) |",
          "    return (uint8_t)(((r->flags & SND_FIN) != 0 && !(PLANT && (r->flags & SND_EVER) != 0) ? TCP_FIN : 0) |",
          worlds("tail")),
    Plant("reorder", "a FIN that comes before its data ends the stream", "stack/tcp/reassembly.c",
          "    return tcb->ooo != 0 && assembly_at(t, tcb)->has_fin && assembly_at(t, tcb)->fin == tcb->rcv_nxt;",
          "    return tcb->ooo != 0 && assembly_at(t, tcb)->has_fin &&\n"
          "           (PLANT || assembly_at(t, tcb)->fin == tcb->rcv_nxt);", worlds("reorder,delay")),
    Plant("dup", "a duplicate is taken as new data", "stack/tcp/input_steps.c",
          "    p->data_len -= old;\n    p->m = mbuf_trim_front_take(p->m, p->data_off + old);",
          "    p->data_len -= PLANT ? 0 : old;\n"
          "    p->m = mbuf_trim_front_take(p->m, p->data_off + (PLANT ? 0 : old));", worlds("dup")),
    Plant("corrupt", "TCP's checksum is not looked at", "stack/wire/tcp.c",
          "    if (unlikely(!pkt_transport_checksum_good(p)))\n",
          "    if (unlikely(!pkt_transport_checksum_good(p)) && !PLANT)\n", worlds("corrupt")),
    Plant("delay", "the time-out forgets the round trip", "stack/tcp/rtt.c",
          "    uint32_t rto = (tcb->srtt >> 3) + (tcb->rttvar > floor ? tcb->rttvar : floor);",
          "    uint32_t rto = PLANT ? floor : (tcb->srtt >> 3) + (tcb->rttvar > floor ? tcb->rttvar : floor);",
          ["--known"]),
    Plant("rate", "the window is not reduced on loss", "stack/tcp/cubic.c",
          "    return reduced > 2 ? reduced : 2;\n", "    return PLANT ? cwnd : reduced > 2 ? reduced : 2;\n", ["--known"]),
    Plant("mtu", "ICMP's word on the path is not taken", "stack/tcp/icmp.c",
          "    if (e->total_length <= e->mtu ||", "    if (PLANT || e->total_length <= e->mtu ||",
          worlds("mtu", 60)),
    Plant("partition", "the fourth time-out is the last", "stack/tcp/timers.c",
          "    if (retransmission_hopeless(t, tcb)) {\n",
          "    if (retransmission_hopeless(t, tcb) || (PLANT && tcb->retries >= 4)) {\n", worlds("partition", 60)),
    Plant("clock", "timestamps are compared as if they never wrapped", "stack/tcp/input_steps.c",
          "(int32_t)(p->tcp.opt.tsval - tcb->ts_recent) >= 0",
          "(PLANT ? p->tcp.opt.tsval >= tcb->ts_recent : (int32_t)(p->tcp.opt.tsval - tcb->ts_recent) >= 0)",
          ["--faults", "clock", "--seed", "7", "--hours", "20", "--slow-path"]),
    Plant("seq", "sequence numbers are compared as if they never wrapped", "stack/tcp/input_ack.c",
          "        if (seq_gt(snd_rec_end(r), ack))\n",
          "        if (PLANT ? snd_rec_end(r) > ack : seq_gt(snd_rec_end(r), ack))\n", worlds("seq")),
    Plant("pools", "a record for which there was no buffer stays", "stack/tcp/snd_queue.c",
          "            if (r->len == 0)\n                rec_free(t, tcb, tcb->sndq_tail);\n",
          "            if (r->len == 0 && !PLANT)\n                rec_free(t, tcb, tcb->sndq_tail);\n",
          worlds("pools,stall", 40)),
    Plant("stall", "a closed window is not probed", "stack/tcp/timers.c",
          "        rexmt_start(t, tcb, REXMT_PERSIST);\n}",
          "        if (!PLANT)\n            rexmt_start(t, tcb, REXMT_PERSIST);\n}", worlds("stall")),
    Plant("ending", "an ended connection keeps its queues", "stack/tcp/tcb.c",
          "    timers_stop_all(t, tcb);\n    tcb_release_queues(t, tcb);\n",
          "    timers_stop_all(t, tcb);\n    if (!PLANT)\n        tcb_release_queues(t, tcb);\n", worlds("ending")),
    Plant("hostile", "an ACK of the future is believed", "stack/tcp/input_ack.c",
          "    return seq_leq(p->tcp.ack, tcb->snd_nxt) &&", "    return (seq_leq(p->tcp.ack, tcb->snd_nxt) || PLANT) &&",
          worlds("hostile")),
    Plant("marks", "an echo of congestion does not reduce the window", "stack/tcp/recovery.c",
          "        enter_cwr(t, tcb, b);\n", "        if (!PLANT)\n            enter_cwr(t, tcb, b);\n", ["--known"]),
    Plant("blind", "any RST in the window resets", "stack/tcp/input_steps.c",
          "    if (!rst_is_exact(t, tcb, p)) {\n", "    if (!rst_is_exact(t, tcb, p) && !PLANT) {\n", worlds("blind")),
]


def run(binary, args, plant):
    """Did the simulator find something, in which world (None: not said), and what? A crash is found, too."""
    done = subprocess.run([binary, *args], env=planting.environment(plant), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    line = re.search(r"^(FAIL .*|.*[Aa]ssert.*|.*ERROR: .*)$", done.stdout, re.M)
    world = re.search(r"^FAIL world (\d+)", done.stdout, re.M)
    return done.returncode != 0, world and world.group(1), line.group(1) if line else done.stdout[-200:]


def check(binary, p):
    name = f"{p.fault}: {p.bug}"
    if planting.place_is_gone(PLANTS, p):
        return False, f"{name}: its place in {p.file} is gone, see tests/sim/plants.py"
    found, world, said = run(binary, p.args, planting.number(PLANTS, p))
    if not found:
        return False, f"{name}: not found"
    blamed, _, other = run(binary, [*p.args, "--world", world] if world else p.args, 0)
    if blamed:
        return False, f"{name}: there without the plant, too: {other}"
    return True, f"{name}: {said[:150]}"


def main(argv):
    if argv[0] == "files":
        print("\n".join(planting.files(PLANTS)))
    elif argv[0] == "copy":
        planting.copy(PLANTS, argv[1], argv[2])
    elif argv[0] == "test":
        wanted = [p for p in PLANTS if not argv[2:] or p.fault in argv[2:]]
        print(f"1..{len(wanted)}")
        return planting.report(lambda p: check(argv[1], p), wanted) != 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
