/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies between the hosts of a simulated world: a switch with a port for each, which forwards by IP
 * address, and on the way loses in bursts and at the ends of writes, is cut and heals, becomes narrower (a
 * router then says so by ICMP, or cuts into fragments), and carries what an adversary makes up. Random
 * loss, delay and the like are netdev/impair around a port. Everything in virtual time, from one seed. */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netdev/netdev.h"

#define NETWORK_PORTS     8
#define NETWORK_CUTS      4
#define NETWORK_FRAME_MAX 9300

enum cut_way { CUT_BOTH, CUT_TO, CUT_FROM };

/* From `from` to `to` nothing passes to or from `port`. Times count from network_begin. */
struct network_cut {
    nsec_t from, to;
    uint8_t port;
    enum cut_way way;
};

struct network_faults {
    nsec_t burst_every, burst_length; /* means of Gilbert's two states; 0: none */
    double tail;                      /* chance that the segment which ends a write or the stream is lost */
    unsigned n_cuts;
    struct network_cut cut[NETWORK_CUTS];
    nsec_t narrow_at, wide_at; /* between them the path takes narrow_mtu; 0: always wide */
    uint16_t narrow_mtu;
    double marked;   /* chance that a packet which says that it is ECN-capable gets a CE mark */
    bool forged;     /* every now and then what passes to port 1 is followed by a blind attacker's segment */
    uint8_t hostile; /* port; 0: none */
    double mangled;  /* chance that a segment from there is made a weapon of */
};

struct network_config {
    enum netdev_link link;
    uint16_t mtu;
    bool offload; /* ports leave checksums to the device and vouch for what comes in */
    bool multi_seg;
    uint64_t seed;
    struct network_faults faults;
};

struct network;

struct network *network_create(const struct network_config *cfg);
/* The end for host `i` (address 10.0.0.(i+1)), whose received packets come from `pool`. NULL: no memory. The
 * network goes when the last of its ports is closed. */
struct netdev *network_port(struct network *n, unsigned i, struct rte_mempool *pool);
/* The times of faults count from now on. */
void network_begin(struct network *n, nsec_t now);
/* From now on nothing is lost, cut or forged. */
void network_calm(struct network *n);

/* ---- for the adversary ---- */

/* The IP packet, behind a link header that fits, goes to the port of its destination at once. */
void network_emit(struct network *n, const uint8_t *ip, size_t len);
uint64_t *network_dice(struct network *n);
/* One past the last sequence number that the host behind `port` was seen to use from source port `sport`. */
uint32_t *network_furthest(struct network *n, uint8_t port, uint16_t sport);

#endif
