/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool capture_read(struct capture *c, const char *path)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    struct pcap_pkthdr *h;
    const u_char *data;
    memset(c, 0, sizeof(*c));
    pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
    if (p == NULL || pcap_datalink(p) != DLT_EN10MB) {
        snprintf(c->why, sizeof(c->why), "%s: %.200s", path, p == NULL ? why : "not Ethernet");
        return false;
    }
    nsec_t first = 0;
    while (pcap_next_ex(p, &h, &data) == 1) {
        nsec_t at = (nsec_t)h->ts.tv_sec * NSEC_PER_SEC + (nsec_t)h->ts.tv_usec; /* nanoseconds */
        if (c->n == 0)
            first = at;
        c->frame = realloc(c->frame, (c->n + 1) * sizeof(*c->frame));
        struct capture_frame *f = &c->frame[c->n++];
        *f = (struct capture_frame){.at = at - first, .len = h->caplen, .bytes = malloc(h->caplen)};
        memcpy(f->bytes, data, h->caplen);
    }
    pcap_close(p);
    if (c->n == 0)
        snprintf(c->why, sizeof(c->why), "%s: no frames", path);
    return c->n != 0;
}

void capture_free(struct capture *c)
{
    for (unsigned i = 0; i < c->n; i++)
        free(c->frame[i].bytes);
    free(c->frame);
}

int flow_find(struct flow *flows, uint16_t ours, uint16_t peer)
{
    for (int i = 0; i < CAPTURE_FLOWS; i++) {
        if (flows[i].ours == 0) {
            flows[i].ours = ours;
            flows[i].peer = peer;
        }
        if (flows[i].ours == ours && flows[i].peer == peer)
            return i;
    }
    return -1;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Options with what differs by nature made equal. */
static void record_options(struct record *r, const struct segment *s, const struct flow *f)
{
    memcpy(r->opt, s->opt, s->n_opt);
    r->n_opt = s->n_opt;
    r->wscale = segment_wscale(s);
    for (unsigned i = 0; i < s->n_opt && s->opt[i] != 0;) {
        unsigned len = s->opt[i] == 1 ? 1 : i + 1 < s->n_opt ? s->opt[i + 1] : 0;
        if (len == 0 || i + len > s->n_opt)
            return;
        if (s->opt[i] == 8 && len == 10)
            memset(r->opt + i + 2, 0, 8);
        if (s->opt[i] == 3 && len == 3)
            r->opt[i + 2] = 0;
        for (unsigned k = i + 2; s->opt[i] == 5 && k + 4 <= i + len; k += 4)
            put32(r->opt + k, get32(s->opt + k) - f->peer_isn);
        r->has_sack |= s->opt[i] == 5;
        i += len;
    }
}

static void record_tcp(struct record *r, const struct segment *s, struct flow *flows)
{
    r->flow = flow_find(flows, s->sport, s->dport);
    if (r->flow < 0)
        return;
    struct flow *f = &flows[r->flow];
    uint32_t val, ecr;
    if ((s->flags & SEG_SYN) || !f->our_isn_known) {
        f->our_isn = s->flags & SEG_SYN ? s->seq : s->flags & SEG_RST ? 0 : s->seq - 1;
        f->our_isn_known = (s->flags & SEG_SYN) != 0;
    }
    r->has_ts = segment_timestamps(s, &val, &ecr);
    if (r->has_ts && !f->our_ts_known) {
        f->our_ts = val;
        f->our_ts_known = true;
    }
    r->kind = RECORD_TCP;
    r->flags = s->flags;
    r->seq = s->seq - f->our_isn;
    r->ack = s->flags & SEG_ACK ? s->ack - f->peer_isn : 0;
    r->len = s->len;
    r->window = s->window;
    r->urgent = s->urgent;
    r->tsval = r->has_ts ? val - f->our_ts : 0;
    r->tsecr = r->has_ts ? ecr : 0;
    record_options(r, s, f);
    r->broken = s->bad_checksum;
}

static void record_body(struct record *r, const uint8_t *p, uint32_t n)
{
    r->n_body = n;
    memcpy(r->body, p, n < sizeof(r->body) ? n : sizeof(r->body));
    for (uint32_t i = 0; i < n; i++)
        r->body_sum = r->body_sum * 31 + p[i];
}

void record_make(struct record *r, nsec_t at, const uint8_t *frame, uint32_t len, struct flow *flows)
{
    struct segment s;
    memset(r, 0, sizeof(*r));
    r->at = at;
    r->kind = RECORD_OTHER;
    r->wscale = -1;
    uint16_t type = len >= 14 ? (uint16_t)(frame[12] << 8 | frame[13]) : 0;
    if (type == 0x0806 && len >= 42) {
        r->kind = RECORD_ARP;
        record_body(r, frame + 14, 28);
        r->flags = frame[0] & 1; /* broadcast */
        return;
    }
    const uint8_t *ip = frame + 14;
    if (type != 0x0800 || len < 34)
        return;
    uint32_t ihl = (ip[0] & 15u) * 4, total = (uint32_t)ip[2] << 8 | ip[3];
    r->ttl = ip[8];
    r->tos = ip[1];
    r->df = (ip[6] & 0x40) != 0;
    r->more = (ip[6] & 0x20) != 0;
    r->offset = (uint16_t)((((uint32_t)ip[6] & 0x1f) << 8 | ip[7]) * 8);
    r->id = (uint16_t)(ip[4] << 8 | ip[5]);
    r->broken = inet_fold(inet_sum(0, ip, ihl)) != 0;
    if (segment_parse(ip, len - 14, &s) == NULL) {
        record_tcp(r, &s, flows);
        record_body(r, s.data, s.len);
    } else if (total >= ihl && total + 14 <= len) {
        r->kind = ip[9] == 17 ? RECORD_UDP : ip[9] == 1 ? RECORD_ICMP : RECORD_OTHER;
        record_body(r, ip + ihl, total - ihl);
    }
}

void record_print(const struct record *r, char *buf, size_t size)
{
    char flags[48];
    static const char *const name[] = {"TCP", "UDP", "ICMP", "ARP", "other"};
    size_t n = (size_t)snprintf(buf, size, "%10.6f ", (double)r->at / 1e9);
    if (r->kind == RECORD_TCP) {
        n += (size_t)snprintf(buf + n, size - n, "%s %u+%u ack %u win %u",
                              segment_flags_text(r->flags, flags, sizeof(flags)), r->seq, r->len, r->ack,
                              r->window);
        if (r->has_ts)
            n += (size_t)snprintf(buf + n, size - n, " ts %u %u", r->tsval, r->tsecr);
        for (unsigned i = 0; r->has_sack && i + 1 < r->n_opt; i++)
            if (r->opt[i] == 5 && r->opt[i + 1] >= 10)
                for (unsigned k = i + 2; k + 8 <= i + r->opt[i + 1] && n < size; k += 8)
                    n += (size_t)snprintf(buf + n, size - n, " sack %u:%u", get32(r->opt + k),
                                          get32(r->opt + k + 4));
        return;
    }
    n += (size_t)snprintf(buf + n, size - n, "%s %u bytes", name[r->kind], r->n_body);
    if (r->kind == RECORD_ARP)
        snprintf(buf + n, size - n, r->body[7] == 1 ? " request%s" : " reply%s",
                 r->flags & 1 ? ", broadcast" : "");
    else if (r->offset != 0 || r->more)
        snprintf(buf + n, size - n, ", fragment at %u%s", r->offset, r->more ? ", more" : "");
    else if (r->kind == RECORD_ICMP)
        snprintf(buf + n, size - n, ", type %u code %u", r->body[0], r->body[1]);
}
