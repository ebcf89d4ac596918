/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/tcb.h"

#include <assert.h>
#include <errno.h>

#include "tcp/congestion.h"
#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "tcp/recovery.h"
#include "tcp/snd_queue.h"
#include "tcp/snd_room.h"
#include "tcp/sockopts.h"
#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "wire/tcp.h"

#define TO(s) (1u << TCP_S_##s)

/* The arrows of RFC9293-figure-5, and CLOSED from everywhere (RST, abort, time-out). A passive open
 * comes out of the SYN queue, so its block goes from CLOSED to SYN-RECEIVED. */
static const uint16_t tcb_arrows[TCP_N_STATES] = {
    [TCP_S_CLOSED] = TO(LISTEN) | TO(SYN_SENT) | TO(SYN_RECEIVED),
    [TCP_S_LISTEN] = TO(CLOSED),
    [TCP_S_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
    [TCP_S_SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(CLOSED),
    [TCP_S_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
    [TCP_S_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
    [TCP_S_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
    [TCP_S_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
    [TCP_S_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
    [TCP_S_LAST_ACK] = TO(CLOSED),
    [TCP_S_TIME_WAIT] = TO(CLOSED),
};

void tcb_set_state(struct tcp *t, struct tcb *tcb, enum tcp_state to)
{
    assert(tcb_arrows[tcb->state] & 1u << to);
    t->n_listening += (to == TCP_S_LISTEN);
    t->n_listening -= (tcb->state == TCP_S_LISTEN);
    t->n_syn_sent += (to == TCP_S_SYN_SENT);
    t->n_syn_sent -= (tcb->state == TCP_S_SYN_SENT);
    tcb->state = (uint8_t)to;
}

const char *tcb_state_name(enum tcp_state s)
{
    static const char *const name[TCP_N_STATES] = {
        "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
        "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
    };
    return s < TCP_N_STATES ? name[s] : "?";
}

struct tcb *tcb_alloc(struct tcp *t)
{
    const struct tunables *tun = t->ctx->tun;
    uint32_t i = t->tcbs.in_use < tun->tcp_max_connections ? slab_alloc(&t->tcbs) : 0;
    if (i == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return NULL;
    }
    struct tcb *tcb = tcb_at(t, i);
    tcb->timer.kind = TIMER_TCB;
    tcb->rcvbuf = tun->tcp_rmem.def;
    tcb->sndbuf = tun->tcp_wmem.def;
    tcb->ttl = (uint8_t)tun->ip_default_ttl;
    tcb->snd_mss = tcb->peer_mss = tcb->rcv_mss = TCP_MSS_DEFAULT;
    tcb->opts = opts_hold(t, t->default_opts);
    tcb->cong = congestion_default(tun);
    congestion_start(t, tcb);
    snd_room_lowat_changed(t, tcb);
    return tcb;
}

/* Gives back what only a living connection needs. What was received stays readable. */
static void tcb_release_queues(struct tcp *t, struct tcb *tcb)
{
    snd_queue_purge(t, tcb);
    reassembly_purge(t, tcb);
    recovery_forget(t, tcb);
    congestion_release(t, tcb);
    tally_stop(t, tcb);
}

void tcb_free(struct tcp *t, struct tcb *tcb)
{
    if (tcb->state == TCP_S_LISTEN)
        tcb->tally = 0; /* its place was the listener's */
    if (tcb->state != TCP_S_CLOSED)
        tcb_set_state(t, tcb, TCP_S_CLOSED);
    tcb_leave_table(t, tcb);
    ports_release(t, tcb);
    wheel_cancel(&t->ctx->wheel, &tcb->timer);
    tcb_release_queues(t, tcb);
    rcv_queue_purge(t, tcb);
    opts_drop(t, tcb->opts);
    tally_free(t, tcb);
    if (tcb_is(tcb, TCB_ORPHAN))
        t->orphans--;
    if (tcb->ep.queued)
        ready_list_remove(&t->ctx->ready, &tcb->ep);
    tcb->ep.owner = NULL;
    tcb_touch(t, tcb);
    tcb->touched = TCB_TOUCHED_DEAD; /* its memory goes when it comes off that list */
}

void tcb_notify(struct tcp *t, struct tcb *tcb, uint32_t events)
{
    endpoint_notify(&t->ctx->ready, &tcb->ep, events);
}

void tcb_end(struct tcp *t, struct tcb *tcb, int error)
{
    tcb_set_state(t, tcb, TCP_S_CLOSED);
    tcb_leave_table(t, tcb);
    if (!tcb_is(tcb, TCB_BOUND_PORT))
        ports_release(t, tcb); /* one that bind() chose is kept until close */
    timers_stop_all(t, tcb);
    tcb_release_queues(t, tcb);
    tcb->ack_owed = 0;
    tcb->flags = (tcb->flags & ~TCB_ACK_NOW) | TCB_ENDED;
    if (error != 0)
        tcb->error = (uint16_t)error;
    if (tcb_is(tcb, TCB_ORPHAN))
        tcb_free(t, tcb);
    else
        tcb_notify(t, tcb, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (error != 0 ? EPOLLERR : 0));
}

void tcb_touch(struct tcp *t, struct tcb *tcb)
{
    if (tcb->touched)
        return;
    uint32_t i = tcb_index(t, tcb);
    tcb->touched = TCB_TOUCHED;
    tcb->touched_next = 0;
    if (t->touched_tail != 0)
        tcb_at(t, t->touched_tail)->touched_next = i;
    else
        t->touched_head = i;
    t->touched_tail = i;
}

struct tcb *tcb_take_touched(struct tcp *t)
{
    while (t->touched_head != 0) {
        uint32_t i = t->touched_head;
        struct tcb *tcb = tcb_at(t, i);
        bool dead = tcb->touched == TCB_TOUCHED_DEAD;
        t->touched_head = tcb->touched_next;
        if (t->touched_head == 0)
            t->touched_tail = 0;
        tcb->touched = dead ? TCB_FREED : 0;
        if (!dead)
            return tcb;
        if (!tcb->rcv_waits) /* else when its turn there has come */
            slab_free(&t->tcbs, i);
    }
    return NULL;
}

int tcb_enter_table(struct tcp *t, struct tcb *tcb)
{
    uint32_t hash = table_hash(&t->table, &tcb->flow);
    if (table_find(&t->table, &tcb->flow, hash) != 0)
        return -EADDRNOTAVAIL;
    int rc = table_insert(&t->table, hash, conn_make(CONN_TCB, tcb_index(t, tcb)));
    if (rc == 0)
        tcb->flags |= TCB_IN_TABLE;
    return rc;
}

void tcb_leave_table(struct tcp *t, struct tcb *tcb)
{
    if (!tcb_is(tcb, TCB_IN_TABLE))
        return;
    table_remove(&t->table, table_hash(&t->table, &tcb->flow), conn_make(CONN_TCB, tcb_index(t, tcb)));
    tcb->flags &= ~TCB_IN_TABLE;
    tcb_forget_last(t, tcb);
}
