/* SPDX-License-Identifier: BSD-3-Clause */
/* The summary of a run, for people and as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <plx.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pktgen/report_private.h"

static const struct {
    double q;
    const char *text, *key;
} quantiles[] = {
    {0.5, "p50", "p50"},       {0.9, "p90", "p90"},          {0.99, "p99", "p99"},
    {0.999, "p99.9", "p99_9"}, {0.9999, "p99.99", "p99_99"},
};

/* ---- numbers for people ---- */

static double scaled(double v, const char **unit)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    unsigned u = 0;

    for (; v >= 1000 && u < 4; u++)
        v /= 1000;
    *unit = units[u];
    return v;
}

const char *report_rate(double frames, double bytes, char buf[64])
{
    const char *f, *b;
    double v = scaled(frames, &f), w = scaled(bytes * 8, &b);

    snprintf(buf, 64, "%7.3f %spps %7.3f %sbit/s", v, f, w, b);
    return buf;
}

static const char *time_text(uint64_t ns, char buf[32])
{
    if (ns < 10000)
        snprintf(buf, 32, "%" PRIu64 " ns", ns);
    else if (ns < 10000000)
        snprintf(buf, 32, "%.1f us", (double)ns / 1e3);
    else
        snprintf(buf, 32, "%.1f ms", (double)ns / 1e6);
    return buf;
}

static void histogram_print(FILE *out, const char *what, const struct histogram *h)
{
    char text[32];

    if (h->count == 0)
        return;
    fprintf(out, "  %-12s min %s", what, time_text(h->min, text));
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        fprintf(out, ", %s %s", quantiles[i].text, time_text(histogram_quantile(h, quantiles[i].q), text));
    fprintf(out, ", max %s\n", time_text(h->max, text));
}

/* ---- putting lanes together ---- */

struct distributions {
    struct histogram one_way, round_trip, jitter;
};

static struct distributions *distributions_take(const struct run *r)
{
    struct distributions *d = calloc(1, sizeof(*d));

    for (uint16_t i = 0; d != NULL && i < r->n; i++) {
        histogram_merge(&d->one_way, &r->lane[i].one_way);
        histogram_merge(&d->round_trip, &r->lane[i].round_trip);
        histogram_merge(&d->jitter, &r->lane[i].jitter);
    }
    return d;
}

/* Frames a second between the first and the last of them. */
static double rate_between(uint64_t frames, uint64_t from, uint64_t to)
{
    return frames > 1 && to > from ? (double)(frames - 1) * 1e9 / (double)(to - from) : 0;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static uint64_t own_lost(const struct totals *t)
{
    return t->probes_sent > t->own_unique ? t->probes_sent - t->own_unique : 0;
}

/* ---- the summary ---- */

static void replay_print(FILE *out, const struct run *r)
{
    uint64_t cut = r->replay_cut, large = r->replay_large;

    if (cut > 0)
        fprintf(out, "  left out     %" PRIu64 " frames that were cut when they were captured\n", cut);
    if (large > 0)
        fprintf(out,
                "  left out     %" PRIu64
                " frames that the wire does not take (above %u bytes, or no Ethernet)\n",
                large, r->cfg->replay.largest);
}

static void sent_print(FILE *out, const struct run *r, const struct totals *t, const struct histogram *jitter)
{
    char rate[64];
    double seconds = (double)(t->ended - t->started) / 1e9;
    double pps = rate_between(t->c.tx_frames, t->started, t->ended);

    fprintf(out, "plx-pktgen: sent %" PRIu64 " frames, %" PRIu64 " bytes in %.3f s: %s\n", t->c.tx_frames,
            t->c.tx_bytes, seconds,
            report_rate(pps, t->c.tx_frames > 0 ? pps * (double)t->c.tx_bytes / (double)t->c.tx_frames : 0,
                        rate));
    double asked =
        t->c.tx_frames > 0 ? rate_frames(&r->rate, (double)t->c.tx_bytes / (double)t->c.tx_frames) : 0;
    if (!r->cfg->recorded_pace && asked > 0 && pps > 0 && pps < asked * 0.99)
        fprintf(out, "  late         %.1f %% slower than was asked for\n", 100 * (1 - pps / asked));
    replay_print(out, r);
    histogram_print(out, "gaps off by", jitter);
    if (t->c.tx_no_mbuf > 0)
        fprintf(out, "  buffers      there was none at %" PRIu64 " turns\n", t->c.tx_no_mbuf);
    if (t->own_unique > 0)
        fprintf(out, "  came back    %" PRIu64 " of %" PRIu64 " probes: %" PRIu64 " lost (%.4f %%)\n",
                t->own_unique, t->probes_sent, own_lost(t), share(own_lost(t), t->probes_sent));
}

static void received_print(FILE *out, const struct totals *t)
{
    char rate[64];
    double seconds = (double)(t->rx_ended - t->rx_started) / 1e9;
    double pps = rate_between(t->c.rx_frames, t->rx_started, t->rx_ended);
    uint64_t others = t->c.probes - t->c.own;

    fprintf(out, "plx-pktgen: received %" PRIu64 " frames, %" PRIu64 " bytes in %.3f s: %s\n", t->c.rx_frames,
            t->c.rx_bytes, seconds,
            report_rate(pps, t->c.rx_frames > 0 ? pps * (double)t->c.rx_bytes / (double)t->c.rx_frames : 0,
                        rate));
    if (others > 0)
        fprintf(out, "  probes       %" PRIu64 " from %" PRIu64 " sources: %" PRIu64 " missing (%.4f %%)\n",
                others, t->sources, t->missing, share(t->missing, others + t->missing));
    if (t->c.probes > 0)
        fprintf(out,
                "  order        %" PRIu64 " reordered (%" PRIu64 " of them very late), %" PRIu64 " twice\n",
                t->reordered, t->stragglers, t->duplicates);
    fprintf(out, "  damaged      %" PRIu64 "\n", t->c.damaged);
    fprintf(out, "  others       %" PRIu64 " ARP and ICMP, %" PRIu64 " without a probe\n", t->c.control,
            t->c.other);
    if (t->c.untracked > 0)
        fprintf(out, "  not tracked  %" PRIu64 " probes, of more than %u sources\n", t->c.untracked,
                RUN_TRACKS);
    if (t->c.reflected + t->c.reflect_lost > 0)
        fprintf(out, "  reflected    %" PRIu64 ", %" PRIu64 " lost for want of room on the wire\n",
                t->c.reflected, t->c.reflect_lost);
}

static void drops_print(FILE *out)
{
    struct plx_counter c;
    bool any = false;

    fputs("plx-pktgen: drops:", out);
    for (unsigned i = 0; plx_counter(i, &c) == 0; i++)
        if (c.value > 0 && strncmp(c.name, "drop.", 5) == 0) {
            fprintf(out, "%s %s %" PRIu64, any ? "," : "", c.name + 5, c.value);
            any = true;
        }
    fputs(any ? "\n" : " none\n", out);
}

void report_summary(FILE *out, const struct run *r, const char *partial)
{
    struct distributions *d = distributions_take(r);
    struct totals t;

    if (d == NULL)
        return;
    totals_take(r, &t);
    if (r->cfg->send)
        sent_print(out, r, &t, &d->jitter);
    if (r->cfg->receive || r->cfg->echo || t.c.rx_frames > 0)
        received_print(out, &t);
    histogram_print(out, "one way", &d->one_way);
    histogram_print(out, "round trip", &d->round_trip);
    drops_print(out);
    if (partial != NULL)
        fprintf(out, "plx-pktgen: PARTIAL: %s\n", partial);
    fflush(out);
    free(d);
}

/* ---- JSON ---- */

static void histogram_json(struct json *j, const char *key, const struct histogram *h)
{
    json_object(j, key);
    json_u64(j, "count", h->count);
    if (h->count > 0) {
        json_u64(j, "min", h->min);
        json_double(j, "mean", histogram_mean(h), 1);
        for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
            json_u64(j, quantiles[i].key, histogram_quantile(h, quantiles[i].q));
        json_u64(j, "max", h->max);
    }
    json_array(j, "slots"); /* [at most, count] */
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
        if (h->slot[i] == 0)
            continue;
        json_array(j, NULL);
        json_u64(j, NULL, histogram_slot_greatest(i));
        json_u64(j, NULL, h->slot[i]);
        json_end_array(j);
    }
    json_end_array(j);
    json_end_object(j);
}

static void asked_json(struct json *j, const struct run *r)
{
    const struct run_config *c = r->cfg;
    char rate[48];

    json_object(j, "asked");
    json_bool(j, "send", c->send);
    json_bool(j, "receive", c->receive);
    json_bool(j, "echo", c->echo);
    json_text(j, "rate", !c->send ? NULL : c->recorded_pace ? "as recorded" : rate_text(&c->rate, rate));
    if (c->count != RUN_FOREVER)
        json_u64(j, "count", c->count);
    if (c->duration != RUN_FOREVER)
        json_double(j, "duration_s", (double)c->duration / 1e9, 3);
    json_text(j, "replay", c->replay.path);
    json_u64(j, "streams", (uint64_t)c->n_streams);
    json_u64(j, "workers", r->n);
    json_u64(j, "seed", c->seed);
    json_text(j, "wire", r->wire[0].name);
    json_end_object(j);
}

static void totals_json(struct json *j, const struct run *r, const struct totals *t)
{
    json_object(j, "sent");
    json_u64(j, "frames", t->c.tx_frames);
    json_u64(j, "bytes", t->c.tx_bytes);
    json_double(j, "seconds", (double)(t->ended - t->started) / 1e9, 6);
    json_double(j, "frames_per_second", rate_between(t->c.tx_frames, t->started, t->ended), 3);
    json_u64(j, "probes", t->probes_sent);
    json_u64(j, "came_back", t->own_unique);
    json_u64(j, "waits_for_wire", t->c.tx_waits);
    json_u64(j, "left_out_cut", r->replay_cut);
    json_u64(j, "left_out_large", r->replay_large);
    json_end_object(j);
    json_object(j, "received");
    json_u64(j, "frames", t->c.rx_frames);
    json_u64(j, "bytes", t->c.rx_bytes);
    json_double(j, "seconds", (double)(t->rx_ended - t->rx_started) / 1e9, 6);
    json_double(j, "frames_per_second", rate_between(t->c.rx_frames, t->rx_started, t->rx_ended), 3);
    json_u64(j, "probes", t->c.probes);
    json_u64(j, "sources", t->sources);
    json_u64(j, "missing", t->missing);
    json_u64(j, "reordered", t->reordered);
    json_u64(j, "stragglers", t->stragglers);
    json_u64(j, "duplicates", t->duplicates);
    json_u64(j, "damaged", t->c.damaged);
    json_u64(j, "control", t->c.control);
    json_u64(j, "other", t->c.other);
    json_u64(j, "reflected", t->c.reflected);
    json_u64(j, "reflect_lost", t->c.reflect_lost);
    json_end_object(j);
    json_u64(j, "drops", t->drops);
}

static void samples_json(struct json *j, const struct report *rep)
{
    json_array(j, "samples"); /* counts up to that moment */
    for (size_t i = 0; rep != NULL && i < rep->n; i++) {
        const struct sample *s = &rep->sample[i];
        json_object(j, NULL);
        json_double(j, "at_s", (double)s->at / 1e9, 6);
        json_u64(j, "tx_frames", s->tx_frames);
        json_u64(j, "tx_bytes", s->tx_bytes);
        json_u64(j, "rx_frames", s->rx_frames);
        json_u64(j, "rx_bytes", s->rx_bytes);
        json_u64(j, "missing", s->missing);
        json_u64(j, "drops", s->drops);
        json_end_object(j);
    }
    json_end_array(j);
}

int report_json(const struct run *r, const struct report *rep, const char *partial)
{
    struct distributions *d = distributions_take(r);
    const char *path = r->cfg->json_path;
    FILE *f = fopen(path, "w");
    struct json j = {.out = f};
    struct totals t;

    if (f == NULL || d == NULL) {
        free(d);
        if (f != NULL)
            fclose(f);
        return app_failed(r->cfg->app, "--json %s: %s", path, strerror(f == NULL ? errno : ENOMEM));
    }
    totals_take(r, &t);
    json_object(&j, NULL);
    json_text(&j, "program", "plx-pktgen");
    json_text(&j, "version", APP_VERSION);
    json_bool(&j, "partial", partial != NULL);
    json_text(&j, "partial_because", partial);
    asked_json(&j, r);
    totals_json(&j, r, &t);
    histogram_json(&j, "one_way_ns", &d->one_way);
    histogram_json(&j, "round_trip_ns", &d->round_trip);
    histogram_json(&j, "gap_error_ns", &d->jitter);
    samples_json(&j, rep);
    json_end_object(&j);
    free(d);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return app_failed(r->cfg->app, "--json %s: %s", path, strerror(errno));
    return 0;
}
