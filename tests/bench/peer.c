/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"

#include <arpa/inet.h>
#include <string.h>

#define OFF_IP       14
#define OFF_TCP      34
#define WINDOW_SHIFT 7

static void put16(uint8_t *p, uint16_t v)
{
    v = htons(v);
    memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, 4);
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return ntohs(v);
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return ntohl(v);
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (n & 1)
        sum += (uint32_t)p[n - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static uint32_t client_ip(uint32_t i)
{
    return PEER_FIRST_IP + i / PEER_PORTS_PER_IP;
}

static uint16_t client_port(uint32_t i)
{
    return (uint16_t)(PEER_PORTS_PER_IP + i % PEER_PORTS_PER_IP);
}

/* Timestamps in every segment; in a SYN also what Linux offers, in Linux's order. Returns their length. */
static unsigned put_options(const struct peer *p, const struct peer_conn *c, uint8_t flags, uint8_t *o)
{
    static const uint8_t syn[] = {2, 4, 1460 >> 8, 1460 & 255, 4, 2, 8, 10};
    unsigned n = 0;
    if (flags & PEER_SYN) {
        memcpy(o, syn, sizeof(syn));
        n = sizeof(syn);
    } else {
        memcpy(o, "\x01\x01\x08\x0a", 4);
        n = 4;
    }
    put32(o + n, p->ts);
    put32(o + n + 4, c->ts_recent);
    n += 8;
    if (flags & PEER_SYN) {
        const uint8_t scale[] = {1, 3, 3, WINDOW_SHIFT};
        memcpy(o + n, scale, sizeof(scale));
        n += sizeof(scale);
    }
    return n;
}

uint16_t peer_segment(struct peer *p, uint32_t i, uint8_t flags, uint16_t payload, uint8_t *frame)
{
    struct peer_conn *c = &p->conn[i];
    uint8_t *ip = frame + OFF_IP, *tcp = frame + OFF_TCP;
    memcpy(frame, p->server_mac, 6);
    memcpy(frame + 6, p->mac, 6);
    put16(frame + 12, 0x0800);

    unsigned options = put_options(p, c, flags, tcp + 20);
    uint16_t tcp_len = (uint16_t)(20 + options + payload);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, (uint16_t)(20 + tcp_len));
    ip[6] = 0x40; /* DF */
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, client_ip(i));
    put32(ip + 16, PEER_SERVER_IP);
    put16(ip + 10, fold(sum_bytes(0, ip, 20)));

    put16(tcp, client_port(i));
    put16(tcp + 2, PEER_PORT);
    put32(tcp + 4, c->snd_nxt);
    put32(tcp + 8, flags & PEER_ACK ? c->rcv_nxt : 0);
    tcp[12] = (uint8_t)((20 + options) / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, 65535);
    put32(tcp + 16, 0);
    if (p->checksum)
        put16(tcp + 16, fold(sum_bytes(6u + tcp_len + sum_bytes(0, ip + 12, 8), tcp, tcp_len)));

    c->snd_nxt += payload + ((flags & PEER_SYN) != 0) + ((flags & PEER_FIN) != 0);
    return (uint16_t)(OFF_TCP + tcp_len);
}

void peer_segment_at(uint8_t *frame, uint32_t seq)
{
    uint8_t *tcp = frame + OFF_TCP;
    uint32_t was = get32(tcp + 4);
    uint32_t sum = (uint16_t)~get16(tcp + 16);
    sum += (uint16_t) ~(was >> 16) + (uint32_t)(uint16_t)~was + (seq >> 16) + (seq & 0xffff);
    put16(tcp + 16, fold(sum)); /* RFC 1624 equation 3 */
    put32(tcp + 4, seq);
}

/* The timestamps option, wherever it stands; and the server's window scale. */
static void take_options(struct peer *p, struct peer_conn *c, const uint8_t *o, unsigned n)
{
    for (unsigned at = 0; at < n && o[at] != 0;) {
        if (o[at] == 1) {
            at++;
            continue;
        }
        if (at + 1 >= n || o[at + 1] < 2)
            return;
        if (o[at] == 8 && at + 10 <= n)
            c->ts_recent = get32(o + at + 2);
        if (o[at] == 3)
            p->server_shift = o[at + 2];
        at += o[at + 1];
    }
}

bool peer_input(struct peer *p, const uint8_t *frame, uint16_t len, uint32_t *i)
{
    const uint8_t *ip = frame + OFF_IP, *tcp = frame + OFF_TCP;
    if (len < OFF_TCP + 20 || get16(frame + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != 6)
        return false;
    *i = (get32(ip + 16) - PEER_FIRST_IP) * PEER_PORTS_PER_IP + (get16(tcp + 2) - PEER_PORTS_PER_IP);
    if (*i >= p->n)
        return false;
    struct peer_conn *c = &p->conn[*i];
    unsigned header = (tcp[12] >> 4) * 4u;
    unsigned payload = get16(ip + 2) - 20u - header;
    uint32_t seq = get32(tcp + 4);
    uint8_t flags = tcp[13];
    c->flags |= flags;
    take_options(p, c, tcp + 20, header - 20);
    if (flags & PEER_SYN)
        c->rcv_nxt = seq + 1;
    else if (seq == c->rcv_nxt) {
        c->rcv_nxt += payload + ((flags & PEER_FIN) != 0);
        c->received += payload;
    }
    return true;
}

bool peer_window(const struct peer *p, const uint8_t *frame, uint16_t len, uint32_t *una, uint32_t *wnd)
{
    const uint8_t *ip = frame + OFF_IP, *tcp = frame + OFF_TCP;
    if (len < OFF_TCP + 20 || get16(frame + 12) != 0x0800 || ip[9] != 6 || tcp[13] != PEER_ACK)
        return false;
    *una = get32(tcp + 8);
    *wnd = (uint32_t)get16(tcp + 14) << p->server_shift;
    return true;
}

static bool is_arp(const uint8_t *frame, uint16_t len, uint16_t operation)
{
    return len >= 42 && get16(frame + 12) == 0x0806 && get16(frame + 20) == operation;
}

static uint16_t put_arp(const struct peer *p, uint8_t *frame, const uint8_t *to, uint16_t operation,
                        uint32_t our_ip, const uint8_t *their_mac, uint32_t their_ip)
{
    memset(frame, 0, 60);
    memcpy(frame, to, 6);
    memcpy(frame + 6, p->mac, 6);
    put16(frame + 12, 0x0806);
    memcpy(frame + 14, "\x00\x01\x08\x00\x06\x04", 6);
    put16(frame + 20, operation);
    memcpy(frame + 22, p->mac, 6);
    put32(frame + 28, our_ip);
    memcpy(frame + 32, their_mac, 6);
    put32(frame + 38, their_ip);
    return 60;
}

uint16_t peer_arp_reply(const struct peer *p, const uint8_t *request, uint16_t len, uint8_t *frame)
{
    /* An announcement asks for its own address; that one is the server's. */
    if (!is_arp(request, len, 1) || get32(request + 38) == PEER_SERVER_IP)
        return 0;
    return put_arp(p, frame, request + 6, 2, get32(request + 38), request + 22, get32(request + 28));
}

uint16_t peer_arp_request(const struct peer *p, uint8_t *frame)
{
    static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255}, nobody[6];
    return put_arp(p, frame, everybody, 1, PEER_FIRST_IP, nobody, PEER_SERVER_IP);
}

bool peer_arp_learn(struct peer *p, const uint8_t *frame, uint16_t len)
{
    if (!is_arp(frame, len, 2) || get32(frame + 28) != PEER_SERVER_IP)
        return false;
    memcpy(p->server_mac, frame + 22, 6);
    return true;
}
