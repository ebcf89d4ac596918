/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "pktgen/stream.h"

static struct stream s;
static char why[STREAM_WHY];

static int setup(void **state)
{
    stream_init(&s);
    return 0;
}

static int teardown(void **state)
{
    stream_free(&s);
    return 0;
}

static void set(const char *name, const char *value)
{
    if (!stream_set(&s, name, value, why))
        fail_msg("%s", why);
}

static void refused(const char *expected)
{
    assert_false(stream_check(&s, why));
    if (strstr(why, expected) == NULL)
        fail_msg("the message is: %s", why);
}

static void a_destination_is_enough(void **state)
{
    set("dst", "10.9.0.1");
    assert_true(stream_check(&s, why));
    assert_int_equal(field_first(&s.field[F_SIZE]), 64);
    assert_int_equal(field_first(&s.field[F_DPORT]), 9);
    assert_true(stream_needs_mac(&s));
}

static void unknown_names_and_values_are_named(void **state)
{
    static const struct {
        const char *name, *value, *message;
    } wrong[] = {
        {"colour", "red", "colour: there is no such field"},
        {"proto", "sctp", "proto sctp: must be one of udp, tcp"},
        {"dport", "65536", "dport 65536: must be a number from 0 to 65535"},
        {"payload", "pattern", "payload pattern: must be zero"},
        {"payload", "hex:0", "payload hex:0: hex: takes an even number"},
        {"payload", "hex:zz", "hexadecimal"},
        {"payload", "file:/nonexistent", "cannot be opened"},
        {"payload", "text:", "must be"},
        {"checksum", "ugly", "checksum ugly: must be one of"},
        {"share", "0", "share 0: must be a number from 1 to 1000"},
        {"probe", "maybe", "on or off"},
        {"size", "big", "or imix"},
    };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(stream_set(&s, wrong[i].name, wrong[i].value, why));
        if (strstr(why, wrong[i].message) == NULL)
            fail_msg("%s %s: the message is: %s", wrong[i].name, wrong[i].value, why);
    }
}

static void a_field_of_another_protocol_is_refused(void **state)
{
    set("proto", "icmp");
    set("dst", "10.9.0.1");
    set("dport", "80");
    refused("dport: proto icmp has no such field; it is for udp, tcp");
}

static void a_frame_has_room_for_its_headers(void **state)
{
    set("proto", "tcp");
    set("dst", "10.9.0.1");
    set("size", "53-60");
    refused("size 53: the headers of proto tcp take 54 bytes");
    set("vlan", "5");
    set("size", "57");
    refused("with a VLAN tag take 58 bytes");
}

static void what_contradicts_is_refused(void **state)
{
    set("dst", "10.9.0.1");
    set("vlan-prio", "5");
    refused("vlan-prio: only together with vlan");
    set("vlan", "5");
    assert_true(stream_check(&s, why));
    set("proto", "icmp");
    set("checksum", "none");
    refused("checksum none: proto icmp cannot go without");
    set("proto", "ip");
    set("checksum", "bad");
    refused("checksum bad: proto ip has none");
}

static void nobody_to_send_to_is_refused(void **state)
{
    refused("dst: is missing");
    set("proto", "ether");
    refused("dst-mac: is missing");
}

static void imix_has_the_mean_of_its_sizes(void **state)
{
    set("size", "imix");
    assert_true(stream_mean_size(&s) > 360.16 &&
                stream_mean_size(&s) < 360.17); /* (7*64 + 4*590 + 1514) / 12 */
    set("size", "100-200");
    assert_true(stream_mean_size(&s) == 150);
    assert_false(s.imix);
}

static void the_wire_limits_the_size(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
    struct plx_wire w = {
        .name = "tap:x", .ether = 1, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}, .ip = {htonl(0x0a090002)}};

    set("dst", "10.9.0.1");
    set("size", "64-1515");
    assert_false(stream_bind(&s, &w, mac, why));
    assert_non_null(strstr(why, "size 1515: --dev tap:x takes frames of up to 1514 bytes"));
    set("size", "64-1514");
    assert_true(stream_bind(&s, &w, mac, why));
    assert_int_equal(field_first(&s.field[F_SRC]), 0x0a090002);
    assert_int_equal(field_first(&s.field[F_DST_MAC]), 0x020000000009);
    w.ether = 0;
    assert_false(stream_bind(&s, &w, mac, why));
}

/* ---- files ---- */

static struct stream loaded[STREAMS_MAX];

static int load(const char *text)
{
    char path[] = "/tmp/plx-stream-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int n = streams_load(loaded, 4, path, &s, why);
    unlink(path);
    return n;
}

static void a_file_has_streams_that_begin_as_the_base(void **state)
{
    set("dst", "10.9.0.1");
    set("sport", "1,2");
    int n =
        load("# two\n\n[web]\nproto = tcp\n  flags=syn # that is all\nshare = 3\r\n[rest]\nsize = imix\n");
    assert_int_equal(n, 2);
    assert_string_equal(loaded[0].name, "web");
    assert_int_equal(loaded[0].proto, PROTO_TCP);
    assert_int_equal(loaded[0].share, 3);
    assert_int_equal(field_first(&loaded[0].field[F_FLAGS]), 2);
    assert_int_equal(loaded[1].proto, PROTO_UDP);
    assert_true(loaded[1].imix);
    assert_int_equal(field_first(&loaded[1].field[F_DST]), 0x0a090001);
    assert_int_equal(loaded[1].field[F_SPORT].count, 2);
    stream_free(&loaded[0]);
    stream_free(&loaded[1]);
}

static void a_wrong_file_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"[a]\ndst = 10.9.0.1\ndport = 70000\n", ":3: dport 70000: must be"},
        {"[a]\ndst = 10.9.0.1\ncolour = red\n", ":3: colour: there is no such field"},
        {"dst = 10.9.0.1\n", ":1: dst = 10.9.0.1: stands before the first [NAME]"},
        {"[a]\nnonsense\n", ":2: nonsense: expects [NAME] or FIELD = VALUE"},
        {"[a\n", ":1: [a: a stream begins with [NAME]"},
        {"[a]\ndst=10.9.0.1\n[a]\n", ":3: [a]: a second stream of this name"},
        {"[a]\n[b]\n[c]\n[d]\n[e]\n", ":5: [e]: more than 4 streams"},
        {"# nothing\n", "no stream in it"},
        {"[a]\nproto = tcp\n", "stream a: dst: is missing"},
    };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(load(wrong[i].text), -1);
        if (strstr(why, wrong[i].message) == NULL)
            fail_msg("%s: the message is: %s", wrong[i].text, why);
    }
    assert_int_equal(streams_load(loaded, 4, "/nonexistent", &s, why), -1);
    assert_non_null(strstr(why, "/nonexistent: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_destination_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_and_values_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_field_of_another_protocol_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_has_room_for_its_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(what_contradicts_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_to_send_to_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(imix_has_the_mean_of_its_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wire_limits_the_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_has_streams_that_begin_as_the_base, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_file_is_named_with_its_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
