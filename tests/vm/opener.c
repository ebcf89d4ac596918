/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens connections from every worker, one after another, and says what came of it: whether answers come
 * to the worker that asked shows in what the workers had to hand over.
 *
 *     opener [Pollux's options] ADDR PORT COUNT
 *
 * Each connection sends a line, closes its direction, and reads to the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plx.h>

static struct sockaddr_in peer = {.sin_family = AF_INET};
static int count;
static atomic_int finished;

static int exchange(int i)
{
    char text[64], answer[64];
    ssize_t n, got = 0;
    int fd = plx_socket(AF_INET, SOCK_STREAM, 0);
    int len = snprintf(text, sizeof(text), "worker %d connection %d\n", plx_worker_id(), i);

    if (fd < 0)
        return -1;
    int rc = plx_connect(fd, (const struct sockaddr *)&peer, sizeof(peer));
    if (rc == 0 && plx_send(fd, text, (size_t)len, 0) != len)
        rc = -1;
    if (rc == 0)
        rc = plx_shutdown(fd, SHUT_WR);
    while (rc == 0 && (n = plx_recv(fd, answer, sizeof(answer), 0)) != 0) {
        if (n < 0)
            rc = -1;
        else
            got += n;
    }
    if (rc == 0 && got == 0) {
        errno = ENODATA;
        rc = -1;
    }
    plx_close(fd);
    return rc;
}

static int open_all(void *arg)
{
    for (int i = 0; i < count && !plx_stopping(); i++) {
        if (exchange(i) != 0) {
            fprintf(stderr, "opener: worker %d, connection %d: %s\n", plx_worker_id(), i, strerror(errno));
            return 1;
        }
    }
    atomic_fetch_add(&finished, 1);
    return 0;
}

int main(int argc, char **argv)
{
    if (plx_init(&argc, argv) < 0)
        return plx_exit_code(errno);
    if (argc != 4 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1 || (count = atoi(argv[3])) <= 0) {
        fprintf(stderr, "usage: opener [options] ADDR PORT COUNT\n");
        return 2;
    }
    peer.sin_port = htons((uint16_t)atoi(argv[2]));
    plx_handle_signals();
    int rc = plx_run(open_all, NULL);
    printf("opener: %d workers have opened %d connections each\n", finished, count);
    plx_summary(stdout);
    plx_fini();
    return rc;
}
