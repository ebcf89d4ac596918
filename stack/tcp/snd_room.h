/* SPDX-License-Identifier: BSD-3-Clause */
/* Room in the send buffer: SO_SNDBUF, which follows the congestion window as long as nobody sets it, and
 * TCP_NOTSENT_LOWAT, which bounds what is queued without having been sent. */
#ifndef PLX_TCP_SND_ROOM_H
#define PLX_TCP_SND_ROOM_H

#include "tcp/tcb.h"

struct tcp;

#define SND_ROOM_NO_LOWAT UINT32_MAX /* of TCP_NOTSENT_LOWAT: no bound */

/* The slow half of snd_room_any: is less than TCP_NOTSENT_LOWAT queued, 2^`shift` times over, that the
 * windows do not let go at once? */
bool snd_room_unsent_is_low(const struct tcp *t, const struct tcb *tcb, unsigned shift);
/* Linux's sk_stream_is_writeable: a third of the buffer is free, and what is unsent is below half of the
 * bound. */
bool snd_room_writeable(const struct tcp *t, const struct tcb *tcb);
/* As the congestion window grows the buffer follows, up to tcp_wmem's limit: two windows, so that one can
 * be in flight while the next is written. */
void snd_room_expand(const struct tcp *t, struct tcb *tcb);
/* TCP_NOTSENT_LOWAT, or the tunable, has changed. */
void snd_room_lowat_changed(const struct tcp *t, struct tcb *tcb);
uint32_t snd_room_lowat(const struct tcp *t, const struct tcb *tcb);

/* May another segment be queued? */
static inline bool snd_room_any(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->sndq_charge < tcb->sndbuf && (!tcb->notsent_lowat || snd_room_unsent_is_low(t, tcb, 0));
}

#endif
