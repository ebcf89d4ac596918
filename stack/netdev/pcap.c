/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture file as a wire: its packets arrive at the distances at which they were captured, and what
 * is sent goes to another file. Paced by `now` alone, so in a virtual clock as in the real one. */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "netdev/kinds.h"

#define PCAP_SNAPLEN 262144

struct pcap_dev {
    struct netdev dev;
    pcap_t *in;
    pcap_dumper_t *out; /* NULL: what is sent is gone */
    struct rte_mempool *pool;
    bool started, ended;
    nsec_t origin;            /* `now` of the first packet */
    uint64_t first;           /* its stamp, ns */
    struct pcap_pkthdr *next; /* the packet to deliver next; libpcap's memory until the next is read */
    const u_char *data;
    struct netdev_stats stats;
    uint8_t buf[65535 + 18];
};

static struct pcap_dev *pcap_of(struct netdev *d)
{
    return (struct pcap_dev *)d;
}

/* Nanosecond precision is asked for at opening: tv_usec holds nanoseconds. */
static uint64_t pcap_stamp(const struct pcap_pkthdr *h)
{
    return (uint64_t)h->ts.tv_sec * NSEC_PER_SEC + (uint64_t)h->ts.tv_usec;
}

/* Reads ahead by one; packets that the capture cut short cannot be replayed. */
static void pcap_advance(struct pcap_dev *p)
{
    do {
        if (pcap_next_ex(p->in, &p->next, &p->data) != 1) {
            p->ended = true;
            return;
        }
        if (p->next->caplen == p->next->len)
            return;
        p->stats.rx_errors++;
    } while (true);
}

/* Due times never go backwards, even where the file's stamps do. */
static nsec_t pcap_due(const struct pcap_dev *p)
{
    uint64_t stamp = pcap_stamp(p->next);
    return p->origin + (stamp > p->first ? stamp - p->first : 0);
}

static void pcap_start(struct pcap_dev *p, nsec_t now)
{
    p->started = true;
    p->origin = now;
}

static struct rte_mbuf *pcap_mbuf(struct pcap_dev *p)
{
    struct rte_mbuf *head = rte_pktmbuf_alloc(p->pool), *m = head;
    uint32_t off = 0, len = p->next->caplen;

    while (m != NULL) {
        uint16_t part = (uint16_t)RTE_MIN(len - off, (uint32_t)rte_pktmbuf_tailroom(m));
        memcpy(rte_pktmbuf_mtod(m, void *), p->data + off, part);
        m->data_len = part;
        off += part;
        if (off == len) {
            head->pkt_len = len;
            return head;
        }
        m->next = rte_pktmbuf_alloc(p->pool);
        m = m->next;
        head->nb_segs++;
    }
    if (head != NULL) {
        head->nb_segs--;
        rte_pktmbuf_free(head);
    }
    return NULL;
}

static uint16_t pcap_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                              uint16_t n)
{
    struct pcap_dev *p = pcap_of(d);
    uint16_t got = 0;

    if (!p->started)
        pcap_start(p, now);
    while (got < n && !p->ended && pcap_due(p) <= now) {
        struct rte_mbuf *m = pcap_mbuf(p);
        if (m != NULL)
            pkts[got++] = m;
        else
            p->stats.rx_no_mbuf++;
        pcap_advance(p);
    }
    return got;
}

/* Stamped on the time line of the file that is replayed, so both can be merged. */
static void pcap_record(struct pcap_dev *p, nsec_t now, const struct rte_mbuf *m)
{
    if (m->pkt_len > sizeof(p->buf)) {
        p->stats.tx_errors++;
        return;
    }
    uint64_t stamp = p->first + (now - p->origin);
    struct pcap_pkthdr h = {.caplen = m->pkt_len, .len = m->pkt_len};
    h.ts.tv_sec = (time_t)(stamp / NSEC_PER_SEC);
    h.ts.tv_usec = (suseconds_t)(stamp % NSEC_PER_SEC);
    pcap_dump((u_char *)p->out, &h, rte_pktmbuf_read(m, 0, m->pkt_len, p->buf));
}

static uint16_t pcap_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                              uint16_t n)
{
    struct pcap_dev *p = pcap_of(d);
    if (!p->started)
        pcap_start(p, now);
    for (uint16_t i = 0; i < n; i++) {
        if (p->out != NULL)
            pcap_record(p, now, pkts[i]);
        rte_pktmbuf_free(pkts[i]);
    }
    return n;
}

static int pcap_no_fd(struct netdev *d, uint16_t queue)
{
    return -1;
}

static nsec_t pcap_next_event(struct netdev *d, uint16_t queue)
{
    const struct pcap_dev *p = pcap_of(d);
    if (p->ended)
        return NSEC_NEVER;
    return p->started ? pcap_due(p) : 0;
}

static bool pcap_link_poll(struct netdev *d, nsec_t now)
{
    struct pcap_dev *p = pcap_of(d);
    if (p->out != NULL)
        pcap_dump_flush(p->out); /* somebody may be reading along */
    return true;
}

static bool pcap_finished(struct netdev *d)
{
    return pcap_of(d)->ended;
}

static void pcap_add_stats(struct netdev *d, struct netdev_stats *s)
{
    const struct pcap_dev *p = pcap_of(d);
    s->rx_no_mbuf += p->stats.rx_no_mbuf;
    s->rx_errors += p->stats.rx_errors;
    s->tx_errors += p->stats.tx_errors;
}

static void pcap_dev_close(struct netdev *d)
{
    struct pcap_dev *p = pcap_of(d);
    if (p->out != NULL)
        pcap_dump_close(p->out);
    if (p->in != NULL)
        pcap_close(p->in);
    netdev_free(p);
}

static const struct netdev_ops pcap_dev_ops = {
    .kind = "pcap",
    .rx_burst = pcap_rx_burst,
    .tx_burst = pcap_tx_burst,
    .fd = pcap_no_fd,
    .next_event = pcap_next_event,
    .link_poll = pcap_link_poll,
    .finished = pcap_finished,
    .stats = pcap_add_stats,
    .close = pcap_dev_close,
};

static struct netdev *pcap_open_in(struct pcap_dev *p, const char *path, struct netdev_refusal *r)
{
    char text[PCAP_ERRBUF_SIZE];
    p->in = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
    if (p->in == NULL) {
        int err = errno == ENOENT || errno == EACCES ? -errno : -EBADMSG;
        return netdev_refuse(r, err, "pcap: %s. It must be a pcap or pcapng file that we may read", text);
    }
    switch (pcap_datalink(p->in)) {
    case DLT_EN10MB:
        p->dev.caps.link = NETDEV_LINK_ETHER;
        return &p->dev;
    case DLT_RAW:
    case DLT_IPV4:
        p->dev.caps.link = NETDEV_LINK_NONE;
        return &p->dev;
    default:
        return netdev_refuse(
            r, -EPROTONOSUPPORT,
            "pcap %s: its packets have a link header of type %s; Ethernet and raw IP can be replayed "
            "(capture on an interface, not on 'any')",
            path, pcap_datalink_val_to_name(pcap_datalink(p->in)));
    }
}

static struct netdev *pcap_open_out(struct pcap_dev *p, const char *path, struct netdev_refusal *r)
{
    pcap_t *format =
        pcap_open_dead_with_tstamp_precision(p->dev.caps.link == NETDEV_LINK_ETHER ? DLT_EN10MB : DLT_RAW,
                                             PCAP_SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
    if (format == NULL)
        return netdev_refuse(r, -ENOMEM, "pcap %s: out of memory", path);
    errno = 0;
    p->out = pcap_dump_open(format, path);
    struct netdev *ok = &p->dev;
    if (p->out == NULL)
        ok = netdev_refuse(r, errno != 0 ? -errno : -EIO, "pcap: cannot write %s", pcap_geterr(format));
    pcap_close(format);
    return ok;
}

/* Without --mac we are the station that the first unicast frame of the file is addressed to. */
static void pcap_choose_mac(struct pcap_dev *p, const char *path, const struct netdev_config *cfg)
{
    static const uint8_t fallback[6] = {0x02, 0, 0, 0, 0, 1};
    char text[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const u_char *data;

    memcpy(p->dev.caps.mac, cfg->has_mac ? cfg->mac : fallback, 6);
    if (cfg->has_mac || p->dev.caps.link != NETDEV_LINK_ETHER)
        return;
    pcap_t *scan = pcap_open_offline(path, text);
    if (scan == NULL)
        return;
    while (pcap_next_ex(scan, &h, &data) == 1) {
        if (h->caplen >= 14 && !(data[0] & 1)) {
            memcpy(p->dev.caps.mac, data, 6);
            break;
        }
    }
    pcap_close(scan);
}

struct netdev *netdev_pcap_open(const char *files, const struct netdev_config *cfg, struct netdev_refusal *r)
{
    char in[256];
    const char *comma = strchr(files, ',');
    size_t len = comma != NULL ? (size_t)(comma - files) : strlen(files);

    if (len == 0 || len >= sizeof(in) || (comma != NULL && comma[1] == '\0'))
        return netdev_refuse(r, -EINVAL, "pcap:%s: must be pcap:IN.pcap or pcap:IN.pcap,OUT.pcap", files);
    memcpy(in, files, len);
    in[len] = '\0';
    struct pcap_dev *p = netdev_alloc(sizeof(*p));
    if (p == NULL)
        return netdev_refuse(r, -ENOMEM, "pcap %s: out of memory", files);
    p->dev.ops = &pcap_dev_ops;
    p->pool = cfg->rx_pool[0];
    struct netdev *ok = pcap_open_in(p, in, r);
    if (ok != NULL && comma != NULL)
        ok = pcap_open_out(p, comma + 1, r);
    if (ok == NULL) {
        pcap_dev_close(&p->dev);
        return NULL;
    }
    pcap_advance(p);
    p->first = p->ended ? 0 : pcap_stamp(p->next);
    pcap_choose_mac(p, in, cfg);
    p->dev.caps.mtu = cfg->mtu != 0 ? cfg->mtu : 1500;
    p->dev.caps.queues = 1;
    p->dev.caps.multi_seg = true;
    return &p->dev;
}
