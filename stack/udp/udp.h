/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP (RFC 768, RFC1122-4.1): control blocks, demultiplexing, send and receive. Thread: the
 * worker's own. Errors are negative errno. */
#ifndef PLX_UDP_UDP_H
#define PLX_UDP_UDP_H

#include <sys/uio.h>

#include "base/context.h"
#include "base/slab.h"
#include "net/net.h"

struct udp_pcb; /* starts with struct endpoint ep */

#define UDP_PORT_BUCKETS 1024
#define UDP_FLOW_BUCKETS 4096

struct udp {
    struct context *ctx;
    struct net *net;
    struct slab pcbs;
    struct slab datagrams; /* records of the receive queues */
    struct slab errors;    /* entries of error queues */
    struct siphash_key key;
    uint32_t n_pcbs, n_connected;
    /* Heads of chains of control blocks. */
    uint32_t by_port[UDP_PORT_BUCKETS]; /* every one; those not bound at port 0 */
    uint32_t open[UDP_PORT_BUCKETS];    /* bound and not connected */
    uint32_t by_flow[UDP_FLOW_BUCKETS]; /* connected */
};

int udp_init(struct udp *u, struct context *ctx, struct net *net);
void udp_fini(struct udp *u);

/* A fresh, unbound control block; NULL when out of memory. */
struct udp_pcb *udp_open(struct udp *u);
void udp_close(struct udp *u, struct udp_pcb *pcb);
struct endpoint *udp_endpoint(struct udp_pcb *pcb);

enum { UDP_REUSEADDR = 1, UDP_REUSEPORT = 2 };
/* port 0: an ephemeral one (RFC 6056). -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (already bound). */
int udp_bind(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *addr, uint16_t port, unsigned flags);
/* NULL dissolves the association (AF_UNSPEC). -ENETUNREACH, ... */
int udp_connect(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *addr, uint16_t port);
void udp_name(const struct udp_pcb *pcb, struct flow_key *out);

/* dst NULL: the connected peer. Bytes sent, or -EDESTADDRREQ, -EMSGSIZE, -ENOBUFS, -EHOSTUNREACH,
 * -ENETUNREACH, -EACCES, -EISCONN never (Linux sends to the given address). */
ssize_t udp_send(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n,
                 const struct ip_addr *dst, uint16_t port);
/* Zero copy: the payload chain m is the datagram. Owns m, also on failure. */
ssize_t udp_send_take(struct udp *u, struct udp_pcb *pcb, struct rte_mbuf *m, const struct ip_addr *dst,
                      uint16_t port);
/* One datagram. Its full length (more than was copied: truncated); -EAGAIN; a pending error. flags: MSG_PEEK.
 */
ssize_t udp_recv(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n, int flags,
                 struct ip_addr *src, uint16_t *port);
/* The datagram itself, data at the payload; the caller owns it. NULL: none. */
struct rte_mbuf *udp_recv_mbuf(struct udp *u, struct udp_pcb *pcb, struct ip_addr *src, uint16_t *port);
uint32_t udp_poll(const struct udp_pcb *pcb); /* level: EPOLLIN, EPOLLOUT, EPOLLERR */
/* One entry of the error queue (ip(7), IP_RECVERR). */
struct udp_error_info {
    uint8_t origin, type, code; /* as in struct sock_extended_err */
    uint8_t err;                /* errno */
    uint32_t info;              /* the MTU, when that was too small */
    struct ip_addr offender;    /* who sent the ICMP message */
    struct ip_addr dst;         /* where the datagram went */
    uint16_t dport;
    uint32_t len; /* bytes that are left of its payload */
};
/* The oldest one, with what is left of the datagram's payload: bytes copied, or -EAGAIN. */
ssize_t udp_recv_error(struct udp *u, struct udp_pcb *pcb, const struct iovec *iov, int n,
                       struct udp_error_info *out);
int udp_take_error(struct udp_pcb *pcb);          /* positive errno and clears it, 0 */
uint32_t udp_next_len(const struct udp_pcb *pcb); /* length of the datagram at the head, 0 (FIONREAD) */

/* Options of the control block: enum udp_opt with u32 values. */
enum udp_opt {
    UDP_OPT_RCVBUF,
    UDP_OPT_SNDBUF,
    UDP_OPT_TTL,
    UDP_OPT_TOS,
    UDP_OPT_BROADCAST,
    UDP_OPT_RECVERR,
    UDP_OPT_FREEBIND,
    UDP_OPT_MTU_DISCOVER, /* IP_PMTUDISC_* */
};
int udp_setopt(struct udp *u, struct udp_pcb *pcb, enum udp_opt opt, uint32_t value);
uint32_t udp_getopt(const struct udp_pcb *pcb, enum udp_opt opt);

/* VERDICT_DONE or VERDICT_DROP. Port unreachable is answered here. */
enum verdict udp_input(struct udp *u, struct pkt *p);
void udp_icmp_error(struct udp *u, const struct pkt *p);
void udp_unreachable(struct udp *u, const struct ip_addr *dst);

#endif
