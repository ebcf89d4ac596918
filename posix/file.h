/* SPDX-License-Identifier: BSD-3-Clause */
/* The open file description (open(2)): what one or more descriptors name. Sockets and epolls start
 * with one. Registrations of epoll hang here, not on the number, so they end when the last number does. */
#ifndef PLX_POSIX_FILE_H
#define PLX_POSIX_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum file_kind { FILE_TCP, FILE_UDP, FILE_EPOLL };

struct file {
    uint32_t refs;    /* descriptors that name it */
    uint32_t watches; /* head of its registrations: index into engine.watches, 0: none */
    uint8_t kind;     /* enum file_kind */
    bool nonblock;    /* O_NONBLOCK */
    uint16_t flags;   /* SOCK_F_* of a socket */
};

struct engine;

/* Level of readiness now, as poll(2) and epoll(7) define it, as far as `wanted`. */
uint32_t file_level(struct engine *e, struct file *f, uint32_t wanted);
/* One descriptor less; the last one closes. 0 or an error of closing. */
int file_put(struct engine *e, struct file *f);

#endif
