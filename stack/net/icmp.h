/* SPDX-License-Identifier: BSD-3-Clause */
/* What an ICMP error means to a socket. */
#ifndef PLX_NET_ICMP_H
#define PLX_NET_ICMP_H

#include <stdbool.h>
#include <stdint.h>

/* The errno (positive) of an ICMP error, 0 for one that means nothing to a socket. *hard: it ends a
 * connection attempt, and a connected UDP socket hears of it; a soft one may pass (RFC 1122 section
 * 4.2.3.9, RFC 5461). As Linux maps them. */
int icmp_error_errno(uint8_t type, uint8_t code, bool *hard);

#endif
