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

/* Stalls, at most a few hundred of up to 3 s, a slow wire, and back-off under loss; a stack that hangs
 * does so for ever, so this is generous. */
static nsec_t draw_deadline(const struct scenario *s)
{
    double total = 0, stall = 0;
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
    return (nsec_t)(seconds * (1 + 20 * s->wire.loss + 20 * s->wire.corrupt) * 1e9);
}

void scenario_draw(struct scenario *s, uint64_t seed)
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
    s->deadline = draw_deadline(s);
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
}
