/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device would have done, done in software: for wires that carry bytes only. */
#ifndef PLX_NETDEV_OFFLOAD_H
#define PLX_NETDEV_OFFLOAD_H

#include <rte_mbuf.h>
#include <stdbool.h>

#define OFFLOAD_TX_FLAGS (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/* Fills the IPv4, TCP or UDP checksums that the packet's RTE_MBUF_F_TX_* flags ask for and clears the
 * flags. A TCP segment that was to be cut (TCP_SEG) stays whole, its checksum is right for the whole.
 * Writes into the packet: the caller knows that its headers are its own and in the first segment.
 * False when the flags do not fit the packet; then nothing was written. */
bool offload_fill_checksums(struct rte_mbuf *m);

#endif
