/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-pktgen: fills wires with frames, and says what comes of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

#include "pktgen/options.h"
#include "pktgen/report.h"
#include "pktgen/search.h"

/* How many times as long as it should have taken the frames took; a little is forgiven for beginning and end.
 */
static double lateness(const struct run *r, const struct totals *t)
{
    double mean = t->c.tx_frames > 0 ? (double)t->c.tx_bytes / (double)t->c.tx_frames : 0;
    double rate = rate_frames(&r->rate, mean), took = (double)(t->ended - t->started) / 1e9;

    if (r->cfg->recorded_pace || rate == 0 || t->c.tx_frames < 1000)
        return 1;
    return took / ((double)t->c.tx_frames / rate + 0.05);
}

/* NULL when all was done that was asked for. */
static const char *partial_reason(const struct run *r, char *text, size_t size)
{
    const struct run_config *cfg = r->cfg;
    bool open_ended = cfg->count == RUN_FOREVER && cfg->duration == RUN_FOREVER &&
                      (cfg->replay.path == NULL || cfg->replay.loops == 0);
    struct totals t;
    char rate[48];

    totals_take(r, &t);
    if (atomic_load(&r->partial))
        return r->why;
    if (atomic_load(&r->interrupted) && !(open_ended && atomic_load(&r->state) == RUN_GOING))
        return "interrupted";
    if (atomic_load(&r->slow)) {
        snprintf(text, size, "the wire did not take the frames in time: %" PRIu64 " left", t.c.tx_frames);
        return text;
    }
    if (r->replay_cut + r->replay_large > 0) {
        snprintf(text, size, "--replay %s: %" PRIu64 " frames were left out", cfg->replay.path,
                 r->replay_cut + r->replay_large);
        return text;
    }
    /* All frames have left, but a busy machine was late; that is in the summary. Twice as long is no
     * accident. */
    if (cfg->send && lateness(r, &t) > 2 && t.ended - t.started > 2 * RUN_NS) {
        const struct rate kept = {RATE_PPS,
                                  (uint64_t)((double)t.c.tx_frames * 1e9 / (double)(t.ended - t.started))};
        char did[48];
        snprintf(text, size, "--rate %s: not reached, this wire and machine did %s",
                 rate_text(&cfg->rate, rate), rate_text(&kept, did));
        return text;
    }
    return NULL;
}

static int run_once(struct run_config *cfg)
{
    char text[REPLAY_WHY];
    struct run run;
    int rc = run_init(&run, cfg);

    if (rc != 0)
        return rc;
    struct report *rep = report_begin(&run);
    rc = run_go(&run);
    report_end(rep);
    if (rc == 0 || atomic_load(&run.interrupted)) {
        const char *partial = partial_reason(&run, text, sizeof(text));
        report_summary(stdout, &run, partial);
        if (cfg->json_path != NULL && report_json(&run, rep, partial) != 0)
            rc = APP_FAILED;
        if (partial != NULL)
            rc = app_failed(cfg->app, "%s", partial);
    }
    report_free(rep);
    if (run.record != NULL) {
        int64_t frames = record_close(run.record);
        run.record = NULL;
        if (frames < 0)
            rc = app_failed(cfg->app, "--record %s: %s; what is in it is PARTIAL", cfg->record_path,
                            strerror(errno));
    }
    run_fini(&run);
    return rc;
}

int main(int argc, char **argv)
{
    static struct run_config config;
    double most_lost;
    int rc = options_start(&config, argc, argv, &most_lost);

    if (rc != 0)
        return rc;
    plx_handle_signals();
    rc = most_lost < 0 ? run_once(&config) : search_run(&config, most_lost);
    plx_fini();
    for (int i = 0; i < config.n_streams; i++)
        stream_free(&config.stream[i]);
    return rc;
}
