/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/time_wait.h"

#include "tcp/input.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "tcp/transmit.h"

#define TIME_WAIT_BATCH 256 /* entries that expire per firing */

int time_wait_init(struct tcp *t)
{
    t->time_wait = (struct time_wait_list){0};
    t->time_wait.timer.kind = TIMER_TCP;
    return slab_init(&t->time_wait.slab, t->ctx->mem, sizeof(struct time_wait),
                     t->ctx->tun->tcp_max_tw_buckets + 2);
}

void time_wait_fini(struct tcp *t)
{
    wheel_cancel(&t->ctx->wheel, &t->time_wait.timer);
    slab_fini(&t->time_wait.slab);
}

struct time_wait *time_wait_at(const struct tcp *t, uint32_t index)
{
    return SLAB_AT(&t->time_wait.slab, struct time_wait, index);
}

/* ---- the list ---- */

static void list_append(struct tcp *t, struct time_wait *w)
{
    struct time_wait_list *l = &t->time_wait;
    uint32_t i = slab_index(&l->slab, w);
    w->next = 0;
    w->prev = l->tail;
    if (l->tail != 0)
        time_wait_at(t, l->tail)->next = i;
    else
        l->head = i;
    l->tail = i;
    w->deadline = timers_tick(t, (uint64_t)t->ctx->tun->tcp_timewait_s * USEC_PER_SEC);
}

static void list_unlink(struct tcp *t, struct time_wait *w)
{
    struct time_wait_list *l = &t->time_wait;
    if (w->prev != 0)
        time_wait_at(t, w->prev)->next = w->next;
    else
        l->head = w->next;
    if (w->next != 0)
        time_wait_at(t, w->next)->prev = w->prev;
    else
        l->tail = w->prev;
}

static void timer_rearm(struct tcp *t)
{
    if (t->time_wait.head != 0)
        wheel_arm(&t->ctx->wheel, &t->time_wait.timer,
                  timers_tick_nsec(t, time_wait_at(t, t->time_wait.head)->deadline));
}

static void restart(struct tcp *t, struct time_wait *w)
{
    list_unlink(t, w);
    list_append(t, w);
}

static unsigned reuse_of(const struct time_wait *w)
{
    return ((w->flags & TIME_WAIT_REUSEADDR) != 0 ? TCP_REUSEADDR : 0) |
           ((w->flags & TIME_WAIT_REUSEPORT) != 0 ? TCP_REUSEPORT : 0);
}

void time_wait_remove(struct tcp *t, uint32_t index)
{
    struct time_wait *w = time_wait_at(t, index);
    table_remove(&t->table, table_hash(&t->table, &w->flow), conn_make(CONN_TIME_WAIT, index));
    ports_child_remove(&t->ports, w->flow.lport, reuse_of(w));
    list_unlink(t, w);
    slab_free(&t->time_wait.slab, index);
}

void time_wait_timer(struct tcp *t)
{
    for (unsigned n = 0; n < TIME_WAIT_BATCH && t->time_wait.head != 0; n++) {
        if (!timers_tick_passed(t, time_wait_at(t, t->time_wait.head)->deadline))
            break;
        time_wait_remove(t, t->time_wait.head);
    }
    timer_rearm(t);
}

/* ---- in ---- */

static void fill(struct tcp *t, struct time_wait *w, const struct tcb *tcb)
{
    w->flow = tcb->flow;
    w->rcv_nxt = tcb->rcv_nxt;
    w->snd_nxt = tcb->snd_nxt;
    w->rcv_wnd = tcb->rcv_wnd;
    w->ts_recent = tcb->ts_recent;
    w->ts_recent_at = tcb->ts_recent_at;
    w->ts_offset = tcb->ts_offset;
    w->rcv_wscale = tcb->rcv_wscale;
    w->ttl = tcb->ttl;
    w->tos = tcb->tos;
    w->flags = (uint8_t)((tcb_is(tcb, TCB_TS) ? TIME_WAIT_TS : 0) |
                         (tcb_is(tcb, TCB_REUSEADDR) ? TIME_WAIT_REUSEADDR : 0) |
                         (tcb_is(tcb, TCB_REUSEPORT) ? TIME_WAIT_REUSEPORT : 0));
}

static struct time_wait *entry_make(struct tcp *t, const struct tcb *tcb)
{
    if (t->time_wait.slab.in_use >= t->ctx->tun->tcp_max_tw_buckets)
        return NULL;
    uint32_t i = SLAB_ALLOC(&t->time_wait.slab, struct time_wait);
    if (i == 0)
        return NULL;
    struct time_wait *w = time_wait_at(t, i);
    fill(t, w, tcb);
    if (ports_child_add(&t->ports, w->flow.lport, reuse_of(w)) != 0) {
        slab_free(&t->time_wait.slab, i);
        return NULL;
    }
    return w;
}

/* RFC9293-MUST-13 */
void time_wait_enter(struct tcp *t, struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_ACK_NOW))
        transmit_bare(t, tcb, tcb->snd_nxt, TCP_ACK);
    tcb_set_state(t, tcb, TCP_S_TIME_WAIT);
    struct time_wait *w = entry_make(t, tcb);
    if (w != NULL) {
        table_replace(&t->table, table_hash(&t->table, &tcb->flow), conn_make(CONN_TCB, tcb_index(t, tcb)),
                      conn_make(CONN_TIME_WAIT, slab_index(&t->time_wait.slab, w)));
        tcb->flags &= ~TCB_IN_TABLE;
        tcb_forget_last(t, tcb);
        list_append(t, w);
        if (!wheel_is_armed(&t->time_wait.timer))
            timer_rearm(t);
    } else {
        count(&t->ctx->counters, CNT_TCP_TIME_WAIT_OVERFLOW);
    }
    tcb_end(t, tcb, 0);
}

/* ---- segments ---- */

static void answer(struct tcp *t, struct time_wait *w)
{
    uint32_t now = tcp_msec(t->ctx->now);
    if (w->last_ack != 0 && now - w->last_ack < t->ctx->tun->tcp_invalid_ratelimit_ms)
        return;
    w->last_ack = tcp_msec_mark(t->ctx->now);
    struct tcp_view v = {
        .sport = w->flow.lport,
        .dport = w->flow.rport,
        .seq = w->snd_nxt,
        .ack = w->rcv_nxt,
        .flags = TCP_ACK,
        .window = (uint16_t)(w->rcv_wnd >> w->rcv_wscale),
    };
    if ((w->flags & TIME_WAIT_TS) != 0) {
        v.opt.has = TCP_OPT_HAS_TS;
        v.opt.tsval = now + w->ts_offset;
        v.opt.tsecr = w->ts_recent;
    }
    transmit_reply(t, &w->flow, NULL, &v, w->ttl, w->tos);
}

/* A SYN may open the connection anew when it cannot be an old duplicate: beyond all sequence numbers
 * received, or younger by its timestamp (RFC6191-2, RFC1122-4.2.2.13).
 * RFC9293-MAY-2, RFC9293-SHLD-4 */
static bool may_reopen(const struct time_wait *w, const struct pkt *p)
{
    if ((p->tcp.flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_SYN)
        return false;
    if ((w->flags & TIME_WAIT_TS) != 0 && (p->tcp.opt.has & TCP_OPT_HAS_TS) != 0) {
        int32_t younger = (int32_t)(p->tcp.opt.tsval - w->ts_recent);
        return younger > 0 || (younger == 0 && seq_gt(p->tcp.seq, w->rcv_nxt));
    }
    return seq_gt(p->tcp.seq, w->rcv_nxt);
}

static void reopen(struct tcp *t, uint32_t index, struct pkt *p, const struct flow_key *f, uint32_t hash)
{
    struct tcb *listener = listener_find(t, f, hash);
    seq_t floor = time_wait_at(t, index)->snd_nxt + UINT16_MAX + 2;
    if (listener == NULL) {
        p->drop = CNT_DROP_TCP_NO_PORT;
        transmit_reset_for(t, p);
        return;
    }
    time_wait_remove(t, index);
    count(&t->ctx->counters, CNT_TCP_TIME_WAIT_RECYCLED);
    input_listen(t, listener, p, f, floor != 0 ? floor : 1);
}

void time_wait_input(struct tcp *t, uint32_t index, struct pkt *p, const struct flow_key *f, uint32_t hash)
{
    struct time_wait *w = time_wait_at(t, index);
    if (may_reopen(w, p)) {
        reopen(t, index, p, f, hash);
        return;
    }
    if ((p->tcp.flags & TCP_RST) != 0) { /* RFC 1337: TIME-WAIT is not to be assassinated */
        p->drop = CNT_DROP_TCP_RST;
        return;
    }
    bool has_ts = (w->flags & TIME_WAIT_TS) != 0 && (p->tcp.opt.has & TCP_OPT_HAS_TS) != 0;
    bool stale = has_ts && (int32_t)(p->tcp.opt.tsval - w->ts_recent) < 0;
    if (!stale && p->tcp.seq == w->rcv_nxt && segment_space(p) == 0) { /* a late, harmless ACK */
        if (has_ts) {
            w->ts_recent = p->tcp.opt.tsval;
            w->ts_recent_at = tcp_msec(t->ctx->now);
        }
        p->drop = CNT_DROP_TCP_TIME_WAIT;
        return;
    }
    /* "Acknowledge it, and restart the 2 MSL timeout": the peer has not heard our last ACK. */
    if ((p->tcp.flags & TCP_FIN) != 0 && !stale)
        restart(t, w);
    answer(t, w);
    p->drop = stale ? CNT_DROP_TCP_PAWS : CNT_DROP_TCP_TIME_WAIT;
}

static bool on_loopback(const struct flow_key *f)
{
    return ip_addr_eq(&f->local, &f->remote) || (ip_addr_is_v4(&f->remote) && f->remote.b[12] == 127);
}

bool time_wait_reusable(const struct tcp *t, uint32_t index, bool bound)
{
    const struct time_wait *w = time_wait_at(t, index);
    const struct tunables *tun = t->ctx->tun;
    if ((w->flags & TIME_WAIT_TS) == 0 || !tun->tcp_timestamps)
        return false;
    if (bound)
        return true;
    if (tun->tcp_tw_reuse == 0 || (tun->tcp_tw_reuse == 2 && !on_loopback(&w->flow)))
        return false;
    return tcp_msec(t->ctx->now) - w->ts_recent_at > tun->tcp_tw_reuse_delay_ms;
}
