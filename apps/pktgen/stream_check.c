/* SPDX-License-Identifier: BSD-3-Clause */
/* What fits together in a stream, and with the wire it goes out on; and files of streams. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pktgen/probe.h"
#include "pktgen/stream.h"
#include "wire/arp.h"
#include "wire/ether.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define TAG_LEN      4
#define ONE_BUFFER   2048 /* bytes of a frame in one packet buffer */
#define LINE_MAX_LEN 1024

static bool refuse(char why[STREAM_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char why[STREAM_WHY], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, STREAM_WHY, fmt, ap);
    va_end(ap);
    return false;
}

/* ---- sizes ---- */

static uint32_t link_headers(const struct stream *s)
{
    bool tagged = s->given[F_VLAN] || s->given[F_VLAN_PRIO];

    return (uint32_t)sizeof(struct ether_hdr) + (tagged ? TAG_LEN : 0);
}

uint32_t stream_headers(const struct stream *s)
{
    static const uint32_t transport[PROTOS] = {
        [PROTO_UDP] = sizeof(struct ip4_hdr) + sizeof(struct udp_hdr),
        [PROTO_TCP] = sizeof(struct ip4_hdr) + TCP_HDR_MIN,
        [PROTO_ICMP] = sizeof(struct ip4_hdr) + sizeof(struct icmp4_hdr),
        [PROTO_IP] = sizeof(struct ip4_hdr),
        [PROTO_ARP] = sizeof(struct arp_hdr),
        [PROTO_ETHER] = 0,
    };

    return link_headers(s) + transport[s->proto];
}

double stream_mean_size(const struct stream *s)
{
    const struct field *f = &s->field[F_SIZE];
    double sum = 0;

    if (f->mode != FIELD_LIST)
        return ((double)f->lo + (double)f->hi) / 2;
    for (uint64_t i = 0; i < f->count; i++)
        sum += (double)f->list[i];
    return sum / (double)f->count;
}

/* ---- before there is a wire ---- */

/* "udp and tcp" */
static const char *proto_list(uint8_t protos, char buf[64])
{
    size_t n = 0;

    buf[0] = '\0';
    for (int i = 0; i < PROTOS; i++)
        if (protos & 1 << i)
            n += (size_t)snprintf(buf + n, 64 - n, "%s%s", n > 0 ? ", " : "",
                                  stream_proto_name((enum stream_proto)i));
    return buf;
}

static bool checksum_fits(const struct stream *s, char why[STREAM_WHY])
{
    if (s->checksum == CHECKSUM_NONE && s->proto != PROTO_UDP)
        return refuse(why, "checksum none: proto %s cannot go without; only udp can",
                      stream_proto_name(s->proto));
    if (s->checksum == CHECKSUM_BAD && s->proto >= PROTO_IP)
        return refuse(why, "checksum bad: proto %s has none; udp, tcp and icmp have",
                      stream_proto_name(s->proto));
    if (s->checksum == CHECKSUM_BAD_IP && s->proto > PROTO_IP)
        return refuse(why, "checksum bad-ip: proto %s has no IP header", stream_proto_name(s->proto));
    return true;
}

bool stream_check(const struct stream *s, char why[STREAM_WHY])
{
    char list[64];
    uint32_t headers = stream_headers(s);

    for (int i = 0; i < STREAM_FIELDS; i++)
        if (s->given[i] && !(stream_fields[i].protos & 1 << s->proto))
            return refuse(why, "%s: proto %s has no such field; it is for %s", stream_fields[i].name,
                          stream_proto_name(s->proto), proto_list(stream_fields[i].protos, list));
    if (s->given[F_VLAN_PRIO] && !s->given[F_VLAN])
        return refuse(why, "vlan-prio: only together with vlan");
    if (field_least(&s->field[F_SIZE]) < headers)
        return refuse(why, "size %llu: the headers of proto %s%s take %u bytes",
                      (unsigned long long)field_least(&s->field[F_SIZE]), stream_proto_name(s->proto),
                      s->given[F_VLAN] ? " with a VLAN tag" : "", headers);
    if (s->proto != PROTO_ETHER && !s->given[F_DST])
        return refuse(why, "dst: is missing; proto %s needs a destination address",
                      stream_proto_name(s->proto));
    if (s->proto == PROTO_ETHER && !s->given[F_DST_MAC])
        return refuse(why, "dst-mac: is missing; proto ether needs it");
    return checksum_fits(s, why);
}

/* ---- with the wire ---- */

static uint64_t mac_value(const uint8_t mac[6])
{
    uint64_t v = 0;

    for (int i = 0; i < 6; i++)
        v = v << 8 | mac[i];
    return v;
}

bool stream_needs_mac(const struct stream *s)
{
    return !s->given[F_DST_MAC] && s->proto != PROTO_ARP;
}

/* A field that was not given takes the value; a copy of another's list is not needed for that. */
static void take_default(struct stream *s, enum stream_field f, uint64_t value)
{
    if (!s->given[f])
        s->field[f] = field_fixed(value);
}

bool stream_bind(struct stream *s, const struct plx_wire *wire, const uint8_t mac[6], char why[STREAM_WHY])
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint32_t most = wire->mtu + link_headers(s);
    uint64_t largest = field_greatest(&s->field[F_SIZE]);

    if (!wire->ether)
        return refuse(why, "--dev %s: has no Ethernet headers, which plx-pktgen needs", wire->name);
    if (largest > most)
        return refuse(why, "size %llu: --dev %s takes frames of up to %u bytes (MTU %u; see --mtu)",
                      (unsigned long long)largest, wire->name, most, wire->mtu);
    if (largest > ONE_BUFFER && !wire->multi_segment)
        return refuse(why, "size %llu: --dev %s takes frames of up to %u bytes, one buffer",
                      (unsigned long long)largest, wire->name, ONE_BUFFER);
    take_default(s, F_SRC, ntohl(wire->ip.s_addr));
    take_default(s, F_SRC_MAC, mac_value(wire->mac));
    take_default(s, F_ARP_SHA, field_first(&s->field[F_SRC_MAC]));
    take_default(s, F_DST_MAC, mac_value(s->proto == PROTO_ARP ? broadcast : mac));
    return true;
}

/* ---- files ---- */

static char *trimmed(char *text)
{
    size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        text[--n] = '\0';
    return text;
}

/* A line with the next stream's name, "[web]". */
static bool section_begin(struct stream *streams, int *n, int room, char *line, const struct stream *base,
                          char why[STREAM_WHY])
{
    size_t len = strlen(line);

    if (len < 3 || line[len - 1] != ']' || len - 2 >= STREAM_NAME)
        return refuse(why, "%.100s: a stream begins with [NAME], of at most %d characters", line,
                      STREAM_NAME - 1);
    if (*n == room)
        return refuse(why, "%.100s: more than %d streams", line, room);
    for (int i = 0; i < *n; i++)
        if (strncmp(streams[i].name, line + 1, len - 2) == 0 && streams[i].name[len - 2] == '\0')
            return refuse(why, "%.100s: a second stream of this name", line);
    if (!stream_copy(&streams[*n], base))
        return refuse(why, "out of memory");
    snprintf(streams[*n].name, STREAM_NAME, "%.*s", (int)len - 2, line + 1);
    (*n)++;
    return true;
}

static bool line_read(struct stream *streams, int *n, int room, char *text, const struct stream *base,
                      char why[STREAM_WHY])
{
    char *line, *equals;

    text[strcspn(text, "#")] = '\0';
    line = trimmed(text);
    if (*line == '\0')
        return true;
    if (*line == '[')
        return section_begin(streams, n, room, line, base, why);
    equals = strchr(line, '=');
    if (equals == NULL)
        return refuse(why, "%.100s: expects [NAME] or FIELD = VALUE", line);
    if (*n == 0)
        return refuse(why, "%.100s: stands before the first [NAME]", line);
    *equals = '\0';
    return stream_set(&streams[*n - 1], trimmed(line), trimmed(equals + 1), why);
}

int streams_load(struct stream *streams, int room, const char *path, const struct stream *base,
                 char why[STREAM_WHY])
{
    char text[LINE_MAX_LEN], clause[STREAM_WHY] = "";
    int n = 0, number = 0;
    bool ok = true;
    FILE *f = fopen(path, "r");

    if (f == NULL) {
        refuse(why, "--stream %.200s: %s", path, strerror(errno));
        return -1;
    }
    while (ok && fgets(text, sizeof(text), f) != NULL) {
        number++;
        ok = strchr(text, '\n') != NULL || feof(f) ? line_read(streams, &n, room, text, base, clause)
                                                   : refuse(clause, "the line is too long");
    }
    fclose(f);
    if (!ok)
        refuse(why, "%.150s:%d: %.450s", path, number, clause);
    else if (n == 0)
        ok = refuse(why, "--stream %.200s: no stream in it; one begins with [NAME]", path);
    for (int i = 0; ok && i < n; i++) {
        ok = stream_check(&streams[i], clause);
        if (!ok)
            refuse(why, "%.150s: stream %s: %.400s", path, streams[i].name, clause);
    }
    for (int i = 0; !ok && i < n; i++)
        stream_free(&streams[i]);
    return ok ? n : -1;
}
