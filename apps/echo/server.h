/* SPDX-License-Identifier: BSD-3-Clause */
/* The servers of plx-echo: one of these per worker, which shares nothing with the others. */
#ifndef ECHO_SERVER_H
#define ECHO_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "app.h"

/* What a TCP port does. */
enum service { SERVICE_ECHO, SERVICE_DISCARD, SERVICE_DAYTIME, SERVICE_CHARGEN, SERVICES };

struct echo_config {
    const struct app *app;
    struct app_ports tcp[SERVICES]; /* none: not served */
    struct app_ports udp;           /* echo */
    uint32_t backlog;
};

struct echo_totals {
    uint64_t connections, refused, aborted;
    uint64_t bytes_in, bytes_out;
    uint64_t datagrams, datagrams_dropped;
};

/* What a descriptor is to us; the table of them is indexed by descriptor. */
enum sock_kind { SOCK_NONE, SOCK_LISTENER, SOCK_STREAM_CONN, SOCK_UDP_ECHO };

struct sock {
    uint8_t kind;          /* enum sock_kind */
    uint8_t service;       /* enum service */
    uint16_t line;         /* chargen: where in its pattern it is */
    uint32_t events;       /* what epoll watches for us */
    struct unsent *unsent; /* echo: what the send buffer did not take; NULL: nothing */
};

struct server {
    const struct echo_config *cfg;
    struct echo_totals totals;
    struct sock *socks;
    int n_socks;
    int epoll;
    int *listener; /* TCP's, of all services */
    int n_listeners;
    bool listeners_paused; /* out of descriptors: until one is free again */
    uint32_t open;         /* connections */
    char *scratch;         /* SCRATCH_SIZE bytes, for whatever is passing through */
};

#define SCRATCH_SIZE 65536 /* holds the largest datagram */

/* server.c */
/* Serves until plx_stop. APP_OK or APP_FAILED after a message; ready() is called once all is open. */
int server_run(struct server *s, const struct echo_config *cfg, void (*ready)(void));
/* The entry of a new descriptor, watched by epoll from now on. -1 with errno. */
int server_watch(struct server *s, int fd, enum sock_kind kind, enum service service, uint32_t events);
/* Changes what epoll watches. */
void server_rewatch(struct server *s, int fd, uint32_t events);
/* Closes and forgets it. */
void server_close(struct server *s, int fd);

/* stream.c */
void stream_accepted(struct server *s, int fd, enum service service);
void stream_event(struct server *s, int fd, uint32_t events);
void stream_free(struct sock *sock);

/* datagram.c */
void datagram_event(struct server *s, int fd);

#endif
