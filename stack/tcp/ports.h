/* SPDX-License-Identifier: BSD-3-Clause */
/* Who holds which local port: bind's conflicts as on Linux (SO_REUSEADDR, SO_REUSEPORT), ephemeral
 * ports by RFC6056-3.3.4 (double hash), and the listeners of a port. */
#ifndef PLX_TCP_PORTS_H
#define PLX_TCP_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/slab.h"

struct tcp;
struct tcb;

#define PORTS_COUNTERS 256

/* Made when a port gets its first user, gone with its last. */
struct port {
    uint32_t holders;   /* tcbs bound here, linked by port_next */
    uint32_t listeners; /* of those in LISTEN: struct listener, linked by next */
    uint32_t children;  /* connections that came in through a listener, and TIME-WAIT entries */
    uint32_t children_no_reuseaddr, children_no_reuseport; /* of those: without that option */
    uint32_t explicit_binds;                               /* holders that came by bind(), not by connect() */
};

struct ports {
    const struct memory *mem;
    uint32_t *by_number; /* 65,536 indices into slab; pages are touched as ports are used */
    struct slab slab;
    struct siphash_key key;
    uint32_t counter[PORTS_COUNTERS]; /* RFC 6056's table */
};

int ports_init(struct ports *p, const struct memory *mem, const struct siphash_key *key);
void ports_fini(struct ports *p);
/* NULL when nobody uses it. */
struct port *ports_at(const struct ports *p, uint16_t number);
/* Binds tcb (flow.local is the address asked for) to `number`. -EADDRINUSE, -ENOMEM. */
int ports_bind(struct tcp *t, struct tcb *tcb, uint16_t number);
/* A free port for bind(0) on tcb->flow.local. -EADDRINUSE when there is none. */
int ports_bind_ephemeral(struct tcp *t, struct tcb *tcb);
/* A local port for tcb->flow's remote end such that the connection is unique. -EADDRNOTAVAIL. */
int ports_bind_for_connect(struct tcp *t, struct tcb *tcb);
void ports_release(struct tcp *t, struct tcb *tcb);
/* Before LISTEN: may tcb listen here, among the listeners there are? -EADDRINUSE. */
int ports_check_listen(struct tcp *t, const struct tcb *tcb);
/* A connection or TIME-WAIT entry that is only counted; reuse: TCP_BIND_* it was bound with. 0 or -ENOMEM. */
int ports_child_add(struct ports *p, uint16_t number, unsigned reuse);
/* TCP_REUSEADDR, TCP_REUSEPORT of a control block. */
unsigned ports_reuse(const struct tcb *tcb);
void ports_set_reuse(struct tcp *t, struct tcb *tcb, unsigned reuse);
void ports_child_remove(struct ports *p, uint16_t number, unsigned reuse);

#endif
