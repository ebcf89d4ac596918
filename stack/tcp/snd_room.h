/* SPDX-License-Identifier: BSD-3-Clause */
/* Room in the send buffer: SO_SNDBUF, which follows the congestion window as long as nobody sets it, and
 * TCP_NOTSENT_LOWAT, which bounds what is queued without having been sent.
 *
 * As on Linux a write asks for room once a burst (what one large sk_buff would hold: half of the largest
 * window, at most 65,215 bytes), and a full segment is charged its bytes and its share of what a burst
 * costs beyond them. So a queue pins at most twice SO_SNDBUF, one burst and what the windows let go at once.
 */
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
static inline bool snd_room_writeable(const struct tcp *t, const struct tcb *tcb)
{
    uint32_t charge = tcb->sndq_charge;
    return tcb->sndbuf >= (uint64_t)charge + charge / 2 &&
           (!tcb->notsent_lowat || snd_room_unsent_is_low(t, tcb, 1));
}

/* Where a writer found no room the buffer follows the congestion window, up to tcp_wmem's limit: two
 * windows, so that one can be in flight while the next is written. */
void snd_room_expand(const struct tcp *t, struct tcb *tcb);
/* TCP_NOTSENT_LOWAT, or the tunable, has changed. */
void snd_room_lowat_changed(const struct tcp *t, struct tcb *tcb);
uint32_t snd_room_lowat(const struct tcp *t, const struct tcb *tcb);

/* Segments in a burst. */
uint32_t snd_room_burst(const struct tcb *tcb);
/* What a full segment of `len` bytes is charged that pins `pinned` bytes of buffers. */
uint32_t snd_room_charge(uint32_t len, uint32_t pinned, uint32_t burst);
/* Segments that may be queued now, behind those that follow unasked; 0: none. */
uint32_t snd_room_grant(const struct tcp *t, const struct tcb *tcb, uint32_t burst);

/* May another segment be queued? */
static inline bool snd_room_any(const struct tcp *t, const struct tcb *tcb)
{
    return tcb->sndq_charge < tcb->sndbuf && (!tcb->notsent_lowat || snd_room_unsent_is_low(t, tcb, 0));
}

#endif
