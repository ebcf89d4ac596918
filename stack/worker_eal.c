/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_eal.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <getopt.h>

#include "netdev/open.h"
#include "worker_eal_private.h"

#define POOL_CACHE       256
#define DATA_ROOM        (RTE_PKTMBUF_HEADROOM + 2048) /* af_xdp takes no smaller ones */
#define HDR_ROOM         (RTE_PKTMBUF_HEADROOM + 256) /* an ICMP error with what it quotes; small payloads copied */
#define MBUF_BYTES(room) (sizeof(struct rte_mbuf) + (room) + 128 /* the pool's own header, padding */)
#define RX_PINNED_MAX    (32768ull * MBUF_BYTES(DATA_ROOM)) /* bytes held by receive queues of a worker */
#define MEMORY_SLACK_MB  48 /* what EAL and drivers take for rings and tables */

#define EAL_ARGS_MAX 64

/* ---- clock and chance ---- */

static nsec_t monotonic(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

static void clock_begin(struct worker_eal *we)
{
    we->origin_tsc = rte_rdtsc();
    we->origin_ns = monotonic();
}

/* EAL rounds the frequency that it measures; the time that starting took gives a better one, but for
 * a start too short to measure. */
static void clock_calibrate(struct worker_eal *we)
{
    uint64_t cycles = rte_rdtsc() - we->origin_tsc;
    nsec_t ns = monotonic() - we->origin_ns;
    double hz = ns > 10 * NSEC_PER_MSEC ? (double)cycles * 1e9 / (double)ns : (double)rte_get_tsc_hz();
    we->mult = (uint64_t)(1e9 * 4294967296.0 / hz);
}

nsec_t worker_eal_now(const struct worker_eal *we)
{
    uint64_t cycles = rte_rdtsc() - we->origin_tsc;
    return we->origin_ns + (nsec_t)((unsigned __int128)cycles * we->mult >> 32);
}

struct siphash_key worker_eal_seed(void)
{
    struct siphash_key key;
    while (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
        ;
    return key;
}

void worker_eal_log(void *user, enum log_level level, const char *line)
{
    (void)!dprintf(STDERR_FILENO, "plx: %s\n", line);
}

/* ---- memory ---- */

/* The largest page size of which there are enough free. */
static bool huge_find(uint32_t need_mb, uint32_t *page_kb)
{
    DIR *dir = opendir("/sys/kernel/mm/hugepages");
    struct dirent *e;
    uint32_t best = 0;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        char path[320], text[32];
        unsigned long kb, pages;
        if (sscanf(e->d_name, "hugepages-%lukB", &kb) != 1)
            continue;
        snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name);
        FILE *f = fopen(path, "r");
        if (f == NULL)
            continue;
        pages = fgets(text, sizeof(text), f) != NULL ? strtoul(text, NULL, 10) : 0;
        fclose(f);
        if ((uint64_t)pages * kb >= (uint64_t)need_mb * 1024 && kb > best)
            best = (uint32_t)kb;
    }
    if (dir != NULL)
        closedir(dir);
    *page_kb = best;
    return best != 0;
}

static uint16_t rx_room(const struct worker_eal *we)
{
    return (uint16_t)(RTE_PKTMBUF_HEADROOM + we->cfg.tun->rx_buf);
}

/* Buffers that receive queues of a worker may hold. */
static uint32_t rx_pinned(const struct worker_eal *we)
{
    uint64_t bytes = RTE_MIN((uint64_t)we->cfg.tun->tcp_mem_mb << 20, RX_PINNED_MAX);
    return (uint32_t)(bytes / MBUF_BYTES(rx_room(we)));
}

/* How many buffers: the rings and what receivers may pin (tcp_mem_mb), what senders may have in flight,
 * and what an impaired wire holds. */
static void memory_plan(struct worker_eal *we)
{
    const struct tunables *t = we->cfg.tun;
    uint32_t workers = we->cfg.n_workers, held = 0;

    for (uint16_t i = 0; i < we->cfg.n_devs; i++)
        if (we->cfg.dev[i].impair != NULL)
            held += we->cfg.dev[i].impair->limit;
    uint32_t sent = workers * we->cfg.n_devs * (t->tx_ring + t->tx_queue_len) + workers * held;
    we->n_rx = rx_pinned(we) + we->cfg.n_devs * (t->rx_ring + t->tx_queue_len + 1024) + held;
    we->n_data = workers * 16384 + sent;
    we->n_hdr = workers * 8192 + sent;
    uint64_t bytes = (uint64_t)workers * we->n_rx * MBUF_BYTES(rx_room(we)) +
                     (uint64_t)we->n_data * MBUF_BYTES(DATA_ROOM) +
                     (uint64_t)we->n_hdr * MBUF_BYTES(HDR_ROOM);
    we->need_mb = (uint32_t)(bytes >> 20) + MEMORY_SLACK_MB;
    we->huge = huge_find(we->need_mb, &we->huge_kb);
}

/* As rte_pktmbuf_pool_create does, but for one thing: without hugepages that one puts a buffer of 2 KB
 * into every page of 4 KB, so that none crosses a page, which matters only to devices that know nothing
 * but physical addresses; those take hugepages anyway. */
static struct rte_mempool *pool_create(const struct worker_eal *we, const char *name, uint32_t n,
                                       uint16_t room)
{
    struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = room};
    struct rte_mempool *mp =
        rte_mempool_create_empty(name, n, (unsigned)sizeof(struct rte_mbuf) + room, POOL_CACHE, sizeof(priv),
                                 SOCKET_ID_ANY, we->huge ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (mp == NULL)
        return NULL;
    rte_pktmbuf_pool_init(mp, &priv);
    if (rte_mempool_populate_default(mp) < 0) {
        rte_mempool_free(mp);
        return NULL;
    }
    rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
    return mp;
}

static bool pools_create(struct worker_eal *we)
{
    char name[32];
    for (uint16_t i = 0; i < we->cfg.n_workers; i++) {
        snprintf(name, sizeof(name), "plx_rx_%u", i);
        we->rx_pool[i] = pool_create(we, name, we->n_rx, rx_room(we));
        if (we->rx_pool[i] == NULL)
            return false;
    }
    we->data_pool = pool_create(we, "plx_data", we->n_data, DATA_ROOM);
    we->hdr_pool = pool_create(we, "plx_hdr", we->n_hdr, HDR_ROOM);
    return we->data_pool != NULL && we->hdr_pool != NULL;
}

/* ---- EAL ---- */

struct eal_args {
    int n;
    char *v[EAL_ARGS_MAX + 1];
    char text[2048]; /* the copies that v points into */
    size_t used;
    int rc, error;
};

static void arg_add(struct eal_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg_add(struct eal_args *a, const char *fmt, ...)
{
    va_list ap;
    if (a->n == EAL_ARGS_MAX || a->used + 1 >= sizeof(a->text)) {
        a->error = E2BIG;
        return;
    }
    va_start(ap, fmt);
    int len = vsnprintf(a->text + a->used, sizeof(a->text) - a->used, fmt, ap);
    va_end(ap);
    if (len < 0 || a->used + (size_t)len >= sizeof(a->text)) {
        a->error = E2BIG;
        return;
    }
    a->v[a->n++] = a->text + a->used;
    a->used += (size_t)len + 1;
}

/* Does the user's own text choose the memory? Then ours stays out of it. */
static bool args_choose_memory(const char *raw)
{
    static const char *const options[] = {"--no-huge", "--in-memory", "--huge-dir", "--legacy-mem",
                                          "--socket-mem"};
    for (unsigned i = 0; raw != NULL && i < RTE_DIM(options); i++)
        if (strstr(raw, options[i]) != NULL)
            return true;
    return raw != NULL && (strncmp(raw, "-m", 2) == 0 || strstr(raw, " -m") != NULL);
}

static int first_cpu(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set))
                return cpu;
    return 0;
}

static void args_build(struct worker_eal *we, struct eal_args *a)
{
    const char *raw = we->cfg.eal_args;
    bool pci = false;

    arg_add(a, "pollux");
    arg_add(a, "--lcores=0@%d", first_cpu());
    arg_add(a, "--file-prefix=plx%d", (int)getpid());
    arg_add(a, "--no-telemetry");
    arg_add(a, "--log-level=*:error");
    /* Of the PCI bus only what is asked for. */
    for (uint16_t i = 0; i < we->cfg.n_devs; i++) {
        const char *address = netdev_dev_pci(we->cfg.dev[i].dev);
        if (address != NULL)
            arg_add(a, "--allow=%s", address);
        pci |= address != NULL;
    }
    if (!pci)
        arg_add(a, "--no-pci");
    if (args_choose_memory(raw)) {
        arg_add(a, "--no-shconf");
    } else if (we->huge) {
        /* Anonymous, so nothing stays in hugetlbfs; few regions, for vhost takes eight. */
        arg_add(a, "--in-memory");
        arg_add(a, "--single-file-segments");
    } else {
        arg_add(a, "--no-shconf");
        arg_add(a, "--no-huge");
        arg_add(a, "-m");
        arg_add(a, "%u", we->need_mb);
    }
    for (const char *p = raw; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, " \t");
        if (len > 0)
            arg_add(a, "%.*s", (int)len, p);
        p += len + strspn(p + len, " \t");
    }
}

static void *eal_thread(void *arg)
{
    struct eal_args *a = arg;
    char *v[EAL_ARGS_MAX + 1]; /* getopt moves the pointers about */
    memcpy(v, a->v, sizeof(v));
    a->rc = rte_eal_init(a->n, v);
    a->error = rte_errno;
    return NULL;
}

/* Blocks what is sent to the process. What a thread raises by what it does stays its own: blocked, it would
 * end the process whoever handles it. */
static void signals_block(sigset_t *old)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t sent;
    sigfillset(&sent);
    for (unsigned i = 0; i < RTE_DIM(own); i++)
        sigdelset(&sent, own[i]);
    pthread_sigmask(SIG_SETMASK, &sent, old);
}

int worker_eal_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
    sigset_t old;
    signals_block(&old);
    int rc = pthread_create(t, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

/* The last thing that DPDK said, for a message. */
static const char *eal_last_words(struct worker_eal *we)
{
    if (we->log == NULL)
        return "no reason given";
    fflush(we->log);
    while (we->log_size > 0 && we->log_text[we->log_size - 1] == '\n')
        we->log_text[--we->log_size] = '\0';
    if (we->log_size == 0)
        return "no reason given";
    const char *line = strrchr(we->log_text, '\n');
    return line != NULL ? line + 1 : we->log_text;
}

/* On a thread of its own, for EAL pins the thread that starts it and those it starts later. It leaves
 * getopt's state behind. */
static int eal_start(struct worker_eal *we, char *why, size_t size)
{
    struct eal_args a = {0};
    pthread_t t;
    int saved_optind = optind;

    args_build(we, &a);
    if (a.error != 0) {
        snprintf(why, size, "--eal: too long");
        return -EINVAL;
    }
    int rc = worker_eal_thread(&t, eal_thread, &a);
    if (rc != 0) {
        snprintf(why, size, "cannot make a thread: %s", strerror(rc));
        return -rc;
    }
    pthread_join(t, NULL);
    optind = saved_optind <= 1 ? 0 : saved_optind;
    if (a.rc < 0) {
        snprintf(why, size, "DPDK does not start: %s%s", eal_last_words(we),
                 we->cfg.eal_args != NULL ? " (--eal is appended to the arguments)" : "");
        return we->cfg.eal_args != NULL && a.error == EINVAL ? -EINVAL : -(a.error != 0 ? a.error : EIO);
    }
    we->eal_up = true;
    return 0;
}

/* ---- creation ---- */

/* Every refusal begins with the option and its value as given, once. */
static void why_name_option(char *why, size_t size, const char *dev)
{
    const char *colon = strchr(dev, ':'), *reason = why;
    const char *arg = colon != NULL ? colon + 1 : dev;
    char text[NETDEV_WHY], named[NETDEV_WHY];

    snprintf(named, sizeof(named), "%.*s %s: ", (int)(arg > dev ? arg - dev - 1 : 0), dev, arg);
    if (strncmp(why, named, strlen(named)) == 0)
        reason += strlen(named);
    else if (strncmp(why, arg, strlen(arg)) == 0 && strncmp(why + strlen(arg), ": ", 2) == 0)
        reason += strlen(arg) + 2;
    else if (strncmp(why, dev, strlen(dev)) == 0 && strncmp(why + strlen(dev), ": ", 2) == 0)
        reason += strlen(dev) + 2;
    snprintf(text, sizeof(text), "%s", reason);
    snprintf(why, size, "--dev %s: %s", dev, text);
}

static int devs_open_all(struct worker_eal *we, char *why, size_t size)
{
    for (uint16_t i = 0; i < we->cfg.n_devs; i++) {
        const struct worker_eal_dev *d = &we->cfg.dev[i];
        struct netdev_config cfg = {
            .mtu = d->mtu,
            .queues = we->cfg.n_workers,
            .has_mac = d->has_mac,
            .tun = we->cfg.tun,
            .impair = d->impair,
            .rss_key = we->cfg.rss_key,
            .guard = we->cfg.guard,
        };
        int err;
        memcpy(cfg.mac, d->mac, sizeof(cfg.mac));
        memcpy(cfg.rx_pool, we->rx_pool, sizeof(cfg.rx_pool));
        we->dev[i] = netdev_open(d->dev, &cfg, why, size, &err);
        if (we->dev[i] == NULL) {
            why_name_option(why, size, d->dev);
            return err;
        }
    }
    return 0;
}

/* Drivers start threads, which inherit that no signal is for them. */
static int devs_open(struct worker_eal *we, char *why, size_t size)
{
    sigset_t old;
    signals_block(&old);
    int rc = devs_open_all(we, why, size);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

static int idlers_init(struct worker_eal *we)
{
    for (uint16_t i = 0; i < we->cfg.n_workers; i++) {
        we->idler[i].wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        we->idler[i].nap = NAP_MIN;
        if (we->idler[i].wake_fd < 0)
            return -errno;
    }
    return 0;
}

static int devs_claim(struct worker_eal *we, char *why, size_t size)
{
    bool hugepages = we->huge || args_choose_memory(we->cfg.eal_args);
    int err = 0;
    for (uint16_t i = 0; i < we->cfg.n_devs && err == 0; i++) {
        const char *dev = we->cfg.dev[i].dev;
        we->claim[i] = netdev_dev_claim(dev, hugepages, we->need_mb, why, size, &err);
        if (err != 0)
            why_name_option(why, size, dev);
    }
    return err;
}

static int worker_eal_start(struct worker_eal *we, char *why, size_t size)
{
    memory_plan(we);
    int rc = devs_claim(we, why, size);
    if (rc == 0)
        rc = eal_start(we, why, size);
    if (rc != 0)
        return rc;
    if (!pools_create(we)) {
        snprintf(why, size, "no memory for the packet pools (%u MiB wanted): %s", we->need_mb,
                 eal_last_words(we));
        return -ENOMEM;
    }
    if (args_choose_memory(we->cfg.eal_args))
        snprintf(we->memory, sizeof(we->memory), "memory: as --eal says, %u MiB wanted", we->need_mb);
    else if (we->huge)
        snprintf(we->memory, sizeof(we->memory), "memory: hugepages of %u %s, up to %u MiB",
                 we->huge_kb >= 1048576 ? we->huge_kb >> 20 : we->huge_kb >> 10,
                 we->huge_kb >= 1048576 ? "GB" : "MB", we->need_mb);
    else
        snprintf(we->memory, sizeof(we->memory),
                 "memory: no hugepages (not enough free), %u MiB of ordinary pages", we->need_mb);
    rc = devs_open(we, why, size);
    if (rc != 0)
        return rc;
    rc = idlers_init(we);
    if (rc != 0)
        snprintf(why, size, "eventfd: %s", strerror(-rc));
    return rc;
}

struct worker_eal *worker_eal_create(const struct worker_eal_config *cfg, char *why, size_t size, int *err)
{
    struct worker_eal *we = netdev_alloc(sizeof(*we));
    if (we == NULL || cfg->n_workers == 0 || cfg->n_workers > WORKERS_MAX || cfg->n_devs > WORKER_EAL_DEVS) {
        *err = we == NULL ? -ENOMEM : -EINVAL;
        snprintf(why, size, we == NULL ? "out of memory" : "too many workers or wires");
        netdev_free(we);
        return NULL;
    }
    we->cfg = *cfg;
    we->pid = getpid();
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        we->idler[i].wake_fd = -1;
    for (unsigned i = 0; i < WORKER_EAL_DEVS; i++)
        we->claim[i] = -1;
    clock_begin(we);
    we->log = open_memstream(&we->log_text, &we->log_size);
    if (we->log != NULL)
        rte_openlog_stream(we->log);
    *err = worker_eal_start(we, why, size);
    rte_openlog_stream(NULL);
    if (we->log != NULL)
        fclose(we->log);
    we->log = NULL;
    free(we->log_text);
    we->log_text = NULL;
    if (*err != 0) {
        worker_eal_destroy(we);
        return NULL;
    }
    clock_calibrate(we);
    return we;
}

void worker_eal_destroy(struct worker_eal *we)
{
    if (we == NULL)
        return;
    /* A forked child shares EAL's memory with its parent and must leave it alone. */
    if (we->pid == getpid()) {
        for (uint16_t i = 0; i < we->cfg.n_devs; i++)
            netdev_close(we->dev[i]);
        for (uint16_t i = 0; i < we->cfg.n_workers; i++)
            rte_mempool_free(we->rx_pool[i]);
        rte_mempool_free(we->data_pool);
        rte_mempool_free(we->hdr_pool);
        if (we->eal_up)
            rte_eal_cleanup();
    }
    for (uint16_t i = 0; i < WORKER_EAL_DEVS; i++)
        if (we->claim[i] >= 0)
            close(we->claim[i]);
    for (uint16_t i = 0; i < WORKERS_MAX; i++)
        if (we->idler[i].wake_fd >= 0)
            close(we->idler[i].wake_fd);
    netdev_free(we);
}

const char *worker_eal_memory(const struct worker_eal *we)
{
    return we->memory;
}

struct netdev *worker_eal_netdev(const struct worker_eal *we, uint16_t i)
{
    return we->dev[i];
}

struct rte_mempool *worker_eal_data_pool(const struct worker_eal *we)
{
    return we->data_pool;
}

struct rte_mempool *worker_eal_hdr_pool(const struct worker_eal *we)
{
    return we->hdr_pool;
}

uint32_t worker_eal_pinnable_mb(const struct worker_eal *we)
{
    return (uint32_t)((uint64_t)rx_pinned(we) * rx_room(we) >> 20);
}
