/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel as the rival: 64 B over TCP on loopback, both ends spinning on a core of their own.
 *
 *     kernel_rtt TIMES        prints "rtt MEDIAN P99 MEAN" in microseconds */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define SIZE    64
#define WARM_UP 1000

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof(set), &set); /* on one core it runs all the same */
}

static void no_delay(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* All SIZE bytes without ever sleeping; 0 at the end of the stream. */
static int receive(int fd, char *buf)
{
    for (unsigned got = 0; got < SIZE;) {
        ssize_t n = recv(fd, buf + got, SIZE - got, MSG_DONTWAIT);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN)
            die("recv");
        got += n > 0 ? (unsigned)n : 0;
    }
    return 1;
}

static void serve(int listener)
{
    char buf[SIZE];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(0);
    int fd = accept(listener, NULL, NULL);
    no_delay(fd);
    while (receive(fd, buf))
        send(fd, buf, SIZE, 0);
    _exit(0);
}

int main(int argc, char **argv)
{
    unsigned times = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    char buf[SIZE] = {0};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&sin, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&sin, &len) != 0)
        die("listen");
    pid_t child = fork();
    if (child == 0)
        serve(listener);
    pin(1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&sin, len) != 0)
        die("connect");
    no_delay(fd);

    uint32_t *ns = calloc(times, sizeof(*ns));
    for (unsigned i = 0; i < times + WARM_UP; i++) {
        uint64_t start = clock_ns();
        if (send(fd, buf, SIZE, 0) != SIZE)
            die("send");
        if (!receive(fd, buf))
            die("recv");
        if (i >= WARM_UP)
            ns[i - WARM_UP] = (uint32_t)(clock_ns() - start);
    }
    samples_print(ns, times);
    free(ns);
    close(fd);
    waitpid(child, NULL, 0);
    return 0;
}
