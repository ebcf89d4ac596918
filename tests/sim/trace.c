/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace.h"

#include <inttypes.h>

#include "tcp/congestion.h"
#include "tcp/tcp_private.h"

#define TRACE_STEP (5 * NSEC_PER_MSEC)

bool trace_open(struct trace *tr, const char *path, nsec_t begin)
{
    *tr = (struct trace){.out = fopen(path, "w"), .begin = begin, .next = begin};
    if (tr->out != NULL)
        fprintf(tr->out, "seconds,cwnd,ssthresh,in_flight,srtt_us,recovery,acked_bytes,sent_again\n");
    return tr->out != NULL;
}

static const struct tcb *only_connection(const struct tcp *t)
{
    for (uint32_t k = 0; t->table.slot != NULL && k < t->table.cells; k++)
        if (conn_kind(t->table.slot[k].ref) == CONN_TCB)
            return tcb_at(t, conn_index(t->table.slot[k].ref));
    return NULL;
}

void trace_look(struct trace *tr, const struct host *h, nsec_t now)
{
    const struct tcb *tcb;
    if (tr->out == NULL || now < tr->next || (tcb = only_connection(&h->worker.tcp)) == NULL ||
        !tcb_synchronized(tcb))
        return;
    if (tr->seen)
        tr->acked += tcb->snd_una - tr->una;
    tr->seen = true;
    tr->una = tcb->snd_una;
    tr->next = now + TRACE_STEP;
    fprintf(tr->out, "%.4f,%u,", (double)(now - tr->begin) / 1e9, tcb->cwnd);
    if (tcb->ssthresh != CONGESTION_SSTHRESH_INFINITE) /* else the field is empty */
        fprintf(tr->out, "%u", tcb->ssthresh);
    fprintf(tr->out, ",%u,%u,%u,%" PRIu64 ",%" PRIu64 "\n", congestion_in_flight(tcb), tcb->srtt >> 3,
            tcb->recovery, tr->acked, h->worker.ctx.counters.v[CNT_TCP_RETRANS]);
}

void trace_close(struct trace *tr)
{
    if (tr->out != NULL)
        fclose(tr->out);
    tr->out = NULL;
}
