/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane makes of the frames of a burst, with the wire and the clock in the test's hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <plx_frame.h>

#include "base/heap_pool.h"
#include "pktgen/run.h"
#include "support/frame.h"

#define SOURCE 0x4242
#define SENT   UINT64_C(1000000)
#define CAME   UINT64_C(1007000)

static struct run_config cfg;
static struct run r;
static struct lane l;
static struct stream s;
static struct frame_maker k;
static struct rte_mempool *pool;
static struct rte_mbuf *burst[RUN_BURST];
static int n_burst, n_control, n_recorded;

/* ---- the wire and the clock ---- */

int plx_frame_recv(unsigned wire, struct rte_mbuf **pkts, int n)
{
    int got = n_burst;

    assert_true(got <= n);
    memcpy(pkts, burst, (size_t)got * sizeof(*pkts));
    n_burst = 0;
    return got;
}

int plx_frame_input_take(unsigned wire, struct rte_mbuf **pkts, int n)
{
    n_control += n;
    rte_pktmbuf_free_bulk(pkts, (unsigned)n);
    return 0;
}

int plx_frame_send(unsigned wire, struct rte_mbuf **pkts, int n)
{
    fail_msg("nothing is reflected here");
    return 0;
}

int plx_frame_round(void)
{
    return 0;
}

uint64_t app_now(void)
{
    return CAME;
}

bool record_frame(struct record *record, uint16_t worker, unsigned wire, const struct rte_mbuf *m,
                  enum record_direction direction, uint64_t time)
{
    n_recorded++;
    return true;
}

/* ---- frames ---- */

static void maker_begin(uint16_t source)
{
    frame_maker_fini(&k);
    memset(&k, 0, sizeof(k));
    assert_true(frame_maker_init(&k, &s, source, 0, 1, 1));
}

static int setup(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
    const struct plx_wire w = {.ether = 1, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}, .ip = {htonl(0x0a090002)}};
    char why[STREAM_WHY];

    pool = heap_pool_create("frames", RUN_BURST, RTE_PKTMBUF_HEADROOM + 2048);
    memset(&r, 0, sizeof(r));
    memset(&l, 0, sizeof(l));
    n_control = 0;
    r.cfg = &cfg;
    r.n_wires = 1;
    l.run = &r;
    stream_init(&s);
    assert_true(stream_set(&s, "dst", "10.9.0.1", why) && stream_check(&s, why) &&
                stream_bind(&s, &w, mac, why));
    maker_begin(SOURCE);
    return pool == NULL || !lane_rx_init(&l);
}

static int teardown(void **state)
{
    lane_rx_fini(&l);
    stream_free(&s);
    frame_maker_fini(&k);
    memset(&k, 0, sizeof(k));
    assert_int_equal(heap_pool_in_use(pool), 0);
    heap_pool_destroy(pool);
    return 0;
}

static struct rte_mbuf *add(const void *bytes, uint32_t len)
{
    return burst[n_burst++] = frame_mbuf(pool, bytes, len);
}

static struct rte_mbuf *add_probe(uint32_t seq, uint64_t time)
{
    uint8_t at[STREAM_SIZE_MAX + FRAME_BLOCK];
    uint32_t len = frame_next_size(&k);

    k.seq = seq;
    frame_make(&k, at, len, time);
    return add(at, len);
}

static void add_damaged(uint32_t seq, uint32_t off)
{
    struct rte_mbuf *m = add_probe(seq, SENT);

    rte_pktmbuf_mtod(m, uint8_t *)[off] ^= 0x10;
}

static void add_probes(uint32_t from, uint32_t to)
{
    for (uint32_t seq = from; seq <= to; seq++)
        add_probe(seq, SENT);
}

static void add_foreign(void)
{
    static struct frame f; /* like a probe's but without one */

    frame_init(&f);
    frame_ether(&f, (const uint8_t[6]){2, 0, 0, 0, 0, 9}, (const uint8_t[6]){2, 0, 0, 0, 0, 1}, 0x0800);
    frame_ip4(&f, "10.9.0.2", "10.9.0.1", 17, NULL, 0);
    frame_udp(&f, 9, 9);
    frame_bytes(&f, "no probe, but as many bytes", 22);
    frame_finish(&f);
    assert_int_equal(f.len, 64);
    add(f.b, 64);
}

static void add_arp(void)
{
    uint8_t arp[64] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

    add(arp, sizeof(arp));
}

static void expect_track(uint64_t unique, uint64_t missing, uint64_t reordered, uint64_t duplicates)
{
    const struct track *t = l.track_of[SOURCE];

    assert_int_equal(t->unique, unique);
    assert_int_equal(track_missing(t), missing);
    assert_int_equal(t->reordered, reordered);
    assert_int_equal(t->duplicates, duplicates);
}

/* ---- tests ---- */

static void a_burst_of_one_row(void **state)
{
    add_probes(0, 31);
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.counts.rx_frames, 32);
    assert_int_equal(l.counts.rx_bytes, 32 * 64);
    assert_int_equal(l.counts.probes, 32);
    expect_track(32, 0, 0, 0);
    assert_int_equal(l.one_way.count, 32);
    assert_int_equal(l.one_way.min, CAME - SENT);
    assert_int_equal(l.one_way.max, CAME - SENT);
    assert_true(l.one_way.sum == 32.0 * (CAME - SENT));
}

/* One of each kind of trouble among frames that are alike, the row going on behind each. */
static void trouble_in_the_middle_of_a_row(void **state)
{
    add_probes(0, 4);
    add_damaged(5, 50); /* the number itself */
    add_probes(6, 8);
    add_probe(8, SENT); /* twice */
    add_probes(9, 10);
    add_foreign();
    add_probes(11, 12);
    add_arp();
    add_probes(13, 13);
    add_probes(15, 16); /* 14 comes late */
    add_probe(14, SENT);
    add_probes(17, 18);
    add_damaged(19, 30); /* the address it is for */
    add_probes(20, 22);
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.counts.rx_frames, 26);
    assert_int_equal(l.counts.rx_bytes, 26 * 64);
    assert_int_equal(l.counts.damaged, 2);
    assert_int_equal(l.counts.other, 1);
    assert_int_equal(l.counts.control, 1);
    assert_int_equal(n_control, 1);
    assert_int_equal(l.counts.probes, 22);
    assert_int_equal(l.one_way.count, 22);
    expect_track(21, 2, 1, 1);
}

/* A row of five with one bit of the third turned over, for each bit that a checksum covers. */
static void damage_anywhere(uint32_t len)
{
    uint64_t rounds = 0;

    for (uint32_t bit = 14 * 8; bit < len * 8; bit++, rounds++) {
        add_probes(0, 4);
        rte_pktmbuf_mtod(burst[2], uint8_t *)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(lane_rx_turn(&l));
        if (l.counts.probes != (rounds + 1) * 4)
            fail_msg("bit %u of byte %u of %u is not looked at", bit % 8, bit / 8, len);
    }
    assert_int_equal(l.counts.rx_frames, rounds * 5);
    assert_int_equal(l.counts.probes + l.counts.damaged + l.counts.control + l.counts.other, rounds * 5);
    assert_true(l.counts.damaged > rounds * 3 / 4);
}

static void every_bit_of_a_row_is_looked_at(void **state)
{
    damage_anywhere(64);
}

static void every_bit_of_longer_frames_is_looked_at(void **state)
{
    char why[STREAM_WHY];

    assert_true(stream_set(&s, "size", "150", why));
    maker_begin(SOURCE);
    damage_anywhere(150);
}

/* The frame's last two bytes get a segment of their own; behind the first one `behind` is left. */
static void split(struct rte_mbuf *m, uint16_t tail, uint16_t behind)
{
    memcpy(rte_pktmbuf_mtod_offset(m, void *, m->data_len - 2), &behind, 2);
    m->data_len -= 2;
    m->next = frame_mbuf(pool, &tail, 2);
    m->nb_segs = 2;
}

/* Chains, as long as the frames around them. */
static void a_chain_in_a_row_is_judged_as_one(void **state)
{
    add_probes(0, 7);
    split(burst[2], 1, 0); /* damaged, where only the chain shows it */
    split(burst[3], 0, 0);
    split(burst[5], 0, 1); /* sound */
    rte_pktmbuf_mtod(burst[6], uint8_t *)[62] ^= 1;
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.counts.probes, 6);
    assert_int_equal(l.counts.damaged, 2);
    assert_int_equal(l.counts.rx_bytes, 8 * 64);
    expect_track(6, 2, 0, 0);
}

static void a_frame_cut_short_is_damaged(void **state)
{
    add_probes(0, 4);
    burst[2]->data_len = 63;
    burst[2]->pkt_len = 63;
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.counts.probes, 4);
    assert_int_equal(l.counts.damaged, 1);
}

/* Shorter ones, and a probe behind another one's headers. */
static void a_row_ends_where_frames_differ(void **state)
{
    char why[STREAM_WHY];

    add_probes(0, 2);
    assert_true(stream_set(&s, "size", "63", why));
    maker_begin(SOURCE);
    add_probes(3, 5);
    assert_true(stream_set(&s, "size", "64", why) && stream_set(&s, "dport", "7", why));
    maker_begin(SOURCE);
    add_probes(6, 9);
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.counts.probes, 10);
    assert_int_equal(l.counts.rx_bytes, 7 * 64 + 3 * 63);
    expect_track(10, 0, 0, 0);
}

/* What each frame of a row has to pass by itself. */
static void frames_are_recorded_one_by_one(void **state)
{
    r.record = (struct record *)&r; /* only asked whether there is one */
    n_recorded = 0;
    add_probes(0, 31);
    assert_true(lane_rx_turn(&l));
    assert_int_equal(n_recorded, 32);
    expect_track(32, 0, 0, 0);
}

/* Frames of one row that left at different moments. */
static void each_moment_has_its_latency(void **state)
{
    for (uint32_t i = 0; i < 30; i++)
        add_probe(i, SENT + i / 10 * 1000);
    assert_true(lane_rx_turn(&l));
    expect_track(30, 0, 0, 0);
    assert_int_equal(l.one_way.count, 30);
    assert_int_equal(l.one_way.min, CAME - SENT - 2000);
    assert_int_equal(l.one_way.max, CAME - SENT);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(l.one_way.slot[histogram_slot(CAME - SENT - i * 1000)], 10);
    assert_true(l.one_way.sum == 30.0 * (CAME - SENT - 1000));
}

/* Two senders whose frames take turns, numbered alike. */
static void sources_are_told_apart(void **state)
{
    for (uint32_t i = 0; i < 10; i++) {
        maker_begin(SOURCE);
        add_probe(i, SENT);
        maker_begin(SOURCE + 1);
        add_probe(i + 1, SENT);
    }
    assert_true(lane_rx_turn(&l));
    assert_int_equal(l.n_tracks, 2);
    expect_track(10, 0, 0, 0);
    assert_int_equal(l.track_of[SOURCE + 1]->unique, 10);
    assert_int_equal(l.track_of[SOURCE + 1]->duplicates, 0);
    assert_int_equal(l.counts.probes, 20);
}

/* A number lost at the seam of two bursts, and a row that goes on across one. */
static void a_row_goes_on_in_the_next_burst(void **state)
{
    add_probes(0, 31);
    assert_true(lane_rx_turn(&l));
    add_probes(32, 62);
    assert_true(lane_rx_turn(&l));
    add_probes(64, 90);
    assert_true(lane_rx_turn(&l));
    expect_track(90, 1, 0, 0);
    assert_false(lane_rx_turn(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_of_one_row, setup, teardown),
        cmocka_unit_test_setup_teardown(trouble_in_the_middle_of_a_row, setup, teardown),
        cmocka_unit_test_setup_teardown(every_bit_of_a_row_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(every_bit_of_longer_frames_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chain_in_a_row_is_judged_as_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_cut_short_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_ends_where_frames_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_are_recorded_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(each_moment_has_its_latency, setup, teardown),
        cmocka_unit_test_setup_teardown(sources_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_goes_on_in_the_next_burst, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
