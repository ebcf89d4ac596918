/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture file as a wire, and what --dev takes. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netdev/open.h"
#include "support/context.h"

struct bench {
    struct test_pools pools;
    struct tunables tun;
    struct netdev_config cfg;
    char dir[32], in[64], out[64], dev[160], why[NETDEV_WHY];
    struct netdev *d;
};

/* Frames of 100, 3000 and 60 bytes at 0, 1.5 ms and 1 s; the second is cut short when asked. */
static void capture_write(const char *path, bool cut)
{
    static const struct {
        unsigned sec, nsec, len;
    } frames[] = {{1700000000, 0, 100}, {1700000000, 1500000, 3000}, {1700000001, 0, 60}};
    uint8_t data[3000];
    pcap_t *p = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *out = pcap_dump_open(p, path);
    for (unsigned i = 0; i < RTE_DIM(frames); i++) {
        struct pcap_pkthdr h = {.len = frames[i].len, .caplen = cut && i == 1 ? 64 : frames[i].len};
        h.ts.tv_sec = frames[i].sec;
        h.ts.tv_usec = frames[i].nsec;
        memset(data, (int)i + 1, sizeof(data));
        memset(data, i == 0 ? 0xff : 0x02, 6); /* the first one is for everybody */
        pcap_dump((u_char *)out, &h, data);
    }
    pcap_dump_close(out);
    pcap_close(p);
}

static void bench_open(struct bench *b, bool cut)
{
    int err;
    memset(b, 0, sizeof(*b));
    test_pools_init(&b->pools);
    tunables_init(&b->tun);
    strcpy(b->dir, "/tmp/plx-pcap-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->in, sizeof(b->in), "%s/in.pcap", b->dir);
    snprintf(b->out, sizeof(b->out), "%s/out.pcap", b->dir);
    snprintf(b->dev, sizeof(b->dev), "pcap:%s,%s", b->in, b->out);
    capture_write(b->in, cut);
    b->cfg = (struct netdev_config){.queues = 1, .tun = &b->tun, .rx_pool = {b->pools.rx}};
    b->d = netdev_open(b->dev, &b->cfg, b->why, sizeof(b->why), &err);
    assert_non_null(b->d);
}

static void bench_close(struct bench *b)
{
    netdev_close(b->d);
    unlink(b->in);
    unlink(b->out);
    rmdir(b->dir);
    test_pools_fini(&b->pools);
}

static uint32_t receive(struct bench *b, nsec_t now)
{
    struct rte_mbuf *m;
    if (netdev_rx_burst(b->d, 0, now, &m, 1) == 0)
        return 0;
    uint32_t len = m->pkt_len;
    rte_pktmbuf_free(m);
    return len;
}

static void packets_arrive_at_the_distances_of_the_file(void **state)
{
    struct bench b;
    nsec_t t0 = 12345;
    bench_open(&b, false);
    assert_int_equal(receive(&b, t0), 100);
    assert_int_equal(b.d->ops->next_event(b.d, 0), t0 + 1500000);
    assert_int_equal(receive(&b, t0 + 1499999), 0);
    assert_int_equal(receive(&b, t0 + 1500000), 3000); /* in two buffers */
    assert_int_equal(receive(&b, t0 + 999999999), 0);
    assert_false(b.d->ops->finished(b.d));
    assert_int_equal(receive(&b, t0 + 1000000000), 60);
    assert_true(b.d->ops->finished(b.d));
    assert_int_equal(b.d->ops->next_event(b.d, 0), NSEC_NEVER);
    bench_close(&b);
}

static void what_is_sent_is_recorded_on_the_time_line_of_the_file(void **state)
{
    struct bench b;
    struct pcap_pkthdr *h;
    const u_char *data;
    char text[PCAP_ERRBUF_SIZE];
    bench_open(&b, false);
    receive(&b, 1000);
    struct rte_mbuf *m = rte_pktmbuf_alloc(b.pools.data);
    memset(rte_pktmbuf_append(m, 77), 9, 77);
    assert_int_equal(netdev_tx_burst(b.d, 0, 1000 + 2500000, &m, 1), 1);
    assert_true(b.d->ops->link_poll(b.d, 0)); /* writes out */
    pcap_t *p = pcap_open_offline_with_tstamp_precision(b.out, PCAP_TSTAMP_PRECISION_NANO, text);
    assert_int_equal(pcap_next_ex(p, &h, &data), 1);
    assert_int_equal(h->caplen, 77);
    assert_int_equal(h->ts.tv_sec, 1700000000);
    assert_int_equal(h->ts.tv_usec, 2500000);
    pcap_close(p);
    bench_close(&b);
}

static void we_are_the_station_that_is_spoken_to(void **state)
{
    struct bench b;
    static const uint8_t mac[6] = {2, 2, 2, 2, 2, 2};
    bench_open(&b, false);
    assert_memory_equal(b.d->caps.mac, mac, 6);
    bench_close(&b);
}

static void packets_that_the_capture_cut_are_counted_and_not_replayed(void **state)
{
    struct bench b;
    struct netdev_stats s;
    bench_open(&b, true);
    assert_int_equal(receive(&b, 0), 100);
    assert_int_equal(receive(&b, 2 * NSEC_PER_SEC), 60);
    netdev_stats(b.d, &s);
    assert_int_equal(s.rx_errors, 1);
    bench_close(&b);
}

static void an_empty_pool_loses_the_packet_and_the_replay_goes_on(void **state)
{
    struct bench b;
    struct netdev_stats s;
    bench_open(&b, false);
    heap_pool_set_limit(b.pools.rx, 1);
    assert_int_equal(receive(&b, 0), 100);
    assert_int_equal(receive(&b, NSEC_PER_SEC), 60); /* 3000 bytes take two */
    netdev_stats(b.d, &s);
    assert_int_equal(s.rx_no_mbuf, 1);
    bench_close(&b);
}

static void a_dev_that_means_nothing_is_the_options_fault(void **state)
{
    static const char *const bad[] = {
        "tapx:a",        "tap",     "tap:",    "",     ":", "tap:a/b", "tap:sixteencharacter",
        "af_packet:a b", "pcap:,x", "pcap:x,", "pcap:"};
    struct netdev_config cfg = {.queues = 1};
    struct tunables tun;
    tunables_init(&tun);
    cfg.tun = &tun;
    for (unsigned i = 0; i < RTE_DIM(bad); i++) {
        char why[NETDEV_WHY] = "";
        int err = 0;
        if (netdev_open(bad[i], &cfg, why, sizeof(why), &err) != NULL || err != -EINVAL || why[0] == '\0')
            fail_msg("'%s': %d %s", bad[i], err, why);
    }
}

static void a_wire_that_is_not_there_is_the_machines_fault(void **state)
{
    static const char *const absent[] = {"pcap:/nowhere/x.pcap", "af_packet:plxnone0"};
    struct tunables tun;
    struct netdev_config cfg = {.queues = 1, .tun = &tun};
    tunables_init(&tun);
    for (unsigned i = 0; i < RTE_DIM(absent); i++) {
        char why[NETDEV_WHY] = "";
        int err = 0;
        assert_null(netdev_open(absent[i], &cfg, why, sizeof(why), &err));
        assert_true(err < 0 && err != -EINVAL);
        assert_non_null(
            strstr(why, i == 0 ? "/nowhere/x.pcap" : "lo")); /* what was looked for; what exists */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_arrive_at_the_distances_of_the_file),
        cmocka_unit_test(what_is_sent_is_recorded_on_the_time_line_of_the_file),
        cmocka_unit_test(we_are_the_station_that_is_spoken_to),
        cmocka_unit_test(packets_that_the_capture_cut_are_counted_and_not_replayed),
        cmocka_unit_test(an_empty_pool_loses_the_packet_and_the_replay_goes_on),
        cmocka_unit_test(a_dev_that_means_nothing_is_the_options_fault),
        cmocka_unit_test(a_wire_that_is_not_there_is_the_machines_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
