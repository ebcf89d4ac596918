/* SPDX-License-Identifier: BSD-3-Clause */
/* The in-process wire, and the checksums that it fills for those who leave them to a device. */
#include <arpa/inet.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#include "netdev/gso.h"
#include "netdev/offload.h"
#include "netdev/pipe.h"
#include "support/context.h"

struct bench {
    struct test_pools pools;
    struct netdev *end[2];
};

static void bench_open(struct bench *b, bool csum, uint32_t depth)
{
    test_pools_init(&b->pools);
    struct pipe_config cfg = {
        .mtu = 1500,
        .depth = depth,
        .tx_csum = csum,
        .rx_csum = csum,
        .multi_seg = true,
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
        .pool = {b->pools.rx, b->pools.rx},
    };
    assert_int_equal(netdev_pipe_create(&cfg, b->end), 0);
}

static void bench_close(struct bench *b)
{
    netdev_close(b->end[0]);
    netdev_close(b->end[1]);
    test_pools_fini(&b->pools);
}

static struct rte_mbuf *bytes(struct bench *b, uint8_t fill, uint16_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(b->pools.data);
    memset(rte_pktmbuf_append(m, len), fill, len);
    return m;
}

static void what_one_end_sends_the_other_receives_as_a_copy(void **state)
{
    struct bench b;
    struct rte_mbuf *m, *got;
    bench_open(&b, false, 8);
    m = bytes(&b, 7, 100);
    rte_mbuf_refcnt_update(m, 1);
    assert_int_equal(netdev_tx_burst(b.end[0], 0, 0, &m, 1), 1);
    assert_int_equal(b.end[1]->ops->next_event(b.end[1], 0), 0);
    assert_int_equal(netdev_rx_burst(b.end[0], 0, 0, &got, 1), 0);
    assert_int_equal(netdev_rx_burst(b.end[1], 0, 0, &got, 1), 1);
    assert_ptr_not_equal(got, m);
    assert_int_equal(got->pkt_len, 100);
    assert_memory_equal(rte_pktmbuf_mtod(got, void *), rte_pktmbuf_mtod(m, void *), 100);
    assert_int_equal(b.end[1]->ops->next_event(b.end[1], 0), NSEC_NEVER);
    rte_pktmbuf_free(got);
    rte_pktmbuf_free(m);
    bench_close(&b);
}

static void a_full_pipe_takes_fewer_and_order_is_kept(void **state)
{
    struct bench b;
    struct rte_mbuf *m[6], *got[6];
    bench_open(&b, false, 4);
    for (unsigned round = 0; round < 3; round++) {
        for (uint8_t i = 0; i < 6; i++)
            m[i] = bytes(&b, i, 60);
        assert_int_equal(netdev_tx_burst(b.end[0], 0, 0, m, 6), 4);
        rte_pktmbuf_free(m[4]);
        rte_pktmbuf_free(m[5]);
        assert_int_equal(netdev_rx_burst(b.end[1], 0, 0, got, 3), 3);
        assert_int_equal(netdev_rx_burst(b.end[1], 0, 0, got + 3, 3), 1);
        for (uint8_t i = 0; i < 4; i++) {
            assert_int_equal(*rte_pktmbuf_mtod(got[i], uint8_t *), i);
            rte_pktmbuf_free(got[i]);
        }
    }
    bench_close(&b);
}

static void an_empty_pool_at_the_receiver_loses_the_packet_and_counts_it(void **state)
{
    struct bench b;
    bench_open(&b, false, 4);
    struct rte_mbuf *m = bytes(&b, 1, 60);
    heap_pool_set_limit(b.pools.rx, 0);
    assert_int_equal(netdev_tx_burst(b.end[0], 0, 0, &m, 1), 1);
    assert_int_equal(netdev_pipe_lost(b.end[1]), 1);
    assert_int_equal(netdev_rx_burst(b.end[1], 0, 0, &m, 1), 0);
    bench_close(&b);
}

static void closing_one_end_takes_the_link_down(void **state)
{
    struct bench b;
    bench_open(&b, false, 4);
    struct rte_mbuf *m = bytes(&b, 1, 60);
    assert_true(b.end[0]->ops->link_poll(b.end[0], 0));
    netdev_close(b.end[1]);
    assert_false(b.end[0]->ops->link_poll(b.end[0], 0));
    assert_int_equal(netdev_tx_burst(b.end[0], 0, 0, &m, 1), 1); /* into the void, freed */
    netdev_close(b.end[0]);
    test_pools_fini(&b.pools);
}

/* A TCP segment of `payload` bytes, checksums zero. */
static struct rte_mbuf *segment(struct bench *b, uint16_t payload)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(b->pools.data);
    uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(54 + payload));
    for (unsigned i = 0; i < 54u + payload; i++)
        p[i] = (uint8_t)(i * 37);
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(p + 14);
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(p + 34);
    p[12] = 8;
    p[13] = 0;
    *ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
                                .total_length = htons((uint16_t)(40 + payload)),
                                .packet_id = htons(0xffff),
                                .time_to_live = 64,
                                .next_proto_id = 6,
                                .src_addr = htonl(0x0a000001),
                                .dst_addr = htonl(0x0a000002)};
    *tcp = (struct rte_tcp_hdr){.sent_seq = htonl(0xfffffff0),
                                .data_off = 0x50,
                                .tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG |
                                             RTE_TCP_CWR_FLAG};
    m->l2_len = 14;
    m->l3_len = 20;
    m->l4_len = 20;
    return m;
}

static void assert_checksums(struct rte_mbuf *m)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
    assert_int_equal(rte_raw_cksum(ip, 20), 0xffff);
    uint16_t raw = 0;
    assert_int_equal(rte_raw_cksum_mbuf(m, 34, m->pkt_len - 34, &raw), 0);
    uint32_t sum = raw + rte_raw_cksum(&ip->src_addr, 8) + htons(6) + htons((uint16_t)(m->pkt_len - 34));
    sum = (sum & 0xffff) + (sum >> 16);
    assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static void checksums_left_to_the_device_are_filled(void **state)
{
    struct bench b;
    bench_open(&b, true, 4);
    for (uint16_t payload = 0; payload < 5; payload++) {
        struct rte_mbuf *m = segment(&b, payload);
        m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
        assert_int_equal(netdev_tx_burst(b.end[0], 0, 0, &m, 1), 1);
        assert_int_equal(netdev_rx_burst(b.end[1], 0, 0, &m, 1), 1);
        assert_checksums(m);
        assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
        rte_pktmbuf_free(m);
    }
    bench_close(&b);
}

static void flags_that_do_not_fit_the_packet_are_refused(void **state)
{
    struct bench b;
    bench_open(&b, true, 4);
    struct rte_mbuf *m = segment(&b, 10);
    m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
    m->l3_len = 60;
    assert_false(offload_fill_checksums(m));
    rte_pktmbuf_free(m);
    bench_close(&b);
}

/* RFC9293-3.8.3, RFC3168-6.1.2: what is cut is what a sender would have sent. */
static void a_long_segment_is_cut_into_those_of_a_wire(void **state)
{
    struct bench b;
    struct gso_cut cut = {0};
    struct rte_mbuf *p;
    unsigned n = 0, total = 0;
    bench_open(&b, false, 4);
    assert_true(gso_cut_start_take(&cut, segment(&b, 1000), 14, 300));
    while (gso_cut_next(&cut, b.pools.rx, &p)) {
        const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(p, const void *, 14);
        const struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(p, const void *, 34);
        bool last = n == 3;
        assert_checksums(p);
        assert_int_equal(ntohl(tcp->sent_seq), 0xfffffff0 + total);
        assert_int_equal(ntohs(ip->packet_id), (uint16_t)(0xffff + n));
        assert_int_equal((tcp->tcp_flags & (RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG)) != 0, last);
        assert_int_equal((tcp->tcp_flags & RTE_TCP_CWR_FLAG) != 0, n == 0);
        assert_int_equal(*rte_pktmbuf_mtod_offset(p, uint8_t *, 54), (uint8_t)((54 + total) * 37));
        total += p->pkt_len - 54;
        n++;
        rte_pktmbuf_free(p);
    }
    assert_int_equal(n, 4);
    assert_int_equal(total, 1000);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_end_sends_the_other_receives_as_a_copy),
        cmocka_unit_test(a_full_pipe_takes_fewer_and_order_is_kept),
        cmocka_unit_test(an_empty_pool_at_the_receiver_loses_the_packet_and_counts_it),
        cmocka_unit_test(closing_one_end_takes_the_link_down),
        cmocka_unit_test(checksums_left_to_the_device_are_filled),
        cmocka_unit_test(flags_that_do_not_fit_the_packet_are_refused),
        cmocka_unit_test(a_long_segment_is_cut_into_those_of_a_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
