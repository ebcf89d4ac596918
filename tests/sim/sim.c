/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap_pool.h"
#include "posix/socket.h"
#include "support/tee.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "trace.h"

#define CHECK_MAX 64 /* rounds between looks at the control blocks, once there are many rounds */

struct sim {
    const struct scenario *sc;
    struct world w;
    struct traffic t;
    struct sim_result *out;
    struct network *net;
    struct netdev *tee[WORLD_HOSTS];
    nsec_t begin;
    unsigned paused; /* a bit for each pause that was made */
    uint64_t blocks; /* sum over control blocks */
    struct trace trace;
};

static bool sim_fail(struct sim *s, const char *what)
{
    if (s->out->ok)
        snprintf(s->out->why, sizeof(s->out->why), "%s", what);
    s->out->ok = false;
    return false;
}

static void sim_tunables(const struct scenario *sc, struct host *h)
{
    h->quiet = true;
    h->tun.tcp_sack = sc->sack;
    h->tun.tcp_timestamps = sc->timestamps;
    h->tun.tcp_window_scaling = sc->wscale;
    h->tun.offload = sc->offload;
    h->tun.tcp_congestion_control = sc->cong;
    if (sc->ecn) /* else it stays 2: answer only */
        h->tun.tcp_ecn = 1;
    h->tun.tcp_orphan_retries = 15; /* a closed socket outlasts a peer that reads slowly */
}

static struct netdev *sim_wire(struct sim *s, unsigned i)
{
    struct impair_config wire = s->sc->wire;
    struct netdev *end = network_port(s->net, i, s->w.host[i].rx_pool);
    wire.seed += i;
    if (i == s->sc->net.hostile && wire.delay < NSEC_PER_MSEC)
        wire.delay = NSEC_PER_MSEC; /* who answers everything at once, and is answered, needs time to pass */
    return i == 1 ? end : netdev_impair_create(end, &wire);
}

static void sim_limit_pools(const struct scenario *sc, struct host *h)
{
    if (sc->pool_limit == 0)
        return;
    heap_pool_set_limit(h->rx_pool, sc->pool_limit);
    heap_pool_set_limit(h->hdr_pool, sc->pool_limit);
    heap_pool_set_limit(h->data_pool, sc->pool_limit);
}

static bool sim_build(struct sim *s, const struct sim_options *opt)
{
    const struct scenario *sc = s->sc;
    bool offload = sc->offload && sc->wire.corrupt == 0;
    char path[256], addr[32];
    struct network_config net = {.link = sc->ether ? NETDEV_LINK_ETHER : NETDEV_LINK_NONE,
                                 .mtu = sc->mtu,
                                 .offload = offload,
                                 .multi_seg = sc->mtu > 1500 || (sc->seed & 1) != 0,
                                 .seed = sc->seed,
                                 .faults = sc->net};
    world_init(&s->w, sc->seed);
    s->w.now = sc->start;
    s->net = network_create(&net);
    if (s->net == NULL)
        return sim_fail(s, "no network");
    for (unsigned i = 0; i < sc->n_hosts; i++) {
        struct host *h = world_add_host(&s->w);
        sim_tunables(sc, h);
        sim_limit_pools(sc, h);
        if (opt->pcap != NULL)
            snprintf(path, sizeof(path), "%s%u.pcap", opt->pcap, i);
        snprintf(addr, sizeof(addr), "10.0.0.%u", i + 1);
        s->tee[i] = tee_create(sim_wire(s, i), opt->pcap != NULL ? path : NULL);
        if (s->tee[i] == NULL || !world_start(&s->w, h, s->tee[i], addr, s->out->why))
            return sim_fail(s, s->tee[i] == NULL ? "the capture cannot be written" : s->out->why);
        h->worker.tcp.fastpath = !opt->slow_path;
        if (sc->pool_limit != 0) /* as the programs clamp tcp_mem: receive queues never empty the pool */
            tcp_set_memory(&h->worker.tcp, (uint64_t)sc->pool_limit * WORLD_DATA_ROOM / 2);
    }
    return true;
}

/* The timestamps of a flow are milliseconds from its addresses' offset on: there they shall soon wrap. */
static void sim_wrap_tsval(struct sim *s)
{
    struct host *h = &s->w.host[(s->sc->seed & 1) == 0 ? 0 : 1];
    struct flow_key f = {ip_addr_v4(h->addr), ip_addr_v4(s->w.host[1 - h->index].addr), 0, 0};
    uint32_t now = tcp_msec(s->w.now) + isn_ts_offset(&h->worker.tcp.isn, &f);
    uint32_t before = (uint32_t)(s->sc->seed % 7000);
    if (s->sc->wrap_tsval)
        s->w.now += (nsec_t)(uint32_t)(0 - before - now) * NSEC_PER_MSEC;
}

/* The machine sleeps, or one host of it. */
static void sim_pause(struct sim *s)
{
    for (unsigned i = 0; i < s->sc->n_pauses; i++) {
        const struct pause *p = &s->sc->pause[i];
        if ((s->paused & 1u << i) != 0 || s->w.now < s->begin + p->at)
            continue;
        s->paused |= 1u << i;
        if (p->host < 0)
            s->w.now += p->length;
        else
            s->w.host[p->host].frozen_until = s->w.now + p->length;
    }
}

static void mix(struct sim *s, uint64_t v)
{
    s->blocks = (s->blocks ^ v) * UINT64_C(0x100000001b3);
    s->blocks ^= s->blocks >> 29;
}

/* So that two runs do not only send the same, but also know the same. */
static void sim_mix_blocks(struct sim *s)
{
    for (unsigned i = 0; i < s->w.n_hosts; i++) {
        const struct tcp *t = &s->w.host[i].worker.tcp;
        for (uint32_t k = 0; t->table.slot != NULL && k < t->table.cells; k++) {
            conn_ref ref = t->table.slot[k].ref;
            if (conn_kind(ref) != CONN_TCB)
                continue;
            const struct tcb *tcb = tcb_at(t, conn_index(ref));
            mix(s, (uint64_t)tcb->snd_una << 32 | tcb->rcv_nxt);
            mix(s, (uint64_t)tcb->cwnd << 32 | tcb->ssthresh);
            mix(s, (uint64_t)tcb->srtt << 32 | tcb->rttvar);
            mix(s, (uint64_t)tcb->rcv_wnd << 32 | tcb->snd_wnd);
            uint8_t timers =
                tcb->timers &
                (uint8_t)~TIMER_REXMT_OWED; /* when a deadline is worked out is nobody's business */
            mix(s, (uint64_t)tcb->flags << 32 | (uint32_t)(timers << 16 | tcb->recovery << 8 | tcb->state));
            mix(s, (uint64_t)tcb->rcvq_charge << 32 | tcb->ts_recent);
        }
    }
}

static bool sim_each(struct world *w, void *arg)
{
    struct sim *s = arg;
    char why[WORLD_WHY];
    if (w->rounds < 2000 || w->rounds % CHECK_MAX == 0) {
        if (world_check(w, why) != NULL)
            return sim_fail(s, why);
        sim_mix_blocks(s);
    }
    sim_pause(s);
    trace_look(&s->trace, &w->host[0], w->now);
    if (s->t.failed)
        return sim_fail(s, s->t.why);
    return !traffic_done(&s->t);
}

static bool sim_each_after(struct world *w, void *arg)
{
    char why[WORLD_WHY];
    return (w->rounds % CHECK_MAX != 0 || world_check(w, why) == NULL) || sim_fail(arg, why);
}

/* Until the plan is carried out, then until TIME-WAIT and all that lingers is gone. */
static void sim_live(struct sim *s)
{
    bool ran = world_run(&s->w, s->begin + s->sc->deadline, sim_each, s);
    s->out->traffic_time = s->w.now - s->begin;
    if (s->out->ok && !traffic_done(&s->t)) {
        char rest[800];
        traffic_report(&s->t, rest, sizeof(rest));
        snprintf(s->out->why, sizeof(s->out->why), "%s at %.3f s:%s",
                 ran ? "not done by the deadline" : "one moment never ends", (double)s->w.now / 1e9, rest);
        s->out->ok = false;
    }
    traffic_stop(&s->t);
    network_calm(s->net);
    if (!s->out->ok)
        return;
    for (unsigned i = 0; i < s->w.n_hosts; i++)
        engine_close_all(&s->w.host[i].engine);
    /* Orphans may need all their retransmissions before they are given up. */
    uint32_t left = 1;
    for (unsigned i = 0; i < 40 && left != 0; i++) {
        if (!world_run(&s->w, s->w.now + 60 * NSEC_PER_SEC, sim_each_after, s))
            sim_fail(s, "one moment never ends, after everything was closed");
        left = 0;
        for (unsigned k = 0; k < s->w.n_hosts; k++) {
            struct tcp_census c;
            tcp_census(&s->w.host[k].worker.tcp, &c);
            left += c.tcbs + c.half_open + c.time_wait;
        }
    }
}

void sim_run(const struct scenario *sc, const struct sim_options *opt, struct sim_result *out)
{
    static struct sim s;
    char leak[WORLD_WHY];
    memset(&s, 0, sizeof(s));
    memset(out, 0, sizeof(*out));
    out->ok = true;
    s.sc = sc;
    s.out = out;
    if (sim_build(&s, opt)) {
        sim_wrap_tsval(&s);
        s.begin = s.w.now;
        network_begin(s.net, s.begin);
        if (opt->trace != NULL && !trace_open(&s.trace, opt->trace, s.begin))
            sim_fail(&s, "the trace cannot be written");
        else if (traffic_start(&s.t, sc, &s.w))
            sim_live(&s);
        else
            sim_fail(&s, s.t.why);
        trace_close(&s.trace);
        out->virtual_time = s.w.now - s.begin;
        out->fingerprint = s.blocks;
        for (unsigned i = 0; i < s.w.n_hosts; i++) {
            const struct counters *c = &s.w.host[i].worker.ctx.counters;
            out->packets += c->v[CNT_TX_PACKETS];
            out->retransmissions += c->v[CNT_TCP_RETRANS];
            out->fingerprint = out->fingerprint * 31 + tee_fingerprint(s.tee[i]);
        }
    }
    out->bytes = s.t.bytes;
    out->rounds = s.w.rounds;
    if (world_fini(&s.w, out->ok, leak) != NULL)
        sim_fail(&s, leak);
}
