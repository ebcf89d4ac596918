/* SPDX-License-Identifier: BSD-3-Clause */
/* A netdev whose far end is the test: frames are put in by hand, and what the stack sends is kept with
 * the time of sending. */
#ifndef TESTS_WIRETAP_H
#define TESTS_WIRETAP_H

#include "netdev/netdev.h"

struct wiretap_frame {
    struct wiretap_frame *next;
    nsec_t at;
    uint32_t len;
    uint8_t bytes[];
};

/* NULL when out of memory. Frames put in become mbufs of `pool`. MAC matters only to NETDEV_LINK_ETHER. */
struct netdev *wiretap_create(enum netdev_link link, uint16_t mtu, const uint8_t mac[6],
                              struct rte_mempool *pool);
/* For the next rx_burst; spread over several mbufs when larger than one. False: the pool is empty, the
 * frame is lost. */
bool wiretap_inject(struct netdev *d, const void *frame, uint32_t len);
/* The oldest frame sent, which the caller frees with free(); NULL when there is none. */
struct wiretap_frame *wiretap_take(struct netdev *d);
/* When true, tx_burst takes nothing: a wire that is full. */
void wiretap_block(struct netdev *d, bool blocked);

#endif
