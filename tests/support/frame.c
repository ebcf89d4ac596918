/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/context.h"
#include "support/frame.h"

#include <arpa/inet.h>
#include <string.h>

uint32_t frame_sum(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

uint16_t frame_sum_finish(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void frame_init(struct frame *f)
{
    f->len = f->l3 = f->l4 = 0;
}

void frame_bytes(struct frame *f, const void *data, size_t len)
{
    assert_true(f->len + len <= sizeof f->b);
    memcpy(f->b + f->len, data, len);
    f->len += len;
}

void frame_set16(struct frame *f, size_t off, uint16_t v)
{
    f->b[off] = (uint8_t)(v >> 8);
    f->b[off + 1] = (uint8_t)v;
}

void frame_set32(struct frame *f, size_t off, uint32_t v)
{
    frame_set16(f, off, (uint16_t)(v >> 16));
    frame_set16(f, off + 2, (uint16_t)v);
}

void frame_ether(struct frame *f, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
    frame_bytes(f, dst, 6);
    frame_bytes(f, src, 6);
    f->len += 2;
    frame_set16(f, f->len - 2, type);
}

void frame_ip4(struct frame *f, const char *src, const char *dst, uint8_t proto, const void *opt,
               size_t opt_len)
{
    uint8_t h[20] = {0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, proto};

    h[0] = (uint8_t)(0x45 + opt_len / 4);
    assert_int_equal(inet_pton(AF_INET, src, h + 12), 1);
    assert_int_equal(inet_pton(AF_INET, dst, h + 16), 1);
    f->l3 = f->len;
    frame_bytes(f, h, sizeof h);
    if (opt_len > 0)
        frame_bytes(f, opt, opt_len);
    f->l4 = f->len;
}

void frame_udp(struct frame *f, uint16_t sport, uint16_t dport)
{
    uint8_t h[8] = {0};

    f->l4 = f->len;
    frame_bytes(f, h, sizeof h);
    frame_set16(f, f->l4, sport);
    frame_set16(f, f->l4 + 2, dport);
}

void frame_tcp(struct frame *f, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags,
               uint16_t window, const void *opt, size_t opt_len)
{
    uint8_t h[20] = {0};

    f->l4 = f->len;
    frame_bytes(f, h, sizeof h);
    frame_set16(f, f->l4, sport);
    frame_set16(f, f->l4 + 2, dport);
    frame_set32(f, f->l4 + 4, seq);
    frame_set32(f, f->l4 + 8, ack);
    f->b[f->l4 + 12] = (uint8_t)((20 + opt_len) / 4 << 4);
    f->b[f->l4 + 13] = flags;
    frame_set16(f, f->l4 + 14, window);
    if (opt_len > 0)
        frame_bytes(f, opt, opt_len);
}

static uint16_t transport_sum(const struct frame *f, uint8_t proto)
{
    uint32_t len = (uint32_t)(f->len - f->l4), sum = 0;
    uint8_t pseudo[4] = {0, proto, (uint8_t)(len >> 8), (uint8_t)len};

    if (proto != IPPROTO_ICMP) {
        sum = frame_sum(sum, f->b + f->l3 + 12, 8);
        sum = frame_sum(sum, pseudo, sizeof pseudo);
    }
    return frame_sum_finish(frame_sum(sum, f->b + f->l4, len));
}

void frame_finish(struct frame *f)
{
    uint8_t proto = f->b[f->l3 + 9];
    size_t field = proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : 2;

    frame_set16(f, f->l3 + 2, (uint16_t)(f->len - f->l3));
    frame_set16(f, f->l3 + 10, 0);
    frame_set16(f, f->l3 + 10, frame_sum_finish(frame_sum(0, f->b + f->l3, f->l4 - f->l3)));
    if (proto == IPPROTO_UDP && f->len >= f->l4 + 8)
        frame_set16(f, f->l4 + 4, (uint16_t)(f->len - f->l4));
    if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP)
        return;
    if (f->len < f->l4 + field + 2)
        return;
    frame_set16(f, f->l4 + field, 0);
    frame_set16(f, f->l4 + field, transport_sum(f, proto));
    if (proto == IPPROTO_UDP && f->b[f->l4 + 6] == 0 && f->b[f->l4 + 7] == 0)
        frame_set16(f, f->l4 + 6, 0xffff);
}

struct rte_mbuf *frame_mbuf(struct rte_mempool *mp, const void *data, size_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(mp);
    void *at;

    assert_non_null(m);
    at = rte_pktmbuf_append(m, (uint16_t)len);
    assert_non_null(at);
    memcpy(at, data, len);
    return m;
}

struct rte_mbuf *frame_mbuf_cut(struct rte_mempool *mp, const void *data, size_t len, size_t first,
                                size_t each)
{
    const uint8_t *p = data;
    struct rte_mbuf *head = frame_mbuf(mp, p, first < len ? first : len);

    for (size_t off = first; off < len; off += each) {
        size_t n = len - off < each ? len - off : each;
        assert_int_equal(rte_pktmbuf_chain(head, frame_mbuf(mp, p + off, n)), 0);
    }
    return head;
}
