/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive opens: SYN at a listener (RFC9293-3.10.7.2), and segments for a half-open connection,
 * which is SYN-RECEIVED (section 3.10.7.4) in compact form. */
#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/options.h"
#include "tcp/rtt.h"
#include "tcp/sockopts.h"
#include "tcp/syn_cookie.h"
#include "tcp/tcp_private.h"
#include "tcp/transmit.h"

#define COOKIE_NEWS_MS 60000u /* without cookies for so long, the next one is worth a line in the log */

/* The SYN is answered and forgotten: it costs no memory. */
static void listen_with_cookie(struct tcp *t, struct listener *l, const struct pkt *p,
                               const struct flow_key *f)
{
    uint32_t now = tcp_msec(t->ctx->now);
    if (t->ctx->tun->tcp_syncookies == SYN_COOKIES_AUTO &&
        (!l->cookies || now - l->cookies_at > COOKIE_NEWS_MS))
        log_line(&t->ctx->log, t->ctx->now, LOG_LEVEL_NOTICE, "SYN queue of port %u is full: sending cookies",
                 f->lport);
    l->cookies = true;
    l->cookies_at = now;
    struct half_open h = {0};
    syn_queue_describe(t, l, p, f, &h);
    syn_cookie_bake(t, &h);
    count(&t->ctx->counters, CNT_TCP_SYNCOOKIES_SENT);
    syn_queue_send_syn_ack(t, &h);
}

/* Third: a SYN. As on Linux a full accept queue holds off new ones too. One that follows a connection out of
 * TIME-WAIT has proved its address, and its numbers cannot come from a cookie. */
static void listen_syn(struct tcp *t, struct listener *l, struct pkt *p, const struct flow_key *f,
                       seq_t iss_floor)
{
    const struct tunables *tun = t->ctx->tun;
    if (listener_is_full(l)) {
        p->drop = CNT_DROP_TCP_ACCEPT_FULL;
        return;
    }
    struct half_open *h = NULL;
    bool always = tun->tcp_syncookies == SYN_COOKIES_ALWAYS;
    if (iss_floor != 0 || (!always && l->half_open < tun->tcp_max_syn_backlog))
        h = syn_queue_add(t, l, p, f); /* data on the SYN is not kept, as on Linux */
    if (h == NULL && tun->tcp_syncookies != SYN_COOKIES_NEVER) {
        listen_with_cookie(t, l, p, f);
    } else if (h == NULL) {
        p->drop = CNT_DROP_TCP_SYN_FULL;
    } else {
        if (iss_floor != 0 && seq_lt(h->iss, iss_floor))
            h->iss = iss_floor;
        syn_queue_send_syn_ack(t, h);
    }
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
    child->notsent_lowat = parent->notsent_lowat;
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
    child->snd_wscale = h->peer_wscale;
    child->ts_recent = h->ts_recent;
    child->ts_recent_at = tcp_msec(t->ctx->now);
    child->ts_offset = isn_ts_offset(&t->isn, &h->flow);
    child->flags |= ((h->opts & HALF_OPEN_TS) != 0 ? TCB_TS : 0) |
                    ((h->opts & HALF_OPEN_SACK) != 0 ? TCB_SACK : 0) |
                    ((h->opts & HALF_OPEN_WSCALE) != 0 ? TCB_WSCALE : 0);
    child->ecn = (h->opts & HALF_OPEN_ECN) != 0 ? ECN_OK : 0;
    options_update_mss(t, child);
    congestion_start(t, child);
    if (h->level == 0 && (h->opts & HALF_OPEN_COOKIE) == 0) { /* Karn: only if sent once */
        uint32_t rtt_us = nsec_to_usec(t->ctx->now) - h->sent_at;
        rtt_sample(child, rtt_us);
        rtt_sample_min(t, child, rtt_us);
    } else if (h->level > 1) {
        child->cwnd = 1; /* RFC5681-3.1: the network lost more than one of ours */
    }
}

/* The child takes the place of its entry, which is gone; a cookie has none. */
static int child_enter_table(struct tcp *t, struct tcb *child, struct half_open *h)
{
    if ((h->opts & HALF_OPEN_COOKIE) != 0)
        return tcb_enter_table(t, child);
    table_replace(&t->table, table_hash(&t->table, &h->flow),
                  conn_make(CONN_HALF_OPEN, half_open_index(t, h)), conn_make(CONN_TCB, tcb_index(t, child)));
    child->flags |= TCB_IN_TABLE;
    syn_queue_forget(t, h);
    return 0;
}

/* NULL: no memory. The entry is gone then only if the result is not NULL. */
static struct tcb *child_make(struct tcp *t, struct half_open *h, const struct pkt *p)
{
    struct listener *l = listener_at(t, h->listener);
    struct tcb *parent = tcb_at(t, l->tcb), *child = tcb_alloc(t);
    if (child == NULL)
        return NULL;
    child_inherit(t, child, parent);
    unsigned reuse = ports_reuse(child);
    if (ports_child_add(&t->ports, h->flow.lport, reuse) != 0) {
        tcb_free(t, child);
        return NULL;
    }
    child_take_over(t, child, h);
    child->flags |= TCB_PORT_CHILD;
    if (child_enter_table(t, child, h) != 0) {
        tcb_free(t, child);
        return NULL;
    }
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
    t->last = child; /* a request follows at once, most often */
    timestamp_update(t, child, p);
    input_steps_from_ack(t, child, p);
}

/* An ACK for a listener: true when it brings back a cookie, and is dealt with. */
static bool input_cookie(struct tcp *t, struct listener *l, struct pkt *p, const struct flow_key *f)
{
    struct half_open h;
    struct ip_addr src = f->local;
    if (!syn_cookie_open(t, l, p, f, &h))
        return false;
    struct tcb *child = NULL;
    if (!listener_is_full(l) && net_path_resolve(t->net, &h.path, &src, &f->remote, false) == 0)
        child = child_make(t, &h, p);
    if (child == NULL) {
        p->drop = CNT_DROP_TCP_ACCEPT_FULL;
        return true;
    }
    timestamp_update(t, child, p);
    input_steps_from_ack(t, child, p);
    return true;
}

/* ---- LISTEN ---- */

void input_listen(struct tcp *t, struct tcb *listener, struct pkt *p, const struct flow_key *f,
                  seq_t iss_floor)
{
    struct listener *l = listener_at(t, listener->listener);
    uint8_t flags = p->tcp.flags;
    if ((flags & TCP_RST) != 0) { /* first: there is nothing that it could reset */
        p->drop = CNT_DROP_TCP_RST;
        return;
    }
    if ((flags & TCP_ACK) != 0) { /* second: it acknowledges nothing of ours, unless a cookie */
        if ((flags & TCP_SYN) == 0 && input_cookie(t, l, p, f))
            return;
        p->drop = CNT_DROP_TCP_ACK;
        transmit_reset_for(t, p);
        return;
    }
    if ((flags & (TCP_SYN | TCP_FIN)) != TCP_SYN) { /* fourth; SYN with FIN is an attack's signature */
        p->drop = CNT_DROP_TCP_NO_ACK;
        return;
    }
    listen_syn(t, l, p, f, iss_floor);
}

/* ---- SYN-RECEIVED ---- */

static bool answer_limited(struct tcp *t, struct half_open *h)
{
    uint16_t now = (uint16_t)t->ctx->now_ms; /* the longest limit is a minute */
    if (h->last_ack != 0 && (uint16_t)(now - h->last_ack) < t->ctx->tun->tcp_invalid_ratelimit_ms)
        return true;
    h->last_ack = now != 0 ? now : UINT16_MAX;
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
    bool inside = p->tcp.seq == rcv_nxt ||
                  (seq_gt(p->tcp.seq, rcv_nxt) && seq_leq(p->tcp.seq, rcv_nxt + syn_queue_window(t, h)));
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
    if ((p->tcp.flags & TCP_RST) != 0) { /* second, with RFC5961-3.2 */
        p->drop = CNT_DROP_TCP_RST;
        if (p->tcp.seq == h->irs + 1)
            syn_queue_remove(t, h);
        else
            half_open_ack(t, h);
        return;
    }
    if ((p->tcp.flags & TCP_SYN) != 0) { /* fourth, with RFC5961-4.2 */
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
