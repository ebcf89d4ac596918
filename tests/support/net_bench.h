/* SPDX-License-Identifier: BSD-3-Clause */
/* A network layer (and UDP on it) on a bench: one interface whose wire is in the test's hands, virtual
 * time, and short ways to put packets in and look at what comes out. */
#ifndef TEST_SUPPORT_NET_BENCH_H
#define TEST_SUPPORT_NET_BENCH_H

#include "support/capture_netdev.h"
#include "support/context.h"
#include "support/frame.h"

#include "net/net.h"
#include "udp/udp.h"

/* The host under test is 10.0.0.1/24, its gateway 10.0.0.254. */
#define BENCH_IP    "10.0.0.1"
#define BENCH_GW    "10.0.0.254"
#define BENCH_PEER  "10.0.0.2"
#define BENCH_START (1000 * NSEC_PER_SEC)

extern const uint8_t bench_mac[6], bench_peer_mac[6], bench_gw_mac[6], bench_broadcast_mac[6];

struct net_bench {
    struct test_context t;
    struct net net;
    struct udp udp;
    struct capture wire;
    enum verdict verdict; /* of the last packet put in */
    enum counter drop;    /* and why, when it was VERDICT_DROP */
    struct pkt pkt;       /* and its view */
    struct frame f;       /* scratch */
};

void bench_init(struct net_bench *b);
/* The same as cmocka's setup and teardown: *state is the bench. */
int bench_setup(void **state);
int bench_teardown(void **state);
/* With the wire as the caller has set it up (capture_init, caps). */
void bench_init_wire(struct net_bench *b);
/* Checks that nothing leaked. */
void bench_fini(struct net_bench *b);

struct ip_addr bench_addr(const char *text);
uint32_t bench_be(const char *text);

/* Hands the frame in b->f to the stack and does what a worker does with the verdict. */
enum verdict bench_input(struct net_bench *b);
/* The same in segments of `first`, then `each` bytes. */
enum verdict bench_input_cut(struct net_bench *b, size_t first, size_t each);
enum verdict bench_input_mbuf(struct net_bench *b, struct rte_mbuf *m);
/* Takes packets to ourselves through the input, until there are none. */
void bench_loopback(struct net_bench *b);
/* Lets time pass, timers firing when they are due; 1 ms steps at most where something is due. */
void bench_advance(struct net_bench *b, nsec_t by);

/* An ARP packet from the wire. */
enum verdict bench_arp(struct net_bench *b, uint16_t op, const uint8_t eth_dst[6], const uint8_t sha[6],
                       const char *spa, const uint8_t tha[6], const char *tpa);
/* Makes BENCH_PEER (or another) a known, reachable neighbour. */
void bench_know(struct net_bench *b, const char *ip, const uint8_t mac[6]);
/* Starts a frame from bench_peer_mac to us: Ethernet and IP header are in b->f. */
void bench_ip4(struct net_bench *b, const char *src, const char *dst, uint8_t proto);

/* A packet sent, flat. len 0: none was. */
struct bench_sent {
    size_t len;
    uint64_t ol_flags;
    uint16_t nb_segs;
    uint8_t b[FRAME_MAX];
};
/* Flushes and takes the oldest packet sent. */
void bench_sent(struct net_bench *b, struct bench_sent *out);
/* Flushes; how many were sent and not yet taken. */
unsigned bench_n_sent(struct net_bench *b);
void bench_clear_sent(struct net_bench *b);

static inline uint16_t bench_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint64_t bench_count(const struct net_bench *b, enum counter c)
{
    return b->t.ctx.counters.v[c];
}

/* A test on a bench of its own. */
#define BENCH_TEST(fn) cmocka_unit_test_setup_teardown(fn, bench_setup, bench_teardown)

#endif
