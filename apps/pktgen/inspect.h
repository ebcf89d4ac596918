/* SPDX-License-Identifier: BSD-3-Clause */
/* What a received frame is to a generator. */
#ifndef PKTGEN_INSPECT_H
#define PKTGEN_INSPECT_H

#include <rte_mbuf.h>
#include <stdint.h>

#include "pktgen/probe.h"

enum inspect {
    INSPECT_PROBE,   /* undamaged */
    INSPECT_DAMAGED, /* a probe with a wrong checksum somewhere */
    INSPECT_CONTROL, /* the stack's: ARP, ICMP without a probe */
    INSPECT_OTHER,
};

/* Bytes of headers that are remembered, and the shortest frame of which they are. */
#define INSPECT_KNOWN 64

/* The headers of the latest undamaged probe. All zero: of none. A frame that begins with the same bytes and
 * is as long has sound headers too, its transport's checksum included, since a probe's payload adds nothing
 * to that: of such a frame the payload alone is left to be judged. */
struct inspect_known {
    uint32_t len; /* of the frame */
    uint16_t payload, end;
    uint64_t head[INSPECT_KNOWN / 8], mask[INSPECT_KNOWN / 8];
    uint64_t follower[INSPECT_KNOWN / 8]; /* a mask of all but a probe's number and check */
};

/* `p` is filled for INSPECT_PROBE: source, seq and time_* in host order. */
enum inspect inspect_frame(struct inspect_known *known, const struct rte_mbuf *m, struct probe *p);
/* m[0] is a probe that inspect_frame has just found undamaged: how many of the n - 1 frames after it are
 * undamaged probes that only count on from it. Every byte of them is looked at: all but number and check are
 * as in m[0], and these two add up to what they do there. */
uint32_t inspect_followers(const struct inspect_known *known, struct rte_mbuf *const *m, uint32_t n);
/* Makes the frame its own answer: addresses and ports turned round, an echo request a reply. False: it is
 * none that has one (ARP, groups). The caller knows that m is writable. */
bool inspect_reflect(struct rte_mbuf *m);

#endif
