/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire whose far end is the test: what the stack sends is kept as the mbufs it handed over, so that a
 * test sees offload flags and segments as well as bytes. */
#ifndef TEST_SUPPORT_CAPTURE_NETDEV_H
#define TEST_SUPPORT_CAPTURE_NETDEV_H

#include "netdev/netdev.h"

#define CAPTURE_MAX 4096

struct capture {
    struct netdev dev; /* first; caps may be changed before the interface is added */
    struct rte_mbuf *sent[CAPTURE_MAX];
    unsigned head, tail;
    unsigned takes; /* how many more it takes; UINT_MAX: all */
};

void capture_init(struct capture *c, enum netdev_link link, uint16_t mtu, const uint8_t mac[6]);
/* The oldest packet sent, the caller's from then on; NULL: none. */
struct rte_mbuf *capture_take(struct capture *c);
unsigned capture_count(const struct capture *c);
/* Frees what is there. */
void capture_clear(struct capture *c);

#endif
