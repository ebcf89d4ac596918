/* SPDX-License-Identifier: BSD-3-Clause */
/* From the text after a kind to a started port. Devices are plugged in after EAL's start, so that EAL's
 * arguments do not depend on them. */
#include <errno.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "netdev/ethdev.h"
#include "netdev/pci.h"

#define ETHDEV_ARGS      512
#define ETHDEV_INSTANCES 64 /* of one driver in a process */
#define CSUM_L4_TX       (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define CSUM_RX          (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define ETHER_OVERHEAD   18 /* header and VLAN tag */

/* What EAL is to plug in. */
struct plug {
    const char *bus;
    char name[ETHDEV_NAME];
    char args[ETHDEV_ARGS];
};

/* ---- what is there ---- */

/* A socket file whose owner is gone would keep us from listening there: is there one that answers? */
static bool socket_answers(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode) || strlen(path) >= sizeof(sun.sun_path))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    strcpy(sun.sun_path, path);
    bool answers = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
                   (errno != ECONNREFUSED && errno != EPROTOTYPE);
    close(fd);
    return answers;
}

/* ---- what to plug in ---- */

/* A name "STEM0", "STEM1", ... that no device has yet. */
static void plug_name(struct plug *p, const char *stem)
{
    uint16_t port;
    for (unsigned i = 0; i < ETHDEV_INSTANCES; i++) {
        snprintf(p->name, sizeof(p->name), "%s%u", stem, i);
        if (rte_eth_dev_get_port_by_name(p->name, &port) != 0)
            return;
    }
}

/* Prepares a path to listen on: what a dead program left behind goes, a living one is an error. */
static struct netdev *listen_at(struct ethdev *e, const char *path, struct netdev_refusal *r)
{
    if (strlen(path) >= sizeof(e->socket))
        return netdev_refuse(r, -EINVAL, "%s: longer than the %zu characters of a socket's path", path,
                             sizeof(e->socket) - 1);
    if (socket_answers(path))
        return netdev_refuse(r, -EADDRINUSE, "%s: another program listens there; end it or take another path",
                             path);
    struct stat st;
    if (stat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return netdev_refuse(r, -EEXIST, "%s: exists and is no socket; take another path", path);
        (void)unlink(path);
    }
    strcpy(e->socket, path);
    return &e->dev;
}

static unsigned log2_of(uint32_t n)
{
    unsigned bits = 0;
    while (1u << (bits + 1) <= n)
        bits++;
    return bits;
}

static struct netdev *plug_memif(struct ethdev *e, struct plug *p, const char *arg,
                                 const struct netdev_config *cfg, struct netdev_refusal *r)
{
    char path[256];
    const char *comma = strchr(arg, ',');
    size_t len = comma != NULL ? (size_t)(comma - arg) : strlen(arg);
    bool server = comma != NULL && strcmp(comma, ",server") == 0;

    if (len == 0 || len >= sizeof(e->socket) || (comma != NULL && !server))
        return netdev_refuse(r, -EINVAL,
                             "memif:%s: must be memif:PATH or memif:PATH,server (one side of a pair); PATH "
                             "has at most %zu characters and may be @NAME, which leaves no file behind",
                             arg, sizeof(e->socket) - 1);
    memcpy(path, arg, len);
    path[len] = '\0';
    bool abstract = path[0] == '@';
    if (server && !abstract && listen_at(e, path, r) == NULL)
        return NULL;
    e->reconnect = !server;
    e->dev.awaits = server ? "a client" : "its server";
    plug_name(p, "net_memif");
    int n = snprintf(p->args, sizeof(p->args), "role=%s,socket=%s,socket-abstract=%s,rsize=%u",
                     server ? "server" : "client", path + abstract, abstract ? "yes" : "no",
                     RTE_MIN(log2_of(cfg->tun->rx_ring), 14u));
    if (cfg->has_mac)
        snprintf(p->args + n, sizeof(p->args) - (size_t)n, ",mac=%02x:%02x:%02x:%02x:%02x:%02x", cfg->mac[0],
                 cfg->mac[1], cfg->mac[2], cfg->mac[3], cfg->mac[4], cfg->mac[5]);
    return &e->dev;
}

static struct netdev *plug_virtio(struct ethdev *e, struct plug *p, const char *arg,
                                  const struct netdev_config *cfg, struct netdev_refusal *r)
{
    struct stat st;
    if (stat(arg, &st) != 0 || !S_ISSOCK(st.st_mode))
        return netdev_refuse(
            r, -ENOENT,
            "virtio %s: no vhost-user socket there; start the other side first (--dev vhost:%s, or a "
            "switch or hypervisor that listens there)",
            arg, arg);
    plug_name(p, "net_virtio_user");
    int n = snprintf(p->args, sizeof(p->args), "path=%s,queues=%u,queue_size=%u", arg, cfg->queues,
                     1u << RTE_MIN(log2_of(cfg->tun->rx_ring), 10u));
    if (cfg->has_mac)
        snprintf(p->args + n, sizeof(p->args) - (size_t)n, ",mac=%02x:%02x:%02x:%02x:%02x:%02x", cfg->mac[0],
                 cfg->mac[1], cfg->mac[2], cfg->mac[3], cfg->mac[4], cfg->mac[5]);
    return &e->dev;
}

static struct netdev *plug_xdp(struct ethdev *e, struct plug *p, const char *arg,
                               const struct netdev_config *cfg, struct netdev_refusal *r)
{
    char list[256];
    if (if_nametoindex(arg) == 0) {
        netdev_list_interfaces(list, sizeof(list));
        return netdev_refuse(
            r, -ENODEV, "af_xdp %s: no such interface in this network namespace. There are: %s", arg, list);
    }
    plug_name(p, "net_af_xdp");
    snprintf(p->args, sizeof(p->args), "iface=%s,queue_count=%u", arg, cfg->queues);
    return &e->dev;
}

static struct netdev *plug_find(struct ethdev *e, struct plug *p, const char *arg,
                                const struct netdev_config *cfg, struct netdev_refusal *r)
{
    const char *rest;
    p->bus = "vdev";
    switch (e->kind) {
    case ETHDEV_PCI:
        p->bus = "pci";
        if (!pci_address(arg, p->name, &rest))
            return netdev_refuse(r, -EINVAL, "pci %s: no address of a PCI device", arg);
        snprintf(p->args, sizeof(p->args), "%s", rest);
        return &e->dev;
    case ETHDEV_XDP:
        return plug_xdp(e, p, arg, cfg, r);
    case ETHDEV_MEMIF:
        return plug_memif(e, p, arg, cfg, r);
    case ETHDEV_VHOST:
        plug_name(p, "net_vhost");
        e->dev.awaits = "the other side";
        snprintf(p->args, sizeof(p->args), "iface=%s,queues=%u", arg, cfg->queues);
        return listen_at(e, arg, r);
    case ETHDEV_VIRTIO:
        return plug_virtio(e, p, arg, cfg, r);
    default:
        memcpy(p->name, arg, RTE_MIN(sizeof(p->name) - 1, strcspn(arg, ",")));
        snprintf(p->args, sizeof(p->args), "%s", strchr(arg, ',') != NULL ? strchr(arg, ',') + 1 : "");
        return &e->dev;
    }
}

static struct netdev *plug_refused(struct ethdev *e, const struct plug *p, const char *arg, int rc,
                                   struct netdev_refusal *r)
{
    int err = rc >= 0 ? -ENODEV : rc == -EINVAL && e->kind != ETHDEV_VDEV ? -EIO : rc;
    switch (e->kind) {
    case ETHDEV_PCI:
        return pci_refuse(p->name, r);
    case ETHDEV_XDP:
        return netdev_refuse(r, err,
                             "af_xdp %s: %s. It takes root and a kernel with AF_XDP; try af_packet:%s", arg,
                             strerror(-err), arg);
    default:
        return netdev_refuse(r, err, "%s: DPDK refuses the device %s with '%s': %s", arg, p->name, p->args,
                             strerror(-err));
    }
}

/* ---- configuration ---- */

static void choose_offloads(struct ethdev *e, const struct rte_eth_dev_info *info,
                            const struct netdev_config *cfg, struct rte_eth_conf *conf)
{
    struct netdev_caps *c = &e->dev.caps;
    uint64_t tx = info->tx_offload_capa, want_tx = 0, want_rx = 0;

    if (cfg->tun->offload != 0) {
        want_rx = info->rx_offload_capa & CSUM_RX;
        c->rx_csum = (want_rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0;
        c->tx_csum = (tx & CSUM_L4_TX) == CSUM_L4_TX;
        c->tso = c->tx_csum && tx & RTE_ETH_TX_OFFLOAD_TCP_TSO && tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
        if (c->tx_csum)
            want_tx |= CSUM_L4_TX | (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
        if (c->tso)
            want_tx |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
        c->tso_max = c->tso ? NETDEV_TSO_MAX : 0;
        e->ip_in_software = c->tx_csum && !(tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    }
    c->multi_seg = (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
    want_tx |= tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    uint32_t room = rte_pktmbuf_data_room_size(cfg->rx_pool[0]) - RTE_PKTMBUF_HEADROOM;
    if (c->mtu + (uint32_t)ETHER_OVERHEAD > room)
        want_rx |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
    conf->rxmode.offloads = want_rx;
    conf->txmode.offloads = want_tx;
}

/* Does the device put what does not fit a receive buffer into several? */
static bool has_chains(const struct ethdev *e, const struct rte_eth_dev_info *info)
{
    if (ethdev_quirk(info->driver_name)->one_buffer)
        return false;
    return info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER || e->kind == ETHDEV_MEMIF ||
           e->kind == ETHDEV_VHOST;
}

static struct netdev *check_mtu(struct ethdev *e, const struct rte_eth_dev_info *info,
                                const struct netdev_config *cfg, const char *arg, struct netdev_refusal *r)
{
    uint32_t room = rte_pktmbuf_data_room_size(cfg->rx_pool[0]) - RTE_PKTMBUF_HEADROOM;
    uint32_t max = info->max_mtu;

    if (!has_chains(e, info))
        max = RTE_MIN(max, room - ETHER_OVERHEAD); /* longer frames would be cut or lost */
    e->dev.caps.mtu = cfg->mtu != 0 ? cfg->mtu : (uint16_t)RTE_MIN(max, 1500u);
    if (e->dev.caps.mtu > max && e->dev.caps.mtu <= info->max_mtu)
        return netdev_refuse(r, -EMSGSIZE,
                             "%s: the device (%s) puts a frame into one receive buffer, and these take an "
                             "MTU of up to %u, --mtu is %u; with it: --set rx_buf=%u",
                             arg, info->driver_name, max, e->dev.caps.mtu, e->dev.caps.mtu + ETHER_OVERHEAD);
    if (e->dev.caps.mtu > max || e->dev.caps.mtu < info->min_mtu)
        return netdev_refuse(r, -EMSGSIZE, "%s: the device (%s) has an MTU of %u to %u, --mtu is %u", arg,
                             info->driver_name, info->min_mtu, max, e->dev.caps.mtu);
    return &e->dev;
}

static int setup_queues(struct ethdev *e, const struct rte_eth_dev_info *info,
                        const struct netdev_config *cfg, const struct rte_eth_conf *conf)
{
    uint16_t rx = (uint16_t)cfg->tun->rx_ring, tx = (uint16_t)cfg->tun->tx_ring;
    struct rte_eth_rxconf rxconf = info->default_rxconf;
    struct rte_eth_txconf txconf = info->default_txconf;
    int rc = rte_eth_dev_adjust_nb_rx_tx_desc(e->port, &rx, &tx);

    rxconf.offloads = conf->rxmode.offloads;
    txconf.offloads = conf->txmode.offloads;
    for (uint16_t i = 0; i < e->n_queues && rc == 0; i++) {
        rc = rte_eth_rx_queue_setup(e->port, i, rx, SOCKET_ID_ANY, &rxconf, cfg->rx_pool[i]);
        if (rc == 0)
            rc = rte_eth_tx_queue_setup(e->port, i, tx, SOCKET_ID_ANY, &txconf);
    }
    return rc;
}

/* Our address, as the device's or, where it cannot be told, by listening to everything. */
static void set_mac(struct ethdev *e, const struct netdev_config *cfg)
{
    struct rte_ether_addr mac;
    if (cfg->has_mac) {
        memcpy(mac.addr_bytes, cfg->mac, sizeof(cfg->mac));
        if (rte_eth_dev_default_mac_addr_set(e->port, &mac) != 0)
            (void)rte_eth_promiscuous_enable(e->port);
    } else {
        (void)rte_eth_macaddr_get(e->port, &mac);
    }
    memcpy(e->dev.caps.mac, mac.addr_bytes, sizeof(e->dev.caps.mac));
}

static void adopt_quirks(struct ethdev *e, const struct ethdev_quirk *quirk, const struct netdev_config *cfg)
{
    e->none_is_good = quirk->none_is_good;
    if (quirk->memory_goes && cfg->guard != NULL) {
        cfg->guard->install();
        e->guard = cfg->guard;
    }
}

static struct netdev *ethdev_configure(struct ethdev *e, const char *arg, const struct netdev_config *cfg,
                                       struct netdev_refusal *r)
{
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf = {.intr_conf = {.rxq = cfg->tun->idle != IDLE_SPIN}};
    if (e->kind == ETHDEV_PCI && !pci_interrupts(e->name))
        conf.intr_conf.rxq = 0;
    int rc = rte_eth_dev_info_get(e->port, &info);

    if (rc != 0)
        return netdev_refuse(r, rc, "%s: the device tells nothing of itself: %s", arg, strerror(-rc));
    adopt_quirks(e, ethdev_quirk(info.driver_name), cfg);
    e->dev.caps.queues = e->n_queues = ethdev_queues(&info, cfg->queues);
    if (check_mtu(e, &info, cfg, arg, r) == NULL)
        return NULL;
    choose_offloads(e, &info, cfg, &conf);
    if (e->n_queues > 1)
        ethdev_rss_choose(&info, cfg, &conf);
    /* memif declares a limit that it does not have: it carries longer frames in chains. */
    conf.rxmode.mtu = e->kind == ETHDEV_MEMIF ? RTE_MIN(e->dev.caps.mtu, (uint16_t)1500) : e->dev.caps.mtu;
    rc = rte_eth_dev_configure(e->port, e->n_queues, e->n_queues, &conf);
    if (rc != 0 && conf.intr_conf.rxq) {
        conf.intr_conf.rxq = 0; /* some refuse what they do not have */
        rc = rte_eth_dev_configure(e->port, e->n_queues, e->n_queues, &conf);
    }
    if (rc == 0)
        rc = setup_queues(e, &info, cfg, &conf);
    if (rc == 0) {
        rc = ethdev_start(e);
        if (rc != 0 && e->reconnect)
            rc = 0; /* the other side is not there yet: the link is down */
    }
    if (rc != 0)
        return netdev_refuse(r, rc < 0 && rc != -EINVAL ? rc : -EIO,
                             "%s: the device (%s) refuses its configuration: %s", arg, info.driver_name,
                             strerror(abs(rc)));
    e->interrupts = conf.intr_conf.rxq != 0 && rte_eth_dev_rx_intr_ctl_q_get_fd(e->port, 0) >= 0;
    if (e->kind == ETHDEV_VHOST)
        e->interrupts = conf.intr_conf.rxq != 0; /* its descriptors come with the other side */
    set_mac(e, cfg);
    if (e->n_queues > 1)
        ethdev_rss_start(e, cfg, &conf);
    if (e->kind == ETHDEV_PCI)
        pci_note_numa(&e->dev, e->name);
    return &e->dev;
}

/* A vhost-user peer that dies raises SIGPIPE in whoever writes to it, and DPDK does not prevent that. A
 * handler of the program's stays. */
static void ignore_sigpipe(void)
{
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        old.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &old, NULL);
    }
}

struct netdev *netdev_ethdev_open(enum ethdev_kind kind, const char *arg, const struct netdev_config *cfg,
                                  struct netdev_refusal *r)
{
    struct plug plug = {0};
    struct ethdev *e = netdev_alloc(sizeof(*e) + cfg->queues * sizeof(e->queue[0]));
    if (e == NULL)
        return netdev_refuse(r, -ENOMEM, "%s: out of memory", arg);
    e->dev.ops = &ethdev_ops_by_kind[kind];
    e->dev.caps.link = NETDEV_LINK_ETHER;
    e->dev.caps.queues = e->n_queues = cfg->queues;
    e->kind = kind;
    e->port = RTE_MAX_ETHPORTS;
    for (uint16_t i = 0; i < cfg->queues; i++)
        e->queue[i].epoll = e->queue[i].watched = -1;
    struct netdev *ok = plug_find(e, &plug, arg, cfg, r);
    if (ok != NULL && (kind == ETHDEV_VHOST || kind == ETHDEV_VIRTIO))
        ignore_sigpipe();
    memcpy(e->name, plug.name, sizeof(e->name));
    if (ok != NULL && rte_eth_dev_get_port_by_name(plug.name, &e->port) != 0) {
        int rc = rte_eal_hotplug_add(plug.bus, plug.name, plug.args);
        if (rc == 0)
            e->bus = plug.bus;
        if (rc != 0 || rte_eth_dev_get_port_by_name(plug.name, &e->port) != 0) {
            e->port = RTE_MAX_ETHPORTS;
            ok = plug_refused(e, &plug, arg, rc, r);
        }
    }
    if (ok != NULL)
        ok = ethdev_configure(e, arg, cfg, r);
    if (ok == NULL) {
        ethdev_close(&e->dev);
        return NULL;
    }
    e->dev.caps.can_sleep = e->interrupts;
    return &e->dev;
}
