/* SPDX-License-Identifier: BSD-3-Clause */
/* Before and around the lanes: where frames go, who sends what, and the loop of a lane. */
#include "pktgen/run.h"

#include <errno.h>
#include <plx.h>
#include <plx_frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_EVERY 10000u   /* ns: timers and links are looked after so often under load */
#define START_AHEAD 2000000u /* ns between going and the first frame: lanes get ready in it */
#define SLEEP_LEAST 200000u  /* ns: a shorter pause is not worth sleeping in */

/* ---- the schedule of streams ---- */

/* Each stream as often as its share says, spread evenly: always the one that is most behind. */
static bool schedule_make(struct run *r)
{
    const struct run_config *cfg = r->cfg;
    uint32_t total = 0;
    int64_t credit[STREAMS_MAX] = {0};

    for (int i = 0; i < cfg->n_streams; i++)
        total += cfg->stream[i].share;
    r->schedule = malloc(total);
    if (r->schedule == NULL)
        return false;
    for (uint32_t k = 0; k < total; k++) {
        int best = 0;
        for (int i = 0; i < cfg->n_streams; i++) {
            credit[i] += cfg->stream[i].share;
            if (credit[i] > credit[best])
                best = i;
        }
        credit[best] -= total;
        r->schedule[k] = (uint8_t)best;
    }
    r->n_schedule = total;
    return true;
}

static int wires_find(struct run *r)
{
    while (r->n_wires < RUN_WIRES && plx_wire((unsigned)r->n_wires, &r->wire[r->n_wires]) == 0)
        r->n_wires++;
    for (int i = 0; i < r->n_wires; i++)
        if (!r->wire[i].ether)
            return app_failed(r->cfg->app, "--dev %s: has no Ethernet headers, which plx-pktgen needs",
                              r->wire[i].name);
    return 0;
}

static int rate_find(struct run *r)
{
    const struct run_config *cfg = r->cfg;
    uint64_t mbps = cfg->link_bps != 0 ? cfg->link_bps / 1000000 : r->wire[0].speed;
    struct rate at_most = {.unit = RATE_L1_BPS, .value = mbps * 1000000};
    char a[48], b[48];

    r->rate = cfg->rate;
    if (!rate_resolve(&r->rate, mbps))
        return app_failed(cfg->app,
                          "--rate %s: --dev %s does not say how fast it is; say it with --link-speed",
                          rate_text(&cfg->rate, a), r->wire[0].name);
    double mean = cfg->n_streams > 0 ? stream_mean_size(&cfg->stream[0]) : 64;
    if (mbps != 0 && cfg->n_streams == 1 &&
        rate_frames(&r->rate, mean) > rate_frames(&at_most, mean) * 1.000001)
        return app_failed(cfg->app, "--rate %s: impossible, the link does %.6g Mpps of such frames (%s)",
                          rate_text(&cfg->rate, a), rate_frames(&at_most, mean) / 1e6,
                          rate_text(&at_most, b));
    return 0;
}

int run_init(struct run *r, struct run_config *cfg)
{
    int rc;

    memset(r, 0, sizeof(*r));
    r->cfg = cfg;
    r->n = (uint16_t)plx_workers();
    rc = wires_find(r);
    if (rc == 0 && cfg->send)
        rc = rate_find(r);
    if (rc != 0)
        return rc;
    if (r->n > 1 && cfg->replay.path != NULL)
        return app_failed(cfg->app, "--replay %s: a capture is sent by one worker; leave out --workers",
                          cfg->replay.path);
    r->source = (uint16_t)(cfg->seed >> 13);
    r->n_sources = cfg->send ? (uint16_t)(r->n * cfg->n_streams) : 0;
    r->lane = aligned_alloc(64, r->n * sizeof(*r->lane));
    if (r->lane == NULL || (cfg->send && !schedule_make(r))) {
        run_fini(r);
        return app_failed(cfg->app, "out of memory");
    }
    memset(r->lane, 0, r->n * sizeof(*r->lane));
    for (uint16_t i = 0; i < r->n; i++) {
        r->lane[i].run = r;
        r->lane[i].id = i;
    }
    if (cfg->record_path != NULL && (r->record = record_open(cfg->record_path, r->n)) == NULL) {
        rc = app_failed(cfg->app, "--record %s: %s", cfg->record_path, strerror(errno));
        run_fini(r);
    }
    return rc;
}

void run_fini(struct run *r)
{
    if (r->record != NULL)
        record_close(r->record);
    r->record = NULL;
    for (uint16_t i = 0; r->lane != NULL && i < r->n; i++)
        lane_rx_fini(&r->lane[i]);
    free(r->lane);
    free(r->schedule);
    r->lane = NULL;
    r->schedule = NULL;
}

/* ---- where frames go ---- */

/* One stream's link address. 1: known (or not needed), 0: not yet, -1: failed, and a message. */
static int stream_resolve(struct run *r, const struct stream *s, unsigned *wire, uint8_t mac[6])
{
    struct in_addr dst = {htonl((uint32_t)field_first(&s->field[F_DST]))};
    char text[INET_ADDRSTRLEN];

    *wire = 0;
    memset(mac, 0, 6);
    if (!stream_needs_mac(s) || plx_frame_link_address(dst, wire, mac) == 0)
        return 1;
    inet_ntop(AF_INET, &dst, text, sizeof(text));
    switch (errno) {
    case EINPROGRESS:
    case EHOSTUNREACH: /* it will be asked again */
        return 0;
    case ENETUNREACH:
        app_failed(r->cfg->app, "--dst %s: there is no route to it; --gw says where to, or --dst-mac", text);
        return -1;
    case EADDRINUSE:
        app_failed(r->cfg->app, "--dst %s: this is our own address", text);
        return -1;
    default:
        app_failed(r->cfg->app, "--dst %s: %s", text, strerror(errno));
        return -1;
    }
}

static int no_answer(struct run *r, const struct stream *s)
{
    uint64_t dst = field_first(&s->field[F_DST]);

    return app_failed(
        r->cfg->app,
        "--dst %u.%u.%u.%u: no answer to ARP within %g s, from it or its gateway; is the other side "
        "up? --dst-mac goes without",
        (unsigned)(dst >> 24) & 255, (unsigned)(dst >> 16) & 255, (unsigned)(dst >> 8) & 255,
        (unsigned)dst & 255, (double)r->cfg->arp_wait / 1e9);
}

static int stream_prepare(struct run *r, struct lane *l, struct stream *s, bool first)
{
    uint64_t until = app_now() + r->cfg->arp_wait;
    char why[STREAM_WHY];
    uint8_t mac[6];
    unsigned wire;
    int rc;

    while ((rc = stream_resolve(r, s, &wire, mac)) == 0 && app_now() < until && !plx_stopping()) {
        lane_rx_turn(l);
        plx_frame_round();
    }
    if (rc < 0)
        return APP_FAILED;
    if (rc == 0 && plx_stopping()) {
        atomic_store(&r->interrupted, 1);
        return APP_FAILED;
    }
    if (rc == 0)
        return no_answer(r, s);
    if (!first && wire != r->tx_wire)
        return app_failed(r->cfg->app,
                          "stream %s: leaves by another wire than those before it; run a second "
                          "plx-pktgen for it",
                          s->name);
    r->tx_wire = wire;
    if (!stream_bind(s, &r->wire[wire], mac, why))
        return app_failed(r->cfg->app, "%s%s%s", s->name, s->name[0] != '\0' ? ": " : "--", why);
    return 0;
}

static void say_ready(const struct run *r)
{
    const struct run_config *cfg = r->cfg;
    char rate[48];

    printf("plx: ready,%s%s", cfg->receive ? " receiving" : "", cfg->echo ? " reflecting" : "");
    if (cfg->send && cfg->replay.path != NULL)
        printf("%s sending %s", cfg->receive ? " and" : "", cfg->replay.path);
    else if (cfg->send && cfg->n_streams == 1)
        printf("%s sending %s of %.0f bytes", cfg->receive ? " and" : "",
               stream_proto_name(cfg->stream[0].proto), stream_mean_size(&cfg->stream[0]));
    else if (cfg->send)
        printf("%s sending %d streams", cfg->receive ? " and" : "", cfg->n_streams);
    if (cfg->send)
        printf(" at %s", cfg->recorded_pace ? "the pace they were recorded at" : rate_text(&r->rate, rate));
    printf(" on %s with %u worker%s\n", r->wire[r->tx_wire].name, r->n, r->n == 1 ? "" : "s");
    fflush(stdout);
}

/* Lane 0, before anybody sends. */
static bool prepare(struct run *r, struct lane *l)
{
    struct run_config *cfg = r->cfg;
    int rc = 0;

    for (int i = 0; i < cfg->n_streams && rc == 0; i++)
        rc = stream_prepare(r, l, &cfg->stream[i], i == 0);
    cfg->replay.largest = r->wire[r->tx_wire].mtu + 18u; /* with a VLAN tag */
    atomic_store(&r->sending, cfg->send ? r->n : 0);
    atomic_store(&r->start, app_now() + START_AHEAD);
    if (rc == 0 && !cfg->quiet)
        say_ready(r);
    atomic_store(&r->state, rc == 0 ? RUN_GOING : RUN_FAILED);
    return rc == 0;
}

/* ---- a lane ---- */

/* Nothing more to do: all has been sent and answers had their time, or enough has been received. */
static bool run_over(const struct run *r, const struct lane *l, uint64_t now, uint64_t *quiet_since)
{
    const struct run_config *cfg = r->cfg;

    if (cfg->send && !cfg->receive) {
        if (atomic_load_explicit(&r->sending, memory_order_relaxed) > 0)
            return false;
        if (*quiet_since == 0)
            *quiet_since = now;
        return now - *quiet_since >= cfg->linger;
    }
    if (cfg->duration != RUN_FOREVER && now > r->start &&
        now - r->start >= cfg->duration + (cfg->send ? cfg->linger : 0))
        return true;
    if (cfg->count == RUN_FOREVER || cfg->send)
        return false;
    uint64_t got = 0;
    for (uint16_t i = 0; i < r->n; i++)
        got += __atomic_load_n(&r->lane[i].counts.rx_frames, __ATOMIC_RELAXED);
    return got >= cfg->count;
}

static void lane_rest(struct lane *l, uint64_t now)
{
    uint64_t pause = l->sending ? lane_tx_idle(l, now) : RUN_NS / 20;

    if (pause > SLEEP_LEAST)
        plx_frame_wait(pause - SLEEP_LEAST / 2);
}

static void lane_loop(struct lane *l)
{
    struct run *r = l->run;
    uint64_t round_at = 0, quiet_since = 0;
    bool busy = false;

    for (;;) {
        /* A receiver under load need not read the clock twice a burst; what a sender stamps is fresh. */
        uint64_t now = busy && !l->sending ? l->rx_ended : app_now();
        busy = false;
        if (plx_stopping()) {
            atomic_store(&r->interrupted, 1);
            break;
        }
        if (now - round_at >= ROUND_EVERY) {
            plx_frame_round();
            round_at = now;
            if (run_over(r, l, now, &quiet_since))
                break;
        }
        if (l->sending && now >= r->start)
            busy = lane_tx_turn(l, now);
        busy |= lane_rx_turn(l);
        if (!busy && r->cfg->relaxed && now >= r->start)
            lane_rest(l, now);
    }
}

static int lane_main(void *arg)
{
    struct run *r = arg;
    struct lane *l = &r->lane[plx_worker_id()];
    bool ok = lane_rx_init(l);

    for (int w = 0; w < r->n_wires; w++)
        plx_frame_claim((unsigned)w, 1);
    if (!ok)
        return app_failed(r->cfg->app, "out of memory");
    if (l->id == 0)
        prepare(r, l);
    while (atomic_load(&r->state) == RUN_PREPARING && !plx_stopping()) {
        lane_rx_turn(l);
        plx_frame_round();
    }
    ok = atomic_load(&r->state) == RUN_GOING;
    if (ok && r->cfg->send)
        ok = lane_tx_init(l);
    if (ok)
        lane_loop(l);
    lane_tx_fini(l);
    for (int w = 0; w < r->n_wires; w++)
        plx_frame_claim((unsigned)w, 0);
    return ok ? APP_OK : APP_FAILED;
}

int run_go(struct run *r)
{
    int rc = plx_run(lane_main, r);

    return rc < 0 ? app_failed(r->cfg->app, "the workers did not start: %s", strerror(errno)) : rc;
}
