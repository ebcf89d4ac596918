/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of workers, and how an idle one sleeps. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "worker_eal_private.h"

#define LINK_POLL (100 * NSEC_PER_MSEC) /* how often worker 0 wakes up to ask whether links are up */

/* ---- threads ---- */

/* The gate that workers wait at, so that none runs when one could not be made. */
struct run {
    int (*fn)(void *arg, uint16_t id);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t change;
    int state; /* 0: wait, 1: go, -1: go home */
};

struct run_thread {
    struct run *run;
    pthread_t thread;
    uint16_t id;
    int rc;
};

/* An lcore id of its own gives a thread its packet caches; timers of sleeping threads are late by 50 us
 * unless the thread asks for better. */
static int run_worker(struct run *run, uint16_t id)
{
    bool registered = rte_lcore_id() == LCORE_ID_ANY && rte_thread_register() == 0;
    prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);
    int rc = run->fn(run->arg, id);
    if (registered)
        rte_thread_unregister();
    return rc;
}

static void *run_thread(void *arg)
{
    struct run_thread *t = arg;
    pthread_mutex_lock(&t->run->lock);
    while (t->run->state == 0)
        pthread_cond_wait(&t->run->change, &t->run->lock);
    bool go = t->run->state > 0;
    pthread_mutex_unlock(&t->run->lock);
    if (go)
        t->rc = run_worker(t->run, t->id);
    return NULL;
}

static void run_open_gate(struct run *run, int state)
{
    pthread_mutex_lock(&run->lock);
    run->state = state;
    pthread_cond_broadcast(&run->change);
    pthread_mutex_unlock(&run->lock);
}

/* Workers are threads of ours, not the EAL's lcores: those are pinned to cores from the start and could
 * not include the caller, on whose thread worker 0 has to run. */
int worker_eal_run(struct worker_eal *we, int (*fn)(void *arg, uint16_t id), void *arg)
{
    struct run run = {.fn = fn, .arg = arg};
    struct run_thread threads[WORKERS_MAX];
    uint16_t made = 0;
    int rc = 0;

    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.change, NULL);
    while (made + 1 < we->cfg.n_workers && rc == 0) {
        threads[made] = (struct run_thread){.run = &run, .id = (uint16_t)(made + 1)};
        rc = -worker_eal_thread(&threads[made].thread, run_thread, &threads[made]);
        if (rc == 0)
            made++;
    }
    run_open_gate(&run, rc == 0 ? 1 : -1);
    if (rc == 0)
        rc = run_worker(&run, 0);
    for (uint16_t i = 0; i < made; i++) {
        pthread_join(threads[i].thread, NULL);
        if (rc == 0)
            rc = threads[i].rc;
    }
    pthread_cond_destroy(&run.change);
    pthread_mutex_destroy(&run.lock);
    return rc;
}

/* ---- idling ---- */

void worker_eal_wake(struct worker_eal *we, uint16_t id)
{
    struct idler *w = &we->idler[id];
    uint64_t one = 1;
    if (atomic_exchange(&w->state, WOKEN) == ASLEEP) {
        int saved = errno;
        (void)!write(w->wake_fd, &one, sizeof(one));
        errno = saved;
    }
}

void worker_eal_wake_all(struct worker_eal *we)
{
    for (uint16_t i = 0; i < we->cfg.n_workers; i++)
        worker_eal_wake(we, i);
}

/* Arms every queue of this worker; false when a packet is there already. `*sleepless` when a wire has
 * nothing to sleep on. */
static bool idle_arm(struct worker_eal *we, uint16_t id, struct pollfd *fds, unsigned *n, bool *sleepless)
{
    bool quiet = true;
    for (uint16_t i = 0; i < we->cfg.n_devs; i++) {
        struct netdev *d = we->dev[i];
        int fd = d->ops->fd(d, id);
        if (fd < 0) {
            *sleepless = true;
            continue;
        }
        fds[(*n)++] = (struct pollfd){.fd = fd, .events = POLLIN};
        if (d->ops->arm != NULL && !d->ops->arm(d, id))
            quiet = false;
    }
    return quiet;
}

static void idle_disarm(struct worker_eal *we, uint16_t id)
{
    for (uint16_t i = 0; i < we->cfg.n_devs; i++)
        if (we->dev[i]->ops->disarm != NULL)
            we->dev[i]->ops->disarm(we->dev[i], id);
}

/* How long at most; a nap where there is no descriptor. */
static nsec_t idle_span(struct idler *w, uint16_t id, nsec_t now, nsec_t until, bool sleepless)
{
    nsec_t span = until == NSEC_NEVER ? NSEC_NEVER : until > now ? until - now : 0;
    if (id == 0)
        span = RTE_MIN(span, LINK_POLL); /* somebody has to ask whether the links are up */
    if (!sleepless)
        return span;
    nsec_t nap = w->nap;
    w->nap = RTE_MIN(w->nap + w->nap / 2, NAP_MAX);
    return RTE_MIN(span, nap);
}

static void idle_sleep(struct worker_eal *we, uint16_t id, nsec_t until)
{
    struct idler *w = &we->idler[id];
    struct pollfd fds[WORKER_EAL_DEVS + 1] = {{.fd = w->wake_fd, .events = POLLIN}};
    unsigned n = 1;
    bool sleepless = false;
    int awake = AWAKE;

    if (!atomic_compare_exchange_strong(&w->state, &awake, ASLEEP)) {
        atomic_store(&w->state, AWAKE); /* somebody called meanwhile */
        return;
    }
    if (idle_arm(we, id, fds, &n, &sleepless)) {
        nsec_t span = idle_span(w, id, worker_eal_now(we), until, sleepless);
        struct timespec ts = {.tv_sec = (time_t)(span / NSEC_PER_SEC),
                              .tv_nsec = (long)(span % NSEC_PER_SEC)};
        ppoll(fds, n, span == NSEC_NEVER ? NULL : &ts, NULL);
    }
    idle_disarm(we, id);
    atomic_store(&w->state, AWAKE);
    if (fds[0].revents != 0) {
        uint64_t count;
        (void)!read(w->wake_fd, &count, sizeof(count));
    }
}

void worker_eal_wait(struct worker_eal *we, uint16_t id, nsec_t until, uint64_t work)
{
    const struct tunables *t = we->cfg.tun;
    struct idler *w = &we->idler[id];

    if (t->idle == IDLE_SPIN)
        return;
    nsec_t now = worker_eal_now(we);
    if (work != w->work) {
        w->work = work;
        w->busy = now;
        w->nap = NAP_MIN;
    }
    if (t->idle == IDLE_ADAPTIVE && now - w->busy < t->idle_spin_us * NSEC_PER_USEC)
        return;
    idle_sleep(we, id, until);
}
