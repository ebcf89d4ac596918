/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/ports.h"

#include <assert.h>
#include <errno.h>

#include "base/steer.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"

#define PORTS 65536u

int ports_init(struct ports *p, const struct memory *mem, const struct siphash_key *key)
{
    size_t bytes = PORTS * sizeof(uint32_t);
    *p = (struct ports){.mem = mem, .key = *key};
    int rc = slab_init(&p->slab, mem, sizeof(struct port), PORTS + 1);
    if (rc != 0)
        return rc;
    p->by_number = mem->reserve(mem->user, bytes);
    if (p->by_number != NULL && mem->commit(mem->user, p->by_number, bytes) == 0)
        return 0;
    ports_fini(p);
    return -ENOMEM;
}

void ports_fini(struct ports *p)
{
    if (p->by_number != NULL)
        p->mem->release(p->mem->user, p->by_number, PORTS * sizeof(uint32_t));
    p->by_number = NULL;
    slab_fini(&p->slab);
}

struct port *ports_at(const struct ports *p, uint16_t number)
{
    uint32_t i = p->by_number[number];
    return i != 0 ? slab_at(&p->slab, i) : NULL;
}

static struct port *ports_get(struct ports *p, uint16_t number)
{
    uint32_t i = p->by_number[number];
    if (i == 0)
        i = p->by_number[number] = slab_alloc(&p->slab);
    return i != 0 ? slab_at(&p->slab, i) : NULL;
}

static void ports_put(struct ports *p, uint16_t number)
{
    struct port *port = ports_at(p, number);
    if (port->holders != 0 || port->listeners != 0 || port->children != 0)
        return;
    slab_free(&p->slab, p->by_number[number]);
    p->by_number[number] = 0;
}

int ports_child_add(struct ports *p, uint16_t number, unsigned reuse)
{
    struct port *port = ports_get(p, number);
    if (port == NULL)
        return -ENOMEM;
    port->children++;
    port->children_no_reuseaddr += !(reuse & TCP_REUSEADDR);
    port->children_no_reuseport += !(reuse & TCP_REUSEPORT);
    return 0;
}

void ports_child_remove(struct ports *p, uint16_t number, unsigned reuse)
{
    struct port *port = ports_at(p, number);
    assert(port != NULL && port->children > 0);
    port->children--;
    port->children_no_reuseaddr -= !(reuse & TCP_REUSEADDR);
    port->children_no_reuseport -= !(reuse & TCP_REUSEPORT);
    ports_put(p, number);
}

unsigned ports_reuse(const struct tcb *tcb)
{
    return (tcb_is(tcb, TCB_REUSEADDR) ? TCP_REUSEADDR : 0) |
           (tcb_is(tcb, TCB_REUSEPORT) ? TCP_REUSEPORT : 0);
}

void ports_set_reuse(struct tcp *t, struct tcb *tcb, unsigned reuse)
{
    struct port *port = tcb_is(tcb, TCB_PORT_CHILD) ? ports_at(&t->ports, tcb->flow.lport) : NULL;
    unsigned was = ports_reuse(tcb);
    if (port != NULL) {
        port->children_no_reuseaddr += (was & TCP_REUSEADDR) != 0;
        port->children_no_reuseaddr -= (reuse & TCP_REUSEADDR) != 0;
        port->children_no_reuseport += (was & TCP_REUSEPORT) != 0;
        port->children_no_reuseport -= (reuse & TCP_REUSEPORT) != 0;
    }
    tcb->flags &= ~(TCB_REUSEADDR | TCB_REUSEPORT);
    tcb->flags |= ((reuse & TCP_REUSEADDR) != 0 ? TCB_REUSEADDR : 0) |
                  ((reuse & TCP_REUSEPORT) != 0 ? TCB_REUSEPORT : 0);
}

static bool addrs_overlap(const struct ip_addr *a, const struct ip_addr *b)
{
    return ip_addr_is_any(a) || ip_addr_is_any(b) || ip_addr_eq(a, b);
}

/* Linux's inet_csk_bind_conflict: two may share when both have SO_REUSEADDR and the other does not
 * listen, or both have SO_REUSEPORT, or their addresses differ.
 * RFC9293-MUST-41, RFC9293-MUST-42 */
static bool ports_pair_conflicts(const struct tcb *tcb, const struct tcb *other)
{
    if (tcb_is(tcb, TCB_REUSEADDR) && tcb_is(other, TCB_REUSEADDR) && other->state != TCP_S_LISTEN)
        return false;
    if (tcb_is(tcb, TCB_REUSEPORT) && tcb_is(other, TCB_REUSEPORT))
        return false;
    return addrs_overlap(&tcb->flow.local, &other->flow.local);
}

static bool ports_conflict(const struct tcp *t, const struct port *port, const struct tcb *tcb)
{
    for (uint32_t i = port->holders; i != 0; i = tcb_at(t, i)->port_next)
        if (tcb_at(t, i) != tcb && ports_pair_conflicts(tcb, tcb_at(t, i)))
            return true;
    if (port->children == 0)
        return false;
    return !(tcb_is(tcb, TCB_REUSEADDR) && port->children_no_reuseaddr == 0) &&
           !(tcb_is(tcb, TCB_REUSEPORT) && port->children_no_reuseport == 0);
}

static int ports_hold(struct tcp *t, struct tcb *tcb, uint16_t number, bool explicitly)
{
    struct port *port = ports_get(&t->ports, number);
    if (port == NULL)
        return -ENOMEM;
    uint32_t self = tcb_index(t, tcb);
    tcb->port_prev = 0;
    tcb->port_next = port->holders;
    if (port->holders != 0)
        tcb_at(t, port->holders)->port_prev = self;
    port->holders = self;
    port->explicit_binds += explicitly;
    tcb->flow.lport = number;
    tcb->flags |= TCB_IN_PORTS;
    return 0;
}

int ports_bind(struct tcp *t, struct tcb *tcb, uint16_t number)
{
    struct port *port = ports_at(&t->ports, number);
    if (port != NULL && ports_conflict(t, port, tcb))
        return -EADDRINUSE;
    int rc = ports_hold(t, tcb, number, true);
    if (rc == 0)
        tcb->flags |= TCB_BOUND_PORT;
    return rc;
}

int ports_check_listen(struct tcp *t, const struct tcb *tcb)
{
    struct port *port = ports_at(&t->ports, tcb->flow.lport);
    return port != NULL && ports_conflict(t, port, tcb) ? -EADDRINUSE : 0;
}

void ports_release(struct tcp *t, struct tcb *tcb)
{
    uint16_t number = tcb->flow.lport;
    if (tcb_is(tcb, TCB_PORT_CHILD)) {
        tcb->flags &= ~TCB_PORT_CHILD;
        ports_child_remove(&t->ports, number, ports_reuse(tcb));
    }
    if (!tcb_is(tcb, TCB_IN_PORTS))
        return;
    struct port *port = ports_at(&t->ports, number);
    if (tcb->port_prev != 0)
        tcb_at(t, tcb->port_prev)->port_next = tcb->port_next;
    else
        port->holders = tcb->port_next;
    if (tcb->port_next != 0)
        tcb_at(t, tcb->port_next)->port_prev = tcb->port_prev;
    port->explicit_binds -= tcb_is(tcb, TCB_BOUND_PORT);
    tcb->flags &= ~(TCB_IN_PORTS | TCB_BOUND_PORT);
    ports_put(&t->ports, number);
}

struct port_range {
    uint32_t min, n;
};

static struct port_range ports_range(const struct tcp *t, const struct tcb *tcb)
{
    uint16_t min, max;
    opts_port_range(t, tcb, &min, &max);
    return (struct port_range){min, max - min + 1u};
}

int ports_bind_ephemeral(struct tcp *t, struct tcb *tcb)
{
    struct port_range r = ports_range(t, tcb);
    uint32_t start = rng_below(&t->ctx->rng, r.n);
    for (int unused_only = 1; unused_only >= 0; unused_only--) {
        for (uint32_t i = 0; i < r.n; i++) {
            uint16_t number = (uint16_t)(r.min + (start + i) % r.n);
            struct port *port = ports_at(&t->ports, number);
            if (port != NULL && (unused_only || ports_conflict(t, port, tcb)))
                continue;
            int rc = ports_hold(t, tcb, number, true);
            if (rc == 0)
                tcb->flags |= TCB_BOUND_PORT;
            return rc;
        }
    }
    return -EADDRINUSE;
}

/* Would the connection be unique, and will its packets come to this worker? A TIME-WAIT entry in the way
 * may be taken over when timestamps keep the two connections apart. */
static bool ports_usable(struct tcp *t, struct tcb *tcb, uint16_t number)
{
    struct flow_key f = tcb->flow;
    f.lport = number;
    struct port *port = ports_at(&t->ports, number);
    if (port != NULL && (port->explicit_binds != 0 || port->listeners != 0))
        return false;
    if (number == f.rport && ip_addr_eq(&f.local, &f.remote))
        return false; /* that would be ourselves */
    if (t->ctx->steer != NULL && steer_owner(t->ctx->steer, &f) != t->ctx->worker_id)
        return false;
    conn_ref ref = table_find(&t->table, &f, table_hash(&t->table, &f));
    return ref == 0 || (conn_kind(ref) == CONN_TIME_WAIT && time_wait_reusable(t, conn_index(ref), false));
}

/* RFC6056-3.3.4: the place to start comes from a keyed hash of the remote end and of a counter
 * that only flows of the same hash class share, so neither ports nor their pace can be guessed. */
int ports_bind_for_connect(struct tcp *t, struct tcb *tcb)
{
    struct port_range r = ports_range(t, tcb);
    struct flow_key f = tcb->flow;
    f.lport = 0;
    uint64_t h = siphash(&t->ports.key, &f, FLOW_KEY_BYTES);
    uint32_t *counter = &t->ports.counter[h >> 56];
    for (uint32_t i = 0; i < r.n; i++) {
        uint16_t number = (uint16_t)(r.min + ((uint32_t)h + (*counter)++) % r.n);
        if (ports_usable(t, tcb, number))
            return ports_hold(t, tcb, number, false);
    }
    return -EADDRNOTAVAIL;
}
