/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll(7) as Linux has it. A watch (Linux: epitem) is one registration; it hangs on the description it
 * watches and, when something happened there, on its epoll's ready list. Being on that list is only a
 * hint: the level is looked at again when events are collected. */
#ifndef PLX_POSIX_EPOLL_H
#define PLX_POSIX_EPOLL_H

#include <sys/epoll.h>

#include "posix/engine.h"

struct epoll;

struct ready_link {
    struct ready_link *next, *prev; /* circular; both NULL when not on a list */
};

struct watch {
    struct ready_link link; /* its epoll's ready list; first */
    struct epoll *epoll;
    struct file *file;
    uint64_t data;               /* the application's */
    uint32_t events;             /* interest, with EPOLLET and EPOLLONESHOT */
    int fd;                      /* the number it was registered under */
    uint32_t file_next;          /* the description's list; indices into engine.watches */
    uint32_t all_next, all_prev; /* its epoll's list */
    uint32_t pad;
};

_Static_assert(sizeof(struct watch) == 64, "one cache line: it is touched for each event");

struct epoll {
    struct file file; /* first */
    uint32_t all;     /* every watch of it: index into engine.watches */
    struct ready_link ready;
    bool news;  /* a registration found its file ready, and no wait has come since */
    bool hasty; /* the last wait returned without a round */
};

int epoll_create_fd(struct engine *e, int flags);
int epoll_control(struct engine *e, int epfd, int op, int fd, const struct epoll_event *ev);
/* timeout in milliseconds, below 0: none. */
int epoll_wait_events(struct engine *e, int epfd, struct epoll_event *out, int max, int timeout);

/* `events` happened on f, which has watches. */
void epoll_file_event(struct engine *e, struct file *f, uint32_t events);
/* Ends every registration of f, which is being closed. */
void epoll_forget_file(struct engine *e, struct file *f);
/* For file.c: level and end of an epoll's own description. */
uint32_t epoll_level(struct engine *e, struct epoll *ep);
void epoll_close(struct engine *e, struct epoll *ep);

#endif
