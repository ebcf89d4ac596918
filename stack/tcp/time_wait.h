/* SPDX-License-Identifier: BSD-3-Clause */
/* TIME-WAIT (RFC9293-3.6.1) in compact entries: one list in the order of expiry, a bound on
 * their number, RST ignored (RFC 1337), early reuse by a new SYN (RFC 6191, RFC1122-4.2.2.13). */
#ifndef PLX_TCP_TIME_WAIT_H
#define PLX_TCP_TIME_WAIT_H

#include "base/addr.h"
#include "base/seq.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "wire/packet.h"

struct tcp;
struct tcb;

enum { TIME_WAIT_TS = 1 << 0, TIME_WAIT_REUSEADDR = 1 << 1, TIME_WAIT_REUSEPORT = 1 << 2 };

struct time_wait {
    struct flow_key flow;
    seq_t rcv_nxt, snd_nxt;
    uint32_t rcv_wnd;
    uint32_t ts_recent, ts_recent_at, ts_offset;
    uint32_t next, prev;
    uint32_t deadline; /* wheel ticks, low 32 bits */
    uint32_t last_ack; /* ms; bounds answers to out-of-window segments */
    uint8_t flags;     /* TIME_WAIT_* */
    uint8_t rcv_wscale;
    uint8_t ttl, tos;
};

_Static_assert(sizeof(struct time_wait) == 80, "with its place in the table within 96");

struct time_wait_list {
    struct slab slab;
    uint32_t head, tail; /* oldest first */
    struct wheel_node timer;
};

int time_wait_init(struct tcp *t);
void time_wait_fini(struct tcp *t);
/* An entry takes over from tcb, which leaves the table (the entry inherits its slot). At the bound, or
 * without memory, the connection just ends (counted), as on Linux. */
void time_wait_enter(struct tcp *t, struct tcb *tcb);
/* Sets p->drop, unless a new connection takes the segment. */
void time_wait_input(struct tcp *t, uint32_t index, struct pkt *p, const struct flow_key *f, uint32_t hash);
/* May connect() take this 4-tuple again? With timestamps (RFC 6191), as tcp_tw_reuse says, after a second; at
 * once when the application has `bound` the port itself, as on Linux. */
bool time_wait_reusable(const struct tcp *t, uint32_t index, bool bound);
void time_wait_remove(struct tcp *t, uint32_t index);
void time_wait_timer(struct tcp *t);
struct time_wait *time_wait_at(const struct tcp *t, uint32_t index);

#endif
