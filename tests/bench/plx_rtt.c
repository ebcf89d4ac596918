/* SPDX-License-Identifier: BSD-3-Clause */
/* The client on Pollux as well: 64 B requests to an echo server, one at a time.
 *
 *     plx_rtt --dev WIRE --ip ADDR/PREFIX SERVER PORT TIMES
 *
 * prints "rtt MEDIAN P99 MEAN" in microseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <plx.h>

#include "samples.h"

#define SIZE    64
#define WARM_UP 1000

struct target {
    struct sockaddr_in addr;
    unsigned times;
};

static int fail(const char *what)
{
    fprintf(stderr, "plx_rtt: %s: %s\n", what, strerror(errno));
    return 1;
}

static int trip(int fd)
{
    char buf[SIZE] = {0};
    if (plx_send(fd, buf, SIZE, 0) != SIZE)
        return fail("send");
    if (plx_recv(fd, buf, SIZE, MSG_WAITALL) != SIZE)
        return fail("recv");
    return 0;
}

static int run(void *arg)
{
    const struct target *t = arg;
    int fd = plx_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || plx_connect(fd, (const struct sockaddr *)&t->addr, sizeof(t->addr)) != 0)
        return fail("connect");
    uint32_t *ns = calloc(t->times, sizeof(*ns));
    int rc = 0;
    for (unsigned i = 0; i < t->times + WARM_UP && rc == 0; i++) {
        uint64_t start = clock_ns();
        rc = trip(fd);
        if (i >= WARM_UP)
            ns[i - WARM_UP] = (uint32_t)(clock_ns() - start);
    }
    if (rc == 0)
        samples_print(ns, t->times);
    free(ns);
    plx_close(fd);
    return rc;
}

int main(int argc, char **argv)
{
    if (plx_init(&argc, argv) < 0)
        return plx_exit_code(errno);
    struct target t = {.addr.sin_family = AF_INET};
    if (argc != 4 || inet_pton(AF_INET, argv[1], &t.addr.sin_addr) != 1) {
        fprintf(stderr, "usage: plx_rtt OPTIONS SERVER PORT TIMES\n");
        return 2;
    }
    t.addr.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    t.times = (unsigned)strtoul(argv[3], NULL, 10);
    int rc = plx_run(run, &t);
    plx_fini();
    return rc != 0;
}
