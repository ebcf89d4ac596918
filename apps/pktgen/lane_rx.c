/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane does with frames that come in. */
#include <plx_frame.h>
#include <stdlib.h>
#include <string.h>

#include "pktgen/inspect.h"
#include "pktgen/run.h"

#define SOURCES      65536
#define REFLECT_WAIT 100000000u /* ns that an answer waits for room on the wire */

bool lane_rx_init(struct lane *l)
{
    l->track_of = calloc(SOURCES, sizeof(*l->track_of));
    return l->track_of != NULL;
}

void lane_rx_fini(struct lane *l)
{
    for (uint32_t i = 0; i < l->n_tracks; i++)
        free(l->track[i]);
    l->n_tracks = 0;
    free(l->track_of);
    l->track_of = NULL;
}

/* The first probe of a source: memory is taken here, once a source. */
static void track_new(struct lane *l, const struct probe *p)
{
    struct track *t = l->n_tracks < RUN_TRACKS ? malloc(sizeof(*t)) : NULL;

    if (t == NULL) {
        l->counts.untracked++;
        return;
    }
    track_begin(t, p->source, p->seq);
    l->track_of[p->source] = t;
    l->track[l->n_tracks] = t;
    __atomic_store_n(&l->n_tracks, l->n_tracks + 1, __ATOMIC_RELEASE);
}

static inline void probe_in(struct lane *l, const struct probe *p, uint64_t now)
{
    uint64_t sent = (uint64_t)p->time_hi << 32 | p->time_lo;
    struct track *t = l->track_of[p->source];
    bool own = run_own_source(l->run, p->source);

    l->counts.probes++;
    l->counts.own += own;
    /* Clocks of two machines may be so far apart that it came before it was sent. */
    histogram_add(own ? &l->round_trip : &l->one_way, now > sent ? now - sent : 0);
    if (__builtin_expect(t != NULL, 1))
        track_add(t, p->seq);
    else
        track_new(l, p);
}

/* Sends a burst of answers; what the wire does not take in time is lost, and counted. */
static void reflect(struct lane *l, unsigned wire, struct rte_mbuf **pkts, int n)
{
    int sent = plx_frame_send(wire, pkts, n);

    for (uint64_t since = app_now(); sent < n && app_now() - since < REFLECT_WAIT;)
        sent += plx_frame_send(wire, pkts + sent, n - sent);
    l->counts.reflected += (uint64_t)sent;
    l->counts.reflect_lost += (uint64_t)(n - sent);
    if (sent < n)
        rte_pktmbuf_free_bulk(pkts + sent, (unsigned)(n - sent));
}

static bool may_reflect(const struct lane *l, unsigned wire, struct rte_mbuf *m)
{
    return l->run->cfg->echo && rte_mbuf_refcnt_read(m) == 1 && m->data_len >= 14 &&
           memcmp(rte_pktmbuf_mtod(m, const void *), l->run->wire[wire].mac, 6) == 0 && inspect_reflect(m);
}

static void burst_in(struct lane *l, unsigned wire, struct rte_mbuf **pkts, int n, uint64_t now)
{
    struct rte_mbuf *control[RUN_BURST], *answers[RUN_BURST], *done[RUN_BURST];
    int n_control = 0, n_answers = 0, n_done = 0;
    uint64_t bytes = 0;

    if (l->rx_started == 0)
        l->rx_started = now;
    l->rx_ended = now;
    for (int i = 0; i < n && i < 4; i++)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
    for (int i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];
        struct probe p;
        if (i + 4 < n)
            rte_prefetch0(rte_pktmbuf_mtod(pkts[i + 4], void *));
        bytes += m->pkt_len;
        if (l->run->record != NULL)
            record_frame(l->run->record, l->id, wire, m, RECORD_IN, now);
        enum inspect what = inspect_frame(m, &p);
        if (what == INSPECT_PROBE)
            probe_in(l, &p, now);
        l->counts.damaged += what == INSPECT_DAMAGED;
        l->counts.control += what == INSPECT_CONTROL;
        l->counts.other += what == INSPECT_OTHER;
        if (what == INSPECT_CONTROL)
            control[n_control++] = m;
        else if (may_reflect(l, wire, m))
            answers[n_answers++] = m;
        else
            done[n_done++] = m;
    }
    l->counts.rx_bytes += bytes;
    __atomic_store_n(&l->counts.rx_frames, l->counts.rx_frames + (uint64_t)n, __ATOMIC_RELAXED);
    if (n_done > 0)
        rte_pktmbuf_free_bulk(done, (unsigned)n_done);
    if (n_answers > 0)
        reflect(l, wire, answers, n_answers);
    if (n_control > 0) {
        plx_frame_input_take(wire, control, n_control);
        plx_frame_round();
    }
}

bool lane_rx_turn(struct lane *l)
{
    struct rte_mbuf *pkts[RUN_BURST];
    bool any = false;

    for (int w = 0; w < l->run->n_wires; w++) {
        int n = plx_frame_recv((unsigned)w, pkts, RUN_BURST);
        if (n <= 0)
            continue;
        any = true;
        burst_in(l, (unsigned)w, pkts, n, app_now());
    }
    return any;
}
