/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane sends: frames of streams or of a capture, when they are due. */
#include <plx_frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pktgen/run.h"

#define ONE_BUFFER 2048u
#define PATIENCE   (5 * RUN_NS) /* how much longer than asked for frames may take, or as long again */

/* ---- beginning and end ---- */

static bool makers_init(struct lane *l)
{
    const struct run_config *cfg = l->run->cfg;

    l->maker = calloc((size_t)cfg->n_streams, sizeof(*l->maker));
    l->scratch = malloc(STREAM_SIZE_MAX + FRAME_BLOCK);
    if (l->maker == NULL || l->scratch == NULL)
        return false;
    for (int i = 0; i < cfg->n_streams; i++) {
        uint16_t source = (uint16_t)(l->run->source + l->id * cfg->n_streams + i);
        if (!frame_maker_init(&l->maker[i], &cfg->stream[i], source, l->id, l->run->n,
                              cfg->seed + (uint64_t)i * 1000003))
            return false;
    }
    l->alike = cfg->n_streams == 1 && l->run->rate.unit == RATE_MAX && l->maker[0].steady &&
               field_greatest(&l->maker[0].size) <= ONE_BUFFER;
    return true;
}

bool lane_tx_init(struct lane *l)
{
    struct run *r = l->run;
    const struct run_config *cfg = r->cfg;

    pacer_init(&l->pacer, &r->rate, cfg->group, l->id, r->n, r->start);
    l->remaining = cfg->count == RUN_FOREVER ? RUN_FOREVER : (cfg->count - l->id + r->n - 1) / r->n;
    if (cfg->count != RUN_FOREVER && cfg->count < l->id)
        l->remaining = 0;
    l->sending = true;
    if (cfg->replay.path != NULL) {
        char why[REPLAY_WHY];
        l->replay = replay_open(&cfg->replay, why);
        if (l->replay == NULL)
            app_failed(cfg->app, "--replay %s", why);
        return l->replay != NULL;
    }
    if (makers_init(l))
        return true;
    app_failed(cfg->app, "out of memory");
    return false;
}

void lane_tx_fini(struct lane *l)
{
    uint64_t unsent = (uint64_t)(l->queue.n - l->queue.sent);

    for (int i = l->queue.sent; i < l->queue.n; i++)
        rte_pktmbuf_free(l->queue.m[i]);
    if (l->maker != NULL)
        for (int i = 0; i < l->run->cfg->n_streams; i++)
            l->probes_sent += l->maker[i].seq;
    l->probes_sent -= unsent < l->probes_sent ? unsent : l->probes_sent;
    l->queue = (struct lane_queue){0};
    rte_pktmbuf_free_bulk(l->stock, (unsigned)l->n_stock);
    l->n_stock = 0;
    if (l->maker != NULL)
        for (int i = 0; i < l->run->cfg->n_streams; i++)
            frame_maker_fini(&l->maker[i]);
    free(l->maker);
    l->maker = NULL;
    free(l->scratch);
    l->scratch = NULL;
    if (l->replay != NULL)
        replay_skipped(l->replay, &l->run->replay_cut, &l->run->replay_large);
    replay_close(l->replay);
    l->replay = NULL;
}

/* ---- buffers ---- */

static inline struct rte_mbuf *stock_take(struct lane *l)
{
    if (l->n_stock == 0) {
        if (plx_frame_alloc(l->stock, RUN_BURST) < 0) {
            l->counts.tx_no_mbuf++;
            return NULL;
        }
        l->n_stock = RUN_BURST;
    }
    return l->stock[--l->n_stock];
}

/* A chain that holds the bytes; NULL: no buffers left. */
static struct rte_mbuf *chain_of(struct lane *l, const uint8_t *bytes, uint32_t len)
{
    struct rte_mbuf *head = NULL, *last = NULL;

    while (len > 0) {
        struct rte_mbuf *m = stock_take(l);
        uint16_t n = (uint16_t)RTE_MIN(len, ONE_BUFFER);
        if (m == NULL) {
            rte_pktmbuf_free(head);
            return NULL;
        }
        memcpy(rte_pktmbuf_mtod(m, void *), bytes, n);
        m->data_len = n;
        m->pkt_len = n;
        if (head == NULL) {
            head = m;
        } else {
            last->next = m;
            head->nb_segs++;
            head->pkt_len += n;
        }
        last = m;
        bytes += n;
        len -= n;
    }
    return head;
}

/* ---- frames ---- */

static inline void queue_put(struct lane *l, struct rte_mbuf *m, uint32_t len)
{
    l->queue.m[l->queue.n] = m;
    l->queue.len[l->queue.n++] = len;
}

/* How evenly they leave: what the gap to the frame before should be, and what it is. */
static inline void departure(struct lane *l, uint64_t due, uint64_t now)
{
    if (l->last_left != 0) {
        int64_t off = (int64_t)(now - l->last_left) - (int64_t)(due - l->last_due);
        histogram_add(&l->jitter, (uint64_t)(off < 0 ? -off : off));
    }
    l->last_left = now;
    l->last_due = due;
}

static inline bool stream_frame(struct lane *l, uint64_t now)
{
    struct run *r = l->run;
    struct frame_maker *k = &l->maker[r->schedule[l->turn]];
    struct rte_mbuf *m = stock_take(l);

    if (m == NULL)
        return false;
    uint32_t len = frame_next_size(k);
    if (__builtin_expect(len <= ONE_BUFFER, 1)) {
        frame_make(k, rte_pktmbuf_mtod(m, uint8_t *), len, now);
        m->data_len = (uint16_t)len;
        m->pkt_len = len;
    } else {
        frame_make(k, l->scratch, len, now);
        rte_pktmbuf_free(m);
        m = chain_of(l, l->scratch, len);
        if (m == NULL)
            return false;
    }
    queue_put(l, m, len);
    l->turn = l->turn + 1 < r->n_schedule ? l->turn + 1 : 0;
    if (l->pacer.rate.unit != RATE_MAX) {
        departure(l, l->pacer.due, now);
        pacer_advance(&l->pacer, len, now);
    }
    return true;
}

/* The next frame of the capture is in `held`; false at its end. */
static bool replay_hold(struct lane *l)
{
    struct run *r = l->run;

    if (l->held != NULL)
        return true;
    switch (replay_frame(l->replay, &l->held, &l->held_len, &l->held_due)) {
    case REPLAY_FRAME:
        if (r->cfg->recorded_pace)
            l->held_due = r->start + (uint64_t)((double)l->held_due / r->cfg->speed);
        return true;
    case REPLAY_BROKEN:
        snprintf(r->why, sizeof(r->why), "--replay %s", replay_why(l->replay));
        atomic_store(&r->partial, 1);
        break;
    case REPLAY_END:
        break;
    }
    l->held = NULL;
    l->remaining = 0;
    return false;
}

/* Has all been sent that the duration has room for? What was due within it leaves, also a little late, so
 * that a rate and a duration make an exact number. */
static bool duration_over(struct lane *l, uint64_t now)
{
    const struct run_config *cfg = l->run->cfg;
    uint64_t start = l->run->start;

    if (cfg->duration == RUN_FOREVER)
        return false;
    if (cfg->recorded_pace)
        return replay_hold(l) && l->held_due - start >= cfg->duration;
    if (l->pacer.rate.unit == RATE_MAX)
        return now - start >= cfg->duration;
    return l->pacer.in_group == 0 && l->pacer.due - start >= cfg->duration;
}

/* A whole burst: at the greatest rate nothing decides for each frame whether it may go. */
static void alike_frames(struct lane *l, uint64_t now)
{
    struct lane_queue *q = &l->queue;
    int n = (int)RTE_MIN(l->remaining, (uint64_t)RUN_BURST);

    if (plx_frame_alloc(q->m, n) < 0) {
        l->counts.tx_no_mbuf++;
        return;
    }
    frame_make_alike(&l->maker[0], q->m, n, now);
    q->each = frame_next_size(&l->maker[0]);
    q->n = n;
    if (l->remaining != RUN_FOREVER)
        l->remaining -= (uint64_t)n;
}

static void stream_frames(struct lane *l, uint64_t now)
{
    while (l->queue.n < RUN_BURST && l->remaining > 0 && pacer_ready(&l->pacer, now) &&
           !duration_over(l, now)) {
        if (!stream_frame(l, now))
            return;
        if (l->remaining != RUN_FOREVER)
            l->remaining--;
    }
}

/* ---- captures ---- */

static void replay_frames(struct lane *l, uint64_t now)
{
    while (l->queue.n < RUN_BURST && l->remaining > 0 && replay_hold(l) && !duration_over(l, now)) {
        bool recorded = l->run->cfg->recorded_pace;
        if (recorded ? l->held_due > now : !pacer_ready(&l->pacer, now))
            return;
        struct rte_mbuf *m = chain_of(l, l->held, l->held_len);
        if (m == NULL)
            return;
        queue_put(l, m, l->held_len);
        l->held = NULL;
        if (recorded || l->pacer.rate.unit != RATE_MAX)
            departure(l, recorded ? l->held_due : l->pacer.due, now);
        pacer_advance(&l->pacer, l->held_len, now);
        if (l->remaining != RUN_FOREVER)
            l->remaining--;
    }
}

/* ---- turns ---- */

static void queue_record(struct lane *l, uint64_t now)
{
    if (l->run->record == NULL || l->queue.recorded)
        return;
    l->queue.recorded = true;
    for (int i = 0; i < l->queue.n; i++)
        record_frame(l->run->record, l->id, l->run->tx_wire, l->queue.m[i], RECORD_OUT, now);
}

static bool queue_send(struct lane *l, uint64_t now)
{
    struct lane_queue *q = &l->queue;
    uint64_t bytes;

    queue_record(l, now);
    int n = plx_frame_send(l->run->tx_wire, q->m + q->sent, q->n - q->sent);
    if (n <= 0) {
        l->counts.tx_waits++;
        return false;
    }
    bytes = (uint64_t)q->each * (uint64_t)n;
    for (int i = 0; i < n && q->each == 0; i++)
        bytes += q->len[q->sent + i];
    if (l->started == 0)
        l->started = now;
    l->ended = now;
    l->counts.tx_bytes += bytes;
    __atomic_store_n(&l->counts.tx_frames, l->counts.tx_frames + (uint64_t)n, __ATOMIC_RELAXED);
    q->sent += n;
    if (q->sent < q->n) {
        l->counts.tx_waits++;
        return true;
    }
    q->sent = q->n = 0;
    q->recorded = false;
    return true;
}

static void sending_ends(struct lane *l)
{
    l->sending = false;
    atomic_fetch_sub(&l->run->sending, 1);
}

/* A wire that cannot keep up is not waited for for ever. */
static bool out_of_patience(struct lane *l, uint64_t now)
{
    uint64_t duration = l->run->cfg->duration;

    if (duration == RUN_FOREVER || now - l->run->start <= duration + RTE_MAX(duration, PATIENCE))
        return false;
    atomic_store(&l->run->slow, 1);
    return true;
}

bool lane_tx_turn(struct lane *l, uint64_t now)
{
    if (out_of_patience(l, now)) {
        sending_ends(l);
        return false;
    }
    if (l->queue.n == 0) {
        if (l->remaining > 0 && !duration_over(l, now)) {
            if (l->replay != NULL)
                replay_frames(l, now);
            else if (l->alike)
                alike_frames(l, now);
            else
                stream_frames(l, now);
        } else {
            sending_ends(l);
        }
        if (l->queue.n == 0)
            return false;
    }
    return queue_send(l, now);
}

uint64_t lane_tx_idle(const struct lane *l, uint64_t now)
{
    uint64_t due = l->pacer.due > l->pacer.floor ? l->pacer.due : l->pacer.floor;

    if (l->queue.n > 0)
        return 0;
    if (l->run->cfg->recorded_pace)
        due = l->held != NULL ? l->held_due : now;
    else if (l->pacer.rate.unit == RATE_MAX || l->pacer.in_group != 0)
        return 0;
    return due > now ? due - now : 0;
}
