/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/calls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <plx.h>

/* ---- Pollux ---- */

static int pollux_accept(int fd)
{
    return plx_accept4(fd, NULL, NULL, SOCK_NONBLOCK);
}

static int pollux_unacknowledged(int fd)
{
    int n = 0;

    return plx_ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

const struct calls calls_pollux = {
    .name = "pollux",
    .socket = plx_socket,
    .bind = plx_bind,
    .listen = plx_listen,
    .accept = pollux_accept,
    .connect = plx_connect,
    .send = plx_send,
    .recv = plx_recv,
    .sendto = plx_sendto,
    .recvfrom = plx_recvfrom,
    .close = plx_close,
    .getsockopt = plx_getsockopt,
    .setsockopt = plx_setsockopt,
    .unacknowledged = pollux_unacknowledged,
    .epoll_create = plx_epoll_create1,
    .epoll_ctl = plx_epoll_ctl,
    .epoll_wait = plx_epoll_wait,
    .run = plx_run,
    .workers = plx_workers,
    .worker_id = plx_worker_id,
};

/* ---- the kernel ---- */

struct kernel_thread {
    pthread_t thread;
    int id, result;
    int (*fn)(void *arg);
    void *arg;
};

static int kernel_threads = 1;
static __thread int kernel_id = -1;

static int kernel_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return bind(fd, addr, len);
}

static int kernel_accept(int fd)
{
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int kernel_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return connect(fd, addr, len);
}

static ssize_t kernel_send(int fd, const void *buf, size_t len, int flags)
{
    return send(fd, buf, len, flags | MSG_NOSIGNAL);
}

static ssize_t kernel_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                             socklen_t alen)
{
    return sendto(fd, buf, len, flags, addr, alen);
}

static ssize_t kernel_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                               socklen_t *alen)
{
    return recvfrom(fd, buf, len, flags, addr, alen);
}

static int kernel_unacknowledged(int fd)
{
    int n = 0;

    return ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

static int kernel_workers(void)
{
    return kernel_threads;
}

static int kernel_worker_id(void)
{
    return kernel_id;
}

/* The loops look at the flag each 100 ms at the latest, so no thread needs to be interrupted. */
static int kernel_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
    if (plx_stopping()) {
        errno = EINTR;
        return -1;
    }
    return epoll_wait(epoll, events, max, timeout_ms < 0 || timeout_ms > 100 ? 100 : timeout_ms);
}

static void *kernel_thread(void *arg)
{
    struct kernel_thread *t = arg;

    kernel_id = t->id;
    t->result = t->fn(t->arg);
    if (t->result != 0)
        plx_stop();
    return NULL;
}

static int kernel_run(int (*fn)(void *arg), void *arg)
{
    struct kernel_thread *t = calloc((size_t)kernel_threads, sizeof(*t));
    int result = 0, made = 0;

    if (t == NULL)
        return -1;
    for (; made < kernel_threads; made++) {
        t[made] = (struct kernel_thread){.id = made, .fn = fn, .arg = arg};
        int err = pthread_create(&t[made].thread, NULL, kernel_thread, &t[made]);
        if (err != 0) {
            plx_stop();
            errno = err;
            result = -1;
            break;
        }
    }
    for (int i = 0; i < made; i++) {
        pthread_join(t[i].thread, NULL);
        if (result == 0)
            result = t[i].result;
    }
    free(t);
    return result;
}

const struct calls calls_kernel = {
    .name = "kernel",
    .socket = socket,
    .bind = kernel_bind,
    .listen = listen,
    .accept = kernel_accept,
    .connect = kernel_connect,
    .send = kernel_send,
    .recv = recv,
    .sendto = kernel_sendto,
    .recvfrom = kernel_recvfrom,
    .close = close,
    .getsockopt = getsockopt,
    .setsockopt = setsockopt,
    .unacknowledged = kernel_unacknowledged,
    .epoll_create = epoll_create1,
    .epoll_ctl = epoll_ctl,
    .epoll_wait = kernel_epoll_wait,
    .run = kernel_run,
    .workers = kernel_workers,
    .worker_id = kernel_worker_id,
};

void calls_kernel_workers(uint32_t n)
{
    kernel_threads = (int)n;
}

int calls_kernel_descriptors(uint64_t n, uint64_t *limit)
{
    struct rlimit now, want;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return -1;
    *limit = now.rlim_cur;
    if (now.rlim_cur >= n)
        return 0;
    want = (struct rlimit){.rlim_cur = n, .rlim_max = now.rlim_max > n ? now.rlim_max : n};
    if (setrlimit(RLIMIT_NOFILE, &want) == 0)
        return 0;
    now.rlim_cur = now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &now) == 0)
        *limit = now.rlim_cur;
    errno = EMFILE;
    return -1;
}
