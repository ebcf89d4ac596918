/* SPDX-License-Identifier: BSD-3-Clause */
/* The control block, shared by the files of udp/. */
#ifndef PLX_UDP_UDP_PRIVATE_H
#define PLX_UDP_UDP_PRIVATE_H

#include "base/mbuf.h"
#include "udp/udp.h"

/* The chains a control block hangs on. */
enum udp_chain { UDP_BY_PORT, UDP_OPEN, UDP_BY_FLOW, UDP_CHAINS };

/* A datagram in a receive queue: m's data is the payload. */
struct udp_datagram {
    struct rte_mbuf *m;
    struct ip_addr src;
    uint32_t next;
    uint16_t sport;
};

struct udp_pcb {
    struct endpoint ep;   /* first */
    struct flow_key flow; /* remote and rport only when connected; lport 0: not bound */
    uint32_t next[UDP_CHAINS];
    uint8_t reuse; /* UDP_REUSE* at bind */
    bool connected;
    bool fixed_addr, fixed_port; /* by bind, not chosen: they survive a dissolved association */
    bool broadcast;              /* SO_BROADCAST */
    uint8_t ttl, tos;
    uint8_t error; /* pending errno */
    uint32_t q_head, q_tail;
    uint32_t q_pinned;   /* bytes charged */
    uint32_t q_next_len; /* of the datagram at the head, 0 when there is none */
    uint32_t rcvbuf, sndbuf;
    uint32_t err_head, err_tail; /* udp_error.c */
    uint8_t n_errors;
    bool recverr;         /* IP_RECVERR */
    bool freebind;        /* IP_FREEBIND */
    uint8_t mtu_discover; /* IP_MTU_DISCOVER: IP_PMTUDISC_DONT, _WANT, _DO */
    /* The way to where it sent last. */
    struct net_path path;
    struct ip_addr path_src, path_dst;
};

static inline struct udp_pcb *udp_pcb_at(const struct udp *u, uint32_t idx)
{
    return slab_at(&u->pcbs, idx);
}

static inline struct udp_datagram *udp_datagram_at(const struct udp *u, uint32_t idx)
{
    return slab_at(&u->datagrams, idx);
}

/* Puts a control block on the chains its state asks for, and takes it off them: its ports, addresses and
 * `connected` may change in between. */
void udp_link(struct udp *u, struct udp_pcb *pcb);
void udp_unlink(struct udp *u, struct udp_pcb *pcb);
/* Gives it an ephemeral port at its local address, while it is not linked. 0 or -EADDRINUSE. */
int udp_choose_port(struct udp *u, struct udp_pcb *pcb);
/* The connected one with exactly this flow, or NULL. */
struct udp_pcb *udp_find_connected(struct udp *u, const struct flow_key *f);
/* Who gets a datagram of this flow: the connected one, else the most specific. */
struct udp_pcb *udp_find(struct udp *u, const struct flow_key *f);

/* The error queue (udp_error.c). */
int udp_errors_init(struct udp *u);
void udp_errors_fini(struct udp *u);
/* An ICMP error about a datagram of pcb, as errno `err`; the oldest gives way when there are too many. */
void udp_error_queue(struct udp *u, struct udp_pcb *pcb, const struct pkt *p, int err);
/* A datagram of pcb was too large for a path of this MTU, which we knew ourselves (ip(7)). */
void udp_error_queue_local(struct udp *u, struct udp_pcb *pcb, const struct ip_addr *dst, uint32_t mtu);
void udp_errors_purge(struct udp *u, struct udp_pcb *pcb);

#endif
