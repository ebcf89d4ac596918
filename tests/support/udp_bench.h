/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets and datagrams in a line each, for the tests of UDP. */
#ifndef TEST_SUPPORT_UDP_BENCH_H
#define TEST_SUPPORT_UDP_BENCH_H

#include <sys/socket.h>

#include "support/net_bench.h"

static inline struct udp_pcb *bound(struct net_bench *b, const char *addr, uint16_t port, unsigned flags)
{
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr a = bench_addr(addr);
    assert_int_equal(udp_bind(&b->udp, pcb, &a, port, flags), 0);
    return pcb;
}

static inline struct udp_pcb *connected(struct net_bench *b, const char *addr, uint16_t port)
{
    struct udp_pcb *pcb = udp_open(&b->udp);
    struct ip_addr a = bench_addr(addr);
    assert_int_equal(udp_connect(&b->udp, pcb, &a, port), 0);
    return pcb;
}

static inline int bind_rc(struct net_bench *b, struct udp_pcb *pcb, const char *addr, uint16_t port,
                          unsigned flags)
{
    struct ip_addr a = bench_addr(addr);
    return udp_bind(&b->udp, pcb, &a, port, flags);
}

static inline enum verdict datagram(struct net_bench *b, const char *src, uint16_t sport, const char *dst,
                                    uint16_t dport, const void *data, size_t len)
{
    bench_ip4(b, src, dst, 17);
    frame_udp(&b->f, sport, dport);
    frame_bytes(&b->f, data, len);
    frame_finish(&b->f);
    return bench_input(b);
}

static inline ssize_t recv_bytes(struct net_bench *b, struct udp_pcb *pcb, void *buf, size_t len)
{
    const struct iovec iov = {buf, len};
    return udp_recv(&b->udp, pcb, &iov, 1, 0, NULL, NULL);
}

static inline ssize_t send_bytes(struct net_bench *b, struct udp_pcb *pcb, size_t len, const char *to,
                                 uint16_t port)
{
    static uint8_t bytes[70000];
    const struct iovec iov = {bytes, len};
    struct ip_addr dst;
    if (to == NULL)
        return udp_send(&b->udp, pcb, &iov, 1, NULL, 0);
    dst = bench_addr(to);
    return udp_send(&b->udp, pcb, &iov, 1, &dst, port);
}

static inline unsigned queued(const struct udp_pcb *pcb)
{
    return (udp_poll(pcb) & EPOLLIN) != 0;
}

static inline uint16_t port_of(const struct udp_pcb *pcb)
{
    struct flow_key name;
    udp_name(pcb, &name);
    return name.lport;
}

#endif
