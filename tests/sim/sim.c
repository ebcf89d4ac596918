/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap_pool.h"
#include "netdev/pipe.h"
#include "posix/socket.h"
#include "support/tee.h"

#define CHECK_MAX 64 /* rounds between looks at the control blocks, once there are many rounds */

struct sim {
    const struct scenario *sc;
    struct world w;
    struct traffic t;
    struct sim_result *out;
    struct netdev *tee[2];
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
    if (sc->pool_limit != 0) /* a closed socket outlasts the peer's stall, though memory refuses its data */
        h->tun.tcp_orphan_retries = 15;
}

static bool sim_build(struct sim *s, const struct sim_options *opt)
{
    static const char *const addr[2] = {"10.0.0.1", "10.0.0.2"};
    const struct scenario *sc = s->sc;
    char path[256];
    struct netdev *end[2];
    world_init(&s->w, sc->seed);
    struct pipe_config pipe = {
        .link = sc->ether ? NETDEV_LINK_ETHER : NETDEV_LINK_NONE,
        .mtu = sc->mtu,
        .depth = 2048,
        .tx_csum = sc->offload && sc->wire.corrupt == 0,
        .rx_csum = sc->offload && sc->wire.corrupt == 0,
        .multi_seg = sc->mtu > 1500 || (sc->seed & 1) != 0,
        /* else a segment has to fit one buffer */ .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}};
    for (unsigned i = 0; i < 2; i++) {
        struct host *h = world_add_host(&s->w);
        sim_tunables(sc, h);
        pipe.pool[i] = h->rx_pool;
        if (sc->pool_limit != 0) {
            heap_pool_set_limit(h->rx_pool, sc->pool_limit);
            heap_pool_set_limit(h->hdr_pool, sc->pool_limit);
            heap_pool_set_limit(h->data_pool, sc->pool_limit);
        }
    }
    if (netdev_pipe_create(&pipe, end) != 0)
        return sim_fail(s, "no pipe");
    end[0] = netdev_impair_create(end[0], &sc->wire);
    for (unsigned i = 0; i < 2; i++) {
        if (opt->pcap != NULL)
            snprintf(path, sizeof(path), "%s%u.pcap", opt->pcap, i);
        s->tee[i] = tee_create(end[i], opt->pcap != NULL ? path : NULL);
        if (s->tee[i] == NULL || !world_start(&s->w, &s->w.host[i], s->tee[i], addr[i], s->out->why))
            return sim_fail(s, s->tee[i] == NULL ? "the capture cannot be written" : s->out->why);
        s->w.host[i].worker.tcp.fastpath = !opt->slow_path;
        if (sc->pool_limit != 0) /* as the programs clamp tcp_mem: receive queues never empty the pool */
            tcp_set_memory(&s->w.host[i].worker.tcp, (uint64_t)sc->pool_limit * WORLD_DATA_ROOM / 2);
    }
    return true;
}

static bool sim_each(struct world *w, void *arg)
{
    struct sim *s = arg;
    char why[WORLD_WHY];
    if ((w->rounds < 2000 || w->rounds % CHECK_MAX == 0) && world_check(w, why) != NULL)
        return sim_fail(s, why);
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
    nsec_t begin = s->w.now;
    bool ran = world_run(&s->w, begin + s->sc->deadline, sim_each, s);
    s->out->traffic_time = s->w.now - begin;
    if (s->out->ok && !traffic_done(&s->t)) {
        char rest[800];
        traffic_report(&s->t, rest, sizeof(rest));
        snprintf(s->out->why, sizeof(s->out->why), "%s at %.3f s:%s",
                 ran ? "not done by the deadline" : "one moment never ends", (double)s->w.now / 1e9, rest);
        s->out->ok = false;
    }
    traffic_stop(&s->t);
    if (!s->out->ok)
        return;
    for (unsigned i = 0; i < 2; i++)
        engine_close_all(&s->w.host[i].engine);
    /* Orphans may need all their retransmissions before they are given up. */
    struct tcp_census c[2];
    for (unsigned i = 0; i < 40; i++) {
        if (!world_run(&s->w, s->w.now + 60 * NSEC_PER_SEC, sim_each_after, s))
            sim_fail(s, "one moment never ends, after everything was closed");
        tcp_census(&s->w.host[0].worker.tcp, &c[0]);
        tcp_census(&s->w.host[1].worker.tcp, &c[1]);
        if (c[0].tcbs + c[0].half_open + c[0].time_wait + c[1].tcbs + c[1].half_open + c[1].time_wait == 0)
            break;
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
        nsec_t begin = s.w.now;
        if (traffic_start(&s.t, sc, &s.w))
            sim_live(&s);
        else
            sim_fail(&s, s.t.why);
        out->virtual_time = s.w.now - begin;
        for (unsigned i = 0; i < 2; i++) {
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
