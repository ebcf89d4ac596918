/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/heap_pool.h"
#include "pktgen/frame.h"
#include "pktgen/inspect.h"
#include "support/frame.h"

#define TIME UINT64_C(0x0123456789abcdef)

static struct stream s;
static struct frame_maker k;
static struct inspect_known known;
static struct rte_mempool *pool;
static uint8_t at[STREAM_SIZE_MAX + FRAME_BLOCK];
static uint32_t len;

static int setup(void **state)
{
    pool = heap_pool_create("frames", 8, RTE_PKTMBUF_HEADROOM + 2048);
    stream_init(&s);
    memset(&known, 0, sizeof(known));
    return pool == NULL;
}

static int teardown(void **state)
{
    stream_free(&s);
    frame_maker_fini(&k);
    memset(&k, 0, sizeof(k));
    assert_int_equal(heap_pool_in_use(pool), 0);
    heap_pool_destroy(pool);
    return 0;
}

static void set(const char *name, const char *value)
{
    char why[STREAM_WHY];

    if (!stream_set(&s, name, value, why))
        fail_msg("%s", why);
}

static void begin(void)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
    const struct plx_wire w = {
        .ether = 1, .mtu = 9000, .multi_segment = 1, .mac = {2, 0, 0, 0, 0, 1}, .ip = {htonl(0x0a090002)}};
    char why[STREAM_WHY];

    if (!s.given[F_DST] && s.proto != PROTO_ETHER)
        set("dst", "10.9.0.1");
    if (!stream_check(&s, why) || !stream_bind(&s, &w, mac, why))
        fail_msg("%s", why);
    assert_true(frame_maker_init(&k, &s, 0x4242, 0, 1, 1));
}

static void next(void)
{
    len = frame_next_size(&k);
    memset(at, 0xa5, sizeof(at));
    frame_make(&k, at, len, TIME);
}

static uint32_t get(uint32_t off, unsigned n)
{
    uint32_t v = 0;

    while (n-- > 0)
        v = v << 8 | at[off++];
    return v;
}

/* RFC 1071, byte by byte: 0 when the sum that is in it is right. */
static uint16_t ip_wrong(uint32_t l3)
{
    return frame_sum_finish(frame_sum(0, at + l3, 20));
}

static uint16_t transport_wrong(uint32_t l3)
{
    uint8_t pseudo[12];
    uint32_t n = len - l3 - 20, sum = 0;

    memcpy(pseudo, at + l3 + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = at[l3 + 9];
    pseudo[10] = (uint8_t)(n >> 8);
    pseudo[11] = (uint8_t)n;
    if (at[l3 + 9] != 1)
        sum = frame_sum(0, pseudo, 12);
    return frame_sum_finish(frame_sum(sum, at + l3 + 20, n));
}

static enum inspect inspected(struct probe *p)
{
    struct rte_mbuf *m = frame_mbuf(pool, at, len);
    enum inspect what = inspect_frame(&known, m, p);

    rte_pktmbuf_free(m);
    return what;
}

static void a_datagram_is_what_its_fields_say(void **state)
{
    struct probe p;

    set("tos", "16");
    set("ttl", "3");
    set("ip-id", "0x1234");
    set("sport", "1111");
    set("dport", "2222");
    begin();
    next();
    assert_int_equal(len, 64);
    assert_memory_equal(at, "\x02\0\0\0\0\x09\x02\0\0\0\0\x01\x08\0", 14);
    assert_int_equal(get(14, 2), 0x4510);
    assert_int_equal(get(16, 2), 50);
    assert_int_equal(get(18, 2), 0x1234);
    assert_int_equal(get(20, 2), 0x4000);
    assert_int_equal(get(22, 2), 0x0311);
    assert_int_equal(get(26, 4), 0x0a090002);
    assert_int_equal(get(30, 4), 0x0a090001);
    assert_int_equal(get(34, 2), 1111);
    assert_int_equal(get(36, 2), 2222);
    assert_int_equal(get(38, 2), 30);
    assert_int_equal(ip_wrong(14), 0);
    assert_int_equal(transport_wrong(14), 0);
    assert_int_equal(inspected(&p), INSPECT_PROBE);
    assert_int_equal(p.source, 0x4242);
    assert_int_equal(p.seq, 0);
    assert_int_equal((uint64_t)p.time_hi << 32 | p.time_lo, TIME);
    next();
    assert_int_equal(inspected(&p), INSPECT_PROBE);
    assert_int_equal(p.seq, 1);
}

/* Every field that can change does, for thousands of frames: each checksum, carried on, is that of the whole.
 */
static void checksums_stay_right_whatever_changes(void **state)
{
    static const struct {
        const char *proto, *names[16];
    } all[] = {
        {"udp", {"sport", "dport"}},
        {"tcp", {"sport", "dport", "seq", "ack", "flags", "window", "urgent"}},
        {"icmp", {"icmp-type", "icmp-code", "icmp-id", "icmp-seq"}},
        {"ip", {"ip-proto"}},
    };
    static const char *const common[] = {"src",      "dst",     "ttl",     "tos",  "ip-id",
                                         "fragment", "src-mac", "dst-mac", "vlan", "vlan-prio"};

    for (unsigned i = 0; i < 4; i++) {
        stream_free(&s);
        stream_init(&s);
        set("proto", all[i].proto);
        set("payload", "random");
        set("size", "random:64-300");
        for (unsigned f = 0; f < 10; f++)
            set(common[f], "random");
        for (unsigned f = 0; all[i].names[f] != NULL; f++)
            set(all[i].names[f], "random");
        begin();
        for (unsigned n = 0; n < 5000; n++) {
            next();
            assert_int_equal(get(12, 2), 0x8100);
            assert_int_equal(get(20, 2), len - 18);
            assert_int_equal(ip_wrong(18), 0);
            if (i < 3)
                assert_int_equal(transport_wrong(18), 0);
        }
        frame_maker_fini(&k);
        memset(&k, 0, sizeof(k));
    }
}

static void words_that_share_a_field_do_not_disturb_each_other(void **state)
{
    set("vlan", "1-4095");
    set("vlan-prio", "0-7");
    set("ttl", "1-200");
    set("tos", "0,8");
    begin();
    for (unsigned n = 0; n < 500; n++) {
        next();
        assert_int_equal(get(14, 2), (n % 8) << 13 | (n % 4095 + 1));
        assert_int_equal(get(26, 2), (n % 200 + 1) << 8 | 17);
        assert_int_equal(get(18, 2), 0x4500 | (n % 2) * 8);
    }
}

static void sizes_of_all_kinds_are_whole_frames(void **state)
{
    struct probe p;

    set("size", "42-1514");
    set("payload", "text:abc");
    begin();
    for (uint32_t n = 42; n <= 1514; n++) {
        next();
        assert_int_equal(len, n);
        assert_int_equal(ip_wrong(14), 0);
        assert_int_equal(transport_wrong(14), 0);
        assert_int_equal(inspected(&p), n >= 42 + PROBE_LEN ? INSPECT_PROBE : INSPECT_OTHER);
        for (uint32_t i = n >= 42 + PROBE_LEN ? 42 + PROBE_LEN : 42; i < n; i++)
            assert_int_equal(at[i], "abc"[(i - 42) % 3]);
    }
    assert_int_equal(k.seq, 1514 - 61); /* only those that carry one are numbered */
}

static void wrong_is_wrong(void **state)
{
    struct probe p;

    set("checksum", "bad");
    set("sport", "0-65535"); /* every sum there is */
    begin();
    for (unsigned n = 0; n < 65536; n++) {
        next();
        assert_int_equal(ip_wrong(14), 0);
        assert_int_not_equal(transport_wrong(14), 0);
        assert_int_not_equal(get(40, 2), 0); /* which would mean that there is none */
    }
    assert_int_equal(inspected(&p), INSPECT_DAMAGED);
    frame_maker_fini(&k);
    set("checksum", "bad-ip");
    begin();
    next();
    assert_int_not_equal(ip_wrong(14), 0);
    assert_int_equal(transport_wrong(14), 0);
    frame_maker_fini(&k);
    set("checksum", "none");
    begin();
    next();
    assert_int_equal(get(40, 2), 0);
    assert_int_equal(inspected(&p), INSPECT_PROBE);
}

/* RFC 768: a sum of zero is sent as all ones. */
static void a_datagrams_sum_is_never_zero(void **state)
{
    set("sport", "0-65535");
    begin();
    for (unsigned n = 0; n < 65536; n++) {
        next();
        assert_int_not_equal(get(40, 2), 0);
    }
}

static void each_bit_of_a_probe_is_guarded(void **state)
{
    struct probe p;

    set("size", "100");
    set("payload", "random");
    begin();
    next();
    for (uint32_t bit = 14 * 8; bit < len * 8; bit++) {
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (inspected(&p) == INSPECT_PROBE)
            fail_msg("bit %u of byte %u was turned over, unseen", bit % 8, bit / 8);
        at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(inspected(&p), INSPECT_PROBE);
}

static void arp_and_ether_are_built(void **state)
{
    struct probe p;

    set("proto", "arp");
    set("dst", "10.9.0.1-10.9.0.3");
    begin();
    next();
    next();
    assert_memory_equal(at, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x01", 22);
    assert_int_equal(get(28, 4), 0x0a090002);
    assert_int_equal(get(38, 4), 0x0a090002); /* the second target */
    assert_int_equal(inspected(&p), INSPECT_CONTROL);
    frame_maker_fini(&k);
    stream_free(&s);
    stream_init(&s);
    set("proto", "ether");
    set("dst-mac", "02:00:00:00:00:07");
    begin();
    next();
    assert_int_equal(get(12, 2), 0x88b5);
    assert_int_equal(inspected(&p), INSPECT_PROBE);
}

static void what_is_reflected_goes_back_whole(void **state)
{
    static const char *const protos[] = {"udp", "tcp", "icmp", "ether"};
    struct probe p;

    for (unsigned i = 0; i < 4; i++) {
        stream_free(&s);
        stream_init(&s);
        set("proto", protos[i]);
        set("size", "90");
        if (i == 3)
            set("dst-mac", "02:00:00:00:00:09");
        begin();
        next();
        struct rte_mbuf *m = frame_mbuf(pool, at, len);
        assert_true(inspect_reflect(m));
        memcpy(at, rte_pktmbuf_mtod(m, void *), len);
        assert_int_equal(inspect_frame(&known, m, &p), INSPECT_PROBE);
        assert_memory_equal(at, "\x02\0\0\0\0\x01\x02\0\0\0\0\x09", 12);
        if (i < 3)
            assert_int_equal(get(26, 4), 0x0a090001);
        if (i < 2)
            assert_int_equal(get(34, 2), 9);
        if (i == 2) {
            assert_int_equal(get(34, 2), 0);  /* a reply */
            assert_false(inspect_reflect(m)); /* is not answered */
        }
        rte_pktmbuf_free(m);
        frame_maker_fini(&k);
        memset(&k, 0, sizeof(k));
    }
}

/* Any bytes whatever, of any length: judged, never read beyond. */
static void nonsense_is_looked_at_safely(void **state)
{
    unsigned seed = 99;
    struct probe p;

    begin();
    for (unsigned n = 0; n < 20000; n++) {
        next();
        for (unsigned i = 0; i < 6; i++) {
            seed = seed * 1103515245 + 12345;
            at[(seed >> 16) % 60] = (uint8_t)(seed >> 8);
        }
        len = (seed >> 16) % 65;
        struct rte_mbuf *m = frame_mbuf(pool, at, len);
        (void)inspect_frame(&known, m, &p);
        (void)inspect_reflect(m);
        rte_pktmbuf_free(m);
    }
}

/* A burst of frames that are alike is, byte for byte, what they are when made one by one. */
static void alike_is_what_one_by_one_is(void **state)
{
    static const char *const protos[] = {"udp", "tcp", "icmp", "ip", "ether", "arp"};
    static const char *const sizes[] = {"64", "65", "200"};

    for (unsigned i = 0; i < 18; i++) {
        struct rte_mbuf *m[5];
        stream_free(&s);
        stream_init(&s);
        set("proto", protos[i / 3]);
        set("size", sizes[i % 3]);
        if (i / 3 == 2)
            set("icmp-seq", "7"); /* else it counts */
        if (i / 3 == 4)
            set("dst-mac", "02:00:00:00:00:09");
        begin();
        assert_true(k.steady);
        assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, 5), 0);
        k.seq = UINT32_MAX - 1;
        frame_make_alike(&k, m, 5, TIME);
        k.seq = UINT32_MAX - 1;
        for (unsigned n = 0; n < 5; n++) {
            next();
            assert_int_equal(m[n]->data_len, len);
            assert_int_equal(m[n]->pkt_len, len);
            assert_memory_equal(rte_pktmbuf_mtod(m[n], void *), at, len);
            rte_pktmbuf_free(m[n]);
        }
        frame_maker_fini(&k);
        memset(&k, 0, sizeof(k));
    }
}

/* Numbers all over the place, each burst of another moment: every carry happens. */
static void alike_checks_fold_whatever_they_add_up_to(void **state)
{
    struct rte_mbuf *m[5];
    uint64_t time = TIME;

    begin();
    assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, 5), 0);
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t seq = i * 2654435761u;
        time += i % 2 == 0 ? 999 : UINT64_C(0x100000001);
        k.seq = seq;
        frame_make_alike(&k, m, 5, time);
        k.seq = seq;
        for (unsigned n = 0; n < 5; n++) {
            frame_make(&k, at, 64, time);
            assert_memory_equal(rte_pktmbuf_mtod(m[n], void *), at, 64);
        }
    }
    rte_pktmbuf_free_bulk(m, 5);
}

/* Whatever has been seen before, a frame is judged as if it were the first. */
static void what_is_known_changes_no_verdict(void **state)
{
    static const char *const sizes[] = {"62", "64", "65", "100", "300"};
    struct inspect_known fresh;
    struct probe p, q;

    for (unsigned i = 0; i < 5; i++) {
        stream_free(&s);
        stream_init(&s);
        set("size", sizes[i]);
        set("payload", "random");
        begin();
        next();
        for (uint32_t bit = 0; bit < len * 8; bit++) {
            assert_int_equal(inspected(&p), INSPECT_PROBE); /* now it is known */
            assert_int_equal(known.len != 0, i > 0);
            at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct rte_mbuf *m = frame_mbuf(pool, at, len);
            memset(&fresh, 0, sizeof(fresh));
            memset(&p, 0, sizeof(p));
            memset(&q, 0, sizeof(q));
            assert_int_equal(inspect_frame(&known, m, &p), inspect_frame(&fresh, m, &q));
            assert_memory_equal(&p, &q, sizeof(p));
            rte_pktmbuf_free(m);
            at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        frame_maker_fini(&k);
        memset(&k, 0, sizeof(k));
        memset(&known, 0, sizeof(known));
    }
}

/* Nothing is known, and nothing is there. */
static void an_empty_frame_is_no_probe(void **state)
{
    struct probe p;

    begin();
    next();
    memmove(at, at + 42, PROBE_LEN);
    memset(&known, 0, sizeof(known));
    len = 0;
    assert_int_equal(inspected(&p), INSPECT_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_datagram_is_what_its_fields_say, setup, teardown),
        cmocka_unit_test_setup_teardown(checksums_stay_right_whatever_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(words_that_share_a_field_do_not_disturb_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_of_all_kinds_are_whole_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(a_datagrams_sum_is_never_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(each_bit_of_a_probe_is_guarded, setup, teardown),
        cmocka_unit_test_setup_teardown(arp_and_ether_are_built, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_reflected_goes_back_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_looked_at_safely, setup, teardown),
        cmocka_unit_test_setup_teardown(alike_is_what_one_by_one_is, setup, teardown),
        cmocka_unit_test_setup_teardown(alike_checks_fold_whatever_they_add_up_to, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_known_changes_no_verdict, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_frame_is_no_probe, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
