/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device of DPDK's announces and what is made of it: queues, MTU, interrupts. The device is made up:
 * this file has its own of those calls of ethdev that are made on the way. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/heap_pool.h"
#include "netdev/ethdev.h"
#include "posix/guard.h"
#include "support/context.h"

static struct fake {
    struct test_pools pools;
    int fd;        /* written: an interrupt */
    int refusal;   /* of the next call that switches the interrupt on */
    bool on;       /* the interrupt is */
    unsigned here; /* packets that wait */
    struct rte_eth_dev_info info;
} fake;

int rte_eth_dev_get_port_by_name(const char *name, uint16_t *port)
{
    *port = 0;
    return 0;
}

int rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
    *info = fake.info;
    return 0;
}

/* As far as it gets here: refused by the device, not by us. */
int rte_eth_dev_configure(uint16_t port, uint16_t rx, uint16_t tx, const struct rte_eth_conf *conf)
{
    return -ENOSPC;
}

int rte_eth_dev_close(uint16_t port)
{
    return 0;
}

int rte_eth_dev_rx_intr_ctl_q_get_fd(uint16_t port, uint16_t queue)
{
    return fake.fd;
}

int rte_eth_dev_rx_intr_enable(uint16_t port, uint16_t queue)
{
    fake.on |= fake.refusal == 0;
    return fake.refusal;
}

int rte_eth_dev_rx_intr_disable(uint16_t port, uint16_t queue)
{
    fake.on = false;
    return 0;
}

static uint16_t fake_rx(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
    if (fake.here == 0 || n == 0)
        return 0;
    pkts[0] = rte_pktmbuf_alloc(fake.pools.rx);
    assert_non_null(pkts[0]);
    fake.here--;
    return 1;
}

static struct ethdev *ethdev_make(void)
{
    static void *queue_data[1];
    test_pools_init(&fake.pools);
    fake.fd = eventfd(0, EFD_NONBLOCK);
    fake.refusal = 0;
    fake.here = 0;
    struct ethdev *e = netdev_alloc(sizeof(*e) + sizeof(e->queue[0]));
    assert_non_null(e);
    e->dev.ops = &ethdev_ops_by_kind[ETHDEV_PCI];
    e->n_queues = 1;
    e->interrupts = e->link = true;
    e->queue[0].epoll = e->queue[0].watched = -1;
    rte_eth_fp_ops[0].rx_pkt_burst = fake_rx;
    rte_eth_fp_ops[0].rxq.data = queue_data;
    return e;
}

static void ethdev_unmake(struct ethdev *e)
{
    struct rte_mbuf *m;
    fake.here = 0;
    if (netdev_rx_burst(&e->dev, 0, 0, &m, 1) == 1)
        rte_pktmbuf_free(m);
    close(e->queue[0].epoll);
    close(fake.fd);
    netdev_free(e);
    test_pools_fini(&fake.pools);
}

/* What is left from the last sleep is taken, then one more; `during`: packets that come meanwhile. */
static void sleep_once(struct ethdev *e, unsigned during, bool announced)
{
    struct netdev *d = &e->dev;
    struct rte_mbuf *m;
    while (netdev_rx_burst(d, 0, 0, &m, 1) == 1)
        rte_pktmbuf_free(m);
    if (d->ops->fd(d, 0) >= 0)
        (void)d->ops->arm(d, 0);
    fake.here = during;
    if (announced)
        assert_int_equal(write(fake.fd, &(uint64_t){1}, sizeof(uint64_t)), sizeof(uint64_t));
    d->ops->disarm(d, 0);
    assert_false(fake.on);
}

static void silent_interrupts_are_found_out(void **state)
{
    struct ethdev *e = ethdev_make();
    for (unsigned i = 0; i < 4; i++) {
        assert_true(e->dev.ops->fd(&e->dev, 0) >= 0);
        sleep_once(e, 1, false);
    }
    assert_int_equal(e->dev.ops->fd(&e->dev, 0), -1);
    ethdev_unmake(e);
}

static void one_interrupt_clears_the_suspicion(void **state)
{
    struct ethdev *e = ethdev_make();
    for (unsigned i = 0; i < 20; i++)
        sleep_once(e, 1, i % 4 == 3);
    assert_true(e->dev.ops->fd(&e->dev, 0) >= 0);
    ethdev_unmake(e);
}

/* A queue whose interrupt was off says nothing of its interrupts. */
static void what_was_not_armed_is_not_counted(void **state)
{
    struct ethdev *e = ethdev_make();
    assert_true(e->dev.ops->fd(&e->dev, 0) >= 0);
    fake.refusal = -EIO;
    for (unsigned i = 0; i < 8; i++)
        sleep_once(e, 1, false);
    fake.refusal = 0;
    e->link = false; /* nothing to sleep on: not armed */
    for (unsigned i = 0; i < 8; i++)
        sleep_once(e, 1, false);
    e->link = true;
    assert_true(e->dev.ops->fd(&e->dev, 0) >= 0);
    ethdev_unmake(e);
}

/* What came before the interrupt was on keeps from sleeping, and is not held against the device. */
static void packets_before_arming_are_kept(void **state)
{
    struct ethdev *e = ethdev_make();
    struct rte_mbuf *m;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(e->dev.ops->fd(&e->dev, 0) >= 0);
        fake.here = 2;
        assert_false(e->dev.ops->arm(&e->dev, 0));
        e->dev.ops->disarm(&e->dev, 0);
        assert_false(fake.on);
        assert_int_equal(e->dev.ops->next_event(&e->dev, 0), 0);
        for (unsigned n = 0; n < 2; n++) {
            assert_int_equal(netdev_rx_burst(&e->dev, 0, 0, &m, 1), 1);
            rte_pktmbuf_free(m);
        }
        assert_int_equal(netdev_rx_burst(&e->dev, 0, 0, &m, 1), 0);
    }
    ethdev_unmake(e);
}

/* Two queues of a driver that announces one too many; the workers share the other. */
static void queues_are_those_that_work(void **state)
{
    struct rte_eth_dev_info info = {.driver_name = "net_virtio", .max_rx_queues = 4, .max_tx_queues = 3};
    assert_int_equal(ethdev_queues(&info, 2), 2);
    assert_int_equal(ethdev_queues(&info, 8), 3);
    info.driver_name = "net_e1000_igb";
    assert_int_equal(ethdev_queues(&info, 2), 2);
    info.driver_name = "net_e1000_em";
    assert_int_equal(ethdev_queues(&info, 2), 1);
    info.max_rx_queues = 0; /* some drivers say nothing */
    assert_int_equal(ethdev_queues(&info, 2), 1);
    info.driver_name = "net_tap";
    assert_int_equal(ethdev_queues(&info, 2), 1);
}

/* Opens the made-up device: the error, with `why`. */
static int open_with(uint16_t mtu, uint16_t buffer, char why[NETDEV_WHY])
{
    struct tunables tun;
    tunables_init(&tun);
    struct rte_mempool *pool = heap_pool_create("room", 8, (uint16_t)(RTE_PKTMBUF_HEADROOM + buffer));
    struct netdev_config cfg = {.mtu = mtu, .queues = 1, .tun = &tun, .rx_pool = {pool}};
    struct netdev_refusal r = {.why = why, .size = NETDEV_WHY};
    assert_null(netdev_ethdev_open(ETHDEV_PCI, "0000:00:10.0", &cfg, &r));
    heap_pool_destroy(pool);
    return r.err;
}

/* vmxnet3 says that it chains buffers, and with DPDK's driver it does not. */
static void long_frames_take_chains_or_long_buffers(void **state)
{
    char why[NETDEV_WHY];
    fake.info = (struct rte_eth_dev_info){.driver_name = "net_virtio",
                                          .min_mtu = 68,
                                          .max_mtu = 9000,
                                          .max_rx_queues = 1,
                                          .max_tx_queues = 1,
                                          .rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER};
    assert_int_equal(open_with(9000, 2048, why), -ENOSPC);
    assert_int_equal(open_with(9001, 16000, why), -EMSGSIZE);
    assert_null(strstr(why, "rx_buf"));
    fake.info.driver_name = "net_vmxnet3";
    assert_int_equal(open_with(9000, 2048, why), -EMSGSIZE);
    assert_non_null(strstr(why, "rx_buf=9018"));
    assert_int_equal(open_with(9000, 9017, why), -EMSGSIZE);
    assert_int_equal(open_with(9000, 9018, why), -ENOSPC);
    assert_int_equal(open_with(1500, 2048, why), -ENOSPC);
    fake.info = (struct rte_eth_dev_info){
        .driver_name = "net_tap", .max_mtu = 9000, .max_rx_queues = 1, .max_tx_queues = 1};
    assert_int_equal(open_with(2048, 2048, why), -EMSGSIZE);
    assert_non_null(strstr(why, "rx_buf=2066"));
}

/* ---- a driver whose memory goes ---- */

static volatile char *ring; /* of which the driver reads a byte a packet */
static unsigned goes_after; /* so many packets of a burst */

static void ring_make(void)
{
    ring = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(ring != MAP_FAILED);
}

static void ring_use(unsigned i)
{
    if (i == goes_after)
        munmap((void *)ring, 4096);
    (void)*ring;
}

/* Hands over what is whole as it goes, as memif does. */
static uint16_t vanishing_rx(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        ring_use(i);
        pkts[i] = rte_pktmbuf_alloc(fake.pools.rx);
        assert_non_null(pkts[i]);
    }
    return n;
}

static uint16_t vanishing_tx(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        ring_use(i);
        rte_pktmbuf_free(pkts[i]);
    }
    return n;
}

static struct ethdev *vanishing_make(void)
{
    static void *queue_data[1];
    struct ethdev *e = ethdev_make();
    guard.install();
    e->guard = &guard;
    e->started = true;
    rte_eth_fp_ops[0].rx_pkt_burst = vanishing_rx;
    rte_eth_fp_ops[0].tx_pkt_burst = vanishing_tx;
    rte_eth_fp_ops[0].txq.data = queue_data;
    return e;
}

static void vanishing_unmake(struct ethdev *e)
{
    rte_eth_fp_ops[0].rx_pkt_burst = fake_rx;
    ethdev_unmake(e);
}

static uint64_t cut_off(struct ethdev *e)
{
    return e->queue[0].rx_cut.bursts + e->queue[0].tx_cut.bursts;
}

/* While there is no server the port is not started, and ethdev would print a stack for a burst. */
static void before_the_start_nothing_is_asked(void **state)
{
    struct ethdev *e = vanishing_make();
    struct rte_mbuf *m[8], *kept = rte_pktmbuf_alloc(fake.pools.rx);
    e->started = false;
    assert_int_equal(netdev_rx_burst(&e->dev, 0, 0, m, 8), 0);
    m[0] = kept;
    assert_int_equal(netdev_tx_burst(&e->dev, 0, 0, m, 1), 0);
    rte_pktmbuf_free(kept);
    vanishing_unmake(e);
}

static void receive(struct ethdev *e, unsigned after, unsigned expected)
{
    struct rte_mbuf *m[8];
    memset(m, 0xff, sizeof(m)); /* an array that is used again and again */
    goes_after = after;
    ring_make();
    assert_int_equal(netdev_rx_burst(&e->dev, 0, 0, m, 8), expected);
    for (unsigned i = 0; i < expected; i++)
        rte_pktmbuf_free(m[i]);
    if (expected == 8)
        munmap((void *)ring, 4096);
}

static void what_was_whole_is_received(void **state)
{
    struct ethdev *e = vanishing_make();
    for (unsigned after = 0; after <= 8; after++) {
        receive(e, after, after);
        receive(e, 8, 8); /* the next client's */
    }
    assert_int_equal(cut_off(e), 8);
    vanishing_unmake(e);
}

/* Sends eight, of which the driver has freed so many when its memory goes; the rest is lost, but to this
 * test. */
static void send_eight(struct ethdev *e, unsigned after)
{
    struct rte_mbuf *m[8], *kept[8];
    for (unsigned i = 0; i < 8; i++)
        kept[i] = m[i] = rte_pktmbuf_alloc(fake.pools.data);
    goes_after = after;
    ring_make();
    assert_int_equal(netdev_tx_burst(&e->dev, 0, 0, m, 8), 8);
    for (unsigned i = after; i < 8; i++)
        rte_pktmbuf_free(kept[i]);
    if (after == 8)
        munmap((void *)ring, 4096);
}

/* None comes back to the caller, who would free it a second time. */
static void a_burst_cut_off_counts_as_sent(void **state)
{
    struct ethdev *e = vanishing_make();
    for (unsigned after = 0; after < 8; after++) {
        send_eight(e, after);
        send_eight(e, 8);
    }
    assert_int_equal(cut_off(e), 8);
    vanishing_unmake(e);
}

/* A fault at each burst is no peer that leaves. */
static void a_fault_that_stays_is_shown(void **state)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL); /* whatever the test's frame has there */
        struct ethdev *e = vanishing_make();
        for (unsigned i = 0; i < 4; i++)
            receive(e, 0, 0);
        if (cut_off(e) != 4)
            _exit(1);
        receive(e, 0, 0);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* memif by its driver's name, in either role and as a vdev, too. */
static void memif_is_guarded(void **state)
{
    assert_true(ethdev_quirk("net_memif")->memory_goes);
    assert_false(ethdev_quirk("net_vhost")->memory_goes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_interrupts_are_found_out),
        cmocka_unit_test(one_interrupt_clears_the_suspicion),
        cmocka_unit_test(what_was_not_armed_is_not_counted),
        cmocka_unit_test(packets_before_arming_are_kept),
        cmocka_unit_test(queues_are_those_that_work),
        cmocka_unit_test(long_frames_take_chains_or_long_buffers),
        cmocka_unit_test(a_fault_that_stays_is_shown),
        cmocka_unit_test(what_was_whole_is_received),
        cmocka_unit_test(a_burst_cut_off_counts_as_sent),
        cmocka_unit_test(before_the_start_nothing_is_asked),
        cmocka_unit_test(memif_is_guarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
