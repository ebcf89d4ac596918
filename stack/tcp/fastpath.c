/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes most, in and out. In: header prediction, the next in-order segment, or a plain ACK, of a
 * connection at peace. Out: a reply in one segment, nothing else outstanding. Both do what the general way
 * (input_steps.c, output.c) would do, and only skip the questions whose answers are known. */
#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/output.h"
#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "tcp/tcp_frame.h"
#include "tcp/tcp_private.h"
#include "tcp/text.h"
#include "tcp/timers.h"
#include "wire/tcp4.h"

/* ---- in ---- */

/* What the fast path has to know of a segment that carries nothing but ACK and perhaps PSH. */
struct fast_seg {
    seq_t seq, ack;
    uint32_t header; /* bytes of TCP header; only of a frame */
    uint32_t len;    /* payload bytes */
    uint16_t window; /* unscaled */
    bool ts;         /* timestamps, and no other option */
    uint32_t tsval, tsecr;
};

/* Anything out of the ordinary is left to the steps. */
static inline bool fast_is_plain(const struct tcb *tcb, const struct fast_seg *s)
{
    return tcb->state == TCP_S_ESTABLISHED && s->seq == tcb->rcv_nxt && s->ts == tcb_is(tcb, TCB_TS) &&
           (uint32_t)s->window << tcb->snd_wscale == tcb->snd_wnd && tcb->ooo == 0 &&
           !tcb_is(tcb, TCB_URG_RCVD | TCB_SHUT_RD | TCB_ORPHAN | TCB_URG_OUT) &&
           tcb->recovery == RECOVERY_OPEN;
}

/* PAWS has nothing against it, and there is room. */
static inline bool fast_is_welcome(const struct tcp *t, const struct tcb *tcb, const struct fast_seg *s,
                                   const struct rte_mbuf *m)
{
    if (s->ts && (int32_t)(s->tsval - tcb->ts_recent) < 0)
        return false;
    return s->len == 0 || (s->len <= rcv_window_left(tcb) && rcv_queue_has_room(t, tcb, m->buf_len));
}

/* Does it acknowledge all that is outstanding, and nothing waits or is dubious? */
static inline bool fast_acks_all(const struct tcb *tcb, const struct fast_seg *s)
{
    return s->ack == tcb->snd_nxt && s->ack != tcb->snd_una && tcb->sndq_unsent == 0 && tcb->board == 0 &&
           (tcb->sacked_out | tcb->lost_out | tcb->retrans_out) == 0;
}

/* Does it only say once more what is acknowledged already? */
static inline bool fast_acks_nothing(const struct tcb *tcb, const struct fast_seg *s)
{
    return s->ack == tcb->snd_una && s->len > 0 && tcb->rexmt_kind != REXMT_PERSIST && tcb->board == 0;
}

/* Of what was sent, or something that has to be looked at; without data it is perhaps a duplicate. */
static inline bool fast_acks_some(const struct tcb *tcb, const struct fast_seg *s)
{
    return seq_geq(s->ack, tcb->snd_una) && seq_leq(s->ack, tcb->snd_nxt) &&
           (s->ack != tcb->snd_una || s->len > 0);
}

static inline void fast_arrived(struct tcp *t, struct tcb *tcb, const struct fast_seg *s)
{
    uint32_t now = t->ctx->now_ms;
    if (likely(s->ts) && seq_leq(s->seq, tcb->rcv_wup)) {
        tcb->ts_recent = s->tsval;
        tcb->ts_recent_at = now;
    }
    tcb->last_rcv = now;
}

/* The payload, which begins at `off` in m. Owns m. */
static inline void fast_text_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m, uint32_t off,
                                  uint32_t len)
{
    text_queue_take(t, tcb, text_payload_take(m, off), len);
    text_tell(t, tcb);
}

bool input_fast(struct tcp *t, struct tcb *tcb, struct pkt *p)
{
    const struct tcp_view *v = &p->tcp;
    const struct fast_seg s = {
        .seq = v->seq,
        .ack = v->ack,
        .len = p->data_len,
        .window = v->window,
        .ts = v->opt.has != 0,
        .tsval = v->opt.tsval,
        .tsecr = v->opt.tsecr,
    };
    if (unlikely((v->flags & ~TCP_PSH) != TCP_ACK || (v->opt.has & ~TCP_OPT_HAS_TS) != 0 ||
                 !fast_is_plain(tcb, &s) || !fast_is_welcome(t, tcb, &s, p->m)))
        return false;
    if (fast_acks_nothing(tcb, &s)) {
        fast_arrived(t, tcb, &s);
        window_confirm(tcb, s.seq, s.ack);
    } else if (fast_acks_some(tcb, &s)) {
        fast_arrived(t, tcb, &s);
        ack_process(t, tcb, p);
    } else {
        return false;
    }
    if (s.len > 0) {
        if (unlikely(tcb->ecn != 0))
            ecn_data_arrived(t, tcb, p);
        fast_text_take(t, tcb, p->m, p->data_off, s.len);
        p->m = NULL;
    }
    return true;
}

/* ---- in, from the frame ---- */

/* Both addresses were judged when the connection came about; one with ourselves has no frames. */
static inline bool frame_is_of(const struct tcb *tcb, const struct ip4_hdr *ip, const struct tcp_hdr *h)
{
    return ip_addr_get_v4(&tcb->flow.remote) == ip->src && ip_addr_get_v4(&tcb->flow.local) == ip->dst &&
           tcb->flow.rport == ntohs(h->sport) && tcb->flow.lport == ntohs(h->dport) &&
           tcb->path.neigh < NET_NEIGH_SPECIAL;
}

/* Another connection than the last one; NULL: none, or none with a control block. */
static __attribute__((noinline)) struct tcb *frame_find(struct tcp *t, const struct ip4_hdr *ip,
                                                        const struct tcp_hdr *h)
{
    const struct flow_key f = {ip_addr_v4(ip->dst), ip_addr_v4(ip->src), ntohs(h->dport), ntohs(h->sport)};
    conn_ref ref = table_find(&t->table, &f, table_hash(&t->table, &f));
    if (ref == 0 || conn_kind(ref) != CONN_TCB)
        return NULL;
    t->last = tcb_at(t, conn_index(ref));
    return t->last->path.neigh < NET_NEIGH_SPECIAL ? t->last : NULL;
}

/* The segment in m as the fast path has to know it. False: it has other options than timestamps. */
static inline bool frame_read(const struct rte_mbuf *m, struct fast_seg *s)
{
    const struct tcp_hdr *h = tcp4_tcp(m);
    const uint8_t *opt = (const uint8_t *)(h + 1);
    uint32_t header = h->data_offset >> 2;
    s->seq = ntohl(h->seq);
    s->ack = ntohl(h->ack);
    s->header = header;
    s->len = m->data_len - NET_FRAME_FRONT - header;
    s->window = ntohs(h->window);
    s->ts = header != TCP_HDR_MIN;
    s->tsval = tcp_get32(opt + 4);
    s->tsecr = tcp_get32(opt + 8);
    return header == TCP_HDR_MIN || (header == TCP_HDR_MIN + TCP_TS_SPACE && tcp_get32(opt) == 0x0101080a);
}

/* The connection whose segment m is taken as; NULL: it is not taken. */
static __rte_always_inline struct tcb *frame_input_take(struct tcp *t, struct rte_mbuf *m,
                                                        const uint8_t mac[6])
{
    struct tcb *tcb = t->last;
    struct fast_seg s;
    if (unlikely(!tcp4_is_plain(m, mac) || !t->fastpath))
        return NULL;
    if (unlikely(tcb == NULL || !frame_is_of(tcb, tcp4_ip(m), tcp4_tcp(m)))) {
        tcb = frame_find(t, tcp4_ip(m), tcp4_tcp(m));
        if (tcb == NULL)
            return NULL;
    }
    if (unlikely(!frame_read(m, &s) || !fast_is_plain(tcb, &s) || tcb->ecn != 0 ||
                 !fast_is_welcome(t, tcb, &s, m)))
        return NULL;
    bool all = fast_acks_all(tcb, &s);
    if (unlikely((!all && !fast_acks_nothing(tcb, &s)) || !tcp4_sums_good(m)))
        return NULL;
    count(&t->ctx->counters, CNT_TCP_IN);
    fast_arrived(t, tcb, &s);
    if (all)
        ack_process_all(t, tcb, s.seq, s.ack, s.ts ? s.tsecr : 0);
    else
        window_confirm(tcb, s.seq, s.ack);
    if (s.len > 0)
        fast_text_take(t, tcb, m, NET_FRAME_FRONT + s.header, s.len);
    else
        mbuf_free(t->ctx, m);
    return tcb;
}

/* ---- those right behind it ---- */

/* The next segment of the same stream, when one before it has just been taken by frame_input_take and there
 * is data that no ACK has gone for, so that no timestamp is to be kept (RFC7323-4.3): with the same headers
 * only its own numbers are to be looked at. */
static inline bool frame_follow_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m,
                                     const struct tcp4_sample *like)
{
    struct fast_seg s;
    if (!tcp4_is_like(m, like) || unlikely(!frame_read(m, &s)))
        return false;
    if (unlikely(s.seq != tcb->rcv_nxt || s.len == 0 || !fast_is_welcome(t, tcb, &s, m) ||
                 !tcp4_sums_good(m)))
        return false;
    count(&t->ctx->counters, CNT_TCP_IN);
    window_confirm(tcb, s.seq, s.ack);
    fast_text_take(t, tcb, m, NET_FRAME_FRONT + s.header, s.len);
    return true;
}

#define FRAMES_AHEAD 4u /* whose headers are fetched */

static inline void frames_fetch(struct rte_mbuf *const *pkts, unsigned k, unsigned n)
{
    if (k + FRAMES_AHEAD < n)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[k + FRAMES_AHEAD], void *));
}

/* As many of the frames from k on as continue the stream; where that ends. */
static __attribute__((noinline)) unsigned frames_follow_take(struct tcp *t, struct tcb *tcb,
                                                             struct rte_mbuf *const *pkts, unsigned k,
                                                             unsigned n, const struct tcp4_sample *like)
{
    for (; k < n && frame_follow_take(t, tcb, pkts[k], like); k++)
        frames_fetch(pkts, k, n);
    return k;
}

/* Is it worth a closer look? */
static inline bool frames_same_ports(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
    return b->data_len >= TCP4_PLAIN_MIN && a->data_len >= TCP4_PLAIN_MIN &&
           tcp4_load32(&tcp4_tcp(a)->sport) == tcp4_load32(&tcp4_tcp(b)->sport);
}

unsigned tcp_input_frames(struct tcp *t, struct rte_mbuf *const *pkts, unsigned n, const uint8_t mac[6])
{
    struct tcp4_sample like;
    unsigned k = 0;
    while (k < n) {
        bool more = k + 1 < n && frames_same_ports(pkts[k], pkts[k + 1]);
        frames_fetch(pkts, k, n);
        if (more)
            tcp4_sample_of(pkts[k], &like);
        struct tcb *tcb = frame_input_take(t, pkts[k], mac);
        if (tcb == NULL)
            break;
        k++;
        if (more && tcb->rcv_nxt != tcb->rcv_wup)
            k = frames_follow_take(t, tcb, pkts, k, n, &like);
    }
    return k;
}

/* ---- out ---- */

/* Nothing is outstanding, lost, marked, held back or closing, and one record waits. */
static inline bool reply_is_plain(const struct tcb *tcb)
{
    uint32_t i = tcb->sndq_unsent;
    return i != 0 && i == tcb->sndq_head && i == tcb->sndq_tail && tcb->state == TCP_S_ESTABLISHED &&
           tcb->ack_owed == 0 && tcb->recovery == RECOVERY_OPEN && tcb->board == 0 &&
           !tcb_is(tcb, TCB_CORK | TCB_MORE | TCB_URG_OUT);
}

/* Data that is one segment and within the window. */
static inline bool reply_is_whole(const struct tcb *tcb, const struct snd_rec *r)
{
    return (r->flags & ~(SND_PUSH | SND_EOR)) == 0 && r->len <= tcb->snd_mss && r->len <= tcb->snd_wnd;
}

static inline void reply_went(struct tcp *t, struct tcb *tcb, struct snd_rec *r)
{
    r->sent_at = t->ctx->now_us;
    tcb->snd_nxt = r->seq + r->len;
    tcb->sndq_unsent = 0;
    tcb->packets_out = 1;
    if (r->len < tcb->snd_mss)
        tcb->snd_sml = tcb->snd_nxt;
    tcb->last_snd = t->ctx->now_ms;
    if (tcb->last_snd - tcb->last_data_rcv < t->ctx->tun->tcp_delack_ms)
        tcb->flags |= TCB_PINGPONG;
    timers_first_sent(t, tcb);
    if (unlikely(tcb->cong_state != 0 || tcb->cwnd < 2))
        congestion_sent(t, tcb, true);
}

bool output_fast(struct tcp *t, struct tcb *tcb)
{
    struct snd_rec *r = snd_rec_at(t, tcb->sndq_unsent);
    if (unlikely(!reply_is_plain(tcb) || !reply_is_whole(tcb, r) || !net_path_ok(t->net, &tcb->path)))
        return false;
    uint32_t header = tcp_frame_fits(t, tcb, r);
    if (unlikely(header == 0))
        return false;
    congestion_tx_start(t, tcb);
    tcp_frame_send_record(t, tcb, r, header, (r->flags & SND_PUSH) != 0 ? TCP_PSH : 0);
    reply_went(t, tcb, r);
    return true;
}
