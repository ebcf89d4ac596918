/* SPDX-License-Identifier: BSD-3-Clause */
/* The stack connects, and what the peer makes of the input meets SYN-SENT, SYN-RECEIVED after a simultaneous
 * open, and what follows: [tunables] (step)*. A step of flags 0x12 without deltas is the right answer. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "peer.h"
#include "posix/socket.h"

enum { NO_TIMESTAMPS = 1, NO_SACK = 2, NO_WINDOW_SCALE = 4, ASK_ECN = 8, PEER_TIMESTAMPS = 16, TWO = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_connect(struct peer *p)
{
    struct engine *e = &p->f.h->engine;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(p->base.sport), .sin_addr = {p->base.src}};
    int fd = sock_open(e, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || sock_connect(e, fd, (struct sockaddr *)&to, sizeof(to)) != -EINPROGRESS)
        abort();
    p->f.conn[p->f.n_conns++] = fd;
    fixture_step(&p->f, NSEC_PER_MSEC);
}

/* Of the SYN that was just sent: the stack's port and number. */
static void learn_syn(struct peer *p)
{
    struct segment s;
    uint32_t ecr;
    if (!fixture_last_sent(&p->f, &s) || s.flags != (SEG_SYN | (s.flags & (SEG_ECE | SEG_CWR))))
        abort();
    p->base.dport = s.sport;
    p->stack_nxt = s.seq + 1;
    segment_timestamps(&s, &p->ts_echo, &ecr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peer p;
    struct input in = {data, size};
    peer_init(&p);
    uint8_t kinds = input_u8(&in);
    struct tunables *tun = &p.f.h->tun;
    tun->tcp_timestamps = (kinds & NO_TIMESTAMPS) == 0;
    tun->tcp_sack = (kinds & NO_SACK) == 0;
    tun->tcp_window_scaling = (kinds & NO_WINDOW_SCALE) == 0;
    if ((kinds & ASK_ECN) != 0)
        tun->tcp_ecn = 1;
    p.ts_used = (kinds & PEER_TIMESTAMPS) != 0;
    if ((kinds & TWO) != 0)
        fuzz_connect(&p);
    fuzz_connect(&p);
    learn_syn(&p);
    for (unsigned i = 0; i < 200 && in.left != 0; i++)
        peer_fuzz(&p, &in);
    fixture_fini(&p.f);
    return 0;
}
