/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/output.h"

#include <errno.h>

#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/snd_queue.h"
#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"

#define OUTPUT_BURST_BYTES 65000u /* of payload in one burst for the device to cut */

static uint8_t rec_wire_flags(const struct snd_rec *r)
{
    return (uint8_t)(((r->flags & SND_FIN) != 0 ? TCP_FIN : 0) |
                     ((r->flags & (SND_PUSH | SND_FIN)) != 0 && r->len > 0 ? TCP_PSH : 0));
}

static seq_t window_end(const struct tcb *tcb)
{
    return tcb->snd_una + tcb->snd_wnd;
}

/* One record as one segment. Where a large one needs a buffer that is not to be had (all of them may be in
 * send queues, waiting for just this), as much as a header buffer holds goes out instead. */
static inline int send_one(struct tcp *t, struct tcb *tcb, uint32_t i)
{
    const struct snd_rec *r = snd_rec_at(t, i);
    if (unlikely(r->len == 0 && (r->flags & SND_SYN) == 0)) /* a FIN alone */
        return transmit_bare(t, tcb, r->seq, rec_wire_flags(r) | TCP_ACK);
    if (likely(transmit_in_place(t, tcb, r, rec_wire_flags(r))))
        return 0;
    int rc = transmit_records(t, tcb, i, 1, r->len, rec_wire_flags(r));
    if (rc != -ENOBUFS || r->len <= TRANSMIT_COPY_MAX || snd_queue_split(t, tcb, i, TRANSMIT_COPY_MAX) != 0)
        return rc;
    return transmit_records(t, tcb, i, 1, r->len, rec_wire_flags(r));
}

/* ---- once more ---- */

/* RFC9293-MAY-7, RFC9293-SHLD-16 */
static bool retransmit_one(struct tcp *t, struct tcb *tcb, uint32_t i, bool probe)
{
    struct snd_rec *r = snd_rec_at(t, i);
    if (seq_gt(snd_rec_end(r), window_end(tcb)) && r->seq != tcb->snd_una)
        return false;
    if (r->len > tcb->snd_mss && snd_queue_split(t, tcb, i, tcb->snd_mss) != 0)
        return false;
    if (send_one(t, tcb, i) != 0)
        return false;
    recovery_resent(t, tcb, i, probe);
    if (i == tcb->sndq_head && !probe)
        timers_head_resent(t, tcb);
    return true;
}

/* After a segment: a queue that is half full asks the others first. */
static inline bool turn_ends(struct tcp *t, struct tcb *tcb)
{
    if (likely(t->net->tx_busy == 0))
        return false;
    tcb_touch(t, tcb);
    return true;
}

static void output_lost(struct tcp *t, struct tcb *tcb)
{
    uint32_t i;
    while (congestion_in_flight(tcb) < tcb->cwnd && (i = recovery_next(t, tcb)) != 0)
        if (!retransmit_one(t, tcb, i, false) || turn_ends(t, tcb))
            return;
}

/* Nothing lost and nothing new that could go. */
static void output_rescue(struct tcp *t, struct tcb *tcb)
{
    if (tcb->recovery != RECOVERY_FAST || congestion_in_flight(tcb) >= tcb->cwnd || tcb->sndq_unsent != 0 ||
        recovery_next(t, tcb) != 0)
        return;
    uint32_t i = recovery_rescue(t, tcb);
    if (i != 0 && retransmit_one(t, tcb, i, true))
        recovery_sent(t, tcb, 1);
}

/* ---- new data ---- */

/* Nagle (RFC9293-3.7.4) in Minshall's form: a small segment waits only for an earlier small one.
 * MSG_MORE and TCP_CORK hold it back in any case.
 * RFC9293-MUST-17, RFC9293-SHLD-7 */
static bool held_back(const struct tcb *tcb, const struct snd_rec *r)
{
    if (r->len >= tcb->snd_mss || r->next != 0 || (r->flags & (SND_FIN | SND_SYN)) != 0)
        return false;
    if (tcb_is(tcb, TCB_CORK | TCB_MORE))
        return true;
    if (tcb_is(tcb, TCB_NODELAY) || tcb->packets_out == 0 || (r->flags & SND_EOR) != 0)
        return false;
    if (tcb_is(tcb, TCB_URG_OUT))
        return false;
    return seq_gt(tcb->snd_sml, tcb->snd_una) && seq_leq(tcb->snd_sml, tcb->snd_nxt);
}

/* Sender's silly window avoidance (RFC9293-3.8.6.2.1): does the window let this record go, as a
 * whole, or in a part that is worth it? Cuts it then.
 * RFC9293-MUST-38, RFC9293-SHLD-15 */
static bool window_allows(struct tcp *t, struct tcb *tcb, uint32_t i)
{
    struct snd_rec *r = snd_rec_at(t, i);
    if ((r->flags & SND_SYN) != 0)
        return true;
    int32_t room = (int32_t)(window_end(tcb) - r->seq);
    if (room >= (int32_t)r->len)
        return true; /* a FIN may stand just beyond */
    if (room <= 0 || (uint32_t)room < tcb->max_wnd / 2)
        return false;
    return snd_queue_split(t, tcb, i, (uint16_t)room) == 0;
}

/* How many records from i on, of one full segment each but for the last, go out in one burst; their bytes
 * in *len. As on Linux at most half of the congestion window, so that ACKs of one burst come while the next
 * is on its way.
 * RFC9293-SHLD-28, RFC9293-MAY-16 */
static uint32_t burst_size(struct tcp *t, struct tcb *tcb, uint32_t i, uint32_t *len)
{
    const struct snd_rec *r = snd_rec_at(t, i);
    *len = r->len;
    if (likely(r->next == 0))
        return 1;
    uint32_t max = net_path_tso(t->net, &tcb->path), n = 1;
    if (max == 0 || tcb_is(tcb, TCB_URG_OUT) || (tcb->ecn & ECN_QUEUE_CWR) != 0 || (r->flags & SND_SYN) != 0)
        return 1;
    if (max > OUTPUT_BURST_BYTES)
        max = OUTPUT_BURST_BYTES;
    uint32_t quota = RTE_MIN(tcb->cwnd - congestion_in_flight(tcb), RTE_MAX(tcb->cwnd / 2, 1u));
    if (t->ctx->tun->tcp_tso_max_segs != 0)
        quota = RTE_MIN(quota, t->ctx->tun->tcp_tso_max_segs);
    while (n < quota && r->len == tcb->snd_mss && (r->flags & (SND_FIN | SND_EOR)) == 0 && r->next != 0) {
        r = snd_rec_at(t, r->next);
        if (r->len == 0 || r->len > tcb->snd_mss || *len + r->len > max || held_back(tcb, r) ||
            seq_gt(r->seq + r->len, window_end(tcb)))
            break;
        *len += r->len;
        n++;
    }
    return n;
}

static void went_out(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    uint32_t now = t->ctx->now_us;
    for (uint32_t k = 0; k < n; k++) {
        struct snd_rec *r = snd_rec_at(t, tcb->sndq_unsent);
        r->sent_at = now;
        tcb->snd_nxt = snd_rec_end(r);
        tcb->sndq_unsent = r->next;
        tcb->packets_out++;
        if ((r->flags & SND_FIN) != 0)
            tcb->flags |= TCB_FIN_SENT;
        if (r->len < tcb->snd_mss)
            tcb->snd_sml = tcb->snd_nxt;
    }
    uint32_t ms = t->ctx->now_ms;
    tcb->last_snd = ms;
    if (ms - tcb->last_data_rcv < t->ctx->tun->tcp_delack_ms)
        tcb->flags |= TCB_PINGPONG;
    recovery_sent(t, tcb, n);
    timers_data_sent(t, tcb);
}

/* As Linux does, the end of a burst is pushed: a receiver that merges segments hands them up then.
 * RFC9293-MUST-60, RFC9293-MUST-61, RFC9293-SHLD-27 */
static uint8_t burst_flags(struct tcp *t, uint32_t i, uint32_t n)
{
    while (--n > 0)
        i = snd_rec_at(t, i)->next;
    return rec_wire_flags(snd_rec_at(t, i)) | TCP_PSH;
}

/* May one more new record go, as far as the network is concerned? A FIN alone always may. */
static bool network_allows(const struct tcb *tcb, const struct snd_rec *r)
{
    return congestion_in_flight(tcb) < tcb->cwnd || (r->len == 0 && (r->flags & SND_FIN) != 0);
}

static void output_new(struct tcp *t, struct tcb *tcb)
{
    uint32_t i;
    if (tcb->sndq_unsent == 0)
        return;
    seq_t begin = tcb->snd_nxt;
    bool rwnd = false;
    if (tcb->packets_out == 0 && tcb->snd_wnd != 0)
        congestion_tx_start(t, tcb);
    while ((i = tcb->sndq_unsent) != 0) {
        struct snd_rec *r = snd_rec_at(t, i);
        if (!network_allows(tcb, r) || held_back(tcb, r))
            break;
        if (r->len > tcb->snd_mss && snd_queue_split(t, tcb, i, tcb->snd_mss) != 0)
            break;
        if (!window_allows(t, tcb, i)) {
            rwnd = true;
            break;
        }
        uint32_t len, n = burst_size(t, tcb, i, &len);
        if ((n == 1 ? send_one(t, tcb, i) : transmit_records(t, tcb, i, n, len, burst_flags(t, i, n))) != 0)
            break;
        went_out(t, tcb, n);
        if (tcb->sndq_unsent != 0 && turn_ends(t, tcb))
            break;
    }
    congestion_sent(t, tcb, tcb->snd_nxt != begin);
    if (tally_wanted(tcb))
        tally_output(t, tcb, rwnd);
}

/* ---- all together ---- */

static void output_owed_acks(struct tcp *t, struct tcb *tcb)
{
    for (uint32_t n = tcb->ack_owed; n > 0; n--)
        if (transmit_bare(t, tcb, tcb->snd_nxt, TCP_ACK) != 0)
            return;
}

static void drop_urgent_mark(struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_URG_OUT) && seq_leq(tcb->snd_up, tcb->snd_una))
        tcb->flags &= ~TCB_URG_OUT;
}

void output_run(struct tcp *t, struct tcb *tcb)
{
    if (likely(output_fast(t, tcb)))
        return;
    if (tcb->state == TCP_S_CLOSED || tcb->state == TCP_S_LISTEN)
        return;
    if (tcb->ack_owed > 0)
        output_owed_acks(t, tcb);
    drop_urgent_mark(tcb);
    if (tcb->sndq_head != 0) {
        int rc = transmit_path(t, tcb);
        if (rc == 0) {
            bool lost_later = recovery_new_first(t, tcb);
            if (!lost_later)
                output_lost(t, tcb);
            output_new(t, tcb);
            if (lost_later && recovery_new_failed(t, tcb))
                output_lost(t, tcb);
            output_rescue(t, tcb);
        } else {
            tcb->soft_error = (uint16_t)-rc;
        }
        if (tcb->packets_out == 0 && tcb->sndq_unsent != 0)
            timers_window_closed(t, tcb); /* the window, a cork or an empty pool: tried again later */
    }
    if (tcb_is(tcb, TCB_ACK_NOW))
        transmit_bare(t, tcb, tcb->snd_nxt, TCP_ACK);
    if ((tcb->timers & TIMER_DELACK_OWED) != 0)
        timers_ack_delayed(t, tcb);
}

static bool tail_probe_new(struct tcp *t, struct tcb *tcb)
{
    uint32_t i = tcb->sndq_unsent;
    if (i == 0)
        return false;
    struct snd_rec *r = snd_rec_at(t, i);
    if ((r->len > tcb->snd_mss && snd_queue_split(t, tcb, i, tcb->snd_mss) != 0) ||
        seq_gt(snd_rec_end(r), window_end(tcb)) || send_one(t, tcb, i) != 0)
        return false;
    went_out(t, tcb, 1);
    return true;
}

bool output_tail_probe(struct tcp *t, struct tcb *tcb, bool *again)
{
    if (transmit_path(t, tcb) != 0)
        return false;
    *again = false;
    if (tail_probe_new(t, tcb))
        return true;
    *again = true;
    uint32_t last = tcb->sndq_unsent != 0 ? snd_rec_at(t, tcb->sndq_unsent)->prev : tcb->sndq_tail;
    return retransmit_one(t, tcb, last, true);
}

static bool probe_with_data(struct tcp *t, struct tcb *tcb)
{
    uint32_t i = tcb->sndq_unsent;
    if (i == 0 || transmit_path(t, tcb) != 0)
        return false;
    struct snd_rec *r = snd_rec_at(t, i);
    int32_t room = (int32_t)(window_end(tcb) - r->seq);
    uint32_t max = RTE_MIN((uint32_t)(room > 0 ? room : 0), (uint32_t)tcb->snd_mss);
    if (max == 0 || (r->len > max && snd_queue_split(t, tcb, i, (uint16_t)max) != 0))
        return false;
    if (transmit_records(t, tcb, i, 1, r->len, rec_wire_flags(r) | (r->len > 0 ? TCP_PSH : 0)) != 0)
        return false;
    went_out(t, tcb, 1);
    return true;
}

void output_probe(struct tcp *t, struct tcb *tcb)
{
    if (!probe_with_data(t, tcb))
        transmit_bare(t, tcb, tcb->snd_una - 1, TCP_ACK);
    count(&t->ctx->counters, CNT_TCP_PROBES);
}

void output_reset(struct tcp *t, struct tcb *tcb)
{
    count(&t->ctx->counters, CNT_TCP_RST_OUT);
    transmit_bare(t, tcb, tcb->snd_nxt, TCP_RST | TCP_ACK);
}
