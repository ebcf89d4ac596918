/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of the program's own on Pollux's wires, beside the stack: for generators, reflectors, probes. A
 * worker that has claimed a wire receives on its own queue what the stack would have received, hands on what
 * is the stack's (ARP, ping) and sends frames that it has built. One loop does it all:
 *
 *     plx_frame_claim(0, 1);
 *     while (!plx_stopping()) {
 *         plx_frame_round();
 *         int n = plx_frame_recv(0, pkts, 32);
 *         ... free them, send them back, or plx_frame_input_take(0, pkts, n) ...
 *     }
 *
 * A frame is an rte_mbuf whose data starts at the Ethernet header, without the frame check sequence. Unless
 * said otherwise the calls are for workers; on another thread they return -1 with EPERM. */
#ifndef PLX_FRAME_H
#define PLX_FRAME_H

#include <netinet/in.h>
#include <stdint.h>

#include <plx_api.h>

PLX_BEGIN_DECLS

struct rte_mbuf;

struct plx_wire {
    char name[64];      /* as given to --dev */
    int ether;          /* has Ethernet headers; else frames start at the IP header */
    uint8_t mac[6];     /* ours */
    uint16_t mtu;       /* IP bytes */
    int multi_segment;  /* takes frames of several mbufs */
    uint32_t speed;     /* of the link, Mbit/s; 0: it has none of its own, or it is not known */
    struct in_addr ip;  /* our first address */
    uint8_t prefix_len; /* and its network's */
};

/* The index-th wire, in the order of --dev, from 0. 0, or -1 with EINVAL past the last one. Any thread,
 * between plx_init and plx_fini. */
PLX_API int plx_wire(unsigned index, struct plx_wire *out);

/* From now on (`on` not 0) frames that come in on this worker's queue of the wire are received by
 * plx_frame_recv alone; 0 gives them back to the stack. 0, or -1 with EINVAL (no such wire). */
PLX_API int plx_frame_claim(unsigned wire, int on);

/* Up to n frames; the caller owns them. How many, 0 when there are none. */
PLX_API int plx_frame_recv(unsigned wire, struct rte_mbuf **pkts, int n);
/* Frames of a claimed wire that the stack shall see after all. Takes them; what it answers leaves with the
 * next plx_frame_round. */
PLX_API int plx_frame_input_take(unsigned wire, struct rte_mbuf **pkts, int n);
/* Hands frames to the wire and takes the first returned many; the rest, for which the wire has no room at the
 * moment, stay the caller's. Their checksums are as they shall be on the wire. */
PLX_API int plx_frame_send(unsigned wire, struct rte_mbuf **pkts, int n);
/* n empty buffers of this worker's pool, all or none: n, or -1 with ENOBUFS (not counted as a drop: nothing
 * is lost yet). */
PLX_API int plx_frame_alloc(struct rte_mbuf **pkts, int n);

/* What else the worker has to do: timers, packets from other workers, answers of the stack, the state of
 * links. Reads the time once; wires that have a time of their own (--impair, pcap) go by it. Call it now and
 * then, also under load: every 100 us will do. How much was done, 0: nothing. */
PLX_API int plx_frame_round(void);
/* There is nothing to do for `ns` nanoseconds unless something comes in: sleeps as the tunable `idle` says.
 * Always 0. */
PLX_API int plx_frame_wait(uint64_t ns);

/* Which wire frames to an address leave by, and the link address they go to: by the routes, and by ARP. 0; or
 * -1 with EINPROGRESS (asked for: run rounds and call again), EHOSTUNREACH (nobody answers), ENETUNREACH (no
 * route), EADDRINUSE (it is an address of ours), EOPNOTSUPP (the wire has no link layer). */
PLX_API int plx_frame_link_address(struct in_addr dst, unsigned *wire, uint8_t mac[6]);

PLX_END_DECLS

#endif
