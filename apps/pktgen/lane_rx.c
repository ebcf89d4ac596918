/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane does with frames that come in. */
#include <plx_frame.h>
#include <stdlib.h>
#include <string.h>

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

/* Probes of one source that came one after the other, numbered in a row and stamped alike, as a sender's
 * burst is: they say the same and are counted together. */
struct row {
    uint64_t sent; /* ns */
    uint32_t seq, count;
    uint16_t source;
};

/* The first probes of a source: memory is taken here, once a source. */
static void track_new(struct lane *l, const struct row *w)
{
    struct track *t = l->n_tracks < RUN_TRACKS ? malloc(sizeof(*t)) : NULL;

    if (t == NULL) {
        l->counts.untracked += w->count;
        return;
    }
    track_begin(t, w->source, w->seq);
    track_add_row(t, w->seq + 1, w->count - 1);
    l->track_of[w->source] = t;
    l->track[l->n_tracks] = t;
    __atomic_store_n(&l->n_tracks, l->n_tracks + 1, __ATOMIC_RELEASE);
}

static void row_in(struct lane *l, const struct row *w, uint64_t now)
{
    struct track *t = l->track_of[w->source];
    bool own = run_own_source(l->run, w->source);

    l->counts.probes += w->count;
    l->counts.own += own ? w->count : 0;
    /* Clocks of two machines may be so far apart that it came before it was sent. */
    histogram_add_times(own ? &l->round_trip : &l->one_way, now > w->sent ? now - w->sent : 0, w->count);
    if (__builtin_expect(t != NULL, 1))
        track_add_row(t, w->seq, w->count);
    else
        track_new(l, w);
}

static inline void probe_in(struct lane *l, struct row *w, const struct probe *p, uint64_t now)
{
    uint64_t sent = (uint64_t)p->time_hi << 32 | p->time_lo;

    if (w->count > 0 && p->source == w->source && p->seq == w->seq + w->count && sent == w->sent) {
        w->count++;
        return;
    }
    if (w->count > 0)
        row_in(l, w, now);
    *w = (struct row){.sent = sent, .seq = p->seq, .count = 1, .source = p->source};
}

static void not_probe_in(struct lane *l, enum inspect what)
{
    l->counts.damaged += what == INSPECT_DAMAGED;
    l->counts.control += what == INSPECT_CONTROL;
    l->counts.other += what == INSPECT_OTHER;
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

/* What becomes of the frames of a burst. */
struct sorted {
    struct rte_mbuf *control[RUN_BURST], *answers[RUN_BURST];
    int n_control, n_answers, n_done;
    uint64_t bytes;
};

/* Probes that were found undamaged, and of which nothing is left to do. */
static inline void probes_done(struct rte_mbuf **pkts, int at, int n, struct sorted *s)
{
    s->bytes += (uint64_t)n * pkts[at]->pkt_len;
    if (s->n_done != at)
        memmove(pkts + s->n_done, pkts + at, (size_t)n * sizeof(*pkts));
    s->n_done += n;
}

/* Those that are done with are the first n_done of the burst afterwards. */
static void burst_sort(struct lane *l, unsigned wire, struct rte_mbuf **pkts, int n, uint64_t now,
                       struct sorted *s)
{
    bool record = l->run->record != NULL, rows = !record && !l->run->cfg->echo;
    struct row row = {.count = 0};
    struct probe p;

    for (int i = 0; i < n; i++)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
    for (int i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];
        if (record)
            record_frame(l->run->record, l->id, wire, m, RECORD_IN, now);
        enum inspect what = inspect_frame(&l->known, m, &p);
        if (__builtin_expect(what == INSPECT_PROBE, 1))
            probe_in(l, &row, &p, now);
        else
            not_probe_in(l, what);
        if (what == INSPECT_PROBE && rows) {
            int more = (int)inspect_followers(&l->known, pkts + i, (uint32_t)(n - i));
            row.count += (uint32_t)more;
            probes_done(pkts, i, 1 + more, s);
            i += more;
            continue;
        }
        s->bytes += m->pkt_len;
        if (what == INSPECT_CONTROL)
            s->control[s->n_control++] = m;
        else if (may_reflect(l, wire, m))
            s->answers[s->n_answers++] = m;
        else
            pkts[s->n_done++] = m;
    }
    if (row.count > 0)
        row_in(l, &row, now);
}

static void burst_in(struct lane *l, unsigned wire, struct rte_mbuf **pkts, int n, uint64_t now)
{
    struct sorted s;

    s.n_control = s.n_answers = s.n_done = 0;
    s.bytes = 0;
    if (l->rx_started == 0)
        l->rx_started = now;
    l->rx_ended = now;
    burst_sort(l, wire, pkts, n, now, &s);
    l->counts.rx_bytes += s.bytes;
    __atomic_store_n(&l->counts.rx_frames, l->counts.rx_frames + (uint64_t)n, __ATOMIC_RELAXED);
    if (s.n_done > 0)
        rte_pktmbuf_free_bulk(pkts, (unsigned)s.n_done);
    if (s.n_answers > 0)
        reflect(l, wire, s.answers, s.n_answers);
    if (s.n_control > 0) {
        plx_frame_input_take(wire, s.control, s.n_control);
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
