/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP (RFC 9293) as the layers around it see it. Thread: the worker's own. Errors are negative errno.
 * Events are reported through the endpoint of a control block (base/endpoint.h). */
#ifndef PLX_TCP_TCP_H
#define PLX_TCP_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/context.h"
#include "net/net.h"
#include "wire/packet.h"

struct tcp; /* tcp/tcp_private.h; embedded in the worker through that header */
struct tcb; /* tcp/tcb.h; starts with struct endpoint ep */

int tcp_init(struct tcp *t, struct context *ctx, struct net *net);
void tcp_fini(struct tcp *t);
/* What all receive queues together may pin, bytes of packet buffers; from the start on it is tcp_mem_mb. */
void tcp_set_memory(struct tcp *t, uint64_t bytes);

/* ---- the wire's side, called by the worker ---- */

/* n frames from an Ethernet link of ours, whose address there is `mac`, as they came: what tcp_input would
 * make of them, up to the first that is not the segment that comes most. How many were taken. */
unsigned tcp_input_frames(struct tcp *t, struct rte_mbuf *const *pkts, unsigned n, const uint8_t mac[6]);
/* A parsed segment, mbuf data still at the link header. VERDICT_DONE or VERDICT_DROP. */
enum verdict tcp_input(struct tcp *t, struct pkt *p);
void tcp_icmp_error(struct tcp *t, const struct pkt *p);
/* Neighbour resolution for `dst` failed: SYN-SENT fails with EHOSTUNREACH, others keep it as soft error. */
void tcp_unreachable(struct tcp *t, const struct ip_addr *dst);
/* TIMER_TCB or TIMER_TCP expired. */
void tcp_timer(struct tcp *t, struct wheel_node *node);
/* Decides what to send for every connection touched since the last call, once each, with ctx->now. */
void tcp_output_touched(struct tcp *t);
bool tcp_has_touched(const struct tcp *t);

/* ---- the socket's side ---- */

/* A control block in CLOSED with the tunables' options; NULL when out of memory or at the limit. */
struct tcb *tcp_open(struct tcp *t);
struct endpoint *tcp_endpoint(struct tcb *tcb);
enum { TCP_REUSEADDR = 1, TCP_REUSEPORT = 2 };
/* SO_REUSEADDR, SO_REUSEPORT: what others may share the port, from now on. */
void tcp_set_reuse(struct tcp *t, struct tcb *tcb, unsigned reuse);
/* -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (already bound). port 0: ephemeral (RFC 6056). */
int tcp_bind(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr, uint16_t port);
/* The address alone: connect takes a port that is free towards its peer. Errors as those of tcp_bind. */
int tcp_bind_addr(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr);
/* Binds to an ephemeral port first if need be. A second call changes the backlog. -EADDRINUSE, -EINVAL,
 * -ENOMEM. */
int tcp_listen(struct tcp *t, struct tcb *tcb, int backlog);
/* The oldest finished connection of a listener, its endpoint without owner yet; NULL with *err = EAGAIN,
 * EINVAL (not listening) or the pending error. */
struct tcb *tcp_accept(struct tcp *t, struct tcb *listener, int *err);
/* Starts an active open. 0 when it has begun (result by EPOLLOUT / EPOLLERR), -EISCONN, -EALREADY,
 * -EADDRINUSE, -EADDRNOTAVAIL, -ENETUNREACH, -ECONNREFUSED, ... */
int tcp_connect(struct tcp *t, struct tcb *tcb, const struct ip_addr *addr, uint16_t port);

/* Copies into the send queue. Bytes taken (may be fewer), -EAGAIN, -EPIPE, -ENOTCONN, a pending error.
 * flags: MSG_OOB, MSG_MORE, MSG_EOR. */
ssize_t tcp_send(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, int flags);
/* The payload chain m as data, without a copy. Owns m, also on failure. Takes all or nothing: 0, -EAGAIN, ...
 */
ssize_t tcp_send_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m);
/* Bytes, 0 at end of stream, -EAGAIN, -ENOTCONN, a pending error. flags: MSG_PEEK, MSG_OOB, MSG_TRUNC. */
ssize_t tcp_recv(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, int flags);
/* Up to max bytes of in-order payload as a chain the caller owns; NULL with *err: 0 end of stream, EAGAIN,
 * ... */
struct rte_mbuf *tcp_recv_mbuf(struct tcp *t, struct tcb *tcb, uint32_t max, int *err);
/* how: SHUT_RD, SHUT_WR, SHUT_RDWR. -ENOTCONN. */
int tcp_shutdown(struct tcp *t, struct tcb *tcb, int how);
/* The socket lets go: the endpoint loses its owner, the connection goes on closing by itself (or is
 * reset: unread data, linger 0; a listener resets what it holds). */
void tcp_close(struct tcp *t, struct tcb *tcb);
/* SO_LINGER with a time: is there still unsent or unacknowledged data (or an unacknowledged FIN)? */
bool tcp_is_draining(const struct tcb *tcb);
/* Sends RST where the state asks for it, then as tcp_close. */
void tcp_abort(struct tcp *t, struct tcb *tcb);

/* Level-triggered readiness as epoll(7) and poll(2) define it; what is not `wanted` may be missing. */
uint32_t tcp_poll(const struct tcp *t, const struct tcb *tcb, uint32_t wanted);
/* SO_ERROR: positive errno and clears it. */
int tcp_take_error(struct tcb *tcb);
void tcp_name(const struct tcb *tcb, struct flow_key *out);
/* TCP_ESTABLISHED ... as in linux netinet/tcp.h. */
int tcp_state_linux(const struct tcb *tcb);
bool tcp_is_listener(const struct tcb *tcb);

/* Socket options that live in the control block, level and name as in the system headers (SOL_SOCKET
 * SO_RCVBUF, SO_SNDBUF, SO_LINGER, SO_KEEPALIVE, SO_OOBINLINE, SO_RCVLOWAT; IPPROTO_TCP TCP_*; IPPROTO_IP
 * IP_TTL, IP_TOS). Inherited by accepted connections. -ENOPROTOOPT, -EINVAL. */
int tcp_setopt(struct tcp *t, struct tcb *tcb, int level, int name, const void *val, socklen_t len);
int tcp_getopt(struct tcp *t, struct tcb *tcb, int level, int name, void *val, socklen_t *len);
/* SIOCINQ: unread bytes. SIOCOUTQ: unacknowledged bytes. SIOCOUTQNSD: those of them never sent. */
uint32_t tcp_inq(const struct tcb *tcb);
uint32_t tcp_outq(const struct tcb *tcb);
uint32_t tcp_outq_unsent(const struct tcb *tcb);
/* SIOCATMARK: has the reader come to the urgent mark? (RFC9293-MUST-33) */
bool tcp_at_mark(const struct tcb *tcb);

/* Who is there, for leak checks and plx-ss. */
struct tcp_census {
    uint32_t tcbs, half_open, time_wait, listeners;
};
void tcp_census(const struct tcp *t, struct tcp_census *out);

#endif
