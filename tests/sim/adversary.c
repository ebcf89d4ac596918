/* SPDX-License-Identifier: BSD-3-Clause */
#include "adversary.h"

#include <string.h>

#include "support/segment.h"
#include "support/world.h"

#define NEAR 70000 /* bytes: a window and something */

static uint32_t below(struct network *n, uint32_t max)
{
    return world_below(network_dice(n), max);
}

/* Mostly next to v, sometimes a window away, sometimes anywhere. */
static uint32_t near(struct network *n, uint32_t v)
{
    switch (below(n, 4)) {
    case 0:
        return v + below(n, 9) - 4;
    case 1:
        return v + below(n, 2 * NEAR) - NEAR;
    case 2:
        return v + below(n, 4000) - 2000;
    default:
        return (uint32_t)world_rand(network_dice(n));
    }
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void send_segment(struct network *n, const struct segment *s)
{
    uint8_t ip[NETWORK_FRAME_MAX];
    size_t len = segment_build(s, ip, sizeof(ip));
    if (len != 0)
        network_emit(n, ip, len);
}

/* ---- what a hostile peer does ---- */

static void hostile_sack(struct network *n, struct segment *s)
{
    unsigned blocks = 1 + below(n, 4), room = (sizeof(s->opt) - s->n_opt - 2u) / 8;
    if (s->n_opt > sizeof(s->opt) - 10)
        return;
    blocks = blocks > room ? room : blocks;
    uint8_t *o = s->opt + s->n_opt;
    o[0] = 5;
    o[1] = (uint8_t)(2 + 8 * blocks);
    for (unsigned i = 0; i < blocks; i++) {
        uint32_t left = near(n, s->ack);
        put32(o + 2 + 8 * i, left);
        put32(o + 6 + 8 * i, below(n, 2) ? left + below(n, 5000) : near(n, s->ack));
    }
    s->n_opt = (uint8_t)(s->n_opt + 2 + 8 * blocks);
}

static void hostile_options(struct network *n, struct segment *s)
{
    s->n_opt = (uint8_t)(4 * below(n, 11));
    for (unsigned i = 0; i < s->n_opt; i++)
        s->opt[i] = (uint8_t)(below(n, 2) ? below(n, 12) : below(n, 256));
}

static void hostile_window(struct network *n, struct segment *s)
{
    static const uint16_t windows[] = {0, 0, 1, 2, 40, 536, 1460, 0x7fff, 0xffff};
    s->window = windows[below(n, sizeof(windows) / sizeof(windows[0]))];
}

/* Every byte, or every second one first, in a segment of its own. */
static void hostile_crumbs(struct network *n, const struct segment *s)
{
    uint32_t step = 1 + below(n, 2), len = s->len > 300 ? 300 : s->len;
    for (uint32_t i = 0; i < len; i += step) {
        struct segment one = *s;
        one.seq += i;
        one.data += i;
        one.len = 1;
        one.flags &= (uint8_t)~SEG_FIN;
        send_segment(n, &one);
    }
}

static void hostile_icmp(struct network *n, const struct segment *s)
{
    uint8_t ip[28 + 28] = {0x45, 0, 0, sizeof(ip), 0, 0, 0, 0, 64, 1};
    struct segment quoted = {.src = s->dst, .dst = s->src, .sport = s->dport, .dport = s->sport};
    uint8_t inner[64];
    quoted.seq = near(n, s->ack);
    segment_build(&quoted, inner, sizeof(inner));
    memcpy(ip + 12, &s->src, 4);
    memcpy(ip + 16, &s->dst, 4);
    ip[20] = (uint8_t)(below(n, 2) ? 3 : below(n, 20));
    ip[21] = (uint8_t)(below(n, 2) ? 4 : below(n, 16));
    put32(ip + 24, below(n, 3) ? below(n, 1600) : (uint32_t)world_rand(network_dice(n)));
    memcpy(ip + 28, inner, 28);
    uint16_t sum = inet_fold(inet_sum(0, ip + 20, sizeof(ip) - 20));
    ip[22] = (uint8_t)(sum >> 8);
    ip[23] = (uint8_t)sum;
    sum = inet_fold(inet_sum(0, ip, 20));
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
    network_emit(n, ip, sizeof(ip));
}

void adversary_mangle(struct network *n, const uint8_t *ip, size_t len)
{
    struct segment s;
    if (segment_parse(ip, len, &s) != NULL)
        return;
    for (unsigned again = below(n, 8) == 0 ? below(n, 30) : 1; again != 0; again--) {
        struct segment m = s;
        switch (below(n, 10)) {
        case 0:
            m.seq = near(n, s.seq);
            break;
        case 1:
            m.ack = near(n, s.ack); /* of the future, too */
            break;
        case 2:
            hostile_sack(n, &m);
            break;
        case 3:
            hostile_options(n, &m);
            break;
        case 4:
            hostile_window(n, &m);
            break;
        case 5:
            m.flags ^= (uint8_t)(1u << below(n, 8));
            m.urgent = (uint16_t)near(n, s.urgent);
            break;
        case 6:
            hostile_crumbs(n, &s);
            continue;
        case 7:
            hostile_icmp(n, &s);
            continue;
        case 8:
            m.seq = near(n, s.seq);
            m.ack = near(n, s.ack);
            hostile_window(n, &m);
            hostile_sack(n, &m);
            break;
        default:
            break;
        }
        send_segment(n, &m);
    }
}

/* ---- what a blind attacker does ---- */

void adversary_forge(struct network *n, const uint8_t *ip, size_t len)
{
    struct segment s;
    if (segment_parse(ip, len, &s) != NULL || s.bad_checksum)
        return;
    uint32_t *furthest = network_furthest(n, (uint8_t)(ip[15] - 1), s.sport), end = s.seq + s.len + 1;
    if ((s.flags & SEG_SYN) != 0 || (int32_t)(end - *furthest) > 0)
        *furthest = end;
    if ((s.flags & (SEG_ACK | SEG_SYN | SEG_RST)) != SEG_ACK || below(n, 4) != 0)
        return;
    /* It is delivered at once and lies beyond all that was ever sent: never exactly what is expected. */
    s.seq = *furthest + 1 + below(n, 3) * below(n, 20000);
    s.len = 0;
    s.n_opt = 0;
    switch (below(n, 5)) {
    case 0:
        s.flags = SEG_RST; /* RFC5961-3: a challenge, or nothing */
        break;
    case 1:
        s.flags = below(n, 2) ? SEG_SYN : SEG_SYN | SEG_ACK; /* section 4 */
        break;
    case 2: /* section 5: an ACK of what is not sent yet, or was long ago */
        s.flags = SEG_ACK;
        s.ack += UINT32_C(0x40000000) + below(n, UINT32_C(0x80000000));
        break;
    case 3:
        s.flags = SEG_RST | SEG_ACK;
        s.seq += UINT32_C(0x40000000);
        break;
    default:
        s.ack -=
            below(n, UINT32_C(0x40000000)) + (UINT32_C(1) << 30); /* of an ICMP error: far from what is out */
        hostile_icmp(n, &s);
        return;
    }
    send_segment(n, &s);
}
