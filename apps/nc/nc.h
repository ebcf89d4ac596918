/* SPDX-License-Identifier: BSD-3-Clause */
/* plx-nc: what its files share. */
#ifndef NC_NC_H
#define NC_NC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "app.h"

struct nc_config {
    const struct app *app;
    bool listen, udp, keep, verbose;
    uint32_t source_port; /* 0: any; with listen: the port to listen on */
    uint32_t wait_s;      /* 0: for ever */
    uint32_t quit_s;      /* after the end of stdin; UINT32_MAX: not */
    struct sockaddr_in peer;
};

/* The socket a transfer is about. */
struct link {
    int fd;
    bool udp;
    bool any_peer; /* UDP: answers go to whom the latest datagram came from; else connected */
    struct sockaddr_in peer;
};

/* A line on stderr with --verbose. */
void nc_say(const struct nc_config *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* transfer.c: stdin to the link and the link to stdout, until both have ended. An exit code, after a
 * message when it is not APP_OK. */
int transfer_run(const struct nc_config *cfg, struct link *link);

/* stdio.c: the kernel's descriptors, never waited for: the stack has to run meanwhile. */
enum stdio_result { STDIO_END = 0, STDIO_LATER = -1, STDIO_BROKEN = -2 /* errno */ };
/* Bytes read, or one of the above. */
ssize_t stdio_read(void *buf, size_t len);
/* Bytes written, STDIO_LATER or STDIO_BROKEN. */
ssize_t stdio_write(const void *buf, size_t len);
/* Sleeps until stdin has something (`in`) or stdout takes something (`out`), at most `ns`. */
void stdio_wait(bool in, bool out, long ns);
/* The reader of stdout shall see its end. */
void stdio_end_output(void);

#endif
