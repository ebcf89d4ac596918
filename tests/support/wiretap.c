/* SPDX-License-Identifier: BSD-3-Clause */
#include "wiretap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIRETAP_RX 256

struct wiretap {
    struct netdev dev; /* first */
    struct rte_mempool *pool;
    struct rte_mbuf *rx[WIRETAP_RX];
    unsigned rx_head, rx_count;
    struct wiretap_frame *sent, **sent_tail;
    bool blocked;
};

static uint16_t wiretap_rx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct wiretap *w = (struct wiretap *)d;
    uint16_t i;
    for (i = 0; i < n && w->rx_count != 0; i++, w->rx_count--) {
        pkts[i] = w->rx[w->rx_head];
        w->rx_head = (w->rx_head + 1) % WIRETAP_RX;
    }
    return i;
}

static uint16_t wiretap_tx(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct wiretap *w = (struct wiretap *)d;
    for (uint16_t i = 0; i < n && !w->blocked; i++) {
        struct rte_mbuf *m = pkts[i];
        struct wiretap_frame *f = malloc(sizeof(*f) + m->pkt_len);
        if (f == NULL)
            abort();
        f->next = NULL;
        f->at = now;
        f->len = 0;
        for (struct rte_mbuf *s = m; s != NULL; s = s->next) {
            memcpy(f->bytes + f->len, rte_pktmbuf_mtod(s, void *), s->data_len);
            f->len += s->data_len;
        }
        *w->sent_tail = f;
        w->sent_tail = &f->next;
        rte_pktmbuf_free(m);
    }
    return w->blocked ? 0 : n;
}

static int wiretap_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static nsec_t wiretap_next_event(struct netdev *d, uint16_t queue)
{
    return ((struct wiretap *)d)->rx_count != 0 ? 0 : NSEC_NEVER;
}

static void wiretap_close(struct netdev *d)
{
    struct wiretap *w = (struct wiretap *)d;
    struct rte_mbuf *m;
    while (wiretap_rx(d, 0, 0, &m, 1) == 1)
        rte_pktmbuf_free(m);
    for (struct wiretap_frame *f; (f = wiretap_take(d)) != NULL;)
        free(f);
    free(w);
}

static const struct netdev_ops wiretap_ops = {
    .kind = "wiretap",
    .rx_burst = wiretap_rx,
    .tx_burst = wiretap_tx,
    .fd = wiretap_fd,
    .next_event = wiretap_next_event,
    .close = wiretap_close,
};

struct netdev *wiretap_create(enum netdev_link link, uint16_t mtu, const uint8_t mac[6],
                              struct rte_mempool *pool)
{
    struct wiretap *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->dev.ops = &wiretap_ops;
    w->dev.caps.link = link;
    w->dev.caps.mtu = mtu;
    w->dev.caps.queues = 1;
    w->dev.caps.multi_seg = true;
    if (mac != NULL)
        memcpy(w->dev.caps.mac, mac, 6);
    snprintf(w->dev.name, sizeof(w->dev.name), "wiretap");
    w->pool = pool;
    w->sent_tail = &w->sent;
    return &w->dev;
}

bool wiretap_inject(struct netdev *d, const void *frame, uint32_t len)
{
    struct wiretap *w = (struct wiretap *)d;
    struct rte_mbuf *head = NULL, *last = NULL;
    if (w->rx_count == WIRETAP_RX)
        return false;
    for (uint32_t off = 0; off < len || head == NULL;) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
        if (m == NULL) {
            rte_pktmbuf_free(head);
            return false;
        }
        uint32_t part = RTE_MIN((uint32_t)rte_pktmbuf_tailroom(m), len - off);
        memcpy(rte_pktmbuf_append(m, (uint16_t)part), (const uint8_t *)frame + off, part);
        off += part;
        if (head == NULL) {
            head = m;
        } else {
            last->next = m;
            head->nb_segs++;
            head->pkt_len += part;
        }
        last = m;
    }
    w->rx[(w->rx_head + w->rx_count++) % WIRETAP_RX] = head;
    return true;
}

struct wiretap_frame *wiretap_take(struct netdev *d)
{
    struct wiretap *w = (struct wiretap *)d;
    struct wiretap_frame *f = w->sent;
    if (f != NULL) {
        w->sent = f->next;
        if (w->sent == NULL)
            w->sent_tail = &w->sent;
    }
    return f;
}

void wiretap_block(struct netdev *d, bool blocked)
{
    ((struct wiretap *)d)->blocked = blocked;
}
