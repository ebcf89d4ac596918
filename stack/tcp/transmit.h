/* SPDX-License-Identifier: BSD-3-Clause */
/* Making segments: header from the control block (or from less), payload copied or chained. */
#ifndef PLX_TCP_TRANSMIT_H
#define PLX_TCP_TRANSMIT_H

#include <stdint.h>

#include "tcp/tcb.h"
#include "wire/packet.h"

struct tcp;

#define TRANSMIT_COPY_MAX                                                                                    \
    256u /* payload up to here is copied behind the header: cheaper than another buffer */

/* The way to the peer, looked up again if need be; an update of the MSS may come with it. 0 or -errno. */
int transmit_path(struct tcp *t, struct tcb *tcb);
struct snd_rec;
/* The record goes out in the buffer where it lies and stays there for another time: the driver gets a
 * reference of its own. False: not possible. */
bool transmit_in_place(struct tcp *t, struct tcb *tcb, const struct snd_rec *r, uint8_t flags);
/* `n` records from `first` on (their payload `len` bytes) as one segment, or as one burst for the device
 * to cut (n > 1). `flags` besides ACK. 0; -ENOBUFS: nothing was sent. */
int transmit_records(struct tcp *t, struct tcb *tcb, uint32_t first, uint32_t n, uint32_t len, uint8_t flags);
/* A segment without data. */
int transmit_bare(struct tcp *t, struct tcb *tcb, seq_t seq, uint8_t flags);

/* A segment of no connection, or of one in compact form. `path` may be NULL: looked up for the occasion. */
void transmit_reply(struct tcp *t, const struct flow_key *f, struct net_path *path, const struct tcp_view *v,
                    uint8_t ttl, uint8_t tos);
/* The RST that RFC9293-3.10.7.1 asks for in answer to p; none to a RST. */
void transmit_reset_for(struct tcp *t, const struct pkt *p);

#endif
