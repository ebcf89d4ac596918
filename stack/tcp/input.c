/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds whom a segment is for. */
#include "tcp/input.h"

#include "base/mbuf.h"
#include "tcp/tcp_private.h"
#include "tcp/transmit.h"

static void input_tcb(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    if (tcb->state == TCP_S_SYN_SENT)
        input_syn_sent(t, tcb, p);
    else if (!t->fastpath || !input_fast(t, tcb, p))
        input_steps(t, tcb, p);
}

/* No connection: perhaps a listener; else CLOSED (section 3.10.7.1). */
static void input_unknown(struct tcp *t, struct pkt *p, const struct flow_key *f, uint32_t hash)
{
    struct tcb *listener = listener_find(t, f, hash);
    if (listener != NULL) {
        input_listen(t, listener, p, f, 0);
        return;
    }
    p->drop = CNT_DROP_TCP_NO_PORT;
    transmit_reset_for(t, p);
}

static inline bool flow_is(const struct flow_key *f, const struct pkt *p)
{
    return f->rport == p->tcp.sport && f->remote.q[1] == p->src.q[1] && f->lport == p->tcp.dport &&
           f->local.q[1] == p->dst.q[1] && f->remote.q[0] == p->src.q[0] && f->local.q[0] == p->dst.q[0];
}

static inline enum verdict input_done(struct tcp *t, struct pkt *p)
{
    if (unlikely(p->drop != 0))
        return VERDICT_DROP;
    if (p->m != NULL)
        mbuf_free(t->ctx, p->m);
    return VERDICT_DONE;
}

enum verdict tcp_input(struct tcp *t, struct pkt *p)
{
    count(&t->ctx->counters, CNT_TCP_IN);
    if ((p->flags & (PKT_BROADCAST | PKT_MULTICAST)) != 0) /* RFC9293-MUST-57 */
        return pkt_drop(p, CNT_DROP_TCP_BROADCAST);
    p->drop = 0;
    if (likely(t->last != NULL && flow_is(&t->last->flow, p))) {
        input_tcb(t, t->last, p);
        return input_done(t, p);
    }
    struct flow_key f = {p->dst, p->src, p->tcp.dport, p->tcp.sport};
    uint32_t hash = table_hash(&t->table, &f);
    conn_ref ref = table_find(&t->table, &f, hash);
    switch (ref == 0 ? 0 : conn_kind(ref)) {
    case CONN_TCB:
        t->last = tcb_at(t, conn_index(ref));
        input_tcb(t, t->last, p);
        break;
    case CONN_HALF_OPEN:
        input_half_open(t, conn_index(ref), p);
        break;
    case CONN_TIME_WAIT:
        time_wait_input(t, conn_index(ref), p, &f, hash);
        break;
    default:
        input_unknown(t, p, &f, hash);
        break;
    }
    return input_done(t, p);
}
