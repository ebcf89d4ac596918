/* SPDX-License-Identifier: BSD-3-Clause */
#include "tee.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tee {
    struct netdev dev; /* first */
    struct netdev_ops ops;
    struct netdev *inner;
    uint64_t sum;
    FILE *pcap;
};

static struct tee *tee_of(struct netdev *d)
{
    return (struct tee *)d;
}

static void tee_write(struct tee *t, nsec_t now, const struct rte_mbuf *m)
{
    uint32_t head[4] = {(uint32_t)(now / NSEC_PER_SEC), (uint32_t)(now % NSEC_PER_SEC), m->pkt_len,
                        m->pkt_len};
    if (t->pcap == NULL)
        return;
    fwrite(head, sizeof(head), 1, t->pcap);
    for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
        fwrite(rte_pktmbuf_mtod(s, void *), s->data_len, 1, t->pcap);
}

static uint64_t tee_sum_word(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x100000001b3);
    return sum ^ sum >> 29;
}

/* FNV-1a, eight bytes at a time. How a packet is cut into buffers makes no difference. */
static uint64_t tee_sum_packet(uint64_t sum, const struct rte_mbuf *m)
{
    uint64_t word = 0;
    unsigned have = 0;
    for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
        const uint8_t *p = rte_pktmbuf_mtod(s, const uint8_t *);
        for (size_t left = s->data_len; left != 0;) {
            size_t part = left < 8 - have ? left : 8 - have;
            memcpy((uint8_t *)&word + have, p, part);
            p += part;
            left -= part;
            have += (unsigned)part;
            if (have == 8) {
                sum = tee_sum_word(sum, word);
                word = have = 0;
            }
        }
    }
    return have != 0 ? tee_sum_word(sum, word) : sum;
}

static uint16_t tee_rx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct tee *t = tee_of(d);
    n = netdev_rx_burst(t->inner, queue, now, pkts, n);
    for (uint16_t i = 0; i < n; i++)
        tee_write(t, now, pkts[i]);
    return n;
}

static uint16_t tee_tx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct tee *t = tee_of(d);
    t->sum = tee_sum_word(t->sum, now);
    for (uint16_t i = 0; i < n; i++) {
        tee_write(t, now, pkts[i]);
        t->sum = tee_sum_packet(t->sum, pkts[i]);
    }
    return netdev_tx_burst(t->inner, queue, now, pkts, n);
}

static int tee_fd(struct netdev *d, uint16_t queue)
{
    struct netdev *inner = tee_of(d)->inner;
    return inner->ops->fd(inner, queue);
}

static nsec_t tee_next_event(struct netdev *d, uint16_t queue)
{
    struct netdev *inner = tee_of(d)->inner;
    return inner->ops->next_event(inner, queue);
}

static void tee_close(struct netdev *d)
{
    struct tee *t = tee_of(d);
    netdev_close(t->inner);
    if (t->pcap != NULL)
        fclose(t->pcap);
    free(t);
}

struct netdev *tee_create(struct netdev *inner, const char *pcap_path)
{
    uint32_t head[6] = {0xa1b23c4d /* nanoseconds */,
                        4 << 16 | 2,
                        0,
                        0,
                        65535,
                        inner->caps.link == NETDEV_LINK_ETHER ? 1 : 101};
    struct tee *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    if (pcap_path != NULL && (t->pcap = fopen(pcap_path, "wb")) == NULL) {
        free(t);
        return NULL;
    }
    if (t->pcap != NULL)
        fwrite(head, sizeof(head), 1, t->pcap);
    t->ops = (struct netdev_ops){
        .kind = "tee", .rx_burst = tee_rx, .tx_burst = tee_tx, .fd = tee_fd, .close = tee_close};
    if (inner->ops->next_event != NULL)
        t->ops.next_event = tee_next_event;
    t->dev.ops = &t->ops;
    t->dev.caps = inner->caps;
    memcpy(t->dev.name, inner->name, sizeof(t->dev.name));
    t->inner = inner;
    t->sum = UINT64_C(0xcbf29ce484222325);
    return &t->dev;
}

uint64_t tee_fingerprint(const struct netdev *d)
{
    return ((const struct tee *)d)->sum;
}
