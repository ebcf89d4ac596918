/* SPDX-License-Identifier: BSD-3-Clause */
/* One engine: its interfaces, protocols, tables, timers and pools. Shares nothing with other workers
 * but the rings of its group. Reads no clock: `now` is an argument. Several may live in one process. */
#ifndef PLX_WORKER_H
#define PLX_WORKER_H

#include "base/context.h"
#include "net/net.h"
#include "tcp/tcp_private.h"
#include "udp/udp.h"

#define WORKER_RX_BURST 32
#define WORKER_MAX      64

struct worker_group; /* the rings between the workers of one process: worker_group.h */

struct worker_config {
    const struct memory *mem;
    const struct tunables *tun; /* borrowed for the worker's life */
    struct rte_mempool *hdr_pool, *data_pool;
    struct siphash_key seed;
    struct log log;
    struct worker_group *group; /* NULL: alone */
    uint16_t id, n_workers;
    nsec_t now;
};

struct worker {
    struct context ctx; /* first */
    struct net net;
    struct tcp tcp;
    struct udp udp;
    struct worker_group *group;
    nsec_t link_checked;
    uint32_t links_up;   /* of the group's, already announced */
    uint32_t links_down; /* bits of the interfaces */
};

/* 0 or -ENOMEM. */
int worker_init(struct worker *w, const struct worker_config *cfg);
/* Frees every connection and packet; sends nothing. The netdevs stay the caller's. */
void worker_fini(struct worker *w);

/* First half of a round: packets in, timers that are due. Afterwards ctx.ready holds whom it concerns.
 * Interfaces that the application has claimed are left to it. Returns how much was done (0: idle). */
unsigned worker_poll_input(struct worker *w, nsec_t now);
/* Frames of a claimed interface (netif.claimed) that are the engine's after all: ARP, ping, whatever the
 * application does not want. Takes them. */
void worker_frames_input_take(struct worker *w, uint8_t netif, struct rte_mbuf **pkts, unsigned n);
/* Second half, after the application's turn: output of every touched connection, one flush. */
void worker_poll_output(struct worker *w, nsec_t now);
/* Both, for those without an application in between. */
unsigned worker_poll(struct worker *w, nsec_t now);
/* When to poll next if nothing comes in: earliest timer or wire event; `now` or earlier when there is
 * work already; NSEC_NEVER. */
nsec_t worker_next_event(struct worker *w);
/* Has a connection output to decide on, or does a packet wait for its wire? */
bool worker_has_unsent(const struct worker *w);

#endif
