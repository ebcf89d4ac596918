/* SPDX-License-Identifier: BSD-3-Clause */
/* A TCP segment in a raw IPv4 packet, as a value: built and parsed here, independently of stack/wire, so
 * that the rigs do not share its mistakes. Host order but for the addresses. */
#ifndef TESTS_SEGMENT_H
#define TESTS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_MAX 65535

enum {
    SEG_FIN = 1,
    SEG_SYN = 2,
    SEG_RST = 4,
    SEG_PSH = 8,
    SEG_ACK = 16,
    SEG_URG = 32,
    SEG_ECE = 64,
    SEG_CWR = 128
};

struct segment {
    uint32_t src, dst; /* network order */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t window, urgent;
    uint8_t flags;
    uint8_t ttl, tos;
    bool df;
    bool bad_checksum; /* build: spoil the TCP checksum; parse: IP or TCP checksum was wrong */
    uint8_t n_opt;
    uint8_t opt[40];
    uint32_t len;
    const uint8_t *data; /* borrowed */
};

/* Why the packet is not a TCP segment over IPv4, NULL when it is and *out is filled. */
const char *segment_parse(const uint8_t *ip, size_t size, struct segment *out);
/* Bytes written; 0 when buf is too small. Options are padded with end-of-list bytes to four. */
size_t segment_build(const struct segment *s, uint8_t *buf, size_t size);

/* "SYN ACK", "-" for none. */
const char *segment_flags_text(uint8_t flags, char *buf, size_t size);

/* The ones'-complement sum of RFC 1071, not folded in advance: pass 0 first. */
uint32_t inet_sum(uint32_t sum, const uint8_t *p, size_t n);
uint16_t inet_fold(uint32_t sum);

/* What is known of the timestamps option: true and both values when it is there. */
bool segment_timestamps(const struct segment *s, uint32_t *tsval, uint32_t *tsecr);
/* Value of the window scale option, -1 when absent. */
int segment_wscale(const struct segment *s);

/* Byte number n of a stream that is told by `seed`: what applications of the rigs write and expect. */
static inline uint8_t stream_byte(uint32_t seed, uint64_t n)
{
    uint64_t x = (n >> 3) * UINT64_C(0x9e3779b97f4a7c15) + seed * UINT64_C(0xd1b54a32d192ed03);
    x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(x >> (8 * (n & 7)));
}

#endif
