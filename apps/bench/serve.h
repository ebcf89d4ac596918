/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of a load: servers that do as little as can be. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include "bench/bench.h"

enum service { SERVICE_RR, SERVICE_STREAM, SERVICE_SINK, SERVICE_HTTP, SERVICE_UDP, SERVICES };

struct serve_config {
    struct app_ports ports[SERVICES];
    uint32_t size, response; /* rr: size 0: whatever comes goes back. http: bytes of a body */
    uint32_t backlog;
    bool keepalive, verbose;
    uint32_t stall_ms, stall_every_ms; /* 0: never */
};

extern struct serve_config serve_config;
extern const char *const service_name[SERVICES]; /* as the option is called */

/* Serves until stopped. The exit status. */
int serve_main(void);

#endif
