/* SPDX-License-Identifier: BSD-3-Clause */
/* stdin and stdout without waiting. O_NONBLOCK is no help: it would belong to whoever shares them with us,
 * the shell for one, and stay when we are gone. So each is asked first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nc/nc.h"

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
    if (!ready_now(STDIN_FILENO, POLLIN))
        return STDIO_LATER;
    ssize_t n = read(STDIN_FILENO, buf, len);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? STDIO_LATER : STDIO_BROKEN;
    return n;
}

/* A regular file takes everything at once. A pipe that polls writable has room for PIPE_BUF bytes; more
 * could block. */
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
    size_t limit = safe_to_write(), done = 0;

    while (done < len && ready_now(STDOUT_FILENO, POLLOUT)) {
        ssize_t n = write(STDOUT_FILENO, (const char *)buf + done, len - done < limit ? len - done : limit);
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
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        close(null);
    }
}
