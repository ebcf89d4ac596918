/* SPDX-License-Identifier: BSD-3-Clause */
/* From a stream to its frames: an image that is copied, and the few words in it that change. Checksums are
 * carried on by what changes (RFC 1624), never computed over the whole. One per worker and stream. */
#ifndef PKTGEN_FRAME_H
#define PKTGEN_FRAME_H

#include <rte_mbuf.h>

#include "pktgen/probe.h"
#include "pktgen/stream.h"

#define FRAME_BLOCK 64 /* images are copied in pieces of this size */

struct frame_edit {
    struct field field;
    uint16_t off, mask;
    uint8_t width, shift, sums;
};

struct frame_maker {
    struct frame_edit edit[STREAM_FIELDS];
    uint32_t n_edits;
    struct field size;
    uint32_t headers, l3, l4; /* offsets; the payload begins at `headers` */
    enum stream_proto proto;
    enum stream_checksum checksum;
    bool probes;
    bool steady; /* but for the probe all frames are alike: lengths and checksums stand in the image */
    uint64_t ip_sum, transport_sum;    /* without lengths, the checksums themselves and the payload */
    uint16_t word[STREAM_HEADERS / 2]; /* the headers as the latest frame had them */
    uint16_t *payload_sum;             /* of the first n bytes, for each n */
    uint64_t probe_sum;                /* of what does not change in a probe */
    uint16_t source;
    uint32_t seq; /* of the next probe */
    uint8_t *image;
};

/* `part` of `parts` workers; `seed` for what is random. False: out of memory. */
bool frame_maker_init(struct frame_maker *k, const struct stream *s, uint16_t source, uint32_t part,
                      uint32_t parts, uint64_t seed);
void frame_maker_fini(struct frame_maker *k);

/* How long the next frame is. */
static inline uint32_t frame_next_size(struct frame_maker *k)
{
    return (uint32_t)field_next(&k->size);
}

/* Writes a frame of `len` bytes to `at`, where there is room for `len` rounded up to FRAME_BLOCK. `time`: ns
 * of the monotonic clock. */
void frame_make(struct frame_maker *k, uint8_t *at, uint32_t len, uint64_t time);

/* The same of a steady maker, n frames at once, each into a buffer of its own that has room for one: writes
 * what as many calls of frame_make would. */
void frame_make_alike(struct frame_maker *k, struct rte_mbuf **m, int n, uint64_t time);

#endif
