/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that no honest peer sends, with right checksums and numbers near the windows. */
#ifndef TESTS_SIM_ADVERSARY_H
#define TESTS_SIM_ADVERSARY_H

#include "network.h"

/* In place of the hostile peer's own segment: itself changed, torn to pieces, repeated, held back, or an ICMP
 * error. */
void adversary_mangle(struct network *n, const uint8_t *ip, size_t len);
/* After an honest peer's segment: what a blind attacker sends who has guessed the ports and comes near the
 * window (RFC 5961, RFC 5927). It must change nothing. */
void adversary_forge(struct network *n, const uint8_t *ip, size_t len);

#endif
