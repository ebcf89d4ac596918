/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from a capture (pcap or pcapng), read as they are needed: a file may be larger than memory. */
#ifndef PKTGEN_REPLAY_H
#define PKTGEN_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_MAPS 64
#define REPLAY_WHY  512

struct replay_map {
    uint32_t from, to; /* network order */
};

struct replay_config {
    const char *path;
    uint32_t loops; /* 0: for ever */
    struct replay_map map[REPLAY_MAPS];
    uint32_t n_maps;
    bool has_src_mac, has_dst_mac;
    uint8_t src_mac[6], dst_mac[6];
    uint32_t largest; /* bytes that the wire takes */
};

/* "OLD=NEW,OLD=NEW,..." False: what is allowed is in `why`. */
bool replay_maps_parse(struct replay_config *c, const char *text, char why[REPLAY_WHY]);

struct replay;

/* NULL: `why` names the file and says what it is instead of a capture. `c` is borrowed. */
struct replay *replay_open(const struct replay_config *c, char why[REPLAY_WHY]);
void replay_close(struct replay *r);

enum replay_next {
    REPLAY_FRAME,
    REPLAY_END,
    REPLAY_BROKEN, /* replay_why */
};
/* The next frame, addresses rewritten: `*bytes` until the next call, and when it is due, ns after the first.
 */
enum replay_next replay_frame(struct replay *r, const uint8_t **bytes, uint32_t *len, uint64_t *due);
/* The message when it was broken off. */
const char *replay_why(const struct replay *r);
/* Frames left out: cut when they were captured, too large for the wire. */
void replay_skipped(const struct replay *r, uint64_t *cut, uint64_t *large);

#endif
