/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/tally.h"

#include <linux/tcp.h>

#include "tcp/rcv_queue.h"

struct tally *tally_make(struct tcp *t, struct tcb *tcb)
{
    if (tcb->state == TCP_S_LISTEN || tcb_is(tcb, TCB_ORPHAN))
        return NULL; /* nobody can ask */
    if (t->tallies.in_use >= t->ctx->tun->tcp_info_max)
        return NULL; /* among so many connections memory counts for more */
    tcb->tally = SLAB_ALLOC(&t->tallies, struct tally);
    if (tcb->tally == 0)
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
    return tally_of(t, tcb);
}

void tally_free(struct tcp *t, struct tcb *tcb)
{
    if (tcb->tally != 0)
        SLAB_FREE(&t->tallies, struct tally, tcb->tally);
    tcb->tally = 0;
}

/* us; since when the queue has not been empty, where no chronograph says it. */
static uint32_t busy_since(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->packets_out > 0 ? snd_rec_at(t, tcb->sndq_head)->sent_at : t->ctx->now_us;
}

void tally_chrono(struct tcp *t, struct tcb *tcb, enum tally_chrono to)
{
    struct tally *l = tally_get(t, tcb);
    if (l == NULL || l->chrono == to)
        return;
    if (l->chrono == TALLY_IDLE) {
        l->since = busy_since(t, tcb);
        l->chrono = TALLY_BUSY;
    }
    l->spent[l->chrono] += t->ctx->now_us - l->since;
    l->since = t->ctx->now_us;
    l->chrono = to;
}

void tally_acked(struct tcp *t, struct tcb *tcb, uint32_t bytes, uint32_t segments, bool ece)
{
    struct tally *l = tally_get(t, tcb);
    if (l == NULL)
        return;
    l->acked += bytes;
    l->delivered += segments;
    l->delivered_ce += ece ? segments : 0;
    if (tcb->sndq_head == 0)
        tally_chrono(t, tcb, TALLY_IDLE);
}

void tally_read(struct tcp *t, struct tcb *tcb, uint32_t bytes)
{
    struct tally *l = tally_get(t, tcb);
    if (l != NULL)
        l->received += bytes;
}

void tally_stop(struct tcp *t, struct tcb *tcb)
{
    if (tcb->tally != 0)
        tally_chrono(t, tcb, TALLY_IDLE);
}

/* linux/tcp.h: busy time comprises the two others. */
void tally_fill(const struct tcp *t, const struct tcb *tcb, struct tcp_info *out)
{
    static const struct tally none;
    const struct tally *l = tally_of(t, tcb);
    if (l == NULL)
        l = &none;
    uint64_t spent[TALLY_N] = {0, l->spent[TALLY_BUSY], l->spent[TALLY_RWND], l->spent[TALLY_SNDBUF]};
    if (l->chrono != TALLY_IDLE)
        spent[l->chrono] += t->ctx->now_us - l->since;
    else
        spent[TALLY_BUSY] += t->ctx->now_us - busy_since(t, tcb);
    out->tcpi_busy_time = spent[TALLY_BUSY] + spent[TALLY_RWND] + spent[TALLY_SNDBUF];
    out->tcpi_rwnd_limited = spent[TALLY_RWND];
    out->tcpi_sndbuf_limited = spent[TALLY_SNDBUF];
    out->tcpi_bytes_acked = l->acked;
    out->tcpi_bytes_received = l->received + (tcb->copied_seq - tcb->tuning_seq) + rcv_queue_bytes(tcb);
    out->tcpi_bytes_sent = l->acked + (tcb->snd_nxt - tcb->snd_una);
    out->tcpi_delivered = l->delivered;
    out->tcpi_delivered_ce = l->delivered_ce;
    out->tcpi_data_segs_out = l->delivered + tcb->packets_out - tcb->sacked_out;
}
