/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets as bytes, built without stack/wire so that a test does not share its mistakes, and mbufs that
 * hold them in one segment or many. */
#ifndef TEST_SUPPORT_FRAME_H
#define TEST_SUPPORT_FRAME_H

#include <rte_mbuf.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65600

/* A packet under construction: parts are appended, lengths and checksums are put right at the end. */
struct frame {
    size_t len;
    size_t l3; /* where the IP header stands */
    size_t l4;
    uint8_t b[FRAME_MAX];
};

/* RFC 1071 byte by byte, on top of `sum` (0 first); finish gives the value for the field, host order. */
uint32_t frame_sum(uint32_t sum, const void *data, size_t len);
uint16_t frame_sum_finish(uint32_t sum);

void frame_init(struct frame *f);
void frame_bytes(struct frame *f, const void *data, size_t len);
void frame_ether(struct frame *f, const uint8_t dst[6], const uint8_t src[6], uint16_t type);
/* Addresses as text. `opt` (a multiple of 4 bytes) may be NULL. */
void frame_ip4(struct frame *f, const char *src, const char *dst, uint8_t proto, const void *opt,
               size_t opt_len);
void frame_udp(struct frame *f, uint16_t sport, uint16_t dport);
void frame_tcp(struct frame *f, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags,
               uint16_t window, const void *opt, size_t opt_len);
/* Total length and checksums of IP and of UDP, TCP or ICMP. */
void frame_finish(struct frame *f);

/* Sets 16 or 32 bits, host order in, at an offset. */
void frame_set16(struct frame *f, size_t off, uint16_t v);
void frame_set32(struct frame *f, size_t off, uint32_t v);

/* The bytes in one buffer of the pool (it must be large enough). */
struct rte_mbuf *frame_mbuf(struct rte_mempool *mp, const void *data, size_t len);
/* The bytes in segments of `first`, then `each` bytes. */
struct rte_mbuf *frame_mbuf_cut(struct rte_mempool *mp, const void *data, size_t len, size_t first,
                                size_t each);

#endif
