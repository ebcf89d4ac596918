/* SPDX-License-Identifier: BSD-3-Clause */
/* CUBIC's arithmetic (RFC9438-4.1 to 4.3) without floating point. */
#ifndef PLX_TCP_CUBIC_H
#define PLX_TCP_CUBIC_H

#include <stdint.h>

#define CUBIC_Q 10 /* windows as fixed point numbers: segments times 2^CUBIC_Q */

/* The largest r with r * r * r <= v. */
uint32_t cubic_root(uint64_t v);
/* K, ms: how long the curve takes from a window to `origin` that is `below` it, C = 0.4; fixed point. */
uint32_t cubic_k_ms(uint32_t below);
/* W_cubic(t): fixed point, 0 at least. t_ms since the epoch began. */
uint64_t cubic_window(uint32_t origin, uint32_t k_ms, uint64_t t_ms);

#endif
