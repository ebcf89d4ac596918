/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/rcv_queue.h"

#include <string.h>

#include "base/mbuf.h"
#include "tcp/rcv_wait.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_private.h"

bool rcv_queue_is_capped(const struct tcp *t, const struct tcb *tcb, uint32_t charge)
{
    return t->pinned + charge > (tcb->rcvq_charge < 2 * charge ? t->pinned_max : t->pinned_soft);
}

bool rcv_queue_owes_room(const struct tcp *t, const struct tcb *tcb, uint32_t charge)
{
    /* Small segments are squeezed together, so the bytes of a window, unread and still to come, pin twice as
     * much and one buffer more. */
    uint64_t promised = (uint64_t)tcb->rcvbuf + 2ull * (rcv_queue_bytes(tcb) + rcv_window_left(tcb)) + charge;
    return tcb->rcvq_charge <= promised && !rcv_queue_is_capped(t, tcb, charge);
}

void rcv_chain_free(struct rte_mbuf *m)
{
    while (m != NULL) {
        struct rte_mbuf *next = m->next;
        rte_pktmbuf_free_seg(m);
        m = next;
    }
}

/* What came in pieces, such as fragments, into the buffer of the first piece when it has room. */
static void chain_flatten(struct rte_mbuf *m)
{
    uint32_t rest = m->pkt_len - m->data_len;
    if (!mbuf_writable(m) || rte_pktmbuf_tailroom(m) < rest)
        return;
    mbuf_copy_out(m->next, 0, rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), rest);
    m->data_len = (uint16_t)m->pkt_len;
    rcv_chain_free(m->next);
    m->next = NULL;
}

uint32_t rcv_chain_append_take(struct rte_mbuf **head, struct rte_mbuf **tail, struct rte_mbuf *m,
                               bool squeeze)
{
    struct rte_mbuf *last = *tail;
    uint32_t bytes = m->pkt_len;
    if (last != NULL && (bytes <= RCV_COPY_MAX || squeeze) && mbuf_writable(last) &&
        rte_pktmbuf_tailroom(last) >= bytes) {
        mbuf_copy_out(m, 0, rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), bytes);
        last->data_len = (uint16_t)(last->data_len + bytes);
        rcv_chain_free(m);
        return 0;
    }
    if (unlikely(squeeze && m->next != NULL))
        chain_flatten(m);
    if (last != NULL)
        last->next = m;
    else
        *head = m;
    uint32_t charge = rcv_seg_charge(m);
    while (m->next != NULL) {
        m = m->next;
        charge += rcv_seg_charge(m);
    }
    *tail = m;
    return charge;
}

uint32_t rcv_queue_append_behind_take(struct tcb *tcb, struct rte_mbuf *m)
{
    bool squeeze = tcb->rcvq_charge > tcb->rcvbuf / 2;
    return rcv_chain_append_take(&tcb->rcvq_head, &tcb->rcvq_tail, m, squeeze);
}

void rcv_queue_append_charged_take(struct tcb *tcb, struct rte_mbuf *head, struct rte_mbuf *tail,
                                   uint32_t bytes)
{
    if (tcb->rcvq_tail != NULL)
        tcb->rcvq_tail->next = head;
    else
        tcb->rcvq_head = head;
    tcb->rcvq_tail = tail;
    tcb->rcv_nxt += bytes;
}

static void rcv_queue_drop_head(struct tcp *t, struct tcb *tcb)
{
    struct rte_mbuf *seg = tcb->rcvq_head;
    tcb->rcvq_head = seg->next;
    if (tcb->rcvq_head == NULL)
        tcb->rcvq_tail = NULL;
    rcv_queue_uncharge(t, tcb, rcv_seg_charge(seg));
}

void rcv_queue_purge(struct tcp *t, struct tcb *tcb)
{
    while (tcb->rcvq_head != NULL) {
        struct rte_mbuf *seg = tcb->rcvq_head;
        rcv_queue_drop_head(t, tcb);
        rte_pktmbuf_free_seg(seg);
    }
}

void rcv_queue_copy(const struct tcb *tcb, uint32_t off, uint32_t len, const struct iovec *iov,
                    size_t iov_off)
{
    const struct rte_mbuf *seg = tcb->rcvq_head;
    while (iov_off >= iov->iov_len && len > 0) {
        iov_off -= iov->iov_len;
        iov++;
    }
    while (len > 0) {
        while (off >= seg->data_len) {
            off -= seg->data_len;
            seg = seg->next;
        }
        uint32_t n = RTE_MIN(len, seg->data_len - off);
        if (n > iov->iov_len - iov_off)
            n = (uint32_t)(iov->iov_len - iov_off);
        memcpy((uint8_t *)iov->iov_base + iov_off, rte_pktmbuf_mtod_offset(seg, const uint8_t *, off), n);
        off += n;
        iov_off += n;
        len -= n;
        while (len > 0 && iov_off == iov->iov_len) {
            iov++;
            iov_off = 0;
        }
    }
}

/* The one segment that there is, all of it. */
static inline uint32_t read_only_segment(struct tcp *t, struct tcb *tcb, void *to)
{
    struct rte_mbuf *seg = tcb->rcvq_head;
    uint32_t n = seg->data_len;
    memcpy(to, rte_pktmbuf_mtod(seg, const uint8_t *), n);
    tcb->rcvq_head = tcb->rcvq_tail = NULL;
    tcb->copied_seq += n;
    rcv_queue_uncharge(t, tcb, rcv_seg_charge(seg));
    mbuf_free_seg(t->ctx, seg);
    return n;
}

static __attribute__((noinline)) uint32_t read_segments(struct tcp *t, struct tcb *tcb, void *to, size_t len)
{
    struct mbuf_bin bin;
    struct rte_mbuf *seg = tcb->rcvq_head;
    uint32_t done = 0, pinned = 0;
    bin.n = 0;
    while (seg != NULL) {
        uint32_t n = seg->data_len;
        if (unlikely(n > len - done))
            n = (uint32_t)(len - done);
        memcpy((uint8_t *)to + done, rte_pktmbuf_mtod(seg, const uint8_t *), n);
        done += n;
        if (unlikely(n < seg->data_len)) {
            seg->data_off = (uint16_t)(seg->data_off + n);
            seg->data_len = (uint16_t)(seg->data_len - n);
            break;
        }
        struct rte_mbuf *next = seg->next;
        pinned += rcv_seg_charge(seg);
        mbuf_bin_take(&bin, seg);
        seg = next;
    }
    tcb->rcvq_head = seg;
    if (seg == NULL)
        tcb->rcvq_tail = NULL;
    rcv_queue_uncharge(t, tcb, pinned);
    tcb->copied_seq += done;
    mbuf_bin_flush(&bin);
    return done;
}

uint32_t rcv_queue_read(struct tcp *t, struct tcb *tcb, void *to, size_t len)
{
    const struct rte_mbuf *seg = tcb->rcvq_head;
    return likely(seg->next == NULL && seg->data_len <= len) ? read_only_segment(t, tcb, to)
                                                             : read_segments(t, tcb, to, len);
}

void rcv_queue_consume(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    tcb->copied_seq += n;
    while (n > 0) {
        struct rte_mbuf *seg = tcb->rcvq_head;
        if (n < seg->data_len) {
            seg->data_off = (uint16_t)(seg->data_off + n);
            seg->data_len = (uint16_t)(seg->data_len - n);
            return;
        }
        n -= seg->data_len;
        rcv_queue_drop_head(t, tcb);
        rte_pktmbuf_free_seg(seg);
    }
}

/* The first n bytes of the first segment, which has more, as a buffer that shares its memory. */
static struct rte_mbuf *rcv_queue_detach_part(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    struct rte_mbuf *part = mbuf_alloc_hdr(t->ctx);
    if (part == NULL)
        return NULL;
    rte_pktmbuf_attach(part, tcb->rcvq_head);
    part->data_len = (uint16_t)n;
    part->pkt_len = n;
    rcv_queue_consume(t, tcb, n);
    return part;
}

struct rte_mbuf *rcv_queue_detach(struct tcp *t, struct tcb *tcb, uint32_t n)
{
    struct rte_mbuf *head = NULL, **link = &head;
    uint32_t bytes = 0;
    uint16_t segs = 0;
    if (tcb->rcvq_head->data_len > n)
        return rcv_queue_detach_part(t, tcb, n);
    while (tcb->rcvq_head != NULL && bytes + tcb->rcvq_head->data_len <= n && segs < RTE_MBUF_MAX_NB_SEGS) {
        struct rte_mbuf *seg = tcb->rcvq_head;
        rcv_queue_drop_head(t, tcb);
        *link = seg;
        link = &seg->next;
        bytes += seg->data_len;
        segs++;
        seg->nb_segs = 1;
    }
    *link = NULL;
    head->pkt_len = bytes;
    head->nb_segs = segs;
    tcb->copied_seq += bytes;
    return head;
}

/* ---- the window ---- */

uint32_t rcv_window_initial(uint32_t rcvbuf, uint32_t mss, uint32_t clamp)
{
    uint32_t space = rcv_window_of_space(rcvbuf);
    if (clamp != 0 && clamp < space)
        space = clamp;
    if (space > mss)
        space -= space % mss;
    return RTE_MIN(space, (uint32_t)UINT16_MAX);
}

uint8_t rcv_window_scale(const struct tcp *t, uint32_t rcvbuf, bool fixed)
{
    uint32_t space = rcv_window_of_space(rcvbuf);
    if (!fixed && t->ctx->tun->tcp_rmem.max > space)
        space = t->ctx->tun->tcp_rmem.max;
    uint8_t scale = 0;
    while (scale < 14 && space >> scale > UINT16_MAX)
        scale++;
    return scale;
}

uint64_t rcv_window_of_memory(const struct tcp *t)
{
    return t->pinned < t->pinned_soft ? (t->pinned_soft - t->pinned) / 4 : 0;
}

/* RFC9293-3.8.6.2.2 by Linux's rules: nothing below a segment or a sixteenth of the buffer is
 * offered, and without scaling the window moves in whole segments. */
static uint32_t window_look_any(const struct tcp *t, const struct tcb *tcb, bool *capped)
{
    uint64_t most =
        RTE_MIN((uint64_t)tcb->rcvbuf, t->pinned_soft / 2); /* a cap below SO_RCVBUF is the buffer */
    uint32_t full = rcv_window_of_space((uint32_t)most);
    uint32_t mss = RTE_MIN((uint32_t)tcb->rcv_mss, full);
    uint32_t free = tcb->rcvq_charge < tcb->rcvbuf ? rcv_window_of_space(tcb->rcvbuf - tcb->rcvq_charge) : 0;
    uint64_t cap = rcv_window_of_memory(t);
    *capped = free > cap;
    if (unlikely(*capped))
        free = (uint32_t)cap;
    if (free < full / 2 && (free < full / 16 || free < mss))
        return 0;
    if (free > tcb->rcv_ssthresh)
        free = tcb->rcv_ssthresh;
    if (tcb->rcv_wscale != 0)
        return rcv_window_round(free, tcb->rcv_wscale);
    uint32_t window = tcb->rcv_wnd;
    if (window + mss <= free || window > free)
        return free - free % mss;
    return mss == full && free > window + full / 2 ? free : window;
}

uint32_t rcv_window_look(const struct tcp *t, const struct tcb *tcb, bool *capped)
{
    if (likely(rcv_window_is_ample(t, tcb))) {
        *capped = false;
        return rcv_window_round(tcb->rcv_ssthresh, tcb->rcv_wscale);
    }
    return window_look_any(t, tcb, capped);
}

uint16_t rcv_window_select_any(struct tcp *t, struct tcb *tcb)
{
    bool capped;
    uint32_t left = rcv_window_left(tcb), window = rcv_window_look(t, tcb, &capped);
    if (unlikely(capped))
        rcv_wait_join(t, tcb);
    if (window < left)
        window = rcv_window_round(left, tcb->rcv_wscale);
    return rcv_window_announce(tcb, window);
}

void rcv_window_grow_more(struct tcp *t, struct tcb *tcb)
{
    uint32_t clamp = rcv_window_of_space(tcb->rcvbuf), asked = opts_of(t, tcb)->window_clamp;
    if (asked != 0 && asked < clamp)
        clamp = asked;
    tcb->rcv_ssthresh = RTE_MIN(clamp, tcb->rcv_ssthresh + 2u * tcb->rcv_mss);
}

/* RFC9293-3.8.6.2.2: the window is worth an update when it has at least doubled. */
void rcv_window_opened(struct tcp *t, struct tcb *tcb)
{
    uint32_t left = rcv_window_left(tcb);
    if (left * 2 > rcv_window_of_space(tcb->rcvbuf) || left * 2 > tcb->rcv_ssthresh + (1u << tcb->rcv_wscale))
        return;
    bool capped;
    uint32_t window = rcv_window_look(t, tcb, &capped);
    if (window == 0 || window < left * 2)
        return;
    tcb->flags |= TCB_ACK_NOW;
    tcb_touch(t, tcb);
}
