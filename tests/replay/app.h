/* SPDX-License-Identifier: BSD-3-Clause */
/* The application of the replaced side, inferred from what its kernel sent. */
#ifndef TESTS_REPLAY_APP_H
#define TESTS_REPLAY_APP_H

#include "capture.h"
#include "support/world.h"

struct app_conn {
    uint16_t ours, peer;
    int fd; /* -1: not yet */
    bool active, fin, closed;
    uint32_t isn; /* the kernel's, of our side */
    bool isn_known;
    uint8_t *data;                     /* all that this side ever sent */
    uint32_t n_data, written, allowed; /* allowed: by now, as far as the capture shows */
};

struct app {
    struct host *h;
    uint32_t addr, peer; /* network order */
    bool bulk;
    int listener[CAPTURE_FLOWS];
    uint16_t listener_port[CAPTURE_FLOWS];
    unsigned n_listeners;
    int udp[CAPTURE_FLOWS];
    uint16_t udp_port[CAPTURE_FLOWS];
    unsigned n_udp;
    struct app_conn conn[CAPTURE_FLOWS];
};

/* Looks through the whole capture for who listens and what is sent. False: *why. */
bool app_prepare(struct app *a, struct host *h, const struct capture *c, uint32_t addr, char *why,
                 size_t size);
/* The replaced side sent frame i of the capture just now: what must its application have done? */
void app_infer(struct app *a, const struct capture *c, unsigned i);
/* Reads, accepts, writes what is allowed; what was done. An application of world.h. */
unsigned app_turn(struct host *h, void *arg);
void app_free(struct app *a);

#endif
