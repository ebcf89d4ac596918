/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_rig.h"

#include <errno.h>

static struct rig r;
static struct ip_addr any;

static struct tcb *bound(unsigned flags, const struct ip_addr *addr, int want)
{
    struct tcb *tcb = tcp_open(&r.tcp);
    assert_non_null(tcb);
    tcp_set_reuse(&r.tcp, tcb, flags);
    assert_int_equal(tcp_bind(&r.tcp, tcb, addr, 80), want);
    return tcb;
}

/* socket(7): without options one address and port has one holder, and the wildcard overlaps with all. */
static void plain_binds_conflict(void **state)
{
    rig_init(&r);
    struct ip_addr self = rig_addr("10.0.0.1"), other = rig_addr("10.0.0.9");
    struct tcb *a = bound(0, &any, 0);
    bound(0, &any, -EADDRINUSE);
    bound(0, &self, -EADDRINUSE);
    tcp_close(&r.tcp, a);
    bound(0, &self, 0);
    bound(0, &any, -EADDRINUSE);
    bound(0, &other, -EADDRNOTAVAIL);
    rig_fini(&r);
}

/* SO_REUSEADDR lets binds share, but not beside a listener. */
static void reuseaddr_stops_at_a_listener(void **state)
{
    rig_init(&r);
    struct tcb *a = bound(TCP_REUSEADDR, &any, 0);
    struct tcb *b = bound(TCP_REUSEADDR, &any, 0);
    assert_int_equal(tcp_listen(&r.tcp, a, 5), 0);
    assert_int_equal(tcp_listen(&r.tcp, b, 5), -EADDRINUSE);
    bound(TCP_REUSEADDR, &any, -EADDRINUSE);
    rig_fini(&r);
}

/* SO_REUSEPORT on all of them: several listeners. One without it is refused. */
static void reuseport_shares_a_listener(void **state)
{
    rig_init(&r);
    struct tcb *a = bound(TCP_REUSEPORT, &any, 0);
    struct tcb *b = bound(TCP_REUSEPORT, &any, 0);
    assert_int_equal(tcp_listen(&r.tcp, a, 5), 0);
    assert_int_equal(tcp_listen(&r.tcp, b, 5), 0);
    bound(0, &any, -EADDRINUSE);
    rig_fini(&r);
}

/* A connection that came in holds the port: a restarted server needs SO_REUSEADDR, on both (Linux). */
static void children_hold_the_port(void **state)
{
    rig_init(&r);
    struct tcb *l = rig_listen(&r, 4); /* without SO_REUSEADDR */
    rig_handshake(&r);
    rig_accept(&r, l);
    tcp_close(&r.tcp, l);
    struct tcb *again = tcp_open(&r.tcp);
    tcp_set_reuse(&r.tcp, again, TCP_REUSEADDR);
    assert_int_equal(tcp_bind(&r.tcp, again, &any, RIG_PORT), -EADDRINUSE);
    rig_fini(&r);
}

/* RFC6056-3.3.4: within the range, different for different peers, and none twice to one peer. */
static void ephemeral_ports_are_unique_per_peer(void **state)
{
    static bool seen[65536];
    rig_init(&r);
    r.tc.tun.ip_local_port_min = 50000;
    r.tc.tun.ip_local_port_max = 50999;
    struct ip_addr peer = rig_addr("10.0.0.2");
    unsigned in_order = 0;
    uint16_t last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct tcb *tcb = tcp_open(&r.tcp);
        struct flow_key name;
        assert_int_equal(tcp_connect(&r.tcp, tcb, &peer, 80), 0);
        tcp_name(tcb, &name);
        assert_in_range(name.lport, 50000, 50999);
        assert_false(seen[name.lport]);
        seen[name.lport] = true;
        in_order += name.lport == last + 1;
        last = name.lport;
    }
    struct tcb *one_more = tcp_open(&r.tcp);
    assert_int_equal(tcp_connect(&r.tcp, one_more, &peer, 80), -EADDRNOTAVAIL);
    assert_int_equal(tcp_connect(&r.tcp, one_more, &peer, 81), 0); /* another 4-tuple */
    (void)in_order;
    rig_fini(&r);
}

/* What a socket held is free when it is closed: no leak of port records. */
static void ports_come_back(void **state)
{
    rig_init(&r);
    for (unsigned i = 0; i < 100; i++) {
        struct tcb *tcb = tcp_open(&r.tcp);
        assert_int_equal(tcp_bind(&r.tcp, tcb, &any, 0), 0);
        tcp_close(&r.tcp, tcb);
    }
    assert_int_equal(r.tcp.ports.slab.in_use, 0);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_binds_conflict),
        cmocka_unit_test(reuseaddr_stops_at_a_listener),
        cmocka_unit_test(reuseport_shares_a_listener),
        cmocka_unit_test(children_hold_the_port),
        cmocka_unit_test(ephemeral_ports_are_unique_per_peer),
        cmocka_unit_test(ports_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
