/* SPDX-License-Identifier: BSD-3-Clause */
/* A TAP interface: the kernel of this machine is the other end of the wire. Frames carry a virtio-net
 * header, so checksums inside the machine stay unfilled and TCP travels in segments of 64 KB. The
 * interface lives as long as the program, unless it was there before. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netdev/kinds.h"
#include "netdev/vnet.h"

#define TAP_MTU_MAX 65521 /* the kernel's limit */

struct tap_queue {
    int fd;
    bool dead; /* the interface was deleted under us */
    struct rte_mempool *pool;
    struct netdev_stats stats;
    struct vnet_slot slot;
    struct vnet_out out;
} __rte_cache_aligned;

struct tap {
    struct netdev dev;
    char ifname[IFNAMSIZ];
    int control; /* a socket for interface ioctls */
    uint16_t n_queues;
    struct tap_queue queue[];
};

static struct tap *tap_of(struct netdev *d)
{
    return (struct tap *)d;
}

/* ---- data path ---- */

/* One frame. NULL when there is none now; *lost when there was one that could not be delivered. */
static struct rte_mbuf *tap_read(struct tap_queue *q, bool *lost)
{
    *lost = false;
    if (!vnet_slot_fill(&q->slot, q->pool)) {
        q->stats.rx_no_mbuf++;
        return NULL; /* it waits in the kernel's queue */
    }
    ssize_t r = readv(q->fd, q->slot.iov, 1 + q->slot.have);
    if (r < (ssize_t)sizeof(q->slot.hdr) + 1) {
        if (r < 0 && (errno == EBADFD || errno == ENODEV))
            q->dead = true;
        return NULL;
    }
    uint32_t len = (uint32_t)(r - (ssize_t)sizeof(q->slot.hdr));
    /* The kernel cuts what does not fit without saying so. */
    if (len >= vnet_slot_room(&q->slot)) {
        *lost = true;
        if (q->slot.have < q->slot.want)
            q->stats.rx_no_mbuf++;
        else
            q->stats.rx_errors++;
        return NULL;
    }
    struct rte_mbuf *m = vnet_slot_take(&q->slot, len);
    vnet_mark(m, &q->slot.hdr);
    return m;
}

static uint16_t tap_rx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct tap_queue *q = &tap_of(d)->queue[queue];
    uint16_t got = 0;
    bool lost = false;

    while (got < n) {
        struct rte_mbuf *m = tap_read(q, &lost);
        if (m != NULL)
            pkts[got++] = m;
        else if (!lost)
            break;
    }
    return got;
}

/* Whether it is done with, sent or not; false: the kernel's queue is full, try again later. */
static bool tap_write(struct tap_queue *q, struct rte_mbuf *m)
{
    struct rte_mbuf *compact = NULL;
    bool built = vnet_out_build(&q->out, m);

    if (!built && m->nb_segs > VNET_SEGS_MAX) {
        compact = vnet_compact(m, q->pool);
        built = compact != NULL && vnet_out_build(&q->out, compact);
    }
    ssize_t r = -1;
    bool full = false;
    if (built) {
        r = writev(q->fd, q->out.iov, q->out.n);
        full = r < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR);
    }
    if (r < 0 && !full)
        q->stats.tx_errors++;
    rte_pktmbuf_free(compact);
    return !full;
}

static uint16_t tap_tx_burst(struct netdev *d, uint16_t queue, nsec_t now, struct rte_mbuf **pkts, uint16_t n)
{
    struct tap_queue *q = &tap_of(d)->queue[queue];
    uint16_t i;
    for (i = 0; i < n && tap_write(q, pkts[i]); i++)
        rte_pktmbuf_free(pkts[i]);
    return i;
}

static int tap_fd(struct netdev *d, uint16_t queue)
{
    const struct tap_queue *q = &tap_of(d)->queue[queue];
    return q->dead ? -1 : q->fd;
}

/* The interface may have been moved to another namespace, where we cannot ask: then it counts as up. */
static bool tap_link_poll(struct netdev *d, nsec_t now)
{
    struct tap *t = tap_of(d);
    struct ifreq ifr = {0};
    for (uint16_t i = 0; i < t->n_queues; i++)
        if (t->queue[i].dead)
            return false;
    memcpy(ifr.ifr_name, t->ifname, IFNAMSIZ);
    if (ioctl(t->control, SIOCGIFFLAGS, &ifr) != 0)
        return true;
    return (ifr.ifr_flags & IFF_UP) != 0;
}

static void tap_stats(struct netdev *d, struct netdev_stats *s)
{
    const struct tap *t = tap_of(d);
    for (uint16_t i = 0; i < t->n_queues; i++) {
        s->rx_no_mbuf += t->queue[i].stats.rx_no_mbuf;
        s->rx_errors += t->queue[i].stats.rx_errors;
        s->tx_errors += t->queue[i].stats.tx_errors;
    }
}

static void tap_close(struct netdev *d)
{
    struct tap *t = tap_of(d);
    for (uint16_t i = 0; i < t->n_queues; i++) {
        vnet_slot_fini(&t->queue[i].slot);
        if (t->queue[i].fd >= 0)
            close(t->queue[i].fd);
    }
    if (t->control >= 0)
        close(t->control);
    netdev_free(t);
}

static const struct netdev_ops tap_ops = {
    .kind = "tap",
    .rx_burst = tap_rx_burst,
    .tx_burst = tap_tx_burst,
    .fd = tap_fd,
    .link_poll = tap_link_poll,
    .stats = tap_stats,
    .close = tap_close,
};

/* ---- opening ---- */

static struct netdev *tap_refuse_attach(const char *name, struct netdev_refusal *r, uint16_t queues,
                                        int error)
{
    switch (error) {
    case EPERM:
        return netdev_refuse(
            r, -EPERM,
            "tap %s: making or attaching to a TAP interface takes CAP_NET_ADMIN. Run as root, or "
            "once as root: ip tuntap add dev %s mode tap user USER%s && ip link set %s up",
            name, name, queues > 1 ? " multi_queue" : "", name);
    case EBUSY:
        return netdev_refuse(r, -EBUSY,
                             "tap %s: another program has it open; end that one or take another name", name);
    case EINVAL:
        if (if_nametoindex(name) != 0)
            return netdev_refuse(
                r, -EEXIST,
                "tap %s: there is an interface of that name that is no TAP%s; take another name, or "
                "remove it: ip link del %s",
                name, queues > 1 ? " with several queues" : "", name);
        break;
    default:
        break;
    }
    return netdev_refuse(r, -error, "tap %s: %s", name, strerror(error));
}

/* An existing interface insists on the queue mode it was made with; a new one takes either. */
static int tap_attach(struct tap *t, int fd)
{
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, t->ifname, IFNAMSIZ);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (t->n_queues == 1 && ioctl(fd, TUNSETIFF, &ifr) == 0)
        return 0;
    if (t->n_queues == 1 && errno != EINVAL)
        return -errno;
    ifr.ifr_flags |= IFF_MULTI_QUEUE;
    return ioctl(fd, TUNSETIFF, &ifr) == 0 ? 0 : -errno;
}

static struct netdev *tap_open_queue(struct tap *t, struct tap_queue *q, const struct netdev_config *cfg,
                                     struct netdev_refusal *r)
{
    bool offload = cfg->tun->offload != 0;
    unsigned features = offload ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN : 0;
    int header = sizeof(struct virtio_net_hdr);

    q->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (q->fd < 0)
        return netdev_refuse(
            r, -errno,
            "tap %s: /dev/net/tun: %s. The kernel needs its tun module (modprobe tun), a container "
            "the device (--device /dev/net/tun --cap-add NET_ADMIN)",
            t->ifname, strerror(errno));
    int rc = tap_attach(t, q->fd);
    if (rc != 0)
        return tap_refuse_attach(t->ifname, r, t->n_queues, -rc);
    if (ioctl(q->fd, TUNSETVNETHDRSZ, &header) != 0 || ioctl(q->fd, TUNSETOFFLOAD, features) != 0)
        return netdev_refuse(r, -errno, "tap %s: the kernel refuses virtio-net headers or offloads: %s",
                             t->ifname, strerror(errno));
    if (vnet_slot_init(&q->slot, q->pool, VNET_FRAME_MAX + 1) != 0)
        return netdev_refuse(r, -EINVAL, "tap %s: packet buffers are too small", t->ifname);
    return &t->dev;
}

/* Sets the MTU of the kernel's end when one is asked for, and brings it up; what is already so needs
 * no privilege. */
static struct netdev *tap_configure(struct tap *t, uint16_t mtu, struct netdev_refusal *r)
{
    struct ifreq ifr = {0};
    memcpy(ifr.ifr_name, t->ifname, IFNAMSIZ);
    if (ioctl(t->control, SIOCGIFMTU, &ifr) != 0)
        return netdev_refuse(r, -errno, "tap %s: cannot read its MTU: %s", t->ifname, strerror(errno));
    if (mtu != 0 && ifr.ifr_mtu != mtu) {
        int old = ifr.ifr_mtu;
        ifr.ifr_mtu = mtu;
        if (ioctl(t->control, SIOCSIFMTU, &ifr) != 0)
            return netdev_refuse(
                r, -errno, "tap %s: its MTU is %d and setting %u failed: %s. As root: ip link set %s mtu %u",
                t->ifname, old, mtu, strerror(errno), t->ifname, mtu);
    }
    t->dev.caps.mtu = (uint16_t)RTE_MIN(ifr.ifr_mtu, TAP_MTU_MAX);
    if (ioctl(t->control, SIOCGIFFLAGS, &ifr) != 0)
        return netdev_refuse(r, -errno, "tap %s: %s", t->ifname, strerror(errno));
    if (!(ifr.ifr_flags & IFF_UP)) {
        ifr.ifr_flags |= IFF_UP;
        if (ioctl(t->control, SIOCSIFFLAGS, &ifr) != 0)
            return netdev_refuse(
                r, -errno, "tap %s: it is down and bringing it up failed: %s. As root: ip link set %s up",
                t->ifname, strerror(errno), t->ifname);
    }
    return &t->dev;
}

static void tap_set_caps(struct tap *t, const struct netdev_config *cfg)
{
    bool offload = cfg->tun->offload != 0;
    struct netdev_caps *c = &t->dev.caps;

    c->link = NETDEV_LINK_ETHER;
    c->queues = t->n_queues;
    c->rx_csum = c->tx_csum = c->tso = offload;
    c->tso_max = offload ? NETDEV_TSO_MAX : 0;
    c->multi_seg = true;
    c->can_sleep = true;
    if (cfg->has_mac)
        memcpy(c->mac, cfg->mac, sizeof(c->mac));
    else
        vnet_stable_mac(t->ifname, c->mac);
}

struct netdev *netdev_tap_open(const char *name, const struct netdev_config *cfg, struct netdev_refusal *r)
{
    if (!netdev_iface_name_ok(name))
        return netdev_refuse(
            r, -EINVAL, "tap:%s: the name of an interface has 1 to 15 characters, no slash or space", name);
    struct tap *t = netdev_alloc(sizeof(*t) + cfg->queues * sizeof(t->queue[0]));
    if (t == NULL)
        return netdev_refuse(r, -ENOMEM, "tap %s: out of memory", name);
    t->dev.ops = &tap_ops;
    t->n_queues = cfg->queues;
    strcpy(t->ifname, name);
    for (uint16_t i = 0; i < t->n_queues; i++) {
        t->queue[i].fd = -1;
        t->queue[i].pool = cfg->rx_pool[i];
    }
    t->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct netdev *ok = &t->dev;
    if (t->control < 0)
        ok = netdev_refuse(r, -errno, "tap %s: socket: %s", name, strerror(errno));
    for (uint16_t i = 0; i < t->n_queues && ok != NULL; i++)
        ok = tap_open_queue(t, &t->queue[i], cfg, r);
    if (ok != NULL)
        ok = tap_configure(t, cfg->mtu, r);
    if (ok == NULL) {
        tap_close(&t->dev);
        return NULL;
    }
    tap_set_caps(t, cfg);
    return &t->dev;
}
