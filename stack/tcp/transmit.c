/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/transmit.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/mbuf.h"
#include "tcp/ecn.h"
#include "tcp/options.h"
#include "tcp/rcv_queue.h"
#include "tcp/reassembly.h"
#include "tcp/snd_queue.h"
#include "tcp/sockopts.h"
#include "tcp/tcp_frame.h"
#include "tcp/tcp_private.h"
#include "tcp/timers.h"
#include "wire/tcp.h"

int transmit_path(struct tcp *t, struct tcb *tcb)
{
    if (net_path_ok(t->net, &tcb->path))
        return 0;
    int rc = net_path_resolve(t->net, &tcb->path, &tcb->flow.local, &tcb->flow.remote, false);
    if (rc != 0)
        return rc;
    if (opts_of(t, tcb)->mtu_discover == IP_PMTUDISC_DONT)
        tcb->path.mtu_locked = 1;
    options_update_mss(t, tcb);
    return 0;
}

static void ip_send_fill(struct ip_send *s, const struct flow_key *f, uint8_t ttl, uint8_t tos,
                         unsigned header)
{
    s->src = f->local;
    s->dst = f->remote;
    s->proto = IPPROTO_TCP;
    s->ttl = ttl;
    s->tos = tos;
    s->df = true;
    s->csum_off = TCP_CHECKSUM_OFFSET;
    s->l4_len = (uint8_t)header;
    s->tso_segsz = 0;
}

/* The header of an ordinary segment. `room`: bytes that SACK blocks may take beside the payload.
 * RFC9293-MUST-62, RFC9293-MAY-14 */
static void view_fill(struct tcp *t, struct tcb *tcb, struct tcp_view *v, seq_t seq, uint8_t flags,
                      uint32_t room)
{
    v->sport = tcb->flow.lport;
    v->dport = tcb->flow.rport;
    v->seq = seq;
    v->ack = tcb->rcv_nxt;
    v->flags = flags;
    v->urgent = 0;
    v->opt.has = 0;
    v->opt.n_sack = 0;
    v->window = rcv_window_select(t, tcb);
    if (tcb_is(tcb, TCB_TS)) {
        v->opt.has = TCP_OPT_HAS_TS;
        v->opt.tsval = t->ctx->now_ms + tcb->ts_offset;
        v->opt.tsecr = tcb->ts_recent;
    }
    if (tcb->ooo != 0 && tcb_is(tcb, TCB_SACK) && room >= 12) {
        unsigned max = tcb_is(tcb, TCB_TS) ? 3 : 4;
        v->opt.n_sack = (uint8_t)reassembly_sack_blocks(t, tcb, v->opt.sack, RTE_MIN(max, (room - 4) / 8));
        if (v->opt.n_sack > 0)
            v->opt.has |= TCP_OPT_HAS_SACK;
    }
    if (tcb_is(tcb, TCB_URG_OUT) && seq_gt(tcb->snd_up, seq) && tcb->snd_up - seq <= UINT16_MAX) {
        v->flags |= TCP_URG; /* RFC9293-3.8.5; the pointer is one past the byte, as on Linux */
        v->urgent = (uint16_t)(tcb->snd_up - seq);
    }
}

/* ---- in one go ---- */

bool transmit_in_place(struct tcp *t, struct tcb *tcb, const struct snd_rec *r, uint8_t flags)
{
    uint32_t header = tcp_frame_fits(t, tcb, r);
    if (unlikely(header == 0))
        return false;
    tcp_frame_send_record(t, tcb, r, header, flags);
    return true;
}

/* ---- in general ---- */

/* An indirect segment for each piece of payload that the record covers. */
static bool payload_attach(struct tcp *t, const struct snd_rec *r, struct rte_mbuf *head,
                           struct rte_mbuf **tail)
{
    const struct rte_mbuf *seg = r->m;
    uint32_t off = snd_rec_off(r), left = r->len;
    while (left > 0) {
        uint32_t n = RTE_MIN(left, seg->data_len - off);
        if (n > 0) {
            struct rte_mbuf *part = mbuf_alloc_hdr(t->ctx);
            if (part == NULL)
                return false;
            rte_pktmbuf_attach(part, (struct rte_mbuf *)(uintptr_t)seg);
            part->data_off = (uint16_t)(part->data_off + off);
            part->data_len = (uint16_t)n;
            (*tail)->next = part;
            *tail = part;
            head->nb_segs++;
            head->pkt_len += n;
        }
        left -= n;
        off = 0;
        seg = seg->next;
    }
    return true;
}

static void payload_copy(const struct snd_rec *r, struct rte_mbuf *m)
{
    mbuf_copy_out(r->m, snd_rec_off(r), rte_pktmbuf_mtod_offset(m, void *, m->data_len), r->len);
    m->data_len = (uint16_t)(m->data_len + r->len);
    m->pkt_len = m->data_len;
}

static struct rte_mbuf *header_make(struct rte_mbuf *m, const struct tcp_view *v)
{
    if (m == NULL)
        return NULL;
    m->data_len = (uint16_t)tcp_emit(rte_pktmbuf_mtod(m, void *), v);
    m->pkt_len = m->data_len;
    return m;
}

/* Header and payload of n records. NULL: no buffer. */
static struct rte_mbuf *segment_make(struct tcp *t, struct tcb *tcb, const struct tcp_view *v, uint32_t first,
                                     uint32_t n, uint32_t len)
{
    const struct snd_rec *r = snd_rec_at(t, first);
    bool copy = n == 1 && (len <= TRANSMIT_COPY_MAX || !net_path_multi_seg(t->net, &tcb->path));
    struct rte_mbuf *m = header_make(mbuf_alloc_hdr(t->ctx), v);
    if (m == NULL || len == 0)
        return m;
    if (copy && rte_pktmbuf_tailroom(m) >= len) {
        payload_copy(r, m);
        return m;
    }
    if (copy && !net_path_multi_seg(t->net, &tcb->path)) {
        rte_pktmbuf_free(m);
        m = header_make(mbuf_alloc_data(t->ctx), v);
        if (m == NULL)
            return NULL;
        if (rte_pktmbuf_tailroom(m) >= len) {
            payload_copy(r, m);
            return m;
        }
    }
    struct rte_mbuf *tail = m;
    for (uint32_t i = first; n > 0; n--, i = r->next) {
        r = snd_rec_at(t, i);
        if (!payload_attach(t, r, m, &tail)) {
            rte_pktmbuf_free(m);
            return NULL;
        }
    }
    return m;
}

/* Hands it to the network. What the network refuses is as good as lost on the wire. */
static void segment_output_take(struct tcp *t, struct tcb *tcb, struct rte_mbuf *m, unsigned header,
                                uint16_t segsz, uint8_t ecn)
{
    struct ip_send s;
    ip_send_fill(&s, &tcb->flow, tcb->ttl, tcb->tos | ecn, header);
    s.tso_segsz = segsz;
    count(&t->ctx->counters, CNT_TCP_OUT);
    int rc = net_output_take(t->net, &tcb->path, &s, m);
    if (rc == -EMSGSIZE)
        tcb->path.valid = false; /* the path has become narrower: look again before the next */
    else if (rc == -EHOSTUNREACH)
        tcb->soft_error = EHOSTUNREACH;
}

int transmit_records(struct tcp *t, struct tcb *tcb, uint32_t first, uint32_t n, uint32_t len, uint8_t flags)
{
    struct tcp_view v;
    const struct snd_rec *r = snd_rec_at(t, first);
    uint8_t ecn = 0;
    if ((r->flags & SND_SYN) != 0) {
        options_fill_syn(t, tcb, &v, r->seq);
    } else {
        uint32_t room = n == 1 && len < tcb->snd_mss ? tcb->snd_mss - len : 0;
        view_fill(t, tcb, &v, r->seq, flags | TCP_ACK, room);
        if (tcb->ecn != 0)
            ecn = ecn_mark(tcb, &v.flags, len > 0 && r->seq == tcb->snd_nxt);
    }
    struct rte_mbuf *m = segment_make(t, tcb, &v, first, n, len);
    if (m == NULL)
        return -ENOBUFS;
    if ((v.flags & TCP_ACK) != 0)
        tcp_frame_ack_went(tcb);
    segment_output_take(t, tcb, m, tcp_emit_len(&v), n > 1 ? tcb->snd_mss : 0, ecn);
    return 0;
}

int transmit_bare(struct tcp *t, struct tcb *tcb, seq_t seq, uint8_t flags)
{
    int rc = transmit_path(t, tcb);
    if (rc != 0)
        return rc;
    uint32_t header = tcp_frame_header(t, tcb);
    if (likely(header != 0 && net_frame_ok(t->net, &tcb->path, header))) {
        struct rte_mbuf *m = mbuf_alloc_hdr(t->ctx);
        if (m == NULL)
            return -ENOBUFS;
        tcp_frame_send_take(t, tcb, m, m->data_off, 0, header, seq, flags);
        return 0;
    }
    struct tcp_view v;
    view_fill(t, tcb, &v, seq, flags, TCP_OPTIONS_MAX);
    if (tcb->ecn != 0)
        ecn_mark(tcb, &v.flags, false);
    struct rte_mbuf *m = header_make(mbuf_alloc_hdr(t->ctx), &v);
    if (m == NULL)
        return -ENOBUFS;
    tcp_frame_ack_went(tcb);
    segment_output_take(t, tcb, m, m->data_len, 0, 0);
    return 0;
}

void transmit_reply(struct tcp *t, const struct flow_key *f, struct net_path *path, const struct tcp_view *v,
                    uint8_t ttl, uint8_t tos)
{
    struct net_path once = {0};
    struct ip_addr src = f->local;
    if (path == NULL)
        path = &once;
    if (!net_path_ok(t->net, path) && net_path_resolve(t->net, path, &src, &f->remote, false) != 0)
        return;
    struct rte_mbuf *m = mbuf_alloc_hdr(t->ctx);
    if (m == NULL)
        return;
    unsigned header = tcp_emit_len(v);
    count(&t->ctx->counters, CNT_TCP_OUT);
    if (likely(t->fastpath && net_frame_ok(t->net, path, header))) {
        uint8_t *tcp = net_frame_open(t->net, path, m, m->data_off, header);
        tcp_emit(tcp, v);
        net_frame_close(t->net, path, m, tcp, header, header, f, ttl, tos);
        net_frame_send_take(t->net, path, m);
        return;
    }
    struct ip_send s;
    ip_send_fill(&s, f, ttl, tos, header);
    net_output_take(t->net, path, &s, header_make(m, v));
}

void transmit_reset_for(struct tcp *t, const struct pkt *p)
{
    if ((p->tcp.flags & TCP_RST) != 0)
        return;
    struct flow_key f = {p->dst, p->src, p->tcp.dport, p->tcp.sport};
    struct tcp_view v = {.sport = f.lport, .dport = f.rport, .flags = TCP_RST};
    if ((p->tcp.flags & TCP_ACK) != 0) {
        v.seq = p->tcp.ack; /* <SEQ=SEG.ACK><CTL=RST> */
    } else {
        v.flags |= TCP_ACK; /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
        v.ack = p->tcp.seq + p->data_len + ((p->tcp.flags & TCP_SYN) != 0) + ((p->tcp.flags & TCP_FIN) != 0);
    }
    count(&t->ctx->counters, CNT_TCP_RST_OUT);
    transmit_reply(t, &f, NULL, &v, (uint8_t)t->ctx->tun->ip_default_ttl, 0);
}
