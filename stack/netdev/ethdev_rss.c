/* SPDX-License-Identifier: BSD-3-Clause */
/* Spreading flows over the queues of a device. It is asked for the stack's own key and table; then read
 * back, for what a device was told and what it does may differ. */
#include <rte_ethdev.h>
#include <string.h>

#include "base/steer.h"
#include "netdev/ethdev.h"

#define RSS_WANTED (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP)
#define RSS_GROUPS (NETDEV_RSS_TABLE / RTE_ETH_RETA_GROUP_SIZE)

uint16_t ethdev_queues(const struct rte_eth_dev_info *info, uint16_t wanted)
{
    uint16_t most = RTE_MIN(info->max_rx_queues, info->max_tx_queues);
    if (most == 0 || ethdev_quirk(info->driver_name)->one_queue)
        most = 1;
    return RTE_MIN(wanted, most);
}

void ethdev_rss_choose(const struct rte_eth_dev_info *info, const struct netdev_config *cfg,
                       struct rte_eth_conf *conf)
{
    uint64_t types = info->flow_type_rss_offloads & RSS_WANTED;
    if (types == 0)
        return;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf.rss_hf = types;
    if (cfg->rss_key != NULL && info->hash_key_size == NETDEV_RSS_KEY) {
        conf->rx_adv_conf.rss_conf.rss_key = (uint8_t *)(uintptr_t)cfg->rss_key;
        conf->rx_adv_conf.rss_conf.rss_key_len = NETDEV_RSS_KEY;
    }
}

/* Entries of the device's table that we can work with, 0 when there are none. */
static uint16_t table_size(const struct ethdev *e)
{
    struct rte_eth_dev_info info;
    if (rte_eth_dev_info_get(e->port, &info) != 0 || !rte_is_power_of_2(info.reta_size) ||
        info.reta_size > NETDEV_RSS_TABLE)
        return 0;
    return info.reta_size;
}

static void groups_select(struct rte_eth_rss_reta_entry64 *group, uint16_t n)
{
    memset(group, 0, RSS_GROUPS * sizeof(*group));
    for (uint16_t i = 0; i < n; i++)
        group[i / RTE_ETH_RETA_GROUP_SIZE].mask |= RTE_BIT64(i % RTE_ETH_RETA_GROUP_SIZE);
}

void ethdev_rss_start(struct ethdev *e, const struct netdev_config *cfg, const struct rte_eth_conf *conf)
{
    static const uint8_t no_key[NETDEV_RSS_KEY];
    struct rte_eth_rss_reta_entry64 group[RSS_GROUPS];
    uint8_t queue[NETDEV_RSS_TABLE];
    uint16_t n = table_size(e);

    e->rss = conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
    if (!e->rss) {
        netdev_note(
            &e->dev,
            "the device does not spread packets (no RSS): worker 0 receives all and hands them to their "
            "owners by rings");
        return;
    }
    groups_select(group, n);
    steer_table(queue, n, e->n_queues, cfg->rss_key != NULL ? cfg->rss_key : no_key);
    for (uint16_t i = 0; i < n; i++)
        group[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = queue[i];
    if (n != 0)
        (void)rte_eth_dev_rss_reta_update(e->port, group, n);
}

/* Would packets of ours be spread at all? */
static bool uses_every_queue(const struct ethdev *e, const struct netdev_rss *rss)
{
    for (uint16_t queue = 0; queue < e->n_queues; queue++) {
        uint16_t i = 0;
        while (i < rss->n && rss->queue[i] != queue)
            i++;
        if (i == rss->n)
            return false;
    }
    return true;
}

bool ethdev_rss_read(struct netdev *d, struct netdev_rss *out)
{
    const struct ethdev *e = (const struct ethdev *)d;
    struct rte_eth_rss_reta_entry64 group[RSS_GROUPS];
    struct netdev_rss rss = {.n = e->rss ? table_size(e) : 0};
    struct rte_eth_rss_conf conf = {.rss_key = rss.key, .rss_key_len = sizeof(rss.key)};

    groups_select(group, rss.n);
    if (rss.n == 0 || rte_eth_dev_rss_hash_conf_get(e->port, &conf) != 0 ||
        conf.rss_key_len != sizeof(rss.key) || !(conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) ||
        rte_eth_dev_rss_reta_query(e->port, group, rss.n) != 0)
        return false;
    for (uint16_t i = 0; i < rss.n; i++) {
        uint16_t queue = group[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
        if (queue >= e->n_queues)
            return false;
        rss.queue[i] = (uint8_t)queue;
    }
    if (!uses_every_queue(e, &rss))
        return false;
    *out = rss;
    return true;
}
