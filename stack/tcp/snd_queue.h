/* SPDX-License-Identifier: BSD-3-Clause */
/* The send queue: records that point into payload mbufs, each at most one segment. Data is trimmed in the
 * record, never in the mbuf: drivers hold mbufs as long as they like, and two records may share one. A
 * record holds one reference on each mbuf segment that it covers. SYN and FIN are records too (or a flag
 * of the last one), so that one way of retransmitting serves all that takes sequence space. The flags
 * SACKED, LOST and RETRANS are the scoreboard. */
#ifndef PLX_TCP_SND_QUEUE_H
#define PLX_TCP_SND_QUEUE_H

#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tcp/tcp_private.h"

enum {
    SND_SACKED = 1 << 0,  /* the peer holds it out of order */
    SND_LOST = 1 << 1,    /* thought lost */
    SND_RETRANS = 1 << 2, /* sent again since it was thought lost */
    SND_EVER = 1 << 3,    /* was ever sent again: no RTT sample (Karn) */
    SND_PUSH = 1 << 4,    /* a write ended here */
    SND_EOR = 1 << 5,     /* MSG_EOR: nothing may be appended */
    SND_SYN = 1 << 6,
    SND_FIN = 1 << 7,
};

struct snd_rec {
    struct rte_mbuf *m; /* the segment in which its first byte is; NULL for a bare SYN or FIN */
    uint32_t next, prev;
    seq_t seq;
    uint32_t sent_at; /* us; last transmission */
    uint16_t len;     /* payload bytes */
    uint16_t off;    /* of the first byte, from m's buf_addr: what is written in front of it moves data_off */
    uint16_t charge; /* what it pins, in units of SND_CHARGE_UNIT */
    uint8_t flags;
    bool again : 1;                  /* in the list of what was sent again (scoreboard.h) */
    uint8_t room_after : 7;          /* of the last one: segments that may follow unasked (snd_room.h) */
    uint32_t again_next, again_prev; /* its links; 0: none */
};

#define SND_CHARGE_UNIT 64u

static inline struct snd_rec *snd_rec_at(const struct tcp *t, uint32_t index)
{
    return SLAB_AT(&t->records, struct snd_rec, index);
}

/* Of its first byte, in m's data. Only where there is an m. */
static inline uint32_t snd_rec_off(const struct snd_rec *r)
{
    return (uint32_t)r->off - r->m->data_off;
}

/* Sequence numbers it takes. */
static inline uint32_t snd_rec_space(const struct snd_rec *r)
{
    return r->len + ((r->flags & (SND_SYN | SND_FIN)) != 0);
}

static inline seq_t snd_rec_end(const struct snd_rec *r)
{
    return r->seq + snd_rec_space(r);
}

/* Copies from iov (`total` bytes in all), in segments of snd_mss; appends to the last unsent record where
 * that has room. Bytes taken; fewer when the buffer is full or a pool empty (then *err says -EAGAIN or
 * -ENOBUFS). */
size_t snd_queue_write(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, size_t total,
                       int *err);
/* The chain m as data, all or nothing. Owns m, also on failure. 0 or -ENOBUFS. */
int snd_queue_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m);
/* The last record ends a write. */
void snd_queue_mark_end(struct tcp *t, struct tcb *tcb, uint8_t flags);
/* SYN as first record, FIN after the last byte. 0 or -ENOBUFS. */
int snd_queue_syn(struct tcp *t, struct tcb *tcb);
int snd_queue_fin(struct tcp *t, struct tcb *tcb);
/* Cuts a record after its first `len` bytes. 0 or -ENOBUFS (nothing changed). */
int snd_queue_split(struct tcp *t, struct tcb *tcb, uint32_t index, uint16_t len);
/* The first record was acknowledged up to its first `n` bytes only. */
void snd_queue_trim_head(struct tcp *t, struct tcb *tcb, uint32_t n);
/* Frees the first record. The counts of the scoreboard are the caller's business. */
void snd_queue_pop(struct tcp *t, struct tcb *tcb);
/* Frees all of them; the flags that any of them had. */
uint8_t snd_queue_pop_all(struct tcp *t, struct tcb *tcb);
void snd_queue_purge(struct tcp *t, struct tcb *tcb);

#endif
