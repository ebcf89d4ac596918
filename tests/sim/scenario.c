/* SPDX-License-Identifier: BSD-3-Clause */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool one_in(uint64_t *r, uint32_t n)
{
    return world_below(r, n) == 0;
}

/* Small numbers as often as large ones. */
static uint32_t log_uniform(uint64_t *r, uint32_t max)
{
    uint32_t bits = 0;
    while (bits < 31 && max >> bits != 0)
        bits++;
    uint32_t v = world_below(r, 1u << world_below(r, bits + 1));
    return v > max ? max : v;
}

static void draw_wire(struct scenario *s, uint64_t *r)
{
    static const uint64_t rates[] = {0, 0, 0, 500000, 1000000, 10000000, 100000000, 1000000000};
    struct impair_config *w = &s->wire;
    if (!one_in(r, 4)) {
        w->loss = one_in(r, 2) ? world_below(r, 1000) / 1e5 : world_below(r, 5000) / 1e5;
        w->dup = one_in(r, 2) ? 0 : world_below(r, 2000) / 1e5;
        w->reorder = one_in(r, 2) ? 0 : world_below(r, 5000) / 1e5;
        w->corrupt = one_in(r, 3) ? world_below(r, 1000) / 1e5 : 0;
    }
    w->delay = world_below(r, 4) == 0 ? 0 : log_uniform(r, 100000) * NSEC_PER_USEC;
    w->jitter = one_in(r, 3) ? w->delay / (1 + world_below(r, 10)) : 0;
    w->rate_bps = rates[world_below(r, RTE_DIM(rates))];
    w->limit = one_in(r, 4) ? 20 + world_below(r, 100) : 1000;
    w->seed = world_rand(r);
    /* A corrupted ARP answer has no checksum to be recognised by: such a wire has no link layer here. */
    s->ether = w->corrupt == 0 && !one_in(r, 3);
    s->offload = one_in(r, 2);
}

static void draw_conn(struct scenario *s, struct conn_plan *c, uint32_t budget, uint64_t *r)
{
    c->at = log_uniform(r, 5000000) * NSEC_PER_USEC;
    for (unsigned side = 0; side < 2; side++) {
        c->bytes[side] = log_uniform(r, budget);
        c->write_max[side] = one_in(r, 4) ? 1 + world_below(r, 100) : 1 + log_uniform(r, 65536);
        c->read_max[side] = one_in(r, 4) ? 1 + world_below(r, 100) : 1 + log_uniform(r, 65536);
        /* A small write a call is a small segment a call: keep the number of calls in bounds. */
        if (c->bytes[side] / c->write_max[side] > 3000)
            c->write_max[side] = c->bytes[side] / 3000;
        if (c->bytes[1 - side] / c->read_max[side] > 3000)
            c->read_max[side] = c->bytes[1 - side] / 3000;
        c->stall_ppm[side] = one_in(r, 3) ? world_below(r, 100000) : 0;
        c->stall[side] = log_uniform(r, 3000000) * NSEC_PER_USEC;
    }
    c->ending = (enum ending)world_below(r, END_N);
    c->reset_after = world_below(r, c->bytes[1] + 1);
    c->edge = one_in(r, 2);
    c->nodelay = one_in(r, 2);
    c->rcvbuf = one_in(r, 4) ? 2048 + log_uniform(r, 100000) : 0;
    c->sndbuf = one_in(r, 4) ? 4096 + log_uniform(r, 100000) : 0;
}

/* ---- what was added to the first worlds: dice of its own, so that those are drawn as they were ---- */

static void draw_network(struct scenario *s, uint64_t *r)
{
    static const uint16_t narrow[] = {1400, 1280, 1006, 576, 552, 400};
    struct network_faults *f = &s->net;
    if (one_in(r, 4)) {
        f->burst_length = (1 + log_uniform(r, 200)) * NSEC_PER_MSEC;
        f->burst_every = f->burst_length * (20 + log_uniform(r, 1000));
    }
    f->tail = one_in(r, 4) ? world_below(r, 30000) / 1e5 : 0;
    f->n_cuts = one_in(r, 4) ? 1 + world_below(r, NETWORK_CUTS - 1) : 0;
    for (unsigned i = 0; i < f->n_cuts; i++) {
        struct network_cut *c = &f->cut[i];
        c->from = log_uniform(r, 20000000) * NSEC_PER_USEC;
        c->to = c->from + log_uniform(r, 8000) * NSEC_PER_MSEC;
        c->port = (uint8_t)world_below(r, s->n_hosts);
        c->way = (enum cut_way)world_below(r, 3);
    }
    if (one_in(r, 4)) {
        f->narrow_at = log_uniform(r, 10000000) * NSEC_PER_USEC + 1;
        f->wide_at = f->narrow_at + log_uniform(r, 1000000) * NSEC_PER_MSEC;
        f->narrow_mtu = narrow[world_below(r, RTE_DIM(narrow))];
    }
    f->forged = one_in(r, 6);
}

/* Where 32 bits of it end: microseconds after 71 minutes, milliseconds after 49 days, ticks of the wheel
 * after 6 days; and long after all of that. */
static nsec_t draw_start(uint64_t *r)
{
    static const nsec_t unit[] = {NSEC_PER_USEC, NSEC_PER_MSEC, (nsec_t)1 << 17, NSEC_PER_USEC / 2};
    nsec_t before = log_uniform(r, 20000000) * NSEC_PER_USEC;
    if (one_in(r, 4))
        return world_rand(r) >> 2;
    return (nsec_t)(1 + world_below(r, 3)) * (unit[world_below(r, RTE_DIM(unit))] << 32) - before;
}

static void draw_clock(struct scenario *s, uint64_t *r)
{
    nsec_t start = draw_start(r);
    bool strange = one_in(r, 3);
    s->start = strange ? start : NSEC_PER_SEC;
    s->wrap_tsval = one_in(r, 8);
    s->n_pauses = one_in(r, 5) ? 1 + world_below(r, SCENARIO_PAUSES) : 0;
    for (unsigned i = 0; i < s->n_pauses; i++) {
        s->pause[i].at = log_uniform(r, 5000000) * NSEC_PER_USEC;
        s->pause[i].length = log_uniform(r, 8000) * NSEC_PER_MSEC;
        s->pause[i].host = (int)world_below(r, s->n_hosts + 1) - 1;
    }
}

static void draw_more_of_conn(struct scenario *s, struct conn_plan *c, uint64_t *r)
{
    uint8_t client = (uint8_t)world_below(r, s->n_hosts - 1);
    c->client = client == 0 ? 0 : client + 1;
    c->wraps = one_in(r, 6) ? (int8_t)world_below(r, 2) : -1;
    c->naps = one_in(r, 12) ? (int8_t)world_below(r, 2) : -1;
    uint32_t after = c->naps >= 0 ? world_below(r, c->bytes[c->naps] + 1) : 0;
    c->nap_after = after;
    c->nap = (nsec_t)log_uniform(r, 5000000) * NSEC_PER_SEC; /* up to 58 days */
    /* Who closes with data for one who sleeps may be given up by his own stack; and with memory for less than
     * a window it is refused what was announced. */
    if (c->ending != END_HALF_CLOSE || s->pool_limit != 0 || (c->naps >= 0 && after >= c->bytes[c->naps]))
        c->naps = -1;
}

static void draw_hostile(struct scenario *s, uint64_t *r)
{
    bool one = one_in(r, 8);
    double mangled = world_below(r, 100000) / 1e5;
    if (!one || s->n_hosts < 3)
        return;
    s->net.hostile = (uint8_t)(s->n_hosts - 1);
    s->net.mangled = mangled;
    for (unsigned i = 0; i < s->n_conns; i++)
        s->conn[i].hostile = s->conn[i].client == s->net.hostile;
}

static void draw_ecn(struct scenario *s, uint64_t *r)
{
    bool ecn = one_in(r, 3);
    double marked = one_in(r, 3) ? world_below(r, 50000) / 1e5 : world_below(r, 3000) / 1e5;
    s->ecn = ecn;
    s->net.marked = ecn ? marked : 0;
}

static void draw_more(struct scenario *s, uint64_t seed)
{
    uint64_t dice = (seed + 7) * UINT64_C(0xd1b54a32d192ed03) + 1, *r = &dice;
    world_rand(r);
    s->n_hosts = one_in(r, 3) ? 3 + world_below(r, WORLD_HOSTS - 2) : 2;
    draw_clock(s, r);
    draw_network(s, r);
    for (unsigned i = 0; i < s->n_conns; i++)
        draw_more_of_conn(s, &s->conn[i], r);
    draw_hostile(s, r);
    draw_ecn(s, r);
}

/* ---- what shall not be ---- */

static const struct {
    const char *name;
    unsigned bit;
} faults_known[] = {
    {"loss", FAULT_LOSS},     {"burst", FAULT_BURST},
    {"tail", FAULT_TAIL},     {"reorder", FAULT_REORDER},
    {"dup", FAULT_DUP},       {"corrupt", FAULT_CORRUPT},
    {"delay", FAULT_DELAY},   {"rate", FAULT_RATE},
    {"mtu", FAULT_MTU},       {"partition", FAULT_PARTITION},
    {"clock", FAULT_CLOCK},   {"seq", FAULT_SEQ},
    {"pools", FAULT_POOLS},   {"stall", FAULT_STALL},
    {"ending", FAULT_ENDING}, {"hostile", FAULT_HOSTILE},
    {"blind", FAULT_BLIND},   {"marks", FAULT_MARKS},
    {"all", FAULT_ALL},       {"none", 0},
};

bool scenario_faults(const char *text, unsigned *faults)
{
    *faults = 0;
    for (const char *end; *text != 0; text = *end != 0 ? end + 1 : end) {
        end = strchrnul(text, ',');
        size_t i = 0, len = (size_t)(end - text);
        while (i < RTE_DIM(faults_known) &&
               (strlen(faults_known[i].name) != len || memcmp(faults_known[i].name, text, len) != 0))
            i++;
        if (i == RTE_DIM(faults_known))
            return false;
        *faults |= faults_known[i].bit;
    }
    return true;
}

static void spare_conn(struct conn_plan *c, unsigned faults)
{
    if ((faults & FAULT_SEQ) == 0)
        c->wraps = -1;
    if ((faults & FAULT_STALL) == 0)
        c->stall_ppm[0] = c->stall_ppm[1] = 0;
    if ((faults & FAULT_STALL) == 0 || (faults & FAULT_CLOCK) == 0)
        c->naps = -1;
    if ((faults & FAULT_ENDING) == 0 && c->ending == END_CLIENT_RESETS)
        c->ending = END_HALF_CLOSE;
    if ((faults & FAULT_HOSTILE) == 0)
        c->hostile = false;
}

static void spare_wire(struct scenario *s, unsigned faults)
{
    struct impair_config *w = &s->wire;
    w->loss *= (faults & FAULT_LOSS) != 0;
    w->reorder *= (faults & FAULT_REORDER) != 0;
    w->dup *= (faults & FAULT_DUP) != 0;
    w->corrupt *= (faults & FAULT_CORRUPT) != 0;
    if ((faults & FAULT_DELAY) == 0)
        w->delay = w->jitter = 0;
    if ((faults & FAULT_RATE) == 0) {
        w->rate_bps = 0;
        w->limit = 10000;
    }
}

static void spare(struct scenario *s, unsigned faults)
{
    struct network_faults *f = &s->net;
    spare_wire(s, faults);
    if ((faults & FAULT_BURST) == 0)
        f->burst_every = 0;
    if ((faults & FAULT_TAIL) == 0)
        f->tail = 0;
    if ((faults & FAULT_PARTITION) == 0)
        f->n_cuts = 0;
    if ((faults & FAULT_MTU) == 0)
        f->narrow_at = 0;
    /* Two damaged fragments of a segment may have the right checksum together. */
    if (s->wire.corrupt > 0 && f->narrow_mtu < 552)
        f->narrow_mtu = 552;
    if ((faults & FAULT_BLIND) == 0)
        f->forged = false;
    if ((faults & FAULT_HOSTILE) == 0)
        f->hostile = 0;
    if ((faults & FAULT_CLOCK) == 0) {
        s->start = NSEC_PER_SEC;
        s->wrap_tsval = false;
        s->n_pauses = 0;
    }
    if ((faults & FAULT_MARKS) == 0) {
        s->ecn = false;
        f->marked = 0;
    }
    if ((faults & FAULT_POOLS) == 0)
        s->pool_limit = 0;
    for (unsigned i = 0; i < s->n_conns; i++)
        spare_conn(&s->conn[i], faults);
}

/* Stalls, at most a few hundred of up to 3 s, a slow wire, and back-off under loss; a stack that hangs
 * does so for ever, so this is generous. */
static nsec_t draw_deadline(const struct scenario *s)
{
    double total = 0, stall = 0, more = 0;
    for (unsigned i = 0; i < s->n_conns; i++)
        if (s->conn[i].naps >= 0 && (double)s->conn[i].nap / 1e9 > more)
            more = (double)s->conn[i].nap / 1e9;
    for (unsigned i = 0; i < s->n_pauses; i++)
        more += (double)s->pause[i].length / 1e9;
    for (unsigned i = 0; i < s->n_conns; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct conn_plan *c = &s->conn[i];
            double calls =
                (double)c->bytes[side] / c->write_max[side] + (double)c->bytes[1 - side] / c->read_max[side];
            double here = calls * c->stall_ppm[side] / 1e6 * (double)c->stall[side] / 1e9;
            total += c->bytes[side];
            stall = here > stall ? here : stall;
        }
    double rate = s->wire.rate_bps != 0 ? (double)s->wire.rate_bps : 1e9;
    double seconds =
        600 + 4 * stall + 20 * total * 8 / rate + total / 1460 * (double)(s->wire.delay * 4) / 1e9;
    if (s->pool_limit != 0)
        seconds = seconds * 4 + 3600;
    /* A burst or a lost end costs a time-out, and these double. */
    double bad = s->wire.loss + s->wire.corrupt + s->net.tail;
    if (s->net.burst_every != 0)
        bad += (double)s->net.burst_length / (double)(s->net.burst_every + s->net.burst_length);
    for (unsigned i = 0; i < s->net.n_cuts; i++)
        seconds += 20 * (double)(s->net.cut[i].to - s->net.cut[i].from) / 1e9;
    seconds += 300; /* until the clock of the initial numbers is where it shall be */
    return (nsec_t)((seconds * (1 + 20 * bad) + more) * 1e9);
}

void scenario_draw(struct scenario *s, uint64_t seed, unsigned faults)
{
    static const uint16_t mtus[] = {1500, 1500, 1500, 576, 1280, 9000};
    uint64_t dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, *r = &dice;
    world_rand(r);
    memset(s, 0, sizeof(*s));
    s->seed = seed;
    draw_wire(s, r);
    s->mtu = mtus[world_below(r, RTE_DIM(mtus))];
    s->backlog = one_in(r, 3) ? 1 + world_below(r, 4) : 128;
    s->pool_limit = one_in(r, 5) ? 64 + log_uniform(r, 1000) : 0;
    if (s->pool_limit == 0 && getenv("PLX_TEST_POOLS") != NULL) /* every world at the edge of empty */
        s->pool_limit = 64 + (uint32_t)(seed % 256);
    s->sack = !one_in(r, 4);
    s->timestamps = !one_in(r, 4);
    s->wscale = !one_in(r, 4);
    s->n_conns = 1 + (one_in(r, 2) ? world_below(r, 4) : world_below(r, SCENARIO_CONNS));
    uint32_t budget = (one_in(r, 8) ? 4u << 20 : 512u << 10) / s->n_conns;
    for (unsigned i = 0; i < s->n_conns; i++)
        draw_conn(s, &s->conn[i], budget, r);
    s->n_datagrams = one_in(r, 2) ? world_below(r, 50) : 0;
    draw_more(s, seed);
    spare(s, faults);
    s->deadline = draw_deadline(s);
}

static void print_more(const struct scenario *s, char *buf, size_t size)
{
    const struct network_faults *f = &s->net;
    size_t n = strlen(buf);
    if (n + 1 < size)
        n += (size_t)snprintf(buf + n, size - n, "; %u hosts, clock from %.3f s%s, %u pauses", s->n_hosts,
                              (double)s->start / 1e9, s->wrap_tsval ? ", TSval wraps" : "", s->n_pauses);
    if (n + 1 < size && f->burst_every != 0)
        n += (size_t)snprintf(buf + n, size - n, ", bursts of %.0f ms every %.0f ms",
                              (double)f->burst_length / 1e6, (double)f->burst_every / 1e6);
    if (n + 1 < size)
        n += (size_t)snprintf(buf + n, size - n, ", tail loss %.1f%%", f->tail * 100);
    for (unsigned i = 0; i < f->n_cuts && n + 1 < size; i++)
        n += (size_t)snprintf(buf + n, size - n, ", port %u cut %s from %.3f to %.3f s", f->cut[i].port,
                              f->cut[i].way == CUT_TO     ? "inwards"
                              : f->cut[i].way == CUT_FROM ? "outwards"
                                                          : "off",
                              (double)f->cut[i].from / 1e9, (double)f->cut[i].to / 1e9);
    if (n + 1 < size && f->narrow_at != 0)
        n += (size_t)snprintf(buf + n, size - n, ", MTU %u from %.3f to %.3f s", f->narrow_mtu,
                              (double)f->narrow_at / 1e9, (double)f->wide_at / 1e9);
    if (n + 1 < size && s->ecn)
        n += (size_t)snprintf(buf + n, size - n, ", ECN, %.2f%% marked", f->marked * 100);
    if (n + 1 < size)
        snprintf(buf + n, size - n, "%s%s", f->forged ? ", a blind attacker" : "",
                 f->hostile != 0 ? ", the last host hostile" : "");
}

void scenario_print(const struct scenario *s, char *buf, size_t size)
{
    snprintf(
        buf, size,
        "%s, mtu %u, offload %s, loss %.3f%%, dup %.3f%%, reorder %.3f%%, corrupt %.3f%%, delay %.3f ms, "
        "jitter "
        "%.3f ms, rate %.1f Mbit/s, queue %u; sack %u ts %u ws %u, backlog %u, pools %u, %u connections, %u "
        "datagrams, deadline %.0f s",
        s->ether ? "ether" : "raw IP", s->mtu, s->offload ? "on" : "off", s->wire.loss * 100,
        s->wire.dup * 100, s->wire.reorder * 100, s->wire.corrupt * 100, (double)s->wire.delay / 1e6,
        (double)s->wire.jitter / 1e6, (double)s->wire.rate_bps / 1e6, s->wire.limit, s->sack, s->timestamps,
        s->wscale, s->backlog, s->pool_limit, s->n_conns, s->n_datagrams, (double)s->deadline / 1e9);
    print_more(s, buf, size);
}
