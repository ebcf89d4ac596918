/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/snd_queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mbuf.h"
#include "tcp/snd_room.h"
#include "tcp/tcp_private.h"

#define ROOM_MAX 127u /* of snd_rec.room_after */

static uint16_t charge_of(const struct rte_mbuf *seg)
{
    return (uint16_t)((sizeof *seg + seg->buf_len + SND_CHARGE_UNIT - 1) / SND_CHARGE_UNIT);
}

static void rec_charge(struct tcb *tcb, struct snd_rec *r, uint32_t units)
{
    r->charge = (uint16_t)(r->charge + units);
    tcb->sndq_charge += units * SND_CHARGE_UNIT;
}

/* A record at the end of the queue, for data that begins at write_seq. 0: none to be had. */
static inline uint32_t rec_append(struct tcp *t, struct tcb *tcb)
{
    uint32_t i = SLAB_ALLOC(&t->records, struct snd_rec);
    if (i == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return 0;
    }
    struct snd_rec *r = snd_rec_at(t, i);
    r->seq = tcb->write_seq;
    r->prev = tcb->sndq_tail;
    if (tcb->sndq_tail != 0)
        snd_rec_at(t, tcb->sndq_tail)->next = i;
    else
        tcb->sndq_head = i;
    tcb->sndq_tail = i;
    if (tcb->sndq_unsent == 0)
        tcb->sndq_unsent = i;
    return i;
}

static __attribute__((noinline)) void rec_release_chain(struct tcp *t, struct snd_rec *r)
{
    struct rte_mbuf *seg = r->m;
    uint32_t left = snd_rec_off(r) + r->len;
    while (seg != NULL) {
        struct rte_mbuf *next = seg->next;
        uint32_t here = seg->data_len;
        mbuf_free_seg(t->ctx, seg);
        if (left <= here)
            break;
        left -= here;
        seg = next;
    }
}

/* Gives back the references on the mbuf segments that the record covers. */
static inline void rec_release(struct tcp *t, struct snd_rec *r)
{
    if (likely(r->m != NULL && r->m->next == NULL))
        mbuf_free_seg(t->ctx, r->m);
    else if (r->m != NULL)
        rec_release_chain(t, r);
}

static void rec_free(struct tcp *t, struct tcb *tcb, uint32_t i)
{
    struct snd_rec *r = snd_rec_at(t, i);
    rec_release(t, r);
    tcb->sndq_charge -= r->charge * SND_CHARGE_UNIT;
    if (r->prev != 0)
        snd_rec_at(t, r->prev)->next = r->next;
    else
        tcb->sndq_head = r->next;
    if (r->next != 0)
        snd_rec_at(t, r->next)->prev = r->prev;
    else
        tcb->sndq_tail = r->prev;
    if (tcb->sndq_unsent == i)
        tcb->sndq_unsent = r->next;
    SLAB_FREE(&t->records, struct snd_rec, i);
}

void snd_queue_pop(struct tcp *t, struct tcb *tcb)
{
    rec_free(t, tcb, tcb->sndq_head);
}

uint8_t snd_queue_pop_all(struct tcp *t, struct tcb *tcb)
{
    uint8_t flags = 0;
    for (uint32_t i = tcb->sndq_head, next; i != 0; i = next) {
        struct snd_rec *r = snd_rec_at(t, i);
        next = r->next;
        flags |= r->flags;
        rec_release(t, r);
        SLAB_FREE(&t->records, struct snd_rec, i);
    }
    tcb->sndq_head = tcb->sndq_tail = tcb->sndq_unsent = 0;
    tcb->sndq_charge = 0;
    return flags;
}

void snd_queue_purge(struct tcp *t, struct tcb *tcb)
{
    snd_queue_pop_all(t, tcb);
    tcb->packets_out = tcb->sacked_out = tcb->lost_out = tcb->retrans_out = 0;
}

/* ---- filling ---- */

struct iov_cursor {
    const struct iovec *iov;
    int n;
    size_t off; /* in the first */
};

static void cursor_copy(struct iov_cursor *c, uint8_t *to, uint32_t len)
{
    while (len > 0) {
        size_t n = c->iov->iov_len - c->off;
        if (n > len)
            n = len;
        if (n > 0) /* an empty one may stand at NULL */
            memcpy(to, (const uint8_t *)c->iov->iov_base + c->off, n);
        to += n;
        len -= (uint32_t)n;
        c->off += n;
        if (c->off == c->iov->iov_len) {
            c->iov++;
            c->n--;
            c->off = 0;
        }
    }
}

/* The mbuf segment behind the record's last byte if bytes may be added there. */
static struct rte_mbuf *rec_last_segment(const struct snd_rec *r)
{
    struct rte_mbuf *seg = r->m;
    if (seg == NULL)
        return NULL;
    uint32_t left = snd_rec_off(r) + r->len;
    while (left > seg->data_len) {
        left -= seg->data_len;
        seg = seg->next;
    }
    return left == seg->data_len && seg->next == NULL && mbuf_writable(seg) ? seg : NULL;
}

/* The unsent record at the end that still has room for `mss` bytes in all, or NULL. */
static struct snd_rec *rec_open(const struct tcp *t, const struct tcb *tcb)
{
    if (tcb->sndq_unsent == 0)
        return NULL;
    struct snd_rec *r = snd_rec_at(t, tcb->sndq_tail);
    if ((r->flags & (SND_SYN | SND_FIN | SND_EOR)) != 0 || r->len >= tcb->snd_mss)
        return NULL;
    return rec_last_segment(r) != NULL ? r : NULL;
}

/* Adds up to `want` bytes to r, with as many buffers as that takes. Bytes added. */
static uint32_t rec_fill(struct tcp *t, struct tcb *tcb, struct snd_rec *r, struct iov_cursor *c,
                         uint32_t want)
{
    struct rte_mbuf *seg = rec_last_segment(r);
    uint32_t done = 0;
    while (done < want) {
        uint32_t room = seg != NULL ? rte_pktmbuf_tailroom(seg) : 0;
        if (room == 0) {
            struct rte_mbuf *fresh = mbuf_alloc_data(t->ctx);
            if (fresh == NULL)
                break;
            if (seg != NULL)
                seg->next = fresh;
            else {
                r->m = fresh;
                r->off = fresh->data_off;
            }
            rec_charge(tcb, r, charge_of(fresh));
            seg = fresh;
            room = rte_pktmbuf_tailroom(seg);
        }
        uint32_t n = RTE_MIN(room, want - done);
        cursor_copy(c, rte_pktmbuf_mtod_offset(seg, uint8_t *, seg->data_len), n);
        seg->data_len = (uint16_t)(seg->data_len + n);
        done += n;
    }
    r->len = (uint16_t)(r->len + done);
    tcb->write_seq += done;
    return done;
}

/* A record of its own for `len` bytes, which fit one segment and one buffer. Bytes taken. */
static uint32_t write_segment(struct tcp *t, struct tcb *tcb, const void *src, uint32_t len)
{
    uint32_t i = rec_append(t, tcb);
    struct rte_mbuf *m = i != 0 ? mbuf_alloc_data(t->ctx) : NULL;
    if (unlikely(m == NULL)) {
        if (i != 0)
            rec_free(t, tcb, i);
        return 0;
    }
    struct snd_rec *r = snd_rec_at(t, i);
    memcpy((uint8_t *)m->buf_addr + m->data_off, src, len);
    m->data_len = (uint16_t)len;
    r->m = m;
    r->off = m->data_off;
    r->len = (uint16_t)len;
    rec_charge(tcb, r, charge_of(m));
    tcb->write_seq += len;
    return len;
}

/* A record that is full costs no longer all that its buffers could hold. */
static void rec_recharge(struct tcb *tcb, struct snd_rec *r, uint32_t burst)
{
    uint32_t pinned = r->charge * SND_CHARGE_UNIT;
    uint32_t units = snd_room_charge(r->len, pinned, burst) / SND_CHARGE_UNIT;
    if (units >= r->charge)
        return;
    tcb->sndq_charge -= (r->charge - units) * SND_CHARGE_UNIT;
    r->charge = (uint16_t)units;
}

/* A record for another segment, when there is room for it; NULL: none, *err says why. */
static struct snd_rec *rec_open_next(struct tcp *t, struct tcb *tcb, uint32_t burst, int *err)
{
    uint32_t room = tcb->sndq_unsent != 0 ? snd_rec_at(t, tcb->sndq_tail)->room_after : 0;
    if (room == 0)
        room = RTE_MIN(snd_room_grant(t, tcb, burst), ROOM_MAX);
    *err = -EAGAIN;
    if (room == 0)
        return NULL;
    uint32_t i = rec_append(t, tcb);
    *err = -ENOBUFS;
    if (i == 0)
        return NULL;
    struct snd_rec *r = snd_rec_at(t, i);
    r->room_after = (uint8_t)(room - 1) & ROOM_MAX;
    return r;
}

static __attribute__((noinline)) size_t write_any(struct tcp *t, struct tcb *tcb, const struct iovec *iov,
                                                  int n, size_t total, int *err)
{
    struct iov_cursor c = {.iov = iov, .n = n};
    uint32_t burst = snd_room_burst(tcb);
    size_t done = 0;
    while (done < total) {
        struct snd_rec *r = rec_open(t, tcb);
        if (r == NULL && (r = rec_open_next(t, tcb, burst, err)) == NULL)
            return done;
        r->flags &= (uint8_t)~SND_PUSH;
        uint32_t want = (uint32_t)RTE_MIN(total - done, (size_t)(tcb->snd_mss - r->len));
        uint32_t got = rec_fill(t, tcb, r, &c, want);
        done += got;
        if (got < want) {
            if (r->len == 0)
                rec_free(t, tcb, tcb->sndq_tail);
            *err = -ENOBUFS;
            return done;
        }
        if (r->len >= tcb->snd_mss)
            rec_recharge(tcb, r, burst);
    }
    return done;
}

size_t snd_queue_write(struct tcp *t, struct tcb *tcb, const struct iovec *iov, int n, size_t total, int *err)
{
    /* What comes most: one piece, behind nothing that waits. */
    if (likely(n == 1 && tcb->sndq_unsent == 0 && total <= tcb->snd_mss && snd_room_any(t, tcb) &&
               total <= t->ctx->data_room)) {
        *err = -ENOBUFS;
        return write_segment(t, tcb, iov->iov_base, (uint32_t)total);
    }
    return write_any(t, tcb, iov, n, total, err);
}

void snd_queue_mark_end(struct tcp *t, struct tcb *tcb, uint8_t flags)
{
    if (tcb->sndq_unsent != 0)
        snd_rec_at(t, tcb->sndq_tail)->flags |= flags;
}

/* ---- chains handed in ---- */

/* Frees segments without data, so that each one left belongs to some record. */
static struct rte_mbuf *chain_strip_empty(struct rte_mbuf *m)
{
    struct rte_mbuf *head = NULL, **link = &head;
    while (m != NULL) {
        struct rte_mbuf *next = m->next;
        if (m->data_len == 0) {
            m->next = NULL;
            rte_pktmbuf_free_seg(m);
        } else {
            *link = m;
            link = &m->next;
        }
        m = next;
    }
    *link = NULL;
    return head;
}

static uint32_t chain_bytes(const struct rte_mbuf *m)
{
    uint32_t n = 0;
    for (; m != NULL; m = m->next)
        n += m->data_len;
    return n;
}

static void chain_free(struct rte_mbuf *m)
{
    while (m != NULL) {
        struct rte_mbuf *next = m->next;
        rte_pktmbuf_free_seg(m);
        m = next;
    }
}

/* Points r at up to `mss` bytes from (*seg, *off) on, and moves that on. A segment that ends up in two
 * records gets a reference for each. */
static void rec_cover(struct tcb *tcb, struct snd_rec *r, struct rte_mbuf **seg, uint32_t *off)
{
    r->m = *seg;
    r->off = (uint16_t)((*seg)->data_off + *off);
    r->seq = tcb->write_seq;
    if (*off > 0)
        rte_mbuf_refcnt_update(*seg, 1);
    uint32_t room = tcb->snd_mss;
    while (room > 0 && *seg != NULL) {
        uint32_t n = RTE_MIN(room, (uint32_t)(*seg)->data_len - *off);
        if (*off == 0)
            rec_charge(tcb, r, charge_of(*seg));
        room -= n;
        *off += n;
        r->len = (uint16_t)(r->len + n);
        if (*off == (*seg)->data_len) {
            *seg = (*seg)->next;
            *off = 0;
        }
    }
    tcb->write_seq += r->len;
}

int snd_queue_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m)
{
    m = chain_strip_empty(m);
    uint32_t bytes = chain_bytes(m);
    uint32_t records = (bytes + tcb->snd_mss - 1) / tcb->snd_mss;
    uint32_t first = 0, made = 0;
    for (; made < records; made++) {
        uint32_t i = rec_append(t, tcb);
        if (i == 0)
            break;
        if (first == 0)
            first = i;
    }
    if (made < records) {
        while (made-- > 0)
            rec_free(t, tcb, tcb->sndq_tail);
        chain_free(m);
        return -ENOBUFS;
    }
    uint32_t off = 0;
    for (uint32_t i = first; i != 0; i = snd_rec_at(t, i)->next)
        rec_cover(tcb, snd_rec_at(t, i), &m, &off);
    return 0;
}

/* ---- SYN, FIN ---- */

int snd_queue_syn(struct tcp *t, struct tcb *tcb)
{
    uint32_t i = rec_append(t, tcb);
    if (i == 0)
        return -ENOBUFS;
    snd_rec_at(t, i)->flags = SND_SYN;
    tcb->write_seq++;
    return 0;
}

int snd_queue_fin(struct tcp *t, struct tcb *tcb)
{
    uint32_t i = tcb->sndq_unsent != 0 ? tcb->sndq_tail : 0;
    if (i == 0 || (snd_rec_at(t, i)->flags & SND_SYN) != 0)
        i = rec_append(t, tcb);
    if (i == 0)
        return -ENOBUFS;
    snd_rec_at(t, i)->flags |= SND_FIN;
    tcb->write_seq++;
    return 0;
}

/* ---- cutting ---- */

static void split_counts(struct tcb *tcb, uint8_t flags)
{
    tcb->packets_out++;
    tcb->sacked_out += (flags & SND_SACKED) != 0;
    tcb->lost_out += (flags & SND_LOST) != 0;
    tcb->retrans_out += (flags & SND_RETRANS) != 0;
}

int snd_queue_split(struct tcp *t, struct tcb *tcb, uint32_t index, uint16_t len)
{
    struct snd_rec *r = snd_rec_at(t, index);
    assert(len > 0 && len < r->len);
    uint32_t i = SLAB_ALLOC(&t->records, struct snd_rec);
    if (i == 0) {
        count(&t->ctx->counters, CNT_TCP_NO_MEMORY);
        return -ENOBUFS;
    }
    struct snd_rec *tail = snd_rec_at(t, i);
    *tail = *r;
    tail->again = false;
    tail->again_next = tail->again_prev = 0;
    struct rte_mbuf *seg = r->m;
    uint32_t pos = snd_rec_off(r) + len;
    while (pos > seg->data_len) {
        pos -= seg->data_len;
        seg = seg->next;
    }
    if (pos == seg->data_len) { /* between two mbufs: nothing is shared */
        seg = seg->next;
        pos = 0;
    } else {
        rte_mbuf_refcnt_update(seg, 1);
    }
    tail->m = seg;
    tail->off = (uint16_t)(seg->data_off + pos);
    tail->seq = r->seq + len;
    tail->len = (uint16_t)(r->len - len);
    tail->charge = r->charge / 2;
    r->charge = (uint16_t)(r->charge - tail->charge);
    r->len = len;
    r->flags &= (uint8_t) ~(SND_PUSH | SND_EOR | SND_FIN);
    tail->prev = index;
    r->next = i;
    if (tail->next != 0)
        snd_rec_at(t, tail->next)->prev = i;
    else
        tcb->sndq_tail = i;
    if (seq_lt(r->seq, tcb->snd_nxt) && tcb->sndq_unsent != index)
        split_counts(tcb, r->flags);
    return 0;
}

void snd_queue_trim_head(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    struct snd_rec *r = snd_rec_at(t, tcb->sndq_head);
    assert(n < r->len || (n == r->len && (r->flags & SND_FIN) != 0)); /* of data and FIN the FIN may stay */
    r->seq += n;
    r->len = (uint16_t)(r->len - n);
    if (r->m == NULL)
        return;
    uint32_t off = snd_rec_off(r) + n;
    while (r->m != NULL && off >= r->m->data_len) {
        struct rte_mbuf *next = r->m->next;
        off -= r->m->data_len;
        rte_pktmbuf_free_seg(r->m);
        r->m = next;
    }
    if (r->m != NULL)
        r->off = (uint16_t)(r->m->data_off + off);
}
