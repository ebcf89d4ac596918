/* SPDX-License-Identifier: BSD-3-Clause */
/* A segment as a script writes it: flags, relative numbers, options with wildcards. The same text form is
 * read, compared and printed. README.md has the grammar. */
#ifndef TESTS_SCRIPT_PATTERN_H
#define TESTS_SCRIPT_PATTERN_H

#include "support/segment.h"

/* What relative numbers of one connection are relative to. */
struct frame_of_reference {
    uint32_t peer_isn, stack_isn;
    uint32_t stack_ts_base; /* first TSval the stack sent */
    uint32_t stack_ts_last;
    uint32_t peer_ts_now; /* what "auto" writes */
    bool stack_isn_known, stack_ts_known;
    bool ts_in_use; /* both SYNs carried timestamps */
};

enum opt_kind {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WS = 3,
    OPT_SACKOK = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_RAW = 255
};

struct opt_item {
    enum opt_kind kind;
    uint32_t v[8];      /* mss, shift, ts pair, sack edges (relative) */
    uint16_t any, mine; /* bit i: v[i] is "*" / "auto" */
    uint8_t n;
    uint8_t raw[40];
};

struct pattern {
    uint8_t flags, flags_ignored; /* "PSH?" */
    uint32_t seq, len, ack, window, urgent;
    bool has_ack, has_window, has_urgent, any_len;
    bool bad_checksum, no_df;
    int ttl, tos; /* -1: not given */
    enum { OPTS_DEFAULT, OPTS_ANY, OPTS_LIST } opts;
    uint8_t n_opt;
    struct opt_item opt[20];
};

/* Reads the words after the arrow. NULL, or what is wrong with them. */
const char *pattern_parse(const char *text, struct pattern *p);
/* Option bytes for a segment from the peer. */
uint8_t pattern_encode_options(const struct pattern *p, const struct frame_of_reference *f, uint8_t out[40]);
/* Does what the stack sent fit? NULL, or the first thing that does not. ts_slack: ms either way. */
const char *pattern_mismatch(const struct pattern *p, const struct segment *s,
                             const struct frame_of_reference *f, uint32_t ts_slack);
/* The segment in the language's own form. from_stack says whose numbers are whose. */
void pattern_print(const struct segment *s, const struct frame_of_reference *f, bool from_stack, char *buf,
                   size_t size);

#endif
