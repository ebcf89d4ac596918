/* SPDX-License-Identifier: BSD-3-Clause */
/* One worker's share of a load: its connections, its schedule, what it has seen. It shares nothing with the
 * other workers but config and clock. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/bench.h"
#include "bench/http.h"
#include "bench/schedule.h"
#include "histogram.h"

#define LOAD_BUFFER   65536
#define RETRY_AFTER   (100 * NS_PER_MS) /* a connection that failed is tried again after this */
#define DRAIN_AT_MOST (2 * NS_PER_S)    /* after the end, for answers that are on their way */

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_OPEN };

/* A million of them must fit. */
struct conn {
    int fd;
    uint32_t generation;  /* of the descriptor: events of an earlier one are recognised */
    uint32_t unsent;      /* requests not wholly in the send buffer */
    uint32_t sent;        /* bytes of the first of them that are */
    uint32_t received;    /* bytes of the answer that is arriving */
    uint16_t outstanding; /* requests not wholly answered */
    uint16_t head;        /* the oldest one's place in its ring of due times */
    uint16_t text;        /* which request is the first unsent one */
    uint8_t state;        /* enum conn_state */
    uint8_t tries;
    bool waits_for_room : 1; /* EPOLLOUT is watched */
    bool queued : 1;         /* in the ring of free ones */
    bool failed : 1;         /* given up while connections were opened */
    uint64_t since;          /* of its state */
};

/* A first-in-first-out of connections; each is in it at most once. */
struct ring {
    uint32_t *entry;
    uint32_t size, head, count;
};

/* The bytes of a request, several times over so that a pipeline is one send. */
struct request_text {
    char *bytes;
    uint32_t len; /* of one */
    uint32_t times;
};

/* What happened in one interval of the measured time. */
struct interval {
    uint64_t requests, bytes_in, bytes_out, failures;
    struct histogram latency; /* by the moment of the answer */
};

struct load {
    const struct calls *calls;
    uint32_t id, n;    /* this worker, its connections */
    uint32_t first;    /* how many connections the workers before it have */
    struct conn *conn; /* n */
    uint64_t *due;     /* n x pipeline */
    struct ring free;  /* open loop: who may take the next request */
    struct ring retry; /* closed ones, in the order of when to try again */
    struct schedule schedule, ramp;
    int epoll;
    char *buffer; /* LOAD_BUFFER */
    struct request_text *text;
    uint32_t n_texts, next_text;
    struct http_reader *http; /* n, of MODE_HTTP */
    struct udp_slot *udp;     /* n x pipeline, of MODE_UDP */

    uint32_t open, connecting, in_flight; /* now; in_flight: requests without answer */
    uint32_t opened, ramped, given_up;    /* ramp: opened once; settled; given up */
    uint32_t sweep;                       /* where conn_time_out goes on */
    bool started;                         /* requests have begun */
    bool finished;
    int failed_errno; /* the last one, for the message when nothing works */

    /* results */
    uint64_t failures[FAILURES];
    uint64_t requests; /* answered within the measured time */
    uint64_t bytes_in, bytes_out;
    uint64_t total_requests;                  /* answered, ever */
    uint64_t unanswered, unsent;              /* when the time was over */
    uint64_t lost_connections, lost_requests; /* requests on those, and on those that did not open */
    uint64_t last_answer;
    uint64_t last_company; /* worker 0: when any of them had a connection */
    uint64_t acked_before; /* stream: not yet acknowledged when measuring began */
    bool marked;
    struct histogram connect;
    struct interval *interval[SERIES_MAX];
    double cpu_user, cpu_system;
};

extern struct bench_clock bench_clock;
extern struct load *loads; /* one per worker */

/* load.c */
int load_init(struct load *l, uint32_t id, uint32_t n_workers);
void load_free(struct load *l);
/* Runs it to its end on the calling worker. 0, or APP_FAILED after a message. */
int load_run(struct load *l);
/* The interval of now, NULL outside the measured time. late: the last one counts on, for answers that come
 * afterwards to requests of the measured time. */
struct interval *load_interval(struct load *l, uint64_t now, bool late);
void load_fail(struct load *l, enum failure kind, uint64_t now);
/* A connection may take a request. */
void load_offer(struct load *l, struct conn *c);
/* An answered request that was due then. */
void load_answered(struct load *l, uint64_t due, uint64_t now);
static inline bool load_stops(uint64_t now)
{
    uint64_t until = atomic_load_explicit(&bench_clock.measure_until, memory_order_relaxed);

    return until != 0 && now >= until;
}

/* conn.c */
static inline uint32_t conn_index(const struct load *l, const struct conn *c)
{
    return (uint32_t)(c - l->conn);
}
/* Is each request a connection of its own? */
bool conn_per_request(void);
/* Begins connecting; what fails is counted and tried again later. */
void conn_open(struct load *l, struct conn *c, uint64_t now);
void conn_event(struct load *l, struct conn *c, uint32_t events);
/* Closes it; `kind` FAILURES: in order. What it had not answered is counted as failed. */
void conn_close(struct load *l, struct conn *c, enum failure kind, uint64_t now);
/* A request that was due then. */
void conn_request(struct load *l, struct conn *c, uint64_t due, uint64_t now);
/* Closes what has waited longer than --timeout: each call looks at some of the connections. */
void conn_time_out(struct load *l, uint64_t now);
bool conn_watch(struct load *l, struct conn *c, int op, uint32_t events);

/* answer.c */
/* Bytes from the server. */
void answer_bytes(struct load *l, struct conn *c, const char *bytes, uint32_t n, uint64_t now);
/* The server has closed. True when that was the end of an answer. */
bool answer_end(struct load *l, struct conn *c, uint64_t now);

/* stream.c */
void stream_start(struct load *l, struct conn *c);
void stream_event(struct load *l, struct conn *c, uint32_t events, uint64_t now);
/* Bytes of all connections that are sent and not yet acknowledged. */
uint64_t stream_unacknowledged(struct load *l);

/* datagram.c */
struct udp_slot {
    uint64_t number; /* of the datagram; 0: free */
    uint64_t due;
};
int datagram_open(struct load *l, struct conn *c, uint64_t now);
void datagram_request(struct load *l, struct conn *c, uint64_t due, uint64_t now);
void datagram_event(struct load *l, struct conn *c, uint64_t now);
void datagram_time_out(struct load *l, uint64_t now);

/* request.c */
/* The texts of all requests of this worker. 0 or -ENOMEM. */
int request_texts(struct load *l);

/* progress.c */
/* On a terminal: one line that is written over. Called by worker 0 now and then. */
void progress_show(uint64_t now);
void progress_end(void);

/* result.c */
/* Says, and writes, what was measured. The exit status. */
int result_report(void);

#endif
