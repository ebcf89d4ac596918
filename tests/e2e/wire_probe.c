/* SPDX-License-Identifier: BSD-3-Clause */
/* A wire without a stack, to test wires alone: answers ARP and ping for an address and sends other
 * frames back (answer), or sends numbered frames and waits for each to come back (send).
 *
 *   wire_probe DEV answer ADDRESS [KEY=VALUE ...]
 *   wire_probe DEV send COUNT SIZE [KEY=VALUE ...]
 * KEY: mtu, workers, impair, offload and all other tunables. Ends on SIGTERM with a line of counts. */
#include <arpa/inet.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker_eal.h"

static struct worker_eal *we;
static volatile sig_atomic_t stopped;
static uint32_t address;
static unsigned to_send, size;
static uint64_t received, bytes, largest, chained, lro, good, sent, refused, back;

static void on_signal(int sig)
{
    stopped = 1;
    worker_eal_wake_all(we);
}

static bool answer_arp(struct rte_mbuf *m, struct rte_ether_hdr *eth, const uint8_t *mac)
{
    struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(eth + 1);
    if (arp->arp_opcode != htons(RTE_ARP_OP_REQUEST) || arp->arp_data.arp_tip != address)
        return false;
    arp->arp_opcode = htons(RTE_ARP_OP_REPLY);
    arp->arp_data.arp_tha = arp->arp_data.arp_sha;
    arp->arp_data.arp_tip = arp->arp_data.arp_sip;
    memcpy(&arp->arp_data.arp_sha, mac, 6);
    arp->arp_data.arp_sip = address;
    return true;
}

static bool answer_ip(struct rte_mbuf *m, struct rte_ether_hdr *eth)
{
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
    if (ip->dst_addr != address || ip->next_proto_id != IPPROTO_ICMP)
        return false;
    ip->dst_addr = ip->src_addr;
    ip->src_addr = address;
    if ((ip->fragment_offset & htons(0x1fff)) == 0 && icmp->icmp_type == RTE_IP_ICMP_ECHO_REQUEST) {
        icmp->icmp_type = 0;
        uint32_t sum = icmp->icmp_cksum + htons(RTE_IP_ICMP_ECHO_REQUEST << 8);
        icmp->icmp_cksum = (uint16_t)(sum + (sum >> 16));
    }
    return true;
}

static bool answer(struct netdev *d, struct rte_mbuf *m)
{
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    bool yes = eth->ether_type == htons(0x88b5);
    if (eth->ether_type == htons(RTE_ETHER_TYPE_ARP))
        yes = answer_arp(m, eth, d->caps.mac);
    else if (eth->ether_type == htons(RTE_ETHER_TYPE_IPV4))
        yes = answer_ip(m, eth);
    eth->dst_addr = eth->src_addr;
    memcpy(&eth->src_addr, d->caps.mac, 6);
    m->ol_flags = 0;
    return yes;
}

static void look(struct rte_mbuf *m)
{
    received++;
    bytes += m->pkt_len;
    largest = m->pkt_len > largest ? m->pkt_len : largest;
    chained += m->nb_segs > 1;
    lro += (m->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
    good += (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

static struct rte_mbuf *numbered(struct netdev *d, uint32_t n)
{
    struct rte_mbuf *m = NULL, *last = NULL;
    for (uint32_t left = size; left > 0;) {
        struct rte_mbuf *seg = rte_pktmbuf_alloc(worker_eal_data_pool(we));
        if (seg == NULL) {
            rte_pktmbuf_free(m);
            return NULL;
        }
        uint16_t part = (uint16_t)RTE_MIN(left, 2000u);
        memset(rte_pktmbuf_append(seg, part), (int)n, part);
        left -= part;
        if (m == NULL)
            m = seg;
        else
            rte_pktmbuf_chain(m, seg);
        last = seg;
    }
    (void)last;
    struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
    memset(&eth->dst_addr, 0xff, 6);
    memcpy(&eth->src_addr, d->caps.mac, 6);
    eth->ether_type = htons(0x88b5);
    memcpy(eth + 1, &n, sizeof(n));
    return m;
}

/* Sends the next frame when the last one is back; again after 100 ms, for wires may be down. */
static void send_next(struct netdev *d, nsec_t now, uint32_t number, nsec_t *again)
{
    struct rte_mbuf *m = numbered(d, number);
    *again = now + 100 * NSEC_PER_MSEC;
    if (m == NULL)
        return;
    if (netdev_tx_burst(d, 0, now, &m, 1) == 0) {
        refused++;
        rte_pktmbuf_free(m);
    } else {
        sent++;
    }
}

static int probe(void *arg, uint16_t id)
{
    struct netdev *d = worker_eal_netdev(we, 0);
    struct rte_mbuf *pkts[32];
    uint32_t number = 0;
    nsec_t again = 0, linked = 0;
    bool up = true;

    while (!stopped && (to_send == 0 || back < to_send)) {
        nsec_t now = worker_eal_now(we);
        uint16_t n = netdev_rx_burst(d, id, now, pkts, 32);
        for (uint16_t i = 0; i < n; i++) {
            look(pkts[i]);
            uint32_t got = 0;
            if (to_send > 0) {
                memcpy(&got, rte_pktmbuf_mtod_offset(pkts[i], void *, 14), 4);
                if (got == number && pkts[i]->pkt_len == size) {
                    back++;
                    number++;
                    again = 0;
                }
            } else if (answer(d, pkts[i])) {
                struct rte_mbuf *m = pkts[i];
                if (netdev_tx_burst(d, id, now, &m, 1) == 1) {
                    sent++;
                    continue;
                }
                refused++;
            }
            rte_pktmbuf_free(pkts[i]);
        }
        if (to_send > 0 && now >= again && back < to_send)
            send_next(d, now, number, &again);
        if (id == 0 && now - linked > 100 * NSEC_PER_MSEC) {
            linked = now;
            bool is = d->ops->link_poll == NULL || d->ops->link_poll(d, now);
            if (is != up)
                fprintf(stderr, "probe: link %s\n", is ? "up" : "down");
            up = is;
        }
        if (n == 0) {
            nsec_t next = d->ops->next_event != NULL ? d->ops->next_event(d, id) : NSEC_NEVER;
            if (to_send > 0 && again < next)
                next = again;
            worker_eal_wait(we, id, next, received);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct tunables tun;
    struct impair_config impair;
    struct worker_eal_config cfg = {.n_devs = 1, .n_workers = 1, .tun = &tun};
    char why[NETDEV_WHY];
    int err, i = 4;

    tunables_init(&tun);
    if (argc < 4)
        return 2;
    cfg.dev[0].dev = argv[1];
    if (strcmp(argv[2], "send") == 0) {
        to_send = (unsigned)atoi(argv[3]);
        size = (unsigned)atoi(argv[i++]);
    } else {
        address = inet_addr(argv[3]);
    }
    for (; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        *value++ = '\0';
        if (strcmp(argv[i], "mtu") == 0)
            cfg.dev[0].mtu = (uint16_t)atoi(value);
        else if (strcmp(argv[i], "workers") == 0)
            cfg.n_workers = (uint16_t)atoi(value);
        else if (strcmp(argv[i], "eal") == 0)
            cfg.eal_args = value;
        else if (strcmp(argv[i], "impair") == 0)
            cfg.dev[0].impair = impair_parse(value, &impair, why, sizeof(why)) == 0 ? &impair : NULL;
        else if (tunables_set(&tun, argv[i], value, why, sizeof(why)) != 0)
            return 2;
    }
    we = worker_eal_create(&cfg, why, sizeof(why), &err);
    if (we == NULL) {
        fprintf(stderr, "probe: %s (%s)\n", why, strerror(-err));
        return err == -22 ? 2 : 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    const struct netdev_caps *c = &worker_eal_netdev(we, 0)->caps;
    fprintf(stderr, "probe: ready, %s; mtu %u rx_csum %d tx_csum %d tso %d multi_seg %d sleep %d\n",
            worker_eal_memory(we), c->mtu, c->rx_csum, c->tx_csum, c->tso, c->multi_seg, c->can_sleep);
    worker_eal_run(we, probe, NULL);
    struct netdev_stats s;
    netdev_stats(worker_eal_netdev(we, 0), &s);
    printf("received %lu bytes %lu largest %lu chained %lu lro %lu good %lu sent %lu refused %lu back %lu "
           "missed %lu "
           "no_mbuf %lu rx_errors %lu tx_errors %lu\n",
           received, bytes, largest, chained, lro, good, sent, refused, back, s.rx_missed, s.rx_no_mbuf,
           s.rx_errors, s.tx_errors);
    worker_eal_destroy(we);
    return 0;
}
