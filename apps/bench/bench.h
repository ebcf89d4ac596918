/* SPDX-License-Identifier: BSD-3-Clause */
/* What plx-bench is asked to do, and what its workers share. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "bench/calls.h"

#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_US  1000.0
#define HOSTS_MAX  16
#define PATHS_MAX  4096
#define SERIES_MAX 120 /* points in time of which a result tells */

enum mode { MODE_RR, MODE_CPS, MODE_HOLD, MODE_HTTP, MODE_STREAM, MODE_UDP, MODE_SERVE, MODE_COMPARE, MODES };
enum direction { STREAM_UP, STREAM_DOWN, STREAM_BOTH };
enum arrival { ARRIVAL_EVEN, ARRIVAL_POISSON };
enum closing { CLOSE_FIN, CLOSE_RESET };

struct hosts {
    struct in_addr addr[HOSTS_MAX];
    uint32_t n;
};

struct bench_config {
    const struct app *app;
    const struct calls *calls;
    enum mode mode;
    struct hosts targets, sources; /* no sources: the stack chooses */
    struct app_ports ports;
    uint32_t connections, pipeline;
    uint32_t size, response; /* bytes of a request, of its answer */
    bool verify;             /* the answer has to be the request again */
    uint32_t rate;           /* requests a second, all workers; 0: closed loop */
    uint32_t arrival;        /* enum arrival */
    uint32_t duration_s, warmup_s, interval_s, timeout_s;
    uint32_t ramp; /* connections opened a second; 0: as fast as it goes */
    uint32_t heartbeat_s;
    uint32_t direction; /* enum direction */
    uint32_t closing;   /* enum closing */
    bool no_keepalive, spin, quiet;
    const char *json; /* file; "-": stdout; NULL: none */
    bool append;
    const char *path[PATHS_MAX];
    uint32_t n_paths;
    const char *host_header;
};

/* How a run goes on; each worker follows it. Moments are of app_now(); 0: not yet known. */
struct bench_clock {
    atomic_uint ramping;            /* workers that still open connections */
    _Atomic uint64_t started;       /* the first connection is opened */
    _Atomic uint64_t opened;        /* the last one is open, requests begin */
    _Atomic uint64_t measure_from;  /* after the warm-up */
    _Atomic uint64_t measure_until; /* no request begins from here on */
    _Atomic uint64_t gave_up;       /* no server left: the run ends early */
    atomic_bool interrupted;        /* by the user */
};

/* What goes wrong, by kind. */
enum failure {
    FAIL_REFUSED,
    FAIL_CONNECT_TIMEOUT,
    FAIL_UNREACHABLE,
    FAIL_NO_PORT,
    FAIL_NO_MEMORY,
    FAIL_RESET,
    FAIL_CLOSED,
    FAIL_TIMEOUT,
    FAIL_LOST,
    FAIL_WRONG,
    FAIL_UNEXPECTED,
    FAIL_HTTP_SYNTAX,
    FAIL_HTTP_4XX,
    FAIL_HTTP_5XX,
    FAIL_OTHER,
    FAILURES
};

/* main.c */
extern struct bench_config config;
extern const char *const mode_name[MODES];

/* failure.c */
extern const char *const failure_name[FAILURES]; /* a key: "refused" */
extern const char *const failure_help[FAILURES]; /* a clause */
/* The kind that an errno of a call on a connection is; connecting: of its handshake. */
enum failure failure_of(int err, bool connecting);

#endif
