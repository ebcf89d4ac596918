/* SPDX-License-Identifier: BSD-3-Clause */
/* An injected, rate-limited sink for messages. Never on the data path; input from the wire cannot
 * flood it. */
#ifndef PLX_BASE_LOG_H
#define PLX_BASE_LOG_H

#include <stdint.h>

#include "base/clock.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
    void (*sink)(void *user, enum log_level level, const char *line); /* NULL: silent */
    void *user;
    enum log_level max_level;
    nsec_t window_start; /* token window of the rate limit */
    uint32_t in_window;
    uint32_t suppressed;
};

#define LOG_BURST_PER_SEC 20

/* One line without its newline, at most 511 bytes. */
void log_line(struct log *l, nsec_t now, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
