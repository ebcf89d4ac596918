/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "posix/socket.h"

void peer_init(struct peer *p)
{
    memset(p, 0, sizeof(*p));
    fixture_init(&p->f, NETDEV_LINK_NONE);
    p->base = (struct segment){
        .src = inet_addr("10.0.0.1"), .dst = p->f.h->addr, .sport = 40000, .dport = FIXTURE_PORT, .df = true};
    p->nxt = p->una = 0xfffff000;
    p->ts = 0x7fffff00;
}

void peer_observe(struct peer *p)
{
    struct segment s;
    uint32_t val, ecr;
    if (!fixture_last_sent(&p->f, &s) || s.dport != p->base.sport)
        return;
    p->stack_nxt = s.seq + s.len + ((s.flags & SEG_SYN) != 0) + ((s.flags & SEG_FIN) != 0);
    if (s.flags & SEG_ACK)
        p->una = s.ack;
    if (segment_timestamps(&s, &val, &ecr))
        p->ts_echo = val;
}

void peer_send(struct peer *p, const struct segment *s)
{
    static uint8_t packet[4096];
    size_t n = segment_build(s, packet, sizeof(packet));
    fixture_frame(&p->f, packet, n);
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void peer_add_timestamps(struct peer *p, struct segment *s, uint32_t tsval)
{
    uint8_t *o = s->opt + s->n_opt;
    if (s->n_opt > 28)
        return;
    memcpy(o, (const uint8_t[]){1, 1, 8, 10}, 4);
    put32(o + 4, tsval);
    put32(o + 8, p->ts_echo);
    s->n_opt = (uint8_t)(s->n_opt + 12);
}

/* Options straight from the input, or SACK blocks near what the stack has sent. */
static void fuzz_options(struct peer *p, struct segment *s, struct input *in, uint8_t what)
{
    if (what & 4) {
        unsigned blocks = 1 + (what >> 6);
        s->opt[s->n_opt++] = 5;
        s->opt[s->n_opt++] = (uint8_t)(2 + 8 * blocks);
        for (unsigned i = 0; i < blocks && s->n_opt + 8u <= sizeof(s->opt); i++) {
            uint32_t left = p->stack_nxt - input_u16(in);
            put32(s->opt + s->n_opt, left);
            put32(s->opt + s->n_opt + 4, left + input_u16(in));
            s->n_opt = (uint8_t)(s->n_opt + 8);
        }
    } else if (what & 8) {
        for (unsigned n = input_u8(in) % 41; n != 0 && s->n_opt < sizeof(s->opt); n--)
            s->opt[s->n_opt++] = input_u8(in);
    }
}

static void put_sum(uint8_t *at, uint16_t sum)
{
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* An ICMP error about a segment near what the stack has sent. */
static void fuzz_icmp(struct peer *p, struct input *in)
{
    uint8_t ip[28 + 40] = {0x45, 0, 0, 28 + 28, 0, 0, 0, 0, 64, 1};
    struct segment quoted = {
        .src = p->base.dst, .dst = p->base.src, .sport = FIXTURE_PORT, .dport = p->base.sport};
    quoted.seq = p->stack_nxt - input_u16(in);
    memcpy(ip + 12, &p->base.src, 4);
    memcpy(ip + 16, &p->base.dst, 4);
    ip[20] = input_u8(in);
    ip[21] = input_u8(in);
    uint32_t rest = input_u16(in);
    put32(ip + 24, rest);
    segment_build(&quoted, ip + 28, 40);
    put_sum(ip + 22, inet_fold(inet_sum(0, ip + 20, 36)));
    put_sum(ip + 10, inet_fold(inet_sum(0, ip, 20)));
    fixture_frame(&p->f, ip, 28 + 28);
}

/* What the application does of its own accord: the other direction of the stream, and its end. */
static void fuzz_call(struct peer *p, struct input *in)
{
    static const uint8_t data[4096];
    struct fixture *f = &p->f;
    struct engine *e = &f->h->engine;
    uint8_t call = input_u8(in) % 7;
    int value = input_u16(in), fd = f->n_conns != 0 ? f->conn[0] : -1;
    struct linger gone = {.l_onoff = 1};
    if (call == 0)
        fuzz_icmp(p, in);
    else if (call == 1)
        f->stalled = !f->stalled;
    else if (fd < 0)
        return;
    else if (call == 2)
        sock_send(e, fd, data, (size_t)value % sizeof(data), MSG_DONTWAIT | (value & 0x8000 ? MSG_MORE : 0));
    else if (call == 3)
        sock_shutdown(e, fd, value % 3);
    else if (call == 4)
        sock_setopt(e, fd, SOL_SOCKET, value & 1 ? SO_RCVBUF : SO_SNDBUF, &value, sizeof(value));
    else if (call == 5)
        sock_send(e, fd, data, 1, MSG_DONTWAIT | MSG_OOB);
    else {
        if (value & 1)
            sock_setopt(e, fd, SOL_SOCKET, SO_LINGER, &gone, sizeof(gone));
        sock_close(e, fd);
        f->conn[0] = f->conn[--f->n_conns];
    }
    uint8_t wait = input_u8(in);
    fixture_step(f, (nsec_t)wait * wait * wait * NSEC_PER_USEC * 10);
    peer_observe(p);
}

void peer_fuzz(struct peer *p, struct input *in)
{
    static uint8_t payload[2048];
    uint8_t what = input_u8(in);
    if ((what & 0xc4) == 0xc0) {
        fuzz_call(p, in);
        return;
    }
    struct segment s = p->base;
    s.flags = input_u8(in);
    uint32_t in_order = p->nxt;
    s.seq = what & 1 ? p->una + (uint32_t)(int16_t)input_u16(in) : in_order;
    s.ack = what & 2 ? p->stack_nxt + (uint32_t)(int16_t)input_u16(in) : p->stack_nxt;
    s.window = input_u16(in);
    s.urgent = s.flags & SEG_URG ? input_u16(in) : 0;
    s.len = what & 16 ? input_u16(in) % 1461 : 0;
    s.data = payload;
    fuzz_options(p, &s, in, what);
    if (p->ts_used)
        peer_add_timestamps(p, &s, what & 32 ? p->ts + (uint32_t)(int16_t)input_u16(in) : ++p->ts);
    if (s.seq == in_order)
        p->nxt += s.len + ((s.flags & SEG_SYN) != 0) + ((s.flags & SEG_FIN) != 0);
    peer_send(p, &s);
    uint8_t wait = input_u8(in);
    fixture_step(&p->f, (nsec_t)wait * wait * wait * NSEC_PER_USEC * 10);
    peer_observe(p);
}
