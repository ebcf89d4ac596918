/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads the adapter as packetdrill does (RTLD_DEEPBIND, the table) and holds conversations through it:
 * the script's own calls here, blocking calls on a second thread, time only by the table's functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interface.h"

#define US   0xc0a80001u /* 192.168.0.1 */
#define THEM 0xc0000201u /* 192.0.2.1 */

static struct packetdrill_interface t;
static void (*init)(const char *, struct packetdrill_interface *);

struct segment {
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t rest[2048];
};

static uint16_t sum16(const void *data, size_t n, uint32_t sum)
{
    const uint8_t *p = data;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (n & 1)
        sum += (uint32_t)p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

enum { SYN = 2, RST = 4, PSH = 8, ACK = 16, FIN = 1 };

static uint8_t flags_of(const struct segment *s)
{
    return ((const uint8_t *)&s->tcp)[13];
}

/* A segment from the script to the stack, right checksums. */
static void inject(uint16_t sport, uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack,
                   const void *opts, size_t n_opts, const void *data, size_t n_data)
{
    struct segment s;
    memset(&s, 0, sizeof(s));
    size_t l4 = sizeof(s.tcp) + n_opts + n_data;
    s.ip.version = 4;
    s.ip.ihl = 5;
    s.ip.ttl = 64;
    s.ip.protocol = IPPROTO_TCP;
    s.ip.tot_len = htons((uint16_t)(sizeof(s.ip) + l4));
    s.ip.saddr = htonl(THEM);
    s.ip.daddr = htonl(US);
    s.ip.check = htons((uint16_t)~sum16(&s.ip, sizeof(s.ip), 0));
    s.tcp.source = htons(sport);
    s.tcp.dest = htons(dport);
    s.tcp.seq = htonl(seq);
    s.tcp.ack_seq = htonl(ack);
    s.tcp.doff = (uint16_t)(5 + n_opts / 4) & 15;
    ((uint8_t *)&s.tcp)[13] = flags;
    s.tcp.window = htons(32792);
    memcpy(s.rest, opts, n_opts);
    memcpy(s.rest + n_opts, data, n_data);
    uint32_t pseudo =
        (THEM >> 16) + (THEM & 0xffff) + (US >> 16) + (US & 0xffff) + IPPROTO_TCP + (uint32_t)l4;
    s.tcp.check = htons((uint16_t)~sum16(&s.tcp, l4, pseudo));
    assert_int_equal(t.netdev_send(t.userdata, &s, sizeof(s.ip) + l4), 0);
}

static long long expect(struct segment *s, uint8_t flags)
{
    size_t n = sizeof(*s);
    long long us = 0;
    assert_int_equal(t.netdev_receive(t.userdata, s, &n, &us), 0);
    assert_true(n >= sizeof(s->ip) + sizeof(s->tcp));
    assert_int_equal(sum16(&s->ip, sizeof(s->ip), 0), 0xffff);
    assert_int_equal(flags_of(s), flags);
    return us;
}

static long long now_us(void)
{
    struct timeval tv;
    t.gettimeofday(t.userdata, &tv, NULL);
    return (long long)tv.tv_sec * 1000000 + tv.tv_usec;
}

static const uint8_t syn_opts[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0, 1, 3, 3, 7};

static int listener(void)
{
    int fd = t.socket(t.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(fd >= 0);
    int one = 1;
    assert_int_equal(t.setsockopt(t.userdata, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(8080)};
    assert_int_equal(t.bind(t.userdata, fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(t.listen(t.userdata, fd, 1), 0);
    return fd;
}

struct accept_call {
    int fd, result;
    long long at;
};

static void *accept_thread(void *arg)
{
    struct accept_call *c = arg;
    c->result = t.accept(t.userdata, c->fd, NULL, NULL);
    c->at = now_us();
    return NULL;
}

static void wait_until_asleep(void)
{
    usleep(100000); /* packetdrill looks into /proc; here a moment does */
}

/* Handshake with the script's clock: a blocking accept on a second thread returns when the final ACK
 * came in, and its time stamp is the virtual moment of that ACK. The SYN-ACK mirrors the options. */
static void blocking_accept_returns_at_the_virtual_time_of_the_final_ack(void **state)
{
    init(NULL, &t);
    struct accept_call call = {.fd = listener()};
    pthread_t thread;
    pthread_create(&thread, NULL, accept_thread, &call);
    wait_until_asleep();

    inject(50000, 8080, SYN, 0, 0, syn_opts, sizeof(syn_opts), "", 0);
    struct segment s;
    expect(&s, SYN | ACK);
    assert_int_equal(ntohl(s.tcp.ack_seq), 1);
    static const uint8_t want[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10};
    assert_memory_equal(s.rest, want, sizeof(want));
    uint32_t iss = ntohl(s.tcp.seq);
    uint32_t tsval;
    memcpy(&tsval, s.rest + 8, 4);

    t.usleep(t.userdata, 100000);
    long long before = now_us();
    uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 200};
    memcpy(ts + 8, &tsval, 4);
    inject(50000, 8080, ACK, 1, iss + 1, ts, sizeof(ts), "", 0);
    t.usleep(t.userdata, 5000000);
    pthread_join(thread, NULL);
    assert_true(call.result >= 0);
    assert_true(call.at - before < 1000);

    /* data both ways, TCP_INFO, and a number that is one of the kernel's */
    inject(50000, 8080, ACK | PSH, 1, iss + 1, ts, sizeof(ts), "hello", 5);
    expect(&s, ACK); /* at the start of a connection data is acknowledged at once */
    assert_int_equal(ntohl(s.tcp.ack_seq), 6);
    char buf[16];
    assert_int_equal(t.read(t.userdata, call.result, buf, sizeof(buf)), 5);
    assert_int_equal(t.write(t.userdata, call.result, "world!", 6), 6);
    expect(&s, ACK | PSH);
    assert_int_equal(ntohl(s.tcp.ack_seq), 6);
    struct tcp_info info;
    socklen_t len = sizeof(info);
    assert_int_equal(t.getsockopt(t.userdata, call.result, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, 1);
    assert_int_equal(info.tcpi_unacked, 1);
    assert_true(fcntl(call.result, F_GETFD) >= 0);
    assert_int_equal(t.fcntl(t.userdata, call.result, F_GETFL, 0) & O_ACCMODE, O_RDWR);
    t.free(t.userdata);
}

/* Data goes out in bursts of two segments, cut as a device would: each burst's last segment is pushed, and
 * so is the end of the write. */
static void bursts_are_cut_into_segments_and_pushed(void **state)
{
    init(NULL, &t);
    int l = listener();
    inject(50001, 8080, SYN, 0, 0, syn_opts, sizeof(syn_opts), "", 0);
    struct segment s;
    expect(&s, SYN | ACK);
    uint32_t iss = ntohl(s.tcp.seq);
    uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 200};
    memcpy(ts + 8, s.rest + 8, 4);
    inject(50001, 8080, ACK, 1, iss + 1, ts, sizeof(ts), "", 0);
    int fd = t.accept(t.userdata, l, NULL, NULL);
    assert_true(fd >= 0);
    char data[4 * 1448 + 100] = {0};
    assert_int_equal(t.write(t.userdata, fd, data, sizeof(data)), sizeof(data));
    for (uint32_t i = 0; i < 5; i++) {
        expect(&s, i % 2 == 1 || i == 4 ? ACK | PSH : ACK);
        assert_int_equal(ntohl(s.tcp.seq), iss + 1 + i * 1448);
        assert_int_equal(ntohs(s.ip.tot_len), 20 + 32 + (i < 4 ? 1448 : 100));
    }
    t.free(t.userdata);
}

/* An active open: SYN retransmitted after 1 s of virtual time (RFC6298-2.1), none of real time. */
static void connect_retransmits_its_syn_after_a_virtual_second(void **state)
{
    init("tcp_syn_retries=2", &t);
    int fd = t.socket(t.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_int_equal(t.fcntl(t.userdata, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(THEM)};
    assert_int_equal(t.connect(t.userdata, fd, (struct sockaddr *)&a, sizeof(a)), -1);
    assert_int_equal(errno, EINPROGRESS);
    struct segment s;
    long long first = expect(&s, SYN);
    long long second = expect(&s, SYN);
    long long third = expect(&s, SYN);
    assert_in_range(second - first, 996000, 1004000);
    assert_in_range(third - second, 1996000, 2004000);
    size_t n = sizeof(s);
    long long us;
    assert_int_equal(t.netdev_receive(t.userdata, &s, &n, &us), 0);
    assert_int_equal(n, 0); /* nothing more will come */
    t.free(t.userdata);
}

/* One object serves script after script; unknown calls answer ENOSYS, foreign descriptors are libc's. */
static void the_object_is_used_again_and_leaves_other_descriptors_alone(void **state)
{
    for (int i = 0; i < 3; i++) {
        init("tcp_rmem=4096:540000:15728640,mtu=1500", &t);
        int fd = listener();
        assert_int_equal(t.splice(t.userdata, fd, NULL, fd, NULL, 1, 0), -1);
        assert_int_equal(errno, ENOSYS);
        int p[2];
        assert_int_equal(t.pipe(t.userdata, p), 0);
        assert_int_equal(t.write(t.userdata, p[1], "x", 1), 1);
        close(p[0]);
        close(p[1]);
        close(fd); /* as packetdrill does at the end */
        int again = listener();
        assert_true(again >= 0);
        t.free(t.userdata);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s libplx_packetdrill.so\n", argv[0]);
        return 2;
    }
    void *object = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (object == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    init =
        (void (*)(const char *, struct packetdrill_interface *))dlsym(object, "packetdrill_interface_init");
    if (init == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    alarm(120);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_accept_returns_at_the_virtual_time_of_the_final_ack),
        cmocka_unit_test(bursts_are_cut_into_segments_and_pushed),
        cmocka_unit_test(connect_retransmits_its_syn_after_a_virtual_second),
        cmocka_unit_test(the_object_is_used_again_and_leaves_other_descriptors_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
