/* SPDX-License-Identifier: BSD-3-Clause */
/* What ICMP says of our segments: believed only about data in flight (RFC5927-4), hard only
 * before the connection stands (RFC5461-4). Source quench is ignored (RFC 6633). */
#include <errno.h>

#include "net/icmp.h"
#include "tcp/options.h"
#include "tcp/recovery.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"
#include "tcp/transmit.h"
#include "wire/icmp4.h"

static void icmp_frag_needed(struct tcp *t, struct tcb *tcb, const struct icmp_error_view *e)
{
    if (e->total_length <= e->mtu || (e->mtu != 0 && e->mtu >= tcb->path.mtu))
        return; /* it fits, by its own account, or is no news */
    net_pmtu_update(t->net, &tcb->flow.remote, e->mtu, e->total_length);
    tcb->path.valid = false;
    if (transmit_path(t, tcb) != 0)
        return;
    count(&t->ctx->counters, CNT_TCP_PMTU_REDUCED);
    recovery_on_too_big(t, tcb);
    tcb_touch(t, tcb);
}

/* RFC9293-MUST-47, RFC9293-MUST-56, RFC9293-SHLD-25, RFC9293-SHLD-26 */
static void icmp_for_tcb(struct tcp *t, struct tcb *tcb, const struct icmp_error_view *e)
{
    if (tcb->packets_out == 0 || !(seq_geq(e->seq, tcb->snd_una) && seq_lt(e->seq, tcb->snd_nxt))) {
        count(&t->ctx->counters, CNT_TCP_ICMP_IGNORED);
        return;
    }
    if (e->type == ICMP4_UNREACHABLE && e->code == ICMP4_UNREACH_FRAG_NEEDED) {
        icmp_frag_needed(t, tcb, e);
        return;
    }
    bool hard; /* RFC5461-4: before the connection stands all are, later none */
    int err = icmp_error_errno(e->type, e->code, &hard);
    if (err == 0)
        return;
    if (tcb->state == TCP_S_SYN_SENT || tcb->state == TCP_S_SYN_RECEIVED) {
        tcb_end(t, tcb, err);
    } else if (opts_of(t, tcb)->recverr) { /* ip(7): all errors, at once; the connection lives */
        tcb->error = (uint16_t)err;
        tcb_notify(t, tcb, EPOLLERR);
    } else {
        tcb->soft_error = (uint16_t)err;
    }
}

/* RFC9293-MUST-54, RFC9293-SHLD-20 */
void tcp_icmp_error(struct tcp *t, const struct pkt *p)
{
    const struct icmp_error_view *e = &p->icmp_error;
    struct flow_key f = {e->src, e->dst, e->sport, e->dport};
    conn_ref ref = table_find(&t->table, &f, table_hash(&t->table, &f));
    if (ref != 0 && conn_kind(ref) == CONN_TCB) {
        icmp_for_tcb(t, tcb_at(t, conn_index(ref)), e);
    } else if (ref != 0 && conn_kind(ref) == CONN_HALF_OPEN) {
        struct half_open *h = half_open_at(t, conn_index(ref));
        if (e->type == ICMP4_UNREACHABLE && e->code != ICMP4_UNREACH_FRAG_NEEDED && e->seq == h->iss)
            syn_queue_remove(t, h);
    } else {
        count(&t->ctx->counters, CNT_TCP_ICMP_IGNORED);
    }
}

/* Walks the table, but only while somebody is connecting; others learn it when they next send. */
void tcp_unreachable(struct tcp *t, const struct ip_addr *dst)
{
    for (uint32_t i = 0; i < t->table.cells && t->n_syn_sent > 0; i++) {
        conn_ref ref = t->table.slot[i].ref;
        struct tcb *tcb = ref != 0 && conn_kind(ref) == CONN_TCB ? tcb_at(t, conn_index(ref)) : NULL;
        if (tcb == NULL || tcb->state != TCP_S_SYN_SENT || !ip_addr_eq(&tcb->flow.remote, dst))
            continue;
        tcb_end(t, tcb, EHOSTUNREACH);
        i--; /* another may have moved into this slot */
    }
}
