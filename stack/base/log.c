/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define LOG_LINE_MAX 512

static void log_suppressed(struct log *l)
{
    char line[64];

    if (l->suppressed == 0)
        return;
    snprintf(line, sizeof line, "%u messages suppressed", l->suppressed);
    l->suppressed = 0;
    l->sink(l->user, LOG_LEVEL_WARNING, line);
}

/* One window a second, counted from its first message; errors pass always, for they are few and come
 * from us, not from the wire. */
static bool log_admit(struct log *l, nsec_t now, enum log_level level)
{
    if (l->in_window == 0 || now - l->window_start >= NSEC_PER_SEC) {
        l->window_start = now;
        l->in_window = 0;
        log_suppressed(l);
    }
    if (l->in_window >= LOG_BURST_PER_SEC && level != LOG_LEVEL_ERROR) {
        l->suppressed++;
        return false;
    }
    l->in_window++;
    return true;
}

void log_line(struct log *l, nsec_t now, enum log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list ap;

    if (l->sink == NULL || level > l->max_level || !log_admit(l, now, level))
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    l->sink(l->user, level, line);
}
