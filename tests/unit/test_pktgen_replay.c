/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

#include "pktgen/replay.h"
#include "support/frame.h"

#define SECOND UINT64_C(1000000000)

static char path[64], why[REPLAY_WHY];
static struct replay_config config;
static struct frame f;

static void datagram(uint16_t sport, size_t payload)
{
    static const uint8_t a[6] = {2, 0, 0, 0, 0, 1}, b[6] = {2, 0, 0, 0, 0, 2};
    uint8_t data[2000];

    memset(data, 0x3c, sizeof(data));
    frame_init(&f);
    frame_ether(&f, b, a, 0x0800);
    frame_ip4(&f, "10.0.0.1", "10.0.0.2", 17, NULL, 0);
    frame_udp(&f, sport, 53);
    frame_bytes(&f, data, payload);
    frame_finish(&f);
}

/* `n` datagrams, 250 ms apart; the one numbered `cut` lacks its last byte. */
static void write_capture(int link, unsigned n, unsigned cut)
{
    pcap_t *dead = pcap_open_dead_with_tstamp_precision(link, 65535, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *d = pcap_dump_open(dead, path);

    assert_non_null(d);
    for (unsigned i = 0; i < n; i++) {
        datagram((uint16_t)(1000 + i), 20 + i);
        struct pcap_pkthdr h = {.len = (uint32_t)f.len, .caplen = (uint32_t)f.len - (i == cut)};
        h.ts.tv_sec = 1000 + i / 4;
        h.ts.tv_usec = i % 4 * 250000000; /* ns, by the precision */
        pcap_dump((u_char *)d, &h, f.b);
    }
    pcap_dump_close(d);
    pcap_close(dead);
}

static int setup(void **state)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/plx-replay-XXXXXX");
    fd = mkstemp(path);
    close(fd);
    config = (struct replay_config){.path = path, .loops = 1, .largest = 1518};
    return fd < 0;
}

static int teardown(void **state)
{
    return unlink(path);
}

static void frames_come_as_they_were_recorded(void **state)
{
    const uint8_t *bytes;
    uint64_t due;
    uint32_t len;

    write_capture(DLT_EN10MB, 6, 99);
    struct replay *r = replay_open(&config, why);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_FRAME);
        datagram((uint16_t)(1000 + i), 20 + i);
        assert_int_equal(len, f.len);
        assert_memory_equal(bytes, f.b, len);
        assert_int_equal(due, i * SECOND / 4);
    }
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_END);
    replay_close(r);
}

static void rounds_follow_after_a_mean_gap(void **state)
{
    const uint8_t *bytes;
    uint64_t due;
    uint32_t len;

    write_capture(DLT_EN10MB, 5, 99);
    config.loops = 3;
    struct replay *r = replay_open(&config, why);
    for (unsigned i = 0; i < 15; i++) {
        assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_FRAME);
        assert_int_equal(due, i * SECOND / 4);
    }
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_END);
    replay_close(r);
}

/* As if the frames had been built with the new addresses. */
static void addresses_are_replaced_and_checksums_follow(void **state)
{
    const uint8_t *bytes;
    uint64_t due;
    uint32_t len;

    write_capture(DLT_EN10MB, 1, 99);
    assert_true(replay_maps_parse(&config, "10.0.0.1=192.0.2.7,10.0.0.2=198.51.100.9", why));
    config.has_dst_mac = true;
    memset(config.dst_mac, 0x55, 6);
    struct replay *r = replay_open(&config, why);
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_FRAME);
    datagram(1000, 20);
    struct frame g;
    frame_init(&g);
    frame_bytes(&g, f.b, 14);
    frame_ip4(&g, "192.0.2.7", "198.51.100.9", 17, NULL, 0);
    frame_udp(&g, 1000, 53);
    frame_bytes(&g, f.b + 42, 20);
    frame_finish(&g);
    memset(g.b, 0x55, 6);
    memcpy(g.b + 18, f.b + 18, 4); /* identification and flags stay */
    memcpy(g.b + 24, bytes + 24, 2);
    assert_int_equal(frame_sum_finish(frame_sum(0, bytes + 14, 20)), 0);
    assert_memory_equal(bytes, g.b, len);
    replay_close(r);
}

static void frames_that_were_cut_or_are_too_large_are_left_out(void **state)
{
    uint64_t due, cut, large, frames = 0;
    const uint8_t *bytes;
    uint32_t len;

    write_capture(DLT_EN10MB, 6, 2);
    config.largest = 42 + 20 + 3; /* the fourth and below */
    struct replay *r = replay_open(&config, why);
    while (replay_frame(r, &bytes, &len, &due) == REPLAY_FRAME)
        frames++;
    replay_skipped(r, &cut, &large);
    assert_int_equal(frames, 3);
    assert_int_equal(cut, 1);
    assert_int_equal(large, 2);
    replay_close(r);
}

static void a_file_that_ends_in_the_middle_is_broken_after_its_frames(void **state)
{
    const uint8_t *bytes;
    uint64_t due;
    uint32_t len;

    write_capture(DLT_EN10MB, 3, 99);
    assert_int_equal(truncate(path, 24 + 2 * 16 + 62 + 63 + 5), 0);
    struct replay *r = replay_open(&config, why);
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_FRAME);
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_FRAME);
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_BROKEN);
    assert_non_null(strstr(replay_why(r), "damaged after frame 2: truncated"));
    replay_close(r);
}

static void foreign_files_are_refused(void **state)
{
    write_capture(DLT_RAW, 1, 99);
    assert_null(replay_open(&config, why));
    assert_non_null(strstr(why, "link type RAW; only Ethernet"));
    FILE *text = fopen(path, "w");
    fputs("this is no capture at all, but it is long enough to look like one\n", text);
    fclose(text);
    assert_null(replay_open(&config, why));
    assert_non_null(strstr(why, "unknown file format"));
    config.path = "/nonexistent";
    assert_null(replay_open(&config, why));
    assert_non_null(strstr(why, "/nonexistent: No such file"));
}

static void a_capture_without_frames_is_broken(void **state)
{
    const uint8_t *bytes;
    uint64_t due;
    uint32_t len;

    write_capture(DLT_EN10MB, 0, 99);
    config.loops = 0; /* for ever, but not this */
    struct replay *r = replay_open(&config, why);
    assert_int_equal(replay_frame(r, &bytes, &len, &due), REPLAY_BROKEN);
    assert_non_null(strstr(replay_why(r), "no frame that can be sent"));
    replay_close(r);
}

static void wrong_maps_are_refused(void **state)
{
    static const char *const wrong[] = {
        "", "10.0.0.1", "10.0.0.1=", "10.0.0.1=x", "10.0.0.1=10.0.0.2,", "a=b=c"};

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (replay_maps_parse(&config, wrong[i], why))
            fail_msg("'%s' was taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_come_as_they_were_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(rounds_follow_after_a_mean_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_are_replaced_and_checksums_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_that_were_cut_or_are_too_large_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_ends_in_the_middle_is_broken_after_its_frames, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_capture_without_frames_is_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_maps_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
