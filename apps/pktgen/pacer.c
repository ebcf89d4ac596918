/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/pacer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND   1000000000u
#define HASTE    16u /* times the rate, at most, at which a late schedule is caught up with */
#define CATCH_UP 64u /* frames that may follow each other at once when the schedule is late */

/* ---- rates ---- */

static const struct {
    const char *suffix;
    enum rate_unit unit;
    double scale;
} units[] = {
    {"pps", RATE_PPS, 1},          {"kpps", RATE_PPS, 1e3},       {"Mpps", RATE_PPS, 1e6},
    {"bps", RATE_BPS, 1},          {"kbps", RATE_BPS, 1e3},       {"Mbps", RATE_BPS, 1e6},
    {"Gbps", RATE_BPS, 1e9},       {"bps-l1", RATE_L1_BPS, 1},    {"kbps-l1", RATE_L1_BPS, 1e3},
    {"Mbps-l1", RATE_L1_BPS, 1e6}, {"Gbps-l1", RATE_L1_BPS, 1e9}, {"%", RATE_PERCENT, 1e4},
};

static bool rate_refuse(char *why, size_t size)
{
    snprintf(
        why, size,
        "must be frames (1pps to 1000Mpps: pps, kpps, Mpps), bits (1bps to 4000Gbps: bps, kbps, Mbps, Gbps; "
        "with -l1 what the link adds counts too), a share of the link (50%%), or max");
    return false;
}

bool rate_parse(struct rate *r, const char *text, char *why, size_t size)
{
    size_t digits = strspn(text, "0123456789."), fraction = strcspn(text, ".");
    char number[32];
    unsigned i = 0;

    if (strcmp(text, "max") == 0) {
        *r = (struct rate){.unit = RATE_MAX};
        return true;
    }
    while (i < sizeof(units) / sizeof(units[0]) && strcmp(units[i].suffix, text + digits) != 0)
        i++;
    if (i == sizeof(units) / sizeof(units[0]) || digits == 0 || digits >= sizeof(number) || text[0] == '.')
        return rate_refuse(why, size);
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (fraction < digits && (strchr(number + fraction + 1, '.') != NULL || fraction + 1 == digits))
        return rate_refuse(why, size);
    double value = strtod(number, NULL) * units[i].scale;
    double most = units[i].unit == RATE_PPS       ? RATE_MAX_PPS
                  : units[i].unit == RATE_PERCENT ? 1e6
                                                  : (double)RATE_MAX_BPS;
    if (value < 1 || value > most)
        return rate_refuse(why, size);
    *r = (struct rate){.unit = units[i].unit, .value = (uint64_t)(value + 0.5)};
    return true;
}

const char *rate_text(const struct rate *r, char buf[48])
{
    double v = (double)r->value;
    const char *what = r->unit == RATE_PPS ? "pps" : r->unit == RATE_L1_BPS ? "bit/s on the link" : "bit/s";
    const char *scale = "";

    if (r->unit == RATE_MAX)
        return strcpy(buf, "max");
    if (r->unit == RATE_PERCENT) {
        snprintf(buf, 48, "%g%% of the link", v / 1e4);
        return buf;
    }
    if (v >= 1e9) {
        v /= 1e9;
        scale = "G";
    } else if (v >= 1e6) {
        v /= 1e6;
        scale = "M";
    } else if (v >= 1e3) {
        v /= 1e3;
        scale = "k";
    }
    snprintf(buf, 48, "%.6g %s%s", v, scale, what);
    return buf;
}

bool rate_resolve(struct rate *r, uint64_t mbps)
{
    if (r->unit != RATE_PERCENT)
        return true;
    if (mbps == 0)
        return false;
    *r = (struct rate){.unit = RATE_L1_BPS, .value = r->value * mbps};
    return true;
}

static uint64_t frame_bits(enum rate_unit unit, uint64_t len)
{
    return (len + (unit == RATE_L1_BPS ? RATE_WIRE_OVERHEAD : 0)) * 8;
}

double rate_frames(const struct rate *r, double mean)
{
    if (r->unit == RATE_PPS)
        return (double)r->value;
    if (r->unit == RATE_BPS || r->unit == RATE_L1_BPS)
        return (double)r->value / ((mean + (r->unit == RATE_L1_BPS ? RATE_WIRE_OVERHEAD : 0)) * 8);
    return 0;
}

/* ---- the schedule ---- */

void pacer_init(struct pacer *p, const struct rate *rate, uint32_t group, uint32_t part, uint32_t parts,
                uint64_t start)
{
    memset(p, 0, sizeof(*p));
    p->rate = *rate;
    p->group = group;
    p->due = start;
    if (rate->unit == RATE_MAX)
        return;
    p->divisor = rate->value;
    if (rate->unit == RATE_PPS) {
        /* Of frames that are dealt out in turn this pacer has every parts-th, from the part-th on. */
        unsigned __int128 between = (unsigned __int128)SECOND * parts;
        p->step = (uint64_t)(between / rate->value);
        p->step_rest = (uint64_t)(between % rate->value);
        unsigned __int128 first = (unsigned __int128)SECOND * part * group;
        p->due += (uint64_t)(first / rate->value);
        p->remainder = (uint64_t)(first % rate->value);
    } else {
        p->step = parts;
    }
    p->floor = 0;
}

/* The time that one frame takes, in whole ns; the rest stays in the remainder. */
static uint64_t frame_cost(struct pacer *p, uint32_t len)
{
    uint64_t ns;

    if (p->rate.unit == RATE_PPS) {
        ns = p->step;
        p->remainder += p->step_rest;
        if (p->remainder >= p->divisor) {
            p->remainder -= p->divisor;
            ns++;
        }
        return ns;
    }
    unsigned __int128 cost =
        (unsigned __int128)frame_bits(p->rate.unit, len) * SECOND * p->step + p->remainder;
    if (cost >> 64 == 0) {
        p->remainder = (uint64_t)cost % p->divisor;
        return (uint64_t)cost / p->divisor;
    }
    p->remainder = (uint64_t)(cost % p->divisor);
    return (uint64_t)(cost / p->divisor);
}

void pacer_advance(struct pacer *p, uint32_t len, uint64_t now)
{
    if (p->rate.unit == RATE_MAX)
        return;
    p->group_cost += frame_cost(p, len);
    if (++p->in_group < p->group)
        return;
    uint64_t least = p->group_cost / HASTE, slack = least * CATCH_UP;
    p->due += p->group_cost;
    p->floor = (p->floor + slack < now ? now - slack : p->floor) + least;
    p->group_cost = 0;
    p->in_group = 0;
}
