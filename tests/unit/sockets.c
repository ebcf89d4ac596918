/* SPDX-License-Identifier: BSD-3-Clause */
#include "sockets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netdev/pipe.h"
#include "posix/epoll.h"
#include "posix/pollfd.h"
#include "posix/socket.h"

/* ---- Linux ---- */

#define KERNEL(call)                                                                                         \
    __extension__({                                                                                          \
        __auto_type r_ = (call);                                                                             \
        r_ < 0 ? -errno : r_;                                                                                \
    })

static int linux_socket(enum side side, int type, int protocol)
{
    return KERNEL(socket(AF_INET, type, protocol));
}

static int linux_bind(int fd, const struct sockaddr *a, socklen_t len)
{
    return KERNEL(bind(fd, a, len));
}

static int linux_listen(int fd, int backlog)
{
    return KERNEL(listen(fd, backlog));
}

static int linux_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
    return KERNEL(accept4(fd, a, len, flags));
}

static int linux_connect(int fd, const struct sockaddr *a, socklen_t len)
{
    return KERNEL(connect(fd, a, len));
}

static ssize_t linux_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *a,
                            socklen_t alen)
{
    return KERNEL(sendto(fd, buf, len, flags | MSG_NOSIGNAL, a, alen));
}

static ssize_t linux_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *a, socklen_t *alen)
{
    return KERNEL(recvfrom(fd, buf, len, flags, a, alen));
}

static ssize_t linux_sendmsg(int fd, const struct msghdr *m, int flags)
{
    return KERNEL(sendmsg(fd, m, flags | MSG_NOSIGNAL));
}

static ssize_t linux_recvmsg(int fd, struct msghdr *m, int flags)
{
    return KERNEL(recvmsg(fd, m, flags));
}

static ssize_t linux_writev(int fd, const struct iovec *iov, int n)
{
    return KERNEL(writev(fd, iov, n));
}

static ssize_t linux_readv(int fd, const struct iovec *iov, int n)
{
    return KERNEL(readv(fd, iov, n));
}

static int linux_close(int fd)
{
    return KERNEL(close(fd));
}

static int linux_dup(int fd)
{
    return KERNEL(dup(fd));
}

static int linux_shutdown(int fd, int how)
{
    return KERNEL(shutdown(fd, how));
}

static int linux_getsockname(int fd, struct sockaddr *a, socklen_t *len)
{
    return KERNEL(getsockname(fd, a, len));
}

static int linux_getpeername(int fd, struct sockaddr *a, socklen_t *len)
{
    return KERNEL(getpeername(fd, a, len));
}

static int linux_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
    return KERNEL(getsockopt(fd, level, name, val, len));
}

static int linux_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
    return KERNEL(setsockopt(fd, level, name, val, len));
}

static int linux_fcntl(int fd, int cmd, long arg)
{
    return KERNEL(fcntl(fd, cmd, arg));
}

static int linux_ioctl(int fd, unsigned long request, void *arg)
{
    return KERNEL(ioctl(fd, request, arg));
}

static int linux_epoll_create1(enum side side, int flags)
{
    return KERNEL(epoll_create1(flags));
}

static int linux_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    return KERNEL(epoll_ctl(epfd, op, fd, ev));
}

static int linux_epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout)
{
    return KERNEL(epoll_wait(epfd, ev, max, timeout));
}

static int linux_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    return KERNEL(poll(fds, n, timeout));
}

/* On loopback all happens within the calls, but for what the kernel defers to a soft interrupt. */
static void linux_settle(void)
{
    usleep(3000);
}

static in_addr_t linux_addr(enum side side)
{
    return htonl(INADDR_LOOPBACK);
}

const struct sockets sockets_linux = {
    "Linux",           linux_socket,        linux_bind,       linux_listen,     linux_accept4,
    linux_connect,     linux_sendto,        linux_recvfrom,   linux_sendmsg,    linux_recvmsg,
    linux_writev,      linux_readv,         linux_close,      linux_dup,        linux_shutdown,
    linux_getsockname, linux_getpeername,   linux_getsockopt, linux_setsockopt, linux_fcntl,
    linux_ioctl,       linux_epoll_create1, linux_epoll_ctl,  linux_epoll_wait, linux_poll,
    linux_settle,      linux_addr,
};

/* ---- Pollux: two engines on a pipe ---- */

#define SIDE_SHIFT 24
#define MAX_FDS    256

static struct {
    struct test_pools pools[2];
    struct tunables tun;
    struct netdev *dev[2];
    struct worker worker[2];
    struct engine engine[2];
    nsec_t now;
    atomic_int stop;
} two;

void (*while_waiting)(void);

struct engine *engine_of(enum side side)
{
    return &two.engine[side];
}

int number_of(int fd)
{
    return fd & ((1 << SIDE_SHIFT) - 1);
}

int tagged(enum side side, int fd)
{
    return fd < 0 ? fd : fd | (int)side << SIDE_SHIFT;
}

uint64_t virtual_now(void)
{
    return two.now;
}

void stop_engines(int on)
{
    atomic_store(&two.stop, on);
}

static struct engine *of(int fd)
{
    return &two.engine[fd < 0 ? 0 : fd >> SIDE_SHIFT & 1];
}

static int number(int fd)
{
    return fd < 0 ? fd : number_of(fd);
}

static nsec_t two_now(void *user)
{
    return two.now;
}

static nsec_t two_next(void)
{
    nsec_t a = worker_next_event(&two.worker[0]), b = worker_next_event(&two.worker[1]);
    return a < b ? a : b;
}

/* One side sleeps: the other one runs, and when it has nothing to do either, time passes. */
static void two_idle(void *user, nsec_t until)
{
    struct engine *self = user, *other = &two.engine[self == &two.engine[0]];
    if (while_waiting != NULL)
        while_waiting();
    if (engine_round(other) > 0)
        return;
    worker_poll_output(other->w, two.now);
    nsec_t next = two_next();
    if (next <= two.now)
        return;
    next = next < until ? next : until;
    if (next == NSEC_NEVER) {
        print_error("a call would wait for ever\n");
        abort();
    }
    two.now = next;
}

static const struct engine_ops two_ops = {.now = two_now, .idle = two_idle, .wait = engine_wait_polling};

static void two_start(void)
{
    static const struct pipe_config pipe = {
        .link = NETDEV_LINK_ETHER,
        .mtu = 1500,
        .depth = 4096,
        .mac = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
    };
    struct pipe_config cfg = pipe;
    two.now = NSEC_PER_SEC;
    tunables_init(&two.tun);
    for (int i = 0; i < 2; i++) {
        test_pools_init(&two.pools[i]);
        cfg.pool[i] = two.pools[i].rx;
    }
    assert_int_equal(netdev_pipe_create(&cfg, two.dev), 0);
    for (int i = 0; i < 2; i++) {
        const struct worker_config wcfg = {.mem = &memory_os,
                                           .tun = &two.tun,
                                           .hdr_pool = two.pools[i].hdr,
                                           .data_pool = two.pools[i].data,
                                           .seed = test_seed(7 + (uint64_t)i),
                                           .n_workers = 1,
                                           .now = two.now};
        const struct engine_config ecfg = {
            .ops = &two_ops, .user = &two.engine[i], .stop = &two.stop, .max_fds = MAX_FDS};
        struct ip_addr addr = ip_addr_v4(htonl(0x0a000001u + (uint32_t)i));
        assert_int_equal(worker_init(&two.worker[i], &wcfg), 0);
        assert_int_equal(engine_init(&two.engine[i], &two.worker[i], &ecfg), 0);
        assert_int_equal(net_add_netif(&two.worker[i].net, two.dev[i], 0), 0);
        assert_int_equal(net_add_address(&two.worker[i].net, 0, &addr, 24), 0);
    }
}

static void two_end(void)
{
    while_waiting = NULL;
    stop_engines(0);
    for (int i = 0; i < 2; i++) {
        engine_fini(&two.engine[i]);
        worker_fini(&two.worker[i]);
    }
    for (int i = 0; i < 2; i++)
        netdev_close(two.dev[i]);
    for (int i = 0; i < 2; i++)
        test_pools_fini(&two.pools[i]);
}

/* Rounds of both until neither has anything to do at this moment; delayed ACKs stay delayed. */
static void plx_settle(void)
{
    for (int i = 0; i < 100000; i++) {
        unsigned done = engine_round(&two.engine[0]) + engine_round(&two.engine[1]);
        if (done == 0 && two_next() > two.now)
            return;
    }
    fail_msg("the engines do not come to rest");
}

static int plx_socket_(enum side side, int type, int protocol)
{
    return tagged(side, sock_open(&two.engine[side], AF_INET, type, protocol));
}

static int plx_bind_(int fd, const struct sockaddr *a, socklen_t len)
{
    return sock_bind(of(fd), number(fd), a, len);
}

static int plx_listen_(int fd, int backlog)
{
    return sock_listen(of(fd), number(fd), backlog);
}

static int plx_accept4_(int fd, struct sockaddr *a, socklen_t *len, int flags)
{
    int conn = sock_accept(of(fd), number(fd), a, len, flags);
    return conn < 0 ? conn : tagged(fd >> SIDE_SHIFT & 1, conn);
}

static int plx_connect_(int fd, const struct sockaddr *a, socklen_t len)
{
    return sock_connect(of(fd), number(fd), a, len);
}

static ssize_t plx_sendto_(int fd, const void *buf, size_t len, int flags, const struct sockaddr *a,
                           socklen_t alen)
{
    return sock_sendto(of(fd), number(fd), buf, len, flags, a, alen);
}

static ssize_t plx_recvfrom_(int fd, void *buf, size_t len, int flags, struct sockaddr *a, socklen_t *alen)
{
    return sock_recvfrom(of(fd), number(fd), buf, len, flags, a, alen);
}

static ssize_t plx_sendmsg_(int fd, const struct msghdr *m, int flags)
{
    return sock_sendmsg(of(fd), number(fd), m, flags);
}

static ssize_t plx_recvmsg_(int fd, struct msghdr *m, int flags)
{
    return sock_recvmsg(of(fd), number(fd), m, flags);
}

static ssize_t plx_writev_(int fd, const struct iovec *iov, int n)
{
    return sock_writev(of(fd), number(fd), iov, n);
}

static ssize_t plx_readv_(int fd, const struct iovec *iov, int n)
{
    return sock_readv(of(fd), number(fd), iov, n);
}

static int plx_close_(int fd)
{
    return sock_close(of(fd), number(fd));
}

static int plx_dup_(int fd)
{
    int copy = sock_dup(of(fd), number(fd), 0);
    return copy < 0 ? copy : tagged(fd >> SIDE_SHIFT & 1, copy);
}

static int plx_shutdown_(int fd, int how)
{
    return sock_shutdown(of(fd), number(fd), how);
}

static int plx_getsockname_(int fd, struct sockaddr *a, socklen_t *len)
{
    return sock_getsockname(of(fd), number(fd), a, len);
}

static int plx_getpeername_(int fd, struct sockaddr *a, socklen_t *len)
{
    return sock_getpeername(of(fd), number(fd), a, len);
}

static int plx_getsockopt_(int fd, int level, int name, void *val, socklen_t *len)
{
    return sock_getopt(of(fd), number(fd), level, name, val, len);
}

static int plx_setsockopt_(int fd, int level, int name, const void *val, socklen_t len)
{
    return sock_setopt(of(fd), number(fd), level, name, val, len);
}

static int plx_fcntl_(int fd, int cmd, long arg)
{
    int r = sock_fcntl(of(fd), number(fd), cmd, arg);
    return (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) && r >= 0 ? tagged(fd >> SIDE_SHIFT & 1, r) : r;
}

static int plx_ioctl_(int fd, unsigned long request, void *arg)
{
    return sock_ioctl(of(fd), number(fd), request, arg);
}

static int plx_epoll_create1_(enum side side, int flags)
{
    return tagged(side, epoll_create_fd(&two.engine[side], flags));
}

static int plx_epoll_ctl_(int epfd, int op, int fd, struct epoll_event *ev)
{
    return epoll_control(of(epfd), number(epfd), op, number(fd), ev);
}

static int plx_epoll_wait_(int epfd, struct epoll_event *ev, int max, int timeout)
{
    return epoll_wait_events(of(epfd), number(epfd), ev, max, timeout);
}

/* All of one side. */
static int plx_poll_(struct pollfd *fds, nfds_t n, int timeout)
{
    struct pollfd own[16];
    struct engine *e = n > 0 ? of(fds[0].fd) : &two.engine[0];
    assert_true(n <= 16);
    for (nfds_t i = 0; i < n; i++) {
        own[i] = fds[i];
        own[i].fd = number(fds[i].fd);
    }
    int r = poll_wait_events(e, own, n, timeout);
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = own[i].revents;
    return r;
}

static in_addr_t plx_addr(enum side side)
{
    return htonl(0x0a000001u + (uint32_t)side);
}

const struct sockets sockets_pollux = {
    "Pollux",        plx_socket_,   plx_bind_,     plx_listen_,        plx_accept4_,     plx_connect_,
    plx_sendto_,     plx_recvfrom_, plx_sendmsg_,  plx_recvmsg_,       plx_writev_,      plx_readv_,
    plx_close_,      plx_dup_,      plx_shutdown_, plx_getsockname_,   plx_getpeername_, plx_getsockopt_,
    plx_setsockopt_, plx_fcntl_,    plx_ioctl_,    plx_epoll_create1_, plx_epoll_ctl_,   plx_epoll_wait_,
    plx_poll_,       plx_settle,    plx_addr,
};

/* ---- both ---- */

int sockets_setup(void **state)
{
    if (*state == &sockets_pollux)
        two_start();
    return 0;
}

int sockets_teardown(void **state)
{
    if (*state == &sockets_pollux)
        two_end();
    return 0;
}

struct sockaddr_in address_of(const struct sockets *s, enum side side, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = s->addr(side), .sin_port = htons(port)};
}

uint16_t port_of(const struct sockets *s, int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    assert_int_equal(s->getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin_port);
}

int listener_of(const struct sockets *s, int backlog, int type, struct sockaddr_in *addr)
{
    int fd = s->socket(SERVER, SOCK_STREAM | type, 0);
    *addr = address_of(s, SERVER, 0);
    assert_true(fd >= 0);
    assert_int_equal(s->bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
    assert_int_equal(s->listen(fd, backlog), 0);
    addr->sin_port = htons(port_of(s, fd));
    return fd;
}

void connection_of(const struct sockets *s, int fd[2])
{
    struct sockaddr_in addr;
    int listener = listener_of(s, 8, SOCK_NONBLOCK, &addr);
    fd[CLIENT] = s->socket(CLIENT, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int r = s->connect(fd[CLIENT], (struct sockaddr *)&addr, sizeof(addr));
    assert_true(r == 0 || r == -EINPROGRESS);
    s->settle();
    fd[SERVER] = s->accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd[SERVER] >= 0);
    assert_int_equal(s->connect(fd[CLIENT], (struct sockaddr *)&addr, sizeof(addr)), r == 0 ? -EISCONN : 0);
    assert_int_equal(s->close(listener), 0);
}

uint32_t events_of(const struct sockets *s, int epfd)
{
    struct epoll_event ev[4];
    s->settle();
    int n = s->epoll_wait(epfd, ev, 4, 0);
    assert_in_range(n, 0, 1);
    return n == 1 ? ev[0].events : 0;
}

void watch(const struct sockets *s, int epfd, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};
    assert_int_equal(s->epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev), 0);
}

ssize_t put(const struct sockets *s, int fd, const char *text)
{
    return s->sendto(fd, text, strlen(text), 0, NULL, 0);
}

ssize_t get(const struct sockets *s, int fd, char *buf, size_t size)
{
    return s->recvfrom(fd, buf, size, 0, NULL, NULL);
}

int get_int(const struct sockets *s, int fd, int level, int name)
{
    int v = -12345;
    socklen_t len = sizeof(v);
    int r = s->getsockopt(fd, level, name, &v, &len);
    return r < 0 ? r : v;
}
