/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive opens: SYN at a listener (RFC 9293 section 3.10.7.2), and segments for a half-open connection,
 * which is SYN-RECEIVED (section 3.10.7.4) in compact form. */
#include "tcp/congestion.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/rtt.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "tcp/transmit.h"

#define HALF_OPEN_ANSWER_MS 500u /* at most so often what is no progress gets an answer */

/* Is there room for one more? As on Linux a full accept queue holds off new SYNs too. */
static enum counter listen_refuses(const struct tcp *t, const struct listener *l)
{
    if (listener_is_full(l))
        return CNT_DROP_TCP_ACCEPT_FULL;
    if (l->half_open >= t->ctx->tun->tcp_max_syn_backlog)
        return CNT_DROP_TCP_SYN_FULL;
    return (enum counter)0;
}

void input_listen(struct tcp *t, struct tcb *listener, struct pkt *p, const struct flow_key *f,
                  seq_t iss_floor)
{
    struct listener *l = listener_at(t, listener->listener);
    uint8_t flags = p->tcp.flags;
    if ((flags & TCP_RST) != 0) { /* first: there is nothing that it could reset */
        p->drop = CNT_DROP_TCP_RST;
        return;
    }
    if ((flags & TCP_ACK) != 0) { /* second: it acknowledges nothing of ours */
        p->drop = CNT_DROP_TCP_ACK;
        transmit_reset_for(t, p);
        return;
    }
    if ((flags & (TCP_SYN | TCP_FIN)) != TCP_SYN) { /* fourth; SYN with FIN is an attack's signature */
        p->drop = CNT_DROP_TCP_NO_ACK;
        return;
    }
    enum counter refused = listen_refuses(t, l);
    if (refused != 0) {
        p->drop = (uint16_t)refused;
        return;
    }
    struct half_open *h = syn_queue_add(t, l, p, f); /* third; data on the SYN is not kept, as on Linux */
    if (h == NULL) {
        p->drop = CNT_DROP_TCP_SYN_FULL;
        return;
    }
    if (iss_floor != 0 && seq_lt(h->iss, iss_floor))
        h->iss = iss_floor;
    syn_queue_send_syn_ack(t, h);
}

/* ---- the connection that comes of it ---- */

static void child_inherit(struct tcp *t, struct tcb *child, const struct tcb *parent)
{
    const uint32_t inherited = TCB_REUSEADDR | TCB_REUSEPORT | TCB_NODELAY | TCB_CORK | TCB_KEEPALIVE |
                               TCB_OOBINLINE | TCB_LINGER | TCB_RCVBUF_LOCKED | TCB_SNDBUF_LOCKED;
    child->flags |= (parent->flags & inherited) | TCB_PASSIVE;
    child->rcvbuf = parent->rcvbuf;
    child->sndbuf = parent->sndbuf;
    child->ttl = parent->ttl;
    child->tos = parent->tos;
    child->cong = parent->cong;
    opts_drop(t, child->opts);
    child->opts = opts_hold(t, parent->opts);
}

static void child_take_over(struct tcp *t, struct tcb *child, const struct half_open *h)
{
    child->flow = h->flow;
    child->path = h->path;
    child->snd_una = child->snd_nxt = child->write_seq = h->iss + 1;
    child->rcv_nxt = child->rcv_wup = child->copied_seq = h->irs + 1;
    child->rcv_wnd = child->rcv_ssthresh = syn_queue_window(t, h);
    child->peer_mss = h->mss;
    child->rcv_wscale = h->rcv_wscale;
    child->snd_wscale = h->peer_wscale < 14 ? h->peer_wscale : 14;
    child->ts_recent = h->ts_recent;
    child->ts_recent_at = tcp_msec(t->ctx->now);
    child->ts_offset = isn_ts_offset(&t->isn, &h->flow);
    child->flags |= ((h->opts & HALF_OPEN_TS) != 0 ? TCB_TS : 0) |
                    ((h->opts & HALF_OPEN_SACK) != 0 ? TCB_SACK : 0) |
                    ((h->opts & HALF_OPEN_WSCALE) != 0 ? TCB_WSCALE : 0);
    options_update_mss(t, child);
    congestion_start(t, child);
    if (h->level == 0)
        rtt_sample(child, nsec_to_usec(t->ctx->now) - h->sent_at); /* Karn: only if sent once */
    else if (h->level > 1)
        child->cwnd = 1; /* RFC 5681 section 3.1: the network lost more than one of ours */
}

/* NULL: no memory. The entry is gone then only if the result is not NULL. */
static struct tcb *child_make(struct tcp *t, struct half_open *h, const struct pkt *p)
{
    struct listener *l = listener_at(t, h->listener);
    struct tcb *parent = tcb_at(t, l->tcb), *child = tcb_alloc(t);
    if (child == NULL)
        return NULL;
    child_inherit(t, child, parent);
    unsigned reuse = (tcb_is(child, TCB_REUSEADDR) ? TCP_BIND_REUSEADDR : 0) |
                     (tcb_is(child, TCB_REUSEPORT) ? TCP_BIND_REUSEPORT : 0);
    if (ports_child_add(&t->ports, h->flow.lport, reuse) != 0) {
        tcb_free(t, child);
        return NULL;
    }
    child_take_over(t, child, h);
    child->flags |= TCB_PORT_CHILD | TCB_IN_TABLE;
    table_replace(&t->table, table_hash(&t->table, &h->flow),
                  conn_make(CONN_HALF_OPEN, half_open_index(t, h)), conn_make(CONN_TCB, tcb_index(t, child)));
    syn_queue_forget(t, h);
    tcb_set_state(t, child, TCP_S_SYN_RECEIVED);
    tcb_set_state(t, child, TCP_S_ESTABLISHED);
    child->snd_wnd = child->max_wnd = (uint32_t)p->tcp.window << child->snd_wscale;
    child->snd_wl1 = p->tcp.seq;
    child->snd_wl2 = p->tcp.ack;
    input_established(t, child);
    listener_push(t, l, child);
    return child;
}

/* The final ACK: seventh case of RFC 9293's fifth step for SYN-RECEIVED. */
static void half_open_complete(struct tcp *t, struct half_open *h, struct pkt *p)
{
    struct listener *l = listener_at(t, h->listener);
    const struct tcb *parent = tcb_at(t, l->tcb);
    if (p->data_len == 0 && (p->tcp.flags & TCP_FIN) == 0 && h->level < opts_of(t, parent)->defer_accept) {
        h->opts |= HALF_OPEN_ACKED;
        p->drop = CNT_TCP_DEFERRED;
        return;
    }
    if (listener_is_full(l)) {
        h->opts |= HALF_OPEN_ACKED;
        p->drop = CNT_DROP_TCP_ACCEPT_FULL;
        if (t->ctx->tun->tcp_abort_on_overflow) {
            transmit_reset_for(t, p);
            syn_queue_remove(t, h);
        }
        return;
    }
    struct tcb *child = child_make(t, h, p);
    if (child == NULL) {
        p->drop = CNT_DROP_TCP_ACCEPT_FULL;
        return;
    }
    timestamp_update(t, child, p);
    input_steps_from_ack(t, child, p);
}

/* ---- SYN-RECEIVED ---- */

static bool answer_limited(struct tcp *t, struct half_open *h)
{
    uint32_t now = tcp_msec(t->ctx->now);
    if (h->last_ack != 0 && now - h->last_ack < HALF_OPEN_ANSWER_MS)
        return true;
    h->last_ack = now | 1;
    return false;
}

static void half_open_ack(struct tcp *t, struct half_open *h)
{
    if (answer_limited(t, h))
        return;
    struct tcp_view v = {
        .sport = h->flow.lport,
        .dport = h->flow.rport,
        .seq = h->iss + 1,
        .ack = h->irs + 1,
        .flags = TCP_ACK,
        .window = (uint16_t)(syn_queue_window(t, h) >> h->rcv_wscale),
    };
    if ((h->opts & HALF_OPEN_TS) != 0) {
        v.opt.has = TCP_OPT_HAS_TS;
        v.opt.tsval = tcp_msec(t->ctx->now) + isn_ts_offset(&t->isn, &h->flow);
        v.opt.tsecr = h->ts_recent;
    }
    transmit_reply(t, &h->flow, &h->path, &v, (uint8_t)t->ctx->tun->ip_default_ttl, h->tos);
}

/* First step: what is outside of the window, or too old by its timestamp, gets an ACK and goes. */
static enum step half_open_sequence(struct tcp *t, struct half_open *h, struct pkt *p)
{
    seq_t rcv_nxt = h->irs + 1;
    if ((p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && p->tcp.seq == h->irs) {
        if (!answer_limited(t, h)) /* the peer has not heard us */
            syn_queue_send_syn_ack(t, h);
        return step_drop(p, CNT_DROP_TCP_SYN);
    }
    bool stale = (h->opts & HALF_OPEN_TS) != 0 && (p->tcp.opt.has & TCP_OPT_HAS_TS) != 0 &&
                 (int32_t)(p->tcp.opt.tsval - h->ts_recent) < 0;
    bool inside = seq_geq(p->tcp.seq, rcv_nxt) && seq_leq(p->tcp.seq, rcv_nxt + syn_queue_window(t, h));
    if (inside && (!stale || (p->tcp.flags & TCP_RST) != 0))
        return STEP_NEXT;
    if ((p->tcp.flags & TCP_RST) == 0)
        half_open_ack(t, h);
    return step_drop(p, stale ? CNT_DROP_TCP_PAWS : CNT_DROP_TCP_SEQUENCE);
}

void input_half_open(struct tcp *t, uint32_t index, struct pkt *p)
{
    struct half_open *h = half_open_at(t, index);
    if (half_open_sequence(t, h, p) == STEP_END)
        return;
    if ((p->tcp.flags & TCP_RST) != 0) { /* second, with RFC 5961 section 3.2 */
        p->drop = CNT_DROP_TCP_RST;
        if (p->tcp.seq == h->irs + 1)
            syn_queue_remove(t, h);
        else
            half_open_ack(t, h);
        return;
    }
    if ((p->tcp.flags & TCP_SYN) != 0) { /* fourth, with RFC 5961 section 4.2 */
        p->drop = CNT_DROP_TCP_SYN;
        half_open_ack(t, h);
        return;
    }
    if ((p->tcp.flags & TCP_ACK) == 0) { /* fifth */
        p->drop = CNT_DROP_TCP_NO_ACK;
        return;
    }
    if (p->tcp.ack != h->iss + 1) {
        p->drop = CNT_DROP_TCP_ACK;
        transmit_reset_for(t, p);
        return;
    }
    half_open_complete(t, h, p);
}
