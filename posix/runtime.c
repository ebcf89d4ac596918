/* SPDX-License-Identifier: BSD-3-Clause */
/* plx_init, plx_run, plx_stop and their kin. */
#include "posix/runtime.h"

#include <errno.h>
#include <plx_run.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/net.h"
#include "posix/guard.h"

/* For so long closing minds what the wires take, */
#define CLOSE_TIME (5 * NSEC_PER_SEC)
/* and for so long closing connections may go on sending after the last fn has returned. */
#define DRAIN_TIME (300 * NSEC_PER_MSEC)

struct runtime runtime;

/* ---- what an engine needs of the machine ---- */

static nsec_t machine_now(void *user)
{
    const struct runtime_worker *rw = user;
    return worker_eal_now(rw->rt->eal);
}

static void machine_idle(void *user, nsec_t until)
{
    struct runtime_worker *rw = user;
    worker_eal_wait(rw->rt->eal, rw->id, until, rw->engine.worked);
}

static void machine_wake_others(void *user)
{
    struct runtime_worker *rw = user;
    for (uint16_t id = 0; id < rw->rt->n_workers; id++)
        if (id != rw->id)
            worker_eal_wake(rw->rt->eal, id);
}

static const struct engine_ops machine_ops = {
    .now = machine_now,
    .idle = machine_idle,
    .wait = engine_wait_polling,
    .wake_others = machine_wake_others,
};

/* ---- plx_init ---- */

/* Prints the message; errno tells a wrong option (EINVAL) from a machine that refuses. */
static int refuse(int err, const char *why)
{
    fprintf(stderr, "plx: %s\n", why);
    errno = -err;
    return -1;
}

/* Receive queues may pin no more than the pool can lend, or it would run dry before they start to drop. */
static void clamp_to_pools(struct options *o, const struct worker_eal *eal)
{
    uint32_t most = worker_eal_pinnable_mb(eal);
    if (o->tun.tcp_mem_mb > most)
        o->tun.tcp_mem_mb = most;
}

static int open_wires(struct runtime *rt, const uint8_t rss_key[STEER_KEY_BYTES], char *why, size_t size)
{
    struct options *o = &rt->options;
    struct worker_eal_config cfg = {
        .n_devs = o->n_devs,
        .n_workers = o->workers,
        .tun = &o->tun,
        .eal_args = o->eal[0] != '\0' ? o->eal : NULL,
        .rss_key = o->workers > 1 ? rss_key : NULL,
        .guard = &guard,
    };
    int err = 0;
    for (int i = 0; i < o->n_devs; i++) {
        const struct option_dev *d = &o->dev[i];
        cfg.dev[i] = (struct worker_eal_dev){
            .dev = d->dev, .mtu = d->mtu, .has_mac = d->has_mac, .impair = d->has_impair ? &d->impair : NULL};
        memcpy(cfg.dev[i].mac, d->mac, sizeof(d->mac));
    }
    rt->eal = worker_eal_create(&cfg, why, size, &err);
    if (rt->eal == NULL)
        return err;
    clamp_to_pools(o, rt->eal);
    return 0;
}

static int add_wires(struct runtime *rt, struct worker *w, uint16_t id)
{
    const struct options *o = &rt->options;
    int err = 0;
    for (int i = 0; i < o->n_devs && err >= 0; i++) {
        int netif = err = net_add_netif(&w->net, worker_eal_netdev(rt->eal, (uint16_t)i), id);
        for (int j = 0; j < o->dev[i].n_ips && err >= 0; j++)
            err = net_add_address(&w->net, (uint8_t)netif, &o->dev[i].ip[j].addr, o->dev[i].ip[j].prefix_len);
    }
    for (int i = 0; i < o->n_routes && err >= 0; i++)
        err = net_add_route(&w->net, &o->route[i].prefix, o->route[i].prefix_len, &o->route[i].via);
    return err < 0 ? err : 0;
}

static int make_worker(struct runtime *rt, uint16_t id)
{
    struct runtime_worker *rw = &rt->workers[id];
    const struct worker_config wcfg = {
        .mem = &memory_os,
        .tun = &rt->options.tun,
        .hdr_pool = worker_eal_hdr_pool(rt->eal),
        .data_pool = worker_eal_data_pool(rt->eal),
        .seed = worker_eal_seed(),
        .log = {.sink = worker_eal_log, .max_level = LOG_LEVEL_NOTICE},
        .group = rt->options.workers > 1 ? &rt->group : NULL,
        .id = id,
        .n_workers = rt->options.workers,
        .now = worker_eal_now(rt->eal),
    };
    const struct engine_config ecfg = {.ops = &machine_ops, .user = rw, .stop = &rt->stop};
    rw->rt = rt;
    rw->id = id;
    int err = worker_init(&rw->worker, &wcfg);
    if (err != 0)
        return err;
    err = engine_init(&rw->engine, &rw->worker, &ecfg);
    if (err != 0) {
        worker_fini(&rw->worker);
        return err;
    }
    rt->n_workers++;
    return add_wires(rt, &rw->worker, id);
}

/* Workers own the flows that a device brings them; what two devices do differently goes by rings. */
static void follow_device(struct runtime *rt)
{
    struct netdev_rss rss;
    for (int i = 0; i < rt->options.n_devs; i++) {
        if (netdev_rss(worker_eal_netdev(rt->eal, (uint16_t)i), &rss)) {
            steer_follow(&rt->group.steer, rss.key, rss.queue, rss.n);
            return;
        }
    }
}

static int make_workers(struct runtime *rt, const uint8_t rss_key[STEER_KEY_BYTES])
{
    const uint16_t n = rt->options.workers;
    size_t bytes = n * sizeof(*rt->workers);
    rt->workers = aligned_alloc(64, bytes);
    if (rt->workers == NULL)
        return -ENOMEM;
    memset(rt->workers, 0, bytes);
    int err = n > 1 ? worker_group_init(&rt->group, &memory_os, n, rss_key) : 0;
    if (n > 1 && err == 0)
        follow_device(rt);
    for (uint16_t id = 0; id < n && err == 0; id++)
        err = make_worker(rt, id);
    return err;
}

/* "plx: dev pci:...: 1 queue for 2 workers ..." for each thing worth knowing */
static void say_notes(const struct netdev *d)
{
    const char *line = d->notes;
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        fprintf(stderr, "plx: dev %s: %.*s\n", d->name, (int)len, line);
        line += len + (line[len] == '\n');
    }
}

/* "plx: dev tap:plx0 mac 02:.. mtu 1500 ip 10.0.0.2/24 workers 1, MEMORY" */
static void say_what_is(const struct runtime *rt)
{
    for (int i = 0; i < rt->options.n_devs; i++) {
        const struct option_dev *d = &rt->options.dev[i];
        const struct netdev *dev = worker_eal_netdev(rt->eal, (uint16_t)i);
        const uint8_t *mac = dev->caps.mac;
        fprintf(stderr, "plx: dev %s", d->dev);
        if (dev->caps.link == NETDEV_LINK_ETHER)
            fprintf(stderr, " mac %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                    mac[5]);
        fprintf(stderr, " mtu %u", dev->caps.mtu);
        for (int j = 0; j < d->n_ips; j++) {
            char text[INET_ADDRSTRLEN];
            uint32_t be = ip_addr_get_v4(&d->ip[j].addr);
            fprintf(stderr, " ip %s/%u", inet_ntop(AF_INET, &be, text, sizeof(text)), d->ip[j].prefix_len);
        }
        fprintf(stderr, " workers %u, %s\n", rt->options.workers, worker_eal_memory(rt->eal));
        say_notes(dev);
    }
}

static void draw_rss_key(uint8_t key[STEER_KEY_BYTES])
{
    const struct siphash_key seed = worker_eal_seed();
    struct rng rng;
    rng_init(&rng, &seed);
    steer_key_draw(key, &rng);
}

int plx_init(int *argc, char **argv)
{
    struct runtime *rt = &runtime;
    uint8_t rss_key[STEER_KEY_BYTES] = {0}; /* of several workers */
    char why[OPTIONS_WHY];
    if (rt->eal != NULL)
        return refuse(-EBUSY, "plx_init was called twice");
    options_init(&rt->options);
    int err = options_parse(&rt->options, argc, argv);
    if (err == 0)
        err = options_finish(&rt->options);
    if (err != 0)
        return refuse(err, rt->options.why);
    if (rt->options.workers > 1)
        draw_rss_key(rss_key);
    err = open_wires(rt, rss_key, why, sizeof(why));
    if (err != 0)
        return refuse(err, why);
    err = make_workers(rt, rss_key);
    if (err != 0) {
        plx_fini();
        snprintf(why, sizeof(why), "the workers cannot be made: %s", strerror(-err));
        return refuse(err == -EINVAL ? -EIO : err, why);
    }
    say_what_is(rt);
    return 0;
}

int plx_exit_code(int err)
{
    return err == EINVAL ? 2 : 1;
}

void plx_usage(FILE *out)
{
    options_usage(out);
}

void plx_fini(void)
{
    struct runtime *rt = &runtime;
    if (rt->eal == NULL)
        return;
    for (uint16_t id = 0; id < rt->n_workers; id++) {
        engine_fini(&rt->workers[id].engine);
        worker_fini(&rt->workers[id].worker);
    }
    if (rt->group.rings != NULL)
        worker_group_fini(&rt->group);
    struct worker_eal *eal = rt->eal;
    rt->eal = NULL;
    rt->n_workers = 0;
    free(rt->workers);
    rt->workers = NULL;
    memset(&rt->group, 0, sizeof(rt->group));
    worker_eal_destroy(eal);
}

/* ---- plx_run ---- */

/* Until the last fn has returned a worker goes on for the others' sake: packets come to its queue that
 * are theirs. Then what closing has left to send gets its time. */
static void drain(struct runtime *rt, struct engine *e)
{
    engine_close_paced(e, CLOSE_TIME);
    while (atomic_load(&rt->running) > 0)
        engine_tend(e, engine_now(e) + 10 * NSEC_PER_MSEC);
    engine_round(e);
    nsec_t deadline = engine_now(e) + DRAIN_TIME;
    for (;;) {
        struct tcp_census left;
        tcp_census(engine_tcp(e), &left);
        if ((left.tcbs == 0 && !worker_has_unsent(e->w)) || engine_now(e) >= deadline)
            break;
        engine_tend(e, deadline);
    }
    engine_round(e);
}

static int worker_main(void *arg, uint16_t id)
{
    struct runtime *rt = arg;
    struct engine *e = &rt->workers[id].engine;
    engine_current = e;
    if (id == 0) {
        context_set_now(&e->w->ctx, worker_eal_now(rt->eal));
        net_announce(&e->w->net);
    }
    engine_round(e);
    int rc = rt->fn(rt->arg);
    engine_current = NULL;
    atomic_fetch_sub(&rt->running, 1);
    if (rc != 0)
        plx_stop();
    drain(rt, e);
    return rc;
}

int plx_run(int (*fn)(void *arg), void *arg)
{
    struct runtime *rt = &runtime;
    if (fn == NULL || rt->eal == NULL || rt->in_run) {
        errno = rt->in_run ? EBUSY : EINVAL;
        return -1;
    }
    rt->fn = fn;
    rt->arg = arg;
    rt->in_run = true;
    atomic_store(&rt->running, rt->n_workers);
    int rc = worker_eal_run(rt->eal, worker_main, rt);
    rt->in_run = false;
    atomic_store(&rt->stop, 0);
    return rc;
}

int plx_worker_id(void)
{
    return engine_current != NULL ? engine_current->w->ctx.worker_id : -1;
}

int plx_workers(void)
{
    return runtime.n_workers;
}

/* ---- the end ---- */

void plx_stop(void)
{
    int saved = errno;
    atomic_store(&runtime.stop, 1);
    if (runtime.eal != NULL)
        worker_eal_wake_all(runtime.eal);
    errno = saved;
}

int plx_stopping(void)
{
    return atomic_load_explicit(&runtime.stop, memory_order_relaxed);
}

/* timeout(1) and shells send to a process and to its group: signals that come together are one. */
#define SIGNALS_TOGETHER_MS 500

static atomic_llong first_signal_ms; /* 0: none yet */

static void on_signal(int number)
{
    struct timespec ts;
    long long none = 0;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    long long now = (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + 1;
    if (atomic_compare_exchange_strong(&first_signal_ms, &none, now)) {
        plx_stop();
    } else if (now - none > SIGNALS_TOGETHER_MS) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

int plx_handle_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    atomic_store(&first_signal_ms, 0);
    sigemptyset(&sa.sa_mask);
    return sigaction(SIGINT, &sa, NULL) != 0 || sigaction(SIGTERM, &sa, NULL) != 0 ? -1 : 0;
}
