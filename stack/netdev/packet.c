/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet socket on an interface that the kernel has: a veth, or a NIC that stays the kernel's. Frames
 * carry a virtio-net header, so what a veth peer leaves unfilled or uncut is marked and not lost. The
 * kernel still sees every frame too: the interface should have no address of its own. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netdev/gso.h"
#include "netdev/kinds.h"
#include "netdev/vnet.h"

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

#define PACKET_BATCH         16
#define PACKET_SOCKET_BUFFER (16 * 1024 * 1024)

union packet_control {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct packet_queue {
    int fd;
    bool cut; /* cut GSO frames and fill checksums: deliver what a wire would carry */
    uint16_t link_len;
    struct rte_mempool *pool;
    struct gso_cut gso; /* being cut */
    struct netdev_stats stats;
    uint16_t first, received; /* of the batch: not yet delivered */
    struct mmsghdr rx[PACKET_BATCH];
    union packet_control control[PACKET_BATCH];
    struct vnet_slot slot[PACKET_BATCH];
    struct mmsghdr tx[PACKET_BATCH];
    struct rte_mbuf *compact[PACKET_BATCH];
    struct vnet_out out[PACKET_BATCH];
} __rte_cache_aligned;

struct packet_dev {
    struct netdev dev;
    char ifname[IFNAMSIZ];
    int ifindex;
    int control; /* a socket for interface ioctls */
    uint16_t n_queues;
    struct packet_queue queue[];
};

static struct packet_dev *packet_of(struct netdev *d)
{
    return (struct packet_dev *)d;
}

/* ---- receiving ---- */

/* The next batch from the kernel. */
static bool packet_receive(struct packet_queue *q)
{
    unsigned n = 0;
    q->first = q->received = 0;
    for (; n < PACKET_BATCH && vnet_slot_fill(&q->slot[n], q->pool); n++) {
        struct msghdr *h = &q->rx[n].msg_hdr;
        h->msg_iovlen = 1 + q->slot[n].have;
        h->msg_controllen = sizeof(q->control[n].buf);
    }
    if (n == 0) {
        q->stats.rx_no_mbuf++;
        return false;
    }
    int got = recvmmsg(q->fd, q->rx, n, MSG_DONTWAIT, NULL);
    if (got <= 0)
        return false;
    q->received = (uint16_t)got;
    return true;
}

static const struct tpacket_auxdata *packet_auxdata(struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
            return (const struct tpacket_auxdata *)CMSG_DATA(c);
    return NULL;
}

/* The kernel took a VLAN tag off; a frame of another network must not look like one of ours. */
static void packet_restore_vlan(struct rte_mbuf *m, const struct tpacket_auxdata *aux)
{
    if (aux == NULL || !(aux->tp_status & TP_STATUS_VLAN_VALID))
        return;
    uint16_t type = aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q;
    uint16_t tag[2] = {htons(type), htons(aux->tp_vlan_tci)};
    char *at = rte_pktmbuf_prepend(m, sizeof(tag));
    assert(at != NULL); /* the headroom of a fresh buffer */
    memmove(at, at + sizeof(tag), 2 * ETH_ALEN);
    memcpy(at + 2 * ETH_ALEN, tag, sizeof(tag));
}

/* The i-th frame of the batch, or NULL when it had to be dropped or is to be cut (q->gso). */
static struct rte_mbuf *packet_take(struct packet_queue *q, uint16_t i)
{
    struct vnet_slot *slot = &q->slot[i];
    struct msghdr *h = &q->rx[i].msg_hdr;
    unsigned len = q->rx[i].msg_len;

    if (len <= sizeof(slot->hdr) || h->msg_flags & MSG_TRUNC) {
        if (slot->have < slot->want)
            q->stats.rx_no_mbuf++;
        else
            q->stats.rx_errors++;
        return NULL;
    }
    struct rte_mbuf *m = vnet_slot_take(slot, len - (unsigned)sizeof(slot->hdr));
    const struct virtio_net_hdr *vnet = &slot->hdr;
    uint8_t gso = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
    if (!q->cut && gso != VIRTIO_NET_HDR_GSO_UDP_L4) {
        vnet_mark(m, vnet);
    } else if (gso != VIRTIO_NET_HDR_GSO_NONE) {
        if (!gso_cut_start_take(&q->gso, m, q->link_len, vnet->gso_size))
            q->stats.rx_errors++;
        return NULL;
    } else if (!vnet_fill(m, vnet)) {
        q->stats.rx_errors++;
        rte_pktmbuf_free(m);
        return NULL;
    }
    if (q->link_len != 0)
        packet_restore_vlan(m, packet_auxdata(h));
    return m;
}

static uint16_t packet_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct packet_queue *q = &packet_of(d)->queue[queue];
    uint16_t got = 0;

    while (got < n) {
        struct rte_mbuf *m;
        if (gso_cut_next(&q->gso, q->pool, &m)) {
            if (m == NULL)
                q->stats.rx_no_mbuf++;
        } else if (q->first < q->received) {
            m = packet_take(q, q->first++);
        } else if (!packet_receive(q)) {
            break;
        } else {
            continue;
        }
        if (m != NULL)
            pkts[got++] = m;
    }
    return got;
}

/* ---- sending ---- */

static bool packet_build(struct packet_queue *q, unsigned i, struct rte_mbuf *m)
{
    q->compact[i] = NULL;
    if (!vnet_out_build(&q->out[i], m)) {
        if (m->nb_segs <= VNET_SEGS_MAX)
            return false;
        q->compact[i] = vnet_compact(m, q->pool);
        if (q->compact[i] == NULL || !vnet_out_build(&q->out[i], q->compact[i]))
            return false;
    }
    q->tx[i].msg_hdr.msg_iovlen = q->out[i].n;
    return true;
}

/* Hands over a batch; returns how many are done with. A frame that the kernel refuses for good is one
 * of them. */
static uint16_t packet_send(struct packet_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t built = 0;
    while (built < n && packet_build(q, built, pkts[built]))
        built++;
    int sent = built > 0 ? sendmmsg(q->fd, q->tx, built, MSG_DONTWAIT) : 0;
    bool refused = built == 0 || (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR);
    for (uint16_t i = 0; i <= built && i < n; i++) {
        rte_pktmbuf_free(q->compact[i]);
        q->compact[i] = NULL;
    }
    if (refused) {
        q->stats.tx_errors++;
        return 1;
    }
    return sent < 0 ? 0 : (uint16_t)sent;
}

static uint16_t packet_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts,
                                uint16_t n)
{
    struct packet_queue *q = &packet_of(d)->queue[queue];
    uint16_t done = 0;
    while (done < n) {
        uint16_t k = packet_send(q, pkts + done, (uint16_t)RTE_MIN(n - done, PACKET_BATCH));
        if (k == 0)
            break;
        for (uint16_t i = 0; i < k; i++)
            rte_pktmbuf_free(pkts[done + i]);
        done = (uint16_t)(done + k);
    }
    return done;
}

/* ---- the rest ---- */

static int packet_fd(struct netdev *d, uint16_t queue)
{
    return packet_of(d)->queue[queue].fd;
}

/* What was read but not yet delivered does not show on the descriptor. */
static nsec_t packet_next_event(struct netdev *d, uint16_t queue)
{
    const struct packet_queue *q = &packet_of(d)->queue[queue];
    return q->gso.m != NULL || q->first < q->received ? 0 : NSEC_NEVER;
}

static int packet_bind(struct packet_dev *p, int fd)
{
    struct sockaddr_ll sll = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = p->ifindex};
    return bind(fd, (struct sockaddr *)&sll, sizeof(sll)) == 0 ? 0 : -errno;
}

/* An interface that was removed and made again has a new index. Members of a fanout group cannot be
 * bound anew; there the link stays down. */
static bool packet_link_poll(struct netdev *d, nsec_t now)
{
    struct packet_dev *p = packet_of(d);
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, p->ifname, IFNAMSIZ);
    if (ioctl(p->control, SIOCGIFINDEX, &ifr) != 0)
        return false;
    if (ifr.ifr_ifindex != p->ifindex) {
        p->ifindex = ifr.ifr_ifindex;
        if (p->n_queues > 1 || packet_bind(p, p->queue[0].fd) != 0) {
            p->ifindex = 0;
            return false;
        }
    }
    if (ioctl(p->control, SIOCGIFFLAGS, &ifr) != 0)
        return false;
    return (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

static void packet_stats(struct netdev *d, struct netdev_stats *s)
{
    struct packet_dev *p = packet_of(d);
    for (uint16_t i = 0; i < p->n_queues; i++) {
        struct packet_queue *q = &p->queue[i];
        struct tpacket_stats kernel;
        socklen_t len = sizeof(kernel);
        /* Asking resets the kernel's count. */
        if (getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &kernel, &len) == 0)
            __atomic_fetch_add(&q->stats.rx_missed, kernel.tp_drops, __ATOMIC_RELAXED);
        s->rx_missed += q->stats.rx_missed;
        s->rx_no_mbuf += q->stats.rx_no_mbuf;
        s->rx_errors += q->stats.rx_errors;
        s->tx_errors += q->stats.tx_errors;
    }
}

static void packet_close(struct netdev *d)
{
    struct packet_dev *p = packet_of(d);
    for (uint16_t i = 0; i < p->n_queues; i++) {
        struct packet_queue *q = &p->queue[i];
        rte_pktmbuf_free(q->gso.m);
        for (unsigned k = 0; k < PACKET_BATCH; k++)
            vnet_slot_fini(&q->slot[k]);
        if (q->fd >= 0)
            close(q->fd);
    }
    if (p->control >= 0)
        close(p->control);
    netdev_free(p);
}

static const struct netdev_ops packet_ops = {
    .kind = "af_packet",
    .rx_burst = packet_rx_burst,
    .tx_burst = packet_tx_burst,
    .fd = packet_fd,
    .next_event = packet_next_event,
    .link_poll = packet_link_poll,
    .stats = packet_stats,
    .close = packet_close,
};

/* ---- opening ---- */

static struct netdev *packet_find(struct packet_dev *p, const struct netdev_config *cfg,
                                  struct netdev_refusal *r)
{
    struct ifreq ifr = {0};
    char list[256];

    memcpy(ifr.ifr_name, p->ifname, IFNAMSIZ);
    p->ifindex = (int)if_nametoindex(p->ifname);
    if (p->ifindex == 0) {
        netdev_list_interfaces(list, sizeof(list));
        return netdev_refuse(
            r, -ENODEV,
            "af_packet %s: no such interface in this network namespace. There are: %s. A pair to try "
            "with: ip link add %s type veth peer name %.11s-peer",
            p->ifname, list, p->ifname, p->ifname);
    }
    if (ioctl(p->control, SIOCGIFFLAGS, &ifr) != 0 || !(ifr.ifr_flags & IFF_UP))
        return netdev_refuse(r, -ENETDOWN, "af_packet %s: the interface is down: ip link set %s up",
                             p->ifname, p->ifname);
    if (ioctl(p->control, SIOCGIFMTU, &ifr) != 0)
        return netdev_refuse(r, -errno, "af_packet %s: cannot read its MTU: %s", p->ifname, strerror(errno));
    if (cfg->mtu > ifr.ifr_mtu)
        return netdev_refuse(
            r, -EMSGSIZE,
            "af_packet %s: --mtu %u is above the interface's %d: ip link set %s mtu %u (and the "
            "same at its peer)",
            p->ifname, cfg->mtu, ifr.ifr_mtu, p->ifname, cfg->mtu);
    p->dev.caps.mtu = cfg->mtu != 0 ? cfg->mtu : (uint16_t)RTE_MIN(ifr.ifr_mtu, 65535 - 18);
    if (ioctl(p->control, SIOCGIFHWADDR, &ifr) != 0)
        return netdev_refuse(r, -errno, "af_packet %s: %s", p->ifname, strerror(errno));
    if (ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER || ifr.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK)
        p->dev.caps.link = NETDEV_LINK_ETHER;
    else
        p->dev.caps.link = NETDEV_LINK_NONE; /* tun, ppp, wireguard: raw IP */
    memcpy(p->dev.caps.mac, cfg->has_mac ? cfg->mac : (uint8_t *)ifr.ifr_hwaddr.sa_data, 6);
    return &p->dev;
}

/* An address that the interface does not have is received only when it is told to. A NIC may be able to
 * listen to a second address; veth and the rest are told to pass everything. */
static int packet_listen_mac(const struct packet_dev *p, int fd)
{
    struct ifreq ifr = {0};
    struct packet_mreq mreq = {.mr_ifindex = p->ifindex, .mr_type = PACKET_MR_PROMISC};
    memcpy(ifr.ifr_name, p->ifname, IFNAMSIZ);
    if (p->dev.caps.link != NETDEV_LINK_ETHER || (ioctl(p->control, SIOCGIFHWADDR, &ifr) == 0 &&
                                                  memcmp(ifr.ifr_hwaddr.sa_data, p->dev.caps.mac, 6) == 0))
        return 0;
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) == 0 ? 0 : -errno;
}

/* The first socket makes a group with a number of its own; the others join it. */
static int packet_fanout(const struct packet_dev *p, int fd, bool first, int *group)
{
    int type = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    socklen_t len = sizeof(*group);
    if (p->n_queues == 1)
        return 0;
    int arg = first ? (type | PACKET_FANOUT_FLAG_UNIQUEID) << 16 : (*group & 0xffff) | type << 16;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) != 0)
        return -errno;
    if (first && getsockopt(fd, SOL_PACKET, PACKET_FANOUT, group, &len) != 0)
        return -errno;
    return 0;
}

static int packet_socket_options(int fd)
{
    int on = 1, size = PACKET_SOCKET_BUFFER;
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0)
        return -errno;
    /* Best effort: without CAP_NET_ADMIN the system's limit stays. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

static int packet_queue_slots(struct packet_queue *q)
{
    for (unsigned i = 0; i < PACKET_BATCH; i++) {
        int rc = vnet_slot_init(&q->slot[i], q->pool, VNET_FRAME_MAX);
        if (rc != 0)
            return rc;
        q->rx[i].msg_hdr.msg_iov = q->slot[i].iov;
        q->rx[i].msg_hdr.msg_control = q->control[i].buf;
        q->tx[i].msg_hdr.msg_iov = q->out[i].iov;
    }
    return 0;
}

static struct netdev *packet_open_queue(struct packet_dev *p, uint16_t i, int *group,
                                        struct netdev_refusal *r)
{
    struct packet_queue *q = &p->queue[i];

    q->link_len = p->dev.caps.link == NETDEV_LINK_ETHER ? ETH_HLEN : 0;
    /* Protocol 0: nothing is received before the socket is bound and its options are set. */
    q->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return netdev_refuse(r, -errno, "af_packet %s: %s%s", p->ifname, strerror(errno),
                             errno == EPERM ? ". A packet socket takes CAP_NET_RAW: run as root, or: setcap "
                                              "cap_net_raw,cap_net_admin+ep PROGRAM"
                                            : "");
    int rc = packet_socket_options(q->fd);
    if (rc == 0)
        rc = packet_bind(p, q->fd);
    if (rc == 0)
        rc = packet_listen_mac(p, q->fd);
    if (rc == 0)
        rc = packet_fanout(p, q->fd, i == 0, group);
    if (rc == 0)
        rc = packet_queue_slots(q);
    if (rc != 0)
        return netdev_refuse(r, rc,
                             "af_packet %s: the kernel refuses a packet socket with virtio-net headers: %s",
                             p->ifname, strerror(-rc));
    return &p->dev;
}

static void packet_set_caps(struct packet_dev *p, const struct netdev_config *cfg)
{
    bool offload = cfg->tun->offload != 0;
    struct netdev_caps *c = &p->dev.caps;
    c->queues = p->n_queues;
    c->rx_csum = c->tx_csum = c->tso = offload;
    c->tso_max = offload ? NETDEV_TSO_MAX : 0;
    c->multi_seg = true;
    c->can_sleep = true;
}

struct netdev *netdev_packet_open(const char *iface, const struct netdev_config *cfg,
                                  struct netdev_refusal *r)
{
    int group = 0;
    if (!netdev_iface_name_ok(iface))
        return netdev_refuse(
            r, -EINVAL, "af_packet:%s: the name of an interface has 1 to 15 characters, no slash or space",
            iface);
    struct packet_dev *p = netdev_alloc(sizeof(*p) + cfg->queues * sizeof(p->queue[0]));
    if (p == NULL)
        return netdev_refuse(r, -ENOMEM, "af_packet %s: out of memory", iface);
    p->dev.ops = &packet_ops;
    p->n_queues = cfg->queues;
    strcpy(p->ifname, iface);
    for (uint16_t i = 0; i < p->n_queues; i++) {
        p->queue[i].fd = -1;
        p->queue[i].pool = cfg->rx_pool[i];
        p->queue[i].cut = cfg->tun->offload == 0;
    }
    p->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct netdev *ok = p->control >= 0
                            ? packet_find(p, cfg, r)
                            : netdev_refuse(r, -errno, "af_packet %s: %s", iface, strerror(errno));
    for (uint16_t i = 0; i < p->n_queues && ok != NULL; i++)
        ok = packet_open_queue(p, i, &group, r);
    if (ok == NULL) {
        packet_close(&p->dev);
        return NULL;
    }
    packet_set_caps(p, cfg);
    return &p->dev;
}
