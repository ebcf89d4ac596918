/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define UDP  (1 << PROTO_UDP)
#define TCP  (1 << PROTO_TCP)
#define ICMP (1 << PROTO_ICMP)
#define IP   (UDP | TCP | ICMP | 1 << PROTO_IP)
#define ARP  (1 << PROTO_ARP)
#define ALL  ((1 << PROTOS) - 1)
#define N(lo, hi)                                                                                            \
    {                                                                                                        \
        FIELD_NUMBER, lo, hi                                                                                 \
    }
#define IP_ADDR                                                                                              \
    {                                                                                                        \
        FIELD_IP, 0, UINT32_MAX                                                                              \
    }
#define MAC                                                                                                  \
    {                                                                                                        \
        FIELD_MAC, 0, (UINT64_C(1) << 48) - 1                                                                \
    }

#define EXPERIMENTAL_ETHERTYPE 0x88b5 /* IEEE 802: local experimental */
#define EXPERIMENTAL_PROTO     253    /* RFC 3692 */
#define DISCARD_PORT           9
#define FIRST_PRIVATE_PORT     49152

static const char *const proto_names[PROTOS] = {"udp", "tcp", "icmp", "ip", "arp", "ether"};

/* Layer, offset, width, mask, shift, sums, standard value. */
const struct stream_field_info stream_fields[STREAM_FIELDS] = {
    [F_SIZE] = {"size", "BYTES",
                "of the frame without its check sequence, as captures show it (default 64),\n"
                "or imix: 7 of 64, 4 of 590, 1 of 1514",
                N(1, STREAM_SIZE_MAX), ALL, LAYER_NONE, 0, 0, 0, 0, 0, 64},
    [F_DST_MAC] = {"dst-mac", "MAC",
                   "where frames go (default: whoever answers ARP for the first dst, or\nits gateway)", MAC,
                   ALL, LAYER_LINK, 0, 6, 0, 0, 0, 0},
    [F_SRC_MAC] = {"src-mac", "MAC", "(default: ours)", MAC, ALL, LAYER_LINK, 6, 6, 0, 0, 0, 0},
    [F_VLAN] = {"vlan", "ID", "an 802.1Q tag", N(0, 4095), ALL, LAYER_LINK, 14, 2, 0x0fff, 0, 0, 0},
    [F_VLAN_PRIO] = {"vlan-prio", "0-7", "its priority", N(0, 7), ALL, LAYER_LINK, 14, 2, 0xe000, 13, 0, 0},
    [F_ETHERTYPE] = {"ethertype", "TYPE", "proto ether (default 0x88b5)", N(0x0600, 0xffff), 1 << PROTO_ETHER,
                     LAYER_NET, -2, 2, 0xffff, 0, 0, EXPERIMENTAL_ETHERTYPE},
    [F_SRC] = {"src", "ADDR", "(default: --ip); proto arp: the sender", IP_ADDR, IP | ARP, LAYER_NET, 12, 4,
               0, 0, SUM_IP | SUM_TRANSPORT, 0},
    [F_DST] = {"dst", "ADDR", "destination; proto arp: the target", IP_ADDR, IP | ARP, LAYER_NET, 16, 4, 0, 0,
               SUM_IP | SUM_TRANSPORT, 0},
    [F_TTL] = {"ttl", "0-255", "(default 64)", N(0, 255), IP, LAYER_NET, 8, 2, 0xff00, 8, SUM_IP, 64},
    [F_TOS] = {"tos", "0-255", "", N(0, 255), IP, LAYER_NET, 0, 2, 0x00ff, 0, SUM_IP, 0},
    [F_IP_ID] = {"ip-id", "0-65535", "", N(0, 65535), IP, LAYER_NET, 4, 2, 0xffff, 0, SUM_IP, 0},
    [F_FRAGMENT] = {"fragment", "0-65535", "flags and offset of IP (default 0x4000: don't fragment)",
                    N(0, 65535), IP, LAYER_NET, 6, 2, 0xffff, 0, SUM_IP, IP4_DF},
    [F_IP_PROTO] = {"ip-proto", "0-255", "proto ip (default 253)", N(0, 255), 1 << PROTO_IP, LAYER_NET, 8, 2,
                    0x00ff, 0, SUM_IP, EXPERIMENTAL_PROTO},
    [F_SPORT] = {"sport", "PORT", "(default 49152)", N(0, 65535), UDP | TCP, LAYER_TRANSPORT, 0, 2, 0xffff, 0,
                 SUM_TRANSPORT, FIRST_PRIVATE_PORT},
    [F_DPORT] = {"dport", "PORT", "(default 9, discard)", N(0, 65535), UDP | TCP, LAYER_TRANSPORT, 2, 2,
                 0xffff, 0, SUM_TRANSPORT, DISCARD_PORT},
    [F_SEQ] = {"seq", "N", "of TCP", N(0, UINT32_MAX), TCP, LAYER_TRANSPORT, 4, 4, 0, 0, SUM_TRANSPORT, 0},
    [F_ACK] = {"ack", "N", "of TCP", N(0, UINT32_MAX), TCP, LAYER_TRANSPORT, 8, 4, 0, 0, SUM_TRANSPORT, 0},
    [F_FLAGS] = {"flags",
                 "FLAGS",
                 "of TCP: fin syn rst psh ack urg ece cwr, joined by + (default ack)",
                 {FIELD_FLAGS, 0, 255},
                 TCP,
                 LAYER_TRANSPORT,
                 12,
                 2,
                 0x00ff,
                 0,
                 SUM_TRANSPORT,
                 TCP_ACK},
    [F_WINDOW] = {"window", "N", "of TCP (default 65535)", N(0, 65535), TCP, LAYER_TRANSPORT, 14, 2, 0xffff,
                  0, SUM_TRANSPORT, 65535},
    [F_URGENT] = {"urgent", "N", "of TCP", N(0, 65535), TCP, LAYER_TRANSPORT, 18, 2, 0xffff, 0, SUM_TRANSPORT,
                  0},
    [F_ICMP_TYPE] = {"icmp-type", "0-255", "(default 8, echo request)", N(0, 255), ICMP, LAYER_TRANSPORT, 0,
                     2, 0xff00, 8, SUM_TRANSPORT, ICMP4_ECHO_REQUEST},
    [F_ICMP_CODE] = {"icmp-code", "0-255", "", N(0, 255), ICMP, LAYER_TRANSPORT, 0, 2, 0x00ff, 0,
                     SUM_TRANSPORT, 0},
    [F_ICMP_ID] = {"icmp-id", "0-65535", "", N(0, 65535), ICMP, LAYER_TRANSPORT, 4, 2, 0xffff, 0,
                   SUM_TRANSPORT, 1},
    [F_ICMP_SEQ] = {"icmp-seq", "0-65535", "(default: counts)", N(0, 65535), ICMP, LAYER_TRANSPORT, 6, 2,
                    0xffff, 0, SUM_TRANSPORT, 0},
    [F_ARP_OP] = {"arp-op", "N", "1 request (default), 2 reply", N(0, 65535), ARP, LAYER_NET, 6, 2, 0xffff, 0,
                  0, ARP_OP_REQUEST},
    [F_ARP_SHA] = {"arp-sha", "MAC", "the sender's (default: src-mac)", MAC, ARP, LAYER_NET, 8, 6, 0, 0, 0,
                   0},
    [F_ARP_THA] = {"arp-tha", "MAC", "the target's (default: zero)", MAC, ARP, LAYER_NET, 18, 6, 0, 0, 0, 0},
};

const struct stream_key stream_keys[] = {
    {"proto", "PROTO", "udp (default), tcp, icmp, ip, arp, ether"},
    {"payload", "PATTERN",
     "zero (default), ff, count, random, text:STRING, hex:0A1B..., file:PATH; repeated to fill"},
    {"checksum", "KIND", "good (default), bad (of the transport), bad-ip, none (UDP)"},
    {"probe", "on|off", "number and time stamp in the payload, where it has 20 bytes (default on)"},
    {"share", "N", "of a file's streams: how often it has its turn (default 1)"},
    {0},
};

const char *stream_proto_name(enum stream_proto p)
{
    return proto_names[p];
}

/* ---- life ---- */

void stream_init(struct stream *s)
{
    memset(s, 0, sizeof(*s));
    s->share = 1;
    for (int i = 0; i < STREAM_FIELDS; i++)
        s->field[i] = field_fixed(stream_fields[i].standard);
    s->field[F_ICMP_SEQ] =
        (struct field){.mode = FIELD_STEP, .hi = 65535, .step = 1, .count = 65536, .stride = 1};
}

void stream_free(struct stream *s)
{
    for (int i = 0; i < STREAM_FIELDS; i++)
        field_free(&s->field[i]);
    free(s->payload);
    s->payload = NULL;
}

bool stream_copy(struct stream *to, const struct stream *from)
{
    bool ok = true;

    *to = *from;
    for (int i = 0; i < STREAM_FIELDS; i++)
        ok &= field_copy(&to->field[i], &from->field[i]);
    if (from->payload != NULL) {
        to->payload = malloc(from->payload_len);
        ok &= to->payload != NULL;
        if (to->payload != NULL)
            memcpy(to->payload, from->payload, from->payload_len);
    }
    return ok;
}

/* ---- setting ---- */

/* 12 frames of the simple IMIX, their sizes spread evenly. */
static bool set_imix(struct stream *s)
{
    static const uint16_t sizes[] = {64, 590, 64, 64, 590, 64, 1514, 64, 590, 64, 590, 64};
    const uint64_t n = sizeof(sizes) / sizeof(sizes[0]);
    struct field f = {.mode = FIELD_LIST, .count = n, .stride = 1, .list = calloc(n, sizeof(uint64_t))};

    if (f.list == NULL)
        return false;
    for (uint64_t i = 0; i < n; i++)
        f.list[i] = sizes[i];
    field_free(&s->field[F_SIZE]);
    s->field[F_SIZE] = f;
    s->imix = true;
    return true;
}

static int word_index(const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static bool payload_own(struct stream *s, const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len);

    if (copy == NULL)
        return false;
    memcpy(copy, bytes, len);
    free(s->payload);
    s->payload = copy;
    s->payload_len = (uint32_t)len;
    return true;
}

static const char *payload_hex(struct stream *s, const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t bytes[STREAM_SIZE_MAX];

    if (n == 0 || strlen(hex) % 2 != 0 || n > sizeof(bytes) ||
        hex[strspn(hex, "0123456789abcdefABCDEF")] != '\0')
        return "hex: takes an even number of hexadecimal digits";
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return payload_own(s, bytes, n) ? NULL : "out of memory";
}

static const char *payload_file(struct stream *s, const char *path)
{
    uint8_t bytes[STREAM_SIZE_MAX];
    FILE *f = fopen(path, "rb");

    if (f == NULL)
        return "the file cannot be opened";
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || n == 0)
        return "the file cannot be read, or is empty";
    return payload_own(s, bytes, n) ? NULL : "out of memory";
}

/* NULL, or what is wrong. */
static const char *set_payload(struct stream *s, const char *value)
{
    static const char *const words[] = {"zero", "ff", "count", "random"};
    uint8_t bytes[STREAM_SIZE_MAX];
    int which = word_index(value, words, 4);

    if (strncmp(value, "text:", 5) == 0 && value[5] != '\0')
        return payload_own(s, value + 5, strlen(value + 5)) ? NULL : "out of memory";
    if (strncmp(value, "hex:", 4) == 0)
        return payload_hex(s, value + 4);
    if (strncmp(value, "file:", 5) == 0)
        return payload_file(s, value + 5);
    if (which < 0)
        return "must be zero, ff, count, random, text:STRING, hex:DIGITS or file:PATH";
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = which == 0   ? 0
                   : which == 1 ? 0xff
                   : which == 2 ? (uint8_t)i
                                : (uint8_t)(hash_mix(i + 1, UINT64_C(0x9e3779b97f4a7c15)) >> 17);
    return payload_own(s, bytes, which < 2 ? 64 : which == 2 ? 256 : sizeof(bytes)) ? NULL : "out of memory";
}

/* NULL, or what is wrong; "" when it is no key. */
static const char *set_key(struct stream *s, const char *name, const char *value)
{
    static const char *const checksums[] = {"good", "bad", "bad-ip", "none"};
    static const char *const switches[] = {"on", "off"};
    const struct field_type share = {FIELD_NUMBER, 1, 1000};
    char why[FIELD_WHY];
    uint64_t n;
    int i;

    if (strcmp(name, "proto") == 0) {
        if ((i = word_index(value, proto_names, PROTOS)) < 0)
            return "must be one of udp, tcp, icmp, ip, arp, ether";
        s->proto = (enum stream_proto)i;
        return NULL;
    }
    if (strcmp(name, "checksum") == 0) {
        if ((i = word_index(value, checksums, 4)) < 0)
            return "must be one of good, bad, bad-ip, none";
        s->checksum = (enum stream_checksum)i;
        return NULL;
    }
    if (strcmp(name, "probe") == 0) {
        if ((i = word_index(value, switches, 2)) < 0)
            return "must be on or off";
        s->no_probe = i == 1;
        return NULL;
    }
    if (strcmp(name, "share") == 0) {
        if (!field_value_parse(value, &share, &n, why))
            return "must be a number from 1 to 1000";
        s->share = (uint32_t)n;
        return NULL;
    }
    return strcmp(name, "payload") == 0 ? set_payload(s, value) : "";
}

static int field_by_name(const char *name)
{
    for (int i = 0; i < STREAM_FIELDS; i++)
        if (strcmp(stream_fields[i].name, name) == 0)
            return i;
    return -1;
}

bool stream_set(struct stream *s, const char *name, const char *value, char why[STREAM_WHY])
{
    const char *wrong = set_key(s, name, value);
    char clause[FIELD_WHY] = "";
    struct field f;

    if (wrong == NULL)
        return true;
    if (*wrong != '\0') {
        snprintf(why, STREAM_WHY, "%s %.200s: %s", name, value, wrong);
        return false;
    }
    int i = field_by_name(name);
    if (i < 0) {
        snprintf(why, STREAM_WHY, "%s: there is no such field (plx-pktgen --help lists them)", name);
        return false;
    }
    if (i == F_SIZE && strcmp(value, "imix") == 0) {
        s->given[i] = set_imix(s);
        return s->given[i];
    }
    if (!field_parse(&f, value, &stream_fields[i].type, clause)) {
        snprintf(why, STREAM_WHY, "%s %.200s: %s%s", name, value, clause, i == F_SIZE ? "; or imix" : "");
        return false;
    }
    field_free(&s->field[i]);
    s->field[i] = f;
    s->given[i] = true;
    s->imix &= i != F_SIZE;
    return true;
}
