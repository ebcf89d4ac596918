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

/* `p` is filled for INSPECT_PROBE: source, seq and time_* in host order. */
enum inspect inspect_frame(const struct rte_mbuf *m, struct probe *p);
/* Makes the frame its own answer: addresses and ports turned round, an echo request a reply. False: it is
 * none that has one (ARP, groups). The caller knows that m is writable. */
bool inspect_reflect(struct rte_mbuf *m);

#endif
