/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/context.h"

static struct options o;

/* The words after the program's name, as a command line; what is left in *left, by blanks. */
static int parse(const char *line, char *left, size_t size)
{
    char copy[1024], *argv[64] = {"prog"}, *save = NULL;
    int argc = 1;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    options_init(&o);
    int err = options_parse(&o, &argc, argv);
    if (err == 0 && left != NULL) {
        left[0] = '\0';
        for (int i = 1; i < argc; i++)
            snprintf(left + strlen(left), size - strlen(left), i > 1 ? " %s" : "%s", argv[i]);
        assert_null(argv[argc]);
    }
    return err;
}

static void parses(const char *line)
{
    if (parse(line, NULL, 0) != 0)
        fail_msg("%s: %s", line, o.why);
}

/* The message has to name option and value, and to say what is allowed. */
static void refused(const char *line, const char *option, const char *value, const char *allowed)
{
    assert_int_equal(parse(line, NULL, 0), -EINVAL);
    if (strstr(o.why, option) == NULL || strstr(o.why, value) == NULL || strstr(o.why, allowed) == NULL)
        fail_msg("%s: the message is: %s", line, o.why);
    assert_null(strchr(o.why, '\n'));
}

static void both_forms_are_taken_and_the_rest_is_left(void **state)
{
    char left[256];
    assert_int_equal(
        parse("--tcp 7 --dev tap:plx0 -v --ip=10.0.0.2/24 file --workers=2 --mode=x -- --dev bad", left,
              sizeof(left)),
        0);
    assert_string_equal(left, "--tcp 7 -v file --mode=x -- --dev bad");
    assert_string_equal(o.dev[0].dev, "tap:plx0");
    assert_int_equal(o.n_devs, 1);
    assert_int_equal(ip_addr_get_v4(&o.dev[0].ip[0].addr), inet_addr("10.0.0.2"));
    assert_int_equal(o.dev[0].ip[0].prefix_len, 24);
    assert_int_equal(o.workers, 2);
}

static void names_only_match_whole(void **state)
{
    char left[256];
    assert_int_equal(parse("--device x --ips y -dev z --i", left, sizeof(left)), 0);
    assert_string_equal(left, "--device x --ips y -dev z --i");
}

static void each_option_lands_in_its_place(void **state)
{
    parses("--dev tap:a --ip 10.0.0.2/24 --ip 10.0.0.3/24 --gw 10.0.0.1 --mac 02:aB:00:00:00:09 --mtu 9000 "
           "--route 192.168.0.0/16,10.0.0.254 --impair loss=1%,seed=7 --set offload=off --eal -v "
           "--dev af_packet:b --ip 10.1.0.2/16 --mtu 1280");
    const uint8_t mac[6] = {2, 0xab, 0, 0, 0, 9};
    assert_int_equal(o.n_devs, 2);
    assert_int_equal(o.dev[0].n_ips, 2);
    assert_memory_equal(o.dev[0].mac, mac, 6);
    assert_int_equal(o.dev[0].mtu, 9000);
    assert_true(o.dev[0].has_impair);
    assert_int_equal(o.dev[0].impair.seed, 7);
    assert_int_equal(o.dev[1].mtu, 1280);
    assert_false(o.dev[1].has_mac);
    assert_int_equal(o.n_routes, 2);
    assert_int_equal(o.route[0].prefix_len, 0);
    assert_int_equal(o.route[1].prefix_len, 16);
    assert_int_equal(o.tun.offload, 0);
    assert_string_equal(o.eal, "-v");
    assert_int_equal(options_finish(&o), 0);
}

static void options_of_a_wire_may_come_before_it(void **state)
{
    parses("--ip 10.0.0.2/24 --mtu 1400 --dev tap:a");
    assert_int_equal(o.dev[0].n_ips, 1);
    assert_int_equal(o.dev[0].mtu, 1400);
    assert_int_equal(options_finish(&o), 0);
}

static void wrong_addresses_are_refused(void **state)
{
    static const char *const bad[] = {
        "10.0.0.256/24",  "10.0.0.2",     "10.0.0.2/",     "10.0.0.2/33",
        "10.0.0.2/0",     "10.0.0.2/-1",  "10.0.0.2/024x", "10.0.0/24",
        "10.0.0.2.3/24",  "a.b.c.d/24",   "/24",           "0x0a.0.0.2/24",
        "10.0.0.2/24/24", "10.0.0.2/ 24", "::1/64",        "1234567890123456789/8",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options_init(&o);
        assert_int_equal(options_set(&o, "ip", bad[i]), -EINVAL);
        assert_non_null(strstr(o.why, bad[i]));
        assert_non_null(strstr(o.why, "10.0.0.2/24"));
    }
    refused("--ip 127.0.0.1/8", "--ip", "127.0.0.1/8", "unicast");
    refused("--ip 224.0.0.1/24", "--ip", "224.0.0.1/24", "unicast");
    refused("--ip 0.0.0.0/24", "--ip", "0.0.0.0/24", "unicast");
    refused("--ip 255.255.255.255/32", "--ip", "255.255.255.255/32", "unicast");
    refused("--ip 10.0.0.0/24", "--ip", "10.0.0.0/24", "network's own");
    refused("--ip 10.0.0.255/24", "--ip", "10.0.0.255/24", "broadcast");
    refused("--ip 10.0.0.2/24 --ip 10.0.0.2/16", "--ip", "10.0.0.2/16", "twice");
}

/* RFC 3021: both addresses of a /31 are hosts; a /32 is one. */
static void small_networks_have_hosts_at_their_ends(void **state)
{
    parses("--ip 10.0.0.0/31 --ip 10.0.0.1/31 --ip 10.9.9.255/32");
}

static void wrong_values_are_refused(void **state)
{
    refused("--mtu 50", "--mtu", "50", "68 to 9000");
    refused("--mtu 9001", "--mtu", "9001", "68 to 9000");
    refused("--mtu 1500x", "--mtu", "1500x", "68 to 9000");
    refused("--mtu=-1", "--mtu", "-1", "68 to 9000");
    refused("--mtu=", "--mtu", "", "empty");
    refused("--workers 0", "--workers", "0", "1 to 64");
    refused("--workers 65", "--workers", "65", "1 to 64");
    refused("--workers 99999999999999999999", "--workers", "99999", "1 to 64");
    refused("--mac 01:00:5e:00:00:01", "--mac", "01:00", "unicast");
    refused("--mac 00:00:00:00:00:00", "--mac", "00:00", "unicast");
    refused("--mac 02:00:00:00:00", "--mac", "02:00", "02:00:00:00:00:02");
    refused("--mac 02:00:00:00:00:0g", "--mac", "0g", "02:00:00:00:00:02");
    refused("--mac 02-00-00-00-00-02", "--mac", "02-00", "02:00:00:00:00:02");
    refused("--gw 10.0.0", "--gw", "10.0.0", "address");
    refused("--gw 0.0.0.0", "--gw", "0.0.0.0", "unicast");
    refused("--route 10.0.0.0/8", "--route", "10.0.0.0/8", "PREFIX,VIA");
    refused("--route 10.0.0.1/8,10.0.0.1", "--route", "10.0.0.1/8", "beyond its prefix");
    refused("--route 10.0.0.0/8,nowhere", "--route", "nowhere", "PREFIX,VIA");
    refused("--gw 10.0.0.1 --gw 10.0.0.2", "--gw", "10.0.0.2", "already");
    refused("--set foo", "--set", "foo", "KEY=VALUE");
    refused("--set no.such.key=1", "--set", "no.such.key=1", "");
    refused("--set offload=maybe", "--set", "offload=maybe", "on");
    refused("--dev tapx:a", "--dev", "tapx:a", "tap:");
    refused("--dev tap", "--dev", "tap", "tap:");
    refused("--impair loss=200%", "--impair", "loss=200%", "");
    refused("--impair los=1%", "--impair", "los=1%", "loss");
    refused("--dev", "--dev", "", "value");
}

static void what_is_missing_shows_at_the_end(void **state)
{
    parses("--ip 10.0.0.2/24");
    assert_int_equal(options_finish(&o), -EINVAL);
    assert_non_null(strstr(o.why, "--dev is missing"));
    parses("--dev tap:a");
    assert_int_equal(options_finish(&o), -EINVAL);
    assert_non_null(strstr(o.why, "--ip is missing"));
    parses("--dev tap:a --ip 10.0.0.2/24 --gw 10.0.1.1");
    assert_int_equal(options_finish(&o), -EINVAL);
    assert_non_null(strstr(o.why, "--gw 10.0.1.1"));
    parses("--dev tap:a --dev tap:b --ip 10.0.0.2/24");
    assert_int_equal(options_finish(&o), -EINVAL);
    assert_non_null(strstr(o.why, "tap:a"));
}

static void too_many_is_an_error(void **state)
{
    refused("--dev tap:a --dev tap:b --dev tap:c --dev tap:d --dev tap:e", "--dev", "tap:e", "at most 4");
    options_init(&o);
    for (int i = 1; i <= OPTIONS_IPS; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "10.0.0.%d/24", i);
        assert_int_equal(options_set(&o, "ip", ip), 0);
    }
    assert_int_equal(options_set(&o, "ip", "10.0.0.99/24"), -EINVAL);
    char longest[OPTIONS_TEXT + 20];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest, "vdev:", 5);
    assert_int_equal(options_set(&o, "dev", longest), -EINVAL);
}

/* A file with these lines; its path. */
static const char *file_with(const char *text)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/plx-options-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static int load(const char *text)
{
    const char *path = file_with(text);
    char line[128];
    snprintf(line, sizeof(line), "--config %s", path);
    int err = parse(line, NULL, 0);
    unlink(path);
    return err;
}

static void a_file_holds_the_same_options(void **state)
{
    if (load("# the server\n"
             "dev = tap:a\n"
             "ip = 10.0.0.2/24\n"
             "ip = 10.0.0.3/24   # another\n"
             "workers=3\n"
             "\n"
             "[set]\n"
             "offload = off\n"
             "net.ipv4.ip_default_ttl = 33\n") != 0)
        fail_msg("%s", o.why);
    assert_string_equal(o.dev[0].dev, "tap:a");
    assert_int_equal(o.dev[0].n_ips, 2);
    assert_int_equal(o.workers, 3);
    assert_int_equal(o.tun.offload, 0);
    assert_int_equal(o.tun.ip_default_ttl, 33);
}

static void a_wrong_file_is_told_with_its_name(void **state)
{
    assert_int_equal(parse("--config /nonexistent/plx.conf", NULL, 0), -ENOENT);
    assert_non_null(strstr(o.why, "/nonexistent/plx.conf"));
    assert_int_equal(parse("--config /tmp", NULL, 0), -EISDIR);
    assert_int_equal(load("ip = 10.0.0.256/24\n"), -EINVAL);
    assert_non_null(strstr(o.why, "/tmp/plx-options-"));
    assert_non_null(strstr(o.why, "10.0.0.256/24"));
    assert_int_equal(load("nothing = 1\n"), -EINVAL);
    assert_non_null(strstr(o.why, "nothing"));
    assert_int_equal(load("[devices]\ndev = tap:a\n"), -EINVAL);
    assert_non_null(strstr(o.why, "devices"));
    assert_int_equal(load("[set]\nno.such.key = 1\n"), -EINVAL);
    assert_int_equal(load("config = /tmp/other\n"), -EINVAL);
    assert_int_equal(load("this is no line of that kind\n"), -EINVAL);
}

static void the_environment_is_read_with_quotes(void **state)
{
    options_init(&o);
    assert_int_equal(options_parse_text(&o, "  --dev tap:a\t--ip '10.0.0.2/24' --eal=\"-v --foo 'x'\" "), 0);
    assert_string_equal(o.dev[0].dev, "tap:a");
    assert_string_equal(o.eal, "-v --foo 'x'");
    options_init(&o);
    assert_int_equal(options_parse_text(&o, "--port 7"), -EINVAL);
    assert_non_null(strstr(o.why, "PLX_OPTS"));
    assert_non_null(strstr(o.why, "--port"));
    options_init(&o);
    assert_int_equal(options_parse_text(&o, ""), 0);
}

static void usage_names_every_option(void **state)
{
    static const char *const names[] = {"--dev",    "--ip",      "--gw",     "--route", "--mac", "--mtu",
                                        "--impair", "--workers", "--config", "--set",   "--eal"};
    char text[8192] = "";
    FILE *f = fmemopen(text, sizeof(text), "w");
    options_usage(f);
    fclose(f);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_non_null(strstr(text, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_taken_and_the_rest_is_left),
        cmocka_unit_test(names_only_match_whole),
        cmocka_unit_test(each_option_lands_in_its_place),
        cmocka_unit_test(options_of_a_wire_may_come_before_it),
        cmocka_unit_test(wrong_addresses_are_refused),
        cmocka_unit_test(small_networks_have_hosts_at_their_ends),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(what_is_missing_shows_at_the_end),
        cmocka_unit_test(too_many_is_an_error),
        cmocka_unit_test(a_file_holds_the_same_options),
        cmocka_unit_test(a_wrong_file_is_told_with_its_name),
        cmocka_unit_test(the_environment_is_read_with_quotes),
        cmocka_unit_test(usage_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
