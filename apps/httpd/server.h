/* SPDX-License-Identifier: BSD-3-Clause */
/* The server of one worker, and its clients. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "httpd/files.h"
#include "httpd/request.h"

#define SCRATCH    131072
#define SECOND     UINT64_C(1000000000) /* ns */
#define SMALL_FILE 4096                 /* up to here a copy costs less than a reference */

struct httpd_config {
    const struct app *app;
    const char *root, *index;
    uint32_t port, backlog, cache_mb;
    uint32_t idle_s, request_s, send_s;     /* time-outs */
    uint32_t max_connections, max_requests; /* per worker; per connection, 0: any number */
    bool list;
};

/* What a client is waited for, or waits for; each has a list in the order of the deadlines. */
enum waiting { WAIT_REQUEST, WAIT_IDLE, WAIT_SEND, WAIT_GONE, WAITINGS };

struct client {
    int fd;
    uint8_t waiting; /* enum waiting */
    bool sending;    /* EPOLLOUT is watched, nothing is read */
    bool last;       /* the connection ends after this answer */
    uint32_t requests;
    uint64_t deadline;
    struct client *earlier, *later; /* of its list */
    char *in;                       /* a head that is not complete, or requests that wait for their turn */
    uint32_t in_len;
    uint32_t out_off, out_len;
    char *out;         /* bytes of the answer that were not taken */
    struct file *file; /* and then, this part of it */
    uint64_t file_at, file_left;
};

struct httpd_totals {
    uint64_t connections, requests, status[6], bytes; /* status: by its first digit */
    uint64_t timed_out[WAITINGS], refused, aborted, by_reference;
};

struct server {
    const struct httpd_config *cfg;
    struct files files;
    struct client **clients; /* by descriptor */
    struct client *first[WAITINGS], *final[WAITINGS];
    int n_clients, epoll, listener;
    uint32_t open;
    bool paused;  /* the listener is not watched: no room for more */
    uint64_t now; /* of this round, ns */
    time_t date;
    char date_text[DATE_LEN];
    char *scratch; /* SCRATCH bytes */
    struct httpd_totals totals;
};

/* server.c */
int server_run(struct server *s, const struct httpd_config *cfg, void (*ready)(void));
/* Moves c to the end of a list: it has so many seconds from now. */
void server_wait(struct server *s, struct client *c, enum waiting waiting);
/* Closes and frees it; reset: at once, whatever is on its way. */
void server_drop(struct server *s, struct client *c, bool reset);
void server_watch(struct server *s, struct client *c, uint32_t events);

/* client.c */
void client_event(struct server *s, struct client *c, uint32_t events);
void client_timed_out(struct server *s, struct client *c);
void client_free(struct client *c);

/* answer.c */
/* Answers r; false: c is gone. */
bool answer_request(struct server *s, struct client *c, const struct request *r);
/* Answers with an error; the connection ends after it. False: c is gone. */
bool answer_error(struct server *s, struct client *c, int status);
/* Goes on sending. False: c is gone. */
bool answer_continue(struct server *s, struct client *c);
static inline bool answer_done(const struct client *c)
{
    return c->out_len == 0 && c->file == NULL;
}

/* listing.c */
/* A page about the entries of a folder; NULL: it cannot be read. *len: of the page. The caller frees it. */
char *listing_make(int folder, const char *name, size_t *len);

#endif
