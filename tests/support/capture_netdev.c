/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/capture_netdev.h"

#include <limits.h>
#include <string.h>

static uint16_t capture_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    return 0;
}

static uint16_t capture_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    struct capture *c = (struct capture *)d;
    uint16_t taken = 0;
    while (taken < n && c->takes > 0 && c->tail - c->head < CAPTURE_MAX) {
        c->sent[c->tail++ % CAPTURE_MAX] = pkts[taken++];
        if (c->takes != UINT_MAX)
            c->takes--;
    }
    return taken;
}

static int capture_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static void capture_close(struct netdev *d)
{
    capture_clear((struct capture *)d);
}

static const struct netdev_ops capture_ops = {
    .kind = "capture",
    .rx_burst = capture_rx_burst,
    .tx_burst = capture_tx_burst,
    .fd = capture_fd,
    .close = capture_close,
};

void capture_init(struct capture *c, enum netdev_link link, uint16_t mtu, const uint8_t mac[6])
{
    memset(c, 0, sizeof(*c));
    c->dev.ops = &capture_ops;
    c->dev.caps.link = link;
    c->dev.caps.mtu = mtu;
    c->dev.caps.queues = 1;
    c->dev.caps.multi_seg = true;
    memcpy(c->dev.caps.mac, mac, 6);
    strcpy(c->dev.name, "capture");
    c->takes = UINT_MAX;
}

struct rte_mbuf *capture_take(struct capture *c)
{
    return c->head == c->tail ? NULL : c->sent[c->head++ % CAPTURE_MAX];
}

unsigned capture_count(const struct capture *c)
{
    return c->tail - c->head;
}

void capture_clear(struct capture *c)
{
    struct rte_mbuf *m;
    while ((m = capture_take(c)) != NULL)
        rte_pktmbuf_free(m);
}
