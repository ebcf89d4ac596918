/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "net/arp_private.h"
#include "support/net_bench.h"

static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x77};
static const uint8_t zero_mac[6];

enum { REQUEST = 1, REPLY = 2 };

static ssize_t send_to(struct net_bench *b, struct udp_pcb *pcb, const char *ip)
{
    static char text[] = "hello";
    const struct iovec iov = {text, sizeof(text)};
    struct ip_addr dst = bench_addr(ip);
    return udp_send(&b->udp, pcb, &iov, 1, &dst, 4000);
}

static void assert_arp(const struct bench_sent *s, uint16_t op, const uint8_t eth_dst[6], const char *spa,
                       const char *tpa)
{
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    uint32_t from = bench_be(spa), to = bench_be(tpa);
    assert_int_equal(s->len, 42);
    assert_memory_equal(s->b, eth_dst, 6);
    assert_memory_equal(s->b + 6, bench_mac, 6);
    assert_int_equal(bench_u16(s->b + 12), 0x0806);
    assert_memory_equal(s->b + 14, fixed, 6);
    assert_int_equal(bench_u16(s->b + 20), op);
    assert_memory_equal(s->b + 22, bench_mac, 6);
    assert_memory_equal(s->b + 28, &from, 4);
    assert_memory_equal(s->b + 38, &to, 4);
}

static const struct arp_entry *entry_of(struct net_bench *b, const char *ip)
{
    uint32_t idx = arp_find(&b->net, 0, bench_be(ip));
    return idx != 0 ? arp_entry_at(&b->net.netif[0].arp, idx) : NULL;
}

/* A program that builds frames itself asks for the link address alone: one request, then the answer, or
 * that there is none (RFC 826, RFC 1122 section 2.3.2). */
static void link_address_is_asked_for_without_a_packet(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr peer = bench_addr(BENCH_PEER);
    struct bench_sent s;
    uint8_t mac[6], netif = 9;
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), -EINPROGRESS);
    net_flush(&b->net);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_PEER);
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), -EINPROGRESS);
    net_flush(&b->net);
    assert_int_equal(bench_n_sent(b), 0); /* asked once */
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), 0);
    assert_int_equal(netif, 0);
    assert_memory_equal(mac, bench_peer_mac, 6);
}

static void link_address_of_nobody(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr peer = bench_addr("10.0.0.99");
    uint8_t mac[6], netif;
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), -EINPROGRESS);
    bench_advance(b, 3500 * NSEC_PER_MSEC); /* three requests a second apart */
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), -EHOSTUNREACH);
    bench_advance(b, 1500 * NSEC_PER_MSEC);
    assert_int_equal(net_link_address(&b->net, &peer, &netif, mac), -EINPROGRESS); /* once more */
}

static void link_address_of_groups_and_ourselves(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr group = bench_addr("224.1.2.3"), all = bench_addr("10.0.0.255"), us = bench_addr(BENCH_IP);
    uint8_t mac[6], netif;
    assert_int_equal(net_link_address(&b->net, &group, &netif, mac), 0);
    assert_memory_equal(mac, "\x01\x00\x5e\x01\x02\x03", 6); /* RFC1112-6.4 */
    assert_int_equal(net_link_address(&b->net, &all, &netif, mac), 0);
    assert_memory_equal(mac, bench_broadcast_mac, 6);
    assert_int_equal(net_link_address(&b->net, &us, &netif, mac), -EADDRINUSE);
}

/* RFC 826, packet generation: who has it is asked of all; what waits goes out with the answer. */
static void packet_waits_for_the_answer(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    struct udp_pcb *pcb = udp_open(&b->udp);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_PEER);
    assert_memory_equal(s.b + 32, zero_mac, 6);
    assert_int_equal(bench_n_sent(b), 0);
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    bench_sent(b, &s);
    assert_memory_equal(s.b, bench_peer_mac, 6);
    assert_memory_equal(s.b + 6, bench_mac, 6);
    assert_int_equal(bench_u16(s.b + 12), 0x0800);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0); /* now without asking */
    assert_int_equal(bench_n_sent(b), 1);
}

/* RFC1122-3.3.1.1: beyond the link the gateway's link address is used. */
static void far_destination_asks_for_the_gateway(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    assert_true(send_to(b, udp_open(&b->udp), "8.8.8.8") > 0);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_GW);
}

/* RFC1122-2.3.2.1: no flood: one request a second, three in all; then the socket is told. */
static void no_answer_is_host_unreachable(void **state)
{
    struct net_bench *b = *state;
    struct ip_addr dst = bench_addr(BENCH_PEER);
    struct udp_pcb *pcb = udp_open(&b->udp);
    assert_int_equal(udp_connect(&b->udp, pcb, &dst, 4000), 0);
    for (int i = 0; i < 5; i++)
        assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    assert_int_equal(bench_n_sent(b), 1);
    bench_advance(b, 1100 * NSEC_PER_MSEC);
    assert_int_equal(bench_n_sent(b), 2);
    bench_advance(b, 1000 * NSEC_PER_MSEC);
    assert_int_equal(bench_n_sent(b), 3);
    assert_int_equal(udp_poll(pcb), EPOLLOUT);
    bench_advance(b, 1000 * NSEC_PER_MSEC);
    assert_int_equal(bench_n_sent(b), 3);
    assert_int_equal(bench_count(b, CNT_DROP_ARP_UNREACHABLE), 5);
    assert_int_equal(udp_poll(pcb), EPOLLOUT | EPOLLERR);
    assert_int_equal(udp_take_error(pcb), EHOSTUNREACH);
    /* The negative entry: for a second sending fails at once, then it is tried again. */
    assert_int_equal(send_to(b, pcb, BENCH_PEER), -EHOSTUNREACH);
    bench_advance(b, 1100 * NSEC_PER_MSEC);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    assert_int_equal(bench_n_sent(b), 4);
}

/* RFC1122-2.3.2.2: the queue holds at least the latest packet. */
static void queue_is_bounded_and_keeps_the_latest(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct bench_sent s;
    b->t.tun.arp_queue_len = 3;
    for (uint8_t i = 0; i < 10; i++) {
        const struct iovec iov = {&i, 1};
        struct ip_addr dst = bench_addr(BENCH_PEER);
        assert_int_equal(udp_send(&b->udp, pcb, &iov, 1, &dst, 4000), 1);
    }
    assert_int_equal(bench_count(b, CNT_DROP_ARP_QUEUE), 7);
    bench_clear_sent(b);
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    assert_int_equal(bench_n_sent(b), 3);
    for (uint8_t i = 7; i < 10; i++) {
        bench_sent(b, &s);
        assert_int_equal(s.b[s.len - 1], i);
    }
}

/* RFC 826, packet reception: a request for us is answered to its sender, who is learnt by it. */
static void request_for_us_is_answered_and_learnt(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    assert_int_equal(
        bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, zero_mac, BENCH_IP),
        VERDICT_ALL);
    bench_sent(b, &s);
    assert_arp(&s, REPLY, bench_peer_mac, BENCH_IP, BENCH_PEER);
    assert_memory_equal(s.b + 32, bench_peer_mac, 6);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_STALE);
    assert_true(send_to(b, udp_open(&b->udp), BENCH_PEER) > 0);
    bench_sent(b, &s);
    assert_memory_equal(s.b, bench_peer_mac, 6);
}

/* A copy from another worker teaches, but one answer is enough. */
static void forwarded_request_is_learnt_not_answered(void **state)
{
    struct net_bench *b = *state;
    bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, zero_mac, BENCH_IP);
    bench_clear_sent(b);
    struct pkt p = {.m = frame_mbuf(b->t.rx_pool, b->f.b, b->f.len), .flags = PKT_FORWARDED};
    memcpy(rte_pktmbuf_mtod_offset(p.m, uint8_t *, 22), other_mac, 6);
    assert_int_equal(net_input(&b->net, &p), VERDICT_ALL);
    assert_true(p.flags & PKT_FORWARDED);
    rte_pktmbuf_free(p.m);
    assert_int_equal(bench_n_sent(b), 0);
    assert_memory_equal(entry_of(b, BENCH_PEER)->header, other_mac, 6);
}

/* RFC 826: an entry that is there is updated by whatever its owner sends. */
static void known_neighbour_may_change_its_link_address(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_REACHABLE);
    bench_arp(b, REQUEST, bench_broadcast_mac, other_mac, BENCH_PEER, zero_mac, BENCH_PEER); /* gratuitous */
    assert_memory_equal(entry_of(b, BENCH_PEER)->header, other_mac, 6);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_STALE);
}

static void unsolicited_reply_makes_no_entry(void **state)
{
    struct net_bench *b = *state;
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    assert_null(entry_of(b, BENCH_PEER));
    bench_arp(b, REPLY, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, bench_broadcast_mac, BENCH_PEER);
    assert_null(entry_of(b, BENCH_PEER));
}

static void foreign_traffic_is_ignored_and_counted(void **state)
{
    struct net_bench *b = *state;
    /* between two others */
    assert_int_equal(
        bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, zero_mac, "10.0.0.9"),
        VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ARP_NOT_OURS);
    /* from a network that is not on this link */
    assert_int_equal(
        bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, "192.0.2.1", zero_mac, BENCH_IP),
        VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ARP_NOT_OURS);
    assert_int_equal(bench_n_sent(b), 0);
    assert_null(entry_of(b, BENCH_PEER));
    assert_null(entry_of(b, "192.0.2.1"));
}

static void malformed_packets_are_dropped(void **state)
{
    struct net_bench *b = *state;
    static const struct {
        size_t off;
        uint8_t value;
    } bad[] = {{15, 6}, {16, 0x86}, {18, 5}, {19, 16}, {21, 9}, {22, 0xff}};
    for (size_t i = 0; i < RTE_DIM(bad); i++) {
        bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, BENCH_PEER, zero_mac, BENCH_IP);
        bench_clear_sent(b);
        b->f.b[bad[i].off] = bad[i].value;
        assert_int_equal(bench_input(b), VERDICT_DROP);
        assert_int_equal(b->drop, CNT_DROP_ARP_MALFORMED);
        assert_int_equal(bench_n_sent(b), 0);
    }
    b->f.b[22] = 2;
    b->f.len = 41;
    assert_int_equal(bench_input(b), VERDICT_DROP);
    assert_int_equal(b->drop, CNT_DROP_ARP_MALFORMED);
}

/* RFC5227-2.1.1 and 2.4: a probe for an address in use is answered. */
static void probe_for_our_address_is_answered(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, "0.0.0.0", zero_mac, BENCH_IP);
    bench_sent(b, &s);
    assert_arp(&s, REPLY, bench_peer_mac, BENCH_IP, "0.0.0.0");
    assert_null(entry_of(b, "0.0.0.0"));
}

/* RFC5227-2.3: two announcements, two seconds apart. */
static void start_announces_twice(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    net_announce(&b->net);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_IP);
    bench_advance(b, 1900 * NSEC_PER_MSEC);
    assert_int_equal(bench_n_sent(b), 0);
    bench_advance(b, 200 * NSEC_PER_MSEC);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_IP);
    bench_advance(b, 60 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 0);
}

/* RFC5227-2.4 (b): the conflict is reported, and the address defended once in ten seconds. */
static void conflict_is_reported_and_defended_sparingly(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    for (int i = 0; i < 5; i++)
        bench_arp(b, REPLY, bench_mac, other_mac, BENCH_IP, bench_mac, BENCH_IP);
    assert_int_equal(bench_count(b, CNT_ARP_CONFLICT), 5);
    assert_non_null(strstr(b->t.last_log, "10.0.0.1"));
    assert_non_null(strstr(b->t.last_log, "02:00:00:00:00:77"));
    assert_int_equal(bench_n_sent(b), 1);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_IP);
    bench_advance(b, 11 * NSEC_PER_SEC);
    bench_arp(b, REPLY, bench_mac, other_mac, BENCH_IP, bench_mac, BENCH_IP);
    assert_int_equal(bench_n_sent(b), 1);
    assert_null(entry_of(b, BENCH_IP));
}

/* RFC1122-2.3.2.1 (2): a used entry that was not confirmed is asked by unicast before it is
 * given up; packets go on meanwhile. */
static void stale_neighbour_is_probed_by_unicast(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    bench_advance(b, 50 * NSEC_PER_SEC);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    assert_int_equal(bench_n_sent(b), 1);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_PROBE);
    bench_clear_sent(b);
    bench_advance(b, 5100 * NSEC_PER_MSEC);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_peer_mac, BENCH_IP, BENCH_PEER);
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_REACHABLE);
    bench_advance(b, 10 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 0);
}

static void neighbour_that_left_is_asked_for_anew(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    bench_advance(b, 50 * NSEC_PER_SEC);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    bench_clear_sent(b);
    bench_advance(b, 20 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 3); /* arp_ucast_solicit */
    bench_clear_sent(b);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_NONE);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_PEER);
}

/* RFC1122-2.3.2.1 (4): progress of the transport saves asking. */
static void transport_progress_keeps_it_reachable(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr(BENCH_PEER);
    struct net_path path;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    for (int i = 0; i < 20; i++) {
        bench_advance(b, 10 * NSEC_PER_SEC);
        net_path_confirm(&b->net, &path);
        assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    }
    assert_int_equal(bench_n_sent(b), 20); /* not one request among them */
    /* also while a probe is about to start */
    bench_advance(b, 100 * NSEC_PER_SEC);
    bench_clear_sent(b);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    net_path_confirm(&b->net, &path);
    bench_advance(b, 8 * NSEC_PER_SEC);
    assert_int_equal(bench_n_sent(b), 1);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_REACHABLE);
}

/* A neighbour table that outsiders fill stays bounded, and those in use stay. */
static void requests_of_a_scan_do_not_evict_who_is_in_use(void **state)
{
    struct net_bench *b = *state;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    uint32_t before = b->net.netif[0].arp.max;
    for (unsigned i = 0; i < 3 * before; i++) {
        char ip[32];
        uint8_t mac[6] = {0x06, 0, 0, 1, (uint8_t)(i >> 8), (uint8_t)i};
        snprintf(ip, sizeof(ip), "10.0.0.%u", 3 + i % 240);
        bench_arp(b, REQUEST, bench_broadcast_mac, mac, ip, zero_mac, BENCH_IP);
        bench_clear_sent(b);
    }
    assert_true(b->net.netif[0].arp.entries.in_use <= before);
    assert_int_equal(entry_of(b, BENCH_PEER)->state, ARP_REACHABLE);
}

/* More neighbours than the table holds: each is reached in turn, none is sent to another's address. */
static void an_index_that_changes_its_meaning_invalidates_paths(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr src = ip_addr_v4(0), dst = bench_addr(BENCH_PEER);
    struct net_path path;
    net_fini(&b->net);
    b->t.tun.arp_max_entries = 8;
    assert_int_equal(net_init(&b->net, &b->t.ctx), 0);
    assert_int_equal(net_add_netif(&b->net, &b->wire.dev, 0), 0);
    struct ip_addr own = bench_addr(BENCH_IP);
    assert_int_equal(net_add_address(&b->net, 0, &own, 16), 0);
    bench_know(b, BENCH_PEER, bench_peer_mac);
    assert_int_equal(net_path_resolve(&b->net, &path, &src, &dst, false), 0);
    for (unsigned i = 0; i < 100; i++) {
        char ip[32];
        struct bench_sent s;
        uint8_t mac[6] = {0x06, 0, 0, 0, 0, (uint8_t)i};
        snprintf(ip, sizeof(ip), "10.0.1.%u", 1 + i);
        bench_know(b, ip, mac);
        assert_true(send_to(b, pcb, ip) > 0);
        bench_sent(b, &s);
        assert_memory_equal(s.b, mac, 6);
    }
    assert_int_equal(b->net.netif[0].arp.entries.in_use, 8);
    assert_false(net_path_ok(&b->net, &path));
}

/* The link was away: who comes back may be another one, so everybody is asked again. */
static void link_that_comes_back_forgets_neighbours(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct bench_sent s;
    net_announce(&b->net);
    bench_know(b, BENCH_PEER, bench_peer_mac);
    net_announce(&b->net);
    bench_clear_sent(b);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0);
    bench_sent(b, &s);
    assert_arp(&s, REQUEST, bench_broadcast_mac, BENCH_IP, BENCH_PEER);
}

/* No buffers: nothing is sent, nothing breaks, and it works again afterwards. */
static void empty_pools_are_survived(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    heap_pool_set_limit(b->t.ctx.hdr_pool, 0);
    assert_int_equal(send_to(b, pcb, BENCH_PEER), -ENOBUFS);
    bench_arp(b, REQUEST, bench_broadcast_mac, bench_peer_mac, "10.0.0.9", zero_mac, BENCH_IP);
    assert_int_equal(bench_n_sent(b), 0);
    heap_pool_set_limit(b->t.ctx.hdr_pool, 1);
    assert_true(send_to(b, pcb, BENCH_PEER) > 0); /* it takes the only buffer: the question must wait */
    assert_int_equal(bench_n_sent(b), 0);
    heap_pool_set_limit(b->t.ctx.hdr_pool, TEST_POOL_LIMIT);
    bench_advance(b, 1100 * NSEC_PER_MSEC);
    assert_int_equal(bench_n_sent(b), 1);
    bench_arp(b, REPLY, bench_mac, bench_peer_mac, BENCH_PEER, bench_mac, BENCH_IP);
    assert_int_equal(bench_n_sent(b), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(link_address_is_asked_for_without_a_packet),
        BENCH_TEST(link_address_of_nobody),
        BENCH_TEST(link_address_of_groups_and_ourselves),
        BENCH_TEST(packet_waits_for_the_answer),
        BENCH_TEST(far_destination_asks_for_the_gateway),
        BENCH_TEST(no_answer_is_host_unreachable),
        BENCH_TEST(queue_is_bounded_and_keeps_the_latest),
        BENCH_TEST(request_for_us_is_answered_and_learnt),
        BENCH_TEST(forwarded_request_is_learnt_not_answered),
        BENCH_TEST(known_neighbour_may_change_its_link_address),
        BENCH_TEST(unsolicited_reply_makes_no_entry),
        BENCH_TEST(foreign_traffic_is_ignored_and_counted),
        BENCH_TEST(malformed_packets_are_dropped),
        BENCH_TEST(probe_for_our_address_is_answered),
        BENCH_TEST(start_announces_twice),
        BENCH_TEST(conflict_is_reported_and_defended_sparingly),
        BENCH_TEST(stale_neighbour_is_probed_by_unicast),
        BENCH_TEST(neighbour_that_left_is_asked_for_anew),
        BENCH_TEST(transport_progress_keeps_it_reachable),
        BENCH_TEST(requests_of_a_scan_do_not_evict_who_is_in_use),
        BENCH_TEST(an_index_that_changes_its_meaning_invalidates_paths),
        BENCH_TEST(link_that_comes_back_forgets_neighbours),
        BENCH_TEST(empty_pools_are_survived),
    };
    return cmocka_run_group_tests_name("arp", tests, NULL, NULL);
}
