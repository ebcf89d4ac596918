/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies (RFC4987-3.6): when the SYN queue is full, what an entry would remember is put
 * into the numbers of the SYN,ACK instead, and comes back with the final ACK. The sequence number holds
 * a minute counter, the class of the peer's MSS and a keyed hash of the flow; window scale, SACK and ECN
 * stand in the low bits of the timestamp, where the peer has one, as on Linux. A SYN costs no memory. */
#ifndef PLX_TCP_SYN_COOKIE_H
#define PLX_TCP_SYN_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rng.h"
#include "tcp/listener.h"
#include "tcp/syn_queue.h"
#include "wire/packet.h"

struct tcp;

/* tcp_syncookies */
enum { SYN_COOKIES_NEVER, SYN_COOKIES_AUTO, SYN_COOKIES_ALWAYS };

struct syn_cookies {
    struct siphash_key start; /* where a flow's numbers begin */
    struct siphash_key mac;   /* proves that a number is ours, and of which minute */
};

void syn_cookies_init(struct syn_cookies *c, struct rng *r);
/* Turns an entry that describes a SYN and lies in no queue into its cookie: iss, and mss and options cut to
 * what a cookie can carry. */
void syn_cookie_bake(struct tcp *t, struct half_open *h);
/* The timestamp of its SYN,ACK, before the flow's offset is added. */
uint32_t syn_cookie_msec(const struct tcp *t, const struct half_open *h);
/* Is the ACK in p the answer to a cookie of the last two minutes, and did `l` give any lately? *h is then
 * the entry as the SYN had it, in no queue. Counts both outcomes. */
bool syn_cookie_open(struct tcp *t, const struct listener *l, const struct pkt *p, const struct flow_key *f,
                     struct half_open *h);

#endif
