/* SPDX-License-Identifier: BSD-3-Clause */
/* An established connection, then what the peer makes of the input: [options of the SYN] [window] (step)*. */
#include <string.h>

#include "peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void handshake(struct peer *p, struct input *in)
{
    uint8_t kinds = input_u8(in);
    struct segment s = p->base;
    s.flags = SEG_SYN;
    s.seq = p->nxt++;
    s.window = input_u16(in);
    memcpy(s.opt, (const uint8_t[]){2, 4, 5, 0xb4}, 4);
    s.n_opt = 4;
    if (kinds & 1) {
        memcpy(s.opt + s.n_opt, (const uint8_t[]){4, 2, 1, 1}, 4);
        s.n_opt = (uint8_t)(s.n_opt + 4);
    }
    if (kinds & 2) {
        memcpy(s.opt + s.n_opt, (const uint8_t[]){1, 3, 3, (uint8_t)(kinds >> 4)}, 4);
        s.n_opt = (uint8_t)(s.n_opt + 4);
    }
    if ((p->ts_used = (kinds & 4) != 0))
        peer_add_timestamps(p, &s, p->ts);
    peer_send(p, &s);
    fixture_step(&p->f, NSEC_PER_MSEC);
    peer_observe(p);
    s.flags = SEG_ACK;
    s.seq = p->nxt;
    s.ack = p->stack_nxt;
    s.n_opt = 0;
    if (p->ts_used)
        peer_add_timestamps(p, &s, p->ts);
    peer_send(p, &s);
    fixture_step(&p->f, NSEC_PER_MSEC);
    peer_observe(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer p;
    struct input in = {data, size};
    peer_init(&p);
    handshake(&p, &in);
    for (unsigned i = 0; i < 200 && in.left != 0; i++)
        peer_fuzz(&p, &in);
    fixture_fini(&p.f);
    return 0;
}
