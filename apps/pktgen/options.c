/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KEYS         5
#define OWN          32
#define YEAR_SECONDS 31536000.0

/* As they are given. */
static struct {
    const char *rate, *count, *duration, *linger, *arp_wait, *stream_file, *replay, *speed, *map, *link_speed,
        *search, *seed, *record, *json;
    const char *field[STREAM_FIELDS], *key[KEYS];
    uint32_t burst, loop;
    bool rx, echo, relaxed, per_queue, quiet;
} given = {.loop = 1, .burst = 1};

static const struct app_option own[] = {
    {0, "rate", "RATE",
     "1Mpps, 250pps; 2Gbps (bits of the frames), 2Gbps-l1 (with what the\n"
     "link adds); 50% of the link; max (default 1kpps)",
     APP_TEXT, &given.rate, 0, 0, NULL},
    {0, "count", "N", "frames to send; with --rx alone, to receive", APP_TEXT, &given.count, 0, 0, NULL},
    {0, "duration", "TIME", "how long to send, or to receive: 10, 0.5, 250ms, 5m", APP_TEXT, &given.duration,
     0, 0, NULL},
    {0, "burst", "N", "frames that leave back to back (default 1)", APP_NUMBER, &given.burst, 1, 65536, NULL},
    {0, "rx", NULL, "receive: alone, or until the end of --duration when sending too", APP_FLAG, &given.rx, 0,
     0, NULL},
    {0, "echo", NULL, "send everything that is for us back to where it came from", APP_FLAG, &given.echo, 0,
     0, NULL},
    {0, "search", "PERCENT",
     "find the highest rate at which at most so many frames are lost on\n"
     "the way there and back (RFC 2544), in trials of --duration\n"
     "(default 2); the other side runs --echo",
     APP_TEXT, &given.search, 0, 0, NULL},
    {0, "stream", "FILE", "streams from a file; the fields below are their defaults", APP_TEXT,
     &given.stream_file, 0, 0, NULL},
    {0, "replay", "FILE", "frames of a capture (pcap, pcapng), as recorded or by --rate", APP_TEXT,
     &given.replay, 0, 0, NULL},
    {0, "speed", "FACTOR", "with --replay: so many times as fast as recorded", APP_TEXT, &given.speed, 0, 0,
     NULL},
    {0, "loop", "N", "with --replay: so many times, 0 for ever (default 1)", APP_NUMBER, &given.loop, 0,
     UINT32_MAX, NULL},
    {0, "map", "OLD=NEW,..", "with --replay: IPv4 addresses to be replaced", APP_TEXT, &given.map, 0, 0,
     NULL},
    {0, "record", "FILE", "what is sent and received, as pcapng", APP_TEXT, &given.record, 0, 0, NULL},
    {0, "json", "FILE", "the result; scripts/plot-pktgen draws it", APP_TEXT, &given.json, 0, 0, NULL},
    {0, "linger", "TIME", "how long to wait for answers in the end (default 300ms)", APP_TEXT, &given.linger,
     0, 0, NULL},
    {0, "arp-wait", "TIME", "how long to wait for ARP's answer (default 5)", APP_TEXT, &given.arp_wait, 0, 0,
     NULL},
    {0, "link-speed", "RATE", "what 50% is meant of (default: the link's own)", APP_TEXT, &given.link_speed,
     0, 0, NULL},
    {0, "seed", "N", "of what is random (default: another each time)", APP_TEXT, &given.seed, 0, 0, NULL},
    {0, "per-queue", NULL, "each second a line for each queue too", APP_FLAG, &given.per_queue, 0, 0, NULL},
    {0, "quiet", NULL, "only the summary", APP_FLAG, &given.quiet, 0, 0, NULL},
    {0, "relaxed", NULL,
     "sleep when there is nothing to do, as --set idle says; latencies then\n"
     "include waking up",
     APP_FLAG, &given.relaxed, 0, 0, NULL},
    {0},
};

/* The own options, then the keys and fields of streams, from their tables. */
static struct app_option all[OWN + KEYS + STREAM_FIELDS + 1];

static const struct app app = {
    .name = "plx-pktgen",
    .does = "packet generator and receiver on Pollux",
    .synopsis = "--dev WIRE --ip ADDR/PREFIX --dst ADDR [--rate RATE] [--count N] [--duration TIME]\n"
                "           [FIELD...] [--record FILE] [--json FILE]\n"
                "--dev WIRE --ip ADDR/PREFIX --stream FILE | --replay FILE [--rate RATE] ...\n"
                "--dev WIRE --ip ADDR/PREFIX --rx | --echo [--count N] [--duration TIME]\n"
                "--dev WIRE --ip ADDR/PREFIX --dst ADDR --search PERCENT",
    .about =
        "Sends frames made of fields, or of a capture, at an exact rate, and says what comes of them: in\n"
        "their payload travel a number and a time stamp, by which a second plx-pktgen (--rx), or this one\n"
        "when they come back (--echo at the other side, or ping), tells loss, order, duplicates, damage and\n"
        "latency. It answers ARP and ping for its own address. Each worker sends and receives on a queue of\n"
        "its own. SIGINT ends it, with a summary.\n"
        "\n"
        "A FIELD's value is one value, a range that is walked through (1000-2000, 1000-2000/10,\n"
        "10.9.0.0/24), chance (random, random:1000-2000) or a list (80,443).",
    .options = all,
    .notes = "Examples\n"
             "  plx-pktgen --dev af_packet:d0 --ip 10.9.0.2/24 --dst 10.9.0.1 --rate 20kpps --duration 5\n"
             "  plx-pktgen --dev memif:/tmp/w,server --ip 10.9.0.1/24 --rx\n"
             "  plx-pktgen --dev memif:/tmp/w --ip 10.9.0.2/24 --dst 10.9.0.1 --rate max --size imix \\\n"
             "      --sport 1024-65535 --src random:10.9.0.0/24 --duration 10 --json result.json\n"
             "  plx-pktgen --dev tap:plx0 --ip 10.9.0.2/24 --proto icmp --dst 10.9.0.1 --count 100\n"
             "  plx-pktgen --dev pci:0000:03:00.0 --ip 192.0.2.10/24 --replay trace.pcap --speed 2 \\\n"
             "      --map 10.0.0.1=192.0.2.10,10.0.0.2=192.0.2.20 --dst-mac 02:00:00:00:00:01\n"
             "\n"
             "A file of streams\n"
             "  [web]                   # any name; fields as above, share, and nothing else\n"
             "  proto = tcp\n"
             "  flags = syn\n"
             "  dport = 80,443\n"
             "  share = 3\n"
             "  [rest]\n"
             "  size = imix\n"
             "\n"
             "Exit status\n"
             "  0  all was done, or it was ended by SIGINT or SIGTERM and had no end of its own\n"
             "  1  the environment refused, nobody answered ARP, the rate was not reached, or the result is "
             "partial\n"
             "  2  a wrong option or value",
    .wires = true,
};

static struct run_config *config;
static double search_percent = -1;

/* ---- values ---- */

bool options_time(const char *text, uint64_t *ns)
{
    static const struct {
        const char *suffix;
        double scale;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"h", 3600}};
    size_t digits = strspn(text, "0123456789.");
    char number[32];

    if (digits == 0 || digits >= sizeof(number) || text[0] == '.')
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    char *dot = strchr(number, '.');
    if (dot != NULL && (strchr(dot + 1, '.') != NULL || dot[1] == '\0'))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        double seconds = strtod(number, NULL) * units[i].scale;
        if (strcmp(text + digits, units[i].suffix) != 0)
            continue;
        if (seconds < 1e-6 || seconds > YEAR_SECONDS)
            return false;
        *ns = (uint64_t)(seconds * 1e9 + 0.5);
        return true;
    }
    return false;
}

static int take_time(const char *option, const char *text, uint64_t standard, uint64_t *ns)
{
    *ns = standard;
    if (text == NULL || options_time(text, ns))
        return 0;
    return app_usage_error(&app, "--%s %s: TIME must be 1us to 365 days: 10, 0.5, 250ms, 5m, 2h", option,
                           text);
}

static int take_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    const struct field_type type = {FIELD_NUMBER, least, most};
    char why[FIELD_WHY];

    if (text == NULL || field_value_parse(text, &type, out, why))
        return 0;
    return app_usage_error(&app, "--%s %s: %s", option, text, why);
}

static int take_rate(const char *option, const char *text, struct rate *rate)
{
    char why[FIELD_WHY];

    if (rate_parse(rate, text, why, sizeof(why)))
        return 0;
    return app_usage_error(&app, "--%s %s: %s", option, text, why);
}

/* A number with a fraction, `least` to `most`. */
static int take_decimal(const char *option, const char *text, double least, double most, double *out)
{
    char *end;

    *out = strtod(text, &end);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= least && *out <= most)
        return 0;
    return app_usage_error(&app, "--%s %s: must be a number from %g to %g", option, text, least, most);
}

/* ---- what fits together ---- */

static const char *any_field(void)
{
    for (int i = 0; i < STREAM_FIELDS; i++)
        if (given.field[i] != NULL)
            return stream_fields[i].name;
    for (int i = 0; i < KEYS; i++)
        if (given.key[i] != NULL)
            return stream_keys[i].name;
    return NULL;
}

static int check_replay(void)
{
    static const struct {
        const char *name;
        const char **value;
    } needs[] = {{"speed", &given.speed}, {"map", &given.map}};

    for (int i = 0; i < 2; i++)
        if (given.replay == NULL && *needs[i].value != NULL)
            return app_usage_error(&app, "--%s: only together with --replay", needs[i].name);
    if (given.replay == NULL)
        return given.loop != 1 ? app_usage_error(&app, "--loop: only together with --replay") : 0;
    if (given.stream_file != NULL || given.search != NULL)
        return app_usage_error(&app, "--replay: not together with --%s",
                               given.search != NULL ? "search" : "stream");
    if (given.speed != NULL && given.rate != NULL)
        return app_usage_error(&app, "--speed: not together with --rate; one of them says how fast");
    for (int i = 0; i < STREAM_FIELDS; i++)
        if (given.field[i] != NULL && i != F_SRC_MAC && i != F_DST_MAC)
            return app_usage_error(&app,
                                   "--%s: not together with --replay, whose frames are as they were "
                                   "recorded; --map, --src-mac and --dst-mac change addresses",
                                   stream_fields[i].name);
    for (int i = 0; i < KEYS; i++)
        if (given.key[i] != NULL)
            return app_usage_error(&app, "--%s: not together with --replay", stream_keys[i].name);
    return 0;
}

static int check_modes(void)
{
    const struct {
        const char *name, *value;
    } sending[] = {{"rate", given.rate}, {"arp-wait", given.arp_wait}, {"link-speed", given.link_speed}};

    config->send = given.stream_file != NULL || given.replay != NULL || given.field[F_DST] != NULL ||
                   given.field[F_DST_MAC] != NULL || any_field() != NULL || given.search != NULL;
    config->receive = given.rx;
    config->echo = given.echo;
    if (!config->send && !given.rx && !given.echo)
        return app_usage_error(&app,
                               "nothing to do: --dst ADDR (or --stream, --replay) to send, --rx, or --echo");
    if (config->send && given.echo)
        return app_usage_error(&app,
                               "--echo: reflects only; what is to be sent is for the other side to say");
    for (int i = 0; i < 3; i++)
        if (!config->send && sending[i].value != NULL)
            return app_usage_error(&app, "--%s: there is nothing to send", sending[i].name);
    if (!config->send && given.burst != 1)
        return app_usage_error(&app, "--burst: there is nothing to send");
    if (given.search != NULL &&
        (given.rate != NULL || given.count != NULL || given.rx || given.record != NULL))
        return app_usage_error(&app, "--search: not together with --%s",
                               given.rate != NULL    ? "rate"
                               : given.count != NULL ? "count"
                               : given.rx            ? "rx"
                                                     : "record");
    return check_replay();
}

/* ---- into the configuration ---- */

static int read_streams(void)
{
    struct stream base;
    char why[STREAM_WHY];
    bool ok = true;

    stream_init(&base);
    for (int i = 0; ok && i < KEYS; i++)
        ok = given.key[i] == NULL || stream_set(&base, stream_keys[i].name, given.key[i], why);
    for (int i = 0; ok && i < STREAM_FIELDS; i++)
        ok = given.field[i] == NULL || stream_set(&base, stream_fields[i].name, given.field[i], why);
    if (ok && given.stream_file == NULL)
        ok = stream_check(&base, why);
    if (!ok) {
        stream_free(&base);
        return app_usage_error(&app, "--%s", why);
    }
    if (given.stream_file == NULL) {
        config->stream[0] = base;
        config->n_streams = 1;
        return 0;
    }
    config->n_streams = streams_load(config->stream, STREAMS_MAX, given.stream_file, &base, why);
    stream_free(&base);
    if (config->n_streams > 0)
        return 0;
    config->n_streams = 0;
    return app_usage_error(&app, "%s", why);
}

static int read_mac(enum stream_field f, bool *has, uint8_t mac[6])
{
    const struct field_type type = {FIELD_MAC, 0, 0};
    char why[FIELD_WHY];
    uint64_t value;

    if (given.field[f] == NULL)
        return 0;
    if (!field_value_parse(given.field[f], &type, &value, why))
        return app_usage_error(&app, "--%s %s: %s, with --replay", stream_fields[f].name, given.field[f],
                               why);
    *has = true;
    for (int i = 5; i >= 0; i--, value >>= 8)
        mac[i] = (uint8_t)value;
    return 0;
}

static int read_replay(void)
{
    struct replay_config *c = &config->replay;
    char why[REPLAY_WHY];
    int rc = 0;

    c->path = given.replay;
    c->loops = given.loop;
    config->recorded_pace = given.rate == NULL;
    config->speed = 1;
    if (given.speed != NULL)
        rc = take_decimal("speed", given.speed, 0.001, 1000000, &config->speed);
    if (rc == 0 && given.map != NULL && !replay_maps_parse(c, given.map, why))
        rc = app_usage_error(&app, "--map %s: %s", given.map, why);
    if (rc == 0)
        rc = read_mac(F_SRC_MAC, &c->has_src_mac, c->src_mac);
    if (rc == 0)
        rc = read_mac(F_DST_MAC, &c->has_dst_mac, c->dst_mac);
    if (rc != 0)
        return rc;
    struct replay *probe = replay_open(c, why); /* a wrong file is told before a wire is opened */
    if (probe == NULL)
        return app_failed(&app, "--replay %s", why);
    replay_close(probe);
    return 0;
}

static int read_times(void)
{
    int rc = take_time("duration", given.duration, given.search != NULL ? 2 * RUN_NS : RUN_FOREVER,
                       &config->duration);

    if (rc == 0)
        rc = take_time("linger", given.linger, 3 * RUN_NS / 10, &config->linger);
    if (rc == 0)
        rc = take_time("arp-wait", given.arp_wait, 5 * RUN_NS, &config->arp_wait);
    return rc;
}

static int read_rates(void)
{
    struct rate link = {0};
    int rc = 0;

    config->rate = (struct rate){.unit = RATE_PPS, .value = 1000};
    if (config->send && config->recorded_pace)
        config->rate = (struct rate){.unit = RATE_MAX};
    if (given.rate != NULL)
        rc = take_rate("rate", given.rate, &config->rate);
    if (rc == 0 && given.link_speed != NULL) {
        rc = take_rate("link-speed", given.link_speed, &link);
        if (rc == 0 && ((link.unit != RATE_BPS && link.unit != RATE_L1_BPS) || link.value < 1000000))
            rc = app_usage_error(&app, "--link-speed %s: must be bits, such as 10Gbps", given.link_speed);
        config->link_bps = link.value;
    }
    if (rc == 0 && given.search != NULL)
        rc = take_decimal("search", given.search, 0, 99, &search_percent);
    return rc;
}

static int read_rest(void)
{
    int rc;

    config->count = RUN_FOREVER;
    rc = take_number("count", given.count, 1, INT64_MAX, &config->count);
    while (getrandom(&config->seed, sizeof(config->seed), 0) != (ssize_t)sizeof(config->seed))
        ;
    if (rc == 0)
        rc = take_number("seed", given.seed, 0, UINT64_MAX, &config->seed);
    config->group = given.burst;
    config->relaxed = given.relaxed;
    config->per_queue = given.per_queue;
    config->quiet = given.quiet || given.search != NULL;
    config->record_path = given.record;
    config->json_path = given.json;
    return rc;
}

static int check(int n, char **operands)
{
    int rc =
        n > 0 ? app_usage_error(&app, "%s: takes no operands, only options", operands[0]) : check_modes();

    if (rc == 0)
        rc = read_rest();
    if (rc == 0)
        rc = read_times();
    if (rc == 0 && config->send)
        rc = config->n_streams == 0 && given.replay != NULL ? read_replay() : read_streams();
    if (rc == 0)
        rc = read_rates();
    return rc;
}

static void options_join(void)
{
    int n = 0;

    for (; own[n].name != NULL; n++)
        all[n] = own[n];
    for (int i = 0; stream_keys[i].name != NULL; i++)
        all[n++] = (struct app_option){.name = stream_keys[i].name,
                                       .value = stream_keys[i].value,
                                       .help = stream_keys[i].help,
                                       .type = APP_TEXT,
                                       .out = &given.key[i]};
    for (int i = 0; i < STREAM_FIELDS; i++)
        all[n++] = (struct app_option){.name = stream_fields[i].name,
                                       .value = stream_fields[i].value,
                                       .help = stream_fields[i].help,
                                       .type = APP_TEXT,
                                       .out = &given.field[i]};
}

int options_start(struct run_config *cfg, int argc, char **argv, double *most_lost)
{
    config = cfg;
    cfg->app = &app;
    options_join();
    int rc = app_start(&app, argc, argv, check);
    *most_lost = search_percent;
    return rc;
}
