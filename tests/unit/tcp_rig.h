/* SPDX-License-Identifier: BSD-3-Clause */
/* One TCP between a test that plays the socket and a test that plays the peer: segments in, segments out,
 * on raw IP, in virtual time. We are 10.0.0.1, the peer is 10.0.0.2. */
#ifndef TEST_UNIT_TCP_RIG_H
#define TEST_UNIT_TCP_RIG_H

#include "support/capture_netdev.h"
#include "support/context.h"
#include "support/frame.h"
#include "support/segment.h"
#include "tcp/tcp_private.h"

#define RIG_PORT      7u
#define RIG_PEER_PORT 40000u
#define RIG_PEER_ISN  1000u

struct rig {
    struct test_context tc;
    struct net net;
    struct tcp tcp;
    struct capture cap;
    /* the peer's side of one connection */
    uint16_t peer_port, our_port;
    uint32_t peer_seq; /* what it sends next */
    uint32_t peer_ack; /* what it expects next */
    uint16_t peer_window;
    uint8_t peer_opt[40]; /* options of its SYN */
    uint8_t n_peer_opt;
    uint8_t buf[2048]; /* the last segment taken: struct segment points into it */
};

void rig_init(struct rig *r);
/* Closes everything; fails when a packet buffer is left. */
void rig_fini(struct rig *r);
struct ip_addr rig_addr(const char *text);

/* A segment from the peer with its numbers; data may be NULL. peer_seq moves on. */
void rig_in(struct rig *r, uint8_t flags, const void *data, uint32_t len);
/* The same with a sequence number of its own; peer_seq stays. */
void rig_in_at(struct rig *r, uint8_t flags, uint32_t seq, const void *data, uint32_t len);
/* Output of everything touched; the oldest segment sent into *out; false: none. */
bool rig_out(struct rig *r, struct segment *out);
/* There is one, with exactly these flags; its data acknowledged in peer_ack. */
struct segment rig_expect(struct rig *r, uint8_t flags);
void rig_expect_nothing(struct rig *r);
/* Timers up to `ms` from now. */
void rig_wait(struct rig *r, uint64_t ms);

struct tcb *rig_listen(struct rig *r, int backlog);
/* SYN, SYN-ACK, ACK: but for accept. */
void rig_handshake(struct rig *r);
/* ... and accept; its endpoint has an owner. */
struct tcb *rig_accept(struct rig *r, struct tcb *listener);
struct tcb *rig_connected(struct rig *r);
/* connect() up to ESTABLISHED. */
struct tcb *rig_connect(struct rig *r);
ssize_t rig_send(struct rig *r, struct tcb *tcb, const void *data, size_t len);
ssize_t rig_recv(struct rig *r, struct tcb *tcb, void *data, size_t len);
uint64_t rig_count(const struct rig *r, enum counter c);

#endif
