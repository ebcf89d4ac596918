/* SPDX-License-Identifier: BSD-3-Clause */
/* A pcap file in memory, and its packets as records that can be compared: numbers relative, what is
 * random by nature taken out. */
#ifndef TESTS_REPLAY_CAPTURE_H
#define TESTS_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "support/segment.h"

#define CAPTURE_FLOWS 32

struct capture_frame {
    nsec_t at; /* since the first frame */
    uint32_t len;
    uint8_t *bytes; /* Ethernet */
};

struct capture {
    struct capture_frame *frame;
    unsigned n;
    char why[300];
};

bool capture_read(struct capture *c, const char *path);
void capture_free(struct capture *c);

/* The numbers of one TCP connection, as one side of the comparison has them. ours: the replaced side. */
struct flow {
    uint16_t ours, peer; /* ports */
    uint32_t our_isn, peer_isn, our_ts;
    bool our_isn_known, peer_isn_known, our_ts_known;
};

enum record_kind { RECORD_TCP, RECORD_UDP, RECORD_ICMP, RECORD_ARP, RECORD_OTHER };

/* One frame of the replaced side. */
struct record {
    nsec_t at;
    enum record_kind kind;
    int flow; /* TCP: index */
    /* IP */
    uint8_t ttl, tos;
    bool df, more;
    uint16_t id, offset; /* of a fragment, in bytes */
    /* TCP, relative */
    uint8_t flags;
    uint32_t seq, ack, len;
    uint16_t window, urgent;
    bool has_ts, has_sack;
    uint32_t tsval, tsecr; /* tsval relative to the first one sent */
    int wscale;            /* -1: none */
    uint8_t n_opt;
    uint8_t opt[40]; /* timestamps and scale zeroed, SACK relative */
    /* the rest: everything behind the IP header, or the ARP packet */
    uint32_t n_body;
    uint8_t body[2048];
    uint64_t body_sum;
    bool broken; /* a checksum is wrong */
};

/* Which flow a TCP segment is of; made when it is new. -1: too many. */
int flow_find(struct flow *flows, uint16_t ours, uint16_t peer);
/* Learns from and describes a frame sent by the replaced side. */
void record_make(struct record *r, nsec_t at, const uint8_t *frame, uint32_t len, struct flow *flows);
void record_print(const struct record *r, char *buf, size_t size);

#endif
