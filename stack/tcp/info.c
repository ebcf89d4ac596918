/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/info.h"

#include <netinet/tcp.h>
#include <string.h>

#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/rcv_queue.h"
#include "tcp/rtt.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

int tcp_state_linux(const struct tcb *tcb)
{
    static const uint8_t map[TCP_N_STATES] = {
        [TCP_S_CLOSED] = TCP_CLOSE,
        [TCP_S_LISTEN] = TCP_LISTEN,
        [TCP_S_SYN_SENT] = TCP_SYN_SENT,
        [TCP_S_SYN_RECEIVED] = TCP_SYN_RECV,
        [TCP_S_ESTABLISHED] = TCP_ESTABLISHED,
        [TCP_S_FIN_WAIT_1] = TCP_FIN_WAIT1,
        [TCP_S_FIN_WAIT_2] = TCP_FIN_WAIT2,
        [TCP_S_CLOSE_WAIT] = TCP_CLOSE_WAIT,
        [TCP_S_CLOSING] = TCP_CLOSING,
        [TCP_S_LAST_ACK] = TCP_LAST_ACK,
        [TCP_S_TIME_WAIT] = TCP_TIME_WAIT,
    };
    return map[tcb->state];
}

void info_fill(const struct tcp *t, const struct tcb *tcb, struct tcp_info *out)
{
    uint32_t now = tcp_msec(t->ctx->now);
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
    out->tcpi_ato = (tcb->timers & TIMER_DELACK) != 0 ? t->ctx->tun->tcp_delack_ms * USEC_PER_MSEC : 0;
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
    out->tcpi_advmss = tcb->path.valid ? options_announced_mss(t, &tcb->path, 0) : 0;
    out->tcpi_reordering = t->ctx->tun->tcp_dupack_threshold;
    out->tcpi_rcv_space = rcv_window_of_space(tcb->rcvbuf);
    out->tcpi_total_retrans = tcb->total_retrans;
}
