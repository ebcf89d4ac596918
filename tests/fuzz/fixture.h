/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine that fuzzed input meets: a listener with an echo application, a UDP socket, and a wire whose
 * far end is the fuzzer. Everything is deterministic, so that an input that broke it breaks it again. */
#ifndef TESTS_FUZZ_FIXTURE_H
#define TESTS_FUZZ_FIXTURE_H

#include "support/segment.h"
#include "support/wiretap.h"
#include "support/world.h"

#define FIXTURE_PORT  80
#define FIXTURE_CONNS 16

struct fixture {
    struct world w;
    struct host *h;
    struct netdev *wire;
    int listener, udp, conn[FIXTURE_CONNS];
    unsigned n_conns;
    bool stalled; /* the application reads nothing */
};

/* The input, taken off its front; zeros when it is used up. */
struct input {
    const uint8_t *p;
    size_t left;
};

uint8_t input_u8(struct input *in);
uint16_t input_u16(struct input *in);

void fixture_init(struct fixture *f, enum netdev_link link);
/* Aborts when a buffer or block is left, or an invariant was broken. */
void fixture_fini(struct fixture *f);
/* Everything that is due now, the application included, then so much time. Aborts on a broken invariant. */
void fixture_step(struct fixture *f, nsec_t more);
/* The newest TCP segment that the stack sent since the last call, its data cut off. False: none. */
bool fixture_last_sent(struct fixture *f, struct segment *out);
void fixture_frame(struct fixture *f, const uint8_t *p, size_t n);

#endif
