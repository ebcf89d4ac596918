/* SPDX-License-Identifier: BSD-3-Clause */
#include "segment.h"

#include <stdio.h>
#include <string.h>

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

uint32_t inet_sum(uint32_t sum, const uint8_t *p, size_t n)
{
    uint64_t s = sum;
    for (; n > 1; p += 2, n -= 2)
        s += get16(p);
    if (n != 0)
        s += (uint32_t)p[0] << 8;
    while (s >> 32)
        s = (s & 0xffffffff) + (s >> 32);
    return (uint32_t)s;
}

uint16_t inet_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint16_t tcp_checksum(const uint8_t *ip, const uint8_t *tcp, size_t len)
{
    uint8_t tail[4] = {0, 6, (uint8_t)(len >> 8), (uint8_t)len};
    return inet_fold(inet_sum(inet_sum(inet_sum(0, ip + 12, 8), tail, 4), tcp, len));
}

const char *segment_parse(const uint8_t *ip, size_t size, struct segment *out)
{
    if (size < 20 || ip[0] >> 4 != 4)
        return "not IPv4";
    size_t ihl = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2);
    if (ihl < 20 || total < ihl || total > size)
        return "IPv4 lengths do not fit";
    if (ip[9] != 6)
        return "not TCP";
    if ((get16(ip + 6) & 0x3fff) != 0)
        return "a fragment";
    const uint8_t *tcp = ip + ihl;
    size_t len = total - ihl;
    if (len < 20 || (size_t)(tcp[12] >> 4) * 4 < 20 || (size_t)(tcp[12] >> 4) * 4 > len)
        return "TCP header does not fit";
    size_t thl = (size_t)(tcp[12] >> 4) * 4;
    memset(out, 0, sizeof(*out));
    memcpy(&out->src, ip + 12, 4);
    memcpy(&out->dst, ip + 16, 4);
    out->tos = ip[1];
    out->ttl = ip[8];
    out->df = (ip[6] & 0x40) != 0;
    out->sport = get16(tcp);
    out->dport = get16(tcp + 2);
    out->seq = get32(tcp + 4);
    out->ack = get32(tcp + 8);
    out->flags = tcp[13];
    out->window = get16(tcp + 14);
    out->urgent = get16(tcp + 18);
    out->n_opt = (uint8_t)(thl - 20);
    memcpy(out->opt, tcp + 20, out->n_opt);
    out->len = (uint32_t)(len - thl);
    out->data = tcp + thl;
    out->bad_checksum = inet_fold(inet_sum(0, ip, ihl)) != 0 || tcp_checksum(ip, tcp, len) != 0;
    return NULL;
}

size_t segment_build(const struct segment *s, uint8_t *ip, size_t size)
{
    size_t n_opt = ((size_t)s->n_opt + 3) & ~(size_t)3, total = 40 + n_opt + s->len;
    if (total > size || total > SEGMENT_MAX || n_opt > 40)
        return 0;
    memset(ip, 0, 40 + n_opt);
    ip[0] = 0x45;
    ip[1] = s->tos;
    put16(ip + 2, (uint16_t)total);
    ip[6] = s->df ? 0x40 : 0;
    ip[8] = s->ttl != 0 ? s->ttl : 64;
    ip[9] = 6;
    memcpy(ip + 12, &s->src, 4);
    memcpy(ip + 16, &s->dst, 4);
    put16(ip + 10, inet_fold(inet_sum(0, ip, 20)));
    uint8_t *tcp = ip + 20;
    put16(tcp, s->sport);
    put16(tcp + 2, s->dport);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)((20 + n_opt) / 4 << 4);
    tcp[13] = s->flags;
    put16(tcp + 14, s->window);
    put16(tcp + 18, s->urgent);
    memcpy(tcp + 20, s->opt, s->n_opt);
    if (s->len != 0)
        memcpy(tcp + 20 + n_opt, s->data, s->len);
    put16(tcp + 16, tcp_checksum(ip, tcp, total - 20));
    if (s->bad_checksum)
        tcp[16] ^= 0x55;
    return total;
}

const char *segment_flags_text(uint8_t flags, char *buf, size_t size)
{
    static const char *const name[8] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    static const uint8_t order[8] = {1, 0, 2, 3, 5, 6, 7, 4}; /* as one says it: SYN ACK, FIN ACK, PSH ACK */
    size_t n = 0;
    buf[0] = 0;
    for (unsigned i = 0; i < 8 && n < size; i++)
        if (flags & 1u << order[i])
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n != 0 ? " " : "", name[order[i]]);
    if (n == 0)
        snprintf(buf, size, "-");
    return buf;
}

/* Finds option `kind` with exactly `len` bytes; its first byte, or NULL. */
static const uint8_t *option_find(const struct segment *s, uint8_t kind, uint8_t len)
{
    for (unsigned i = 0; i < s->n_opt && s->opt[i] != 0;) {
        if (s->opt[i] == 1) {
            i++;
            continue;
        }
        if (i + 2 > s->n_opt || s->opt[i + 1] < 2 || i + s->opt[i + 1] > s->n_opt)
            return NULL;
        if (s->opt[i] == kind && s->opt[i + 1] == len)
            return s->opt + i;
        i += s->opt[i + 1];
    }
    return NULL;
}

bool segment_timestamps(const struct segment *s, uint32_t *tsval, uint32_t *tsecr)
{
    const uint8_t *o = option_find(s, 8, 10);
    if (o == NULL)
        return false;
    *tsval = get32(o + 2);
    *tsecr = get32(o + 6);
    return true;
}

int segment_wscale(const struct segment *s)
{
    const uint8_t *o = option_find(s, 3, 3);
    return o == NULL ? -1 : o[2];
}
