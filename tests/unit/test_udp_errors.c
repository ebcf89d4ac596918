/* SPDX-License-Identifier: BSD-3-Clause */
/* What UDP refuses to send, what it reports (RFC1122-4.1.3.3), and its options. */
#include <errno.h>

#include "support/udp_bench.h"

static void sending_is_refused_with_the_errno_of_linux(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr bcast = bench_addr("10.0.0.255");
    assert_int_equal(send_bytes(b, pcb, 1, NULL, 0), -EDESTADDRREQ);
    assert_int_equal(send_bytes(b, pcb, 1, BENCH_PEER, 0), -EINVAL);
    assert_int_equal(send_bytes(b, pcb, 1, "255.255.255.255", 9), -EACCES); /* SO_BROADCAST: socket(7) */
    assert_int_equal(send_bytes(b, pcb, 1, "10.0.0.255", 9), -EACCES);
    assert_int_equal(udp_connect(&b->udp, pcb, &bcast, 9), -EACCES);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_BROADCAST, 1), 0);
    assert_int_equal(send_bytes(b, pcb, 1, "10.0.0.255", 9), 1);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_BROADCAST, 0), 0);
    assert_int_equal(send_bytes(b, pcb, 1, "10.0.0.255", 9), -EACCES);
    bench_loopback(b);
}

/* A broadcast of ours is heard by our own listeners too, as on Linux. */
static void own_broadcast_is_heard(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *from = udp_open(&b->udp), *to = bound(b, "0.0.0.0", 9, 0);
    assert_int_equal(udp_setopt(&b->udp, from, UDP_OPT_BROADCAST, 1), 0);
    assert_int_equal(send_bytes(b, from, 10, "255.255.255.255", 9), 10);
    assert_int_equal(send_bytes(b, from, 11, "10.0.0.255", 9), 11);
    bench_loopback(b);
    assert_int_equal(recv_bytes(b, to, NULL, 0), 10);
    assert_int_equal(recv_bytes(b, to, NULL, 0), 11);
    assert_int_equal(bench_n_sent(b), 2);
}

static void icmp_about(struct net_bench *b, uint8_t type, uint8_t code, uint16_t mtu,
                       const struct udp_pcb *pcb, const char *dst, uint16_t dport)
{
    struct pkt p = {0};
    p.icmp_error.type = type;
    p.icmp_error.code = code;
    p.icmp_error.mtu = mtu;
    p.icmp_error.proto = 17;
    p.icmp_error.src = bench_addr(BENCH_IP);
    p.icmp_error.dst = bench_addr(dst);
    p.icmp_error.sport = port_of(pcb);
    p.icmp_error.dport = dport;
    p.icmp_error.total_length = 1500;
    udp_icmp_error(&b->udp, &p);
}

/* RFC1122-4.1.3.3: errors are passed up; on a connected socket as Linux does. */
static void port_unreachable_is_connection_refused(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 9);
    int owner;
    udp_endpoint(pcb)->owner = &owner;
    icmp_about(b, 3, 3, 0, pcb, BENCH_PEER, 9);
    assert_int_equal(udp_poll(pcb), EPOLLOUT | EPOLLERR);
    struct endpoint *ep = ready_list_pop(&b->t.ctx.ready);
    assert_true(ep->events & EPOLLERR);
    assert_int_equal(recv_bytes(b, pcb, NULL, 0), -ECONNREFUSED);
    assert_int_equal(recv_bytes(b, pcb, NULL, 0), -EAGAIN); /* once */
    icmp_about(b, 3, 3, 0, pcb, BENCH_PEER, 9);
    assert_int_equal(send_bytes(b, pcb, 1, NULL, 0), -ECONNREFUSED);
    assert_int_equal(send_bytes(b, pcb, 1, NULL, 0), 1);
    icmp_about(b, 3, 3, 0, pcb, BENCH_PEER, 9);
    assert_int_equal(udp_take_error(pcb), ECONNREFUSED);
    assert_int_equal(udp_take_error(pcb), 0);
}

static void soft_foreign_and_unconnected_errors_are_not_reported(void **state)
{
    struct net_bench *b = *state;
    struct udp_pcb *pcb = connected(b, BENCH_PEER, 9), *open = bound(b, "0.0.0.0", 7, 0);
    icmp_about(b, 3, 1, 0, pcb, BENCH_PEER, 9);
    icmp_about(b, 11, 0, 0, pcb, BENCH_PEER, 9);
    icmp_about(b, 3, 3, 0, pcb, BENCH_PEER, 10);
    icmp_about(b, 3, 3, 0, pcb, "10.0.0.3", 9);
    icmp_about(b, 3, 3, 0, open, BENCH_PEER, 9);
    assert_int_equal(udp_take_error(pcb), 0);
    assert_int_equal(udp_take_error(open), 0);
}

/* RFC 1191: a smaller path is learnt from an error about a flow that exists; then we fragment. */
static void path_mtu_is_learnt_and_datagrams_are_fragmented(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_GW, bench_gw_mac);
    struct udp_pcb *pcb = connected(b, "8.8.8.8", 53);
    icmp_about(b, 3, 4, 1000, pcb, "8.8.8.8", 54); /* about nobody's flow (RFC 5927): ignored */
    assert_int_equal(send_bytes(b, pcb, 1400, NULL, 0), 1400);
    bench_sent(b, &s);
    assert_int_equal(bench_u16(s.b + 20), 0x4000);
    icmp_about(b, 3, 4, 1000, pcb, "8.8.8.8", 53);
    assert_int_equal(send_bytes(b, pcb, 1400, NULL, 0), -EMSGSIZE); /* told once, as Linux */
    assert_int_equal(send_bytes(b, pcb, 1400, NULL, 0), 1400);
    assert_int_equal(bench_n_sent(b), 2);
    bench_sent(b, &s);
    assert_true(s.len <= 1014);
    assert_int_equal(bench_u16(s.b + 20), 0x2000);
}

static void options_are_kept_and_checked(void **state)
{
    struct net_bench *b = *state;
    struct bench_sent s;
    bench_know(b, BENCH_PEER, bench_peer_mac);
    struct udp_pcb *pcb = udp_open(&b->udp);
    assert_int_equal(udp_getopt(pcb, UDP_OPT_TTL), 64);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_TTL, 0), -EINVAL);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_TTL, 256), -EINVAL);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_TTL, 9), 0);
    assert_int_equal(udp_setopt(&b->udp, pcb, UDP_OPT_TOS, 0x10), 0);
    send_bytes(b, pcb, 1, BENCH_PEER, 9);
    bench_sent(b, &s);
    assert_int_equal(s.b[15], 0x10);
    assert_int_equal(s.b[22], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(sending_is_refused_with_the_errno_of_linux),
        BENCH_TEST(own_broadcast_is_heard),
        BENCH_TEST(port_unreachable_is_connection_refused),
        BENCH_TEST(soft_foreign_and_unconnected_errors_are_not_reported),
        BENCH_TEST(path_mtu_is_learnt_and_datagrams_are_fragmented),
        BENCH_TEST(options_are_kept_and_checked),
    };
    return cmocka_run_group_tests_name("udp_errors", tests, NULL, NULL);
}
