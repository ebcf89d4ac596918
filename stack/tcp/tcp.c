/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport as a whole: its slabs and tables, and what the worker calls. */
#include <stddef.h>

#include "base/poison.h"
#include "tcp/congestion.h"
#include "tcp/output.h"
#include "tcp/reassembly.h"
#include "tcp/recovery.h"
#include "tcp/snd_queue.h"
#include "tcp/sockopts.h"
#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

#define RECORDS_MAX   (1u << 24)
#define RANGES_MAX    (1u << 20)
#define LISTENERS_MAX (1u << 17)
#define LINE_TURNS    64u
#define DEAD_MAX      4096u /* blocks that ended in this round, beside the living */

static int slabs_init(struct tcp *t)
{
    const struct memory *mem = t->ctx->mem;
    uint32_t conns = t->ctx->tun->tcp_max_connections + DEAD_MAX;
    int rc = slab_init(&t->tcbs, mem, sizeof(struct tcb), conns);
    if (rc == 0)
        rc = slab_init(&t->records, mem, sizeof(struct snd_rec), RECORDS_MAX);
    if (rc == 0)
        rc = slab_init(&t->ranges, mem, sizeof(struct range), RANGES_MAX);
    if (rc == 0)
        rc = slab_init(&t->assemblies, mem, sizeof(struct assembly), conns);
    if (rc == 0)
        rc = slab_init(&t->boards, mem, sizeof(struct board), conns);
    if (rc == 0)
        rc = slab_init(&t->congs, mem, sizeof(struct cong), conns);
    if (rc == 0)
        rc = slab_init(&t->tallies, mem, sizeof(struct tally), RTE_MIN(conns, t->ctx->tun->tcp_info_max + 2));
    if (rc == 0)
        rc = slab_init(&t->opts, mem, sizeof(struct tcp_opts), conns);
    if (rc == 0)
        rc = slab_init(&t->listeners, mem, sizeof(struct listener), LISTENERS_MAX);
    if (rc == 0)
        rc = rcv_wait_init(t);
    return rc;
}

static void slabs_fini(struct tcp *t)
{
    slab_fini(&t->tcbs);
    slab_fini(&t->records);
    slab_fini(&t->ranges);
    slab_fini(&t->assemblies);
    slab_fini(&t->boards);
    slab_fini(&t->congs);
    slab_fini(&t->tallies);
    slab_fini(&t->opts);
    slab_fini(&t->listeners);
    rcv_wait_fini(t);
}

static int tables_init(struct tcp *t)
{
    struct siphash_key table_key = rng_key(&t->ctx->rng), port_key = rng_key(&t->ctx->rng);
    const struct tunables *tun = t->ctx->tun;
    isn_init(&t->isn, &t->ctx->rng);
    int rc = syn_queue_init(t);
    if (rc == 0)
        rc = time_wait_init(t);
    if (rc == 0)
        rc = ports_init(&t->ports, t->ctx->mem, &port_key);
    if (rc == 0)
        rc = table_init(&t->table, t->ctx->mem, &table_key,
                        2 * (tun->tcp_max_connections + DEAD_MAX) + tun->tcp_max_tw_buckets);
    if (rc != 0)
        return rc;
    for (unsigned i = 0; i < PORTS_COUNTERS; i++)
        t->ports.counter[i] = rng_u32(&t->ctx->rng);
    syn_cookies_init(&t->syn_cookies, &t->ctx->rng);
    table_set_objects(&t->table, CONN_TCB, &t->tcbs, offsetof(struct tcb, flow));
    table_set_objects(&t->table, CONN_HALF_OPEN, &t->syn_queue.slab, offsetof(struct half_open, flow));
    table_set_objects(&t->table, CONN_TIME_WAIT, &t->time_wait.slab, offsetof(struct time_wait, flow));
    return 0;
}

static void tables_fini(struct tcp *t)
{
    if (t->table.mem != NULL)
        table_fini(&t->table);
    if (t->ports.mem != NULL)
        ports_fini(&t->ports);
    time_wait_fini(t);
    syn_queue_fini(t);
}

/* Of the last eighth everybody may have a segment: who reads what comes goes on, though others do not. */
void tcp_set_memory(struct tcp *t, uint64_t bytes)
{
    t->pinned_max = bytes;
    t->pinned_soft = bytes - bytes / 8;
}

int tcp_init(struct tcp *t, struct context *ctx, struct net *net)
{
    *t = (struct tcp){.ctx = ctx, .net = net, .fastpath = true};
    tcp_set_memory(t, (uint64_t)ctx->tun->tcp_mem_mb << 20);
    int rc = slabs_init(t);
    if (rc == 0)
        rc = tables_init(t);
    if (rc == 0)
        rc = opts_init(t);
    if (rc != 0) {
        tables_fini(t);
        slabs_fini(t);
    }
    return rc;
}

/* Whatever is still there is freed without a word to anybody. */
void tcp_fini(struct tcp *t)
{
    for (uint32_t i = 1; i < t->tcbs.high; i++) {
        struct tcb *tcb = tcb_at(t, i);
        memory_unpoison(tcb, sizeof *tcb);
        if (tcb->touched != TCB_FREED && tcb->touched != TCB_TOUCHED_DEAD)
            tcb_free(t, tcb);
    }
    tables_fini(t);
    slabs_fini(t);
}

void tcp_timer(struct tcp *t, struct wheel_node *node)
{
    if (node == &t->syn_queue.timer)
        syn_queue_timer(t);
    else if (node == &t->time_wait.timer)
        time_wait_timer(t);
    else
        timers_fire(t, tcb_of_timer(node));
}

/* An interface has no room: may who is first in line go all the same? Else all wait, unless it may be for
 * other interfaces than his: then he, and others, go to the end of the line. */
static __attribute__((noinline)) bool line_moves(struct tcp *t, uint32_t last)
{
    for (unsigned k = 0; k < LINE_TURNS && t->touched_head != 0; k++) {
        struct tcb *tcb = tcb_at(t, t->touched_head);
        if (tcb->touched == TCB_TOUCHED_DEAD || net_tx_room_take(t->net, &tcb->path))
            return true;
        if (t->net->n_netifs == 1 || t->touched_head == last)
            break;
        tcb_touch(t, tcb_take_touched(t));
    }
    count(&t->ctx->counters, CNT_TCP_OUTPUT_WAITED);
    return false;
}

void tcp_output_touched(struct tcp *t)
{
    struct tcb *tcb;
    if (t->rcv_wait.head != 0)
        rcv_wait_serve(t);
    uint32_t last = t->touched_tail; /* one that touches itself again waits for the next round */
    while (likely(t->net->tx_busy == 0) || line_moves(t, last)) {
        if ((tcb = tcb_take_touched(t)) == NULL)
            break;
        output_run(t, tcb);
        if (tcb_index(t, tcb) == last)
            break;
    }
}

bool tcp_has_touched(const struct tcp *t)
{
    return t->touched_head != 0;
}

void tcp_census(const struct tcp *t, struct tcp_census *out)
{
    *out = (struct tcp_census){
        .tcbs = t->tcbs.in_use,
        .half_open = t->syn_queue.slab.in_use,
        .time_wait = t->time_wait.slab.in_use,
        .listeners = t->n_listening,
    };
}
