/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/options.h"

#include "tcp/ecn.h"
#include "tcp/rcv_queue.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "wire/tcp.h"

#define IP4_AND_TCP_HEADERS 40u
#define MSS_MIN_ESTIMATE    88u

/* RFC9293-MUST-67 */
uint16_t options_announced_mss(const struct tcp *t, const struct net_path *path, uint16_t user_mss)
{
    uint32_t mss = t->net->netif[path->netif].mtu - IP4_AND_TCP_HEADERS;
    return (uint16_t)(user_mss != 0 && user_mss < mss ? user_mss : mss);
}

/* RFC9293-MUST-14, RFC9293-MUST-65, RFC9293-SHLD-5, RFC9293-MAY-3 */
void options_fill_syn(struct tcp *t, struct tcb *tcb, struct tcp_view *v, seq_t seq)
{
    bool answer = tcb->state != TCP_S_SYN_SENT; /* simultaneous open: our SYN goes out again, with an ACK */
    uint16_t mss = options_announced_mss(t, &tcb->path, opts_of(t, tcb)->maxseg);
    *v = (struct tcp_view){
        .sport = tcb->flow.lport,
        .dport = tcb->flow.rport,
        .seq = seq,
        .ack = answer ? tcb->rcv_nxt : 0,
        .flags = TCP_SYN | (answer ? TCP_ACK : 0),
        .opt = {.has = TCP_OPT_HAS_MSS, .mss = mss},
    };
    v->flags |= ecn_syn_flags(t, tcb, seq != tcb->snd_nxt);
    if (tcb_is(tcb, TCB_TS)) {
        v->opt.has |= TCP_OPT_HAS_TS;
        v->opt.tsval = tcp_msec(t->ctx->now) + tcb->ts_offset;
        v->opt.tsecr = tcb->ts_recent; /* 0, unless the peer is known: a SYN of its own, or TIME-WAIT */
    }
    if (tcb_is(tcb, TCB_SACK))
        v->opt.has |= TCP_OPT_HAS_SACK_PERMITTED;
    if (tcb_is(tcb, TCB_WSCALE)) {
        v->opt.has |= TCP_OPT_HAS_WSCALE;
        v->opt.wscale = tcb->rcv_wscale;
    }
    tcb->rcv_wnd = tcb->rcv_ssthresh = rcv_window_initial(tcb->rcvbuf, mss, opts_of(t, tcb)->window_clamp);
    tcb->rcv_wup = tcb->rcv_nxt;
    v->window = (uint16_t)tcb->rcv_wnd; /* never scaled in a SYN (RFC7323-2.2) */
}

/* RFC9293-MUST-15 */
void options_agree(struct tcp *t, struct tcb *tcb, const struct tcp_options *peer)
{
    tcb->peer_mss = (peer->has & TCP_OPT_HAS_MSS) != 0 ? peer->mss : TCP_MSS_DEFAULT;
    if ((peer->has & TCP_OPT_HAS_TS) == 0) {
        tcb->flags &= ~TCB_TS;
    } else if (tcb_is(tcb, TCB_TS)) {
        tcb->ts_recent = peer->tsval;
        tcb->ts_recent_at = tcp_msec(t->ctx->now);
    }
    if ((peer->has & TCP_OPT_HAS_SACK_PERMITTED) == 0)
        tcb->flags &= ~TCB_SACK;
    if ((peer->has & TCP_OPT_HAS_WSCALE) == 0)
        tcb->flags &= ~TCB_WSCALE;
    if (tcb_is(tcb, TCB_WSCALE)) {
        tcb->snd_wscale = peer->wscale < TCP_WSCALE_MAX ? peer->wscale : TCP_WSCALE_MAX;
    } else {
        tcb->snd_wscale = 0;
        tcb->rcv_wscale = 0;
    }
    options_update_mss(t, tcb);
}

/* RFC9293-MUST-16, RFC9293-SHLD-6 */
void options_update_mss(struct tcp *t, struct tcb *tcb)
{
    uint32_t mss = tcb->path.mtu > IP4_AND_TCP_HEADERS ? tcb->path.mtu - IP4_AND_TCP_HEADERS : 0;
    uint16_t user = opts_of(t, tcb)->maxseg;
    mss = RTE_MIN(mss, (uint32_t)tcb->peer_mss);
    if (user != 0 && user < mss)
        mss = user;
    if (mss < t->ctx->tun->tcp_min_snd_mss)
        mss = t->ctx->tun->tcp_min_snd_mss;
    if (tcb_is(tcb, TCB_TS))
        mss -= TCP_TS_SPACE; /* RFC 6691: options come out of the data */
    tcb->snd_mss = (uint16_t)mss;
}

void options_quick_acks(struct tcp *t, struct tcb *tcb)
{
    uint32_t n = tcb->rcv_wnd / (2u * tcb->rcv_mss);
    if (n < 2)
        n = 2;
    if (n > t->ctx->tun->tcp_quickack_segs)
        n = t->ctx->tun->tcp_quickack_segs;
    if (n > tcb->quick_acks)
        tcb->quick_acks = (uint8_t)RTE_MIN(n, (uint32_t)UINT8_MAX);
}

void options_start_receiving(struct tcp *t, struct tcb *tcb)
{
    uint32_t hint = RTE_MIN((uint32_t)tcb->snd_mss, tcb->rcv_wnd / 2);
    hint = RTE_MIN(hint, (uint32_t)TCP_MSS_DEFAULT);
    tcb->rcv_mss = (uint16_t)RTE_MAX(hint, MSS_MIN_ESTIMATE);
    options_quick_acks(t, tcb);
}
