/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/wire.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <string.h>

#include <plx_run.h>

#include "netdev/impair.h"
#include "posix/guard.h"

#define WIRE_BURST    32
#define WIRE_LINK_GAP (250 * NSEC_PER_MSEC)

int wire_open(struct wire *w, const struct options *o, char *why, size_t size)
{
    struct tunables tun = o->tun;
    struct worker_eal_config cfg = {.n_devs = WIRE_ENDS,
                                    .n_workers = 1,
                                    .tun = &o->tun,
                                    .eal_args = o->eal[0] != '\0' ? o->eal : NULL,
                                    .guard = &guard};
    int err = 0;

    /* What one end offers the other may lack, and a cable carries bytes: no checksum left to fill, no
     * segment longer than the MTU. */
    tun.offload = 0;
    for (int i = 0; i < WIRE_ENDS; i++) {
        const struct option_dev *d = &o->dev[i];
        cfg.dev[i] = (struct worker_eal_dev){
            .dev = d->dev, .mtu = d->mtu, .has_mac = d->has_mac, .impair = d->has_impair ? &d->impair : NULL};
        memcpy(cfg.dev[i].mac, d->mac, sizeof(d->mac));
        w->impaired[i] = d->has_impair;
        w->up[i] = true;
    }
    cfg.tun = &tun;
    w->eal = worker_eal_create(&cfg, why, size, &err);
    if (w->eal == NULL)
        return err;
    for (int i = 0; i < WIRE_ENDS; i++)
        w->end[i] = worker_eal_netdev(w->eal, (uint16_t)i);
    if (w->end[0]->caps.link != w->end[1]->caps.link) {
        snprintf(why, size, "--dev %s and --dev %s: one has Ethernet headers and the other has none",
                 w->end[0]->name, w->end[1]->name);
        wire_close(w);
        return -EINVAL;
    }
    return 0;
}

/* How many packets came in at `from`. */
static uint16_t wire_carry(struct wire *w, int from, nsec_t now)
{
    struct wire_flow *f = &w->flow[from];
    struct rte_mbuf *pkts[WIRE_BURST];
    uint16_t n = netdev_rx_burst(w->end[from], 0, now, pkts, WIRE_BURST);
    uint32_t len[WIRE_BURST];

    if (n == 0)
        return 0;
    for (uint16_t i = 0; i < n; i++)
        len[i] = pkts[i]->pkt_len;
    uint16_t sent = netdev_tx_burst(w->end[!from], 0, now, pkts, n);
    f->packets += sent;
    for (uint16_t i = 0; i < sent; i++)
        f->bytes += len[i];
    f->refused += (uint64_t)(n - sent);
    if (sent < n)
        rte_pktmbuf_free_bulk(pkts + sent, n - sent);
    return n;
}

static nsec_t wire_next_event(const struct wire *w)
{
    nsec_t next = NSEC_NEVER;

    for (int i = 0; i < WIRE_ENDS; i++)
        if (w->end[i]->ops->next_event != NULL)
            next = RTE_MIN(next, w->end[i]->ops->next_event(w->end[i], 0));
    return next;
}

static void wire_poll_links(struct wire *w, nsec_t now)
{
    for (int i = 0; i < WIRE_ENDS; i++) {
        bool up = w->end[i]->ops->link_poll == NULL || w->end[i]->ops->link_poll(w->end[i], now);
        if (up != w->up[i])
            fprintf(stderr, "plx-wire: %s is %s\n", w->end[i]->name, up ? "up" : "down");
        w->up[i] = up;
    }
}

static void wire_print_rates(const struct wire *w, const struct wire_flow before[WIRE_ENDS])
{
    for (int i = 0; i < WIRE_ENDS; i++) {
        const struct wire_flow *f = &w->flow[i];
        double s = w->stats_s;
        printf("%s%s %.0f packets/s %.3f Mbit/s", i == 0 ? "" : "   ", i == 0 ? "->" : "<-",
               (double)(f->packets - before[i].packets) / s,
               (double)(f->bytes - before[i].bytes) * 8 / 1e6 / s);
    }
    printf("\n");
    fflush(stdout);
}

static int wire_loop(void *arg, uint16_t id)
{
    struct wire *w = arg;
    struct wire_flow before[WIRE_ENDS] = {0};
    nsec_t now = worker_eal_now(w->eal);
    nsec_t link_at = now, stats_at = w->stats_s == 0 ? NSEC_NEVER : now + w->stats_s * NSEC_PER_SEC;
    uint64_t work = 0;

    while (!plx_stopping()) { /* seen within WIRE_LINK_GAP: nothing wakes a sleeper */
        now = worker_eal_now(w->eal);
        uint16_t n = wire_carry(w, 0, now);
        n = (uint16_t)(n + wire_carry(w, 1, now));
        work += n;
        if (now >= link_at) {
            wire_poll_links(w, now);
            link_at = now + WIRE_LINK_GAP;
        }
        if (now >= stats_at) {
            wire_print_rates(w, before);
            memcpy(before, w->flow, sizeof(before));
            stats_at += w->stats_s * NSEC_PER_SEC;
        }
        if (n == 0)
            worker_eal_wait(w->eal, id, RTE_MIN(RTE_MIN(link_at, stats_at), wire_next_event(w)), work);
    }
    return 0;
}

int wire_run(struct wire *w)
{
    return worker_eal_run(w->eal, wire_loop, w);
}

static void summary_impaired(const struct wire *w, int end, FILE *out)
{
    struct impair_stats s[2];

    netdev_impair_stats(w->end[end], s);
    for (int d = 0; d < 2; d++)
        fprintf(out,
                "  impaired at %s, %s: %lu lost, %lu duplicated, %lu reordered, %lu corrupted, %lu over the "
                "limit of the queue\n",
                w->end[end]->name, d == 0 ? "coming in" : "going out", s[d].lost, s[d].duplicated,
                s[d].reordered, s[d].corrupted, s[d].overflowed);
}

void wire_summary(const struct wire *w, FILE *out)
{
    fprintf(out, "summary\n");
    for (int i = 0; i < WIRE_ENDS; i++)
        fprintf(out, "  %s -> %s: %lu packets, %lu bytes, %lu refused\n", w->end[i]->name, w->end[!i]->name,
                w->flow[i].packets, w->flow[i].bytes, w->flow[i].refused);
    for (int i = 0; i < WIRE_ENDS; i++)
        if (w->impaired[i])
            summary_impaired(w, i, out);
    for (int i = 0; i < WIRE_ENDS; i++) {
        struct netdev_stats s = {0};
        netdev_stats(w->end[i], &s);
        if (s.rx_missed + s.rx_no_mbuf + s.rx_errors + s.tx_errors > 0)
            fprintf(out, "  %s: %lu missed, %lu without a buffer, %lu damaged, %lu not sent\n",
                    w->end[i]->name, s.rx_missed, s.rx_no_mbuf, s.rx_errors, s.tx_errors);
    }
}

void wire_close(struct wire *w)
{
    worker_eal_destroy(w->eal);
    w->eal = NULL;
}
