/* SPDX-License-Identifier: BSD-3-Clause */
/* The SYN queue: passive opens that wait for their final ACK, as compact entries with their own
 * SYN-ACK retransmission (1, 2, 4, ... s). One first-in first-out list per number of retransmissions,
 * since all entries of a list wait equally long: no timer per entry. */
#ifndef PLX_TCP_SYN_QUEUE_H
#define PLX_TCP_SYN_QUEUE_H

#include "base/addr.h"
#include "base/seq.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "net/net.h"
#include "wire/packet.h"

struct tcp;
struct tcb;
struct listener;

#define SYN_QUEUE_LEVELS 8 /* tcp_synack_retries is held below it; level 7 waits 128 s */

enum {
    HALF_OPEN_TS = 1 << 0,
    HALF_OPEN_SACK = 1 << 1,
    HALF_OPEN_WSCALE = 1 << 2,
    HALF_OPEN_ACKED = 1 << 3, /* the final ACK came and the accept queue was full */
    HALF_OPEN_ECN = 1 << 4,
    HALF_OPEN_COOKIE = 1 << 5, /* in no queue: described by a cookie (syn_cookie.h) */
};

struct half_open {
    struct flow_key flow;
    struct net_path path;
    seq_t irs, iss;
    uint32_t ts_recent;
    uint32_t sent_at;    /* us; when it came to its level: its deadline, and the first RTT sample */
    uint32_t listener;   /* index */
    uint32_t next, prev; /* list of its level */
    uint16_t last_ack;   /* ms; last challenge or duplicate answered; 0: never */
    uint16_t mss;        /* of the peer */
    uint8_t level;       /* retransmissions so far */
    uint8_t opts;        /* HALF_OPEN_* */
    uint8_t peer_wscale : 4, rcv_wscale : 4;
    uint8_t tos;
};

_Static_assert(sizeof(struct half_open) == 84, "with its place in the table within 96");

struct syn_queue {
    struct slab slab;
    struct {
        uint32_t head, tail;
    } level[SYN_QUEUE_LEVELS];
    struct wheel_node timer;
};

int syn_queue_init(struct tcp *t);
void syn_queue_fini(struct tcp *t);
/* What the SYN in p asks of listener l, without memory: in no table, no list. */
void syn_queue_describe(struct tcp *t, const struct listener *l, const struct pkt *p,
                        const struct flow_key *f, struct half_open *h);
/* An entry for the SYN in p, in the table and due for retransmission in a second; NULL when there is no
 * room for it. The SYN-ACK is the caller's business. */
struct half_open *syn_queue_add(struct tcp *t, struct listener *l, const struct pkt *p,
                                const struct flow_key *f);
/* Out of the table and freed. */
void syn_queue_remove(struct tcp *t, struct half_open *h);
/* Out of the queue and freed, while its table slot already belongs to the connection made of it. */
void syn_queue_forget(struct tcp *t, struct half_open *h);
void syn_queue_drop_listener(struct tcp *t, uint32_t listener);
/* The window that its SYN,ACK offers. */
uint32_t syn_queue_window(const struct tcp *t, const struct half_open *h);
void syn_queue_send_syn_ack(struct tcp *t, struct half_open *h);
/* The retransmission timer: sends SYN-ACKs again, drops those out of retries. Bounded work. */
void syn_queue_timer(struct tcp *t);
struct half_open *half_open_at(const struct tcp *t, uint32_t index);
uint32_t half_open_index(const struct tcp *t, const struct half_open *h);

#endif
