/* SPDX-License-Identifier: BSD-3-Clause */
#include "pktgen/replay.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/ether.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define TAG_LEN   4
#define FRAME_MAX 65536
#define SECOND    UINT64_C(1000000000)

struct replay {
    const struct replay_config *c;
    pcap_t *pcap;
    uint32_t round;
    uint64_t frames;      /* of this round */
    uint64_t first, last; /* time stamps of this round, ns */
    uint64_t base;        /* when this round begins, ns after the first frame of all */
    uint64_t cut, large;
    char why[REPLAY_WHY];
    uint8_t frame[FRAME_MAX];
};

bool replay_maps_parse(struct replay_config *c, const char *text, char why[REPLAY_WHY])
{
    for (;;) {
        size_t len = strcspn(text, ",");
        char pair[64], *equals;
        struct replay_map *m = &c->map[c->n_maps];

        snprintf(pair, sizeof(pair), "%.*s", (int)len, text);
        equals = strchr(pair, '=');
        if (equals != NULL)
            *equals = '\0';
        if (equals == NULL || len >= sizeof(pair) || c->n_maps == REPLAY_MAPS ||
            inet_pton(AF_INET, pair, &m->from) != 1 || inet_pton(AF_INET, equals + 1, &m->to) != 1) {
            snprintf(why, REPLAY_WHY, "must be OLD=NEW[,OLD=NEW...] with IPv4 addresses, at most %d",
                     REPLAY_MAPS);
            return false;
        }
        c->n_maps++;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

/* ---- the file ---- */

static bool file_open(struct replay *r)
{
    char error[PCAP_ERRBUF_SIZE];

    r->pcap = pcap_open_offline_with_tstamp_precision(r->c->path, PCAP_TSTAMP_PRECISION_NANO, error);
    if (r->pcap == NULL) {
        /* libpcap names the file in some of its messages. */
        size_t n = strlen(r->c->path);
        const char *reason = strncmp(error, r->c->path, n) == 0 && error[n] == ':' ? error + n + 2 : error;
        snprintf(r->why, sizeof(r->why), "%.200s: %.250s", r->c->path, reason);
        return false;
    }
    if (pcap_datalink(r->pcap) != DLT_EN10MB) {
        const char *name = pcap_datalink_val_to_name(pcap_datalink(r->pcap));
        snprintf(r->why, sizeof(r->why),
                 "%.200s: holds frames of link type %s; only Ethernet can be replayed", r->c->path,
                 name != NULL ? name : "unknown to libpcap");
        return false;
    }
    return true;
}

struct replay *replay_open(const struct replay_config *c, char why[REPLAY_WHY])
{
    struct replay *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        snprintf(why, REPLAY_WHY, "out of memory");
        return NULL;
    }
    r->c = c;
    if (!file_open(r)) {
        memcpy(why, r->why, REPLAY_WHY);
        replay_close(r);
        return NULL;
    }
    return r;
}

void replay_close(struct replay *r)
{
    if (r == NULL)
        return;
    if (r->pcap != NULL)
        pcap_close(r->pcap);
    free(r);
}

const char *replay_why(const struct replay *r)
{
    return r->why;
}

void replay_skipped(const struct replay *r, uint64_t *cut, uint64_t *large)
{
    *cut = r->cut;
    *large = r->large;
}

/* ---- addresses ---- */

static uint32_t mapped(const struct replay_config *c, uint32_t address)
{
    for (uint32_t i = 0; i < c->n_maps; i++)
        if (c->map[i].from == address)
            return c->map[i].to;
    return address;
}

/* Rewrites the address at `at`, and the checksums that cover it (NULL: none). */
static void map_at(const struct replay_config *c, uint8_t *at, uint8_t *ip_check, uint8_t *check)
{
    uint8_t *const checks[] = {ip_check, check};
    uint32_t old, new;

    memcpy(&old, at, 4);
    new = mapped(c, old);
    if (new == old)
        return;
    memcpy(at, &new, 4);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t sum;
        if (checks[i] == NULL)
            continue;
        memcpy(&sum, checks[i], 2);
        sum = checksum_update32(sum, old, new);
        memcpy(checks[i], &sum, 2);
    }
}

static void map_ip(const struct replay_config *c, uint8_t *ip, uint32_t len)
{
    uint32_t ihl = (ip[0] & 0xfu) * 4;
    uint8_t *check = NULL;
    uint16_t fragment;

    if (len < sizeof(struct ip4_hdr) || ip[0] >> 4 != 4 || ihl < sizeof(struct ip4_hdr) || len < ihl)
        return;
    memcpy(&fragment, ip + 6, 2);
    if ((fragment & htons(IP4_OFFSET_MASK)) == 0) {
        if (ip[9] == IPPROTO_UDP && len >= ihl + sizeof(struct udp_hdr) && (ip[ihl + 6] | ip[ihl + 7]) != 0)
            check = ip + ihl + UDP_CHECKSUM_OFFSET;
        else if (ip[9] == IPPROTO_TCP && len >= ihl + TCP_HDR_MIN)
            check = ip + ihl + TCP_CHECKSUM_OFFSET;
    }
    map_at(c, ip + 12, ip + 10, check);
    map_at(c, ip + 16, ip + 10, check);
    if (check != NULL && ip[9] == IPPROTO_UDP && (check[0] | check[1]) == 0)
        memset(check, 0xff, 2); /* RFC 768: zero would say that there is none */
}

static void rewrite(const struct replay_config *c, uint8_t *frame, uint32_t len)
{
    uint32_t l3 = sizeof(struct ether_hdr);
    uint16_t type;

    if (len < l3)
        return;
    if (c->has_dst_mac)
        memcpy(frame, c->dst_mac, 6);
    if (c->has_src_mac)
        memcpy(frame + 6, c->src_mac, 6);
    memcpy(&type, frame + 12, 2);
    if (type == htons(ETHER_TYPE_VLAN) && len >= l3 + TAG_LEN) {
        memcpy(&type, frame + 16, 2);
        l3 += TAG_LEN;
    }
    if (c->n_maps == 0)
        return;
    if (type == htons(ETHER_TYPE_IP4)) {
        map_ip(c, frame + l3, len - l3);
    } else if (type == htons(ETHER_TYPE_ARP) && len >= l3 + sizeof(struct arp_hdr)) {
        map_at(c, frame + l3 + offsetof(struct arp_hdr, spa), NULL, NULL);
        map_at(c, frame + l3 + offsetof(struct arp_hdr, tpa), NULL, NULL);
    }
}

/* ---- frames ---- */

/* The first frame of a further round comes one mean gap after the last of the one before. */
static bool round_begin(struct replay *r)
{
    uint64_t span = r->last - r->first;
    uint64_t gap = r->frames > 1 ? span / (r->frames - 1) : 0;

    r->base += span + gap;
    r->frames = 0;
    pcap_close(r->pcap);
    r->pcap = NULL;
    return file_open(r);
}

static bool frame_usable(struct replay *r, const struct pcap_pkthdr *h)
{
    if (h->caplen < h->len) {
        r->cut++;
        return false;
    }
    if (h->len > r->c->largest || h->len > FRAME_MAX || h->len < sizeof(struct ether_hdr)) {
        r->large++;
        return false;
    }
    return true;
}

/* Time stamps that run backwards count as no time. */
static uint64_t frame_due(struct replay *r, const struct pcap_pkthdr *h)
{
    uint64_t ts = (uint64_t)h->ts.tv_sec * SECOND + (uint64_t)h->ts.tv_usec; /* ns, as asked for */

    if (r->frames++ == 0)
        r->first = r->last = ts;
    if (ts > r->last)
        r->last = ts;
    return r->base + (r->last - r->first);
}

enum replay_next replay_frame(struct replay *r, const uint8_t **bytes, uint32_t *len, uint64_t *due)
{
    struct pcap_pkthdr *h;
    const u_char *data;

    for (;;) {
        int rc = pcap_next_ex(r->pcap, &h, &data);
        if (rc == 1) {
            if (!frame_usable(r, h))
                continue;
            memcpy(r->frame, data, h->len);
            rewrite(r->c, r->frame, h->len);
            *bytes = r->frame;
            *len = h->len;
            *due = frame_due(r, h);
            return REPLAY_FRAME;
        }
        if (rc != PCAP_ERROR_BREAK) {
            snprintf(r->why, sizeof(r->why), "%.200s: damaged after frame %llu: %.200s", r->c->path,
                     (unsigned long long)(r->frames + r->cut + r->large), pcap_geterr(r->pcap));
            return REPLAY_BROKEN;
        }
        r->round++;
        if (r->frames == 0) {
            snprintf(r->why, sizeof(r->why), "%.200s: holds no frame that can be sent", r->c->path);
            return REPLAY_BROKEN;
        }
        if (r->c->loops != 0 && r->round >= r->c->loops)
            return REPLAY_END;
        if (!round_begin(r))
            return REPLAY_BROKEN;
    }
}
