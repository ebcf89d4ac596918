/* SPDX-License-Identifier: BSD-3-Clause */
/* A SYN flood from random addresses, in virtual time, while a hundred honest clients connect, send a request
 * and read the answer. $PLX_TEST_FLOOD sets how many SYNs (50,000 unless said). */
#include "tcp_rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS      100u
#define FLOOD_PER_MS 20u
#define CLIENT_RTT   30u /* ms */
#define CLIENT_RETRY 1000u
#define REQUEST      64u

enum client_state { CLIENT_IDLE, CLIENT_SYN, CLIENT_SENT, CLIENT_DONE };

struct client {
    enum client_state state;
    uint32_t seq, ack, tsval, tsecr;
    uint64_t starts, next; /* ms */
    uint64_t ack_due;      /* ms; when the server's SYN,ACK has reached it; 0: none on the way */
};

static struct rig r;
static struct client client[CLIENTS];
static uint64_t dice;

static struct segment client_segment(unsigned i, uint8_t flags)
{
    struct client *c = &client[i];
    struct segment s = {
        .src = htonl(0xc6120000u + i), /* 198.18.0.0/15 */
        .dst = inet_addr("10.0.0.1"),
        .sport = (uint16_t)(20000 + i),
        .dport = RIG_PORT,
        .seq = c->seq,
        .ack = (flags & SEG_ACK) != 0 ? c->ack : 0,
        .window = 65535,
        .flags = flags,
    };
    return s;
}

static void put_ts(uint8_t *at, uint32_t tsval, uint32_t tsecr)
{
    at[0] = 8, at[1] = 10;
    tsval = htonl(tsval), tsecr = htonl(tsecr);
    memcpy(at + 2, &tsval, 4);
    memcpy(at + 6, &tsecr, 4);
}

static void deliver(struct segment *s)
{
    static uint8_t bytes[SEGMENT_MAX];
    size_t n = segment_build(s, bytes, sizeof(bytes));
    struct pkt p = {.m = frame_mbuf(r.tc.rx_pool, bytes, n)};
    assert_int_equal(net_input(&r.net, &p), VERDICT_TCP);
    if (tcp_input(&r.tcp, &p) == VERDICT_DROP) {
        count(&r.tc.ctx.counters, (enum counter)p.drop);
        rte_pktmbuf_free(p.m);
    }
}

static void flood_one(void)
{
    uint64_t x = test_rand(&dice);
    struct segment s = {
        .src = htonl(0x0b000000u | ((uint32_t)x & 0x3ffffff)), /* of 11.0.0.0/6 */
        .dst = inet_addr("10.0.0.1"),
        .sport = (uint16_t)(1024 + (x >> 32) % 60000),
        .dport = RIG_PORT,
        .seq = (uint32_t)(x >> 28),
        .window = 65535,
        .flags = SEG_SYN,
        .n_opt = 4,
        .opt = {2, 4, 0x05, 0xb4},
    };
    deliver(&s);
}

static void client_syn(unsigned i, uint64_t ms)
{
    struct client *c = &client[i];
    c->seq = 77000 + i;
    c->tsval = (uint32_t)ms + 5;
    struct segment s = client_segment(i, SEG_SYN);
    const uint8_t opt[] = {2, 4, 0x05, 0xb4, 4, 2}; /* MSS 1460, SACK */
    memcpy(s.opt, opt, sizeof(opt));
    put_ts(s.opt + 6, c->tsval, 0);
    memcpy(s.opt + 16, (uint8_t[]){1, 3, 3, 7}, 4);
    s.n_opt = 20;
    deliver(&s);
    c->state = CLIENT_SYN;
    c->next = ms + CLIENT_RETRY;
}

static void client_request(unsigned i)
{
    struct client *c = &client[i];
    static const uint8_t request[REQUEST] = "GET";
    struct segment s = client_segment(i, SEG_ACK);
    put_ts(s.opt + 2, c->tsval + CLIENT_RTT, c->tsecr);
    s.opt[0] = s.opt[1] = 1;
    s.n_opt = 12;
    deliver(&s);
    s.flags |= SEG_PSH;
    s.data = request;
    s.len = REQUEST;
    deliver(&s);
    c->state = CLIENT_SENT;
}

/* What the server has sent: to the flood's sources it is lost, to clients it is on its way. */
static void collect(uint64_t ms)
{
    struct segment s;
    while (rig_out(&r, &s)) {
        uint32_t i = ntohl(s.dst) - 0xc6120000u;
        if (i >= CLIENTS)
            continue;
        struct client *c = &client[i];
        if (c->state == CLIENT_SYN && (s.flags & SEG_SYN) != 0 && c->ack_due == 0) {
            c->seq++;
            c->ack = s.seq + 1;
            segment_timestamps(&s, &c->tsecr, &(uint32_t){0});
            c->ack_due = ms + CLIENT_RTT;
        } else if (c->state == CLIENT_SENT && s.len == REQUEST) {
            c->state = CLIENT_DONE;
        }
    }
}

/* Accepts and echoes, as a server would once a round. */
static void serve(struct tcb *listener, struct tcb **conn, unsigned *n)
{
    uint8_t buf[REQUEST];
    int err;
    struct tcb *tcb;
    while ((tcb = tcp_accept(&r.tcp, listener, &err)) != NULL) {
        tcp_endpoint(tcb)->owner = &r;
        conn[(*n)++] = tcb;
    }
    for (unsigned i = 0; i < *n; i++) {
        ssize_t got = rig_recv(&r, conn[i], buf, sizeof(buf));
        if (got > 0)
            assert_int_equal(rig_send(&r, conn[i], buf, (size_t)got), got);
    }
}

static unsigned flood(uint32_t syns)
{
    struct ip_addr any = ip_addr_v4(0), via = rig_addr("10.0.0.254");
    struct tcb *conn[CLIENTS], *listener = rig_listen(&r, 128);
    unsigned n = 0, done = 0;
    assert_int_equal(net_add_route(&r.net, &any, 0, &via), 0);
    dice = 1;
    memset(client, 0, sizeof(client));
    uint64_t last = syns / FLOOD_PER_MS;
    for (unsigned i = 0; i < CLIENTS; i++)
        client[i].starts = client[i].next = last * i / CLIENTS;
    for (uint64_t ms = 0; ms < last + 1000; ms++) {
        for (unsigned k = 0; k < FLOOD_PER_MS && ms < last; k++) {
            flood_one();
            collect(ms);
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            struct client *c = &client[i];
            if (c->ack_due != 0 && c->ack_due <= ms && c->state == CLIENT_SYN)
                client_request(i);
            else if (c->state <= CLIENT_SYN && c->ack_due == 0 && c->next <= ms && ms < c->starts + 3000)
                client_syn(i, ms);
        }
        serve(listener, conn, &n);
        rig_wait(&r, 1);
        collect(ms);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        done += client[i].state == CLIENT_DONE;
    return done;
}

static uint32_t flood_size(void)
{
    const char *text = getenv("PLX_TEST_FLOOD");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 50000;
}

static size_t memory_of_tcp(void)
{
    return r.tcp.syn_queue.slab.committed_bytes + r.tcp.tcbs.committed_bytes + r.tcp.records.committed_bytes +
           r.tcp.table.cells * sizeof(struct table_slot);
}

static void report(const char *how, unsigned done)
{
    printf("# %u SYNs, %s: %u of %u clients served, %llu cookies sent, %llu good, %u half-open, %zu KiB\n",
           flood_size(), how, done, CLIENTS, (unsigned long long)rig_count(&r, CNT_TCP_SYNCOOKIES_SENT),
           (unsigned long long)rig_count(&r, CNT_TCP_SYNCOOKIES_RECV), r.tcp.syn_queue.slab.in_use,
           memory_of_tcp() / 1024);
}

/* RFC4987-3.6: everybody honest is served; memory is what the SYN queue's bound allows. */
static void cookies_serve_everybody(void **state)
{
    rig_init(&r);
    unsigned done = flood(flood_size());
    report("with cookies", done);
    assert_int_equal(done, CLIENTS);
    assert_true(r.tcp.syn_queue.slab.high <= r.tc.tun.tcp_max_syn_backlog + 1);
    assert_true(memory_of_tcp() < (size_t)2 << 20);
    assert_true(rig_count(&r, CNT_TCP_SYNCOOKIES_RECV) >= CLIENTS / 2);
    assert_int_equal(rig_count(&r, CNT_TCP_SYNCOOKIES_FAILED), 0);
    rig_fini(&r);
}

/* The limit: without cookies the flood fills the queue, and few get through. Memory is bounded all the same.
 */
static void without_cookies_the_flood_wins(void **state)
{
    rig_init(&r);
    r.tc.tun.tcp_syncookies = 0;
    unsigned done = flood(flood_size());
    report("without", done);
    assert_true(done < CLIENTS / 2);
    assert_true(r.tcp.syn_queue.slab.in_use <= r.tc.tun.tcp_max_syn_backlog);
    assert_true(memory_of_tcp() < (size_t)2 << 20);
    assert_true(rig_count(&r, CNT_DROP_TCP_SYN_FULL) > 0);
    rig_fini(&r);
}

/* No flood, no cookie. */
static void in_peace_there_are_no_cookies(void **state)
{
    rig_init(&r);
    assert_int_equal(flood(1000), CLIENTS);
    assert_int_equal(rig_count(&r, CNT_TCP_SYNCOOKIES_SENT), 0);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_serve_everybody),
        cmocka_unit_test(without_cookies_the_flood_wins),
        cmocka_unit_test(in_peace_there_are_no_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
