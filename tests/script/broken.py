#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rules of the sender and its defences, each broken on purpose (tests/support/planting.py), and the tests that fail then: packet
scripts by name, unit tests as PROGRAM:FUNCTION.

    broken.py test SCRIPTS CUBIC [WORD...]   each rule breaks each of its tests, and they pass without; WORD: rules with it
    broken.py find SCRIPTS CUBIC [WORD...]   what fails at all when the rule is broken
    broken.py write-docs                     the table of tests/script/README.md

SCRIPTS and CUBIC are plx-script-broken and test_cubic_broken, the runner and unit test over the copies with the plants."""

import re
import subprocess
import sys
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import planting  # noqa: E402


class Rule(namedtuple("Rule", "cite rule broken file place new tests")):
    """`place` and `new`: strings, or lists of as many."""

    @property
    def edits(self):
        return list(zip(self.place, self.new)) if isinstance(self.place, list) else [(self.place, self.new)]


RACK, TLP, RECOVERY, UNDO = (f"stack/tcp/{name}.c" for name in ("rack", "tlp", "recovery", "undo"))
BOARD, CUBIC, HYSTART, CONG = (f"stack/tcp/{name}.c" for name in ("scoreboard", "cubic", "hystart", "congestion"))
TIMERS, OUTPUT, ACK, STEPS = (f"stack/tcp/{name}.c" for name in ("timers", "output", "input_ack", "input_steps"))
ECN, ICMP, RTT, AGAIN = (f"stack/tcp/{name}.c" for name in ("ecn", "icmp", "rtt", "recovery_output"))
NEWRENO = "stack/tcp/newreno.c"

RULES = [
    # -- RACK --
    Rule("RFC8985-6.2 step 2", "a segment counts as lost when one sent later was delivered", "order of the sequence, not of sending",
         RACK, "    return (int32_t)(at1 - at2) > 0 ||",
         "    if (PLANT)\n        return seq_gt(end1, end2);\n    return (int32_t)(at1 - at2) > 0 ||",
         ["loss-rack-sent-order"]),
    Rule("RFC8985-6.2 step 4", "the reordering window is a quarter of min_rtt", "none", RACK,
         "    uint64_t window = (uint64_t)(tcb->min_rtt >> 2) * b->reo_mult;",
         "    uint64_t window = PLANT ? 0 : (uint64_t)(tcb->min_rtt >> 2) * b->reo_mult;", ["loss-rack-reordered", "loss-rack-dupthresh"]),
    Rule("RFC8985-6.2 step 4", "the reordering window is srtt at most", "no bound", RACK,
         "    return window < tcb->srtt >> 3 ?", "    return PLANT || window < tcb->srtt >> 3 ?",
         ["loss-rack-reo-wnd-bound"]),
    Rule("RFC8985-6.2 step 4", "a DSACK makes the reordering window larger", "it stays", RACK,
         "        b->reo_mult = (uint8_t)RTE_MIN(b->reo_mult + 1u, 255u);",
         "        b->reo_mult = (uint8_t)RTE_MIN(b->reo_mult + (PLANT ? 0u : 1u), 255u);", ["loss-rack-reo-wnd-grows"]),
    Rule("RFC8985-6.2 step 4", "a larger reordering window stays for 16 recoveries", "until the next ACK", RACK,
         "        b->reo_persist = REO_PERSIST;", "        b->reo_persist = PLANT ? 0 : REO_PERSIST;",
         ["loss-rack-dsack-once-a-round"]),
    Rule("RFC8985-6.2 step 4", "DSACKs make it larger once a round trip", "at each DSACK", RACK,
         "        b->dsack_round_set = true;\n", "        b->dsack_round_set = !PLANT;\n",
         ["loss-rack-dsack-once-a-round"]),
    Rule("RFC8985-6.2 step 4", "without reordering three SACKed segments are enough", "the window is waited for", RACK,
         "        if (tcb->sacked_out >= scoreboard_reordering(t, b) &&",
         "        if (!PLANT && tcb->sacked_out >= scoreboard_reordering(t, b) &&", ["cong-cubic-beta", "cong-reno-half"]),
    Rule("RFC8985-6.2 step 2", "what comes sooner than min_rtt is not about the retransmission", "it is", RACK,
         "    if ((r->flags & SND_EVER) != 0 && rtt < tcb->min_rtt)",
         "    if ((r->flags & SND_EVER) != 0 && rtt < tcb->min_rtt && !PLANT)", ["loss-prr-ack-below-una", "loss-frto-spurious"]),
    Rule("RFC8985-6.2 step 2", "what echoes an older timestamp is not, either", "it is", RACK,
         "    if (was_first_transmission(t, tcb, r, e))", "    if (!PLANT && was_first_transmission(t, tcb, r, e))",
         ["loss-rack-echo-of-first"]),
    Rule("RFC8985-6.2 step 5", "a timer ends the wait for what was overtaken", "no timer", RECOVERY,
         "            timers_reorder(t, tcb, wait);\n            e->timer_set = true;",
         "            if (!PLANT)\n                timers_reorder(t, tcb, wait);\n            e->timer_set = !PLANT;",
         ["loss-rack-no-dupthresh-bit", "loss-rack-time"]),
    Rule("RFC8985-6.2 step 5", "retransmissions are lost as others are", "never", RACK,
         "    for (uint32_t i = b->again_head; i != 0", "    for (uint32_t i = PLANT ? 0 : b->again_head; i != 0",
         ["loss-rack-lost-retransmission"]),
    Rule("RFC8985-6.3", "after a time-out only what is old is lost", "all is", RECOVERY,
         "!rack_is_on(t, tcb) || rack_expired(", "PLANT || !rack_is_on(t, tcb) || rack_expired(",
         ["loss-rack-sent-order"]),
    # -- TLP --
    Rule("RFC8985-7.2", "the probe goes after two srtt", "after one", TLP,
         ": (tcb->srtt >> 2) + TLP_SETTLE;", ": (tcb->srtt >> (PLANT ? 3 : 2)) + TLP_SETTLE;",
         ["loss-tlp-last-segment", "loss-tlp-new-data"]),
    Rule("RFC8985-7.2", "a single segment's ACK may be delayed", "no allowance", TLP,
         "    return (tcb->srtt >> 2) + t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC;",
         "    return (tcb->srtt >> 2) + (PLANT ? TLP_SETTLE : t->ctx->tun->tcp_rto_min_ms * USEC_PER_MSEC);",
         ["loss-tlp-one-segment", "loss-tlp-repairs-tail"]),
    Rule("RFC8985-7.3", "the probe is new data if there is any", "the last segment again", OUTPUT,
         "    if (tail_probe_new(t, tcb))", "    if (!PLANT && tail_probe_new(t, tcb))", ["loss-tlp-new-data"]),
    Rule("RFC8985-7.3", "without new data the probe is the last segment", "the first", OUTPUT,
         "    return retransmit_one(t, tcb, last, true);", "    return retransmit_one(t, tcb, PLANT ? tcb->sndq_head : last, true);",
         ["loss-tlp-last-segment", "loss-tlp-rto-after"]),
    Rule("RFC8985-7.3", "after the probe the time-out runs anew", "no time-out", TLP,
         "    timers_probe_sent(t, tcb);", "    if (!PLANT)\n        timers_probe_sent(t, tcb);",
         ["loss-tlp-last-segment", "loss-tlp-one-segment"]),
    Rule("RFC8985-7.4.2", "a loss that the probe repaired reduces the window", "nothing", TLP,
         "        recovery_reduce_once(t, tcb, b);", "        if (!PLANT)\n            recovery_reduce_once(t, tcb, b);",
         ["loss-tlp-repairs-tail"]),
    Rule("RFC8985-7.4.2", "a DSACK of the probe says that nothing was lost", "the window is reduced", TLP,
         "    if (!b->tlp_is_retrans || e->dsack_tlp) {", "    if (!b->tlp_is_retrans || (e->dsack_tlp && !PLANT)) {",
         ["loss-tlp-spurious"]),
    # -- F-RTO and undo --
    Rule("RFC5682-3.1 step 2b", "after a time-out's first ACK new data goes", "what is thought lost", RECOVERY,
         "            b->new_first = true; /* step 2b */", "            b->new_first = !PLANT;",
         ["loss-frto-real", "loss-frto-spurious"]),
    Rule("RFC5682-3.1 step 3b", "an ACK of what was not sent again shows a spurious time-out", "not noticed", RECOVERY,
         "    if (e->once && undo_loss(", "    if (!PLANT && e->once && undo_loss(", ["loss-frto-spurious"]),
    Rule("RFC5682-3.1 step 3a", "a duplicate ACK after the new data shows a real loss", "not noticed", RECOVERY,
         "            b->frto = false; /* step 3a", "            b->frto = PLANT; /* step 3a",
         ["loss-frto-real"]),
    Rule("RFC4015-3.2", "the echo of a timestamp before the retransmission undoes", "nothing", UNDO,
         "    return none_sent || (b->retrans_stamped &&", "    return none_sent || (!PLANT && b->retrans_stamped &&",
         ["loss-undo-eifel-timeout", "loss-undo-eifel-recovery"]),
    Rule("RFC3522-3.2", "the echo of the retransmission does not", "it does, too", UNDO,
         "e->has_ecr && (int32_t)(e->ecr - b->retrans_at) < 0);",
         "e->has_ecr && ((int32_t)(e->ecr - b->retrans_at) < 0 || PLANT));", ["loss-undo-eifel-not"]),
    Rule("RFC3708-3", "when DSACKs report all retransmissions the reduction is undone", "never", RECOVERY,
         "    if (!b->undo_armed || b->undo_left != 0)", "    if (!b->undo_armed || b->undo_left != 0 || PLANT)",
         ["loss-undo-dsack"]),
    Rule("RFC3708-3", "when they report one of several it is not", "one is enough", BOARD,
         "b->undo_left = (int32_t)segments < b->undo_left ?", "b->undo_left = (int32_t)segments < b->undo_left && !PLANT ?",
         ["loss-undo-dsack-not-all"]),
    Rule("RFC9438-4.9", "an undo brings ssthresh back, too", "the window alone", CONG,
         "    if (prior_ssthresh > tcb->ssthresh) {", "    if (prior_ssthresh > tcb->ssthresh && !PLANT) {",
         ["cubic:undo_restores_the_curve", "loss-undo-eifel-recovery"]),
    # -- SACK and recovery --
    Rule("RFC2018-8", "the oldest segment SACKed and not acknowledged: the peer has reneged", "not noticed", RECOVERY,
         ["    if (reneging(t, tcb, e) ||", "        scoreboard_renege(t, tcb, b);"],
         ["    if ((!PLANT && reneging(t, tcb, e)) ||", "        if (!PLANT)\n            scoreboard_renege(t, tcb, b);"],
         ["loss-sack-reneging"]),
    Rule("RFC2018-5", "a SACK of what was never sent is a lie", "believed", BOARD,
         "seq_lt(s->left, tcb->snd_una) || seq_gt(s->right, tcb->snd_nxt)) {",
         "seq_lt(s->left, tcb->snd_una) || (seq_gt(s->right, tcb->snd_nxt) && !PLANT)) {", ["loss-sack-beyond-nxt"]),
    Rule("RFC2883-4", "a first block that the ACK covers is a duplicate's", "not noticed", BOARD,
         "    if (is_dsack(opt, e->ack)) {", "    if (!PLANT && is_dsack(opt, e->ack)) {", ["loss-rack-reo-wnd-grows", "loss-undo-dsack"]),
    Rule("RFC3708-4", "more duplicates than retransmissions are the network's", "taken for ours", BOARD,
         "    if (b->dsack_dups > b->total_retrans) {", "    if (b->dsack_dups > b->total_retrans && !PLANT) {",
         ["loss-dsack-of-network"]),
    Rule("RFC6675-5", "three SACKed segments above make one lost (without RACK)", "four", BOARD,
         "    uint32_t threshold = scoreboard_reordering(t, b), above",
         "    uint32_t threshold = scoreboard_reordering(t, b) + PLANT, above", ["loss-rack-off", "loss-rescue"]),
    Rule("RFC6675-4 rule 4", "a rescue retransmission when nothing else may go", "none", AGAIN,
         "    if (b == NULL || tcb->recovery != RECOVERY_FAST", "    if (PLANT || b == NULL || tcb->recovery != RECOVERY_FAST",
         ["loss-rescue"]),
    Rule("RFC6675-4 rule 4", "one rescue retransmission a recovery", "each time", AGAIN,
         "    b->rescued = true;", "    b->rescued = !PLANT;", ["loss-rescue"]),
    Rule("RFC3042-2", "the first two duplicates let new segments go", "nothing", OUTPUT,
         "    return congestion_in_flight(tcb) < tcb->cwnd ||",
         "    return (PLANT && tcb->recovery == RECOVERY_DISORDER ? tcb->packets_out : congestion_in_flight(tcb)) < tcb->cwnd ||",
         ["loss-limited-transmit", "loss-limited-transmit-sack"]),
    Rule("RFC5681-3.2", "the third duplicate ACK makes the segment go again", "the fourth", RECOVERY,
         "tcb->sacked_out >= scoreboard_reordering(t, b);", "tcb->sacked_out >= scoreboard_reordering(t, b) + PLANT;",
         ["loss-fast-retransmit", "loss-limited-transmit"]),
    Rule("RFC6582-3.2 step 3", "a partial ACK makes the next hole go", "waited for the time-out", RECOVERY,
         "    bool partial = tcb->recovery == RECOVERY_FAST && e->advanced;",
         "    bool partial = tcb->recovery == RECOVERY_FAST && e->advanced && !PLANT;", ["loss-newreno-partial"]),
    Rule("RFC6582-3.2 step 1", "duplicates of what was sent again begin no second recovery", "they do", RECOVERY,
         "    if (tcb_is(tcb, TCB_SACK) || tcb->snd_una != tcb->recover)",
         "    if (tcb_is(tcb, TCB_SACK) || tcb->snd_una != tcb->recover || PLANT)",
         ["loss-newreno-no-second-recovery"]),
    Rule("RFC6937-3.1", "above ssthresh as much is sent as the reduction asks for", "as much as arrives", RECOVERY,
         "(uint64_t)tcb->ssthresh * b->prr_delivered +",
         "(uint64_t)(PLANT ? b->prior_cwnd : tcb->ssthresh) * b->prr_delivered +", ["loss-prr-conserves"]),
    Rule("RFC6937-3.1", "below ssthresh as much is sent as arrives", "by proportion, too", RECOVERY,
         "        if (send < (int64_t)delivered)\n            send = delivered;\n        send += progress;",
         "        if (send < (int64_t)delivered && !PLANT)\n            send = delivered;\n        send += progress && !PLANT;",
         ["loss-prr-ack-below-una", "loss-tlp-shows-loss"]),
    Rule("RFC6937-3.1", "PRR fills the network up to ssthresh and no more", "beyond", RECOVERY,
         "        if (send > (int64_t)(tcb->ssthresh - pipe))", "        if (send > (int64_t)(tcb->ssthresh - pipe) && !PLANT)",
         ["loss-undo-dsack-not-all"]),
    Rule("RFC8985-6.2", "reordering that was seen raises the threshold", "it stays three", BOARD,
         "    if (degree > scoreboard_reordering(t, b))", "    if (degree > scoreboard_reordering(t, b) && !PLANT)",
         ["loss-reordering-degree"]),
    # -- time-outs --
    Rule("RFC6298-5.5", "the time-out doubles", "it stays", TIMERS,
         "    if (tcb->backoff < 20)\n        tcb->backoff++;", "    if (tcb->backoff < 20 && !PLANT)\n        tcb->backoff++;",
         ["loss-rto-backoff", "open-active-retransmit"]),
    Rule("RFC6298-5.7", "the back-off holds until there is a valid sample", "until any ACK", ACK,
         "    tcb->flags &= ~TCB_MORE;", "    if (PLANT)\n        tcb->backoff = 0;\n    tcb->flags &= ~TCB_MORE;",
         ["loss-karn"]),
    Rule("RFC6298-3", "what was sent again measures no round trip (Karn)", "it does", ACK,
         ["        if ((r->flags & (SND_EVER | SND_SACKED)) == 0) {\n            rtt->latest", "    if (ambiguous)\n",
          "    bool again = (snd_queue_pop_all(t, tcb) & SND_EVER) != 0;"],
         ["        if ((r->flags & (PLANT ? SND_SACKED : SND_EVER | SND_SACKED)) == 0) {\n            rtt->latest",
          "    if (ambiguous && !PLANT)\n", "    bool again = (snd_queue_pop_all(t, tcb) & SND_EVER) != 0 && !PLANT;"],
         ["loss-karn", "loss-rack-reo-wnd-grows"]),
    Rule("RFC6298-2.3", "the variation counts four times", "half of it above the floor", RTT,
         "    uint32_t rto = (tcb->srtt >> 3) +",
         "    uint32_t rto = (tcb->srtt >> 3) - (PLANT && tcb->rttvar > floor ? (tcb->rttvar - floor) / 2 : 0) +",
         ["loss-rto-variance"]),
    Rule("RFC6298-2.4", "the time-out has a floor (200 ms as on Linux)", "none", RTT,
         "(tcb->rttvar > floor ? tcb->rttvar : floor);", "(tcb->rttvar > floor || PLANT ? tcb->rttvar : floor);",
         ["loss-rto-backoff", "loss-rto-one-segment"]),
    Rule("RFC5681-3.1", "a time-out sets ssthresh", "it stays", CONG,
         "    if (first)\n        congestion_reduce(t, tcb);", "    if (first && !PLANT)\n        congestion_reduce(t, tcb);",
         ["cubic:timeout_begins_anew", "loss-sack-partial-segment"]),
    Rule("RFC5681-3.1", "slow start ends at ssthresh", "it does not", CONG,
         "    uint32_t grow = acked < room ? acked : room;", "    uint32_t grow = acked < room || PLANT ? acked : room;",
         ["loss-rto-repeated"]),
    Rule("RFC5681-3.1", "a repeated time-out leaves ssthresh", "it does", RECOVERY,
         "    mark_all_lost(t, tcb, b);\n    if (first) {", "    mark_all_lost(t, tcb, b);\n    first = first || PLANT;\n    if (first) {",
         ["loss-rto-repeated"]),
    Rule("RFC5681-3.1", "the window after a time-out is one segment", "ssthresh", RECOVERY,
         "    tcb->cwnd = congestion_in_flight(tcb) + 1;", "    tcb->cwnd = PLANT ? tcb->ssthresh : congestion_in_flight(tcb) + 1;",
         ["loss-frto-off", "loss-tlp-no-sack"]),
    # -- the congestion window --
    Rule("RFC6928-2", "the initial window is ten segments", "nine", CONG,
         "    congestion_release(t, tcb);\n    tcb->cwnd = t->ctx->tun->tcp_initial_cwnd;",
         "    congestion_release(t, tcb);\n    tcb->cwnd = t->ctx->tun->tcp_initial_cwnd - PLANT;",
         ["data-initial-window", "data-slow-start"]),
    Rule("RFC5681-3.1", "NewReno halves", "three quarters stay", NEWRENO,
         "    uint32_t half = tcb->cwnd / 2;", "    uint32_t half = PLANT ? tcb->cwnd * 3 / 4 : tcb->cwnd / 2;",
         ["cong-reno-half", "loss-undo-eifel-not"]),
    Rule("RFC5681-3.1", "NewReno grows by one a window", "by two", NEWRENO,
         "    c->credit += acked; ", "    c->credit += acked << PLANT; ", ["loss-undo-eifel-not", "loss-undo-dsack-not-all"]),
    Rule("RFC5681-4.1", "a window that lay idle is not used in one burst", "it is", CONG,
         "        tcb->cwnd /= 2;\n    if (tcb->cwnd < initial)", "        tcb->cwnd /= PLANT ? 1 : 2;\n    if (tcb->cwnd < initial)",
         ["cong-idle-restart", "cong-idle-zero-window"]),
    Rule("RFC2861-3.1", "ssthresh remembers three quarters of a window given up", "nothing", CONG,
         "    if (tcb->recovery < RECOVERY_CWR && most > tcb->ssthresh)",
         "    if (tcb->recovery < RECOVERY_CWR && most > tcb->ssthresh && !PLANT)",
         ["cong-idle-threshold"]),
    Rule("RFC7661-4", "a window that is not used does not grow", "it does", CONG,
         "a->acked > 0 && window_in_use(tcb, c) &&", "a->acked > 0 && (PLANT || window_in_use(tcb, c)) &&",
         ["cong-slow-start-app-limited", "cong-slow-start-six"]),
    # -- CUBIC --
    Rule("RFC9438-4.6", "beta is 0.7", "0.5", CUBIC, "(uint64_t)cwnd * BETA >> 10)", "(uint64_t)cwnd * (PLANT ? 512 : BETA) >> 10)",
         ["cong-cubic-beta", "cubic:window_grows_along_the_curve"]),
    Rule("RFC9438-4.7", "fast convergence: a maximum below the last one counts for less", "all of it", CUBIC,
         "        q->now.w_max = less_than_before ?", "        q->now.w_max = less_than_before && !PLANT ?",
         ["cubic:fast_convergence_lowers_the_maximum"]),
    Rule("RFC9438-4.2", "the curve returns to W_max after K", "K is 0", CUBIC,
         "    e->k_ms = cubic_k_ms(e->origin - window);", "    e->k_ms = PLANT ? 0 : cubic_k_ms(e->origin - window);",
         ["cubic:undo_restores_the_curve", "cubic:window_grows_along_the_curve"]),
    Rule("RFC9438-4.3", "CUBIC is never slower than Reno", "slower where windows are small", CUBIC,
         "    if (cubic_window(e->origin, e->k_ms, t_ms) < friendly) {",
         "    if (!PLANT && cubic_window(e->origin, e->k_ms, t_ms) < friendly) {", ["cubic:small_windows_are_as_fast_as_reno"]),
    Rule("RFC9438-4.4", "CUBIC grows by half a window in a round trip at most", "no bound", CUBIC,
         "    if (target > window + window / 2)", "    if (target > window + window / 2 && !PLANT)",
         ["cubic:grows_by_half_in_a_round_trip_at_most"]),
    Rule("RFC9438-4.3", "Reno's window as CUBIC sees it grows by 9/17 of a segment", "alpha 1", CUBIC,
         "        earned = earned * ALPHA_NUM / ALPHA_DEN;", "        earned = PLANT ? earned : earned * ALPHA_NUM / ALPHA_DEN;",
         ["cubic:small_windows_are_as_fast_as_reno"]),
    Rule("RFC9438-4.8", "after a time-out the curve begins anew", "the old one", CUBIC,
         "        q->now.running = false;\n        q->now.w_max = 0;", "        q->now.running = PLANT;\n        q->now.w_max *= PLANT;",
         ["cubic:timeout_begins_anew"]),
    Rule("RFC9438-4.9", "an undo restores the curve", "the reduced one stays", CUBIC,
         "    cubic_of(c)->now = cubic_of(c)->before;", "    if (!PLANT)\n        cubic_of(c)->now = cubic_of(c)->before;",
         ["cubic:undo_restores_the_curve"]),
    Rule("RFC9438-5.8", "time without use does not count for the curve", "it does", CUBIC,
         "        if (q->now.running)\n            q->now.begun +=", "        if (q->now.running && !PLANT)\n            q->now.begun +=",
         ["cubic:pause_does_not_earn_window"]),
    # -- HyStart++ --
    Rule("RFC9406-4.2", "a round trip that has grown ends slow start", "loss alone does", HYSTART,
         "            h->min_us >= h->last_min_us + rtt_thresh(h->last_min_us)) {",
         "            h->min_us >= h->last_min_us + rtt_thresh(h->last_min_us) && !PLANT) {", ["cubic:hystart_threshold_is_clamped", "cubic:hystart_goes_back_or_ends"]),
    Rule("RFC9406-4.2", "the growth that counts is 4 to 16 ms", "an eighth", HYSTART,
         "    if (us < HYSTART_MIN_RTT_THRESH_US)\n", "    if (PLANT)\n        return us;\n    if (us < HYSTART_MIN_RTT_THRESH_US)\n",
         ["cubic:hystart_threshold_is_clamped"]),
    Rule("RFC9406-4.2", "eight samples make a round", "one", HYSTART,
         "    if (h->samples == HYSTART_N_RTT_SAMPLE) {", "    if (h->samples == HYSTART_N_RTT_SAMPLE || PLANT) {",
         ["cubic:hystart_wants_eight_samples", "cong-hystart-css"]),
    Rule("RFC9406-4.2", "conservative slow start grows a quarter as fast", "as fast", CUBIC,
         "        congestion_slow_start(tcb, c->credit / HYSTART_CSS_DIVISOR);\n        c->credit %= HYSTART_CSS_DIVISOR;",
         "        congestion_slow_start(tcb, c->credit / (PLANT ? 1 : HYSTART_CSS_DIVISOR));\n"
         "        c->credit %= PLANT ? 1 : HYSTART_CSS_DIVISOR;", ["cong-hystart-css"]),
    Rule("RFC9406-4.2", "a round trip that shrinks again was noise", "it goes on", HYSTART,
         "        } else if (h->css_rounds != 0 &&", "        } else if (!PLANT && h->css_rounds != 0 &&",
         ["cubic:hystart_goes_back_or_ends"]),
    Rule("RFC9406-4.2", "five conservative rounds end slow start", "none end it", HYSTART,
         "h->css_rounds++ == HYSTART_CSS_ROUNDS)", "h->css_rounds++ == HYSTART_CSS_ROUNDS && !PLANT)",
         ["cubic:hystart_goes_back_or_ends"]),
    # -- ECN --
    Rule("RFC3168-6.1.2", "an echo of congestion reduces the window", "not heard", RECOVERY,
         "        enter_cwr(t, tcb, b);\n", "        if (!PLANT)\n            enter_cwr(t, tcb, b);\n",
         ["ecn-echo-reduces"]),
    Rule("RFC3168-6.1.2", "echoes reduce once in a window of data", "with each", RECOVERY,
         "    if (e->ece && tcb->recovery != RECOVERY_CWR)", "    if (e->ece && (tcb->recovery != RECOVERY_CWR || PLANT))",
         ["ecn-echo-reduces"]),
    Rule("RFC3168-6.1.2", "the next new data says that the window was reduced (CWR)", "nothing", ECN,
         "        *flags |= TCP_CWR;", "        *flags |= PLANT ? 0 : TCP_CWR;", ["ecn-retransmission", "ecn-echo-reduces"]),
    Rule("RFC3168-6.1.3", "a mark is echoed until CWR", "for ever", ECN,
         "        tcb->ecn &= (uint8_t)~ECN_DEMAND_CWR;", "        tcb->ecn &= (uint8_t) ~(PLANT ? 0 : ECN_DEMAND_CWR);",
         ["ecn-mark-on-cwr", "ecn-mark-echoed"]),
    Rule("RFC3168-6.1.3", "it is echoed in every ACK", "in one", ECN,
         "        *flags |= TCP_ECE;\n", "    {\n        *flags |= TCP_ECE;\n        if (PLANT)\n"
         "            tcb->ecn &= (uint8_t)~ECN_DEMAND_CWR;\n    }\n", ["ecn-mark-echoed"]),
    Rule("RFC3168-6.1.5", "retransmissions and ACKs are not ECN-capable", "they are", ECN,
         "    if (!fresh)", "    if (!fresh && !PLANT)", ["ecn-retransmission"]),
    # -- windows, timestamps, paths --
    Rule("RFC9293-3.8.6.1", "probes of a closed window are backed off", "they are not", TIMERS,
         "        tcb->backoff++;\n    output_probe(t, tcb);", "        tcb->backoff += !PLANT;\n    output_probe(t, tcb);",
         ["window-zero-probe", "zero-window-for-ever"]),
    Rule("RFC9293-MUST-37", "a peer that answers them may keep us waiting for ever", "not longer than R2", ACK,
         "    tcb->retries = 0;\n    if (tcb->snd_wnd == 0)", "    tcb->retries = PLANT ? tcb->retries : 0;\n    if (tcb->snd_wnd == 0)",
         ["zero-window-beyond-r2", "zero-window-orphan-answered"]),
    Rule("RFC9293-3.8.6.2.1", "no segment smaller than half of the largest window", "any", OUTPUT,
         "(uint32_t)room < tcb->max_wnd / 2)", "((uint32_t)room < tcb->max_wnd / 2 && !PLANT))",
         ["window-small-sender", "window-limits-sender"]),
    Rule("RFC9293-3.7.4", "a small segment waits for the ACK of an earlier one (Nagle)", "it does not", OUTPUT,
         "    return seq_gt(tcb->snd_sml, tcb->snd_una) &&", "    return !PLANT && seq_gt(tcb->snd_sml, tcb->snd_una) &&",
         ["data-nagle", "nagle-minshall"]),
    Rule("RFC7323-5.3 R1", "an older timestamp is refused (PAWS)", "accepted", STEPS,
         "    if ((int32_t)(p->tcp.opt.tsval - tcb->ts_recent) >= 0 ||",
         "    if (PLANT || (int32_t)(p->tcp.opt.tsval - tcb->ts_recent) >= 0 ||", ["paws-old-segment"]),
    Rule("RFC7323-5.2", "PAWS refuses no RST", "it does", STEPS,
         "(p->tcp.opt.has & TCP_OPT_HAS_TS) == 0 || (p->tcp.flags & TCP_RST) != 0)",
         "(p->tcp.opt.has & TCP_OPT_HAS_TS) == 0 || ((p->tcp.flags & TCP_RST) != 0 && !PLANT))",
         ["paws-rst"]),
    Rule("RFC7323-5.5", "PAWS ends after 24 days", "never", STEPS,
         "        t->ctx->now_ms - tcb->ts_recent_at > PAWS_IDLE_MS)",
         "        (t->ctx->now_ms - tcb->ts_recent_at > PAWS_IDLE_MS && !PLANT))",
         ["paws-after-24-days"]),
    Rule("RFC1191-6.4", "what was too big for the path goes again at once", "after the time-out", ICMP,
         "    recovery_on_too_big(t, tcb);", "    if (!PLANT)\n        recovery_on_too_big(t, tcb);",
         ["icmp-mtu"]),
    Rule("RFC5927-4", "ICMP is believed about data in flight only", "about any", ICMP,
         "    if (tcb->packets_out == 0 || !(seq_geq(e->seq, tcb->snd_una) && seq_lt(e->seq, tcb->snd_nxt))) {",
         "    if (!PLANT && (tcb->packets_out == 0 || !(seq_geq(e->seq, tcb->snd_una) && seq_lt(e->seq, tcb->snd_nxt)))) {",
         ["icmp-out-of-window"]),
    Rule("RFC5961-3.2", "a RST elsewhere in the window is asked about", "it resets", STEPS,
         "    if (!rst_is_exact(t, tcb, p)) {", "    if (!rst_is_exact(t, tcb, p) && !PLANT) {",
         ["rst-in-window", "rst-at-sack-edge"]),
    Rule("RFC5961-5.2", "an ACK older than the largest window is refused", "taken", ACK,
         "seq_geq(p->tcp.ack, tcb->snd_una - tcb->max_wnd);", "(seq_geq(p->tcp.ack, tcb->snd_una - tcb->max_wnd) || PLANT);",
         ["ack-too-old"]),
]


def run(binaries, test, plant):
    """Does the test pass? Crashes and hangs fail."""
    program, _, function = test.partition(":")
    words = [binaries[1]] if function else [binaries[0], str(HERE / f"{program}.pkt")]
    try:
        done = subprocess.run(words, env=planting.environment(plant), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    if function and done.returncode != 0:
        return f"[  FAILED  ] {function}".encode() not in done.stdout
    return done.returncode == 0


def check(binaries, rule):
    name = f"{rule.cite}: {rule.rule} ({rule.broken})"
    if planting.place_is_gone(RULES, rule):
        return False, f"{name}: its place in {rule.file} is gone, see tests/script/broken.py"
    if not rule.tests:
        return False, f"{name}: nothing is known to fail"
    for test in rule.tests:
        if run(binaries, test, planting.number(RULES, rule)):
            return False, f"{name}: {test} does not notice"
        if not run(binaries, test, 0):
            return False, f"{name}: {test} fails without it, too"
    return True, f"{name}: {', '.join(rule.tests)}"


def find(binaries, rule):
    scripts = sorted(p.stem for p in HERE.glob("*.pkt"))
    unit = re.findall(r"cmocka_unit_test(?:_setup_teardown)?\((\w+)", (HERE.parent / "unit" / "test_cubic.c").read_text())
    plant = planting.number(RULES, rule)
    tests = scripts + [f"cubic:{name}" for name in unit]
    with ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(lambda test: run(binaries, test, plant), tests))
    failed = [test for test, ok in zip(tests, passed) if not ok]
    return bool(failed), f"{rule.cite}: {rule.rule} ({rule.broken}): {' '.join(failed) or 'NOTHING'}"


def table():
    lines = ["| rule | where | broken it is | and then these fail |", "|---|---|---|---|"]
    for r in RULES:
        tests = ", ".join(t.replace("cubic:", "unit `cubic`: ") for t in r.tests)
        lines.append(f"| {r.rule} | {r.cite.replace(' ', ', ', 1)} | {r.broken} | {tests} |")
    return "\n".join(lines)


def document():
    """The README as it should be."""
    page = HERE / "README.md"
    return page, re.sub(r"(<!-- broken -->\n).*?(<!-- end -->)", lambda m: m[1] + table() + "\n" + m[2], page.read_text(),
                        flags=re.S)


def main(argv):
    if argv[0] == "files":
        print("\n".join(planting.files(RULES)))
    elif argv[0] == "copy":
        planting.copy(RULES, argv[1], argv[2])
    elif argv[0] == "write-docs":
        page, text = document()
        page.write_text(text)
    elif argv[0] in ("test", "find"):
        wanted = [r for r in RULES if not argv[3:] or any(w in f"{r.cite} {r.rule}" for w in argv[3:])]
        page, text = document()
        fresh = text == page.read_text()
        print(f"1..{len(wanted) + 1}\n{'ok' if fresh else 'not ok'} 1 - the table of README.md is what broken.py write-docs makes")
        verdict = check if argv[0] == "test" else find
        failed = planting.report(lambda rule: verdict(argv[1:3], rule), wanted, 2)
        return failed != 0 or not fresh
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
