/* SPDX-License-Identifier: BSD-3-Clause */
/* What IPv4 packets from the wire may be, and IPv4 packets that we send. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mbuf.h"
#include "net/ip4_id.h"
#include "support/net_bench.h"

/* A UDP datagram from the peer, with the port closed unless a test opens it. */
static enum verdict input_from_to(struct net_bench *b, const char *src, const char *dst)
{
    bench_ip4(b, src, dst, 17);
    frame_udp(&b->f, 5, 7);
    frame_bytes(&b->f, "x", 1);
    frame_finish(&b->f);
    return bench_input(b);
}

static struct udp_pcb *open_port(struct net_bench *b, uint16_t port)
{
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr any = ip_addr_v4(0);
    assert_int_equal(udp_bind(&b->udp, pcb, &any, port, 0), 0);
    return pcb;
}

/* RFC1122-3.2.1.3: sources that no packet may come from are discarded silently. (RFC9293-MUST-63) */
static void martian_sources_are_dropped_silently(void **state)
{
    struct net_bench *b = *state;
    static const char *const martian[] = {"0.0.0.0",         "0.1.2.3",    "127.0.0.1",
                                          "224.0.0.1",       "239.1.1.1",  "240.0.0.1",
                                          "255.255.255.255", "10.0.0.255", BENCH_IP};
    open_port(b, 7);
    for (size_t i = 0; i < RTE_DIM(martian); i++) {
        assert_int_equal(input_from_to(b, martian[i], BENCH_IP), VERDICT_DROP);
        assert_int_equal(b->drop, CNT_DROP_IP_MARTIAN);
    }
    assert_int_equal(bench_n_sent(b), 0);
}

static void destinations_that_are_not_ours_are_dropped(void **state)
{
    struct net_bench *b = *state;
    assert_int_equal(input_from_to(b, BENCH_PEER, "10.0.0.3"), VERDICT_DROP); /* never forwarded */
    assert_int_equal(b->drop, CNT_DROP_IP_NOT_OURS);
    assert_int_equal(input_from_to(b, BENCH_PEER, "127.0.0.1"), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_IP_MARTIAN);
    assert_int_equal(input_from_to(b, BENCH_PEER, "0.0.0.0"), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_IP_MARTIAN);
    assert_int_equal(bench_n_sent(b), 0);
}

static void every_address_of_ours_is_heard(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr second = bench_addr("10.5.0.1");
    open_port(b, 7);
    assert_int_equal(input_from_to(b, BENCH_PEER, BENCH_IP), VERDICT_DONE);
    assert_int_equal(net_add_address(&b->net, 0, &second, 16), 0);
    assert_int_equal(input_from_to(b, BENCH_PEER, BENCH_IP), VERDICT_DONE);
    assert_int_equal(input_from_to(b, BENCH_PEER, "10.5.0.1"), VERDICT_DONE);
    assert_int_equal(input_from_to(b, "10.5.0.1", BENCH_IP), VERDICT_DROP); /* from our own other one */
    assert_int_equal(input_from_to(b, "10.5.255.255", BENCH_IP), VERDICT_DROP);
}

/* RFC1122-3.3.6 and 3.2.1.3: broadcasts and groups are received, for UDP. */
static void broadcast_and_multicast_are_received(void **state)
{
    struct net_bench *b = *state;
    static const char *const group[] = {"255.255.255.255", "10.0.0.255", "224.0.0.1", "239.255.255.250"};
    struct udp_pcb *pcb = open_port(b, 7);
    for (size_t i = 0; i < RTE_DIM(group); i++) {
        bench_ip4(b, BENCH_PEER, group[i], 17);
        frame_udp(&b->f, 5, 7);
        frame_finish(&b->f);
        memcpy(b->f.b, bench_broadcast_mac, 6);
        assert_int_equal(bench_input(b), VERDICT_DONE);
        assert_int_equal(udp_recv(&b->udp, pcb, NULL, 0, 0, NULL, NULL), 0);
    }
    assert_int_equal(input_from_to(b, BENCH_PEER, "10.9.9.255"), VERDICT_DROP);
}

/* RFC1122-3.3.6: unicast that came by a link broadcast is discarded. */
static void unicast_in_a_link_broadcast_is_dropped(void **state)
{
    struct net_bench *b = *state;
    open_port(b, 7);
    input_from_to(b, BENCH_PEER, BENCH_IP);
    memcpy(b->f.b, bench_broadcast_mac, 6);
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_IP_LINK_BROADCAST);
}

/* RFC9293-3.9.2.3 (MUST-57): TCP to a group. (RFC9293-MUST-57) */
static void tcp_to_a_group_is_dropped_silently(void **state)
{
    struct net_bench *b = *state;
    bench_ip4(b, BENCH_PEER, "10.0.0.255", 6);
    frame_tcp(&b->f, 5, 7, 1, 0, 2, 1000, NULL, 0);
    frame_finish(&b->f);
    assert_int_equal(bench_input(b), VERDICT_DROP);
    bench_ip4(b, BENCH_PEER, BENCH_IP, 6);
    frame_tcp(&b->f, 5, 7, 1, 0, 2, 1000, NULL, 0);
    frame_finish(&b->f);
    assert_int_equal(bench_input(b), VERDICT_TCP);
    assert_int_equal(b->pkt.tcp.dport, 7);
    assert_int_equal(bench_n_sent(b), 0);
}

/* RFC1122-3.2.1.8: options that mean nothing to us are passed over. (RFC9293-MUST-50) */
static void options_are_skipped(void **state)
{
    struct net_bench *b = *state;
    static const uint8_t options[8] = {1, 148, 4, 0, 0, 1, 1, 0}; /* NOP, router alert, NOP, NOP, end */
    struct udp_pcb *pcb = open_port(b, 7);
    frame_init(&b->f);
    frame_ether(&b->f, bench_mac, bench_peer_mac, 0x0800);
    frame_ip4(&b->f, BENCH_PEER, BENCH_IP, 17, options, sizeof(options));
    frame_udp(&b->f, 5, 7);
    frame_bytes(&b->f, "abc", 3);
    frame_finish(&b->f);
    assert_int_equal(bench_input(b), VERDICT_DONE);
    char got[8];
    const struct iovec iov = {got, sizeof(got)};
    assert_int_equal(udp_recv(&b->udp, pcb, &iov, 1, 0, NULL, NULL), 3);
    assert_memory_equal(got, "abc", 3);
}

static void spoiled_headers_are_dropped_by_reason(void **state)
{
    struct net_bench *b = *state;
    static const struct {
        size_t off;
        uint8_t value;
        enum counter reason;
    } bad[] = {{14, 0x65, CNT_DROP_IP_VERSION}, {14, 0x44, CNT_DROP_IP_HEADER},
               {17, 200, CNT_DROP_IP_SHORT},    {24, 0, CNT_DROP_IP_CHECKSUM},
               {13, 0x99, CNT_DROP_ETHER_TYPE}, {5, 9, CNT_DROP_ETHER_NOT_OURS},
               {6, 3, CNT_DROP_ETHER_SOURCE},   {16, 0xff, CNT_DROP_IP_SHORT}};
    open_port(b, 7);
    for (size_t i = 0; i < RTE_DIM(bad); i++) {
        input_from_to(b, BENCH_PEER, BENCH_IP);
        b->f.b[bad[i].off] = bad[i].value;
        assert_int_equal(bench_input(b), VERDICT_DROP);
        assert_int_equal(b->drop, bad[i].reason);
    }
}

/* However the frame lies in buffers, it is the same packet. */
static void scattered_headers_are_read(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = open_port(b, 7);
    for (size_t first = 1; first < 60; first += 3)
        for (size_t each = 1; each < 40; each += 13) {
            bench_ip4(b, BENCH_PEER, BENCH_IP, 17);
            frame_udp(&b->f, 5, 7);
            frame_bytes(&b->f, "0123456789abcdef", 16);
            frame_finish(&b->f);
            assert_int_equal(bench_input_cut(b, first, each), VERDICT_DONE);
            char got[32];
            const struct iovec iov = {got, sizeof(got)};
            assert_int_equal(udp_recv(&b->udp, pcb, &iov, 1, 0, NULL, NULL), 16);
            assert_memory_equal(got, "0123456789abcdef", 16);
        }
}

/* ---- out ---- */

static void send_bytes(struct net_bench *b, const char *ip, size_t len)
{
    static char bytes[65536];
    const struct iovec iov = {bytes, len};
    struct ip_addr dst = bench_addr(ip);
    struct udp_pcb *pcb = udp_open(&b->udp);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_BROADCAST, 1), 0);
    assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &dst, 9), len);
    udp_close(&b->udp, pcb);
}

static void header_says_what_it_carries(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    send_bytes(b, BENCH_PEER, 100);
    bench_sent(b, &s);
    const uint8_t *h = s.b + 14;
    assert_int_equal(s.len, 142);
    assert_int_equal(h[0], 0x45);
    assert_int_equal(bench_u16(h + 2), 128);
    assert_int_equal(bench_u16(h + 6), 0x4000); /* DF, as Linux: RFC 1191 discovery */
    assert_int_equal(h[8], 64);
    assert_int_equal(h[9], 17);
    assert_int_equal(frame_sum_finish(frame_sum(0, h, 20)), 0);
    assert_int_equal(bench_u16(h + 24), 108);
}

/* A device that fills checksums gets the sum of the pseudo header and the flags; one without, all done. */
static void checksums_are_left_to_a_device_that_fills_them(void **state)
{
    struct net_bench *b = calloc(1, sizeof(*b));
    struct bench_sent s;
    capture_init(&b->wire, NETDEV_LINK_ETHER, 1500, bench_mac);
    b->wire.dev.caps.tx_csum = true;
    bench_init_wire(b);
    bench_know(b, BENCH_PEER, bench_peer_mac);
    send_bytes(b, BENCH_PEER, 100);
    bench_sent(b, &s);
    assert_true(s.ol_flags & RTE_MBUF_F_TX_IP_CKSUM);
    assert_int_equal(s.ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM);
    assert_int_equal(bench_u16(s.b + 24), 0);
    uint32_t pseudo = frame_sum(17 + 108, s.b + 26, 8);
    assert_int_equal(bench_u16(s.b + 40), (uint16_t)~frame_sum_finish(pseudo));
    /* Fragments cannot be left to it. */
    send_bytes(b, BENCH_PEER, 3000);
    bench_sent(b, &s);
    assert_int_equal(s.ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK), 0);
    assert_int_equal(frame_sum_finish(frame_sum(0, s.b + 14, 20)), 0);
    bench_fini(b);
    free(b);
}

/* A wire without chains gets one buffer; what fits none is dropped and counted, never cut. */
static void wire_without_chains_gets_one_buffer(void **state)
{
    struct net_bench *b = calloc(1, sizeof(*b));
    struct bench_sent s;
    capture_init(&b->wire, NETDEV_LINK_ETHER, 9000, bench_mac);
    b->wire.dev.caps.multi_seg = false;
    bench_init_wire(b);
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct ip_addr dst = bench_addr(BENCH_PEER);
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct rte_mbuf *m = mbuf_from_bytes(&b->t.ctx, "0123456789", 10);
    rte_mbuf_refcnt_update(m, 1); /* shared: the header must go elsewhere */
    assert_int_equal(udp_send_take(&b->udp, pcb, m, &dst, 9), 10);
    bench_sent(b, &s);
    assert_int_equal(s.nb_segs, 1);
    assert_int_equal(s.len, 52);
    assert_memory_equal(s.b + 42, "0123456789", 10);
    rte_pktmbuf_free(m);
    send_bytes(b, BENCH_PEER, 8000);
    assert_int_equal(bench_n_sent(b), 0);
    assert_int_equal(bench_count(b, CNT_DROP_IP_SEGMENTS), 1);
    bench_fini(b);
    free(b);
}

/* RFC791-3.2: offsets in units of eight, the same identification, MF on all but the last. */
static void larger_than_the_mtu_is_fragmented(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    static const size_t sizes[] = {1473, 2952, 2953, 8192, 65507};
    for (size_t i = 0; i < RTE_DIM(sizes); i++) {
        send_bytes(b, BENCH_PEER, sizes[i]);
        unsigned n = bench_n_sent(b);
        assert_int_equal(n, (sizes[i] + 8 + 1479) / 1480);
        size_t at = 0;
        uint16_t id = 0;
        for (unsigned k = 0; k < n; k++) {
            bench_sent(b, &s);
            uint16_t f = bench_u16(s.b + 20);
            assert_int_equal(frame_sum_finish(frame_sum(0, s.b + 14, 20)), 0);
            assert_int_equal((f & 0x1fff) * 8, at);
            assert_int_equal(f & 0xe000, k + 1 < n ? 0x2000 : 0);
            assert_true(k == 0 || bench_u16(s.b + 18) == id);
            id = bench_u16(s.b + 18);
            assert_int_equal(bench_u16(s.b + 16), s.len - 14);
            at += s.len - 34;
        }
        assert_int_equal(at, sizes[i] + 8);
    }
}

/* RFC6864-4.3: ids of fragmentable packets to one destination do not repeat for long; and
 * RFC 7739: nobody can tell the next one. */
static void identifications_do_not_repeat_and_tell_nothing(void **state)
{
    struct net_bench *b = *state;
    static uint8_t seen[65536];
    memset(seen, 0, sizeof(seen));
    unsigned successive = 0;
    uint16_t last = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t id = ip4_id_fragmentable(&b->net, bench_be(BENCH_IP), bench_be(BENCH_PEER), 17);
        assert_int_equal(seen[id], 0);
        seen[id] = 1;
        successive += (uint16_t)(id - last) == 1;
        last = id;
    }
    assert_true(successive < 20);
    unsigned same = 0;
    uint32_t count = b->net.ip_id_count;
    for (uint32_t i = 0; i < 1000; i++) {
        b->net.ip_id_count = count + i;
        uint16_t one = ip4_id_fragmentable(&b->net, bench_be(BENCH_IP), bench_be("10.0.0.8"), 17);
        b->net.ip_id_count = count + i;
        same += one == ip4_id_fragmentable(&b->net, bench_be(BENCH_IP), bench_be("10.0.0.9"), 17);
    }
    assert_true(same < 10);
}

static void groups_have_their_own_link_addresses(void **state)
{
    struct net_bench *b = *state;
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}; /* RFC1112-6.4 */
    struct bench_sent s;
    send_bytes(b, "255.255.255.255", 10);
    bench_sent(b, &s);
    assert_memory_equal(s.b, bench_broadcast_mac, 6);
    send_bytes(b, "239.255.255.250", 10);
    bench_sent(b, &s);
    assert_memory_equal(s.b, group, 6);
    assert_int_equal(s.b[14 + 8], 1); /* RFC1112-6.1: TTL 1 by default */
    bench_loopback(b);
}

/* Raw IP, as packetdrill and TUN have it: no link header, no ARP. */
static void interface_without_link_layer_works(void **state)
{
    struct net_bench *b = calloc(1, sizeof(*b));
    struct bench_sent s;
    capture_init(&b->wire, NETDEV_LINK_NONE, 1500, bench_mac);
    bench_init_wire(b);
    struct udp_pcb *pcb = open_port(b, 7);
    assert_int_equal(input_from_to(b, BENCH_PEER, BENCH_IP), VERDICT_DONE);
    assert_int_equal(udp_next_len(pcb), 1);
    send_bytes(b, BENCH_PEER, 10);
    bench_sent(b, &s);
    assert_int_equal(s.len, 38);
    assert_int_equal(s.b[0], 0x45);
    send_bytes(b, "8.8.8.8", 10);
    bench_sent(b, &s);
    assert_int_equal(s.len, 38);
    net_announce(&b->net);
    assert_int_equal(bench_n_sent(b), 0);
    bench_fini(b);
    free(b);
}

/* ---- to ourselves ---- */

static void packets_to_ourselves_come_back(void **state)
{
    struct net_bench *b = *state;
    static const char *const own[] = {BENCH_IP, "127.0.0.1", "127.1.2.3"};
    struct udp_pcb *pcb = open_port(b, 9);
    for (size_t i = 0; i < RTE_DIM(own); i++) {
        struct ip_addr want = bench_addr(own[i]), src;
        send_bytes(b, own[i], 40000);
        assert_true(net_loopback_pending(&b->net));
        bench_loopback(b);
        assert_int_equal(b->verdict, VERDICT_DONE);
        assert_int_equal(udp_recv(&b->udp, pcb, NULL, 0, 0, &src, NULL), 40000);
        assert_true(ip_addr_eq(&src, &want));
    }
    assert_int_equal(bench_n_sent(b), 0);
}

static void queue_to_ourselves_is_bounded(void **state)
{
    struct net_bench *b = *state;
    static char byte;
    const struct iovec iov = {&byte, 1};
    struct ip_addr own = bench_addr(BENCH_IP);
    struct udp_pcb *pcb = udp_open(&b->udp);
    for (int i = 0; i < NET_LOOPBACK_MAX; i++)
        assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &own, 9), 1);
    assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &own, 9), -ENOBUFS);
    assert_int_equal(bench_count(b, CNT_DROP_LOOPBACK_FULL), 1);
}

/* What the sender still holds is not what the receiver gets to trim. */
static void shared_buffers_are_copied_to_ourselves(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr own = bench_addr(BENCH_IP);
    struct udp_pcb *to = open_port(b, 9), *from = udp_open(&b->udp);
    struct rte_mbuf *m = mbuf_from_bytes(&b->t.ctx, "0123456789", 10);
    rte_mbuf_refcnt_update(m, 1);
    assert_int_equal(udp_send_take(&b->udp, from, m, &own, 9), 10);
    bench_loopback(b);
    struct rte_mbuf *got = udp_recv_mbuf(&b->udp, to, NULL, NULL);
    assert_non_null(got);
    assert_ptr_not_equal(got, m);
    assert_int_equal(got->pkt_len, 10);
    assert_int_equal(rte_mbuf_refcnt_read(m), 1);
    assert_int_equal(m->pkt_len, 10);
    rte_pktmbuf_free(got);
    rte_pktmbuf_free(m);
}

/* RFC1122-3.2.1.3 (g): 127/8 never leaves. */
static void loopback_addresses_do_not_leave(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr src = bench_addr("127.0.0.1"), dst = bench_addr(BENCH_PEER);
    struct net_path path;
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(martian_sources_are_dropped_silently),
        BENCH_TEST(destinations_that_are_not_ours_are_dropped),
        BENCH_TEST(every_address_of_ours_is_heard),
        BENCH_TEST(broadcast_and_multicast_are_received),
        BENCH_TEST(unicast_in_a_link_broadcast_is_dropped),
        BENCH_TEST(tcp_to_a_group_is_dropped_silently),
        BENCH_TEST(options_are_skipped),
        BENCH_TEST(spoiled_headers_are_dropped_by_reason),
        BENCH_TEST(scattered_headers_are_read),
        BENCH_TEST(header_says_what_it_carries),
        cmocka_unit_test(checksums_are_left_to_a_device_that_fills_them),
        cmocka_unit_test(wire_without_chains_gets_one_buffer),
        BENCH_TEST(larger_than_the_mtu_is_fragmented),
        BENCH_TEST(identifications_do_not_repeat_and_tell_nothing),
        BENCH_TEST(groups_have_their_own_link_addresses),
        cmocka_unit_test(interface_without_link_layer_works),
        BENCH_TEST(packets_to_ourselves_come_back),
        BENCH_TEST(queue_to_ourselves_is_bounded),
        BENCH_TEST(shared_buffers_are_copied_to_ourselves),
        BENCH_TEST(loopback_addresses_do_not_leave),
    };
    return cmocka_run_group_tests_name("ip4_in", tests, NULL, NULL);
}
