/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a socket's TCP: RFC9293-3.10.1 (OPEN), 3.10.4 (CLOSE), 3.10.5 (ABORT). */
#include <errno.h>
#include <sys/socket.h>

#include "tcp/congestion.h"
#include "tcp/output.h"
#include "tcp/rcv_queue.h"
#include "tcp/snd_queue.h"
#include "tcp/sockopts.h"
#include "tcp/tally.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"

/* ---- opening ---- */

struct tcb *tcp_open(struct tcp *t)
{
    return tcb_alloc(t);
}

struct endpoint *tcp_endpoint(struct tcb *tcb)
{
    return &tcb->ep;
}

void tcp_name(const struct tcb *tcb, struct flow_key *out)
{
    *out = tcb->flow;
}

bool tcp_is_listener(const struct tcb *tcb)
{
    return tcb->state == TCP_S_LISTEN;
}

void tcp_set_reuse(struct tcp *t, struct tcb *tcb, unsigned reuse)
{
    ports_set_reuse(t, tcb, reuse);
}

int tcp_bind_addr(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr)
{
    if (tcb->state != TCP_S_CLOSED || tcb_is(tcb, TCB_IN_PORTS))
        return -EINVAL;
    if (!ip_addr_is_any(addr) && !net_is_local(t->net, addr) && !opts_of(t, tcb)->freebind)
        return -EADDRNOTAVAIL;
    tcb->flow.local = *addr;
    return 0;
}

/* RFC9293-MUST-43 */
int tcp_bind(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr, uint16_t port)
{
    int rc = tcp_bind_addr(t, tcb, addr);
    if (rc != 0)
        return rc;
    rc = port != 0 ? ports_bind(t, tcb, port) : ports_bind_ephemeral(t, tcb);
    if (rc != 0)
        tcb->flow.local = (struct ip_addr){0};
    return rc;
}

int tcp_listen(struct tcp *t, struct tcb *tcb, int backlog)
{
    if (tcb->state == TCP_S_LISTEN) {
        listener_set_backlog(t, tcb, backlog);
        return 0;
    }
    if (tcb->state != TCP_S_CLOSED || tcb_is(tcb, TCB_ENDED))
        return -EINVAL;
    int rc = tcb_is(tcb, TCB_IN_PORTS) ? 0 : ports_bind_ephemeral(t, tcb);
    return rc != 0 ? rc : listener_open(t, tcb, backlog);
}

struct tcb *tcp_accept(struct tcp *t, struct tcb *tcb, int *err)
{
    if (tcb->state != TCP_S_LISTEN) {
        *err = EINVAL;
        return NULL;
    }
    struct tcb *child = listener_pop(t, listener_at(t, tcb->listener));
    if (child == NULL) {
        *err = tcp_take_error(tcb);
        if (*err == 0)
            *err = EAGAIN;
        return NULL;
    }
    count(&t->ctx->counters, CNT_TCP_ACCEPTED);
    return child;
}

/* May it open now? */
static int connect_refused(const struct tcb *tcb)
{
    switch (tcb->state) {
    case TCP_S_CLOSED:
        return tcb_is(tcb, TCB_PASSIVE) ? -EISCONN : 0;
    case TCP_S_SYN_SENT:
    case TCP_S_SYN_RECEIVED:
        return -EALREADY;
    default:
        return -EISCONN;
    }
}

/* A block that was a connection before starts from nothing, but for its options and its binding. */
static void connect_forget_past(struct tcp *t, struct tcb *tcb)
{
    tally_free(t, tcb);
    const uint32_t kept = TCB_BOUND_PORT | TCB_IN_PORTS | TCB_REUSEADDR | TCB_REUSEPORT | TCB_NODELAY |
                          TCB_CORK | TCB_KEEPALIVE | TCB_OOBINLINE | TCB_LINGER | TCB_RCVBUF_LOCKED |
                          TCB_SNDBUF_LOCKED;
    rcv_queue_purge(t, tcb);
    tcb->flags &= kept;
    tcb->error = tcb->soft_error = 0;
    tcb->srtt = tcb->rttvar = 0;
    tcb->backoff = tcb->retries = tcb->ka_probes = 0;
    tcb->retrans_since = 0;
    tcb->recovery = RECOVERY_OPEN;
    tcb->snd_wscale = 0;
    tcb->ts_recent = 0;
    congestion_start(t, tcb);
}

/* Makes the flow's table entry ours. A TIME-WAIT that timestamps keep apart gives way; *floor is where the
 * new sequence numbers have to begin then (RFC 6191). */
static int connect_claim_flow(struct tcp *t, struct tcb *tcb, seq_t *floor)
{
    conn_ref ref = table_find(&t->table, &tcb->flow, table_hash(&t->table, &tcb->flow));
    *floor = 0;
    if (ref != 0) {
        bool bound = tcb_is(tcb, TCB_BOUND_PORT);
        if (conn_kind(ref) != CONN_TIME_WAIT || !time_wait_reusable(t, conn_index(ref), bound))
            return -EADDRNOTAVAIL;
        if (!bound) /* our SYN echoes it: the peer sees that we know the connection before */
            tcb->ts_recent = time_wait_at(t, conn_index(ref))->ts_recent;
        count(&t->ctx->counters, CNT_TCP_TIME_WAIT_REUSED);
        *floor = time_wait_at(t, conn_index(ref))->snd_nxt + UINT16_MAX + 2;
        time_wait_remove(t, conn_index(ref));
    }
    return tcb_enter_table(t, tcb);
}

static void connect_start(struct tcp *t, struct tcb *tcb, seq_t floor)
{
    const struct tunables *tun = t->ctx->tun;
    seq_t iss = isn_make(&t->isn, &tcb->flow, t->ctx->now);
    if (floor != 0 && seq_lt(iss, floor))
        iss = floor;
    tcb->snd_una = tcb->snd_nxt = tcb->write_seq = iss;
    tcb->snd_sml = tcb->recover = iss;
    tcb->rcv_nxt = tcb->rcv_wup = tcb->copied_seq = 0;
    tcb->ts_offset = isn_ts_offset(&t->isn, &tcb->flow);
    tcb->flags |= (tun->tcp_timestamps ? TCB_TS : 0) | (tun->tcp_sack ? TCB_SACK : 0) |
                  (tun->tcp_window_scaling ? TCB_WSCALE : 0);
    tcb->rcv_wscale =
        tun->tcp_window_scaling ? rcv_window_scale(t, tcb->rcvbuf, tcb_is(tcb, TCB_RCVBUF_LOCKED)) : 0;
}

int tcp_connect(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr, uint16_t port)
{
    int rc = connect_refused(tcb);
    if (rc != 0)
        return rc;
    struct ip_addr bound = tcb->flow.local;
    bool had_port = tcb_is(tcb, TCB_IN_PORTS);
    seq_t floor;
    if (net_is_group(t->net, addr))
        return -ENETUNREACH; /* RFC9293-MUST-46 */
    connect_forget_past(t, tcb);
    rc = net_path_resolve(t->net, &tcb->path, &tcb->flow.local, addr, false);
    if (rc != 0)
        return rc == -EACCES ? -ENETUNREACH : rc;
    tcb->flow.remote = *addr;
    tcb->flow.rport = port;
    if (!had_port)
        rc = ports_bind_for_connect(t, tcb);
    if (rc == 0)
        rc = connect_claim_flow(t, tcb, &floor);
    if (rc == 0) {
        connect_start(t, tcb, floor);
        rc = snd_queue_syn(t, tcb);
    }
    if (rc != 0) {
        tcb_leave_table(t, tcb);
        if (!had_port)
            ports_release(t, tcb);
        tcb->flow.local = bound;
        tcb->flow.remote = (struct ip_addr){0};
        tcb->flow.rport = 0;
        return rc;
    }
    tcb_set_state(t, tcb, TCP_S_SYN_SENT);
    count(&t->ctx->counters, CNT_TCP_CONNECTS);
    tcb_touch(t, tcb);
    return 0;
}

/* ---- closing ---- */

/* Our half of the stream ends after what is queued. */
static int queue_fin(struct tcp *t, struct tcb *tcb)
{
    if (tcb_is(tcb, TCB_FIN_QUEUED))
        return 0;
    int rc = snd_queue_fin(t, tcb);
    if (rc != 0)
        return rc;
    tcb->flags |= TCB_FIN_QUEUED;
    tcb_set_state(t, tcb, tcb->state == TCP_S_CLOSE_WAIT ? TCP_S_LAST_ACK : TCP_S_FIN_WAIT_1);
    tcb_touch(t, tcb);
    return 0;
}

static bool can_queue_fin(const struct tcb *tcb)
{
    return tcb->state == TCP_S_SYN_RECEIVED || tcb->state == TCP_S_ESTABLISHED ||
           tcb->state == TCP_S_CLOSE_WAIT;
}

/* RFC9293-MAY-1 */
int tcp_shutdown(struct tcp *t, struct tcb *tcb, int how)
{
    if (tcb->state == TCP_S_CLOSED)
        return -ENOTCONN;
    if (tcb->state == TCP_S_LISTEN) { /* as Linux: shutting down reading ends listening */
        if (how != SHUT_WR) {
            listener_close(t, tcb);
            tcb_notify(t, tcb, EPOLLIN | EPOLLHUP);
        }
        return 0;
    }
    if (tcb->state == TCP_S_SYN_SENT) {
        tcb_end(t, tcb, ECONNRESET);
        return 0;
    }
    uint32_t events = 0;
    if (how != SHUT_WR) {
        tcb->flags |= TCB_SHUT_RD;
        events |= EPOLLIN | EPOLLRDHUP;
    }
    if (how != SHUT_RD && can_queue_fin(tcb)) {
        int rc = queue_fin(t, tcb);
        if (rc != 0)
            return rc;
        events |= EPOLLOUT;
    }
    if (tcb_is(tcb, TCB_FIN_QUEUED) && tcb_is(tcb, TCB_FIN_RCVD | TCB_SHUT_RD))
        events |= EPOLLHUP;
    tcb_notify(t, tcb, events);
    return 0;
}

static void lose_owner(struct tcp *t, struct tcb *tcb)
{
    if (tcb->ep.queued)
        ready_list_remove(&t->ctx->ready, &tcb->ep);
    tcb->ep.owner = NULL;
    tcb->ep.events = 0;
}

void tcp_abort(struct tcp *t, struct tcb *tcb)
{
    lose_owner(t, tcb);
    switch (tcb->state) {
    case TCP_S_LISTEN:
        listener_close(t, tcb);
        break;
    case TCP_S_SYN_RECEIVED:
    case TCP_S_ESTABLISHED:
    case TCP_S_FIN_WAIT_1:
    case TCP_S_FIN_WAIT_2:
    case TCP_S_CLOSE_WAIT:
        output_reset(t, tcb);
        break;
    default:
        break;
    }
    tcb_free(t, tcb);
}

/* RFC1122-4.2.2.13, RFC2525-2.17: who closes without having read everything says so.
 * RFC9293-SHLD-3 */
static bool close_is_abortive(const struct tcp *t, const struct tcb *tcb)
{
    if (tcb->state == TCP_S_LISTEN || tcb->state == TCP_S_SYN_SENT || tcb->state == TCP_S_CLOSED)
        return true; /* nothing to be orderly about */
    if (tcb_is(tcb, TCB_LINGER) && opts_of(t, tcb)->linger_s == 0)
        return true;
    return rcv_queue_bytes(tcb) > 0;
}

void tcp_close(struct tcp *t, struct tcb *tcb)
{
    if (close_is_abortive(t, tcb) || (can_queue_fin(tcb) && queue_fin(t, tcb) != 0)) {
        tcp_abort(t, tcb);
        return;
    }
    if (t->orphans >= t->ctx->tun->tcp_max_orphans) {
        count(&t->ctx->counters, CNT_TCP_ORPHANS_REFUSED);
        tcp_abort(t, tcb);
        return;
    }
    lose_owner(t, tcb);
    tcb->flags = (tcb->flags | TCB_ORPHAN) & ~(TCB_CORK | TCB_MORE);
    t->orphans++;
    timers_stop(tcb, TIMER_SLOW);
    if (tcb->state == TCP_S_FIN_WAIT_2) {
        if (opts_of(t, tcb)->linger2_s < 0)
            tcb_end(t, tcb, 0);
        else
            timers_orphan_fin_wait_2(t, tcb);
    }
}

bool tcp_is_draining(const struct tcb *tcb)
{
    return tcb->state > TCP_S_LISTEN && seq_lt(tcb->snd_una, tcb->write_seq);
}
