/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_rig.h"

#include <arpa/inet.h>
#include <string.h>

struct ip_addr rig_addr(const char *text)
{
    return ip_addr_v4(inet_addr(text));
}

void rig_init(struct rig *r)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    memset(r, 0, sizeof(*r));
    test_context_init(&r->tc, 5 * NSEC_PER_SEC, 42);
    assert_int_equal(net_init(&r->net, &r->tc.ctx), 0);
    capture_init(&r->cap, NETDEV_LINK_NONE, 1500, mac);
    assert_true(net_add_netif(&r->net, &r->cap.dev, 0) >= 0);
    struct ip_addr self = rig_addr("10.0.0.1");
    assert_int_equal(net_add_address(&r->net, 0, &self, 24), 0);
    assert_int_equal(tcp_init(&r->tcp, &r->tc.ctx, &r->net), 0);
    r->peer_port = RIG_PEER_PORT;
    r->our_port = RIG_PORT;
    r->peer_seq = RIG_PEER_ISN;
    r->peer_window = 65535;
    memcpy(r->peer_opt, (uint8_t[]){2, 4, 0x05, 0xb4}, 4); /* MSS 1460 */
    r->n_peer_opt = 4;
}

void rig_fini(struct rig *r)
{
    capture_clear(&r->cap);
    tcp_fini(&r->tcp);
    net_fini(&r->net);
    test_context_fini(&r->tc);
}

void rig_in_at(struct rig *r, uint8_t flags, uint32_t seq, const void *data, uint32_t len)
{
    static uint8_t bytes[SEGMENT_MAX];
    struct segment s = {
        .src = inet_addr("10.0.0.2"),
        .dst = inet_addr("10.0.0.1"),
        .sport = r->peer_port,
        .dport = r->our_port,
        .seq = seq,
        .ack = (flags & SEG_ACK) != 0 ? r->peer_ack : 0,
        .window = r->peer_window,
        .flags = flags,
        .len = len,
        .data = data,
    };
    if ((flags & SEG_SYN) != 0) {
        s.n_opt = r->n_peer_opt;
        memcpy(s.opt, r->peer_opt, r->n_peer_opt);
    }
    size_t n = segment_build(&s, bytes, sizeof(bytes));
    assert_true(n > 0);
    struct pkt p = {.m = frame_mbuf(r->tc.rx_pool, bytes, n)};
    assert_int_equal(net_input(&r->net, &p), VERDICT_TCP);
    if (tcp_input(&r->tcp, &p) == VERDICT_DROP) {
        count(&r->tc.ctx.counters, (enum counter)p.drop);
        rte_pktmbuf_free(p.m);
    }
}

void rig_in(struct rig *r, uint8_t flags, const void *data, uint32_t len)
{
    rig_in_at(r, flags, r->peer_seq, data, len);
    r->peer_seq += len + ((flags & SEG_SYN) != 0) + ((flags & SEG_FIN) != 0);
}

bool rig_out(struct rig *r, struct segment *out)
{
    tcp_output_touched(&r->tcp);
    net_flush(&r->net);
    struct rte_mbuf *m = capture_take(&r->cap);
    if (m == NULL)
        return false;
    assert_true(m->pkt_len <= sizeof(r->buf));
    uint32_t off = 0;
    for (struct rte_mbuf *s = m; s != NULL; s = s->next) {
        memcpy(r->buf + off, rte_pktmbuf_mtod(s, void *), s->data_len);
        off += s->data_len;
    }
    const char *why = segment_parse(r->buf, m->pkt_len, out);
    rte_pktmbuf_free(m);
    if (why != NULL)
        fail_msg("%s", why);
    assert_false(out->bad_checksum);
    return true;
}

struct segment rig_expect(struct rig *r, uint8_t flags)
{
    struct segment s;
    char want[40], got[40];
    if (!rig_out(r, &s))
        fail_msg("nothing was sent, expected %s", segment_flags_text(flags, want, sizeof(want)));
    if (s.flags != flags)
        fail_msg("%s was sent, expected %s", segment_flags_text(s.flags, got, sizeof(got)),
                 segment_flags_text(flags, want, sizeof(want)));
    uint32_t end = s.seq + s.len + ((s.flags & SEG_SYN) != 0) + ((s.flags & SEG_FIN) != 0);
    if ((flags & SEG_SYN) != 0 || seq_gt(end, r->peer_ack))
        r->peer_ack = end;
    return s;
}

void rig_expect_nothing(struct rig *r)
{
    struct segment s;
    char got[40];
    if (rig_out(r, &s))
        fail_msg("%s with %u bytes was sent, expected nothing", segment_flags_text(s.flags, got, sizeof(got)),
                 s.len);
}

void rig_wait(struct rig *r, uint64_t ms)
{
    struct context *c = &r->tc.ctx;
    nsec_t until = c->now + ms * NSEC_PER_MSEC;
    for (;;) {
        nsec_t next = wheel_next(&c->wheel);
        context_set_now(c, next > until ? until : next > c->now ? next : c->now);
        struct wheel_node *node;
        while ((node = wheel_expire(&c->wheel, c->now)) != NULL) {
            if (node->kind == TIMER_NET)
                net_timer(&r->net, node);
            else
                tcp_timer(&r->tcp, node);
        }
        tcp_output_touched(&r->tcp);
        if (c->now >= until)
            return;
    }
}

struct tcb *rig_listen(struct rig *r, int backlog)
{
    struct ip_addr any = {0};
    struct tcb *l = tcp_open(&r->tcp);
    assert_non_null(l);
    assert_int_equal(tcp_bind(&r->tcp, l, &any, RIG_PORT), 0);
    assert_int_equal(tcp_listen(&r->tcp, l, backlog), 0);
    return l;
}

void rig_handshake(struct rig *r)
{
    rig_in(r, SEG_SYN, NULL, 0);
    rig_expect(r, SEG_SYN | SEG_ACK);
    rig_in(r, SEG_ACK, NULL, 0);
}

struct tcb *rig_accept(struct rig *r, struct tcb *listener)
{
    int err = 0;
    struct tcb *tcb = tcp_accept(&r->tcp, listener, &err);
    assert_non_null(tcb);
    tcp_endpoint(tcb)->owner = r;
    return tcb;
}

struct tcb *rig_connected(struct rig *r)
{
    struct tcb *l = rig_listen(r, 8);
    rig_handshake(r);
    return rig_accept(r, l);
}

struct tcb *rig_connect(struct rig *r)
{
    struct ip_addr peer = rig_addr("10.0.0.2");
    struct tcb *tcb = tcp_open(&r->tcp);
    assert_non_null(tcb);
    tcp_endpoint(tcb)->owner = r;
    assert_int_equal(tcp_connect(&r->tcp, tcb, &peer, (uint16_t)r->peer_port), 0);
    struct segment syn = rig_expect(r, SEG_SYN);
    r->our_port = syn.sport;
    rig_in(r, SEG_SYN | SEG_ACK, NULL, 0);
    rig_expect(r, SEG_ACK);
    assert_int_equal(tcb->state, TCP_S_ESTABLISHED);
    return tcb;
}

ssize_t rig_send(struct rig *r, struct tcb *tcb, const void *data, size_t len)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    return tcp_send(&r->tcp, tcb, &iov, 1, 0);
}

ssize_t rig_recv(struct rig *r, struct tcb *tcb, void *data, size_t len)
{
    struct iovec iov = {.iov_base = data, .iov_len = len};
    return tcp_recv(&r->tcp, tcb, &iov, 1, 0);
}

uint64_t rig_count(const struct rig *r, enum counter c)
{
    return r->tc.ctx.counters.v[c];
}
