/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/net_bench.h"

#include <stdlib.h>
#include <string.h>

const uint8_t bench_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t bench_peer_mac[6] = {0x02, 0, 0, 0, 0, 0x02};
const uint8_t bench_gw_mac[6] = {0x02, 0, 0, 0, 0, 0xfe};
const uint8_t bench_broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct ip_addr bench_addr(const char *text)
{
    return ip_addr_v4(bench_be(text));
}

uint32_t bench_be(const char *text)
{
    struct in_addr a;
    assert_int_equal(inet_pton(AF_INET, text, &a), 1);
    return a.s_addr;
}

void bench_init(struct net_bench *b)
{
    capture_init(&b->wire, NETDEV_LINK_ETHER, 1500, bench_mac);
    bench_init_wire(b);
}

void bench_init_wire(struct net_bench *b)
{
    struct ip_addr own = bench_addr(BENCH_IP), gw = bench_addr(BENCH_GW), any = ip_addr_v4(0);
    test_context_init(&b->t, BENCH_START, 7);
    assert_int_equal(net_init(&b->net, &b->t.ctx), 0);
    assert_int_equal(udp_init(&b->udp, &b->t.ctx, &b->net), 0);
    assert_int_equal(net_add_netif(&b->net, &b->wire.dev, 0), 0);
    assert_int_equal(net_add_address(&b->net, 0, &own, 24), 0);
    assert_int_equal(net_add_route(&b->net, &any, 0, &gw), 0);
}

int bench_setup(void **state)
{
    struct net_bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    bench_init(b);
    *state = b;
    return 0;
}

int bench_teardown(void **state)
{
    bench_fini(*state);
    free(*state);
    return 0;
}

void bench_fini(struct net_bench *b)
{
    udp_fini(&b->udp);
    net_fini(&b->net);
    capture_clear(&b->wire);
    assert_int_equal(b->t.ctx.wheel.armed, 0);
    test_context_fini(&b->t);
}

static enum verdict bench_dispatch(struct net_bench *b, enum verdict v)
{
    struct pkt *p = &b->pkt;
    b->verdict = v;
    if (v == VERDICT_UDP)
        b->verdict = v = udp_input(&b->udp, p);
    if (v == VERDICT_DROP) {
        b->drop = (enum counter)p->drop;
        count(&b->t.ctx.counters, b->drop);
    }
    if (v == VERDICT_ICMP_ERROR && p->icmp_error.proto == IPPROTO_UDP)
        udp_icmp_error(&b->udp, p);
    if (v != VERDICT_DONE)
        rte_pktmbuf_free(p->m);
    return b->verdict;
}

enum verdict bench_input_mbuf(struct net_bench *b, struct rte_mbuf *m)
{
    b->drop = CNT_MAX;
    b->pkt.m = m;
    b->pkt.netif = 0;
    b->pkt.flags = 0;
    return bench_dispatch(b, net_input(&b->net, &b->pkt));
}

enum verdict bench_input(struct net_bench *b)
{
    return bench_input_cut(b, 2048, 2048);
}

enum verdict bench_input_cut(struct net_bench *b, size_t first, size_t each)
{
    struct rte_mbuf *m = frame_mbuf_cut(b->t.rx_pool, b->f.b, b->f.len, first, each);
    assert_non_null(m);
    return bench_input_mbuf(b, m);
}

void bench_loopback(struct net_bench *b)
{
    enum verdict v;
    while (net_loopback_next(&b->net, &b->pkt, &v))
        bench_dispatch(b, v);
}

static void bench_timers(struct net_bench *b)
{
    struct wheel_node *node;
    struct ip_addr dst;
    while ((node = wheel_expire(&b->t.ctx.wheel, b->t.ctx.now)) != NULL) {
        assert_int_equal(node->kind, TIMER_NET);
        net_timer(&b->net, node);
    }
    while (net_next_unreachable(&b->net, &dst))
        udp_unreachable(&b->udp, &dst);
}

void bench_advance(struct net_bench *b, nsec_t by)
{
    nsec_t end = b->t.ctx.now + by;
    for (;;) {
        nsec_t next = wheel_next(&b->t.ctx.wheel);
        if (next > end)
            break;
        if (next > b->t.ctx.now)
            context_set_now(&b->t.ctx, next);
        bench_timers(b);
    }
    context_set_now(&b->t.ctx, end);
    bench_timers(b);
}

enum verdict bench_arp(struct net_bench *b, uint16_t op, const uint8_t eth_dst[6], const uint8_t sha[6],
                       const char *spa, const uint8_t tha[6], const char *tpa)
{
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    const uint8_t o[2] = {0, (uint8_t)op};
    uint32_t s = bench_be(spa), t = bench_be(tpa);
    frame_init(&b->f);
    frame_ether(&b->f, eth_dst, sha, 0x0806);
    frame_bytes(&b->f, fixed, 6);
    frame_bytes(&b->f, o, 2);
    frame_bytes(&b->f, sha, 6);
    frame_bytes(&b->f, &s, 4);
    frame_bytes(&b->f, tha, 6);
    frame_bytes(&b->f, &t, 4);
    return bench_input(b);
}

/* It answers a question that we ask. */
void bench_know(struct net_bench *b, const char *ip, const uint8_t mac[6])
{
    static const uint8_t byte = 0;
    struct ip_addr dst = bench_addr(ip);
    const struct iovec iov = {(void *)&byte, 1};
    struct udp_pcb *pcb = udp_open(&b->udp);
    bench_clear_sent(b);
    assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &dst, 9), 1);
    bench_arp(b, 2, bench_mac, mac, ip, bench_mac, BENCH_IP);
    udp_close(&b->udp, pcb);
    assert_int_equal(bench_n_sent(b), 2);
    bench_clear_sent(b);
}

void bench_ip4(struct net_bench *b, const char *src, const char *dst, uint8_t proto)
{
    frame_init(&b->f);
    if (b->wire.dev.caps.link == NETDEV_LINK_ETHER)
        frame_ether(&b->f, bench_mac, bench_peer_mac, 0x0800);
    frame_ip4(&b->f, src, dst, proto, NULL, 0);
}

void bench_sent(struct net_bench *b, struct bench_sent *out)
{
    net_flush(&b->net);
    struct rte_mbuf *m = capture_take(&b->wire);
    out->len = 0;
    if (m == NULL)
        return;
    out->len = m->pkt_len;
    out->ol_flags = m->ol_flags;
    out->nb_segs = m->nb_segs;
    size_t off = 0;
    for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
        memcpy(out->b + off, rte_pktmbuf_mtod(s, const void *), s->data_len);
        off += s->data_len;
    }
    assert_int_equal(off, m->pkt_len);
    rte_pktmbuf_free(m);
}

unsigned bench_n_sent(struct net_bench *b)
{
    net_flush(&b->net);
    return capture_count(&b->wire);
}

void bench_clear_sent(struct net_bench *b)
{
    net_flush(&b->net);
    capture_clear(&b->wire);
}
