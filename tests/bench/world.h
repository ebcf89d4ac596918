/* SPDX-License-Identifier: BSD-3-Clause */
/* A server without EAL, its clients in memory, and a clock that the bench turns: one engine with the
 * public calls on it (plx_*), a listener on PEER_PORT and an epoll. */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include <stdint.h>

#include "peer.h"
#include "posix/engine.h"
#include "wire.h"

#define WORLD_RAW_MAX 64

/* What a client is to send next. */
enum peer_send {
    SEND_SYN,
    SEND_ACK,
    SEND_DATA, /* world.request bytes, acknowledging what came */
    SEND_FIN,
    SEND_BREAK, /* nothing: the burst ends here */
};

struct world_job {
    uint32_t conn;
    uint8_t send;
};

struct world {
    struct memory mem; /* counts what is committed */
    size_t committed;
    struct tunables tun;
    struct rte_mempool *hdr, *data, *rx;
    struct worker worker;
    struct engine engine;
    struct bench_wire wire;
    struct peer peer;
    nsec_t now, step;
    uint16_t request; /* bytes of SEND_DATA */
    int listener, epoll;
    /* what waits to be received, first in first out; the ring's size is a power of two */
    struct world_job *jobs;
    uint32_t head, tail, mask;
    uint8_t raw[WORLD_RAW_MAX][64]; /* ARP answers, before all others */
    uint32_t raw_head, raw_tail;
    /* A segment of client i has arrived: what does it do? */
    void (*on_segment)(struct world *w, uint32_t i);
};

struct world_config {
    uint32_t conns; /* clients there may be */
    bool offload;   /* the wire does checksums */
};

/* Ends the program with a message when it cannot. `w` is zero. */
void world_init(struct world *w, const struct world_config *cfg);
void world_push(struct world *w, uint32_t conn, enum peer_send what);
/* Puts `n` clients from index `first` through the handshake; the application accepts them all and
 * registers each for EPOLLIN. */
void world_establish(struct world *w, uint32_t first, uint32_t n);
/* What the server holds at this moment: committed address space and heap, bytes. */
size_t world_memory(const struct world *w);
/* One turn of the application: waits, accepts, echoes what came, closes what ended. Connections finished. */
unsigned world_echo_turn(struct world *w);
void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
