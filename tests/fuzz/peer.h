/* SPDX-License-Identifier: BSD-3-Clause */
/* The far end of a connection, told by the input what to send: segments with right checksums and numbers near
 * the windows, ICMP errors; and what the stack's application does meanwhile. */
#ifndef TESTS_FUZZ_PEER_H
#define TESTS_FUZZ_PEER_H

#include "fixture.h"

struct peer {
    struct fixture f;
    struct segment base; /* addresses, ports */
    uint32_t nxt;        /* what we would send next */
    uint32_t una;        /* what the stack has acknowledged */
    uint32_t stack_nxt;  /* what the stack would send next */
    uint32_t ts, ts_echo;
    bool ts_used;
};

/* A world with nothing in it yet but a listener. */
void peer_init(struct peer *p);
void peer_send(struct peer *p, const struct segment *s);
/* Learns from what the stack has sent to us last. */
void peer_observe(struct peer *p);
void peer_add_timestamps(struct peer *p, struct segment *s, uint32_t tsval);
/* One step: [what] [flags] [seq delta] [ack delta] [window] [length] ... [wait]; with the two highest bits of
 * `what` and not its third an ICMP error or a call of the application instead. */
void peer_fuzz(struct peer *p, struct input *in);

#endif
