/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pktgen/report.h"

#define PRECISION 0.01 /* of the rate */

struct trial {
    double asked; /* frames a second; 0: as many as the wire takes */
    double rate;  /* what left */
    double bits;
    uint64_t sent, back;
    double lost; /* percent */
    bool passed;
};

struct search {
    struct run_config *cfg;
    double most_lost;
    struct trial trial[SEARCH_TRIALS];
    int n;
};

/* A rate that was not kept is no rate that was shown to be free of loss. */
static bool trial_passed(const struct search *s, const struct trial *t)
{
    return t->back > 0 && t->lost <= s->most_lost && (t->asked == 0 || t->rate > t->asked * 0.99);
}

static void trial_note(struct search *s, struct trial *t, const struct totals *totals)
{
    double seconds = (double)(totals->ended - totals->started) / 1e9;

    t->sent = totals->probes_sent;
    t->back = totals->own_unique;
    t->rate = seconds > 0 ? (double)(totals->c.tx_frames - 1) / seconds : 0;
    t->bits =
        totals->c.tx_frames > 0 ? t->rate * 8 * (double)totals->c.tx_bytes / (double)totals->c.tx_frames : 0;
    t->lost = t->sent > t->back ? 100.0 * (double)(t->sent - t->back) / (double)t->sent : 0;
    t->passed = trial_passed(s, t);
    printf("  trial %-2d %10.4f Mpps %9.4f Gbit/s: sent %" PRIu64 ", came back %" PRIu64
           ", lost %.4f %%  %s\n",
           s->n, t->rate / 1e6, t->bits / 1e9, t->sent, t->back, t->lost, t->passed ? "passed" : "failed");
    fflush(stdout);
}

/* 0, or an exit code after a message. */
static int trial_run(struct search *s, double asked)
{
    struct trial *t = &s->trial[s->n++];
    struct totals totals;
    struct run run;

    t->asked = asked;
    s->cfg->rate = asked == 0 ? (struct rate){.unit = RATE_MAX}
                              : (struct rate){.unit = RATE_PPS, .value = (uint64_t)(asked + 0.5)};
    s->cfg->seed +=
        UINT64_C(0x9e3779b97f4a7c15); /* stragglers of the last trial are not taken for this one's */
    int rc = run_init(&run, s->cfg);
    if (rc != 0)
        return rc;
    rc = run_go(&run);
    totals_take(&run, &totals);
    if (rc == 0 && atomic_load(&run.interrupted))
        rc = app_failed(s->cfg->app, "interrupted; the trials above are whole");
    if (rc == 0)
        trial_note(s, t, &totals);
    run_fini(&run);
    if (rc == 0 && t->back == 0)
        rc = app_failed(s->cfg->app,
                        "--search: nothing came back; the other side has to reflect (plx-pktgen --echo)");
    return rc;
}

static int search_json(const struct search *s, const struct trial *best)
{
    FILE *f = fopen(s->cfg->json_path, "w");
    struct json j = {.out = f};

    if (f == NULL)
        return app_failed(s->cfg->app, "--json %s: %s", s->cfg->json_path, strerror(errno));
    json_object(&j, NULL);
    json_text(&j, "program", "plx-pktgen");
    json_text(&j, "version", APP_VERSION);
    json_double(&j, "most_lost_percent", s->most_lost, 6);
    json_double(&j, "frames_per_second", best != NULL ? best->rate : 0, 1);
    json_array(&j, "trials");
    for (int i = 0; i < s->n; i++) {
        const struct trial *t = &s->trial[i];
        json_object(&j, NULL);
        json_double(&j, "asked", t->asked, 1);
        json_double(&j, "frames_per_second", t->rate, 1);
        json_double(&j, "bits_per_second", t->bits, 1);
        json_u64(&j, "sent", t->sent);
        json_u64(&j, "came_back", t->back);
        json_double(&j, "lost_percent", t->lost, 6);
        json_bool(&j, "passed", t->passed);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    fclose(f);
    return 0;
}

int search_run(struct run_config *cfg, double most_lost)
{
    struct search s = {.cfg = cfg, .most_lost = most_lost};
    const struct trial *best = NULL;
    double low = 0, high;

    printf("plx-pktgen: looking for the highest rate at which at most %g %% are lost, trials of %.3g s\n",
           most_lost, (double)cfg->duration / 1e9);
    int rc = trial_run(&s, 0);
    if (rc != 0)
        return rc;
    high = s.trial[0].rate;
    if (s.trial[0].passed)
        best = &s.trial[0];
    while (best != &s.trial[0] && s.n < SEARCH_TRIALS && high - low > high * PRECISION && high >= 2) {
        double middle = (low + high) / 2;
        rc = trial_run(&s, middle);
        if (rc != 0)
            break;
        if (s.trial[s.n - 1].passed) {
            best = &s.trial[s.n - 1];
            low = middle;
        } else {
            high = middle;
        }
    }
    if (best != NULL)
        printf("plx-pktgen: %.4f Mpps, %.4f Gbit/s with %.4f %% lost%s\n", best->rate / 1e6, best->bits / 1e9,
               best->lost, best == &s.trial[0] ? ": as fast as we can send" : "");
    if (best == NULL && rc == 0)
        rc = app_failed(cfg->app, "--search: no rate was free of loss");
    if (cfg->json_path != NULL && search_json(&s, best) != 0)
        rc = APP_FAILED;
    return rc;
}
