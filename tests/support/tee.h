/* SPDX-License-Identifier: BSD-3-Clause */
/* A netdev around another that looks at what passes: sums every byte that is sent into a fingerprint,
 * and can write both directions to a pcap file, stamped with virtual time. */
#ifndef TESTS_TEE_H
#define TESTS_TEE_H

#include "netdev/netdev.h"

/* Owns `inner`. pcap_path may be NULL. NULL when out of memory or the file cannot be made (inner stays). */
struct netdev *tee_create(struct netdev *inner, const char *pcap_path);
/* Of all that was sent so far, with the times of sending. */
uint64_t tee_fingerprint(const struct netdev *d);

#endif
