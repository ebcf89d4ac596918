/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/syn_queue.h"

#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/rcv_queue.h"
#include "tcp/rtt.h"
#include "tcp/sockopts.h"
#include "tcp/syn_cookie.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"
#include "wire/tcp.h"

#define SYN_QUEUE_TIMER_BATCH 256 /* entries handled per firing */

int syn_queue_init(struct tcp *t)
{
    t->syn_queue = (struct syn_queue){0};
    t->syn_queue.timer.kind = TIMER_TCP;
    return slab_init(&t->syn_queue.slab, t->ctx->mem, sizeof(struct half_open),
                     t->ctx->tun->tcp_max_connections + 1);
}

void syn_queue_fini(struct tcp *t)
{
    wheel_cancel(&t->ctx->wheel, &t->syn_queue.timer);
    slab_fini(&t->syn_queue.slab);
}

struct half_open *half_open_at(const struct tcp *t, uint32_t index)
{
    return SLAB_AT(&t->syn_queue.slab, struct half_open, index);
}

uint32_t half_open_index(const struct tcp *t, const struct half_open *h)
{
    return SLAB_INDEX(&t->syn_queue.slab, struct half_open, h);
}

/* ---- the lists ---- */

static void level_append(struct tcp *t, struct half_open *h)
{
    uint32_t i = half_open_index(t, h), *tail = &t->syn_queue.level[h->level].tail;
    h->next = 0;
    h->prev = *tail;
    if (*tail != 0)
        half_open_at(t, *tail)->next = i;
    else
        t->syn_queue.level[h->level].head = i;
    *tail = i;
    h->sent_at = t->ctx->now_us;
}

static void level_unlink(struct tcp *t, struct half_open *h)
{
    if (h->prev != 0)
        half_open_at(t, h->prev)->next = h->next;
    else
        t->syn_queue.level[h->level].head = h->next;
    if (h->next != 0)
        half_open_at(t, h->next)->prev = h->prev;
    else
        t->syn_queue.level[h->level].tail = h->prev;
}

/* When its time at this level is over. */
static nsec_t deadline_of(const struct tcp *t, const struct half_open *h)
{
    uint64_t most_us = (uint64_t)t->ctx->tun->tcp_rto_max_ms * USEC_PER_MSEC;
    uint64_t wait_us = RTE_MIN((uint64_t)RTT_RTO_INITIAL_US << h->level, most_us);
    uint32_t age_us = t->ctx->now_us - h->sent_at;
    return t->ctx->now + wait_us * NSEC_PER_USEC - age_us * NSEC_PER_USEC;
}

static void timer_rearm(struct tcp *t)
{
    nsec_t earliest = NSEC_NEVER;
    for (unsigned k = 0; k < SYN_QUEUE_LEVELS; k++) {
        uint32_t i = t->syn_queue.level[k].head;
        nsec_t at = i != 0 ? deadline_of(t, half_open_at(t, i)) : NSEC_NEVER;
        if (at < earliest)
            earliest = at;
    }
    if (earliest != NSEC_NEVER)
        wheel_arm(&t->ctx->wheel, &t->syn_queue.timer, earliest);
}

/* ---- entries ---- */

static uint8_t agreed_options(const struct tcp *t, const struct pkt *p)
{
    const struct tunables *tun = t->ctx->tun;
    uint8_t opts = 0;
    if ((p->tcp.opt.has & TCP_OPT_HAS_TS) != 0 && tun->tcp_timestamps)
        opts |= HALF_OPEN_TS;
    if ((p->tcp.opt.has & TCP_OPT_HAS_SACK_PERMITTED) != 0 && tun->tcp_sack)
        opts |= HALF_OPEN_SACK;
    if ((p->tcp.opt.has & TCP_OPT_HAS_WSCALE) != 0 && tun->tcp_window_scaling)
        opts |= HALF_OPEN_WSCALE;
    if (ecn_syn_asks(t, p))
        opts |= HALF_OPEN_ECN;
    return opts;
}

void syn_queue_describe(struct tcp *t, const struct listener *l, const struct pkt *p,
                        const struct flow_key *f, struct half_open *h)
{
    const struct tcb *parent = tcb_at(t, l->tcb);
    h->flow = *f;
    h->irs = p->tcp.seq;
    h->iss = isn_make(&t->isn, f, t->ctx->now);
    h->listener = parent->listener;
    h->mss = (p->tcp.opt.has & TCP_OPT_HAS_MSS) != 0 ? p->tcp.opt.mss : TCP_MSS_DEFAULT;
    h->opts = agreed_options(t, p);
    h->ts_recent = (h->opts & HALF_OPEN_TS) != 0 ? p->tcp.opt.tsval : 0; /* not read when it is not there */
    if ((h->opts & HALF_OPEN_WSCALE) != 0) {
        h->peer_wscale = RTE_MIN(p->tcp.opt.wscale, TCP_WSCALE_MAX);
        h->rcv_wscale = rcv_window_scale(t, parent->rcvbuf, tcb_is(parent, TCB_RCVBUF_LOCKED));
    }
    h->tos = parent->tos;
}

struct half_open *syn_queue_add(struct tcp *t, struct listener *l, const struct pkt *p,
                                const struct flow_key *f)
{
    uint32_t i = SLAB_ALLOC(&t->syn_queue.slab, struct half_open);
    if (i == 0 || table_insert(&t->table, table_hash(&t->table, f), conn_make(CONN_HALF_OPEN, i)) != 0) {
        if (i != 0)
            slab_free(&t->syn_queue.slab, i);
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return NULL;
    }
    struct half_open *h = half_open_at(t, i);
    syn_queue_describe(t, l, p, f, h);
    l->half_open++;
    level_append(t, h);
    if (!wheel_is_armed(&t->syn_queue.timer))
        timer_rearm(t);
    return h;
}

void syn_queue_forget(struct tcp *t, struct half_open *h)
{
    listener_at(t, h->listener)->half_open--;
    level_unlink(t, h);
    SLAB_FREE(&t->syn_queue.slab, struct half_open, half_open_index(t, h));
}

void syn_queue_remove(struct tcp *t, struct half_open *h)
{
    table_remove(&t->table, table_hash(&t->table, &h->flow),
                 conn_make(CONN_HALF_OPEN, half_open_index(t, h)));
    syn_queue_forget(t, h);
}

void syn_queue_drop_listener(struct tcp *t, uint32_t listener)
{
    for (unsigned k = 0; k < SYN_QUEUE_LEVELS && listener_at(t, listener)->half_open > 0; k++) {
        for (uint32_t i = t->syn_queue.level[k].head; i != 0;) {
            struct half_open *h = half_open_at(t, i);
            i = h->next;
            if (h->listener == listener)
                syn_queue_remove(t, h);
        }
    }
}

/* ---- SYN,ACK ---- */

uint32_t syn_queue_window(const struct tcp *t, const struct half_open *h)
{
    const struct tcb *parent = tcb_at(t, listener_at(t, h->listener)->tcb);
    uint32_t mss = options_announced_mss(t, &h->path, opts_of(t, parent)->maxseg);
    if ((h->opts & HALF_OPEN_TS) != 0)
        mss -= TCP_TS_SPACE;
    return rcv_window_initial(parent->rcvbuf, mss, opts_of(t, parent)->window_clamp);
}

void syn_queue_send_syn_ack(struct tcp *t, struct half_open *h)
{
    const struct tcb *parent = tcb_at(t, listener_at(t, h->listener)->tcb);
    struct ip_addr src = h->flow.local;
    if (!net_path_ok(t->net, &h->path) &&
        net_path_resolve(t->net, &h->path, &src, &h->flow.remote, false) != 0)
        return;
    struct tcp_view v = {
        .sport = h->flow.lport,
        .dport = h->flow.rport,
        .seq = h->iss,
        .ack = h->irs + 1,
        .flags = TCP_SYN | TCP_ACK | ((h->opts & HALF_OPEN_ECN) != 0 ? TCP_ECE : 0),
        .window = (uint16_t)syn_queue_window(t, h),
        .opt = {.has = TCP_OPT_HAS_MSS,
                .mss = options_announced_mss(t, &h->path, opts_of(t, parent)->maxseg)},
    };
    if ((h->opts & HALF_OPEN_TS) != 0) {
        v.opt.has |= TCP_OPT_HAS_TS;
        uint32_t msec = (h->opts & HALF_OPEN_COOKIE) != 0 ? syn_cookie_msec(t, h) : tcp_msec(t->ctx->now);
        v.opt.tsval = msec + isn_ts_offset(&t->isn, &h->flow);
        v.opt.tsecr = h->ts_recent;
    }
    if ((h->opts & HALF_OPEN_SACK) != 0)
        v.opt.has |= TCP_OPT_HAS_SACK_PERMITTED;
    if ((h->opts & HALF_OPEN_WSCALE) != 0) {
        v.opt.has |= TCP_OPT_HAS_WSCALE;
        v.opt.wscale = h->rcv_wscale;
    }
    transmit_reply(t, &h->flow, &h->path, &v, parent->ttl, h->tos);
}

/* TCP_DEFER_ACCEPT: the handshake is over for the peer, only its data is waited for. */
static bool waits_for_data(const struct tcp *t, const struct half_open *h)
{
    const struct tcb *parent = tcb_at(t, listener_at(t, h->listener)->tcb);
    return (h->opts & HALF_OPEN_ACKED) != 0 && h->level + 1u < opts_of(t, parent)->defer_accept;
}

static void entry_timeout(struct tcp *t, struct half_open *h)
{
    if (h->level >= t->ctx->tun->tcp_synack_retries || h->level + 1 >= SYN_QUEUE_LEVELS) {
        count(&t->ctx->counters, CNT_TCP_SYN_EXPIRED);
        syn_queue_remove(t, h);
        return;
    }
    level_unlink(t, h);
    h->level++;
    level_append(t, h);
    if (waits_for_data(t, h))
        return;
    count(&t->ctx->counters, CNT_TCP_RETRANS);
    if (h->level >= 3)
        h->path.valid = false;
    syn_queue_send_syn_ack(t, h);
}

void syn_queue_timer(struct tcp *t)
{
    unsigned left = SYN_QUEUE_TIMER_BATCH;
    for (unsigned k = SYN_QUEUE_LEVELS; k-- > 0;) { /* from the top: an entry moves up one level a time */
        uint32_t i;
        while (left > 0 && (i = t->syn_queue.level[k].head) != 0) {
            if (deadline_of(t, half_open_at(t, i)) > t->ctx->now)
                break;
            entry_timeout(t, half_open_at(t, i));
            left--;
        }
    }
    timer_rearm(t);
}
