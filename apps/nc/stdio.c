/* SPDX-License-Identifier: BSD-3-Clause */
/* stdin and stdout without waiting. O_NONBLOCK on them is no help: it would belong to whoever shares them
 * with us, the shell for one, and stay when we are gone. So each is asked first, but for pipes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nc/nc.h"

/* A pipe, opened once more, has an O_NONBLOCK of its own: then whatever fits goes in one call. -1: not a
 * pipe. */
static int own_pipe(int fd)
{
    static int own[2] = {-1, -1};
    static bool tried[2];
    char path[32];
    struct stat st;

    if (!tried[fd] && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        own[fd] = open(path, (fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC);
    }
    tried[fd] = true;
    return own[fd];
}

static bool ready_now(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 0) > 0;
}

void stdio_wait(bool in, bool out, long ns)
{
    struct pollfd p[2] = {{.fd = in ? STDIN_FILENO : -1, .events = POLLIN},
                          {.fd = out ? STDOUT_FILENO : -1, .events = POLLOUT}};
    struct timespec ts = {.tv_nsec = ns};

    ppoll(p, 2, &ts, NULL);
}

ssize_t stdio_read(void *buf, size_t len)
{
    int own = own_pipe(STDIN_FILENO);

    if (own < 0 && !ready_now(STDIN_FILENO, POLLIN))
        return STDIO_LATER;
    ssize_t n = read(own >= 0 ? own : STDIN_FILENO, buf, len);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? STDIO_LATER : STDIO_BROKEN;
    return n;
}

/* A regular file takes everything at once. What else polls writable has room for PIPE_BUF bytes; more could
 * block. */
static size_t safe_to_write(void)
{
    static size_t limit;
    struct stat st;

    if (limit == 0)
        limit = fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
    return limit;
}

ssize_t stdio_write(const void *buf, size_t len)
{
    int own = own_pipe(STDOUT_FILENO);
    size_t limit = own >= 0 ? SIZE_MAX : safe_to_write(), done = 0;

    while (done < len && (own >= 0 || ready_now(STDOUT_FILENO, POLLOUT))) {
        ssize_t n = write(own >= 0 ? own : STDOUT_FILENO, (const char *)buf + done,
                          len - done < limit ? len - done : limit);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return STDIO_BROKEN;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    return done > 0 ? (ssize_t)done : STDIO_LATER;
}

void stdio_end_output(void)
{
    /* Not closed: the number must not be given to another file. */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), own = own_pipe(STDOUT_FILENO);

    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        if (own >= 0)
            dup3(null, own, O_CLOEXEC);
        close(null);
    }
}
