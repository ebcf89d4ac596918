/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/info.h"

#include <linux/tcp.h>
#include <string.h>

#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/rcv_queue.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "tcp/sockopts.h"
#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

#define INFO_BYTES 280u /* of the newest kernels */

static void info_fill(const struct tcp *t, const struct tcb *tcb, struct tcp_info *out)
{
    uint32_t now = tcp_msec(t->ctx->now);
    const struct board *b = recovery_board(t, tcb);
    memset(out, 0, sizeof *out);
    out->tcpi_state = (uint8_t)tcp_state_linux(tcb);
    out->tcpi_ca_state = tcb->recovery;
    out->tcpi_retransmits = tcb->rexmt_kind == REXMT_PERSIST ? 0 : tcb->retries;
    out->tcpi_probes = tcb->rexmt_kind == REXMT_PERSIST ? tcb->retries : tcb->ka_probes;
    out->tcpi_backoff = tcb->backoff;
    out->tcpi_options = (uint8_t)((tcb_is(tcb, TCB_TS) ? TCPI_OPT_TIMESTAMPS : 0) |
                                  (tcb_is(tcb, TCB_SACK) ? TCPI_OPT_SACK : 0) |
                                  (tcb_is(tcb, TCB_WSCALE) ? TCPI_OPT_WSCALE : 0) |
                                  ((tcb->ecn & ECN_OK) != 0 ? TCPI_OPT_ECN : 0) |
                                  ((tcb->ecn & ECN_SEEN) != 0 ? TCPI_OPT_ECN_SEEN : 0));
    out->tcpi_snd_wscale = tcb->snd_wscale & 15;
    out->tcpi_rcv_wscale = tcb->rcv_wscale & 15;
    out->tcpi_rto = rtt_rto_backed_off(t, tcb);
    out->tcpi_ato = (tcb->timers & TIMER_DELACK_ANY) != 0 ? t->ctx->tun->tcp_delack_ms * USEC_PER_MSEC : 0;
    out->tcpi_snd_mss = tcb->snd_mss;
    out->tcpi_rcv_mss = tcb->rcv_mss;
    if (tcb->state == TCP_S_LISTEN) { /* as Linux: the accept queue's length and bound */
        out->tcpi_unacked = listener_at(t, tcb->listener)->accept_len;
        out->tcpi_sacked = listener_at(t, tcb->listener)->backlog;
        return;
    }
    out->tcpi_unacked = tcb->packets_out;
    out->tcpi_sacked = tcb->sacked_out;
    out->tcpi_lost = tcb->lost_out;
    out->tcpi_retrans = tcb->retrans_out;
    out->tcpi_last_data_sent = now - tcb->last_snd;
    out->tcpi_last_data_recv = now - tcb->last_data_rcv;
    out->tcpi_last_ack_recv = now - tcb->last_rcv;
    out->tcpi_pmtu = tcb->path.mtu;
    out->tcpi_rcv_ssthresh = tcb->rcv_ssthresh;
    out->tcpi_rtt = tcb->srtt >> 3;
    out->tcpi_rttvar = tcb->rttvar >> 2;
    out->tcpi_snd_ssthresh = tcb->ssthresh;
    out->tcpi_snd_cwnd = tcb->cwnd;
    out->tcpi_advmss = tcb->path.valid ? options_announced_mss(t, &tcb->path, opts_of(t, tcb)->maxseg) : 0;
    out->tcpi_reordering = scoreboard_reordering(t, b);
    out->tcpi_rcv_rtt = tcb->srtt >> 3; /* what rcv_tuning measures by */
    out->tcpi_rcv_space = tcb->tuning_bytes;
    out->tcpi_notsent_bytes = tcb->write_seq - tcb->snd_nxt;
    out->tcpi_snd_wnd = tcb->snd_wnd;
    out->tcpi_min_rtt = tcb->min_rtt != 0 ? tcb->min_rtt : UINT32_MAX; /* as Linux says "none yet" */
    tally_fill(t, tcb, out);
    if (out->tcpi_bytes_received == 0) /* as on Linux: since the connection came about */
        out->tcpi_last_data_recv -= t->ctx->tun->tcp_delack_ms;
    if (b == NULL)
        return;
    out->tcpi_data_segs_out += b->total_retrans;
    out->tcpi_bytes_sent += b->bytes_retrans;
    out->tcpi_total_retrans = b->total_retrans;
    out->tcpi_bytes_retrans = b->bytes_retrans;
    out->tcpi_dsack_dups = b->dsack_dups;
    out->tcpi_reord_seen = b->reord_seen;
}

void info_get(const struct tcp *t, const struct tcb *tcb, void *val, socklen_t *len)
{
    union {
        struct tcp_info info;
        uint8_t bytes[INFO_BYTES];
    } u = {.bytes = {0}};
    info_fill(t, tcb, &u.info);
    if (*len > sizeof u)
        *len = sizeof u;
    memcpy(val, &u, *len);
}
