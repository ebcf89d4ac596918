/* SPDX-License-Identifier: BSD-3-Clause */
/* A listener that answers with SYN cookies alone, and four ports of a peer: ([what] ...)*, by the low bits of
 * `what` a SYN, its final ACK with deltas, time that passes, or a step as in fuzz_connection. What was never
 * given as a cookie is never believed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define FLOWS 4
#define GIVEN 64 /* cookies remembered a flow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The final ACK that would bring a cookie back. */
struct given {
    uint32_t seq, ack;
    bool any_seq; /* the SYN came from a step that does not tell its number */
};

struct flow {
    uint32_t nxt, una, stack_nxt, ts_echo;
    struct given given[GIVEN];
    unsigned n_given;
};

struct cookies {
    struct peer p;
    struct flow flow[FLOWS];
};

static void flow_load(struct cookies *c, unsigned i)
{
    const struct flow *f = &c->flow[i];
    c->p.base.sport = (uint16_t)(40000 + i);
    c->p.nxt = f->nxt;
    c->p.una = f->una;
    c->p.stack_nxt = f->stack_nxt;
    c->p.ts_echo = f->ts_echo;
}

static void flow_save(struct cookies *c, unsigned i)
{
    struct flow *f = &c->flow[i];
    f->nxt = c->p.nxt;
    f->una = c->p.una;
    f->stack_nxt = c->p.stack_nxt;
    f->ts_echo = c->p.ts_echo;
}

static uint64_t counted(const struct cookies *c, enum counter k)
{
    return c->p.f.h->worker.ctx.counters.v[k];
}

static void send_syn(struct cookies *c, struct input *in)
{
    struct peer *p = &c->p;
    struct segment s = p->base;
    uint8_t kinds = input_u8(in);
    uint16_t mss = input_u16(in);
    s.flags = SEG_SYN | (kinds & 8 ? SEG_ECE | SEG_CWR : 0);
    s.seq = p->nxt - 1; /* the same each time: a SYN that is sent again */
    s.window = input_u16(in);
    memcpy(s.opt, (const uint8_t[]){2, 4, (uint8_t)(mss >> 8), (uint8_t)mss}, 4);
    memcpy(s.opt + 4, kinds & 1 ? (const uint8_t[]){4, 2, 1, 1} : (const uint8_t[]){1, 1, 1, 1}, 4);
    memcpy(s.opt + 8,
           kinds & 2 ? (const uint8_t[]){1, 3, 3, (uint8_t)(kinds >> 4)} : (const uint8_t[]){1, 1, 1, 1}, 4);
    s.n_opt = 12;
    if ((p->ts_used = (kinds & 4) != 0))
        peer_add_timestamps(p, &s, p->ts);
    peer_send(p, &s);
    fixture_step(&p->f, NSEC_PER_MSEC);
    peer_observe(p);
}

static bool was_given(const struct flow *f, uint32_t seq, uint32_t ack)
{
    for (unsigned i = 0; i < f->n_given && i < GIVEN; i++)
        if (f->given[i].ack == ack && (f->given[i].seq == seq || f->given[i].any_seq))
            return true;
    return f->n_given > GIVEN;
}

static void send_ack(struct cookies *c, const struct flow *f, struct input *in)
{
    static const uint8_t payload[64];
    struct peer *p = &c->p;
    struct segment s = p->base;
    uint8_t what = input_u8(in);
    uint64_t believed = counted(c, CNT_TCP_SYNCOOKIES_RECV);
    s.flags = SEG_ACK | (what & (SEG_FIN | SEG_PSH | SEG_URG));
    s.seq = p->nxt + (what & 2 ? (uint32_t)(int16_t)input_u16(in) : 0);
    s.ack = p->stack_nxt + (what & 4 ? (uint32_t)(int16_t)input_u16(in) : 0);
    s.window = input_u16(in);
    s.len = what & 64 ? sizeof(payload) : 0;
    s.data = payload;
    if ((what & 128) != 0) /* the echo carries the options: any will do to be read, none may do harm */
        p->ts_echo += (uint32_t)(int16_t)input_u16(in);
    if (p->ts_used)
        peer_add_timestamps(p, &s, ++p->ts);
    peer_send(p, &s);
    fixture_step(&p->f, NSEC_PER_MSEC);
    peer_observe(p);
    if (counted(c, CNT_TCP_SYNCOOKIES_RECV) != believed && !was_given(f, s.seq, s.ack)) {
        fprintf(stderr, "fuzz: a cookie was believed that was never given\n");
        abort();
    }
}

static void cookies_step(struct cookies *c, struct input *in)
{
    uint8_t what = input_u8(in);
    unsigned i = what >> 2 & (FLOWS - 1);
    struct flow *f = &c->flow[i];
    uint64_t sent = counted(c, CNT_TCP_SYNCOOKIES_SENT);
    flow_load(c, i);
    if ((what & 3) == 0)
        send_syn(c, in);
    else if ((what & 3) == 1)
        send_ack(c, f, in);
    else if ((what & 3) == 2)
        fixture_step(&c->p.f, (nsec_t)input_u8(in) * NSEC_PER_SEC);
    else
        peer_fuzz(&c->p, in);
    if (counted(c, CNT_TCP_SYNCOOKIES_SENT) != sent)
        f->given[f->n_given++ % GIVEN] = (struct given){c->p.nxt, c->p.stack_nxt, (what & 3) == 3};
    flow_save(c, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cookies c;
    struct input in = {data, size};
    memset(&c, 0, sizeof(c));
    peer_init(&c.p);
    c.p.f.h->tun.tcp_syncookies = 2;
    for (unsigned i = 0; i < FLOWS; i++)
        c.flow[i].nxt = c.flow[i].una = 0xfffff000 + i * 0x1000;
    for (unsigned i = 0; i < 200 && in.left != 0; i++)
        cookies_step(&c, &in);
    fixture_fini(&c.p.f);
    return 0;
}
